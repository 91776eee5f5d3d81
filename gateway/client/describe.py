"""Messages as one readable line each, for the desk and for failing tests."""

from collections.abc import Iterable
from datetime import UTC, datetime

from gateway.client.message import FixMessage
from gateway.wire import readable

# The envelope says nothing about the order.
_HIDDEN = frozenset({8, 9, 10, 35, 49, 52, 56, 60, 21, 98, 34})


def describe(message: FixMessage) -> str:
    """Message name and its fields, names and enumerated values decoded, secrets hidden."""
    shown = [_field(field) for field in readable.describe(message.text) if field.tag not in _HIDDEN]
    seq = message.get(34)
    name = readable.message_name(message.type)
    return " ".join([f"{name}{f' #{readable.printable(seq)}' if seq is not None else ''}", *shown])


def conversation(messages: Iterable[tuple[str, FixMessage]]) -> str:
    """One line a message: time (UTC), direction, description."""
    lines = [
        f"  {_time(message.at)} {'──▶' if direction == 'out' else '◀──'} {describe(message)}"
        for direction, message in messages
    ]
    return "\n".join(lines) or "  (nothing)"


def _field(field: readable.DescribedField) -> str:
    name, value = field.name or str(field.tag), field.value
    shown = value if len(value) <= 200 else f"{value[:200]}… ({len(value)} characters)"
    return f"{name}={field.meaning}({shown})" if field.meaning else f"{name}={shown}"


def _time(nanoseconds: int) -> str:
    moment = datetime.fromtimestamp(nanoseconds // 1_000_000_000, UTC)
    return f"{moment:%H:%M:%S}.{nanoseconds // 1_000_000 % 1000:03d}"
