"""What the engine and people read back."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from decimal import Decimal

import pytest
from sqlalchemy import Connection, Engine, event

from gateway.domain import events as e
from gateway.domain.values import LiquidityInd
from gateway.store import queries, readers
from gateway.store.batch import Batch
from gateway.store.codec import encode_event
from gateway.store.database import open_database
from gateway.store.rows import AlertRow, DecisionRow, IntentRow, JournalRow, VenueCallRow
from gateway.store.writer import BatchWriter
from tests.fixtures.store_rows import AT, EXECUTION, MESSAGE, ORDER, REPORT, SESSION, STATE, journal_row, received

OTHER = "FIX.4.2:GATEWAY->OTHER"


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    engine = open_database(database_url, "sim")
    yield engine
    engine.dispose()


def write(engine: Engine, batch: Batch) -> None:
    with closing(BatchWriter(engine)) as writer:
        writer.commit(batch)


@pytest.fixture
def connection(engine: Engine) -> Iterator[Connection]:
    """Open it after what is written: engine connections on SQLite start for writing."""
    with engine.connect() as connection:
        yield connection
        connection.rollback()


def expired(order_id: str) -> e.OrderExpired:
    return e.OrderExpired(order_id=order_id, at=AT, text="")


def test_an_empty_database_reads_as_a_beginning(connection: Connection) -> None:
    assert list(readers.load_open_events(connection, 0)) == []
    assert readers.load_positions(connection, 0) == {}
    assert readers.last_position(connection) == 0
    assert readers.last_report_id(connection) == 0
    assert readers.last_order_number(connection) == 0
    assert readers.load_sessions(connection) == []
    assert readers.unsent_reports(connection, SESSION, 0) == []
    assert list(readers.sent_messages(connection, SESSION, 1)) == []
    assert queries.find_orders(connection, queries.OrderFilter()) == []
    assert queries.order_story(connection, "1001") is None
    assert queries.find_order_ids(connection, "1001") == []


class TestStart:
    """Which orders are loaded whole, and that the rest counts in positions: together, each exactly once."""

    @pytest.fixture(autouse=True)
    def _orders(self, engine: Engine) -> None:
        batch = Batch()
        happened = [
            received("1"),
            received("2"),
            expired("2"),
            received("3"),
            received("4"),
            expired("3"),
            expired("4"),
        ]
        happened.append(e.VenueReportIgnored(order_id="", at=AT, text="of no order"))
        batch.journal = [journal_row(n, what) for n, what in enumerate(happened, start=1)]
        closed = ORDER._replace(is_open=False)
        batch.orders = {
            "1": ORDER._replace(order_id="1", updated_at=AT - 10, cum_qty="0.5"),  # open, old
            "2": closed._replace(order_id="2", updated_at=AT, cum_qty="0.25"),  # closed, recent
            "3": closed._replace(order_id="3", updated_at=AT - 10, cum_qty="0.1"),  # closed, old
            "4": closed._replace(order_id="4", updated_at=AT - 10, cum_qty="0.2", side="2"),
            "5": closed._replace(order_id="5", updated_at=AT - 10, cum_qty="0.1"),
            "6": closed._replace(order_id="6", updated_at=AT - 10, cum_qty="0.00000000000000000001"),
            "7": closed._replace(order_id="7", updated_at=AT - 10, cum_qty="3", account="OTHER"),
            "8": closed._replace(order_id="8", updated_at=AT - 10, cum_qty="0", symbol="ETHUSDT"),
        }
        write(engine, batch)

    def test_open_and_recent_orders_come_whole_and_in_order(self, connection: Connection) -> None:
        assert list(readers.load_open_events(connection, AT)) == [
            (1, received("1")),
            (2, received("2")),
            (3, expired("2")),
        ]

    def test_without_a_time_only_open_orders_come(self, connection: Connection) -> None:
        assert list(readers.load_open_events(connection)) == [(1, received("1"))]

    def test_the_others_count_in_positions_exactly(self, connection: Connection) -> None:
        small = Decimal("0.00000000000000000001")
        assert readers.load_positions(connection, AT) == {
            (SESSION, "ACME", "BTCUSDT"): small,
            (SESSION, "OTHER", "BTCUSDT"): Decimal(3),
        }
        without_time = readers.load_positions(connection)
        assert without_time[SESSION, "ACME", "BTCUSDT"] == Decimal("0.25") + small

    def test_last_numbers(self, connection: Connection) -> None:
        assert readers.last_position(connection) == 8
        assert readers.last_order_number(connection) == 4


def test_the_order_number_is_what_the_newest_order_id_ends_in(engine: Engine) -> None:
    batch = Batch(journal=[journal_row(1, received("GW-000999")), journal_row(2, received("GW-001000"))])
    batch.journal.append(journal_row(3, expired("GW-000999")))
    write(engine, batch)
    with engine.connect() as connection:
        assert readers.last_order_number(connection) == 1000


def test_sessions_and_reports(engine: Engine) -> None:
    batch = Batch()
    batch.sessions = {SESSION: STATE._replace(last_report_id=70), OTHER: STATE._replace(session=OTHER)}
    batch.reports = [REPORT._replace(report_id=n, body=f"35=8\x0158=caf\u00e9 {n}\x01") for n in (61, 65, 68)]
    batch.reports.append(REPORT._replace(report_id=66, session=OTHER))
    write(engine, batch)
    with engine.connect() as connection:
        assert readers.load_sessions(connection) == [batch.sessions[OTHER], batch.sessions[SESSION]]
        assert readers.unsent_reports(connection, SESSION, 61) == batch.reports[1:3]
        assert readers.unsent_reports(connection, SESSION, 0, limit=2) == batch.reports[:2]
        assert readers.last_report_id(connection) == 70  # reports may have been pruned


def test_only_application_messages_of_the_epoch_are_resent_each_as_first_sent(engine: Engine) -> None:
    first = MESSAGE._replace(msg_seq_num=9, raw=b"\x00first \xe9")
    batch = Batch()
    batch.messages = [
        first,
        first._replace(poss_dup=True, first_use=False, raw=b"resent"),
        MESSAGE._replace(msg_seq_num=3, msg_type="j", raw=b"earlier"),
        *(MESSAGE._replace(msg_seq_num=20 + n, msg_type=kind) for n, kind in enumerate("012345A")),
        MESSAGE._replace(epoch=2),
        MESSAGE._replace(direction="in", msg_seq_num=3),
        MESSAGE._replace(session=OTHER),
    ]
    write(engine, batch)
    with engine.connect() as connection:
        assert list(readers.sent_messages(connection, SESSION, 1)) == [(3, b"earlier"), (9, b"\x00first \xe9")]


def test_orders_are_listed_by_filter_newest_first(engine: Engine) -> None:
    batch = Batch()
    batch.orders = {
        "1": ORDER._replace(order_id="1"),
        "2": ORDER._replace(order_id="2", received_at=AT + 1, is_open=False),
        "3": ORDER._replace(order_id="3", received_at=AT + 2, session=OTHER, symbol="ETHUSDT", account="B"),
        "4": ORDER._replace(order_id="4", received_at=AT + 3, is_unknown=True),
    }
    write(engine, batch)

    with engine.connect() as connection:

        def found(wanted: queries.OrderFilter) -> list[str]:
            return [row.order_id for row in queries.find_orders(connection, wanted)]

        assert found(queries.OrderFilter()) == ["4", "3", "2", "1"]
        assert found(queries.OrderFilter(limit=1)) == ["4"]
        assert found(queries.OrderFilter(is_open=False)) == ["2"]
        assert found(queries.OrderFilter(is_open=True, session=SESSION)) == ["4", "1"]
        assert found(queries.OrderFilter(is_unknown=True)) == ["4"]
        assert found(queries.OrderFilter(symbol="ETHUSDT")) == found(queries.OrderFilter(account="B")) == ["3"]
        assert found(queries.OrderFilter(received_since=AT + 2)) == ["4", "3"]
        (row,) = queries.find_orders(connection, queries.OrderFilter(is_open=False))
        assert (str(row.order_qty), str(row.price), row.stop_px) == ("2.50", "100.10", None)


def test_an_order_tells_its_story_and_no_other(engine: Engine) -> None:
    filled = e.OrderFilled(
        order_id="1001",
        at=AT + 5,
        leg=1,
        trade_id="77",
        venue_order_id="5001",
        last_qty=Decimal("1.5"),
        last_px=Decimal("100.1"),
        commission=Decimal("0.0015"),
        commission_currency="BNB",
        liquidity=LiquidityInd.ADDED,
        transact_time=AT,
    )
    other_day = 86_400_000_000_000
    batch = Batch()
    batch.orders = {"1001": ORDER, "1002": ORDER._replace(order_id="1002", cl_ord_id="A2")}
    batch.journal = [journal_row(1, received("1001")), journal_row(2, received("1002", "A2")), journal_row(3, filled)]
    batch.decisions = [
        DecisionRow(n, f"100{n}", f"A{n}", SESSION, "accepted", "OK", "", '{"limit":"5"}', AT) for n in (1, 2)
    ]
    batch.intents = [
        IntentRow(n, f"100{n}", 1, "place", "main", "BTCUSDT", f"fx100{n}-1", 1, 5000, "{}", AT) for n in (1, 2)
    ]
    batch.executions = [EXECUTION]
    batch.venue_calls = [VenueCallRow(AT, "main", "out", "place", f"100{n}", n, "{}") for n in (1, 2)]
    batch.alerts = [AlertRow(AT, "info", "X", "text", SESSION, f"100{n}") for n in (1, 2)]
    request = MESSAGE._replace(direction="in", order_id=None, report_id=None)
    copy = MESSAGE._replace(msg_seq_num=7, session=OTHER)  # of its report, or a stranger that names it
    batch.messages = [
        request,  # stored before its order had an id
        request._replace(msg_seq_num=3, at=AT - other_day),  # the same id, another day
        request._replace(msg_seq_num=4, session=OTHER),
        request._replace(msg_seq_num=5, cl_ord_id="A2"),
        MESSAGE,
        MESSAGE._replace(msg_seq_num=6, order_id="1002", cl_ord_id="A2", report_id=2),
        copy,
    ]
    batch.reports = [REPORT, REPORT._replace(report_id=2, order_id="1002")]
    write(engine, batch)

    with engine.connect() as connection:
        story = queries.order_story(connection, "1001")
        assert story is not None
        assert story.order.cl_ord_id == "A1"
        assert story.events == [(1, received("1001")), (3, filled)]
        assert [tuple(row)[1:] for row in story.messages] == [request, MESSAGE]
        assert list(story.decisions) == batch.decisions[:1]
        assert list(story.intents) == batch.intents[:1]
        assert [tuple(row)[1:] for row in story.venue_calls] == batch.venue_calls[:1]
        assert [row.last_qty for row in story.executions] == [Decimal("1.5")]
        assert [row.order_id for row in story.alerts] == ["1001"]
        assert queries.find_order_ids(connection, "1001") == ["1001"]
        assert queries.find_order_ids(connection, "A2") == ["1002"]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # PostgreSQL plans by its statistics
def test_what_a_start_reads_on_sqlite_is_found_by_index(engine: Engine) -> None:
    statements: list[tuple[str, tuple[object, ...]]] = []

    def note(_c: object, _cursor: object, statement: str, parameters: tuple[object, ...], *_: object) -> None:
        statements.append((statement, parameters))

    with engine.connect() as connection:
        event.listen(engine, "before_cursor_execute", note)
        list(readers.load_open_events(connection, AT))
        readers.load_positions(connection, AT)
        list(readers.sent_messages(connection, SESSION, 1))
        readers.unsent_reports(connection, SESSION, 1)
        queries.order_story(connection, "1001")
        event.remove(engine, "before_cursor_execute", note)
        plans = [
            (line[3], statement)
            for statement, parameters in statements
            for line in connection.exec_driver_sql("EXPLAIN QUERY PLAN " + statement, parameters)
        ]
    assert len(plans) > 6
    scans = [(line, statement) for line, statement in plans if line.startswith("SCAN") and "INDEX" not in line]
    # Orders are read through once, on purpose: see readers._loaded_orders.
    assert [scan for scan in scans if not scan[0].startswith(("SCAN anon", "SCAN (sub", "SCAN orders"))] == []


def test_a_mass_cancel_that_was_received_and_failed_was_not_done(engine: Engine) -> None:
    message = MESSAGE._replace(direction="in", msg_type="q", order_id=None, report_id=None)
    done = e.MassCancelRequested(order_id="", at=AT, session=SESSION, cl_ord_id="M1", request_type="7", affected=0)
    of_another = replace(done, session=OTHER)
    batch = Batch()
    batch.messages += [message._replace(msg_seq_num=1, cl_ord_id="M1"), message._replace(msg_seq_num=2, cl_ord_id="M2")]
    for position, event_ in enumerate((done, of_another), 1):
        batch.journal.append(JournalRow(position, "", type(event_).__name__, AT, encode_event(event_)))
    write(engine, batch)
    with engine.connect() as connection:
        assert readers.was_mass_canceled(connection, SESSION, "M1", AT)
        assert not readers.was_mass_canceled(connection, SESSION, "M1", AT + 1), "of an earlier day"
        assert not readers.was_mass_canceled(connection, SESSION, "M2", AT), "quarantined"
        assert not readers.was_mass_canceled(connection, OTHER, "M1", AT)
        connection.rollback()
