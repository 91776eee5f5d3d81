"""The record handed on: the same bytes every time, resumed, redacted, in each format."""

import csv
import hashlib
import json
import sys
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow.parquet as pq
import pytest
from sqlalchemy import Engine, select
from typer.testing import CliRunner, Result

from gateway.cli import export as command
from gateway.cli.main import app
from gateway.compliance.derive.window import Window
from gateway.compliance.export import run as export_module
from gateway.compliance.export.columns import Dataset, Redaction
from gateway.compliance.export.records import MESSAGES, RECORDS
from gateway.compliance.export.run import Written, export
from gateway.compliance.export.writers import Format, write_rows
from gateway.domain import venue_reports as v
from gateway.engine.clock import DAY
from gateway.errors import ConfigError
from gateway.store.database import open_database, open_for_reading
from gateway.store.tables import decisions, executions, messages, orders
from tests.fixtures.recorded import START, busy_day

FIRST_DAY = START // DAY * DAY
BOTH_DAYS = Window(FIRST_DAY, FIRST_DAY + 2 * DAY)
ALL = list(RECORDS.values())


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Engine]:
    engine = open_database(f"sqlite:///{tmp_path}/gateway.db", "sim")
    busy_day(engine)
    yield engine
    engine.dispose()


def exported(
    database: Engine,
    directory: Path,
    datasets: Sequence[Dataset] = ALL,
    shape: Format = Format.CSV,
    window: Window = BOTH_DAYS,
    redact: Sequence[int] = (),
) -> list[Written]:
    told: list[Written] = []
    reading = open_for_reading(database.url.render_as_string(hide_password=False))
    with reading.connect() as connection:
        export(connection, directory, datasets, shape, window, Redaction(redact), told.append)
    reading.dispose()
    return told


