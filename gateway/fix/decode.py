"""A client's FIX message as a command, or as the refusal that its fields call for.

Nothing is guessed: what cannot be read, is out of bounds or would change the order in a way that is not supported is
refused with tag, value and what is allowed. A cancel is read as leniently as it can be, since cancels always pass.

How each is refused:
- NewOrderSingle(D) by an ExecutionReport (NewOrderRefused);
- OrderCancelRequest(F) and OrderCancelReplaceRequest(G) by an OrderCancelReject(9) (RequestRefused);
- q, AF and x as decode_mass.py says;
- anything that lacks what such an answer must carry (ClOrdID(11), for D Symbol(55) and Side(54) too), and any message
  type that is not for us, by a BusinessMessageReject(j).

Source: FIX 4.2, FIX 4.4 and FIX 5.0 SP2, volume 4 ("Single/General Order Handling").
"""

import re
from collections.abc import Callable

from gateway.domain.commands import CancelOrder, NewOrder, ReplaceOrder, RequestStatus
from gateway.domain.events import NewOrderRefused, RequestRefused
from gateway.domain.order import RequestKind
from gateway.domain.reports import BusinessReject, DontKnowTrade, MessageRejected
from gateway.domain.values import CxlRejReason, TimeInForce
from gateway.engine.ports import Decoded
from gateway.fix import decode_terms as terms
from gateway.fix.decode_fields import ECHOED, echo_of, post_only, refuse_unsupported
from gateway.fix.decode_mass import SINCE_FIX_43, decode_mass_cancel, decode_mass_status, decode_security_list_request
from gateway.fix.decode_values import (
    MAX_ID,
    MAX_SYMBOL,
    FieldRefused,
    Values,
    client_id,
    is_yes,
    label,
    number,
    required_id,
    symbol,
)
from gateway.fix.refusals import (
    FIELD_MISSING,
    MAX_SEQ_NUM_DIGITS,
    OTHER,
    UNSUPPORTED_MESSAGE,
    business_reject,
    seq_num,
    unanswerable,
)
from gateway.fix.safe_text import safe, shown
from gateway.wire import tags as t
from gateway.wire.field_names import NAMES, VALUE_NAMES
from gateway.wire.raw import RawFormatError, first_values
from gateway.wire.versions import APPL_VER_ID_50_SP2, version_of

_MSG_TYPE = re.compile(r"(?:^|\x01)35=([^\x01]{0,20})\x01")
_MSG_SEQ_NUM = re.compile(rf"(?:^|\x01)34=([0-9]{{1,{MAX_SEQ_NUM_DIGITS}}})\x01")


def decode(text: str, session: str, at: int) -> Decoded:
    """What an application message, or a Reject(3), asks for.

    text: as QuickFIX's Python hands it over (UTF-8, other bytes as surrogate escapes). session: its key. at: when it
    arrived, nanoseconds UTC. Raises nothing, whatever the text.
    """
    try:
        values: Values = first_values(text)
    except RawFormatError as error:
        head = {
            tag: match[1]
            for tag, match in ((t.MSG_TYPE, _MSG_TYPE.search(text)), (t.MSG_SEQ_NUM, _MSG_SEQ_NUM.search(text)))
            if match is not None
        }
        return business_reject(head, session, OTHER, f"the message cannot be taken apart: {error}")
    msg_type = values.get(t.MSG_TYPE, "")
    appl_ver_id = values.get(t.APPL_VER_ID, APPL_VER_ID_50_SP2)
    if appl_ver_id != APPL_VER_ID_50_SP2 and msg_type not in ("F", "q"):
        allowed = f"allowed: {APPL_VER_ID_50_SP2} (5.0 SP2)"
        what = f"{label(t.APPL_VER_ID)}={shown(appl_ver_id)} is not supported; {allowed}"
        return business_reject(values, session, OTHER, what)
    known = _DECODERS_42 if _version(values) == "FIX.4.2" else _DECODERS
    decoder = known.get(msg_type)
    if decoder is None:
        allowed = " ".join(name for name in known if name not in ("j", "3"))
        what = f"{label(t.MSG_TYPE)}={shown(msg_type)} is not supported; allowed: {allowed}"
        return business_reject(values, session, UNSUPPORTED_MESSAGE, what)
    return decoder(text, values, session, at)


