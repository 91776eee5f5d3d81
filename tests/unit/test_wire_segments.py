"""Damage to the wire log's segments is found, named, and read past."""

from pathlib import Path

import pytest

from gateway.wire.records import MARKER
from gateway.wire.segments import Found, LogReader
from tests.fixtures.wire_logs import read_log, sound, write_segments


@pytest.fixture
def log(tmp_path: Path) -> tuple[list[Path], list[list[int]]]:
    return write_segments(tmp_path, 5, 5, 5)


Log = tuple[list[Path], list[list[int]]]


def numbers(directory: Path) -> list[int]:
    return [record.number for record in read_log(directory)[0]]


def test_a_sound_log_is_read_in_order(log: Log, tmp_path: Path) -> None:
    assert [(record.number, record.text) for record in sound(tmp_path)] == [
        (n, f"message {n:03}") for n in range(1, 16)
    ]
    assert [r.number for r in read_log(log[0][0].parent)[0]] == list(range(1, 16))


def test_a_changed_byte_is_found_in_its_record(log: Log, tmp_path: Path) -> None:
    """Whichever it is, and all other records are still read."""
    file, places = log[0][1], log[1][1]
    original = file.read_bytes()
    for offset in range(places[2], places[3]):
        file.write_bytes(original[:offset] + bytes([original[offset] ^ 1]) + original[offset + 1 :])
        found, problems = read_log(tmp_path)
        assert problems, f"byte {offset}"
        assert f"{file.name} at byte {places[2]}:" in problems[0]
        others = {record.number for record in found if record.text == f"message {record.number:03}"} - {8}
        assert others == set(range(1, 16)) - {8}, f"byte {offset}"


def test_a_changed_header_is_found(log: Log, tmp_path: Path) -> None:
    file = log[0][1]
    original = file.read_bytes()
    for offset in range(log[1][1][0]):
        file.write_bytes(original[:offset] + bytes([original[offset] ^ 1]) + original[offset + 1 :])
        found, problems = read_log(tmp_path)
        assert problems, f"byte {offset}"
        assert file.name in problems[0]
        assert [record.number for record in found] == list(range(1, 16))


def test_a_missing_record_is_named(log: Log, tmp_path: Path) -> None:
    file, places = log[0][1], log[1][1]
    data = file.read_bytes()
    file.write_bytes(data[: places[1]] + data[places[3] :])
    found, problems = read_log(tmp_path)
    assert [problem.partition(": ")[2] for problem in problems] == ["records 7 to 8 are missing"]
    assert [record.number for record in found] == [*range(1, 7), *range(9, 16)]


def test_records_in_another_order_are_named(log: Log, tmp_path: Path) -> None:
    file, (_, one, two, three, _) = log[0][1], log[1][1]
    data = file.read_bytes()
    file.write_bytes(data[:one] + data[two:three] + data[one:two] + data[three:])
    _, problems = read_log(tmp_path)
    assert "record 7 is missing" in problems[0]
    assert "record 7 comes after record 8" in problems[1]


def test_a_missing_segment_is_named(log: Log, tmp_path: Path) -> None:
    log[0][1].unlink()
    found, problems = read_log(tmp_path)
    assert [problem.partition(": ")[2] for problem in problems] == ["segment 2 is missing"]
    assert [record.number for record in found] == [*range(1, 6), *range(11, 16)]


def test_older_segments_may_have_been_taken_away(log: Log, tmp_path: Path) -> None:
    log[0][0].unlink()
    assert [record.number for record in sound(tmp_path)] == list(range(6, 16))


def test_a_segment_of_another_log_does_not_fit(log: Log, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    others, _ = write_segments(tmp_path / "other", 4, 6, 5)
    log[0][2].write_bytes(others[2].read_bytes())
    _, problems = read_log(tmp_path)
    assert "it does not follow from record 10" in problems[0]


@pytest.mark.parametrize("segment", [0, 2])
def test_a_torn_end_is_told_wherever_it_is_cut(log: Log, tmp_path: Path, segment: int) -> None:
    """As after a kill: at the end of the log, or before the segment of the front that was started next."""
    file, places = log[0][segment], log[1][segment]
    original = file.read_bytes()
    for end in range(places[4] + 1, len(original)):
        file.write_bytes(original[:end])
        found, problems = read_log(tmp_path)
        assert f"{file.name} at byte {places[4]}: an incomplete record after record {5 * segment + 4}" in problems[0]
        assert [record.number for record in found] == [n for n in range(1, 16) if n != 5 * segment + 5]


def test_what_looks_like_a_record_inside_of_a_torn_one_is_none(tmp_path: Path) -> None:
    """A client can send anything, but not guess numbers."""
    (tmp_path / "fake").mkdir()
    fake, places = write_segments(tmp_path / "fake", 300)
    inside = fake[0].read_bytes()[places[0][250] :]
    (file,), _ = write_segments(tmp_path, 3)
    file.write_bytes(file.read_bytes() + MARKER + (1 << 20).to_bytes(4) + bytes(8) + inside)
    found, problems = read_log(tmp_path)
    assert [record.number for record in found] == [1, 2, 3]
    assert "an incomplete record after record 3" in problems[0]


def test_garbage_between_records_is_read_past(log: Log, tmp_path: Path) -> None:
    file, places = log[0][1], log[1][1]
    data = file.read_bytes()
    file.write_bytes(data[: places[2]] + MARKER * 7 + b"garbage" + data[places[2] :])
    found, problems = read_log(tmp_path)
    assert "35 bytes after record 7 cannot be read" in problems[0]
    assert [record.number for record in found] == list(range(1, 16))


def test_a_file_that_is_none_of_ours_is_said(log: Log, tmp_path: Path) -> None:
    log[0][1].write_bytes(b"x" * 1000)
    (tmp_path / "notes.txt").write_text("not looked at")
    found, problems = read_log(tmp_path)
    assert "does not begin as a segment does" in problems[0]
    assert "1000 bytes" in problems[1] or "bytes after record 5 cannot be read" in problems[1]
    assert [record.number for record in found] == [*range(1, 6), *range(11, 16)]


def test_a_log_is_followed_while_it_grows(tmp_path: Path) -> None:
    (tmp_path / "made").mkdir()
    made, _ = write_segments(tmp_path / "made", 5, 5)
    whole = [path.read_bytes() for path in made]
    reader, seen = LogReader(tmp_path), []
    for data, path in zip(whole, made, strict=True):
        for size in range(0, len(data) + 1, 17):
            (tmp_path / path.name).write_bytes(data[:size])
            seen += list(reader.read())
        (tmp_path / path.name).write_bytes(data)
    seen += list(reader.read())
    assert [found.record.number for found in seen if isinstance(found, Found)] == list(range(1, 11))
    assert len(seen) == 10
    assert reader.unfinished is None
