"""Going through a record once more: what is left out and why, what differs, and that nothing real can be reached."""

import subprocess
import sys
import tomllib
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest

from gateway.cli.scratch import WAKER, clean_environment, scratch_config
from gateway.cli.scratch_clock import ScratchClock
from gateway.cli.scratch_engine import only_simulated
from gateway.compliance.inject.compare import compare
from gateway.compliance.inject.not_replayable import OrderStory, ThereIs, why_not
from gateway.compliance.inject.other_causes import Comings
from gateway.compliance.inject.steps import LOST, Answered, Passed, Reply, Settled, Told
from gateway.compliance.inject.venue_words import VenueWords, answer_in, trades_told, why_unusable
from gateway.config import Config, load_config
from gateway.domain import events as e
from gateway.domain.commands import Echo
from gateway.domain.values import OrdRejReason, OrdType, Side, TimeInForce
from gateway.domain.venue_reports import Operation

SESSION = "FIX.4.4:FIXGW->DESK"
THERE_IS = ThereIs(frozenset({SESSION}), {("main", "BTCUSDT"): 0, ("main", "LATER"): 1})
AGO = 60_000_000_000
COMINGS = Comings([], [], {"main": [(AGO + 50, AGO + 58)]}, {"main": [(3 * AGO, 3 * AGO + 5)]})
RECEIVED = e.OrderReceived(
    order_id="O1",
    at=1,
    session=SESSION,
    cl_ord_id="A",
    account="TRADING",
    venue_account="main",
    symbol="BTCUSDT",
    side=Side.BUY,
    ord_type=OrdType.LIMIT,
    time_in_force=TimeInForce.GTC,
    order_qty=Decimal(1),
    price=Decimal(5),
    stop_px=None,
    expire_time=None,
    post_only=False,
    remainder_expires=False,
    report_pending_new=False,
    echo=Echo(),
)


def _rejected(text: str) -> e.OrderRejected:
    return e.OrderRejected(order_id="O1", at=2, reason=OrdRejReason.OTHER, text=text, by_venue=False)


@pytest.mark.parametrize(
    ("events", "reason"),
    [
        ([RECEIVED], ""),
        ([RECEIVED, _rejected("LOT_SIZE order=1 step=2")], ""),
        ([RECEIVED, _rejected("MAX_POSITION limit=5 order=9")], ""),
        ([RECEIVED, _rejected("PRICE_COLLAR limit=5%")], ""),
        ([RECEIVED, _rejected("SYMBOL_NOT_TRADING symbol=BTCUSDT")], ""),
        ([RECEIVED, _rejected("REPLACE_TOO_LATE age=9s")], "refused by REPLACE_TOO_LATE"),
        ([RECEIVED, e.OutcomeUnknown(order_id="O1", at=2, leg=1, operation=Operation.PLACE, text="")], ""),
        ([RECEIVED, e.SettlementRequested(order_id="O1", at=2, leg=1)], "because of a comparison"),
        ([RECEIVED, e.SettlementRequested(order_id="O1", at=AGO + 60, leg=1)], ""),  # the connection had been lost
        ([RECEIVED, e.SettlementRequested(order_id="O1", at=3 * AGO + 6, leg=1)], ""),  # the engine had begun again
        ([RECEIVED, _rejected("VENUE_UNAVAILABLE not connected")], "refused by VENUE_UNAVAILABLE"),
        ([RECEIVED, replace(_rejected("VENUE_UNAVAILABLE not connected"), at=AGO + 55)], ""),
        ([RECEIVED, replace(_rejected("VENUE_UNAVAILABLE still"), at=3 * AGO + 2)], "refused by VENUE_UNAVAILABLE"),
        ([RECEIVED, _rejected("ORDER_RATE venue=weight used=1 limit=1 of 1/1 minute")], "refused by ORDER_RATE venue"),
        ([RECEIVED, e.WithdrawalRequested(order_id="O1", at=2, text="EMERGENCY_CANCEL reason=x")], "withdrew it"),
        ([RECEIVED, e.WithdrawalRequested(order_id="O1", at=2, text="KILL_SWITCH scope=firm")], ""),
        (
            [e.LegSubmitted(order_id="O1", at=2, leg=1, client_id="x", qty=Decimal(1), price=None, stop_px=None)],
            "older",
        ),
        ([replace(RECEIVED, symbol="XYZ")], "what XYZ was at the venue then is not recorded"),
        ([replace(RECEIVED, symbol="LATER")], "what LATER was"),
        ([replace(RECEIVED, symbol="XYZ", at=2), _rejected("VENUE_UNAVAILABLE away")], "refused by VENUE_UNAVAILABLE"),
        ([replace(RECEIVED, symbol="XYZ", at=2), _rejected("UNKNOWN_SYMBOL symbol=XYZ")], ""),
        ([replace(RECEIVED, session="FIX.4.4:FIXGW->GONE")], "not in the configuration"),
    ],
)
def test_an_order_is_left_out_with_the_reason(events: list[e.Event], reason: str) -> None:
    story = OrderStory()
    for event in events:
        story.heard(event)
    why = why_not(story, (), THERE_IS, COMINGS, with_history=True)
    assert reason in why
    assert bool(reason) == bool(why)


