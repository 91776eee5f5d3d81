"""Verifying: every seal's signature and place, and every record under it hashed again.

What a seal says is signed, so a record that was changed, left out, put in or moved cannot come to the same hash. Which
one it is, the digests tell that were kept with the seal; where those were changed too, the seal's range is named.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sqlalchemy import Connection

from gateway.compliance.audit.archived import ArchivedRecords
from gateway.compliance.audit.comparison import Comparison, Finding, Found, sealed_locators
from gateway.compliance.audit.keys import PublicKey
from gateway.compliance.audit.seals import Reached, Seal, stored_seals
from gateway.compliance.audit.streams import STREAMS, Chain, Stream, records
from gateway.compliance.retention.ledger import Entry

_ALL_TIME = 1 << 62


@dataclass(slots=True)
class Verified:
    """What was looked at. unsealed: records after the last seal, by table. days: UTC days of which there are seals."""

    seals: int = 0
    days: list[str] = field(default_factory=list)
    records: int = 0
    last_seal: Seal | None = None
    unsealed: dict[str, int] = field(default_factory=dict)
    findings: int = 0
    archived: int = 0  # records that are not here any more, as signed entries say
    entries: Mapping[tuple[str, str], Entry] = field(default_factory=dict)  # of these, by class and day


def verify(
    connection: Connection,
    key: PublicKey,
    found: Found,
    *,
    since: int = 0,
    until: int = _ALL_TIME,
    copies: Iterable[Seal] | None = None,
) -> Verified:
    """Check all seals, and the records of those between the times. copies: seals as they were kept elsewhere.

    connection: nothing was read on it yet; it should see one moment of the database.
    """
    return _Verification(connection, key, found, since, until).run(copies)


class _Verification:
    def __init__(self, connection: Connection, key: PublicKey, found: Found, since: int, until: int) -> None:
        self._connection = connection
        self._key = key
        self._told = found
        self._since, self._until = since, until
        self._result = Verified()
        self._reached: dict[str, Reached] = {}
        self._archived = ArchivedRecords(connection, key, self._found)

    def run(self, copies: Iterable[Seal] | None) -> Verified:
        kept = {seal.number: seal for seal in copies} if copies is not None else {}
        last: Seal | None = None
        for seal in stored_seals(self._connection):
            self._result.seals += 1
            copy = kept.pop(seal.number, None)
            if copy is not None and copy != seal:
                self._finds("seals", f"seal {seal.number}", "other than its copy")
            if self._check_seal(seal, last):
                self._check_records(seal, last)
            last = seal
        if last is None:
            self._finds("seals", "", "there are none")
        for number in sorted(kept):
            self._finds("seals", f"seal {number}", "missing: there is a copy of it")
        self._result.last_seal = last
        self._result.entries = self._archived.entries
        self._count_unsealed()
        return self._result

    def _check_seal(self, seal: Seal, last: Seal | None) -> bool:
        """Whether what it says can be believed."""
        which = f"seal {seal.number}"
        expected = last.number + 1 if last is not None else 1
        if seal.number != expected:
            text = f"seals {expected} to {seal.number - 1} are missing" if seal.number > expected else "out of order"
            self._finds("seals", which, text)
        try:
            signature = bytes.fromhex(seal.signature)
            content, _ = seal.fields, seal.reached
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            self._finds("seals", which, f"cannot be read: {error}")
            return False
        if not self._key.has_signed(seal.content.encode(), signature):
            self._finds("seals", which, f"not signed by the key {self._key.key_id} (it says {seal.key_id})")
            return False
        if content["day"] not in self._result.days[-1:]:
            self._result.days.append(content["day"])
        if (content["number"], content["at"]) != (seal.number, seal.at):
            self._finds("seals", which, f"signed as seal {content['number']} of {content['at']}")
        if content["previous"] != (last.hash if last is not None else ""):
            self._finds("seals", which, "does not follow from the seal before it")
        return True

    def _check_records(self, seal: Seal, last: Seal | None) -> None:
        is_asked_for = seal.at >= self._since and (last is None or last.at < self._until)
        for name, reached in seal.reached.items():
            before = self._reached.get(name, Reached())
            self._reached[name] = reached
            stream = STREAMS.get(name)
            if stream is None:
                self._finds(name, "", "sealed, and not known to this release")
            elif is_asked_for and (gone := self._archived.of(name, before.last, reached.last)) is not None:
                there = gone.check(self._connection, before, reached)
                self._result.records += there
                self._result.archived += reached.total - before.total - there
            elif is_asked_for:
                self._check_stream(stream, before, reached, seal.number)

    def _check_stream(self, stream: Stream, before: Reached, reached: Reached, number: int) -> None:
        chain, count = Chain(before.hash), 0
        named: list[Finding] = []
        sealed = sealed_locators(self._connection, stream.name, before.last, reached.last)
        compare = Comparison(stream.name, sealed, named.append)
        for record in records(self._connection, stream, reached.columns, before.last, reached.last):
            chain.add(record)
            compare.next(record)
            count += 1
        compare.finish()
        self._result.records += count
        if chain.hash == reached.hash and before.total + count == reached.total:
            if named:
                self._finds("digests", stream.name, f"changed: the records are as seal {number} says")
        elif named and compare.compared == reached.total - before.total:
            for finding in named:
                self._found(finding)
        else:
            keys = f"{stream.key} above {max(before.last, 0)} up to {reached.last}"
            text = f"not what seal {number} was made of; the digests that would tell more were changed as well"
            self._finds(stream.name, keys, text)

    def _count_unsealed(self) -> None:
        for name, stream in STREAMS.items():
            after = self._reached.get(name, Reached()).last
            count = sum(1 for _ in records(self._connection, stream, (), after))
            if count:
                self._result.unsealed[name] = count

    def _found(self, finding: Finding) -> None:
        self._result.findings += 1
        self._told(finding)

    def _finds(self, where: str, which: str, text: str) -> None:
        self._found(Finding(where, which, text))
