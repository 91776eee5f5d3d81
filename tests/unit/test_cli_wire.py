"""Where `fixgw wire --from` begins to read."""

from pathlib import Path

from gateway.cli.wire import _SLACK, _first_segment
from tests.fixtures.wire_logs import write_segments


def test_what_was_recorded_late_is_not_passed_over(tmp_path: Path) -> None:
    """A segment that begins with a late record can be behind one that has what is asked for."""
    files, _ = write_segments(tmp_path, 1, 1, 1)  # begun at 0, 1000 and 2000 ns
    assert _first_segment(tmp_path, _SLACK + 1_500) == files[1]
    assert _first_segment(tmp_path, _SLACK + 2_000) == files[2]
    assert _first_segment(tmp_path, 2_000) is None, "the whole log"