@pytest.mark.parametrize(
    ("text", "is_left_out"),
    [("MAX_POSITION limit=5 order=9", False), ("REPEATED_EXECUTION limit=3", True), ("REDUCE_ONLY scope=firm", True)],
)
def test_a_later_span_leaves_out_what_no_recorded_figures_stand_for(text: str, is_left_out: bool) -> None:
    story = OrderStory()
    for event in (RECEIVED, _rejected(text)):
        story.heard(event)
    assert bool(why_not(story, (), THERE_IS, COMINGS, with_history=False)) == is_left_out
    assert why_not(story, (), THERE_IS, COMINGS, with_history=True) == ""


def test_of_which_database_an_order_is_its_first_id_at_the_venue_tells() -> None:
    story = OrderStory()
    for number, name in enumerate(("sandbox-tf5q-O1-1", "sandbox-9xyz-O1-2"), 1):
        qty = Decimal(1)
        story.heard(e.LegSubmitted(order_id="O1", at=2, leg=number, client_id=name, qty=qty, price=None, stop_px=None))
    assert story.stem == "sandbox-tf5q"


def test_an_execution_that_no_event_told_leaves_its_order_out() -> None:
    story = OrderStory(received=RECEIVED, trades={"7", "8"})
    assert why_not(story, {"7", "8"}, THERE_IS, COMINGS, with_history=True) == ""
    assert "execution" in why_not(story, {"7"}, THERE_IS, COMINGS, with_history=True)


@pytest.mark.parametrize(
    ("text", "status", "body"),
    [
        ('200 {"id":4,"status":200,"result":{"orderId":7}', 200, '{"orderId":7}'),  # its end, the limits, is cut off
        ('400 {"id":4,"status":400,"error":{"code":-2010}}', 400, '{"code":-2010}'),
        ('200 {"orderId":7}', 200, '{"orderId":7}'),  # over REST
        ('400 {"code":-2010}', 400, '{"code":-2010}'),
    ],
)
def test_a_recorded_answer_is_read_as_it_came_over_either_api(text: str, status: int, body: str) -> None:
    assert answer_in(text) == (status, body)


@pytest.mark.parametrize("text", ["", "200", "what", '200 {"id":4,"res'])
def test_what_is_no_answer_is_none(text: str) -> None:
    assert answer_in(text) is None


def _told(order_id: str | None, **tags: str) -> Told:
    body = "".join(f"{name.removeprefix('t')}={value}\x01" for name, value in tags.items())
    return Told(SESSION, order_id, "8", body)


