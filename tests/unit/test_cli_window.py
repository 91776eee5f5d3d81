"""A span of time as it is asked for: what can be meant is meant, whatever the calendar allows besides."""

import pytest
import typer

from gateway.cli.window import asked_window
from gateway.compliance.derive.window import Window

DAY = 86_400 * 10**9
JAN_31 = 20_484 * DAY  # 2026-01-31


@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        ((None, None, None), Window()),
        (("2026-01-31", None, None), Window(JAN_31, JAN_31 + DAY)),
        ((None, "2026-01-31T01:00+01:00", "2026-01-31T00:00:00.000001"), Window(JAN_31, JAN_31 + 1000)),
        ((None, "2026-01-31", "9999-12-31"), Window(JAN_31)),
        ((None, "0001-01-01T00:00+14:00", "2026-01-31"), Window(0, JAN_31)),
    ],
)
def test_what_is_meant(asked: tuple[str | None, str | None, str | None], meant: Window) -> None:
    assert asked_window(*asked) == meant


@pytest.mark.parametrize(
    ("asked", "word"),
    [
        (("9999-12-31", None, None), "no record can be of 9999-12-31"),
        ((None, "2300-01-01", None), "no record can be of 2300-01-01"),
        (("2026-01-31T12:00", None, None), "not a day: '2026-01-31T12:00'; write 2026-01-31"),
        ((None, "today", None), "not a time: 'today'; write 2026-01-31 or 2026-01-31T09:30:00"),
        ((None, None, "1969-12-31"), "--from must be before --to"),
    ],
)
def test_what_cannot_be_meant(
    asked: tuple[str | None, str | None, str | None], word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit) as ended:
        asked_window(*asked)
    assert (ended.value.exit_code, capsys.readouterr().err) == (2, f"{word}\n")
