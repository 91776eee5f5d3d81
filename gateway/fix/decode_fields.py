"""Which fields of an order change how it executes and cannot be honored, and which are sent back as they came.

Nothing that would make an order another order is silently dropped: it is refused with its tag. What is left over
(allocations, commissions, notes, user tags) is accepted and has no effect.
"""

from gateway.domain.commands import Echo
from gateway.domain.values import OrdRejReason
from gateway.fix.decode_values import FieldRefused, Values, label
from gateway.fix.safe_text import shown
from gateway.wire import tags as t
from gateway.wire.field_names import NAMES
from gateway.wire.raw import Fields, group_fields, split_fields

_NO_UNDERLYINGS, _NO_LEGS = 711, 555
_EXPOSURE_DURATION = 1629  # of an extension to 5.0 SP2

UNSUPPORTED = frozenset(
    {
        # another quantity, or a part of it shown or required
        t.MIN_QTY, t.MAX_FLOOR, t.MAX_SHOW, t.ORDER_PERCENT, t.ORDER_QTY2,
        # another price than Price(44) and StopPx(99)
        t.PRICE2, t.PEG_OFFSET_VALUE, t.PEG_MOVE_TYPE, t.PEG_OFFSET_TYPE, t.PEG_LIMIT_TYPE, t.PEG_ROUND_DIRECTION,
        t.PEG_SCOPE, t.DISCRETION_INST, t.DISCRETION_OFFSET_VALUE, t.DISCRETION_MOVE_TYPE, t.DISCRETION_OFFSET_TYPE,
        t.DISCRETION_LIMIT_TYPE, t.DISCRETION_ROUND_DIRECTION, t.DISCRETION_SCOPE, t.SPREAD, t.YIELD,
        # another time or way of working
        t.EFFECTIVE_TIME, t.NO_TRADING_SESSIONS, t.TARGET_STRATEGY, t.TARGET_STRATEGY_PARAMETERS, t.PARTICIPATION_RATE,
        t.SETTL_DATE2, t.NO_STIPULATIONS,
        # another instrument than Symbol(55) alone names
        t.SYMBOL_SFX, t.MATURITY_MONTH_YEAR, t.MATURITY_DATE, t.MATURITY_DAY, t.PUT_OR_CALL, t.STRIKE_PRICE,
        _NO_UNDERLYINGS, _NO_LEGS,
        # of later versions, sent by clients all the same
        t.DISPLAY_QTY, t.SECONDARY_DISPLAY_QTY, t.DISPLAY_WHEN, t.DISPLAY_METHOD, t.DISPLAY_LOW_QTY, t.DISPLAY_HIGH_QTY,
        t.DISPLAY_MIN_INCR, t.REFRESH_QTY, t.INITIAL_DISPLAY_QTY, t.MATCH_INCREMENT, t.MAX_PRICE_LEVELS,
        t.PEG_PRICE_TYPE, t.TRIGGER_TYPE, t.TRIGGER_ACTION, t.TRIGGER_PRICE, t.NO_STRATEGY_PARAMETERS,
        t.CONTINGENCY_TYPE, _EXPOSURE_DURATION,
    }
)  # fmt: skip
"""Refused with UNSUPPORTED_FIELD in NewOrderSingle(D) and OrderCancelReplaceRequest(G)."""

HARMLESS = {
    t.MIN_QTY: frozenset({"0"}),
    t.ORDER_QTY2: frozenset({"0"}),
}
"""Values of unsupported fields that ask for nothing."""

ONLY = {
    t.HANDL_INST: frozenset({"1", "2"}),  # 3 asks for a person to work the order
    t.PRICE_TYPE: frozenset({"2"}),  # per unit: what Price(44) means here
    t.QTY_TYPE: frozenset({"0"}),  # units
    t.CASH_MARGIN: frozenset({"1"}),  # cash: no borrowing
    t.FOREX_REQ: frozenset({"N"}),
}
"""Fields with values that would change the order and are refused; these ones are accepted."""

