"""Where FIX 4.2 and FIX 4.4 say the same thing differently. The domain speaks 4.4; this is what 4.2 makes of it.

FIX 5.0 SP2 says all that is said here as 4.4 does.

Sources: FIX 4.2 and FIX 4.4, volume 4 (ExecutionReport, OrderCancelReject) and their appendices D; volume 6 of 4.4
(field values) for the version a value was added in.
"""

from gateway.domain.order import Order
from gateway.domain.reports import ExecutionReport
from gateway.domain.values import CxlRejReason, ExecType, OrdRejReason, OrdStatus
from gateway.wire.versions import VERSIONS, Version

Dialect = Version

# ExecTransType(20), which 4.4 folded into ExecType(150)
_TRANS_NEW, _TRANS_CANCEL, _TRANS_CORRECT, _TRANS_STATUS = "0", "1", "2", "3"
_TRANS_TYPE = {
    ExecType.TRADE_CANCEL: _TRANS_CANCEL,
    ExecType.TRADE_CORRECT: _TRANS_CORRECT,
    ExecType.ORDER_STATUS: _TRANS_STATUS,
}

_PARTIAL_FILL, _FILL = "1", "2"
_OF_EXECUTIONS = (ExecType.TRADE, ExecType.TRADE_CANCEL, ExecType.TRADE_CORRECT)

_ORD_REJ_REASON_42 = dict.fromkeys(
    (OrdRejReason.UNSUPPORTED, OrdRejReason.INCORRECT_QUANTITY, OrdRejReason.UNKNOWN_ACCOUNT, OrdRejReason.OTHER),
    OrdRejReason.BROKER_OPTION,
)
_CXL_REJ_REASON_42 = dict.fromkeys((CxlRejReason.DUPLICATE_CL_ORD_ID, CxlRejReason.OTHER), CxlRejReason.BROKER_OPTION)

_RESTATEMENT_REASONS_42 = frozenset("012345")
_BROKER_OPTION_RESTATED = "4"
_BUSINESS_REASONS_42 = frozenset("012345")


def ord_rej_reason_42(reason: OrdRejReason) -> OrdRejReason:
    """4.2 has OrdRejReason(103) 0 to 8; what came later is 0 (broker option), and Text(58) says what it is."""
    return _ORD_REJ_REASON_42.get(reason, reason)


def cxl_rej_reason_42(reason: CxlRejReason) -> CxlRejReason:
    """4.2 has CxlRejReason(102) 0 to 3; what came later is 2 (broker option), and Text(58) says what it is."""
    return _CXL_REJ_REASON_42.get(reason, reason)


def restatement_reason_42(reason: str) -> str:
    """4.2 has ExecRestatementReason(378) 0 to 5; what came later is 4 (broker option)."""
    return reason if reason in _RESTATEMENT_REASONS_42 else _BROKER_OPTION_RESTATED


def business_reject_reason_42(reason: str) -> str:
    """4.2 has BusinessRejectReason(380) 0 to 5; what came later is 0 (other), and Text(58) says what it is."""
    return reason if reason in _BUSINESS_REASONS_42 else "0"


def exec_trans_type_42(exec_type: ExecType) -> str:
    """ExecTransType(20): 1 cancels and 2 corrects the execution in ExecRefID(19), 3 is a status, 0 all else."""
    return _TRANS_TYPE.get(exec_type, _TRANS_NEW)


def exec_type_42(report: ExecutionReport, order: Order | None, ord_status: str) -> str:
    """ExecType(150). A fill, its bust and its correction are 1 or 2 (matrices D34 to D36); a status is the order's."""
    exec_type = report.exec_type
    if exec_type in _OF_EXECUTIONS:
        return _FILL if order is not None and order.is_filled else _PARTIAL_FILL
    return ord_status if exec_type is ExecType.ORDER_STATUS else exec_type.value


def ord_status_42(order: Order | None, ord_status: OrdStatus) -> str:
    """OrdStatus(39). A replaced order that has executed nothing since it was new is Replaced(5), not New.

    4.2 ranks Replaced just above New and below Partially Filled, so it gives way to every other status.
    """
    if ord_status is OrdStatus.NEW and order is not None and order.cl_ord_id != order.first_cl_ord_id:
        return OrdStatus.REPLACED.value
    return ord_status.value


def dialect_of(begin_string: str) -> Dialect:
    """The dialect of a session's version. Raises ValueError for one that is not spoken here."""
    for version in VERSIONS:
        if begin_string == version:
            return version
    raise ValueError(f"BeginString(8)={begin_string!r} is not supported; allowed: {', '.join(VERSIONS)}")