def _decode_new_order(text: str, values: Values, session: str, at: int) -> NewOrder | NewOrderRefused | BusinessReject:
    try:
        cl_ord_id = required_id(values, t.CL_ORD_ID)
        _check_answerable(values)
    except FieldRefused as refused:
        return unanswerable(values, session, refused)
    try:
        refuse_unsupported(values)
        return NewOrder(
            session=session,
            cl_ord_id=cl_ord_id,
            at=at,
            repeated=is_yes(values, t.POSS_DUP_FLAG) or is_yes(values, t.POSS_RESEND),
            account=client_id(values, t.ACCOUNT),
            symbol=symbol(values, t.SYMBOL),
            side=terms.side(values),
            ord_type=terms.ord_type(values),
            time_in_force=terms.time_in_force(values),
            order_qty=terms.order_qty(values),
            price=number(values, t.PRICE),
            stop_px=number(values, t.STOP_PX),
            expire_time=terms.expire_time(values, absent=TimeInForce.DAY),
            post_only=post_only(values),
            sent_at=terms.sent_at(values),
            echo=echo_of(text, values, _version(values)),
        )
    except FieldRefused as refused:
        return NewOrderRefused(
            order_id="",
            at=at,
            session=session,
            cl_ord_id=cl_ord_id,
            symbol=safe(values[t.SYMBOL], MAX_SYMBOL),
            side=values[t.SIDE],
            order_qty=terms.readable_qty(values),
            account=safe(values.get(t.ACCOUNT, ""), MAX_ID),
            reason=refused.reason,
            text=safe(refused.text),
        )


def _check_answerable(values: Values) -> None:
    """What an ExecutionReport must carry: a symbol, and a side that is one printable character."""
    if not values.get(t.SYMBOL):
        raise FieldRefused(t.SYMBOL, f"{label(t.SYMBOL)} is missing", missing=True)
    side = values.get(t.SIDE, "")
    if len(side) != 1 or not "!" <= side <= "~":
        what = "is missing" if not side else f"='{shown(side)}' is not one character"
        raise FieldRefused(t.SIDE, f"{label(t.SIDE)}{what if side else ' ' + what}", missing=not side)


def _version(values: Values) -> str:
    version = version_of(values.get(t.BEGIN_STRING, ""))
    return version if version in ECHOED else "FIX.4.4"


def _decode_cancel(_text: str, values: Values, session: str, at: int) -> CancelOrder | RequestRefused | BusinessReject:
    """Only the ids count: a cancel is never refused for what else it says of the order."""
    try:
        cl_ord_id = required_id(values, t.CL_ORD_ID)
    except FieldRefused as refused:
        return unanswerable(values, session, refused)
    try:
        orig_cl_ord_id, order_id = terms.named_order(values)
    except FieldRefused as refused:
        return _request_refused(RequestKind.CANCEL, values, session, at, refused)
    return CancelOrder(
        session=session,
        cl_ord_id=cl_ord_id,
        at=at,
        repeated=is_yes(values, t.POSS_DUP_FLAG) or is_yes(values, t.POSS_RESEND),
        orig_cl_ord_id=orig_cl_ord_id,
        order_id=order_id,
    )


def _decode_replace(
    _text: str, values: Values, session: str, at: int
) -> ReplaceOrder | RequestRefused | BusinessReject:
    """FIX has G restate the whole order. Here OrderQty(38) must be there, and an absent field keeps its value."""
    try:
        cl_ord_id = required_id(values, t.CL_ORD_ID)
    except FieldRefused as refused:
        return unanswerable(values, session, refused)
    try:
        orig_cl_ord_id, order_id = terms.named_order(values)
        refuse_unsupported(values)
        return ReplaceOrder(
            session=session,
            cl_ord_id=cl_ord_id,
            at=at,
            repeated=is_yes(values, t.POSS_DUP_FLAG) or is_yes(values, t.POSS_RESEND),
            orig_cl_ord_id=orig_cl_ord_id,
            order_id=order_id,
            order_qty=terms.order_qty(values),
            price=number(values, t.PRICE),
            stop_px=number(values, t.STOP_PX),
            symbol=symbol(values, t.SYMBOL) if t.SYMBOL in values else None,
            side=terms.side(values) if t.SIDE in values else None,
            ord_type=terms.ord_type(values) if t.ORD_TYPE in values else None,
            time_in_force=terms.time_in_force(values) if t.TIME_IN_FORCE in values else None,
            account=client_id(values, t.ACCOUNT) or None,
            expire_time=terms.expire_time(values, absent=TimeInForce.GTD),
            post_only=post_only(values),
            sent_at=terms.sent_at(values),
        )
    except FieldRefused as refused:
        return _request_refused(RequestKind.REPLACE, values, session, at, refused)


