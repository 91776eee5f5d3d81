"""One request for all of a symbol: what each order hears when its answer is late, broken or a refusal."""

from typing import Any

import msgspec
import pytest

from gateway.domain.intents import CancelIntent
from gateway.domain.venue_reports import VenueClosed, VenueOutcomeUnknown, VenueRefused
from gateway.venues.binance.channel import Answer, RequestLostError
from gateway.venues.binance.clock import VenueClock
from gateway.venues.binance.limits import Limits
from gateway.venues.binance.mass_cancel import CancelAllCall
from gateway.venues.binance.reporter import Reporter
from gateway.venues.binance.requests import Params
from tests.conformance.exchange import Desk as Sinks

NOW_MS = 1_700_000_000_000


def failed(code: int, status: int = 400) -> Answer:
    return Answer(status, b"", b'{"code":%d,"msg":"no"}' % code, b"", NOW_MS + 7_000 if status in (418, 429) else 0)


def ok(*elements: dict[str, Any]) -> Answer:
    return Answer(200, msgspec.json.encode(elements), b"", b"")


def canceled(number: int, status: str = "CANCELED") -> dict[str, Any]:
    return {"orderId": number, "origClientOrderId": f"gw-O{number}-1", "transactTime": 1, "status": status}


def is_open(number: int) -> dict[str, Any]:
    return {
        "symbol": "BTCUSDT", "orderId": number, "clientOrderId": f"gw-O{number}-1", "origQty": "1", "executedQty": "0",
    }  # fmt: skip


class World:
    """A request for orders 1 and 2. The venue's list of open orders is what `shown` says."""

    def __init__(self, shown: Answer | RequestLostError) -> None:
        self.sinks = Sinks()
        self.limits = Limits(0.2)
        self.resyncs = 0
        self.one_by_one: list[str] = []
        self.looks: list[str] = []
        self._shown = shown
        reporter = Reporter("main", self.sinks, VenueClock(lambda: NOW_MS * 1_000_000), self.limits, self._resync)
        self.call = CancelAllCall(
            reporter,
            [self._intent(1), self._intent(2)],
            otherwise=None,
            hold=lambda _: False,
            one_by_one=lambda intent: self.one_by_one.append(intent.client_id),
            look=lambda _, why: self.looks.append(why),
        )

    @staticmethod
    def _intent(number: int) -> CancelIntent:
        return CancelIntent(
            intent_id=number, order_id=f"O{number}", leg=1, venue_account="main", symbol="BTCUSDT",
            client_id=f"gw-O{number}-1", timestamp_ms=NOW_MS, recv_window_ms=5_000, venue_order_id=str(number),
        )  # fmt: skip

    def _resync(self) -> None:
        self.resyncs += 1

    async def settle(self) -> None:
        async def ask(method: str, params: Params) -> Answer:
            assert (method, params) == ("openOrders.status", {"symbol": "BTCUSDT"})
            if isinstance(self._shown, RequestLostError):
                raise self._shown
            return self._shown

        await self.call.settle_doubt(ask, self.looks[-1])

    def told(self, kind: type[VenueClosed | VenueOutcomeUnknown | VenueRefused]) -> list[str]:
        return [report.client_id for report in self.sinks.of(kind)]


BOTH = ["gw-O1-1", "gw-O2-1"]


@pytest.mark.parametrize(
    ("refusal", "pause_ms", "resyncs"),
    [(failed(-1003, 429), 7_000, 0), (failed(-1003, 418), 7_000, 0), (failed(-1021), 0, 1)],
)
async def test_a_refused_look_is_heeded(refusal: Answer, pause_ms: int, resyncs: int) -> None:
    world = World(refusal)
    world.call.lost("no answer in time", written=True)
    await world.settle()
    assert (world.limits.paused_for_ms(NOW_MS), world.resyncs) == (pause_ms, resyncs)
    assert world.told(VenueOutcomeUnknown) == BOTH
    assert not world.one_by_one


@pytest.mark.parametrize(
    ("look", "reason"),
    [
        (RequestLostError("no answer within 10 s"), "no answer within 10 s"),
        (failed(-1003, 429), "-1003 no"),
        (Answer(200, b"?", b"", b""), ": ?"),
    ],
)
async def test_why_a_look_failed_is_told_with_the_doubt(look: Answer | RequestLostError, reason: str) -> None:
    world = World(look)
    world.call.lost("the connection broke", written=True)
    await world.settle()
    told = world.sinks.of(VenueOutcomeUnknown)
    assert [one.client_id for one in told] == BOTH
    (text,) = {one.text for one in told}
    assert text.startswith("the connection broke; what is open cannot be seen: ")
    assert text.endswith(reason)


@pytest.mark.parametrize(
    "late",
    [failed(-1007), failed(-2015), failed(-2011), failed(-1003, 429), failed(-1021), Answer(200, b"?", b"", b"")],
)
async def test_after_a_loss_a_late_failure_sends_and_refuses_nothing_again(late: Answer) -> None:
    world = World(ok(is_open(1), is_open(2)))
    world.call.lost("no answer in time", written=True)
    await world.settle()
    world.call.answered(late)
    assert world.one_by_one == BOTH
    assert len(world.looks) == 1
    assert not world.told(VenueRefused)


async def test_after_a_loss_a_late_answer_tells_what_was_done_and_no_more() -> None:
    world = World(ok(is_open(1)))
    world.call.lost("no answer in time", written=True)
    await world.settle()
    world.call.answered(ok(canceled(1)))
    assert (world.told(VenueClosed), world.told(VenueRefused)) == (["gw-O1-1"], [])
    assert world.told(VenueOutcomeUnknown) == ["gw-O2-1"], "it is being settled"


async def test_an_answer_is_told_when_all_of_it_could_be_read() -> None:
    """Nobody hears first that an order is over, and then that nobody knows."""
    world = World(ok())
    world.call.answered(ok(canceled(1), canceled(2, "SOMETHING_NEW")))
    assert not world.sinks.reports
    await world.settle()
    assert (world.told(VenueClosed), world.told(VenueOutcomeUnknown)) == ([], BOTH)


async def test_a_refused_time_gives_them_back_and_has_the_clock_read() -> None:
    world = World(ok())
    world.call.answered(failed(-1021))
    assert [(one.client_id, one.may_retry) for one in world.sinks.of(VenueRefused)] == [(name, True) for name in BOTH]
    assert world.resyncs == 1
