"""BusinessMessageReject(j) for messages that cannot be answered in any other way."""

from gateway.domain.reports import BusinessReject
from gateway.fix.decode_values import MAX_ID, FieldRefused, Values
from gateway.fix.safe_text import safe
from gateway.wire import tags as t

# BusinessRejectReason(380)
OTHER, UNSUPPORTED_MESSAGE, FIELD_MISSING = "0", "3", "5"

MAX_SEQ_NUM_DIGITS = 18
_IDS = (t.CL_ORD_ID, t.MASS_STATUS_REQ_ID, t.SECURITY_REQ_ID)


def business_reject(values: Values, session: str, reason: str, text: str) -> BusinessReject:
    """The refusal of a message, as far as it can be read."""
    return BusinessReject(
        session=session,
        ref_seq_num=seq_num(values, t.MSG_SEQ_NUM),
        ref_msg_type=safe(values.get(t.MSG_TYPE, "") or "?", 20),
        ref_id=safe(next((values[tag] for tag in _IDS if tag in values), ""), MAX_ID),
        reason=reason,
        text=safe(text),
    )


def seq_num(values: Values, tag: int) -> int:
    """A sequence number; 0 where there is none that could be one."""
    value = values.get(tag, "")
    return int(value) if len(value) <= MAX_SEQ_NUM_DIGITS and value.isascii() and value.isdigit() else 0


def unanswerable(values: Values, session: str, refused: FieldRefused) -> BusinessReject:
    """For a field without which no other answer could be written."""
    return business_reject(values, session, FIELD_MISSING if refused.missing else OTHER, refused.text)
