"""FIX messages as people read them: `|` for the delimiter, names for tags and values, secrets masked."""

from typing import NamedTuple

from gateway.wire.field_names import NAMES, VALUE_NAMES
from gateway.wire.raw import NO_TAG, SOH, mask_secrets, split_leniently
from gateway.wire.tags import EXEC_INST, MSG_TYPE, ORDER_RESTRICTIONS, REF_TAG_ID

_SEVERAL_VALUES = frozenset({EXEC_INST, ORDER_RESTRICTIONS})  # values separated by spaces


class DescribedField(NamedTuple):
    """One field for printing; `meaning` is empty where the value has no name of its own."""

    tag: int  # NO_TAG for a piece of broken text
    name: str
    value: str
    meaning: str

    def __str__(self) -> str:
        if self.tag == NO_TAG:
            return f"?{self.value}"
        text = f"{self.name}({self.tag})={self.value}" if self.name else f"{self.tag}={self.value}"
        return f"{text} {self.meaning}" if self.meaning else text


def readable(text: str) -> str:
    """The message on one line, `|` for the delimiter. Never raises."""
    return printable(mask_secrets(text).replace(SOH, "|"))


def describe(text: str) -> list[DescribedField]:
    """The fields of a message with their names, to print conversations. Never raises."""
    return [
        DescribedField(tag, NAMES.get(tag, ""), printable(value), meaning(tag, value))
        for tag, value in split_leniently(mask_secrets(text))
    ]


def message_name(msg_type: str) -> str:
    """What a MsgType(35) is called."""
    return VALUE_NAMES[MSG_TYPE].get(msg_type) or f"MsgType {printable(msg_type)}"


def meaning(tag: int, value: str) -> str:
    """What the value of an enumerated field says (39, "2" -> "Filled"), or "" if it has no name.

    RefTagID(371) says a field's name.
    """
    if tag == REF_TAG_ID and value.isascii() and value.isdigit():
        return NAMES.get(int(value[:9]), "")
    names = VALUE_NAMES.get(tag)
    if not names:
        return ""
    if tag in _SEVERAL_VALUES:
        return " ".join(names.get(part, "?") for part in value.split(" "))
    return names.get(value, "")


def printable(text: str) -> str:
    """Text without what would move the cursor, hide or reorder text, or fail to print."""
    if text.isprintable():
        return text
    return "".join([char if char.isprintable() else _escaped(ord(char)) for char in text])


def _escaped(code: int) -> str:
    if 0xDC80 <= code <= 0xDCFF:  # a surrogate escape: one byte that is no UTF-8
        code -= 0xDC00
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