def _request_refused(kind: RequestKind, values: Values, session: str, at: int, refused: FieldRefused) -> RequestRefused:
    return RequestRefused(
        order_id=safe(values.get(t.ORDER_ID, ""), MAX_ID),  # as it names the order, until that is looked for
        at=at,
        session=session,
        kind=kind,
        cl_ord_id=values[t.CL_ORD_ID],
        orig_cl_ord_id=safe(values.get(t.ORIG_CL_ORD_ID, ""), MAX_ID),
        reason=CxlRejReason.OTHER,
        text=safe(refused.text),
    )


def _decode_status_request(_text: str, values: Values, session: str, at: int) -> RequestStatus | BusinessReject:
    """By ClOrdID(11) or OrderID(37). Symbol and side only serve the answer about an unknown order."""
    try:
        cl_ord_id = client_id(values, t.CL_ORD_ID)
        order_id = client_id(values, t.ORDER_ID) or None
        request_id = client_id(values, t.ORD_STATUS_REQ_ID) if _version(values) != "FIX.4.2" else ""
    except FieldRefused as refused:
        return unanswerable(values, session, refused)
    if not cl_ord_id and order_id is None:
        text = f"{label(t.CL_ORD_ID)} or {label(t.ORDER_ID)} must name the order"
        return business_reject(values, session, FIELD_MISSING, text)
    return RequestStatus(
        session=session,
        cl_ord_id=cl_ord_id,
        at=at,
        repeated=is_yes(values, t.POSS_DUP_FLAG) or is_yes(values, t.POSS_RESEND),
        order_id=order_id,
        symbol=safe(values.get(t.SYMBOL, ""), MAX_SYMBOL),
        side=terms.SIDES.get(values.get(t.SIDE, "")),
        echo=((t.ORD_STATUS_REQ_ID, request_id),) if request_id else (),
    )


def _decode_dont_know_trade(_text: str, values: Values, session: str, _at: int) -> DontKnowTrade:
    """Recorded whatever it lacks, in safe text."""
    return DontKnowTrade(
        session=session,
        exec_id=safe(values.get(t.EXEC_ID, ""), MAX_ID),
        order_id=safe(values.get(t.ORDER_ID, ""), MAX_ID),
        reason=safe(values.get(t.DK_REASON, ""), MAX_ID),
        text=safe(values.get(t.TEXT, "")),
    )


def _decode_reject(_text: str, values: Values, session: str, _at: int) -> MessageRejected:
    """The client could not use a message of ours. A j is never answered by another."""
    said = [f"{label(tag)}={_named(tag, shown(values[tag]))}" for tag in _SAID_OF_A_REJECTED_MESSAGE if tag in values]
    return MessageRejected(
        session=session,
        msg_type=values.get(t.MSG_TYPE, ""),
        ref_seq_num=seq_num(values, t.REF_SEQ_NUM),
        reason=safe(" ".join([*said, values.get(t.TEXT, "")]).strip()),
    )


def _named(tag: int, value: str) -> str:
    """The value, and what it means: of a tag number the field's name."""
    if tag == t.REF_TAG_ID:
        name = NAMES.get(int(value)) if value.isascii() and value.isdigit() else None
    else:
        name = VALUE_NAMES.get(tag, {}).get(value)
    return f"{value}({name})" if name else value


_SAID_OF_A_REJECTED_MESSAGE = (
    t.REF_MSG_TYPE,
    t.REF_TAG_ID,
    t.SESSION_REJECT_REASON,
    t.BUSINESS_REJECT_REASON,
    t.BUSINESS_REJECT_REF_ID,
)

_DECODERS: dict[str, Callable[[str, Values, str, int], Decoded]] = {
    "D": _decode_new_order,
    "F": _decode_cancel,
    "G": _decode_replace,
    "H": _decode_status_request,
    "Q": _decode_dont_know_trade,
    "q": decode_mass_cancel,
    "AF": decode_mass_status,
    "x": decode_security_list_request,
    "j": _decode_reject,
    "3": _decode_reject,
}
_DECODERS_42 = {name: decoder for name, decoder in _DECODERS.items() if name not in SINCE_FIX_43}
