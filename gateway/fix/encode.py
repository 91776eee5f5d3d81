"""Reports as FIX text: the body of an ExecutionReport(8), OrderCancelReject(9) or BusinessMessageReject(j).

A body starts with MsgType(35) and has no other header and no trailer field: the session engine adds them. Every value
that came from outside is made safe here, so no venue's text can add a field.
Source: FIX 4.2 and FIX 4.4, volume 4; what differs between the two is in dialect.py. 5.0 SP2 is as 4.4.
"""

from functools import lru_cache
from time import gmtime, strftime

from gateway.domain.commands import Echo, RequestMassStatus
from gateway.domain.events import NewOrderRefused
from gateway.domain.mass_reports import MassCancelReport, SecurityList
from gateway.domain.money import text_of
from gateway.domain.order import Order, RequestKind
from gateway.domain.reports import BusinessReject, CancelReject, ExecutionReport, Report
from gateway.domain.values import ExecType, TimeInForce
from gateway.fix import dialect as d
from gateway.fix.decode_fields import echo_in
from gateway.fix.encode_mass import encode_mass_cancel_report, encode_security_list, mass_status_fields
from gateway.fix.safe_text import safe
from gateway.wire.tags import EXPIRE_DATE

NONE = "NONE"
"""OrderID(37) where there is no order, as the standard has it for OrderCancelReject; OrigClOrdID(41) where none was
sent."""

NO_SYMBOL = "[N/A]"
"""Symbol(55) where none is known, as the standard has it."""

_SIDE_UNDISCLOSED = "7"
_STATUS_EXEC_ID = "0"  # ExecID(17) of what is no execution
_MAX_VENUE_ID = 64
_COMM_ABSOLUTE = "3"


def encode(report: Report, dialect: d.Dialect, digits: int = 3) -> str:
    """The report as text for `outgoing.to_quickfix`, in the session's version of FIX.

    digits: after the second in timestamps: 3, 6 or 9.
    """
    if isinstance(report, ExecutionReport):
        if report.order is None:
            return _orderless_report(report, dialect, digits)
        return _execution_report(report, report.order, dialect, digits)
    if isinstance(report, CancelReject):
        return _cancel_reject(report, dialect, digits)
    if isinstance(report, MassCancelReport):
        return encode_mass_cancel_report(report, utc_timestamp(report.transact_time, digits), dialect)
    return encode_security_list(report) if isinstance(report, SecurityList) else _business_reject(report, dialect)


def msg_type(body: str) -> str:
    """MsgType(35) of an encoded body."""
    return body[3 : body.index("\x01")]


def _execution_report(report: ExecutionReport, order: Order, dialect: d.Dialect, digits: int) -> str:
    terms = order.terms
    body = (
        f"35=8\x01{_copy(report, dialect)}{_type_and_status(report, order, dialect)}"
        f"37={order.order_id}\x0111={report.cl_ord_id}\x01"
        f"55={order.symbol}\x0154={order.side._value_}\x0138={text_of(terms.order_qty)}\x01"
        f"40={order.ord_type._value_}\x0159={order.time_in_force._value_}\x01"
        f"14={text_of(order.cum_qty)}\x01151={text_of(order.leaves_qty)}\x01"
        f"6={text_of(order.avg_px)}\x0160={utc_timestamp(report.transact_time, digits)}\x01"
    )
    if report.orig_cl_ord_id:
        body += f"41={report.orig_cl_ord_id}\x01"
    if order.account:
        body += f"1={order.account}\x01"
    if terms.price is not None:
        body += f"44={text_of(terms.price)}\x01"
    if terms.stop_px is not None:
        body += f"99={text_of(terms.stop_px)}\x01"
    if report.fill is not None or report.last_qty is not None:
        body += _execution(report, dialect)
    elif dialect == "FIX.4.2" and report.exec_type is not ExecType.ORDER_STATUS:
        body += "32=0\x0131=0\x01"  # 4.2 asks for them in all but status reports
    leg = order.leg
    if report.fill is None and leg is not None and leg.venue_order_id:
        body += f"198={safe(leg.venue_order_id, _MAX_VENUE_ID)}\x01"
    if report.text or report.ord_rej_reason is not None or report.restatement_reason:
        body += _reasons(report, dialect)
    if order.time_in_force is TimeInForce.GTD and order.expire_time is not None and not _expires_by_date(order):
        body += f"126={utc_timestamp(order.expire_time, digits)}\x01"
    if report.of_mass_status is not None:
        body += mass_status_fields(report.of_mass_status)
    for tag, value in (*report.echo, *_order_echo(report, order, dialect)):
        body += f"{tag}={value}\x01"
    return body


