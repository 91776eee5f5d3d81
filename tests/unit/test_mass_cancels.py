"""When the kill has all of a symbol canceled by one request: never where an order of another's could go with it."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from gateway.domain import venue_reports as v
from gateway.domain.halts import Halt, Halts, HaltScope, TradingState
from gateway.domain.instruments import NO_CAPABILITIES, Capabilities
from gateway.domain.intents import CancelAll, CancelIntent, Intent, PlaceIntent
from gateway.domain.order import Phase
from gateway.domain.reconcile import OrderAtVenue, SnapshotRequest, VenueSnapshot
from gateway.domain.session_profile import Account
from gateway.domain.values import OrdType, Side, TimeInForce
from gateway.engine import inbox as i
from gateway.engine.kill_switch import CONFIRM_WITHIN
from gateway.engine.mass_cancels import Exclusive, MassCancels
from gateway.engine.operations import Caller, Kill
from gateway.store.tables import alerts
from gateway.venues.binance.requests import CAPABILITIES
from tests.fixtures.loop_world import World
from tests.fixtures.processes import wait_until

FIRM = HaltScope()


def cancel(intent_id: int, symbol: str = "BTCUSDT", account: str = "main") -> CancelIntent:
    return CancelIntent(**_common(intent_id, symbol, account))


def place(intent_id: int) -> PlaceIntent:
    return PlaceIntent(
        **_common(intent_id, "BTCUSDT", "main"), side=Side.BUY, ord_type=OrdType.LIMIT, time_in_force=TimeInForce.GTC,
        qty=Decimal(1), price=Decimal(1),
    )  # fmt: skip


def _common(intent_id: int, symbol: str, account: str) -> dict[str, Any]:
    return {
        "intent_id": intent_id, "order_id": f"O{intent_id}", "leg": 1, "venue_account": account, "symbol": symbol,
        "client_id": f"gw-O{intent_id}-1", "timestamp_ms": 1, "recv_window_ms": 1,
    }  # fmt: skip


class Desk:
    """Where a kill of the firm covers BTCUSDT at main, which is declared, and was looked at."""

    def __init__(self, capabilities: Capabilities = CAPABILITIES) -> None:
        self.alerts: list[tuple[str, str]] = []
        self.halts = Halts([Halt(FIRM, TradingState.HALTED, "why", 0, "root", 0)])
        exclusive = Exclusive(["main"], "gw-", lambda code, text: self.alerts.append((code, text)))
        self.mass = MassCancels(exclusive, lambda: self.halts, lambda _: capabilities)
        self.mass.exclusive.seen("main")
        self.mass.begin(1, FIRM, [("main", "BTCUSDT")])

    def gathered(self, *intents: Intent) -> list[Any]:
        return [
            [one.intent_id for one in request.cancels] if isinstance(request, CancelAll) else request.intent_id
            for request in self.mass.gather(intents)
        ]


def test_cancels_become_one_request_after_what_they_are_to_cancel() -> None:
    desk = Desk()
    assert desk.gathered(cancel(1), place(2), cancel(3), cancel(4, "ETHUSDT"), cancel(5)) == [2, 4, [1, 3, 5]]
    assert desk.gathered(cancel(1), place(2)) == [1, 2], "one alone names its order"


def test_what_is_not_covered_goes_one_by_one() -> None:
    both = (cancel(1), cancel(2))
    assert Desk(NO_CAPABILITIES).gathered(*both) == [1, 2], "the venue has no such request"
    desk = Desk()
    assert desk.gathered(cancel(1, account="second"), cancel(2, account="second")) == [1, 2]
    desk.mass.end(1)
    assert desk.gathered(*both) == [1, 2], "the kill is over"
    desk = Desk()
    desk.halts.put(Halt(FIRM, TradingState.ACTIVE, "why", 0, "root", 0))
    assert desk.gathered(*both) == [1, 2], "orders are taken again"
    exclusive = Exclusive(["main"], "gw-", lambda *_: None)
    assert not exclusive.holds("main"), "nobody has looked yet"
    exclusive.seen("main")
    assert exclusive.holds("main")
    exclusive.lost("main")
    assert not exclusive.holds("main"), "what others did meanwhile was not heard of"


def test_a_foreign_order_ends_it_for_good_and_is_told_once() -> None:
    desk = Desk()
    desk.mass.exclusive.foreign("main", "BTCUSDT", "gw-k3x9-O1-1")
    desk.mass.exclusive.foreign("second", "BTCUSDT", "web_1")
    assert (desk.gathered(cancel(1), cancel(2)), desk.alerts) == ([[1, 2]], [])
    desk.mass.exclusive.foreign("main", "ETHUSDT", "web_1")
    desk.mass.exclusive.foreign("main", "ETHUSDT", "web_2")
    desk.mass.exclusive.seen("main")
    assert desk.gathered(cancel(1), cancel(2)) == [1, 2]
    ((code, text),) = desk.alerts
    assert code == "FOREIGN_ORDER"
    assert "main is declared exclusive, and order 'web_1' in ETHUSDT there is not ours" in text


class LookingWorld(World):
    """Its venue shows what it is told to."""

    shown: tuple[OrderAtVenue, ...] = ()

    def snapshot(self, request: SnapshotRequest) -> None:
        self.inbox.put(
            i.SnapshotTaken(VenueSnapshot(request=request, asked_at=self.time, orders=self.shown, trades=()))
        )

    def closed(self, intent: CancelIntent) -> None:
        self.inbox.put(
            v.VenueClosed(
                venue_account="main", symbol=intent.symbol, client_id=intent.client_id,
                reason=v.CloseReason.CANCELED, cum_qty=Decimal(0),
            )
        )  # fmt: skip

    def kill(self, **scope: Any) -> i.OperatorRequest:
        item = i.OperatorRequest("kill", Kill(**scope), Caller(0, 1, "root"), "why", self.time)
        self.inbox.put(item)
        return item

    def ready(self) -> None:
        """Two orders are accepted, and books and venue were compared."""
        orders = [self.order("A"), self.order("B")]
        self.start()
        for number, order in enumerate(orders):
            self.inbox.put(
                v.VenueAccepted(
                    venue_account="main", symbol="BTCUSDT", client_id=f"gw-{order.order_id}-1",
                    venue_order_id=str(number),
                )
            )  # fmt: skip
        wait_until(lambda: all(self.book.orders[o.order_id].acknowledged for o in orders), "both are accepted")
        self.shown += tuple(
            OrderAtVenue("BTCUSDT", f"gw-{order.order_id}-1", str(number), Decimal(10), Decimal(0))
            for number, order in enumerate(orders)
        )
        self.inbox.put(i.AvailabilityChanged("main", True, "", self.time))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[LookingWorld]:
    made = LookingWorld(tmp_path, exclusive=True)
    yield made
    made.stop()
    assert made.halted == []


def looked(world: LookingWorld) -> bool:
    return world.engine._reconciler._accounts["main"].trades_seen > 0


@pytest.mark.parametrize("scope", [{}, {"account": "TRADING"}, {"symbol": "BTCUSDT"}, {"venue": "binance"}])
def test_the_kill_uses_it_and_hears_of_each_order(world: LookingWorld, scope: dict[str, str]) -> None:
    world.ready()
    wait_until(lambda: looked(world), "compared")
    asked = world.kill(**scope)
    wait_until(lambda: len(world.mass_cancels) == 1, "one request for both")
    (request,) = world.mass_cancels
    assert [one.venue_order_id for one in request.cancels] == ["0", "1"]
    assert not any(isinstance(intent, CancelIntent) for intent in world.intents)
    world.shown = ()
    for one in request.cancels:
        world.closed(one)
    outcome = asked.reply.result(10)
    assert outcome.result == {"confirmed": True, "orders": 2, "unconfirmed": []}


def test_what_comes_back_is_sent_again_by_one_request(world: LookingWorld) -> None:
    world.ready()
    wait_until(lambda: looked(world), "compared")
    asked = world.kill()
    wait_until(lambda: len(world.mass_cancels) == 1, "sent")
    for one in world.mass_cancels[0].cancels:
        world.inbox.put(
            v.VenueRefused(
                venue_account="main", symbol="BTCUSDT", client_id=one.client_id, operation=v.Operation.CANCEL,
                intent_id=one.intent_id, text="-1003 Too much.", may_retry=True,
            )
        )  # fmt: skip
    wait_until(lambda: all(o.requests[0].phase is Phase.RETURNED for o in world.book.orders.values()), "both came back")
    world.nudge()
    wait_until(lambda: bool(world.rows(select(alerts.c.code).where(alerts.c.code == "NUDGE"))), "and are watched")
    world.time += 2_000_000_000
    world.nudge()
    wait_until(lambda: len(world.mass_cancels) == 2, "sent again")
    world.shown = ()
    for one in world.mass_cancels[1].cancels:
        world.closed(one)
    assert asked.reply.result(10).result["confirmed"] is True


@pytest.mark.parametrize("seen", ["snapshot", "stream"])
def test_a_foreign_order_is_left_alone(world: LookingWorld, seen: str) -> None:
    if seen == "snapshot":
        world.shown = (OrderAtVenue("BTCUSDT", "by-hand", "8", Decimal(1), Decimal(0)),)
    world.ready()
    wait_until(lambda: looked(world), "compared")
    if seen == "stream":
        world.inbox.put(
            v.VenueAccepted(venue_account="main", symbol="BTCUSDT", client_id="by-hand", venue_order_id="8")
        )
    asked = world.kill()
    wait_until(lambda: sum(isinstance(one, CancelIntent) for one in world.intents) == 2, "one by one")
    assert world.mass_cancels == []
    assert world.rows(select(alerts.c.code).where(alerts.c.code == "FOREIGN_ORDER"))
    world.time += CONFIRM_WITHIN + 1
    assert asked.reply.result(10).done


@pytest.mark.parametrize("scope", [{"session": "DESK"}, {"account": "TRADING"}])
def test_where_somebody_else_of_ours_may_send_orders_it_is_not_used(world: LookingWorld, scope: dict[str, str]) -> None:
    accounts = world.engine._operator._kill_switch._accounts
    accounts |= {"OTHER": Account(name="OTHER", venue_account="main")}  # type: ignore[operator]  # it is a dict
    world.ready()
    wait_until(lambda: looked(world), "compared")
    asked = world.kill(**scope)
    wait_until(lambda: sum(isinstance(one, CancelIntent) for one in world.intents) == 2, "one by one")
    assert world.mass_cancels == []
    world.time += CONFIRM_WITHIN + 1
    assert asked.reply.result(10).done
