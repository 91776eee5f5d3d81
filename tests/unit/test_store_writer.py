"""The batch writer on real databases: whole or not at all, and exactly what was given."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from typing import Any, get_type_hints

import pytest
from sqlalchemy import Connection, Engine, Table, func, insert, select

from gateway.domain.instruments import Instrument
from gateway.errors import JournalHalted
from gateway.store import rows, tables
from gateway.store.balances import load_balances, load_symbols
from gateway.store.batch import Batch
from gateway.store.database import open_database
from gateway.store.dialects import COPIED_FROM
from gateway.store.instruments import instrument_in, instrument_row, load_instruments
from gateway.store.writer import BatchWriter
from tests.fixtures.store_rows import AT, EXECUTION, JOURNAL, MESSAGE, ORDER, REPORT, SESSION, STATE


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    engine = open_database(database_url, "sim")
    yield engine
    engine.dispose()


@pytest.fixture
def writer(engine: Engine) -> Iterator[BatchWriter]:
    with closing(BatchWriter(engine)) as writer:
        yield writer


def stored(engine: Engine, table: Table) -> list[tuple[Any, ...]]:
    """All rows without the key that the database counts, in the order of the key."""
    columns = [column for column in table.columns if column.autoincrement is not True]
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(select(*columns).order_by(*table.primary_key))]


def count(connection: Connection, table: Table) -> int:
    return int(connection.execute(select(func.count()).select_from(table)).scalar_one())


def exact(row: tuple[Any, ...], table: Table) -> tuple[Any, ...]:
    """The row as readers get it: decimals as Decimal."""
    columns = [column for column in table.columns if column.autoincrement is not True]
    return tuple(
        Decimal(value) if value is not None and column.type.python_type is not str and isinstance(value, str) else value
        for value, column in zip(row, columns, strict=True)
    )


ROW_TYPES = {
    "journal": rows.JournalRow,
    "orders": rows.OrderRow,
    "executions": rows.ExecutionRow,
    "sessions": rows.SessionRow,
    "messages": rows.MessageRow,
    "reports": rows.ReportRow,
    "intents": rows.IntentRow,
    "decisions": rows.DecisionRow,
    "venue_calls": rows.VenueCallRow,
    "alerts": rows.AlertRow,
    "clock_readings": rows.ClockReadingRow,
    "state_changes": rows.StateChangeRow,
    "breaks": rows.BreakRow,
    "admin_actions": rows.AdminActionRow,
    "limits": rows.LimitRow,
    "positions": rows.PositionRow,
    "halts": rows.HaltRow,
    "meta": rows.MetaRow,
    "balances": rows.BalanceRow,
    "symbols": rows.SymbolRow,
    "instruments": rows.InstrumentRow,
}


@pytest.mark.parametrize("name", ROW_TYPES)
def test_rows_have_the_columns_of_their_table_in_order(name: str) -> None:
    columns = [c.name for c in tables.metadata.tables[name].columns if c.autoincrement is not True]
    assert list(get_type_hints(ROW_TYPES[name])) == columns


def test_every_table_has_its_rows_in_a_batch() -> None:
    assert (
        set(ROW_TYPES)
        == set(Batch.__slots__)
        == set(tables.metadata.tables) - {"leases", "seals", "digests", "holds", "archives"}
    )


def test_a_batch_of_everything_comes_back_as_it_was(engine: Engine, writer: BatchWriter) -> None:
    batch = Batch()
    batch.journal.append(JOURNAL)
    batch.orders["1001"] = ORDER
    batch.executions.append(EXECUTION)
    batch.sessions[SESSION] = STATE
    batch.messages.append(MESSAGE)
    batch.reports.append(REPORT)
    batch.intents.append(rows.IntentRow(2, "1001", 1, "place", "main", "BTCUSDT", "fx1001-1", 1_785, 5000, "{}", AT))
    batch.decisions.append(rows.DecisionRow(1, "1001", "A1", SESSION, "accepted", "OK", "", "{}", AT))
    batch.venue_calls.append(rows.VenueCallRow(AT, "main", "out", "place", "1001", 2, "{}"))
    batch.alerts.append(rows.AlertRow(AT, "warning", "DK_TRADE", "DontKnowTrade", SESSION, "1001"))
    batch.clock_readings.append(rows.ClockReadingRow(AT, "utc", "", -15, 1_000_000, ""))
    batch.state_changes.append(rows.StateChangeRow(AT, "session", SESSION, "on", ""))
    standing = rows.BreakRow(1, AT, "main", "orphan", None, "gw-O9-1", "null", '{"qty":"1"}')
    batch.breaks[1] = standing
    asked = rows.AdminActionRow(1, AT, 1000, 77, "operator", "session.reset", "{}", "why", "under way")
    batch.admin_actions[1] = asked
    of_desk = rows.LimitRow(1, "MAX_POSITION", "", "DESK", "BTCUSDT", "2.5", 80, AT, None, "ann", "more room", AT)
    batch.positions["A", "S"] = rows.PositionRow(
        "A", "S", "2.50", "-1", "0", "0", "{}", "{}", "2.5", "1", "-1", "0", AT
    )
    batch.limits = [of_desk, of_desk._replace(limit_id=2, value=None, warn_percent=None, valid_to=AT + 1)]
    halted = rows.HaltRow("ACME", "", "BTCUSDT", "main", "", "halted", "why", 1000, "operator", AT, -1, 0)
    batch.halts["ACME", "", "BTCUSDT"] = halted
    held = rows.BalanceRow(AT, "main", "BTC", "baseline", "10.50", "-0.1", AT, "ACME DESK", None, "as it was")
    batch.balances = [held, held._replace(kind="accepted", qty="-1", action_id=7)]
    batch.symbols = [rows.SymbolRow(AT, "main", "BTCUSDT", "BTC", "USDT")]
    btc = Instrument(symbol="BTCUSDT", base="BTC", quote="USDT", tick_size=Decimal("0.010"), tradable=False)
    batch.instruments = [instrument_row(7, AT, "main", "BTCUSDT", one) for one in (btc, None)]

    writer.commit(batch)

    assert stored(engine, tables.journal) == batch.journal
    assert stored(engine, tables.executions) == [exact(EXECUTION, tables.executions)]
    assert stored(engine, tables.orders) == [exact(ORDER, tables.orders)]
    assert stored(engine, tables.sessions) == [STATE]
    assert stored(engine, tables.messages) == [MESSAGE]
    assert stored(engine, tables.reports) == batch.reports
    assert stored(engine, tables.intents) == batch.intents
    assert stored(engine, tables.decisions) == batch.decisions
    assert stored(engine, tables.venue_calls) == batch.venue_calls
    assert stored(engine, tables.alerts) == batch.alerts
    assert stored(engine, tables.breaks) == [standing]
    assert stored(engine, tables.admin_actions) == [asked]
    assert stored(engine, tables.limits) == batch.limits
    assert stored(engine, tables.positions) == list(batch.positions.values())
    assert stored(engine, tables.halts) == [halted]
    assert stored(engine, tables.balances) == [exact(row, tables.balances) for row in batch.balances]
    with engine.connect() as connection:
        assert load_balances(connection) == batch.balances
        assert load_symbols(connection) == batch.symbols
        assert load_instruments(connection) == batch.instruments
        assert [instrument_in(row) for row in load_instruments(connection)] == [btc, None]

    resolved = standing._replace(resolution="canceled", resolved_at=AT + 1)
    done = asked._replace(outcome="done")
    writer.commit(Batch(breaks={1: resolved}, admin_actions={1: done}))
    assert stored(engine, tables.breaks) == [resolved]
    assert stored(engine, tables.admin_actions) == [done]


@pytest.mark.parametrize("number", [1, 3, 4, 5, 63, 64, 65, 85, 201])
def test_any_number_of_rows_is_written_once_and_in_order(engine: Engine, writer: BatchWriter, number: int) -> None:
    batch = Batch()
    batch.messages = [MESSAGE._replace(msg_seq_num=n, raw=bytes([n % 256])) for n in range(1, number + 1)]
    batch.orders = {str(n): ORDER._replace(order_id=str(n)) for n in range(number)}
    writer.commit(batch)
    assert stored(engine, tables.messages) == batch.messages
    with engine.connect() as connection:
        assert count(connection, tables.orders) == number


def test_every_digit_of_a_decimal_and_every_nanosecond_comes_back(engine: Engine, writer: BatchWriter) -> None:
    long = "12345678901234567890.12345678901234567890"
    short = "0.00000000000000000001"
    trailing = "1.500"
    last_ns = 9_223_372_036_854_775_807
    batch = Batch()
    batch.orders["1001"] = ORDER._replace(order_qty=long, price=short, stop_px=trailing, received_at=last_ns)
    writer.commit(batch)
    with engine.connect() as connection:
        row = connection.execute(select(tables.orders)).one()
    assert [str(row.order_qty), f"{row.price:f}", str(row.stop_px)] == [long, short, trailing]
    assert row.received_at == last_ns


def test_decimals_written_by_sqlalchemy_are_exact_too(engine: Engine) -> None:
    value = Decimal("1234567890123456789.0000000000000000001")
    with engine.begin() as connection:
        row = exact(EXECUTION._replace(last_px=str(value)), tables.executions)
        connection.execute(insert(tables.executions).values(row))
        found = connection.execute(select(tables.executions.c.last_px, tables.executions.c.last_qty)).one()
    assert found == (value, Decimal("1.5"))


def test_orders_and_sessions_are_replaced_by_their_key(engine: Engine, writer: BatchWriter) -> None:
    batch = Batch()
    batch.orders["1001"] = ORDER
    batch.orders["1002"] = ORDER._replace(order_id="1002")
    batch.sessions[SESSION] = STATE
    writer.commit(batch)

    batch.clear()
    filled = ORDER._replace(cum_qty="2.50", leaves_qty="0", ord_status="2", is_open=False, price=None)
    batch.orders["1001"] = filled
    batch.sessions[SESSION] = STATE._replace(next_in=9, last_logon_at=None)
    writer.commit(batch)

    assert stored(engine, tables.orders) == [
        exact(filled, tables.orders),
        exact(ORDER._replace(order_id="1002"), tables.orders),
    ]
    assert stored(engine, tables.sessions) == [STATE._replace(next_in=9, last_logon_at=None)]


def test_a_trade_cannot_be_stored_twice_and_takes_its_whole_batch_along(engine: Engine, writer: BatchWriter) -> None:
    first = Batch(executions=[EXECUTION], journal=[JOURNAL])
    writer.commit(first)
    again = Batch(
        executions=[EXECUTION._replace(position=9)],
        journal=[JOURNAL._replace(position=9)],
        messages=[MESSAGE],
        orders={"1001": ORDER},
    )
    with pytest.raises(JournalHalted, match="not written"):
        writer.commit(again)
    assert stored(engine, tables.journal) == [JOURNAL]
    assert stored(engine, tables.messages) == stored(engine, tables.orders) == []


def test_two_orders_can_share_a_trade(engine: Engine, writer: BatchWriter) -> None:
    writer.commit(Batch(executions=[EXECUTION, EXECUTION._replace(position=4, venue_order_id="5002")]))
    assert len(stored(engine, tables.executions)) == 2


def test_a_wiped_exchange_may_give_the_ids_of_a_trade_to_another_order(engine: Engine, writer: BatchWriter) -> None:
    writer.commit(Batch(executions=[EXECUTION, EXECUTION._replace(position=4, order_id="1002")]))
    assert len(stored(engine, tables.executions)) == 2


def test_after_a_failed_commit_every_other_is_refused(engine: Engine, writer: BatchWriter) -> None:
    writer.commit(Batch(journal=[JOURNAL]))
    with pytest.raises(JournalHalted):
        writer.commit(Batch(journal=[JOURNAL]))
    assert writer.halted
    with pytest.raises(JournalHalted, match="start afresh"):
        writer.commit(Batch(journal=[JOURNAL._replace(position=2)]))
    with pytest.raises(JournalHalted):
        writer.commit(Batch())
    assert stored(engine, tables.journal) == [JOURNAL]


def test_a_failed_commit_leaves_no_lock_behind(engine: Engine, writer: BatchWriter) -> None:
    with pytest.raises(JournalHalted):
        writer.commit(Batch(journal=[JOURNAL, JOURNAL]))
    with closing(BatchWriter(engine)) as another:
        another.commit(Batch(journal=[JOURNAL]))
    assert stored(engine, tables.journal) == [JOURNAL]


def test_an_interrupted_commit_halts_as_well(writer: BatchWriter, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_batch: Batch) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(writer, "_write", interrupt)
    with pytest.raises(KeyboardInterrupt):
        writer.commit(Batch(journal=[JOURNAL]))
    monkeypatch.undo()
    with pytest.raises(JournalHalted):
        writer.commit(Batch(journal=[JOURNAL]))


def test_another_thread_is_told_off_and_nothing_halts(engine: Engine, writer: BatchWriter) -> None:
    writer.commit(Batch(journal=[JOURNAL]))
    errors: list[BaseException] = []

    def other() -> None:
        try:
            writer.commit(Batch(journal=[JOURNAL._replace(position=2)]))
        except RuntimeError as error:
            errors.append(error)

    thread = threading.Thread(target=other)
    thread.start()
    thread.join()
    assert "one thread" in str(errors[0])
    writer.commit(Batch(journal=[JOURNAL._replace(position=3)]))
    assert [row[0] for row in stored(engine, tables.journal)] == [1, 3]


def test_a_number_is_used_first_only_once_in_an_epoch_and_direction(engine: Engine, writer: BatchWriter) -> None:
    writer.commit(
        Batch(
            messages=[
                MESSAGE,
                MESSAGE._replace(direction="in"),
                MESSAGE._replace(epoch=2),
                MESSAGE._replace(session="FIX.4.2:GATEWAY->DESK"),
                MESSAGE._replace(poss_dup=True, first_use=False),
                MESSAGE._replace(poss_dup=True, first_use=False),
                MESSAGE._replace(direction="in", first_use=False, raw=b"out of turn"),
            ]
        )
    )
    assert len(stored(engine, tables.messages)) == 7
    with pytest.raises(JournalHalted):
        writer.commit(Batch(messages=[MESSAGE._replace(raw=b"another")]))
    assert len(stored(engine, tables.messages)) == 7


def test_what_another_connection_reads_is_whole_while_a_batch_is_written(engine: Engine, writer: BatchWriter) -> None:
    writer.commit(Batch(journal=[JOURNAL]))
    with engine.connect() as connection:
        assert count(connection, tables.journal) == 1  # and its transaction stays open
        if engine.dialect.name == "sqlite":
            connection.rollback()  # the engine's own connections start immediately, for writing
        writer.commit(Batch(journal=[JOURNAL._replace(position=2)]))
    with engine.connect() as connection:
        assert count(connection, tables.journal) == 2


@pytest.mark.parametrize("name", ROW_TYPES)
def test_a_batch_is_empty_until_any_table_has_a_row_and_after_clear(name: str) -> None:
    batch = Batch()
    before = batch.is_empty
    part = getattr(batch, name)
    if isinstance(part, dict):
        part["key"] = ORDER
    else:
        part.append(ORDER)
    filled = batch.is_empty
    batch.clear()
    assert (before, filled, batch.is_empty) == (True, False, True)


def test_a_disk_that_refuses_the_commit_halts(
    engine: Engine, writer: BatchWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error comes from COMMIT itself, when nobody can say whether it happened."""

    def refuse() -> None:
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(writer._raw, "commit", refuse)
    with pytest.raises(JournalHalted, match="disk I/O error"):
        writer.commit(Batch(journal=[JOURNAL]))
    monkeypatch.undo()
    with pytest.raises(JournalHalted):
        writer.commit(Batch(journal=[JOURNAL]))
    assert stored(engine, tables.journal) == []


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("plain", "plain"),
        ("caf\u00e9 \U0001f600", "caf\u00e9 \U0001f600"),
        ("a\0b", "a\ufffdb"),
        ("half \ud83d a pair", "half \ufffd a pair"),
        ("x" * 11, "x" * 9 + "…"),
    ],
)
def test_text_from_outside_is_made_storable(engine: Engine, writer: BatchWriter, given: str, kept: str) -> None:
    text = rows.storable(given, limit=20 if len(given) != 11 else 10)
    assert text == kept
    writer.commit(Batch(alerts=[rows.AlertRow(AT, "info", "X", text)]))
    assert stored(engine, tables.alerts)[0][3] == kept