_ONLY_ITEMS = tuple(ONLY.items())

EXEC_INST_IGNORED = frozenset("15EF")
"""ExecInst(18) values that every order here satisfies: 1 not held and 5 held (no person has discretion), E and F (the
gateway never changes a quantity for corporate actions)."""

POST_ONLY = "6"
"""ExecInst(18) participate, don't initiate: rest in the book or be refused."""

_ECHO_ALL = (
    t.SETTL_TYPE, t.SETTL_DATE, t.SECURITY_ID_SOURCE, t.SECURITY_ID, t.SECURITY_TYPE, t.SECURITY_EXCHANGE,
    t.CURRENCY, t.COMPLIANCE_ID, t.SOLICITED_FLAG, t.EXPIRE_DATE, t.EXEC_INST, t.GT_BOOKING_INST,
    t.SETTL_CURRENCY, t.HANDL_INST, t.POSITION_EFFECT,
)  # fmt: skip

_ECHO_44 = (
    t.SECONDARY_CL_ORD_ID, t.CL_ORD_LINK_ID, t.TRADE_ORIGINATION_DATE, t.ACCT_ID_SOURCE, t.ACCOUNT_TYPE,
    t.DAY_BOOKING_INST, t.BOOKING_UNIT, t.PREALLOC_METHOD, t.CASH_MARGIN, t.CLEARING_FEE_INDICATOR, t.PRODUCT,
    t.CFI_CODE, *_ECHO_ALL, t.QTY_TYPE, t.PRICE_TYPE, t.ORDER_CAPACITY, t.ORDER_RESTRICTIONS,
    t.CUST_ORDER_CAPACITY, t.TRADE_DATE, t.BOOKING_TYPE, t.CANCELLATION_RIGHTS, t.MONEY_LAUNDERING_STATUS,
    t.REGIST_ID, t.DESIGNATION,
)  # fmt: skip

_ECHO_50 = (
    *_ECHO_44, t.MANUAL_ORDER_INDICATOR, t.CUST_DIRECTED_ORDER, t.RECEIVED_DEPT_ID, t.CUST_ORDER_HANDLING_INST,
    t.ORDER_HANDLING_INST_SOURCE, t.PRE_TRADE_ANONYMITY,
)  # fmt: skip

ECHOED = {
    "FIX.4.2": frozenset(
        {*_ECHO_ALL, t.RULE80_A, t.EXEC_BROKER, t.CLIENT_ID, t.CLEARING_FIRM, t.CLEARING_ACCOUNT}
    ),
    "FIX.4.4": frozenset(_ECHO_44),
    "FIX.5.0SP2": frozenset(_ECHO_50),
}  # fmt: skip
"""What ExecutionReports send back of the order, where the version's ExecutionReport has the field. Account(1) and the
terms of the order are fields of their own. The group of parties comes last; of the rest the order means nothing."""

_MAX_ECHO = 64  # characters a value
_MAX_PARTY_FIELDS = 100
_PARTY_MEMBERS = frozenset({t.PARTY_ID_SOURCE, t.PARTY_ROLE, t.NO_PARTY_SUB_IDS, t.PARTY_SUB_ID, t.PARTY_SUB_ID_TYPE})
_PARTIES = frozenset({t.NO_PARTY_IDS, t.PARTY_ID, *_PARTY_MEMBERS})


