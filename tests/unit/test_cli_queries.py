"""fixgw orders, order and sessions on a database with known rows."""

import json
import os
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from gateway.cli.main import app
from gateway.cli.times import utc_text
from gateway.control.peer import login_name
from gateway.domain import events as e
from gateway.domain.positions import Position
from gateway.domain.values import LiquidityInd
from gateway.engine.clock import DAY
from gateway.store.batch import Batch
from gateway.store.codec import encode_event
from gateway.store.database import open_database
from gateway.store.positions import position_row
from gateway.store.rows import AlertRow, DecisionRow, HaltRow, JournalRow, VenueCallRow
from gateway.store.tables import halts
from gateway.store.writer import BatchWriter
from tests.fixtures.store_rows import AT, MESSAGE, ORDER, REPORT, SESSION, STATE

CONFIG = """
environment = "sim"
deployment = "test"
database.url = "sqlite:///{path}"
engine.directory = "{path}.run"
[[venue_accounts]]
name = "main"
[[accounts]]
name = "ACME"
venue_account = "main"
[[sessions]]
target_comp_id = "DESK"
accounts = ["ACME"]
"""
OTHER = "FIX.4.2:GATEWAY->OMS42"
MS = 1_000_000


def fix(**fields: str) -> bytes:
    pairs = {"8": "FIX.4.4", "9": "100", **{name.removeprefix("t"): value for name, value in fields.items()}}
    return "".join(f"{tag}={value}\x01" for tag, value in pairs.items()).encode()


def written_batch() -> Batch:
    batch = Batch()
    done = ORDER._replace(is_open=False, ord_status="2", cum_qty="2.50", leaves_qty="0", avg_px="100.10")
    batch.orders = {
        "1001": ORDER._replace(updated_at=AT + 9 * MS),
        "1002": done._replace(order_id="1002", cl_ord_id="B1", symbol="ETHUSDT", received_at=AT + 1),
        "1003": ORDER._replace(order_id="1003", cl_ord_id="C1", session=OTHER, received_at=AT + 2, is_unknown=True),
    }
    batch.sessions = {SESSION: STATE, OTHER: STATE._replace(session=OTHER, logged_on=False, last_logon_at=None)}
    fill = e.OrderFilled(
        order_id="1001",
        at=AT + 5 * MS,
        leg=1,
        trade_id="77",
        venue_order_id="5001",
        last_qty=Decimal("0.10"),
        last_px=Decimal("100.1"),
        commission=Decimal("0.001"),
        commission_currency="BNB",
        liquidity=LiquidityInd.ADDED,
        transact_time=AT,
    )
    batch.journal = [JournalRow(3, "1001", "OrderFilled", fill.at, encode_event(fill))]
    batch.decisions = [DecisionRow(3, "1001", "A1", SESSION, "accept", "", "", '{"limits":{"7":["0.5","0"]}}', AT)]
    batch.venue_calls = [
        VenueCallRow(AT + MS, "main", "out", "place", "1001", 2, 'order.place {"symbol":"BTCUSDT","quantity":"2.5"}'),
        VenueCallRow(AT + 3 * MS, "main", "in", "place", "1001", 2, '200 {"orderId":5001}'),
    ]
    batch.alerts = [
        AlertRow(AT + 4 * MS, "warning", "LATE", "a late answer", SESSION, "1001"),
        AlertRow(AT + 7 * MS, "critical", "KILL_SWITCH", "HALTED\x1b[2J"),
    ]
    request = fix(t35="D", t11="A1", t55="BTCUSDT", t54="1", t554="hunter2")
    report = fix(t35="8", t11="A1", t37="1001", t150="F", t39="1", t32="0.10")
    batch.messages = [
        MESSAGE._replace(direction="in", msg_type="D", report_id=None, raw=request),
        MESSAGE._replace(msg_seq_num=3, at=AT + 6 * MS, report_id=1, raw=report),
    ]
    batch.reports = [REPORT]
    return batch


@pytest.fixture
def config(tmp_path: Path) -> Path:
    database = open_database(f"sqlite:///{tmp_path}/gateway.db", "sim", "test")
    writer = BatchWriter(database)
    writer.commit(written_batch())
    writer.close()
    database.dispose()
    path = tmp_path / "gateway.toml"
    path.write_text(CONFIG.format(path=tmp_path / "gateway.db"))
    return path


def fixgw(config: Path, *arguments: str, columns: int = 160) -> Result:
    return CliRunner(env={"COLUMNS": str(columns)}).invoke(app, [*arguments, "--config", str(config)])


