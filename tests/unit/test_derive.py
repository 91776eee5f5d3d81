"""What the journal makes is what is stored; and where a row was changed, that row is named."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, text

from gateway.compliance.derive import orders
from gateway.compliance.derive.difference import Difference
from gateway.compliance.derive.run import Derived, derive
from gateway.compliance.derive.window import Window
from gateway.domain import venue_reports as v
from gateway.fix.codec import Codec
from gateway.store.database import open_database
from gateway.store.dialects import one_moment
from gateway.store.floors import first_order_number, first_position, raise_floors
from tests.fixtures.recorded import START, RecordedDay, busy_day

_DAY = 86_400 * 1_000_000_000
_MIDNIGHT = (START // _DAY + 1) * _DAY


@pytest.fixture
def database(database_url: str) -> Iterator[Engine]:
    database = open_database(database_url, "sim")
    yield database
    database.dispose()


def derived(database: Engine, window: Window = Window()) -> tuple[Derived, list[Difference]]:  # noqa: B008 -- immutable
    found: list[Difference] = []
    with one_moment(database) as connection:
        return derive(connection, Codec(), window, 0, found.append), found


def test_all_kinds_of_orders_are_derived(database: Engine) -> None:
    busy_day(database)
    result, found = derived(database)
    assert not found, "\n".join(map(str, found))
    assert (result.orders, result.executions, result.positions) == (8, 7, 1)
    assert result.decisions == 10, "of eight orders, and of two replaces that limits looked at"
    assert result.answers == 6, "three that were asked for one by one, three by a mass status request"
    assert result.not_derivable == {"8": 1, "j": 1}, "the status of an unknown order, and a message nobody reads"
    for window in (Window(until=_MIDNIGHT), Window(since=_MIDNIGHT), Window(START + 5_000_000_000, _MIDNIGHT)):
        part, found = derived(database, window)
        assert not found, "\n".join(map(str, found))
        assert 0 < part.events < result.events
        assert (part.positions is None) is (window.until == _MIDNIGHT)


def test_a_time_without_events_has_the_positions_of_before(database: Engine) -> None:
    busy_day(database)
    result, found = derived(database, Window(since=_MIDNIGHT + 30 * _DAY))
    assert not found
    assert (result.events, result.positions) == (0, 1)


def test_orders_of_the_gateway_itself_are_told_to_drop_copies_alone(database: Engine) -> None:
    day = RecordedDay(database, copied_accounts=["TRADING"])
    day.new("A")
    day.venue(v.VenueAccepted, "O1")
    day.trade("O1", "T1", "1")
    day.closes("FLATTEN-1-1", "1", "99")
    day.venue(v.VenueAccepted, "O2")
    day.trade("O2", "T2", "1", "99")
    day.commit()
    result, found = derived(database)
    assert not found, "\n".join(map(str, found))
    assert (result.orders, result.executions) == (2, 2)
    own = "order_id = 'O2' AND report_id = (SELECT max(report_id) FROM reports)"
    (difference,) = changed(database, f"UPDATE reports SET body = replace(body, '31=99', '31=98') WHERE {own}")
    assert "31=98" in difference.text


def test_a_restored_database_goes_on_above_a_floor(database: Engine) -> None:
    day = RecordedDay(database)
    day.new("A")
    day.commit()
    with database.begin() as connection:
        raise_floors(connection, START)
        day.recorder.position, day.book.last_order_number = first_position(connection), first_order_number(connection)
    day.venue(v.VenueAccepted, "O1")
    day.new("B")
    day.commit()
    result, found = derived(database)
    assert not found, "\n".join(map(str, found))
    assert result.orders == 2


def test_orders_that_memory_does_not_keep_are_folded_again(database: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orders, "_AT_ONCE", 1)
    monkeypatch.setattr(orders.Orders.__init__, "__defaults__", (0,))
    busy_day(database)
    result, found = derived(database)
    assert not found, "\n".join(map(str, found))
    assert result.orders == 8


def changed(database: Engine, statement: str) -> list[Difference]:
    with database.begin() as connection:
        assert connection.execute(text(statement)).rowcount == 1, statement
    return derived(database)[1]


CHANGES = {
    "an order's price": ("UPDATE orders SET avg_px = '1' WHERE order_id = 'O1'", "orders", "O1", "avg_px: stored 1"),
    "an order gone": ("DELETE FROM orders WHERE order_id = 'O2'", "orders", "O2", "not stored"),
    "an order more": (
        (
            "INSERT INTO orders SELECT 'O99', session, cl_ord_id, first_cl_ord_id, account, venue_account, symbol, "
            "side, ord_type, time_in_force, order_qty, price, stop_px, cum_qty, avg_px, leaves_qty, ord_status, "
            "is_open, is_unknown, text, received_at, updated_at FROM orders WHERE order_id = 'O1'"
        ),
        "orders", "O99", "nothing in the journal makes it",
    ),
    "an execution": ("UPDATE executions SET last_px = '1' WHERE trade_id = '2'", "executions", "", "last_px: stored 1"),
    "an execution gone": ("DELETE FROM executions WHERE trade_id = '2'", "executions", "", "not stored"),
    "an execution more": (
        (
            "INSERT INTO executions SELECT 6, order_id, venue_account, symbol, side, '99', venue_order_id, last_qty, "
        "last_px, commission, commission_currency, liquidity, transact_time, at FROM executions WHERE trade_id = '2'"
        ),
        "executions", "position 6", "nothing in the journal makes it",
    ),
    "a position": ("UPDATE positions SET qty = '77'", "positions", "TRADING BTCUSDT", "qty: stored 77"),
    "what was earned today": ("UPDATE positions SET realized_today = '7'", "positions", "", "realized_today: stored 7"),
    "a fee": ("UPDATE positions SET fees = '{}'", "positions", "", "fees: stored {}"),
    "a decision": ("UPDATE decisions SET outcome = 'deny' WHERE order_id = 'O1'", "decisions", "", "outcome: stored"),
    "a decision's figures": (
        "UPDATE decisions SET inputs = REPLACE(inputs, '1', '99') WHERE order_id = 'O1'",
        "decisions", "position 1", "",
    ),
    "a decision's reason": (
        "UPDATE decisions SET text = 'other' WHERE order_id = 'O3'", "decisions", "", "text: stored other"
    ),
    "a decision gone": ("DELETE FROM decisions WHERE order_id = 'O3'", "decisions", "", "not stored"),
    "a report": (
        "UPDATE reports SET body = REPLACE(body, '31=100.5', '31=100.4') WHERE report_id = 6",
        "reports", "report 6", "stored 31=100.4, derived 31=100.5",
    ),
    "a report gone": ("DELETE FROM reports WHERE report_id = 6", "reports", "of position 5", "not stored"),
    "a report of another session": (
        "UPDATE reports SET session = 'X' WHERE report_id = 6", "reports", "report 6", "session: stored X"
    ),
    "a report more": (
        "INSERT INTO reports SELECT 1000, session, order_id, msg_type, body, at FROM reports WHERE report_id = 6",
        "reports", "report 1000", "nothing in the journal makes it",
    ),
    "a status report": (
        "UPDATE reports SET body = REPLACE(body, '39=0', '39=2') WHERE report_id = 3",
        "reports", "report 3", "not how the order O1 stood",
    ),
    "a refusal": (
        "UPDATE reports SET body = REPLACE(body, '102=1', '102=0') WHERE msg_type = '9' AND body LIKE '%11=E1%'",
        "reports", "", "stored 102=0, derived 102=1",
    ),
    "an event": (
        "UPDATE journal SET payload = REPLACE(payload, '\"0.6\"', '\"0.5\"') WHERE position = 5",
        "executions", "position 5", "last_qty: stored 0.6, derived 0.5",
    ),
    "an event's order": ("UPDATE journal SET order_id = 'O2' WHERE position = 5", "journal", "position 5", "order_id"),
    "an event gone": ("DELETE FROM journal WHERE position = 5", "journal", "position 5", "missing"),
    "an event of nonsense": ("UPDATE journal SET payload = '{}' WHERE position = 5", "journal", "position 5", ""),
}  # fmt: skip


@pytest.mark.parametrize("what", CHANGES)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_changed_row_is_named(database: Engine, what: str) -> None:
    statement, table, key, said = CHANGES[what]
    busy_day(database)
    found = changed(database, statement)
    assert any(d.table == table and key in d.key and said in d.text for d in found), "\n".join(map(str, found))