def refuse_unsupported(values: Values) -> None:
    """Raises FieldRefused for the first field that asks for something this gateway does not do."""
    if t.CASH_ORDER_QTY in values:
        text = f"CASH_ORDER_QTY_NOT_SUPPORTED cash_order_qty={shown(values[t.CASH_ORDER_QTY])} send OrderQty(38)"
        raise FieldRefused(t.CASH_ORDER_QTY, text, OrdRejReason.UNSUPPORTED)
    if not UNSUPPORTED.isdisjoint(values):
        for tag in sorted(UNSUPPORTED.intersection(values)):
            if values[tag] not in HARMLESS.get(tag, ()):
                text = f"UNSUPPORTED_FIELD tag={tag} field={NAMES.get(tag, '')} value={shown(values[tag])}"
                raise FieldRefused(tag, text, OrdRejReason.UNSUPPORTED)
    for tag, accepted in _ONLY_ITEMS:
        value = values.get(tag)
        if value is not None and value not in accepted:
            allowed = ",".join(sorted(accepted))
            text = f"UNSUPPORTED_VALUE tag={tag} field={NAMES[tag]} value={shown(value)} allowed={allowed}"
            raise FieldRefused(tag, text, OrdRejReason.UNSUPPORTED)


def post_only(values: Values) -> bool:
    """Whether ExecInst(18) asks for it. Raises FieldRefused for an instruction that would not be followed."""
    value = values.get(t.EXEC_INST)
    if value is None:
        return False
    asked = set(value.split(" "))
    unsupported = sorted(asked - EXEC_INST_IGNORED - {POST_ONLY, ""})
    if unsupported:
        text = f"EXEC_INST_NOT_SUPPORTED exec_inst={shown(' '.join(unsupported))}"
        raise FieldRefused(t.EXEC_INST, text, OrdRejReason.UNSUPPORTED)
    return POST_ONLY in asked


def echo_of(text: str, values: Values, begin_string: str) -> Echo:
    """The fields that this version's reports send back. Raises FieldRefused for one that cannot be."""
    echoed = ECHOED[begin_string]
    if t.EXPIRE_TIME in values:  # which is what counts, so reports say that
        echoed = echoed - {t.EXPIRE_DATE}
    echo = [(tag, _echoed(tag, value)) for tag, value in values.items() if tag in echoed]
    if t.NO_PARTY_IDS in values:
        echo += _parties(text)
    return tuple(echo)


def echo_in(echo: Echo, begin_string: str) -> Echo:
    """What of an order's echo reports of another version have, too. Parties are in all of them."""
    known = ECHOED[begin_string] | _PARTIES
    return tuple((tag, value) for tag, value in echo if tag in known)


def _parties(text: str) -> Fields:
    """The group written anew, so that its counts are right whatever the client's were."""
    parties = group_fields(split_fields(text), t.NO_PARTY_IDS, t.PARTY_ID, _PARTY_MEMBERS)
    if not parties:
        return []
    fields = [(t.NO_PARTY_IDS, str(len(parties)))]
    for party in parties:
        fields += _members(party, (t.PARTY_ID, t.PARTY_ID_SOURCE, t.PARTY_ROLE))
        if subs := group_fields(party, t.NO_PARTY_SUB_IDS, t.PARTY_SUB_ID, {t.PARTY_SUB_ID_TYPE}):
            fields.append((t.NO_PARTY_SUB_IDS, str(len(subs))))
            for sub in subs:
                fields += _members(sub, (t.PARTY_SUB_ID, t.PARTY_SUB_ID_TYPE))
    if len(fields) > _MAX_PARTY_FIELDS:
        what = f"{label(t.NO_PARTY_IDS)} has {len(fields)} fields in its group"
        raise FieldRefused(t.NO_PARTY_IDS, f"{what}; allowed: {_MAX_PARTY_FIELDS}")
    return fields


def _members(instance: Fields, members: tuple[int, ...]) -> Fields:
    values = dict(reversed(instance))
    return [(tag, _echoed(tag, values[tag])) for tag in members if tag in values]


def _echoed(tag: int, value: str) -> str:
    if 0 < len(value) <= _MAX_ECHO and value.isascii() and value.isprintable():
        return value
    raise FieldRefused(
        tag, f"{label(tag)}='{shown(value)}' cannot be sent back; allowed: 1 to {_MAX_ECHO} printable ASCII characters"
    )