def json_lines(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_orders_shows_states_by_name_newest_first(config: Path) -> None:
    head, *lines = fixgw(config, "orders").stdout.splitlines()
    names = "OrderID ClOrdID Client Symbol Side Type Qty Price CumQty Leaves AvgPx Status Updated"
    assert head.split() == names.split()
    assert [line.split()[0] for line in lines] == ["1003", "1002", "1001"]
    assert "New, outcome unknown" in lines[0]
    assert " ".join(lines[1].split()).startswith("1002 B1 DESK ETHUSDT Buy Limit 2.5 100.1 2.5 0 100.1 Filled ")


def test_orders_fits_a_narrow_terminal(config: Path) -> None:
    lines = fixgw(config, "orders", columns=80).stdout.splitlines()
    assert all(len(line) <= 80 for line in lines)
    filled = next(line for line in lines if line.startswith("1002"))
    assert filled.split() == ["1002", "B1", "ETHUSDT", "Buy", "2.5", "100.1", "2.5", "0", "Filled"]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--open"], ["1003", "1001"]),
        (["--symbol", "ETHUSDT"], ["1002"]),
        (["--session", "DESK"], ["1002", "1001"]),
        (["--session", OTHER], ["1003"]),
        (["--limit", "1"], ["1003"]),
        (["--symbol", "XRPUSDT"], []),
    ],
)
def test_orders_narrows(config: Path, options: list[str], expected: list[str]) -> None:
    assert [row["order_id"] for row in json_lines(fixgw(config, "orders", "--json", *options))] == expected


def test_orders_as_json_keeps_digits_and_names_states(config: Path) -> None:
    row = json_lines(fixgw(config, "orders", "--json"))[2]
    assert (row["order_qty"], row["price"], row["stop_px"]) == ("2.50", "100.10", None)
    assert (row["side"], row["ord_type"], row["ord_status"], row["is_open"]) == ("BUY", "LIMIT", "NEW", True)
    assert row["received_at"] == "2026-07-25T17:20:00.123456789Z"


def test_an_unknown_session_is_answered_with_those_there_are(config: Path) -> None:
    result = fixgw(config, "orders", "--session", "NIX")
    assert result.exit_code == 2
    assert result.stderr == f"no session 'NIX'; there are: {OTHER}, {SESSION}\n"


def test_an_account_that_there_is_not_is_told_from_one_without_positions(config: Path) -> None:
    there = fixgw(config, "positions", "--account", "ACME")
    assert (there.exit_code, there.output) == (0, "no positions\n")
    slip = fixgw(config, "positions", "--account", "ACNE", "--json")
    assert (slip.exit_code, slip.output) == (2, "no account 'ACNE'; there are: ACME\n")


