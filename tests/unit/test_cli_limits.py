"""fixgw limits and fixgw explain, on a database written beside them."""

from pathlib import Path
from typing import Any

import pytest

from gateway.cli.explain import check_line
from gateway.domain.events import OrderReceived
from gateway.domain.risk import RuleBook
from gateway.domain.risk.derive import derive
from gateway.domain.totals import Scope
from gateway.engine.limits import set_limit
from gateway.store.batch import Batch
from gateway.store.codec import encode_event, encode_json
from gateway.store.database import open_database
from gateway.store.limits import first_limits, limit_of
from gateway.store.rows import DecisionRow, JournalRow
from gateway.store.writer import BatchWriter
from tests.fixtures.domain_desk import SESSION
from tests.fixtures.risk import limit, limited, terms
from tests.fixtures.store_rows import AT, ORDER
from tests.unit.test_cli_queries import CONFIG, fixgw, json_lines

ACME = Scope("ACME")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    batch = Batch()
    batch.limits = first_limits([("MAX_POSITION", ACME, "15", 80), ("MAX_OPEN_ORDERS", Scope(), "9", None)], AT)
    book = RuleBook([limit_of(row) for row in batch.limits])
    set_limit(book, batch, "MAX_POSITION", ACME, "20", at=AT + 1, who="ann", why="more room")
    set_limit(book, batch, "MAX_OPEN_ORDERS", Scope(), "1", at=AT + 1, who="ann", why="a test", valid_to=AT + 2)
    desk = limited(*book.limits)
    desk.now = AT + 10
    for number, (cl_ord_id, qty) in enumerate([("A1", "12"), ("A2", "9")], 1):
        desk.new(cl_ord_id, qty)
        assert desk.decision is not None
        denial = desk.decision.denial
        order_id = f"O{number}"
        batch.orders[order_id] = ORDER._replace(order_id=order_id, cl_ord_id=cl_ord_id, is_open=denial is None)
        batch.decisions.append(
            DecisionRow(
                next(n for n, x in enumerate(desk.journal, 1) if x.order_id == order_id),
                order_id,
                cl_ord_id,
                SESSION,
                "accept" if denial is None else "deny",
                "" if denial is None else denial.code,
                "" if denial is None else denial.text,
                encode_json(desk.decision.inputs),
                desk.now,
            )
        )
    batch.journal = [
        JournalRow(n, x.order_id, type(x).__name__, x.at, encode_event(x)) for n, x in enumerate(desk.journal, 1)
    ]
    assert isinstance(desk.journal[0], OrderReceived)
    database = open_database(f"sqlite:///{tmp_path}/gateway.db", "sim", "test")
    writer = BatchWriter(database)
    writer.commit(batch)
    writer.close()
    database.dispose()
    path = tmp_path / "gateway.toml"
    path.write_text(CONFIG.format(path=tmp_path / "gateway.db"))
    return path


def test_show_has_what_is_in_force_with_who_and_why_and_how_much_is_used(config: Path) -> None:
    lines = [" ".join(line.split()) for line in fixgw(config, "limits", "show", "--used").stdout.splitlines()]
    assert lines[0] == "Limit Scope Value Warn at Used Until Who Why When"
    assert lines[1].startswith("MAX_POSITION account=ACME 20 BTCUSDT 12 (holds 0) ann more room 20")
    assert lines[2].startswith("MAX_OPEN_ORDERS firm 9 1 configuration first start 20")
    assert len(lines) == 3
    assert json_lines(fixgw(config, "limits", "show", "--account", "OTHER", "--json"))[0]["code"] == "MAX_OPEN_ORDERS"


def test_history_has_every_version(config: Path) -> None:
    told = json_lines(fixgw(config, "limits", "history", "max_position", "--json"))
    assert [(row["value"], row["who"], row["why"]) for row in told] == [
        ("15", "configuration", "first start"),
        ("20", "ann", "more room"),
    ]
    assert len(fixgw(config, "limits", "history").stdout.splitlines()) == 5
    wrong = fixgw(config, "limits", "history", "MAX_POSITIONS")
    assert (wrong.exit_code, wrong.stderr) == (2, "MAX_POSITIONS: no such limit; fixgw limits kinds lists them\n")


def test_explain_derives_the_decision_again_limit_by_limit(config: Path) -> None:
    passed, denied = fixgw(config, "explain", "O1"), fixgw(config, "explain", "O2")
    assert (passed.exit_code, denied.exit_code) == (0, 0)
    assert "accepted" in passed.stdout
    lines = [" ".join(line.split()) for line in denied.stdout.splitlines()]
    assert lines[0].endswith("refused: MAX_POSITION limit=20 worst=21 position=0 account=ACME")
    assert lines[2] == "MAX_POSITION 3 account=ACME 20 position=0 open=12 refuses ann more room"
    assert lines[-1] == "derived again from these figures: the same"
    [told] = json_lines(fixgw(config, "explain", "O2", "--json"))
    assert (told["derived_again"], told["limits"][0]["figures"]) == (True, {"position": "0", "open": "12"})


def test_explain_says_so_when_the_figures_say_otherwise(config: Path) -> None:
    database = open_database(f"sqlite:///{config.parent}/gateway.db", "sim", "test")
    with database.begin() as connection:
        connection.exec_driver_sql('UPDATE decisions SET inputs = \'{"limits":{"3":["9","0"]}}\'')
    database.dispose()
    told = fixgw(config, "explain", "O1")
    assert told.exit_code == 1
    assert "THE FIGURES SAY OTHERWISE" in told.stdout


@pytest.mark.parametrize(
    ("code", "value", "figures", "shown"),
    [
        ("DUPLICATE_ORDER", "2s", [1_234_567_890], "age=1.23456789s refuses"),
        ("DUPLICATE_ORDER", "2s", [None], "age=- passes"),
        ("PRICE_COLLAR", "5%", ["100", "0.01", 35_000_000], "reference=100 tick_size=0.01 age=0.035s passes"),
        ("PRICE_COLLAR", "5%", ["60000.00000000", "0.01000000", 0], "reference=60000 tick_size=0.01 age=0s passes"),
        ("ORDER_RATE", "20/1s", [0], "until_full=0s passes"),
    ],
)
def test_times_are_shown_in_seconds_and_numbers_without_trailing_zeros(
    code: str, value: str, figures: list[Any], shown: str
) -> None:
    [finding] = derive(terms(), {"1": figures}, {1: limit(code, value)})
    assert check_line(finding) == f"{code} {value} account=ACME: {shown}"


def test_explain_of_an_unknown_order(config: Path) -> None:
    assert fixgw(config, "explain", "O99").exit_code == 2
