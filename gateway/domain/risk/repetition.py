"""The same again: DUPLICATE_ORDER, an order like one just sent; REPEATED_EXECUTION, a pattern that runs in circles."""

from collections import deque
from decimal import Decimal
from typing import Any, NamedTuple

from gateway.domain.events import Event, LegSubmitted, OrderFilled
from gateway.domain.order import Order
from gateway.domain.risk import parsing
from gateway.domain.risk.control import Control, Figures, Reads, forbids
from gateway.domain.risk.denial import Denial
from gateway.domain.risk.limit import Limit
from gateway.domain.risk.parsing import Rate, window_text
from gateway.domain.risk.terms import OrderTerms, Snapshot
from gateway.domain.values import Side

_MANY = 1_000

_Likeness = tuple[Side, Decimal, Decimal | None]


class Recent:
    """When an order of each side, quantity and price was last sent, of one account and symbol."""

    __slots__ = ("_window", "last")

    def __init__(self, limit: Limit) -> None:
        self._window: int = limit.value
        self.last: dict[_Likeness, int] = {}

    def record(self, event: Event | None, order: Order) -> None:
        """A new order that passed."""
        if type(event) is LegSubmitted and event.leg == 1:
            likeness = (order.side, event.qty, event.price if event.price is not None else event.stop_px)
            self.last.pop(likeness, None)  # so that the oldest stay in front
            self.last[likeness] = event.at
            if len(self.last) > _MANY:
                self._forget(event.at - self._window)

    def _forget(self, before: int) -> None:
        for likeness in [x for x, at in self.last.items() if at <= before]:
            del self.last[likeness]


def _age(order: OrderTerms, source: Recent, snapshot: Snapshot, limit: Limit) -> Figures:  # noqa: ARG001 - one signature
    at = source.last.get((order.side, order.order_qty, order.value_px))
    return (None if at is None else max(0, snapshot.at - at),)


def _duplicate(order: OrderTerms, limit: Limit, value: int, figures: Figures) -> Denial | None:
    age: Any = figures[0]
    if not order.is_new or age is None or age >= value:
        return None
    return forbids(limit, within=window_text(value), age=f"{age // 1_000_000}ms")


class Stopped(NamedTuple):
    """A limit that was reached: its scope takes no orders until a person sets it again."""

    pattern: str

    def __str__(self) -> str:
        return "stopped"


def repeated(text: str) -> Rate | Stopped:
    """`10/60s`; or `stopped:` and the pattern that ran in circles, as the gateway itself sets it."""
    return Stopped(text.removeprefix("stopped:")) if text.startswith("stopped:") else parsing.rate(text)


class Patterns:
    """How often orders of one side and quantity have executed in the scope, and which of them did so too often."""

    __slots__ = ("_executed", "_rate", "tripped")

    def __init__(self, limit: Limit) -> None:
        self._rate: Rate = limit.value
        self._executed: dict[tuple[str, str, Side, Decimal], deque[int]] = {}
        self.tripped = limit.value.pattern if isinstance(limit.value, Stopped) else ""

    def record(self, event: Event | None, order: Order) -> str | None:
        """An order's first execution counts; what it executes after that belongs to the same order."""
        if type(event) is not OrderFilled or order.cum_qty != event.last_qty or self.tripped:
            return None
        key = (order.account, order.symbol, order.side, order.terms.order_qty)
        times = self._executed.setdefault(key, deque(maxlen=self._rate.times))
        times.append(event.at)
        if len(times) == self._rate.times and event.at - times[0] < self._rate.window:
            self.tripped = f"{order.side.name}/{order.terms.order_qty:f}/{order.symbol}/{order.account}"
            return self.tripped
        if len(self._executed) > _MANY:
            self._forget(event.at - self._rate.window)
        return None

    def _forget(self, before: int) -> None:
        self._executed = {key: times for key, times in self._executed.items() if times[-1] > before}


def _tripped(order: OrderTerms, source: Patterns, snapshot: Snapshot, limit: Limit) -> Figures:  # noqa: ARG001 - one signature
    return (source.tripped,)


def _repeated(order: OrderTerms, limit: Limit, value: Rate | Stopped, figures: Figures) -> Denial | None:  # noqa: ARG001 - one signature
    pattern: Any = figures[0]
    if not pattern:
        return None
    return forbids(limit, limit=value, pattern=pattern, until="set_again")


DUPLICATE_ORDER = Control(
    code="DUPLICATE_ORDER",
    about="a time, such as 2s, in which an account may not send an order of the same side, symbol, quantity and price",
    value=parsing.window,
    figures=("age",),
    measure=_age,
    judge=_duplicate,
    times=("age",),
    reads=Reads.TRACKER,
    tracker=Recent,
    keeps=(True, False, True),
    tightest=max,
)
REPEATED_EXECUTION = Control(
    code="REPEATED_EXECUTION",
    about="how often orders of one account, symbol, side and quantity may execute in a time, such as 10/60s; then no "
    "more orders of the scope are taken until a person sets the limit again",
    value=repeated,
    figures=("tripped",),
    measure=_tripped,
    judge=_repeated,
    reads=Reads.TRACKER,
    tracker=Patterns,
    renews=True,
)
