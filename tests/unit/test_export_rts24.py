"""Order record keeping in the layout of RTS 24: the table of fields, and what comes out of a recorded day."""

import csv
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, select, update
from typer.testing import CliRunner

from gateway.cli.main import app
from gateway.compliance.derive.window import Window
from gateway.compliance.export import rts24_rows
from gateway.compliance.export.columns import Redaction
from gateway.compliance.export.rts24 import FIELDS, Available
from gateway.compliance.export.rts24_rows import RTS24
from gateway.compliance.export.run import export
from gateway.compliance.export.writers import Format
from gateway.domain import venue_reports as v
from gateway.domain.values import LiquidityInd
from gateway.engine.clock import DAY
from gateway.errors import JournalUnreadable
from gateway.store.database import open_database
from gateway.store.tables import journal
from tests.fixtures.recorded import START, busy_day

FIRST_DAY = START // DAY * DAY


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Engine]:
    engine = open_database(f"sqlite:///{tmp_path}/gateway.db", "sim")
    day = busy_day(engine)
    day.says(  # O9
        "35=D|11=STOP|55=BTCUSDT|54=2|38=0.30|40=4|44=90|99=91|59=6|126=20260801-12:00:00.123|"
        "48=DE000A1EWWW0|22=4|15=EUR|528=P|1=TRADING"
    )
    day.venue(v.VenueAccepted, "O9")
    day.says("35=D|11=POST|55=BTCUSDT|54=1|38=2|40=2|44=80|59=1|18=6")  # O10
    day.venue(v.VenueAccepted, "O10")
    day.venue(
        v.VenueTraded, "O10", trade_id="31", last_qty=Decimal("0.5"), last_px=Decimal(80), commission=Decimal(0),
        commission_currency="BNB", transact_time=START, liquidity=LiquidityInd.ADDED,
    )  # fmt: skip
    day.commit()
    yield engine
    engine.dispose()


def exported(database: Engine, directory: Path, *redact: int) -> list[dict[str, str]]:
    with database.connect() as connection:
        window = Window(FIRST_DAY, FIRST_DAY + 3 * DAY)
        export(connection, directory, [RTS24], Format.CSV, window, Redaction(redact), lambda _: None)
    return [row for path in sorted(directory.glob("rts24-*.csv")) for row in csv.DictReader(path.open(newline=""))]


def shown(rows: list[dict[str, str]], order_id: str, *numbers: int) -> list[list[str]]:
    """These fields of an order's rows."""
    names = {int(name.split(" ")[0]): name for name in rows[0]}
    return [[row[names[number]] for number in numbers] for row in rows if row[names[20]] == order_id]


def test_a_row_for_each_event_with_its_code_and_what_is_left(database: Engine, tmp_path: Path) -> None:
    rows = exported(database, tmp_path / "out")
    assert shown(rows, "O1", 21, 28, 39, 37, 33) == [
        ["NEWO", "", "", "1", "INAC"],
        ["PARF", "100", "0.4", "0.6", "ACTI"],
        ["FILL", "100.5", "0.6", "0", "INAC"],
    ]
    assert shown(rows, "O2", 21, 24, 36) == [
        ["NEWO", "100", "10"], ["REME", "101", "12"], ["PARF", "101", "12"], ["CAME", "101", "12"],
    ]  # fmt: skip
    assert [row[0] for row in shown(rows, "O3", 21)] == ["NEWO", "REMO"]
    assert ["REMO", "DESK", "BTCUSDT", "BUYI"] in shown(rows, "", 21, 1, 17, 32)  # which never became an order
    assert shown(rows, "O9", 1, 3, 7, 10, 12, 18, 22, 23, 24, 26, 29, 32, 36)[0] == [
        "DESK", "TRADING", "DEAL", "GTSV", "2026-08-01T12:00:00.123000Z", "DE000A1EWWW0", "STOP_LIMIT", "STOP", "90",
        "91", "EUR", "SELL", "0.30",
    ]  # fmt: skip
    assert shown(rows, "O10", 43, 38, 44, 48) == [["true", "", "", ""], ["true", "1.5", "PASV", "31"]]
    assert rows[0]["9 Date and time"] == "2026-07-25T17:20:01.000000Z"
    numbers = [int(row["15 Sequence number"]) for row in rows]
    assert numbers == sorted(set(numbers))


def test_orders_that_left_the_memory_are_folded_again(
    database: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = exported(database, tmp_path / "out")
    monkeypatch.setattr(rts24_rows, "KEPT", 1)
    assert exported(database, tmp_path / "again") == expected


def test_an_order_whose_beginning_is_gone_is_not_told_without_it(database: Engine, tmp_path: Path) -> None:
    """What came before the span is needed to tell what came in it."""
    second_day = FIRST_DAY + DAY
    with database.begin() as connection:
        later = set(connection.execute(select(journal.c.order_id).where(journal.c.at >= second_day)).scalars())
        earlier = select(journal.c.order_id, func.max(journal.c.position)).where(journal.c.at < second_day)
        last = {row[0]: row[1] for row in connection.execute(earlier.group_by(journal.c.order_id))}
        order_id = min((later & last.keys()) - {""})
        connection.execute(update(journal).where(journal.c.position == last[order_id]).values(payload="{}"))
    window = Window(second_day, second_day + DAY)
    with database.connect() as connection, pytest.raises(JournalUnreadable, match="cannot be read"):
        export(connection, tmp_path / "out", [RTS24], Format.CSV, window, Redaction(()), print)


def test_what_is_said_to_be_available_is_there_and_nothing_else(database: Engine, tmp_path: Path) -> None:
    rows = exported(database, tmp_path / "out")
    filled = {name for row in rows for name, value in row.items() if value}
    assert filled == {field.column for field in FIELDS if field.available is not Available.NO}


def test_the_table_has_every_field_once_with_its_source() -> None:
    assert [field.number for field in FIELDS] == list(range(1, 52))
    assert all(field.name and field.source for field in FIELDS)
    assert [column.name for column in RTS24.columns] == [f"{field.number} {field.name}" for field in FIELDS]
    printed = CliRunner().invoke(app, ["export", "rts24-fields", "--csv"]).stdout.splitlines()
    assert [tuple(line) for line in csv.reader(printed[1:])] == [
        (str(field.number), field.name, field.available.value, field.source) for field in FIELDS
    ]
    assert "Transaction price" in CliRunner().invoke(app, ["export", "rts24-fields"]).stdout


def test_redacted_tags_are_hidden_here_too(database: Engine, tmp_path: Path) -> None:
    rows = exported(database, tmp_path / "out", 1, 44, 31, 99)
    assert shown(rows, "O9", 3, 24, 26, 36)[0] == ["***", "***", "***", "0.30"]
    assert shown(rows, "O1", 24, 28) == [["***", ""], ["***", "***"], ["***", "***"]]