def _order_echo(report: ExecutionReport, order: Order, dialect: d.Dialect) -> Echo:
    """The client's own fields. Another session (with a copy, or asking for the status) gets those that its version has,
    else it would refuse the report as a whole.
    """
    return order.echo if report.session == order.session else echo_in(order.echo, dialect)


def _copy(report: ExecutionReport, dialect: d.Dialect) -> str:
    """What tells a drop copy apart: OnBehalfOfCompID(115), a field of the header, and CopyMsgIndicator(797)."""
    if not report.copy_of:
        return ""
    return f"115={report.copy_of}\x01" + ("" if dialect == "FIX.4.2" else "797=Y\x01")


def _expires_by_date(order: Order) -> bool:
    """Whether the client said ExpireDate(432), which is echoed, instead of ExpireTime(126)."""
    return any(tag == EXPIRE_DATE for tag, _ in order.echo)


def _type_and_status(report: ExecutionReport, order: Order, dialect: d.Dialect) -> str:
    """ExecID(17), ExecType(150), OrdStatus(39), and for 4.2 ExecTransType(20)."""
    exec_id = report.exec_id if report.exec_type is not ExecType.ORDER_STATUS else _STATUS_EXEC_ID
    if dialect != "FIX.4.2":
        return f"17={exec_id}\x01150={report.exec_type._value_}\x0139={order.ord_status._value_}\x01"
    ord_status = d.ord_status_42(order, order.ord_status)
    exec_type = d.exec_type_42(report, order, ord_status)
    return f"17={exec_id}\x0120={d.exec_trans_type_42(report.exec_type)}\x01150={exec_type}\x0139={ord_status}\x01"


def _execution(report: ExecutionReport, dialect: d.Dialect) -> str:
    """What was executed, or what a bust or a correction makes of it."""
    fill = report.fill
    if fill is None:
        text = f"19={report.exec_ref_id}\x01" if report.exec_ref_id is not None else ""
        if report.last_qty is not None:
            text += f"32={text_of(report.last_qty)}\x01"
        return f"{text}31={text_of(report.last_px)}\x01" if report.last_px is not None else text
    text = f"32={text_of(fill.last_qty)}\x0131={text_of(fill.last_px)}\x01"
    text += (
        f"198={safe(fill.venue_order_id, _MAX_VENUE_ID)}\x0112={text_of(fill.commission)}\x0113={_COMM_ABSOLUTE}\x01"
    )
    if dialect == "FIX.4.2":
        return text
    text += f"527={safe(fill.trade_id, _MAX_VENUE_ID)}\x01"
    if fill.commission_currency:
        text += f"479={safe(fill.commission_currency, _MAX_VENUE_ID)}\x01"
    return f"{text}851={fill.liquidity._value_}\x01" if fill.liquidity is not None else text


def _reasons(report: ExecutionReport, dialect: d.Dialect) -> str:
    body = ""
    is_42 = dialect == "FIX.4.2"
    reason = report.ord_rej_reason
    if reason is not None:
        body += f"103={d.ord_rej_reason_42(reason) if is_42 else reason}\x01"
    if report.restatement_reason:
        restated = report.restatement_reason
        body += f"378={d.restatement_reason_42(restated) if is_42 else restated}\x01"
    return f"{body}58={safe(report.text)}\x01" if report.text else body


