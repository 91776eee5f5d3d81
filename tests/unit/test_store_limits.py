"""Limits in SQL: taken from the configuration once, then changed in versions, whoever reads them."""

from collections.abc import Iterator

import pytest
from loguru import logger
from sqlalchemy import Engine

from gateway.domain.book import Book
from gateway.domain.risk import BadLimitError, RuleBook
from gateway.domain.totals import FIRM, Scope
from gateway.engine.limits import GATEWAY, LimitSetter, keep_stops, set_limit
from gateway.engine.operations import OperationRefused, RemoveLimit, SetLimit
from gateway.store.batch import Batch
from gateway.store.database import open_database
from gateway.store.limits import CONFIGURATION, Given, first_limits, limit_of, load_limits, set_aside
from gateway.store.writer import BatchWriter
from tests.fixtures.domain_desk import SESSION, SYMBOL
from tests.fixtures.risk import last_text, limited
from tests.unit.risk.test_activity import fill, passes

GIVEN: list[Given] = [("MAX_POSITION", Scope("ACME"), "5", 80), ("MAX_OPEN_ORDERS", FIRM, "9", None)]
ACME = Scope("ACME")


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    engine = open_database(database_url, "sim")
    yield engine
    engine.dispose()


def applied(book: RuleBook, at: int) -> dict[str, str]:
    return {check.limit.code: check.limit.text for check in book.rules("ACME", SESSION, SYMBOL, at).checks}


def test_what_is_set_is_in_force_with_the_next_order_and_stays_so_after_a_restart(engine: Engine) -> None:
    batch = Batch(limits=first_limits(GIVEN, 100))
    running = RuleBook([limit_of(row) for row in batch.limits])
    assert applied(running, 100) == {"MAX_POSITION": "5", "MAX_OPEN_ORDERS": "9"}
    set_limit(running, batch, "MAX_POSITION", ACME, "7", at=200, who="ann", why="more room")
    set_limit(running, batch, "MAX_POSITION", ACME, "99", at=300, who="ann", why="a big day", valid_to=400)
    set_limit(running, batch, "MAX_OPEN_ORDERS", FIRM, None, at=350, who="bob", why="not needed")
    writer = BatchWriter(engine)
    writer.commit(batch)
    writer.close()
    with engine.connect() as connection:
        rows = load_limits(connection)
    assert rows == batch.limits
    assert [(row.limit_id, row.who) for row in rows] == [
        (1, CONFIGURATION),
        (2, CONFIGURATION),
        (3, "ann"),
        (4, "ann"),
        (5, "bob"),
    ]
    for book in (running, RuleBook([limit_of(row) for row in rows])):
        assert applied(book, 250) == {"MAX_POSITION": "7", "MAX_OPEN_ORDERS": "9"}
        assert applied(book, 399) == {"MAX_POSITION": "99"}
        assert applied(book, 400) == {"MAX_POSITION": "7"}


def test_a_limit_that_cannot_be_applied_changes_nothing() -> None:
    book, batch = RuleBook(), Batch()
    with pytest.raises(BadLimitError):
        set_limit(book, batch, "MAX_POSITION", ACME, "-1", at=1, who="ann", why="a slip")
    with pytest.raises(ValueError, match="why"):
        set_limit(book, batch, "MAX_POSITION", ACME, "1", at=1, who="ann", why="")
    assert (batch.limits, book.limits) == ([], [])


