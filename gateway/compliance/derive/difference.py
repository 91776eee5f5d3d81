"""A stored row that is not what the journal makes of it."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple


class Difference(NamedTuple):
    """table: where the row is, or should be. key: which row. text: what is stored and what was derived."""

    table: str
    key: str
    text: str

    def __str__(self) -> str:
        return f"{self.table} {self.key}: {self.text}"


Found = Callable[[Difference], None]
"""Takes a difference when it is found."""


def columns_that_differ(names: Sequence[str], stored: Iterable[Any], derived: Iterable[Any]) -> str:
    """Each column with both values; empty where all are equal."""
    return "; ".join(
        f"{name}: stored {_shown(ours)}, derived {_shown(made)}"
        for name, ours, made in zip(names, stored, derived, strict=True)
        if ours != made
    )


def _shown(value: object) -> str:
    return "NULL" if value is None else str(value)
