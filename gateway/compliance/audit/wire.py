"""The wire log under the seals: its records are chained as they are written; seals say what the chain had come to."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from loguru import logger

from gateway.compliance.audit.comparison import Finding, Found
from gateway.compliance.audit.seals import Seal
from gateway.compliance.retention.ledger import Entry, GoneWire
from gateway.wire.records import HEADER_BYTES, FormatError, decode_header
from gateway.wire.segments import LogReader, Problem, segment_files, segment_number


class WireHead:
    """Reads on in the wire log from seal to seal."""

    def __init__(self, directory: Path) -> None:
        self._reader = LogReader(directory)
        self._directory = directory

    def __call__(self) -> Mapping[str, object] | None:
        """Number and hash of the last whole record; None where there is no log, or nothing in it. Raises OSError."""
        if not self._directory.is_dir():
            return None
        for item in self._reader.read():
            if isinstance(item, Problem):
                logger.error("the wire log is damaged: {}", item)
        hash_ = self._reader.last_hash
        if hash_ is None or not self._reader.last_number:
            return None
        return {"record": self._reader.last_number, "hash": hash_.hex()}


def verify_wire(directory: Path, seals: Iterable[Seal], found: Found, entry: Entry | None = None) -> int:
    """Check every record, and that the chain had come to what the seals say. Returns how many records there are.

    entry: the newest by which segments were archived and deleted; what is left must follow from these. Raises OSError.
    """
    gone = entry.wire if entry is not None else None
    before = gone.record if gone is not None else 0
    sealed = {
        head["record"]: (seal.number, head["hash"])
        for seal in seals
        if (head := head_of(seal)) is not None and head["record"] > before
    }
    if gone is not None:
        _check_begin(directory, gone, found)
    reader = LogReader(directory)
    records = 0
    is_damaged = False
    for item in reader.read():
        if isinstance(item, Problem):
            is_damaged = is_damaged or not item.is_end
            found(Finding("wire log", item.segment, f"at byte {item.offset}: {item.text}"))
            continue
        records += 1
        number, at_seal = item.record.number, sealed.pop(item.record.number, None)
        if at_seal is not None and reader.last_hash is not None and reader.last_hash.hex() != at_seal[1]:
            text = f"it, or one before it, is other than seal {at_seal[0]} says; all were chained anew"
            found(Finding("wire log", f"record {number}", text))
    for number in sorted(sealed):
        found(Finding("wire log", f"record {number}", f"missing: seal {sealed[number][0]} says there was one"))
    return records


def _check_begin(directory: Path, gone: GoneWire, found: Found) -> None:
    """That the oldest segment goes on from the last that was archived, or is one of these."""
    first = segment_files(directory)[0]
    if segment_number(first) <= gone.segment:
        return  # deleting was cut short
    with first.open("rb") as file:
        try:
            header = decode_header(file.read(HEADER_BYTES))
        except FormatError:
            return  # reading the log names it
    begins = (header.number, header.first_record, header.previous)
    if begins != (gone.segment + 1, gone.record + 1, gone.hash):
        text = f"it does not go on from segment {gone.segment}, record {gone.record}, the last that was archived"
        found(Finding("wire log", first.name, text))


def has_segments(directory: Path) -> bool:
    """Whether a wire log is there."""
    return directory.is_dir() and bool(segment_files(directory))


def head_of(seal: Seal) -> dict[str, Any] | None:
    """How far the wire log went by this seal; None: it does not say."""
    try:
        head = seal.fields["wire"]
        return None if head is None else {"record": int(head["record"]), "hash": str(head["hash"])}
    except (ValueError, KeyError, TypeError):  # verifying the seal says so
        return None