def test_ids_and_times_may_differ_and_nothing_else() -> None:
    then = [_told("O7", t35="8", t37="O7", t17="90", t60="20260101-00:00:00", t31="5", t58="DUPLICATE of O7")]
    now = [_told("O1", t35="8", t37="O1", t17="3", t60="20261231-00:00:00", t31="5", t58="DUPLICATE of O1")]
    assert list(compare(then, now, {"O7": "O1"})) == []
    other = [_told("O1", t35="8", t37="O1", t17="3", t60="20261231-00:00:00", t31="6", t58="DUPLICATE of O1")]
    (found,) = compare(then, other, {"O7": "O1"})
    assert str(found) == "DESK order O7 report 1: LastPx(31): recorded 5, now 6"


def test_of_a_status_the_venues_id_is_not_compared_since_its_place_in_a_batch_is_not_recorded() -> None:
    for exec_type, differ in (("I", 0), ("5", 1)):
        then, now = _told("O1", t35="8", t150=exec_type), _told("O1", t35="8", t150=exec_type, t198="7")
        assert len(list(compare([then], [now], {"O1": "O1"}))) == differ


def test_reports_that_are_missing_or_too_many_are_named() -> None:
    first, second = _told("O1", t35="8", t39="0"), _told("O1", t35="8", t39="2")
    (missing,) = compare([first, second], [second], {"O1": "O1"})
    assert "report 1: recorded, and not made now: MsgType(35)=8 OrdStatus(39)=0" in str(missing)
    (extra,) = compare([first], [first, second], {"O1": "O1"})
    assert "made now, and not recorded" in str(extra)
    (unknown,) = compare([], [_told(None, t35="8", t11="A", t39="8")], {})
    assert str(unknown).startswith("DESK id A report 1: made now")


REST = """
[[venue_accounts]]
name = "main"
{}
[[accounts]]
name = "TRADING"
venue_account = "main"
[[sessions]]
target_comp_id = "DESK"
accounts = ["TRADING"]
"""

LIVE = """
environment = "live"
deployment = "prod"
[database]
url = "postgresql://gateway@db.example/fixgw"
[front]
host = ""
port = 9880
users_file = "users.json"
[[venue_accounts]]
name = "main"
[venue_accounts.settings]
order_entry = "rest"
self_trade_prevention = "NONE"
allow_withdrawal_keys = true
[[accounts]]
name = "TRADING"
venue_account = "main"
[[sessions]]
target_comp_id = "DESK"
accounts = ["TRADING"]
throttle = { messages = "1/1s" }
max_order_age_seconds = 30
allow_from = ["192.0.2.0/24"]
[sessions.logon]
method = "password"
users = ["ann"]
"""


def test_a_live_gateways_scratch_is_a_simulated_one_on_this_host(tmp_path: Path) -> None:
    real = tmp_path / "live.toml"
    real.write_text(LIVE)
    text = scratch_config(load_config(real), tmp_path, "http://127.0.0.1:9010")
    scratch = Config.model_validate(tomllib.loads(text))
    assert scratch.environment == "sim"
    assert scratch.front.host == "127.0.0.1"
    assert scratch.database.url.startswith(f"sqlite:///{tmp_path}")
    (venue_account,) = scratch.venue_accounts
    assert urlsplit(venue_account.settings["base_url"]).hostname == "127.0.0.1"
    assert set(venue_account.settings) == {
        "base_url",
        "answer_timeout_ms",
        "event_timeout_ms",
        "self_trade_prevention",
    }
    session, waker = scratch.sessions
    assert (session.logon, session.allow_from, session.max_order_age_seconds) == (None, (), 30)
    assert session.throttle is not None
    assert session.throttle.messages == "1/1s"
    assert waker.target_comp_id == WAKER


