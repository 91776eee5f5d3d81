"""Going through a record once more: what is left out and why, what differs, and that nothing real can be reached."""

import tomllib
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from gateway.cli.scratch import clean_environment, scratch_config
from gateway.compliance.inject.compare import compare
from gateway.compliance.inject.decided import Decided
from gateway.compliance.inject.not_replayable import OrderStory, ThereIs, why_not
from gateway.compliance.inject.record import Told, answer_in
from gateway.config import Config, load_config
from gateway.domain import events as e
from gateway.domain.commands import Echo
from gateway.domain.values import OrdRejReason, OrdType, Side, TimeInForce
from gateway.store.rows import LimitRow

SESSION = "FIX.4.4:FIXGW->DESK"
THERE_IS = ThereIs(frozenset({SESSION}), frozenset({"BTCUSDT"}))
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
        ([RECEIVED, _rejected("PRICE_COLLAR limit=5%")], "refused by PRICE_COLLAR"),
        ([RECEIVED, e.OutcomeUnknown(order_id="O1", at=2, leg=1, operation="place", text="")], "was unknown"),  # type: ignore[arg-type]
        ([RECEIVED, e.WithdrawalRequested(order_id="O1", at=2, text="")], "the gateway withdrew it"),
        (
            [e.LegSubmitted(order_id="O1", at=2, leg=1, client_id="x", qty=Decimal(1), price=None, stop_px=None)],
            "older",
        ),
        ([replace(RECEIVED, symbol="XYZ")], "has no XYZ"),
        ([replace(RECEIVED, expire_time=5)], "ExpireTime(126)"),
        ([replace(RECEIVED, session="FIX.4.4:FIXGW->GONE")], "not in the configuration"),
    ],
)
def test_an_order_is_left_out_with_the_reason(events: list[e.Event], reason: str) -> None:
    story = OrderStory()
    for event in events:
        story.heard(event)
    why = why_not(story, (), THERE_IS, 10, with_history=True)
    assert reason in why
    assert bool(reason) == bool(why)


def test_limits_that_reckon_with_the_past_are_missing_in_a_later_span() -> None:
    story = OrderStory()
    for event in (RECEIVED, _rejected("MAX_POSITION limit=5 order=9")):
        story.heard(event)
    assert "MAX_POSITION" in why_not(story, (), THERE_IS, 10, with_history=False)


def test_an_execution_that_no_event_told_leaves_its_order_out() -> None:
    story = OrderStory(received=RECEIVED, trades={"7", "8"})
    assert why_not(story, {"7", "8"}, THERE_IS, 10, with_history=True) == ""
    assert "execution" in why_not(story, {"7"}, THERE_IS, 10, with_history=True)


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
    limit = LimitRow(1, "MAX_ORDER_QTY", "TRADING", "", "", "5", None, 0, None, "ann", "", 0)
    text = scratch_config(load_config(real), [limit], tmp_path, "http://127.0.0.1:9010")
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
    (session,) = scratch.sessions
    assert (session.logon, session.throttle, session.max_order_age_seconds, session.allow_from) == (
        None,
        None,
        None,
        (),
    )
    assert [(given.code, given.scope.account, given.text) for given in scratch.all_limits()] == [
        ("MAX_ORDER_QTY", "TRADING", "5")
    ]


def test_nothing_of_the_gateways_environment_is_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FIXGW_LIVE_MAIN_API_KEY", "FIXGW_DATABASE_PASSWORD", "FIXGW_CONFIG", "PGPASSWORD", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "x")
    assert clean_environment().keys() <= {"PATH", "LANG", "LC_ALL", "TMPDIR", "HOME", "PYTHONPATH"}


def test_steps_are_taken_as_they_were_decided() -> None:
    """A cancel came before the venue's word and was decided behind it; a status request led to no event."""
    decided = Decided()
    for position, at in ((1, 10), (2, 41), (3, 30)):  # order, acceptance, cancel
        decided.heard(position, "O1", at)
    client_times = {10, 30, 35}
    order, cancel, status = (decided.client(at) for at in (10, 30, 35))
    accepted = decided.venue("O1", 40, client_times)
    told_again = decided.venue("O1", 42, client_times)
    assert sorted([cancel, told_again, accepted, order]) == [order, accepted, cancel, told_again]
    assert status > order
