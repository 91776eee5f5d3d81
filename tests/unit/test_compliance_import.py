"""fixgw replay import: other engines' logs in a database of their own."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Row, create_engine, select
from typer.testing import CliRunner, Result

from gateway.cli.main import app
from gateway.compliance.logs.imported import import_faults, import_files
from gateway.errors import ConfigError
from gateway.store.database import open_database, open_for_reading
from gateway.store.tables import messages
from tests.fixtures.logs import conversation, quickfix_log

QUICKFIX_NAME = "FIX.4.4-BROKER-CLIENT.messages.current.log"


def fixgw(*arguments: object) -> Result:
    return CliRunner(env={"COLUMNS": "200"}).invoke(app, [str(argument) for argument in arguments])


def imported(into: Path, *logs: Path, options: tuple[str, ...] = ()) -> tuple[dict[str, Any], list[Row[Any]]]:
    result = fixgw("replay", "import", *logs, "--into", into, "--json", *options)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout), stored(into)


def stored(database: Path) -> list[Row[Any]]:
    engine = open_for_reading(f"sqlite:///{database}")
    with engine.connect() as connection:
        rows = list(connection.execute(select(messages).order_by(messages.c.id)))
    engine.dispose()
    return rows


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("delimiter", [b"\x01", b"|", b"^A"])
def test_a_log_becomes_messages_and_a_report(tmp_path: Path, delimiter: bytes) -> None:
    log = written(tmp_path / QUICKFIX_NAME, b"garbage \xff\n" + quickfix_log(conversation(), delimiter))
    report, rows = imported(tmp_path / "it.db", log)
    assert [(row.direction, row.msg_type, row.msg_seq_num) for row in rows] == [
        ("in", "A", 1),
        ("out", "A", 1),
        ("in", "D", 2),
        ("out", "8", 2),
        ("out", "8", 3),
        ("in", "0", 6),
    ]
    assert rows[2].raw == conversation()[2][1]
    assert (rows[3].cl_ord_id, rows[3].order_id, rows[3].at) == ("ABC", "O1", 1769850001004000000)
    assert {row.session for row in rows} == {"FIX.4.4:BROKER->CLIENT"}
    (session,) = report["sessions"]
    assert (session["received"], session["sent"]) == ({"A": 1, "D": 1, "0": 1}, {"A": 1, "8": 2})
    assert (session["missing"], session["direction_is_guessed"]) == (3, False)
    assert report["gaps"] == [
        {"session": "FIX.4.4:BROKER->CLIENT", "epoch": 1, "direction": "in", "first": 3, "last": 5}
    ]
    assert report["latency_us"]["D"]["count"] == 1
    assert 3_960 <= report["latency_us"]["D"]["p50"] <= report["latency_us"]["D"]["max"] == 4_000
    assert report["faults"] == {}
    (file,) = report["files"]
    assert file["sha256"] == hashlib.sha256(log.read_bytes()).hexdigest()


def test_secrets_are_not_kept(tmp_path: Path) -> None:
    log = written(tmp_path / "it.log", quickfix_log(conversation()))
    _, rows = imported(tmp_path / "it.db", log)
    assert b"554=*******\x01" in rows[0].raw
    assert b"hunter2" not in (tmp_path / "it.db").read_bytes()


def test_faults_are_counted_named_and_kept(tmp_path: Path) -> None:
    lines = conversation()
    lines[2] = (lines[2][0], lines[2][1].replace(b"44=60000", b"44=70000"))
    lines[3] = (lines[3][0], lines[3][1].replace(b"\x019=", b"\x019=1"))
    lines.insert(5, ("09:00:02.000", lines[4][1]))
    log = written(tmp_path / QUICKFIX_NAME, quickfix_log(lines) + b"8=FIX.4.4|9=50|35=0|34=7|554=hunter2|\n")
    report, rows = imported(tmp_path / "it.db", log)
    assert report["faults"] == {"checksum": 2, "body_length": 1, "duplicate": 1, "incomplete": 1}
    assert len(rows) == 7
    engine = create_engine(f"sqlite:///{tmp_path}/it.db")
    with engine.connect() as connection:
        faults = list(connection.execute(select(import_faults)))
        files = list(connection.execute(select(import_files)))
    engine.dispose()
    duplicate = next(row for row in faults if row.kind == "duplicate")
    assert (duplicate.msg_seq_num, duplicate.direction, duplicate.file) == (3, "out", str(log))
    assert log.read_bytes()[duplicate.offset :].startswith(lines[4][1])
    assert {row.kind for row in faults} == {"checksum", "body_length", "duplicate", "incomplete", "gap"}
    assert not any("hunter2" in row.text for row in faults)
    assert files[0].messages == 8  # the one without an end included
    shown = fixgw("replay", "import", log, "--into", tmp_path / "again.db").stdout
    assert "checksum 2" in shown
    assert "in epoch 1: 3 to 5" in shown


def test_files_are_merged_by_time_and_sides_told_by_name_or_guess(tmp_path: Path) -> None:
    lines = conversation()
    one = written(tmp_path / "a.log", b"\n".join(text for _, text in lines if b"\x0149=CLIENT" in text))
    other = written(tmp_path / "b.log", b"\n".join(text for _, text in lines if b"\x0149=BROKER" in text))
    report, rows = imported(tmp_path / "guess.db", other, one)
    assert [row.raw[:40] for row in rows[1:]] == [text[:40] for _, text in lines[1:]]
    assert report["without_line_time"] == 6
    (session,) = report["sessions"]
    assert session["session"] == "FIX.4.4:BROKER->CLIENT"
    assert session["direction_is_guessed"]
    report, rows = imported(tmp_path / "named.db", one, other, options=("--we", "CLIENT"))
    (session,) = report["sessions"]
    assert session["session"] == "FIX.4.4:CLIENT->BROKER"
    assert not session["direction_is_guessed"]
    assert rows[0].direction == "out"


def test_no_gateway_runs_on_an_import(tmp_path: Path) -> None:
    log = written(tmp_path / "it.log", quickfix_log(conversation()))
    imported(tmp_path / "it.db", log)
    for environment in ("sim", "testnet", "live"):
        with pytest.raises(ConfigError, match="belongs to environment 'imported'"):
            open_database(f"sqlite:///{tmp_path}/it.db", environment)


def test_what_cannot_be_done_is_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    log = written(tmp_path / "it.log", quickfix_log(conversation()))
    there = written(tmp_path / "there.db", b"mine")
    result = fixgw("replay", "import", log, "--into", there)
    assert (result.exit_code, there.read_bytes()) == (2, b"mine")
    assert result.stderr.endswith("there.db is there already; name a new file\n")
    result = fixgw("replay", "import", log, tmp_path / "nix.log", "--into", tmp_path / "new.db")
    assert result.exit_code == 2
    assert result.stderr.endswith("nix.log: No such file or directory\n")
    (tmp_path / "directory").mkdir()  # found unreadable once the database is begun
    result = fixgw("replay", "import", log, tmp_path / "directory", "--into", tmp_path / "new.db")
    assert result.exit_code == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["directory", "it.log", "there.db"]


def test_logs_without_a_message_make_nothing_and_say_what_was_read(tmp_path: Path) -> None:
    one = written(tmp_path / "one.log", b"\x00\xff" * 1000)
    other = written(tmp_path / "other.log", b"started\n8=FIX.4.4|9=50|35=0|34=7|\n")
    result = fixgw("replay", "import", one, other, "--into", tmp_path / "it.db", "--json")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == (
        f"no FIX message was found (1 begun, without an end), so {tmp_path / 'it.db'} was not made; "
        f"read were {one}: 1 line, 2,000 bytes, {other}: 2 lines, 34 bytes. Are these message logs?\n"
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.log", "other.log"]


def test_a_log_without_a_message_is_named_beside_others(tmp_path: Path) -> None:
    empty = written(tmp_path / "none.log", b"started\nstopped")
    log = written(tmp_path / "it.log", quickfix_log(conversation()))
    result = fixgw("replay", "import", empty, log, "--into", tmp_path / "it.db")
    assert result.exit_code == 0
    assert f"{empty}: no FIX message in its 2 lines\n" in result.stdout
    assert f"{log}: no" not in result.stdout
