"""Orders that a day cannot go without are found for all days at once, and are those that each day by itself has."""

from contextlib import closing
from itertools import product

from gateway.compliance.retention.needs import SLACK, NeedsOfDays
from gateway.engine.clock import DAY
from gateway.store.batch import Batch
from gateway.store.database import open_database
from gateway.store.rows import OrderRow
from gateway.store.writer import BatchWriter
from tests.fixtures.store_rows import ORDER

MIDNIGHTS = [20_000 * DAY, 20_001 * DAY, 20_002 * DAY]
AROUND = (-SLACK - 1, -SLACK, -SLACK + 1, 0, SLACK - 1, SLACK, SLACK + 1)
TIMES = [midnight + offset for midnight in MIDNIGHTS for offset in AROUND]


def in_use(order: OrderRow, until: int) -> bool:
    goes_on = order.is_open or order.is_unknown or order.updated_at >= until - SLACK
    return order.received_at < until + SLACK and goes_on


def test_every_day_has_the_orders_that_it_has_alone(database_url: str) -> None:
    lives = [(first, last) for first, last in product(TIMES, TIMES) if first <= last]
    states = ((False, False), (True, False), (False, True))
    rows = [
        ORDER._replace(order_id=f"O{n}", received_at=first, updated_at=last, is_open=is_open, is_unknown=is_unknown)
        for n, ((first, last), (is_open, is_unknown)) in enumerate(product(lives, states))
    ]
    database = open_database(database_url, "sim", "test")
    with closing(BatchWriter(database)) as writer:
        writer.commit(Batch(orders={row.order_id: row for row in rows}))
    with database.connect() as connection:
        needs = NeedsOfDays(connection)
        for until in (MIDNIGHTS[0] - DAY, *MIDNIGHTS, MIDNIGHTS[-1] + DAY):
            assert needs.orders_in_use(until) == {row.order_id for row in rows if in_use(row, until)}
            assert needs.before(until, {}).orders == needs.orders_in_use(until)
    looked_at = {span.order_id for span in needs._spans}
    assert looked_at == {
        row.order_id for row in rows if row.is_open or row.is_unknown or any(in_use(row, one) for one in MIDNIGHTS)
    }, "the others stay in SQL"
    assert len(looked_at) < len(rows)
    database.dispose()