def test_many_rows_are_written_as_few_are(writer: BatchWriter, engine: Engine) -> None:
    """However they get there: text and bytes with what is special in a stream of rows, numbers, and what is absent."""
    many = range(1, COPIED_FROM + 1)
    odd = 'tab\t, line\nend, \\N and \\., "quotes", Z\u00fcrich, \U0001f600'
    batch = Batch(
        journal=[JOURNAL._replace(position=n, payload=odd) for n in many],
        messages=[MESSAGE._replace(msg_seq_num=n, raw=bytes(range(256)), order_id=None) for n in many],
        executions=[EXECUTION._replace(position=n, trade_id=str(n), liquidity=None) for n in many],
        reports=[REPORT._replace(report_id=n, body=odd) for n in many],
    )
    writer.commit(batch)
    few = COPIED_FROM + 1
    batch.journal.append(JOURNAL._replace(position=few, payload=odd))
    batch.executions.append(EXECUTION._replace(position=few, trade_id="another", liquidity=None))
    writer.commit(Batch(journal=batch.journal[-1:], executions=batch.executions[-1:]))
    for table, written in (
        (tables.journal, batch.journal),
        (tables.messages, batch.messages),
        (tables.executions, batch.executions),
        (tables.reports, batch.reports),
    ):
        assert stored(engine, table) == [exact(row, table) for row in written]
