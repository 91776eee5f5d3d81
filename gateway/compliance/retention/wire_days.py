"""The wire log's segments, day by day. Only the oldest can go, so that what is left still follows from what went."""

from pathlib import Path

from gateway.compliance.retention.archive import WireSegments
from gateway.compliance.retention.days import SealedDay
from gateway.compliance.retention.ledger import GoneWire
from gateway.errors import ConfigError
from gateway.wire.records import HEADER_BYTES, FormatError, SegmentHeader, decode_header
from gateway.wire.segments import LogReader, Problem, segment_files


def wire_files(directory: Path, day: SealedDay) -> list[Path]:
    """The segments begun up to the day's end that may go: all but the newest. Raises OSError."""
    if not directory.is_dir():
        return []
    until = day.day.replace("-", "")
    return [path for path in segment_files(directory)[:-1] if _day_of(path) <= until]


def segments_of(directory: Path, files: list[Path], day: SealedDay, sealed: int) -> WireSegments:
    """What they come to. sealed: the newest record that a seal vouches for.

    Raises ConfigError where they are damaged, or were not sealed; OSError.
    """
    header, last = _header(files[0]), _header(files[-1])
    reader = LogReader(directory, files[0])
    end: GoneWire | None = None
    for item in reader.read():
        if isinstance(item, Problem):
            if not item.is_end and item.segment <= files[-1].name:
                raise ConfigError(f"the wire log is damaged, so it is not archived: {item}")
            continue
        if item.segment > files[-1].name:
            break
        assert reader.last_hash is not None
        end = GoneWire(len(files), last.number, item.record.number, reader.last_hash)
    if end is None:
        raise ConfigError(f"the wire log of {day.day} has no records")
    if last.first_record > end.record:  # nothing came after its header
        end = end._replace(hash=last.hash)
    if end.record > sealed:
        raise ConfigError(f"the wire log of {day.day} is not sealed up to its end, record {end.record}")
    return WireSegments(files, header.previous, header.first_record, end)


def _header(path: Path) -> SegmentHeader:
    with path.open("rb") as file:
        try:
            return decode_header(file.read(HEADER_BYTES))
        except FormatError as error:
            raise ConfigError(f"the wire log is damaged, so it is not archived: {path.name}: {error}") from error


def _day_of(path: Path) -> str:
    return path.stem.rpartition("-")[2]
