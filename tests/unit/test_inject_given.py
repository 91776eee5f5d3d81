"""What a scratch gateway is given of the record, and which figures it reckons itself all the same."""

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from gateway.cli.scratch_given import GivenFiles, GivenToEngine
from gateway.compliance.derive.window import Window
from gateway.compliance.inject.given import Given, made_with, read_decisions, taken_of
from gateway.domain.instruments import Instrument
from gateway.domain.risk.controls import CONTROLS
from gateway.domain.risk.limit import Limit
from gateway.domain.risk.make import make_limit
from gateway.domain.risk.terms import UNPRICED, OrderTerms, Snapshot
from gateway.domain.totals import Scope
from gateway.domain.values import OrdType, Side, TimeInForce
from gateway.store.batch import Batch
from gateway.store.database import open_database
from gateway.store.instruments import instrument_row
from gateway.store.rows import DecisionRow, LimitRow
from gateway.store.writer import BatchWriter

D = Decimal
BTC = Instrument(symbol="BTCUSDT", base="BTC", quote="USDT", tick_size=D("0.01"))
SESSION = "FIX.4.4:FIXGW->DESK"


def _limit(code: str, value: str) -> Limit:
    return make_limit(1, code, Scope("ACME", "", ""), value)


@pytest.mark.parametrize(
    ("code", "value", "now", "then", "with_history", "judged_on"),
    [
        ("PRICE_COLLAR", "5%", (UNPRICED, D("0.01"), None), (D(9), D("0.1"), 7), True, (D(9), D("0.01"), 7)),
        ("PRICE_COLLAR", "5%", (D(3), D("0.01"), None), (D(9), D("0.1"), 7), True, (D(3), D("0.01"), None)),  # a stop
        ("MAX_ORDER_NOTIONAL", "5", (D(3),), (D(9),), False, (D(3),)),  # its own price
        ("MAX_GROSS_EXPOSURE", "5", (UNPRICED, D(2), "X"), (D(9), D(1), D(8)), True, (D(9), D(2), D(8))),
        ("MAX_GROSS_EXPOSURE", "5", (UNPRICED, D(2), "X"), (D(9), D(1), D(8)), False, (D(9), D(1), D(8))),
        ("MAX_POSITION", "5", (D(1), D(2)), (D(3), D(4)), True, (D(1), D(2))),
        ("MAX_POSITION", "5", (D(1), D(2)), (D(3), D(4)), False, (D(3), D(4))),
        (
            *("BUYING_POWER", "venue", ("USDT", D(5), None, None, D(0), D(1), D(2), "")),
            *(("USDT", D(6), D(7), D(8), D(9), D(10), D(11), "X"), True),
            ("USDT", D(5), D(7), D(8), D(9), D(1), D(2), "X"),
        ),
        (
            *("BUYING_POWER", "5 USDT", ("USDT", D(5), None, None, D(0), D(1), D(2), "")),
            *(("USDT", D(6), None, None, D(9), D(10), D(11), ""), True),
            ("USDT", D(5), None, None, D(0), D(1), D(2), ""),
        ),
    ],
)
def test_only_what_cannot_be_known_now_is_taken(
    code: str, value: str, now: Any, then: Any, with_history: bool, judged_on: Any
) -> None:
    found = made_with(CONTROLS[code], _limit(code, value), now, then, with_history=with_history)
    assert found == judged_on


def test_what_is_taken_is_said_by_kind() -> None:
    codes = {"MAX_POSITION", "PRICE_COLLAR", "MAX_ORDER_QTY"}
    assert taken_of(codes, with_history=True) == {"prices": ["PRICE_COLLAR"]}
    assert taken_of(codes, with_history=False)["what came before"] == ["MAX_POSITION"]


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Engine]:
    engine = open_database(f"sqlite:///{tmp_path / 'x.db'}", "sim")
    yield engine
    engine.dispose()


def test_decisions_are_found_by_their_request_and_unreadable_ones_named(database: Engine) -> None:
    limit = LimitRow(7, "MAX_POSITION", "ACME", "", "", "5", None, 0, None, "ann", "why", 0)
    batch = Batch()
    for position, inputs in enumerate(
        [{"limits": {"7": ["1", "2"]}}, {}, {"limits": {"7": ["1"]}}, {"limits": {"8": ["1", "2"]}}], 1
    ):
        batch.decisions.append(
            DecisionRow(
                position, f"O{position}", f"A{position}", SESSION, "accept", "", "", json.dumps(inputs), position
            )
        )
    writer = BatchWriter(database)
    writer.commit(batch)
    writer.close()
    with database.connect() as connection:
        found = read_decisions(connection, Window(1, 5), [limit])
        assert read_decisions(connection, Window(2, 5), [limit]).given == {}
    assert found.given == {(SESSION, "A1", 1): Given({"MAX_POSITION ACME  ": ["1", "2"]})}
    assert found.made == {1, 2}
    assert found.unreadable == {"O3", "O4"}


def test_the_engine_sees_what_is_written_last(tmp_path: Path) -> None:
    rows = [instrument_row(1, 1, "main", one.symbol, one) for one in (BTC,)]
    files = GivenFiles(tmp_path, rows, with_history=True)
    engine = GivenToEngine(files.instruments, files.given)
    assert engine.instrument("main", "BTCUSDT") == BTC
    assert engine.instrument("other", "BTCUSDT") is engine.instrument("main", "X") is None
    files.learn(instrument_row(2, 2, "main", "BTCUSDT", None))
    assert engine.instrument("main", "BTCUSDT") is None

    terms = OrderTerms("BTCUSDT", Side.BUY, OrdType.MARKET, TimeInForce.GTC, D(1), None, None, post_only=False)
    snapshot = Snapshot(1, BTC, UNPRICED)
    limit, notional = _limit("MAX_ORDER_NOTIONAL", "5"), CONTROLS["MAX_ORDER_NOTIONAL"]
    measure = engine.measured(notional)
    assert engine.market_px(terms, snapshot) is None
    assert measure(terms, None, snapshot, limit) == (UNPRICED,)
    files.give(Given({"MAX_ORDER_NOTIONAL ACME  ": ["9.50"]}, "9"))
    assert engine.market_px(terms, snapshot) == 9
    assert measure(terms, None, snapshot, limit) == (D("9.50"),)
    files.give(None)
    assert measure(terms, None, snapshot, limit) == (UNPRICED,)
