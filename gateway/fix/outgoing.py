"""An encoded body as a QuickFIX message.

*Measured*: QuickFIX takes a body that starts with MsgType(35), without a header skeleton, in 3 µs; setting field by
field through Python takes 20 µs. Without a dictionary it sorts all fields and tears repeating groups apart, so a body
with a group is parsed with the session's dictionary, which keeps a group's order. It loses the last instance of a
group that ends the text (*measured*), so such a body gets a CheckSum(10) behind it; the real one is set on sending.
"""

import quickfix

_GROUPS = ("\x01453=", "\x01146=")  # NoPartyIDs of a report, NoRelatedSym of a SecurityList
_END = "10=000\x01"


def to_quickfix(
    body: str, dictionary: "quickfix.DataDictionary | None" = None, *, poss_resend: bool = False
) -> "quickfix.Message":
    """The message, ready for `Session.sendToTarget`.

    dictionary: of the session's version; needed for bodies with a repeating group. Raises ValueError where it is
    missing then.
    """
    if any(group in body for group in _GROUPS):
        if dictionary is None:
            raise ValueError("a body with a repeating group needs the data dictionary of its version")
        message = quickfix.Message(body + _END, dictionary, False)
    else:
        message = quickfix.Message(body, False)
    if poss_resend:
        message.getHeader().setField(quickfix.PossResend(True))
    return message
