"""Records that were archived and deleted: what is left of their days must be what a signed entry says stayed."""

from bisect import bisect_right, insort
from collections.abc import Iterator
from itertools import takewhile

from sqlalchemy import Connection

from gateway.compliance.audit.comparison import Comparison, Finding, Found, sealed_locators
from gateway.compliance.audit.keys import PublicKey
from gateway.compliance.audit.seals import Reached
from gateway.compliance.audit.streams import NOTHING, STREAMS, Chain, records
from gateway.compliance.retention.ledger import BadEntry, Entry, Gone, Stage, entries


class ArchivedRecords:
    """All entries that can be believed."""

    def __init__(self, connection: Connection, key: PublicKey, found: Found) -> None:
        """Those that cannot be believed are found."""
        self.entries: dict[tuple[str, str], Entry] = {}
        self._ranges: dict[str, list[ArchivedRange]] = {}
        ended: dict[tuple[str, str], Entry] = {}
        for entry in entries(connection, key):
            if isinstance(entry, BadEntry):
                found(Finding("archives", str(entry.number), entry.text))
                continue
            self.entries[entry.record_class, entry.day] = entry
            if entry.stage is Stage.DONE:
                ended[entry.record_class, entry.day] = entry
        for which, entry in self.entries.items():
            for name, gone in entry.streams.items():
                before = ended[which].streams.get(name) if which in ended else None
                leaving = before if entry.stage is Stage.BEGUN else None
                made = ArchivedRange(name, gone, found, is_over=entry.stage is Stage.DONE, before=leaving)
                insort(self._ranges.setdefault(name, []), made, key=lambda one: one.gone.after)

    def of(self, name: str, after: int, until: int) -> "ArchivedRange | None":
        """The range that has these records of the table."""
        ranges = self._ranges.get(name, [])
        index = bisect_right(ranges, after, key=lambda one: one.gone.after) - 1
        return ranges[index] if index >= 0 and until <= ranges[index].gone.last else None


class ArchivedRange:
    """A table's records of a day. is_over: none is left but those that were kept; else others may be there, or not.

    before: what an earlier entry had left of them, of which some are to go now; None: all were there.
    """

    def __init__(self, name: str, gone: Gone, found: Found, *, is_over: bool, before: Gone | None) -> None:
        self._name = name
        self.gone = gone
        self._found = found
        self._is_over = is_over
        self._before = before
        self._kept = dict(gone.locators())
        self._chain = Chain(NOTHING)
        self._seen = gone.after

    def check(self, connection: Connection, before: Reached, reached: Reached) -> int:
        """Look at what is left of a seal's records. Returns how many there are."""
        if self._seen != before.last:  # not all of the day is asked for: the whole cannot be told
            self._seen = -1
        wanted = [(key, digest) for key, digest in self.gone.locators() if before.last < key <= reached.last]
        compare = Comparison(self._name, iter(wanted), self._found)
        leaving = self._leaving(connection, before.last, reached.last)
        next_leaving = next(leaving, None)
        count = 0
        for record in records(connection, STREAMS[self._name], reached.columns, before.last, reached.last):
            count += 1
            while next_leaving is not None and next_leaving[0] < record.key:
                next_leaving = next(leaving, None)
            if record.key not in self._kept and next_leaving == (record.key, record.digest[:8]):
                continue  # it is to go
            compare.next(record)
            self._chain.add(record)
        compare.finish()
        if self._seen == before.last:
            self._seen = reached.last
        if reached.last == self.gone.last:
            self._end(reached)
        return count

    def _leaving(self, connection: Connection, after: int, until: int) -> Iterator[tuple[int, bytes]]:
        if self._is_over:
            return iter(())
        if self._before is None:
            return sealed_locators(connection, self._name, after, until)
        return takewhile(lambda one: one[0] <= until, self._before.locators())

    def _end(self, reached: Reached) -> None:
        keys = f"above {max(self.gone.after, 0)} up to {self.gone.last}"
        if (reached.hash, reached.total) != (self.gone.hash, self.gone.total):
            self._found(Finding(self._name, keys, "the entry of its archive does not agree with the seals"))
        elif self._seen == reached.last and self._chain.hash != self.gone.kept_hash:
            self._found(Finding(self._name, keys, "not what the entry of its archive says was left"))
