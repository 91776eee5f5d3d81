"""Requests about many orders at once, and about instruments: q, AF and x, which FIX has since 4.3.

A mass cancel is read as leniently as can be, but never as one of more orders than it names.
Source: FIX 4.4, volume 4 ("Order Mass Cancel Request", "Order Mass Status Request") and volume 3 ("Security List
Request").
"""

from gateway.domain.commands import MassCancel, RequestMassStatus, RequestSecurities
from gateway.domain.events import MassCancelRefused
from gateway.domain.reports import BusinessReject
from gateway.domain.selection import Selection
from gateway.domain.values import MassCancelRejectReason, Side
from gateway.fix.decode_terms import SIDES
from gateway.fix.decode_values import FieldRefused, Values, client_id, is_yes, label, required_id, symbol
from gateway.fix.refusals import unanswerable
from gateway.fix.safe_text import safe, shown
from gateway.wire import tags as t

SINCE_FIX_43 = frozenset({"q", "AF", "x"})

_SECURITY, _ALL = "1", "7"  # of MassCancelRequestType(530) and MassStatusReqType(585) alike
_REQUEST_TYPES = frozenset("1234567")
_NARROWING = (t.TRADING_SESSION_ID, 1300, 1301, 1461)  # MarketSegmentID, MarketID, NoTargetPartyIDs: of FIX 5.0
_SYMBOL, _ALL_SECURITIES = "0", "4"  # of SecurityListRequestType(559)


def decode_mass_cancel(
    _text: str, values: Values, session: str, at: int
) -> MassCancel | MassCancelRefused | BusinessReject:
    """OrderMassCancelRequest(q)."""
    try:
        cl_ord_id = required_id(values, t.CL_ORD_ID)
        request_type = _cancel_type(values)
    except FieldRefused as refused:
        return unanswerable(values, session, refused)
    try:
        wanted = _selection(values, request_type, t.MASS_CANCEL_REQUEST_TYPE)
    except FieldRefused as refused:
        unknown = refused.tag == t.SYMBOL
        reason = MassCancelRejectReason.UNKNOWN_SECURITY if unknown else MassCancelRejectReason.NOT_SUPPORTED
        return MassCancelRefused(
            order_id="",
            at=at,
            session=session,
            cl_ord_id=cl_ord_id,
            request_type=request_type,
            reason=reason,
            text=safe(refused.text),
        )
    return MassCancel(
        session=session,
        cl_ord_id=cl_ord_id,
        at=at,
        repeated=is_yes(values, t.POSS_DUP_FLAG) or is_yes(values, t.POSS_RESEND),
        request_type=request_type,
        wanted=wanted,
    )


def _cancel_type(values: Values) -> str:
    """As it is sent back. Raises FieldRefused for one that cannot be."""
    value = values.get(t.MASS_CANCEL_REQUEST_TYPE, "")
    if len(value) == 1 and value in _REQUEST_TYPES:
        return value
    raise FieldRefused(
        t.MASS_CANCEL_REQUEST_TYPE, _not_offered(t.MASS_CANCEL_REQUEST_TYPE, value, "1,7"), missing=not value
    )


def decode_mass_status(_text: str, values: Values, session: str, at: int) -> RequestMassStatus | BusinessReject:
    """OrderMassStatusRequest(AF)."""
    try:
        request_id = required_id(values, t.MASS_STATUS_REQ_ID)
    except FieldRefused as refused:
        return unanswerable(values, session, refused)
    wanted, refusal = Selection(), ""
    try:
        wanted = _selection(values, values.get(t.MASS_STATUS_REQ_TYPE, ""), t.MASS_STATUS_REQ_TYPE)
    except FieldRefused as refused:
        refusal = safe(refused.text)
    return RequestMassStatus(session=session, request_id=request_id, at=at, wanted=wanted, refusal=refusal)


def decode_security_list_request(
    _text: str, values: Values, session: str, at: int
) -> RequestSecurities | BusinessReject:
    """SecurityListRequest(x)."""
    try:
        request_id = required_id(values, t.SECURITY_REQ_ID)
    except FieldRefused as refused:
        return unanswerable(values, session, refused)
    name, refusal = "", ""
    request_type = values.get(t.SECURITY_LIST_REQUEST_TYPE, "")
    try:
        if request_type == _SYMBOL:
            name = symbol(values, t.SYMBOL)
        elif request_type != _ALL_SECURITIES:
            refusal = _not_offered(t.SECURITY_LIST_REQUEST_TYPE, request_type, "0,4")
        if values.get(t.SUBSCRIPTION_REQUEST_TYPE, "0") != "0":
            given = values[t.SUBSCRIPTION_REQUEST_TYPE]
            refusal = refusal or _not_offered(t.SUBSCRIPTION_REQUEST_TYPE, given, "0")
    except FieldRefused as refused:
        refusal = safe(refused.text)
    return RequestSecurities(session=session, request_id=request_id, at=at, symbol=name, refusal=refusal)


def _selection(values: Values, request_type: str, tag: int) -> Selection:
    """Raises FieldRefused for what would have to be left out of the selection, and so make it a larger one."""
    if request_type not in (_SECURITY, _ALL):
        raise FieldRefused(tag, _not_offered(tag, request_type, "1,7"))
    for narrowing in _NARROWING:
        if narrowing in values:
            raise FieldRefused(narrowing, safe(f"{label(narrowing)} is not offered to choose orders by"))
    # With 7 engines that must fill Symbol(55) put anything there: all are meant.
    name = symbol(values, t.SYMBOL) if request_type == _SECURITY else ""
    return Selection(account=client_id(values, t.ACCOUNT), symbol=name, side=_side(values))


def _side(values: Values) -> Side | None:
    value = values.get(t.SIDE)
    if value is None:
        return None
    side = SIDES.get(value)
    if side is None:
        raise FieldRefused(t.SIDE, _not_offered(t.SIDE, value, "1,2"))
    return side


def _not_offered(tag: int, value: str, allowed: str) -> str:
    return safe(f"{label(tag)}={shown(value)} is not offered; allowed: {allowed}")
