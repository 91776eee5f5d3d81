"""FIX text taken apart: fields, groups, secrets masked. Pure functions.

Text is str as QuickFIX's Python hands it over: UTF-8, with other bytes as surrogate escapes. The lengths
that FIX states (BodyLength(9), RawDataLength(95), ...) count bytes, so whatever depends on them works on
the encoded text.

Splitting at the delimiter alone would be wrong: a data field such as EncodedText(355) may contain the
delimiter and then anything, `44=1` for instance. Its length field says where it ends.
Source: FIX 4.4 volume 1, "FIX Message Format and Delimiters".
"""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence

from gateway.wire.tags import (
    BEGIN_STRING,
    BODY_LENGTH,
    CHECK_SUM,
    DATA_FIELDS,
    ENCRYPTED_NEW_PASSWORD,
    ENCRYPTED_PASSWORD,
    MSG_TYPE,
    NEW_PASSWORD,
    PASSWORD,
    RAW_DATA,
)

SOH = "\x01"
_SOH = b"\x01"
_EQUALS = b"="

NO_TAG = 0
"""Stands for the tag of a piece of broken text."""

Fields = list[tuple[int, str]]

_LENGTH_OF = {data: length for length, data in DATA_FIELDS.items()}
_MAX_TAG_DIGITS = 9  # keeps tags inside a C int, as the session engine has them
_MAX_LENGTH_DIGITS = 9


def _any_of(tags: Iterable[int]) -> bytes:
    """A pattern of these tags. Those with the same first digit stand together, so that most fields fail at one look."""
    by_digit: dict[str, list[str]] = {}
    for tag in sorted(map(str, tags)):
        by_digit.setdefault(tag[0], []).append(tag[1:])
    return "|".join(f"{digit}(?:{'|'.join(rests)})" for digit, rests in by_digit.items()).encode()


PLAIN_FIELDS = rb"(?:(?!(?:%b)=)[1-9][0-9]{0,%d}=[^\x01]*+\x01)*+" % (
    _any_of((BEGIN_STRING, BODY_LENGTH, CHECK_SUM, *_LENGTH_OF)),
    _MAX_TAG_DIGITS - 1,
)
"""A pattern: fields that are taken as they stand. Data fields, fields of the frame, and tags that do not fit a C int
need a closer look."""

_PLAIN = re.compile(rb"8=[^\x01]*+\x019=[^\x01]*+\x0135=[^\x01]*+\x01%b10=[^\x01]*+\x01" % PLAIN_FIELDS)
_START = [BEGIN_STRING, BODY_LENGTH, MSG_TYPE]

SECRET_TAGS = frozenset({RAW_DATA, PASSWORD, NEW_PASSWORD, ENCRYPTED_PASSWORD, ENCRYPTED_NEW_PASSWORD})
# Lax on purpose: it is used on text that is broken somewhere, and must not miss a secret there.
_SECRET_START = re.compile(rb"(?:^|\x01)[^\x01=]*(?:96|554|925|1402|1404)[^\x01=]*=")
_SECRET_HINTS = tuple(f"{tag}=" for tag in SECRET_TAGS)


class RawFormatError(ValueError):
    """The text is not a sequence of `tag=value` fields; `offset` counts bytes from the start."""

    def __init__(self, reason: str, offset: int) -> None:
        super().__init__(f"{reason} at byte {offset}")
        self.reason = reason
        self.offset = offset


class _TagNumbers(dict[str, int]):
    """Tag text to number, for tags that are no data field; KeyError for those and for what is no tag.

    Usual tags are looked up; others are parsed, and not kept, since a client chooses them.
    """

    def __missing__(self, text: str) -> int:
        if len(text) <= _MAX_TAG_DIGITS and text.isascii() and text.isdigit():
            tag = int(text)
            if tag and tag not in _LENGTH_OF:
                return tag
        raise KeyError(text)


_TAGS = _TagNumbers({str(tag): tag for tag in range(1, 1000) if tag not in _LENGTH_OF})


def split_fields(text: str) -> Fields:
    """The fields of a message in their order, as (tag, value).

    Raises RawFormatError where a field has no `=`, no tag number, no end, or a data field's stated length
    does not lead to a delimiter.
    """
    parts = text.split(SOH)
    tags = _TAGS
    if not parts.pop():
        try:
            return [(tags[tag], value) for part in parts for tag, value in (part.split("=", 1),)]
        except (KeyError, ValueError):
            # A data field, or an error. The plain split is right up to the first data field, so none is missed.
            pass
    return _split_exactly(text)


def split_leniently(text: str) -> Fields:
    """As split_fields; of text that cannot be taken apart the pieces, with NO_TAG where one is no field."""
    try:
        return split_fields(text)
    except RawFormatError:
        return [_piece(piece) for piece in text.removesuffix(SOH).split(SOH)]


def _piece(text: str) -> tuple[int, str]:
    tag, equals, value = text.partition("=")
    is_field = equals and len(tag) <= _MAX_TAG_DIGITS and tag.isascii() and tag.isdigit() and int(tag)
    return (int(tag), value) if is_field else (NO_TAG, text)


def first_values(text: str) -> dict[int, str]:
    """Tag -> value of its first occurrence. Raises RawFormatError as split_fields does."""
    parts = text.split(SOH)
    tags = _TAGS
    if not parts.pop():
        try:  # as in split_fields; this runs for every message, and a list of pairs first costs a quarter more
            values = {tags[tag]: value for part in parts for tag, value in (part.split("=", 1),)}
        except (KeyError, ValueError):
            pass
        else:
            if len(values) == len(parts):
                return values
    return dict(reversed(split_fields(text)))  # of equal tags a dict keeps the last