@pytest.mark.parametrize(
    ("environment", "more"),
    [
        ("live", 'base_url = "http://127.0.0.1:9010"'),
        ("testnet", 'base_url = "http://127.0.0.1:9010"'),
        ("sim", 'base_url = "http://192.0.2.7:9010"'),
        ("sim", 'base_url = "http://127.0.0.1.example:9010"'),
        ("sim", ""),
    ],
)
def test_a_scratch_engine_takes_nothing_but_an_exchange_on_this_host(
    tmp_path: Path, environment: str, more: str
) -> None:
    """Whatever configuration it is given, and whatever keys are there."""
    config = tmp_path / "any.toml"
    settings = f"[venue_accounts.settings]\n{more}"
    config.write_text(
        LIVE.partition("[[venue_accounts]]")[0].replace('"live"', f'"{environment}"') + REST.format(settings)
    )
    with pytest.raises(SystemExit, match="a scratch gateway trades with a simulated exchange on this host"):
        only_simulated(config)


def test_a_scratch_engine_looks_before_it_begins(tmp_path: Path) -> None:
    """As the process that it is, with a live gateway's configuration and keys."""
    config = tmp_path / "live.toml"
    config.write_text(LIVE)
    ScratchClock(tmp_path / "clock", begin=1)
    arguments = [str(config), *(str(tmp_path / name) for name in ("clock", "caller", "instruments", "given"))]
    keys = {"FIXGW_LIVE_MAIN_API_KEY": "k", "FIXGW_LIVE_MAIN_API_SECRET": "s"}
    ended = subprocess.run(
        [sys.executable, "-m", "gateway.cli.scratch_engine", *arguments],
        env=clean_environment() | keys,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ended.returncode == 1
    assert "a scratch gateway trades with a simulated exchange on this host" in ended.stderr


def test_a_scratch_gateways_time_is_what_it_is_set_to_and_goes_on(tmp_path: Path) -> None:
    ours = ScratchClock(tmp_path / "clock", begin=1_000)
    theirs = ScratchClock(tmp_path / "clock")
    assert 1_000 <= theirs.now() <= theirs.now()
    day = 86_400_000_000_000
    for at in (50 * day, 40 * day):
        ours.set(at)
        assert at <= theirs.now() < at + day
    ours.set(7, stands=True)
    assert theirs.now() == theirs.now() == 7
    ours.set(7)
    assert theirs.now() > 7


class _Call(NamedTuple):
    direction: str
    operation: str
    text: str
    at: int = 0
    intent_id: int | None = 1
    order_id: str = "O1"
    venue_account: str = "main"
    id: int = 0


_PLACE = _Call("out", "place", 'order.place {"newClientOrderId":"t-O1-1","symbol":"X","timestamp":5}', intent_id=1)
_LOST = _Call("in", "place", "lost (written): no answer", at=2)
_ASK = _Call("out", "settle", 'order.status {"origClientOrderId":"t-O1-1","symbol":"X"}', intent_id=2)
_NO = _Call("in", "settle", '400 {"id":1,"status":400,"error":{"code":-2013}}', at=3, intent_id=2)
_YES = _Call("in", "settle", '200 {"id":1,"status":200,"result":{"orderId":7,"executedQty":"1"}}', at=4, intent_id=2)
_ASK_TRADES = _Call("out", "settle", 'myTrades {"orderId":7,"symbol":"X"}', intent_id=2)
_TRADES = _Call("in", "settle", '200 {"id":2,"status":200,"result":[{"id":91,"orderId":7}]}', at=5, intent_id=2)


def _words(*calls: _Call) -> tuple[VenueWords, dict[str, str]]:
    rows: Any = calls
    left_out = why_unusable(rows)
    return VenueWords(rows, left_out), left_out


def test_an_outcome_that_was_asked_for_is_told_by_the_answers_that_told_it() -> None:
    """What was asked before without a verdict is not said again."""
    words, left_out = _words(_PLACE, _LOST, _ASK, _NO, _ASK, _YES, _ASK_TRADES, _TRADES)
    assert left_out == {}
    found = Reply("order.status", "client id", 200, '{"orderId":7,"executedQty":"1"}')
    trades = Reply("myTrades", "orderId", 200, '[{"id":91,"orderId":7}]')
    assert words.steps == [
        Answered(2, "main", "O1", "order.place", "t-O1-1", {"symbol": "X"}, LOST, ""),
        Settled(5, "main", "O1", "t-O1-1", (found, trades)),
    ]
    assert words.unanswered == set()
    rows: Any = [_TRADES]
    assert trades_told(rows) == {"O1": {"91"}}


def test_that_the_venue_never_had_it_takes_its_history() -> None:
    history = (_ASK._replace(text='allOrders {"symbol":"X","startTime":1}'), _YES._replace(text='200 {"result":[]}'))
    assert [len(step.replies) for step in _words(_PLACE, _LOST, _ASK, _NO)[0].steps if isinstance(step, Settled)] == []
    words, _ = _words(_PLACE, _LOST, _ASK, _NO, *history)
    (settled,) = (step for step in words.steps if isinstance(step, Settled))
    assert [reply.method for reply in settled.replies] == ["order.status", "allOrders"]


@pytest.mark.parametrize(
    ("calls", "why"),
    [
        ([_PLACE, _LOST, _LOST._replace(text='200 {"id":1,"result":{}}')], "after it had been given up"),
        ([_PLACE, _LOST._replace(text="lost (not written): not connected")], "could not be sent"),
        ([_PLACE, _LOST._replace(text="200 <html>")], "cannot be read"),
        ([_PLACE, _LOST._replace(text='200 {"id":1…')], "not recorded whole"),
        (
            [_PLACE, _LOST._replace(text="watchdog: 200 {}", operation="cancel", intent_id=None)],
            "the watchdog saw to it",
        ),
        ([_LOST], "what was asked before is not recorded"),
    ],
)
def test_words_that_cannot_be_said_again_leave_their_order_out(calls: list[_Call], why: str) -> None:
    words, left_out = _words(*calls)
    assert why in left_out["O1"]
    assert words.steps == []


def test_a_cancel_that_went_over_the_other_api_is_one_request() -> None:
    cancel = _PLACE._replace(operation="cancel", text='order.cancel {"newClientOrderId":"t-O1-1"}', intent_id=3)
    lost = _LOST._replace(operation="cancel", text="lost (not written): not connected", intent_id=3)
    again = cancel._replace(text='DELETE /api/v3/order {"newClientOrderId":"t-O1-1"}')
    words, left_out = _words(_PLACE, cancel, lost, again, lost._replace(text='200 {"status":"CANCELED"}'))
    assert left_out == {}
    assert [(step.method, step.status) for step in words.steps if isinstance(step, Answered)] == [("order.cancel", 200)]


def test_what_time_brought_is_a_step_and_has_to_come_again() -> None:
    story = OrderStory()
    for position, event in enumerate(
        [
            RECEIVED,
            e.CancelRetried(order_id="O1", at=5, cl_ord_id="A"),
            e.ExpiryRequested(order_id="O1", at=9),
            e.WithdrawalRequested(order_id="O1", at=9, text="CANCEL_ON_DISCONNECT reason=logout grace=1s"),
            e.WithdrawalRequested(order_id="O1", at=9, text="MASS_CANCEL cl_ord_id=M"),  # a message brought it
        ]
    ):
        story.heard(event, position)
    assert story.passed == [
        (1, Passed(5, "O1")),
        (2, Passed(9, "O1", "ExpiryRequested", 1)),
        (3, Passed(9, "O1", "WithdrawalRequested", 1)),
    ]


def test_nothing_of_the_gateways_environment_is_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FIXGW_LIVE_MAIN_API_KEY", "FIXGW_DATABASE_PASSWORD", "FIXGW_CONFIG", "PGPASSWORD", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "x")
    assert clean_environment().keys() <= {"PATH", "LANG", "LC_ALL", "TMPDIR", "HOME", "PYTHONPATH"}