def contents(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def rows(directory: Path, name: str) -> list[dict[str, str]]:
    return [row for path in sorted(directory.glob(f"{name}-*.csv")) for row in csv.DictReader(path.open(newline=""))]


def test_all_is_there_and_the_same_bytes_come_again_whatever_happens_later(database_url: str, tmp_path: Path) -> None:
    database = open_database(database_url, "sim")
    day = busy_day(database)
    first = exported(database, tmp_path / "first")
    with database.connect() as connection:
        for table in (messages, orders, executions, decisions):
            count = len(connection.execute(select(table)).all())
            assert sum(done.records for done in first if done.name.startswith(table.name)) == count > 3
        stored = {row.order_id: row for row in connection.execute(select(orders))}
    assert len(first) == 8
    assert (tmp_path / "first").stat().st_mode & 0o777 == 0o700
    for row in rows(tmp_path / "first", "orders"):
        order = stored[row["order_id"]]
        assert (row["ord_status"], row["cl_ord_id"]) == (order.ord_status, order.cl_ord_id)
        assert Decimal(row["cum_qty"]) == order.cum_qty
    trade = rows(tmp_path / "first", "executions")[0]
    assert (trade["last_qty"], trade["commission"], trade["at"][-11:]) == ("0.4", "0.00000001", ".000000000Z")
    day.next_day()
    day.venue(v.VenueClosed, "O7", reason=v.CloseReason.CANCELED, cum_qty=Decimal(0))
    day.new("Z")
    day.commit()
    exported(database, tmp_path / "again")
    assert contents(tmp_path / "first") == contents(tmp_path / "again")
    # O6 rested over the end of the first day and was filled on the second; O7 was canceled on the third.
    exported(database, tmp_path / "early", window=Window(FIRST_DAY, FIRST_DAY + DAY))
    exported(database, tmp_path / "late", window=Window(FIRST_DAY, FIRST_DAY + 3 * DAY))
    found = [
        {row["order_id"]: row["ord_status"] for row in rows(tmp_path / name, "orders")}
        for name in ("early", "first", "late")
    ]
    assert [of["O6"] for of in found] == ["0", "2", "2"]
    assert [of["O7"] for of in found] == ["0", "0", "4"]
    database.dispose()


def test_the_manifest_has_what_is_there(database: Engine, tmp_path: Path) -> None:
    told = exported(database, tmp_path / "out", redact=[1])
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert (manifest["complete"], manifest["redacted"], manifest["format"]) == (True, [1, 58, 355], "csv")
    assert manifest["from"] == "2026-07-25T00:00:00.000000000Z"
    assert [file["name"] for file in manifest["files"]] == [done.name for done in told]
    for line in (tmp_path / "out" / "SHA256SUMS").read_text().splitlines():
        digest, name = line.split("  ")
        assert hashlib.sha256((tmp_path / "out" / name).read_bytes()).hexdigest() == digest
    assert len(contents(tmp_path / "out")) == len(told) + 2


def test_an_interrupted_export_goes_on_and_keeps_what_is_finished(
    database: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = exported(database, tmp_path / "whole")
    calls = 0

    def fails_in_the_third(path: Path, *arguments: Any) -> int:
        nonlocal calls
        calls += 1
        if calls == 3:
            path.write_bytes(b"half a")
            raise KeyboardInterrupt
        return write_rows(path, *arguments)

    monkeypatch.setattr(export_module, "write_rows", fails_in_the_third)
    with pytest.raises(KeyboardInterrupt):
        exported(database, tmp_path / "out")
    assert json.loads((tmp_path / "out" / "manifest.json").read_text())["complete"] is False
    (tmp_path / "out" / whole[0].name).write_bytes(b"altered")
    calls = 2
    with pytest.raises(KeyboardInterrupt):  # once more, before anything was finished
        exported(database, tmp_path / "out")
    told = exported(database, tmp_path / "out")
    assert [done.kept for done in told] == [False, True] + [False] * 6
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")
    calls = 10
    assert all(done.kept for done in exported(database, tmp_path / "out"))
    assert calls == 10


def test_a_directory_with_something_else_is_refused(database: Engine, tmp_path: Path) -> None:
    exported(database, tmp_path / "out")
    with pytest.raises(ConfigError, match="another export, whose 'redacted' is"):
        exported(database, tmp_path / "out", redact=[44])
    with pytest.raises(ConfigError, match="another export, whose 'format' is 'csv' and not 'parquet'"):
        exported(database, tmp_path / "out", shape=Format.PARQUET)
    with pytest.raises(ConfigError, match="is not empty"):
        exported(database, tmp_path)


def test_parquet_has_exact_values_and_the_same_bytes(database: Engine, tmp_path: Path) -> None:
    exported(database, tmp_path / "one", shape=Format.PARQUET)
    exported(database, tmp_path / "two", shape=Format.PARQUET)
    exported(database, tmp_path / "csv")
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    table = pq.read_table(tmp_path / "one" / "executions-2026-07-25.parquet")
    assert [str(table.schema.field(name).type) for name in ("at", "last_px")] == ["timestamp[ns, tz=UTC]", "string"]
    assert table.column("last_px").to_pylist() == [row["last_px"] for row in rows(tmp_path / "csv", "executions")][:5]
    sent = pq.read_table(tmp_path / "one" / "messages-2026-07-25.parquet")
    with database.connect() as connection:
        raw = connection.execute(select(messages.c.raw).order_by(messages.c.id)).scalars().all()
    assert sent.column("message").to_pylist() == raw[: sent.num_rows]
    assert sent.column("at").cast("int64")[0].as_py() == START + 1_000_000_000


@pytest.mark.parametrize("shape", list(Format))
def test_redacted_values_are_in_no_column_and_in_no_message(database: Engine, tmp_path: Path, shape: Format) -> None:
    datasets = [MESSAGES] if shape is Format.FIX else ALL
    seen, hidden = tmp_path / "seen", tmp_path / "hidden"
    exported(database, seen, datasets, shape)
    exported(database, hidden, datasets, shape, redact=[1, 6, 55, 44, 31])
    known, left = (b"".join(as_bytes(path) for path in sorted(where.iterdir())) for where in (seen, hidden))
    for value in (b"TRADING", b"BTCUSDT", b"97.5", b"MAX_ORDER_QTY limit=50"):
        assert value in known, value
        assert value not in left, value
    assert b"55=*******" in left
    assert b"|38=12|" in left or b"\x0138=12\x01" in left  # what is not redacted stays
    assert left.count(b"35=8") == known.count(b"35=8") > 10


def as_bytes(path: Path) -> bytes:
    """All values of a file; Parquet compresses them."""
    if path.suffix != ".parquet":
        return path.read_bytes()
    return repr(pq.read_table(path).to_pydict()).encode().replace(b"\\x01", b"\x01")


def test_text_that_is_no_message_is_redacted_whole() -> None:
    value = Redaction([44]).applied(MESSAGES.columns[-1:], iter([[b"35=D\x0144\x01secret"]]))
    assert list(value) == [[b"****\x01**\x01******"]]


# --- the command


@pytest.fixture
def config(database: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(command, "time", SimpleNamespace(time_ns=lambda: BOTH_DAYS.until + DAY))
    path = tmp_path / "gateway.toml"
    path.write_text(
        f'environment = "sim"\ndeployment = "gw"\ndatabase.url = "{database.url}"\n'
        f'engine.directory = "{tmp_path}/run"\n'
        '[compliance]\nredact = [44]\n[[venue_accounts]]\nname = "main"\n'
        '[[accounts]]\nname = "TRADING"\nvenue_account = "main"\n'
        '[[sessions]]\ntarget_comp_id = "DESK"\naccounts = ["TRADING"]\n'
    )
    return path


def fixgw(*arguments: object) -> Result:
    return CliRunner(env={"TZ": "UTC"}).invoke(app, [str(argument) for argument in arguments])


def test_the_command_writes_redacted_files_and_fix_text_that_is_imported_again(config: Path, tmp_path: Path) -> None:
    options = ("--config", config, "--date", "2026-07-25")
    result = fixgw("export", "records", "--into", tmp_path / "out", *options)
    assert result.exit_code == 0, result.output
    assert "44=***|" in (tmp_path / "out" / "messages-2026-07-25.csv").read_text()
    result = fixgw("export", "records", "--into", tmp_path / "text", *options, "--as", "fix")
    assert result.exit_code == 0, result.output
    text = tmp_path / "text" / "messages-2026-07-25.fix"
    imported = fixgw("replay", "import", text, "--into", tmp_path / "again.db")
    assert imported.exit_code == 0, imported.output
    shown = fixgw("messages", "--database", tmp_path / "again.db", "--all", "--as", "raw").stdout.splitlines()
    assert len(shown) == len(text.read_bytes().splitlines())


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ((), "which time? give --date, or --from and --to"),
        (("--from", "2026-07-25"), "which time? give --date, or --from and --to"),
        (("--date", "2026-07-28"), "must have been over for a minute"),
        (("--date", "2026-07-25", "--only", "limits"), "--only 'limits': one of messages, orders, executions"),
        (("--date", "2026-07-25", "--only", "orders", "--as", "fix"), "FIX text is of messages alone"),
        (("--from", "2001-01-01", "--to", "2026-01-01"), "at most 3,700 days at once"),
    ],
)
def test_what_cannot_be_exported_is_one_line(config: Path, tmp_path: Path, options: Any, problem: str) -> None:
    result = fixgw("export", "records", "--config", config, "--into", tmp_path / "out", *options)
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert problem in result.stderr
    assert not (tmp_path / "out").exists()


def test_without_pyarrow_it_says_what_to_install(config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    options = ("--config", config, "--into", tmp_path / "out", "--date", "2026-07-25", "--as", "parquet")
    result = fixgw("export", "records", *options)
    assert result.stderr == "Parquet needs pyarrow, which is not installed: pip install '.[parquet]'\n"