def test_what_a_position_did_today_is_of_today(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A position that nothing moved since midnight is stored as it was on a day before."""
    today = AT // DAY * DAY
    fees = {"BTC": Decimal("0.1")}
    moved = Position(qty=Decimal(2), cost=Decimal(10), realized_today=Decimal("1.50"), fees=fees, fees_today=fees)
    batch = Batch()
    for symbol, day in (("NEW", today), ("OLD", today - DAY)):
        batch.positions["ACME", symbol] = position_row("ACME", symbol, moved, day)
    database = open_database(f"sqlite:///{config.parent}/gateway.db", "sim", "test")
    writer = BatchWriter(database)
    writer.commit(batch)
    writer.close()
    database.dispose()
    monkeypatch.setattr(time, "time_ns", lambda: AT)
    new, old = json_lines(fixgw(config, "positions", "--json"))
    assert (new["realized_today"], new["fees_today"]) == ("1.50", {"BTC": "0.1"})
    assert (old["realized_today"], old["fees_today"], old["fees"], old["qty"]) == ("0", {}, {"BTC": "0.1"}, "2")
    assert new["day"] == old["day"] == "2026-07-25T00:00:00.000000000Z"


def test_sessions_shows_state_and_numbers(config: Path) -> None:
    _, oms, desk = fixgw(config, "sessions").stdout.splitlines()
    assert desk.split()[:3] == [SESSION, "logged", "on"]
    assert desk.split()[3:6] == ["1", "5", "7"]
    assert oms.startswith(f"{OTHER} ")
    assert "logged off" in oms
    assert "never" in oms


def test_sessions_as_json(config: Path) -> None:
    desk = json_lines(fixgw(config, "sessions", "--json"))[1]
    assert (desk["session"], desk["logged_on"], desk["next_in"], desk["next_out"]) == (SESSION, True, 5, 7)
    assert desk["last_logon_at"] == "2026-07-25T17:20:00.123456789Z"
    assert desk["last_logout_at"] is None


@pytest.mark.parametrize("name", ["1001", "A1"])
def test_an_orders_story_is_told_in_time_order(config: Path, name: str) -> None:
    lines = fixgw(config, "order", name).stdout.splitlines()
    told = lines[lines.index("") :]
    told = [line for line in told[told.index("", 1) + 1 :] if line.strip()]
    expected = [
        ("FIX in", "NewOrderSingle ClOrdID=A1", ""),
        ("decision", "risk passes (1 limit)", ""),
        ("venue out", "order.place {symbol:BTCUSDT, quantity:2.5}", "+1.0 ms"),
        ("venue in", "200 {orderId:5001}", "+2.0 ms"),
        ("alert", "LATE a late answer", "+1.0 ms"),
        ("event", "OrderFilled leg=1 trade_id=77 venue_order_id=5001 last_qty=0.10", "+1.0 ms"),
        ("FIX out", "ExecutionReport ExecType=Trade(F) OrdStatus=PartiallyFilled(1)", "+1.0 ms"),
    ]
    starts = [line for line in told if line[:2].isdigit()]
    assert len(starts) == len(expected)
    for line, (kind, text, since) in zip(starts, expected, strict=True):
        assert kind in line
        assert text in line
        assert since in line
    assert "hunter2" not in "".join(told)


def test_an_orders_story_as_json(config: Path) -> None:
    told = json.loads(fixgw(config, "order", "1001", "--json").stdout)
    assert told["order"]["order_id"] == "1001"
    kinds = [entry["kind"] for entry in told["story"]]
    assert kinds == ["FIX in", "decision", "venue out", "venue in", "alert", "event", "FIX out"]
    assert told["story"][0]["fields"]["Password"] == "*******"
    assert told["story"][1]["inputs"] == {"limits": {"7": ["0.5", "0"]}}
    assert told["story"][3]["since_previous_us"] == 2000
    assert told["story"][6]["fields"]["ExecType"] == "F"


def test_an_order_that_is_not_there_is_one_line(config: Path) -> None:
    result = fixgw(config, "order", "nix")
    assert result.exit_code == 2
    assert result.stderr == "no order has the OrderID or ClOrdID 'nix'; fixgw orders lists them\n"


def test_halts_say_who_has_armed_them(config: Path, tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path / 'gateway.db'}", "sim")
    with database.begin() as connection:
        row = HaltRow("ACME", "", "", "", "", "halted", "why", 0, "root", AT, -1, 0)
        armed = row._replace(account="OTHER", armed_by_uid=os.getuid(), armed_at=AT)
        connection.execute(halts.insert(), [row._asdict(), armed._asdict()])
    database.dispose()
    lines = fixgw(config, "halts").stdout.splitlines()
    assert lines[0].split()[-2:] == ["Armed", "by"]
    assert lines[1].split()[-2:] == ["root", "why"]
    assert lines[2].split()[-3] == login_name(os.getuid())


def test_alerts_are_told_the_newest_last(config: Path) -> None:
    late, kill = fixgw(config, "alerts").stdout.splitlines()
    assert late.endswith("warning  LATE a late answer  session=DESK  order=1001")
    assert kill.endswith(r"critical KILL_SWITCH HALTED\x1b[2J")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--critical"], ["KILL_SWITCH"]),
        (["--code", "late"], ["LATE"]),
        (["--code", "LATE", "--code", "KILL_SWITCH"], ["LATE", "KILL_SWITCH"]),
        (["--session", "DESK"], ["LATE"]),
        (["--limit", "1"], ["KILL_SWITCH"]),
        (["--date", "2001-01-01"], []),
        (["--from", utc_text(AT + 5 * MS) or ""], ["KILL_SWITCH"]),
        (["--to", utc_text(AT + 5 * MS) or ""], ["LATE"]),
    ],
)
def test_alerts_narrows(config: Path, options: list[str], expected: list[str]) -> None:
    told = json_lines(fixgw(config, "alerts", "--json", *options))
    assert [alert["code"] for alert in told] == expected


def test_alerts_as_json(config: Path) -> None:
    assert json_lines(fixgw(config, "alerts", "--json"))[0] == {
        "id": 1,
        "at": utc_text(AT + 4 * MS),
        "severity": "warning",
        "code": "LATE",
        "text": "a late answer",
        "session": SESSION,
        "order_id": "1001",
    }


def test_no_alerts_is_one_line(config: Path) -> None:
    assert fixgw(config, "alerts", "--code", "NIX").stdout == "no alerts\n"
