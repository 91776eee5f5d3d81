"""Days of the wire log that are archived: what is left goes on from what went."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.compliance.audit.comparison import Finding
from gateway.compliance.audit.sealing import DAY
from gateway.compliance.audit.seals import stored_seals
from gateway.compliance.audit.wire import verify_wire
from gateway.compliance.derive.window import Window
from gateway.compliance.retention.check import check_archive
from gateway.compliance.retention.ledger import newest_wire
from gateway.errors import ConfigError
from gateway.wire.records import Encoder, Kind, SegmentHeader, labels
from gateway.wire.segments import segment_files, segment_name
from tests.fixtures.recorded import START
from tests.fixtures.retention import NOW, Kept
from tests.unit.test_retention import hold

KEEP = {"wire_log": 5}
LABELS = labels("127.0.0.1:1", "FIX.4.4:FIXGW->DESK")


class Log:
    """Written day after day, two segments each."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir()
        self.directory, self.encoder, self.segment = directory, Encoder(0, bytes(32)), 0

    def day(self, day: str, at: int) -> None:
        for _ in range(2):
            self.segment += 1
            header = SegmentHeader(self.segment, at, START, self.encoder.number + 1, self.encoder.hash)
            data = self.encoder.begin_segment(header)
            data += b"".join(self.encoder.encode(at, Kind.OPENED, 0, 1, LABELS, b"text") for _ in range(3))
            (self.directory / segment_name(self.segment, day)).write_bytes(data)


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    """The days of which there are records in SQL too, and then today."""
    kept = Kept(f"sqlite:///{tmp_path / 'gateway.db'}", tmp_path)
    log = Log(kept.wire)
    log.day("20260725", START)
    log.day("20260726", START + DAY)
    kept.seal(NOW - DAY)
    log.day("20260824", NOW)
    kept.seal(NOW)
    yield kept
    kept.database.dispose()


def left(kept: Kept) -> list[int]:
    return [int(path.name[5:13]) for path in segment_files(kept.wire)]


def problems(kept: Kept) -> list[str]:
    found: list[Finding] = []
    with kept.database.connect() as connection:
        entry = newest_wire(kept.verified()[0].entries.values())
        verify_wire(kept.wire, stored_seals(connection), found.append, entry)
    return [str(finding) for finding in found]


def test_old_segments_go_and_the_rest_is_still_proved(kept: Kept) -> None:
    assert not problems(kept)
    done = kept.archive(keep=KEEP)
    assert [(one.day, one.records) for one in done] == [("2026-07-25", 2), ("2026-07-26", 2)]
    assert left(kept) == [5, 6]
    assert not problems(kept)
    assert not kept.verified()[1]
    assert kept.archive(keep=KEEP) == []
    for one in done:
        found: list[Finding] = []
        assert check_archive(kept.to / one.name, kept.key.public, found.append).wire_records == 6
        assert not found
    segment_files(kept.wire)[0].unlink()
    assert "does not go on from segment 4, record 12" in problems(kept)[0]


def test_what_was_cut_short_is_ended(kept: Kept) -> None:
    def at(name: str) -> None:
        if name == "segment":
            raise InterruptedError

    with pytest.raises(InterruptedError):
        kept.archive(at, keep=KEEP)
    assert left(kept) == [2, 3, 4, 5, 6]
    assert not problems(kept)
    kept.archive(keep=KEEP)
    assert left(kept) == [5, 6]
    assert not problems(kept)


def test_files_from_a_held_day_on_stay(kept: Kept) -> None:
    hold(kept, order="O1", span=Window(START + DAY, START + 2 * DAY))
    kept.archive(keep=KEEP)
    assert left(kept) == [3, 4, 5, 6]
    assert not problems(kept)


def test_a_log_that_is_damaged_is_not_archived(kept: Kept) -> None:
    first = segment_files(kept.wire)[0]
    first.write_bytes(first.read_bytes().replace(b"text", b"tixt", 1))
    with pytest.raises(ConfigError, match="damaged"):
        kept.archive(keep=KEEP)
    assert left(kept) == [1, 2, 3, 4, 5, 6]


def test_an_archive_of_another_database_is_not_taken_for_ours(kept: Kept, tmp_path: Path) -> None:
    """As after a restore: deleting by it would lose what it does not have."""
    other = tmp_path / "other"
    other.mkdir()
    stranger = Kept(f"sqlite:///{other / 'gateway.db'}", other)
    stranger.key = kept.key
    stranger.day.new("MORE")
    stranger.day.commit()
    stranger.seal()
    stranger.archive()
    stranger.database.dispose()
    stranger.to.rename(kept.to)
    second = f"at >= {START + DAY}"
    before = kept.count("journal", second)
    with pytest.raises(ConfigError, match="has other records of that day"):
        kept.archive()
    assert kept.count("journal", second) == before, "of the first day both have the same"