def to_bytes(text: str) -> bytes:
    """The bytes behind QuickFIX's text. Raises RawFormatError for text that never was bytes."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        raise RawFormatError("a character that no bytes decode to", error.start) from None


def to_text(raw: bytes) -> str:
    """Bytes as QuickFIX would hand them over."""
    return raw.decode("utf-8", "surrogateescape")


def _split_exactly(text: str) -> Fields:
    raw = to_bytes(text)
    return [(tag, to_text(raw[start:end])) for tag, start, end in _scan(raw)]


def _scan(raw: bytes) -> Iterator[tuple[int, int, int]]:
    """Yields (tag, start of value, end of value), honoring the lengths of data fields."""
    position, end_of_text = 0, len(raw)
    lengths: dict[int, bytes] = {}
    while position < end_of_text:
        end = raw.find(_SOH, position)
        if end < 0:
            raise RawFormatError("a field without its delimiter", position)
        equals = raw.find(_EQUALS, position, end)
        if equals < 0:
            raise RawFormatError("a field without '='", position)
        tag = _tag_number(raw[position:equals], position)
        start = equals + 1
        if tag in _LENGTH_OF and (length := lengths.get(_LENGTH_OF[tag])) is not None:
            end = _end_of_data(raw, start, length, tag)
        elif tag in DATA_FIELDS:
            lengths[tag] = raw[start:end]
        yield tag, start, end
        position = end + 1


def _tag_number(text: bytes, offset: int) -> int:
    if len(text) > _MAX_TAG_DIGITS or not text.isdigit() or not (tag := int(text)):
        raise RawFormatError("a field without a tag number", offset)
    return tag


def _end_of_data(raw: bytes, start: int, length: bytes, tag: int) -> int:
    if len(length) > _MAX_LENGTH_DIGITS or not length.isdigit():
        raise RawFormatError(f"data field {tag} with a length that is no number", start)
    end = start + int(length)
    if raw[end : end + 1] != _SOH:
        raise RawFormatError(f"data field {tag} that does not end after its {int(length)} bytes", start)
    return end


def check_fields(message: bytes) -> None:
    """Raises RawFormatError unless the message is fields from end to end, in a form that QuickFIX can take.

    It must never see another. Data lengths it takes on trust: it reads past the end of the text and takes the process
    down (seen with 354=2000000000), or throws (354=-50). What has no `=`, no tag number, or a field of the frame in
    another place it passes over without consuming its number, so that the client would be asked for it, and send it,
    for ever. Stricter than split_fields: a data field must directly follow its length, since QuickFIX would else use
    one that stands elsewhere.
    """
    if _PLAIN.fullmatch(message):
        return
    tags, previous = [], 0
    for tag, start, _ in _scan(message):
        if tag in _LENGTH_OF and previous != _LENGTH_OF[tag]:
            raise RawFormatError(f"data field {tag} without its length field before it", start)
        previous = tag
        tags.append(tag)
    if tags[:3] != _START or tags[-1] != CHECK_SUM:
        raise RawFormatError("not 8, 9, 35 first and 10 last", 0)
    for tag in (BEGIN_STRING, BODY_LENGTH, CHECK_SUM):
        if tags.count(tag) != 1:
            raise RawFormatError(f"field {tag} more than once", 0)


def leading_fields(message: bytes) -> dict[int, bytes]:
    """Tag -> value of its first occurrence, of the fields before the first that cannot be read. Raises nothing."""
    values: dict[int, bytes] = {}
    try:
        for tag, start, end in _scan(message):
            values.setdefault(tag, message[start:end])
    except RawFormatError:
        pass
    return values


# --- repeating groups --------------------------------------------------------------------------------


def group_fields(
    fields: Sequence[tuple[int, str]], count_tag: int, first_tag: int, member_tags: Collection[int]
) -> list[Fields]:
    """The instances of a repeating group, each with its fields in order, nested groups included.

    `first_tag` starts an instance; `member_tags` are all tags that may follow in it, those of nested
    groups too. The instances that are there count, not the number in `count_tag`; without that field
    there are none.
    """
    instances: list[Fields] = []
    inside = False
    for tag, value in fields:
        if not inside:
            inside = tag == count_tag
        elif tag == first_tag:
            instances.append([(tag, value)])
        elif instances and tag in member_tags:
            instances[-1].append((tag, value))
        else:
            break
    return instances


# --- secrets -----------------------------------------------------------------------------------------


def mask_secrets(text: str) -> str:
    """The text with the values of RawData(96), passwords (554, 925) and encrypted ones (1402, 1404) as asterisks.

    As many as the value had bytes, so that BodyLength(9) and data lengths still hold. Never raises: in
    text that cannot be taken apart, all that follows the first secret's tag is hidden.
    """
    if not any(hint in text for hint in _SECRET_HINTS):
        return text
    try:
        raw = bytearray(to_bytes(text))
    except RawFormatError:
        raw = bytearray(text.encode("utf-8", "replace"))
    try:
        for tag, start, end in _scan(bytes(raw)):
            if tag in SECRET_TAGS:
                raw[start:end] = b"*" * (end - start)
    except RawFormatError:
        if found := _SECRET_START.search(raw):
            raw[found.end() :] = re.sub(rb"[^\x01]", b"*", raw[found.end() :])
    return to_text(bytes(raw))


def mask_fields(text: str, hidden: Collection[int]) -> str:
    """The text with the values of these tags as asterisks, as many as they had bytes.

    Never raises: of text that cannot be taken apart nothing is left but delimiters.
    """
    try:
        raw = bytearray(to_bytes(text))
        for tag, start, end in _scan(bytes(raw)):
            if tag in hidden:
                raw[start:end] = b"*" * (end - start)
    except RawFormatError:
        return re.sub(r"[^\x01]", "*", text)
    return to_text(bytes(raw))