def _orderless_report(report: ExecutionReport, dialect: d.Dialect, digits: int) -> str:
    """A refusal, or the status of an order that is not known: Rejected, with the client's fields and nothing done."""
    refused = report.refused
    status = report.exec_type is ExecType.ORDER_STATUS
    body = (
        f"35=8\x01{_copy(report, dialect)}37={NONE}\x0117={_STATUS_EXEC_ID if status else report.exec_id}\x0139=8\x01"
    )
    if dialect == "FIX.4.2":
        body += f"20={d.exec_trans_type_42(report.exec_type)}\x01150=8\x01"
    else:
        body += f"150={report.exec_type.value}\x01"
    if report.cl_ord_id:
        body += f"11={report.cl_ord_id}\x01"
    for tag, value in report.echo:
        body += f"{tag}={value}\x01"
    if report.of_mass_status is not None:
        body += mass_status_fields(report.of_mass_status)
    named = refused.wanted if isinstance(refused, RequestMassStatus) else refused
    symbol = named.symbol if named is not None else ""
    side = (named.side if named is not None else None) or _SIDE_UNDISCLOSED
    body += f"55={safe(symbol) or NO_SYMBOL}\x0154={side}\x01151=0\x0114=0\x016=0\x01"
    if isinstance(refused, NewOrderRefused):
        if refused.order_qty > 0:
            body += f"38={text_of(refused.order_qty)}\x01"
        if refused.account:
            body += f"1={refused.account}\x01"
        if dialect == "FIX.4.2":
            body += "32=0\x0131=0\x01"
    return f"{body}60={utc_timestamp(report.transact_time, digits)}\x01{_reasons(report, dialect)}"


def _cancel_reject(report: CancelReject, dialect: d.Dialect, digits: int) -> str:
    order = report.order
    reason = report.cxl_rej_reason
    is_42 = dialect == "FIX.4.2"
    orig_cl_ord_id = report.orig_cl_ord_id or (order.cl_ord_id if order is not None else NONE)
    ord_status = d.ord_status_42(order, report.ord_status) if is_42 else report.ord_status
    body = (
        f"35=9\x0137={order.order_id if order is not None else NONE}\x0111={report.cl_ord_id}\x01"
        f"41={orig_cl_ord_id}\x0139={ord_status}\x01"
        f"434={'2' if report.kind is RequestKind.REPLACE else '1'}\x01"
        f"102={d.cxl_rej_reason_42(reason) if is_42 else reason}\x01"
        f"60={utc_timestamp(report.transact_time, digits)}\x01"
    )
    if order is not None and order.account:
        body += f"1={order.account}\x01"
    return f"{body}58={safe(report.text)}\x01" if report.text else body


def _business_reject(report: BusinessReject, dialect: d.Dialect) -> str:
    """Neither version has RefTagID(371) in it, so Text(58) names the field."""
    reason = d.business_reject_reason_42(report.reason) if dialect == "FIX.4.2" else report.reason
    body = f"35=j\x01372={safe(report.ref_msg_type, 20)}\x01380={reason}\x01"
    if report.ref_seq_num > 0:
        body += f"45={report.ref_seq_num}\x01"
    if report.ref_id:
        body += f"379={safe(report.ref_id, _MAX_VENUE_ID)}\x01"
    return f"{body}58={safe(report.text)}\x01" if report.text else body


def utc_timestamp(ns: int, digits: int = 3) -> str:
    """Nanoseconds since 1970 as a UTCTimestamp, cut (not rounded) to so many digits after the second.

    Milliseconds are what all versions have in their text; more digits are an extension that sessions can agree on.
    """
    seconds, rest = divmod(ns, 1_000_000_000)
    return f"{_second(seconds)}.{f'{rest:09d}'[:digits]}"


@lru_cache(maxsize=64)
def _second(seconds: int) -> str:
    return strftime("%Y%m%d-%H:%M:%S", gmtime(seconds))
