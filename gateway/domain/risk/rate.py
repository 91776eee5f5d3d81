"""How fast orders may come: ORDER_RATE, a token bucket for each scope that has one.

The bucket is kept as one time: when it will be full again. An order needs one token, which is there as long as that
time is not further ahead than the whole bucket takes to fill (the generic cell rate algorithm, in integers throughout).
"""

from typing import Any

from gateway.domain.events import Event, LegSubmitted, ReplaceRequested
from gateway.domain.order import Order
from gateway.domain.risk import parsing
from gateway.domain.risk.control import Control, Figures, Reads
from gateway.domain.risk.denial import Denial, deny
from gateway.domain.risk.limit import Limit
from gateway.domain.risk.parsing import Rate
from gateway.domain.risk.terms import OrderTerms, Snapshot
from gateway.domain.values import OrdRejReason


class Bucket:
    """What the orders of a scope have taken from it."""

    __slots__ = ("_interval", "_window", "full_at")

    def __init__(self, limit: Limit) -> None:
        rate: Rate = limit.value
        self._interval = rate.window // rate.times
        self._window = rate.window
        self.full_at = 0

    def record(self, event: Event | None, order: Order) -> None:  # noqa: ARG002 - as every tracker
        """A new order that passed, or a replace that did, takes a token."""
        if (type(event) is LegSubmitted and event.leg == 1) or type(event) is ReplaceRequested:
            assert event is not None
            self.full_at = event.at + self.until_full(event.at) + self._interval

    def until_full(self, at: int) -> int:
        """Never longer than an empty bucket takes: what lies beyond that was before the clock was set back."""
        self.full_at = min(self.full_at, at + self._window)
        return max(0, self.full_at - at)


def _wait(order: OrderTerms, source: Bucket, snapshot: Snapshot, limit: Limit) -> Figures:  # noqa: ARG001 - one signature
    return (source.until_full(snapshot.at),)


def _order_rate(order: OrderTerms, limit: Limit, value: Rate, figures: Figures) -> Denial | None:  # noqa: ARG001 - one signature
    until_full: Any = figures[0]
    wait = until_full + value.window // value.times - value.window
    if wait <= 0:
        return None
    again = f"{-(-wait // 1_000_000)}ms"
    return deny(limit.code, OrdRejReason.OTHER, limit=value, again_in=again, **limit.where)


ORDER_RATE = Control(
    code="ORDER_RATE",
    about="orders and replaces in a time, such as 20/1s; a token bucket, full at first",
    value=parsing.rate,
    figures=("until_full",),
    measure=_wait,
    judge=_order_rate,
    times=("until_full",),
    reads=Reads.TRACKER,
    tracker=Bucket,
    shrinking=True,
)
