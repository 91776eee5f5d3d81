"""Positions in SQL: what was written comes back, and journal and executions give the same."""

from collections.abc import Iterator
from decimal import Decimal

import pytest
from sqlalchemy import Engine, event

from gateway.domain.events import OrderFilled, PositionSet
from gateway.domain.positions import Ledger
from gateway.store.batch import Batch
from gateway.store.codec import encode_event
from gateway.store.database import open_database
from gateway.store.positions import load_ledger, position_row
from gateway.store.projections import execution_row
from gateway.store.rows import JournalRow
from gateway.store.writer import BatchWriter
from tests.fixtures.domain_desk import DomainDesk, Told
from tests.fixtures.store_rows import ORDER


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    engine = open_database(database_url, "sim")
    yield engine
    engine.dispose()


def test_positions_come_back_from_their_rows_or_from_the_journal(engine: Engine) -> None:
    desk = DomainDesk()
    desk.new("X", "10")
    desk.hear(Told().traded("T1", "4", "100.1"))
    desk.hear(Told().traded("T2", "3", "99.7"))
    desk.now += 1
    given = PositionSet(
        order_id="", at=desk.now, account="ACME", symbol="BTCUSDT", qty=Decimal(20), cost=Decimal(1900), action_id=1
    )
    desk.journal.append(given)
    desk.book.risk.ledger.set(given)
    desk.hear(Told().busted("T1"))
    today = desk.now + 1
    desk.book.roll_day(today)
    desk.hear(Told().corrected("T2", "2", "99.8"))
    live = list(desk.book.risk.ledger.items())
    batch = Batch()
    batch.orders["O1"] = ORDER._replace(order_id="O1", account="ACME", symbol="BTCUSDT", side="1")
    batch.journal = [
        JournalRow(n, x.order_id, type(x).__name__, x.at, encode_event(x)) for n, x in enumerate(desk.journal, 1)
    ]
    batch.executions = [
        execution_row(n, x, desk.order()) for n, x in enumerate(desk.journal, 1) if isinstance(x, OrderFilled)
    ]
    writer = BatchWriter(engine)
    writer.commit(batch)
    asked: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *args: asked.append(args[2]))
    with engine.connect() as connection:
        from_journal = Ledger()
        load_ledger(connection, from_journal, today)
    assert sum("JOIN orders" in statement for statement in asked) == 2, "executions, and what the journal keeps"
    assert list(from_journal.items()) == live
    assert [position.given for _, _, position in live] == [Decimal(13)]
    assert from_journal.changed == {("ACME", "BTCUSDT")}  # so that it is written
    positions = {(account, symbol): position_row(account, symbol, p, today) for account, symbol, p in live}
    writer.commit(Batch(positions=positions))
    writer.close()
    with engine.connect() as connection:
        from_rows = Ledger()
        load_ledger(connection, from_rows, today)
    assert list(from_rows.items()) == live
    assert from_rows.firm == desk.book.risk.ledger.firm
