"""Naming what was altered: records as they are, beside the digests that were kept with the seals."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from sqlalchemy import Connection, select

from gateway.compliance.audit.sealing import LOCATOR
from gateway.compliance.audit.streams import Sealed
from gateway.store.tables import digests


class Finding(NamedTuple):
    """What is wrong. where: the table or file; which: the record, or a range of them."""

    where: str
    which: str
    text: str

    def __str__(self) -> str:
        return f"{self.where} {self.which}: {self.text}"


Found = Callable[[Finding], None]


def sealed_locators(connection: Connection, name: str, after: int, until: int) -> Iterator[tuple[int, bytes]]:
    """Keys and the beginnings of digests, as they were at the seal."""
    query = select(digests.c.locators).where(digests.c.stream == name, digests.c.last_key > after)
    query = query.where(digests.c.last_key <= until).order_by(digests.c.last_key)
    for (locators,) in connection.execute(query.execution_options(yield_per=50)):
        whole = len(locators) // LOCATOR.size * LOCATOR.size
        yield from LOCATOR.iter_unpack(bytes(locators)[:whole])


_TOLD_AT_ONCE = 1024


class Comparison:
    """Records as they are and digests as they were, both in the order of their keys."""

    def __init__(self, name: str, sealed: Iterator[tuple[int, bytes]], found: Found) -> None:
        """sealed: keys and beginnings of digests."""
        self._name = name
        self._sealed = sealed
        self._found = found
        self.compared = 0  # digests
        self._head = self._next_sealed()
        self._changed: dict[int, tuple[bytes, bytes]] = {}  # by key: digest as sealed, and as it is
        self._other: dict[int, str] = {}  # by key: missing or inserted

    def next(self, record: Sealed) -> None:
        """The next record."""
        self._pass_over(record.key)
        if self._head is None or self._head[0] != record.key:
            self._other[record.key] = "inserted: it was not there when this was sealed"
            return
        (_, sealed), self._head = self._head, self._next_sealed()
        if sealed != record.digest[:8]:
            self._changed[record.key] = (sealed, record.digest[:8])
        if len(self._changed) + len(self._other) >= _TOLD_AT_ONCE:
            self._tell()

    def _next_sealed(self) -> tuple[int, bytes] | None:
        found = next(self._sealed, None)
        self.compared += found is not None
        return found

    def finish(self) -> None:
        """There are no more."""
        self._pass_over(None)
        self._tell()

    def _pass_over(self, key: int | None) -> None:
        while self._head is not None and (key is None or self._head[0] < key):
            self._other[self._head[0]] = "missing"
            self._head = self._next_sealed()

    def _tell(self) -> None:
        was = {sealed: key for key, (sealed, _) in self._changed.items()}
        for key, (_, now) in self._changed.items():
            other = was.get(now)
            self._other[key] = "changed" if other is None else f"reordered: it says what {other} said"
        for key in sorted(self._other):
            self._found(Finding(self._name, str(key), self._other[key]))
        self._changed.clear()
        self._other.clear()