def test_an_operator_is_told_what_cannot_be_set() -> None:
    setter = LimitSetter(RuleBook(), Batch(), ["ACME"], ["DESK"])
    refused: dict[str, SetLimit | RemoveLimit] = {
        "no account 'ACNE'; there are: ACME": SetLimit(limit="MAX_POSITION", value="1", account="ACNE"),
        "no session 'OMS'; there are: DESK": SetLimit(limit="MAX_POSITION", value="1", session="OMS"),
        "it would be over already": RemoveLimit(limit="MAX_POSITION", valid_to=100),
        "MAX_POSITION: 'x'": SetLimit(limit="MAX_POSITION", value="x"),
        "there is no MAX_POSITION of exactly account=ACME": RemoveLimit(limit="max_position", account="ACME"),
        "MAX_LUCK: no such limit": SetLimit(limit="max_luck", value="1"),
    }
    for text, asked in refused.items():
        with pytest.raises(OperationRefused, match=text.replace("'x'", "not a decimal number")):
            setter.set(asked, at=100, who="ann", why="a try")
    done = setter.set(SetLimit(limit="max_position", value="1", account="ACME"), at=100, who="ann", why="a try")
    assert (done.done, done.text) == (True, "MAX_POSITION of account=ACME is 1, version 1")


def test_what_is_taken_away_was_there() -> None:
    """Else a slip in the scope would pass for the end of a limit."""
    setter = LimitSetter(RuleBook(), Batch(), ["ACME"], ["DESK"])

    def ask(asked: SetLimit | RemoveLimit, at: int) -> bool:
        try:
            return setter.set(asked, at=at, who="ann", why="a try").done
        except OperationRefused:
            return False

    firm = RemoveLimit(limit="MAX_POSITION")
    assert ask(SetLimit(limit="MAX_POSITION", value="1"), 100)
    assert not ask(RemoveLimit(limit="MAX_POSITION", account="ACME"), 110)
    assert ask(RemoveLimit(limit="MAX_POSITION", valid_to=200), 120)
    assert ask(firm, 130)  # which comes back at 200 otherwise
    assert not ask(firm, 140)
    assert ask(SetLimit(limit="MAX_POSITION", value="2", valid_to=200), 150)
    assert not ask(firm, 200)
    assert ask(SetLimit(limit="MAX_POSITION", value="3", valid_from=300), 210)
    assert ask(firm, 220)


def test_what_the_configuration_says_otherwise_later_is_told_and_not_taken() -> None:
    rows = first_limits(GIVEN, 100)
    assert set_aside(GIVEN, rows) == []
    other: list[Given] = [
        ("MAX_POSITION", Scope("ACME"), "6", 80),
        ("MAX_OPEN_ORDERS", FIRM, "9", None),
        ("MAX_ORDER_QTY", Scope("", "DESK", SYMBOL), "1", None),
    ]
    assert set_aside(other, rows) == ["MAX_POSITION=6 account=ACME", f"MAX_ORDER_QTY=1 session=DESK symbol={SYMBOL}"]


def test_a_pattern_that_was_stopped_stays_stopped_after_the_day_and_a_restart() -> None:
    desk = limited(("REPEATED_EXECUTION", "2/60s"))
    desk.now = 100
    for cl_ord_id in ("A", "B"):
        fill(desk, cl_ord_id)
    batch, lines = Batch(), list[str]()
    sink = logger.add(lambda line: lines.append(str(line)), level="CRITICAL")
    keep_stops(desk.book.risk, batch, desk.now)
    logger.remove(sink)
    assert "REPEATED_EXECUTION pattern=BUY/10/BTCUSDT/ACME limit=2/60s account=ACME" in "".join(lines)
    assert desk.book.risk.take_stops() == []
    [row] = batch.limits
    assert (row.who, row.value) == (GATEWAY, "stopped:BUY/10/BTCUSDT/ACME")
    assert [(alert.severity, alert.code) for alert in batch.alerts] == [("critical", "REPEATED_EXECUTION")]
    desk.book = Book(RuleBook([*desk.limits, limit_of(row)]))  # another day's journal has none of it
    assert not passes(desk, "C")
    assert last_text(desk) == (
        "REPEATED_EXECUTION limit=stopped pattern=BUY/10/BTCUSDT/ACME until=set_again account=ACME"
    )
    set_limit(desk.book.risk, batch, "REPEATED_EXECUTION", ACME, "2/60s", at=desk.now, who="ann", why="looked at it")
    assert passes(desk, "D")
