"""What an exported file has: columns, each with the FIX tags whose values it shows, and what redaction makes of it."""

from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import Connection

from gateway.compliance.derive.window import Window
from gateway.domain.money import text_of
from gateway.wire.raw import mask_fields, mask_secrets, to_bytes, to_text
from gateway.wire.tags import TEXT

_ENCODED_TEXT = 355

MASK = "***"
"""Stands for a redacted value in a column of text; columns of another kind are empty."""


class Kind(StrEnum):
    """What a column holds."""

    TEXT = "text"
    DECIMAL = "decimal"  # as text, every digit as it was recorded
    INTEGER = "integer"
    BOOLEAN = "boolean"
    TIME = "time"  # nanoseconds UTC
    MESSAGE = "message"  # bytes of FIX text


class Column(NamedTuple):
    """tags: whose values it shows; it is redacted where one of them is."""

    name: str
    kind: Kind = Kind.TEXT
    tags: tuple[int, ...] = ()


Row = Sequence[Any]
"""One value for each column: str, Decimal or its text, int, bool, bytes, None."""


class Dataset(NamedTuple):
    """rows: those of a span, in an order that is always the same; the third argument is the whole export's end."""

    name: str
    columns: tuple[Column, ...]
    rows: Callable[[Connection, Window, int], Iterator[Row]]


class Redaction:
    """Values that are not handed on. tags: as the configuration names them."""

    def __init__(self, tags: Collection[int] = ()) -> None:
        # The gateway's texts quote quantities, prices and accounts: they would tell what is hidden beside them.
        self.tags = frozenset(tags) | ({TEXT, _ENCODED_TEXT} if tags else frozenset())

    def hides(self, column: Column) -> bool:
        """Whether nothing of the column is shown."""
        return not self.tags.isdisjoint(column.tags)

    def applied(self, columns: Sequence[Column], rows: Iterator[Row]) -> Iterator[list[Any]]:
        """The rows as they may be seen, decimals as text."""
        hidden = [self.hides(column) for column in columns]
        for row in rows:
            yield [
                self._masked(column, value) if is_hidden else self._shown(column, value)
                for column, value, is_hidden in zip(columns, row, hidden, strict=True)
            ]

    def _masked(self, column: Column, value: Any) -> str | None:
        return MASK if value is not None and column.kind in (Kind.TEXT, Kind.DECIMAL) else None

    def _shown(self, column: Column, value: Any) -> Any:
        if isinstance(value, Decimal):
            return text_of(value)
        if column.kind is Kind.MESSAGE:
            return to_bytes(mask_fields(mask_secrets(to_text(bytes(value))), self.tags)) if self.tags else bytes(value)
        return value


def utc(nanoseconds: int) -> str:
    """`2026-01-31T17:40:34.123456789Z`."""
    moment = datetime.fromtimestamp(nanoseconds // 1_000_000_000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{nanoseconds % 1_000_000_000:09d}Z"
