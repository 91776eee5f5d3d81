"""The engine emptied before a deployment: nobody new, no new orders, until nothing is under way; then it stops.

Cancels pass, and what is sent to the venues goes on. Orders that rest stay at their venue; the next engine finds them.
"""

import os
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from loguru import logger

from gateway.domain.book import Book
from gateway.domain.order import LegState, Order
from gateway.domain.wording import counted
from gateway.engine.clock import NANOSECONDS, Clock
from gateway.engine.numbers import SessionState
from gateway.engine.operations import Drain, Outcome

_LOOK_EVERY = NANOSECONDS // 5
_ANSWER_FIRST = NANOSECONDS // 2
"""From the answer to who asked to the stop, which hangs up on them."""
_NAMED = 20  # of what is still under way


@dataclass(slots=True)
class _Asked:
    finish: Callable[[Outcome], None]
    until: int


def stop_process() -> None:
    """End this process as a person would: the main thread waits for the signal."""
    os.kill(os.getpid(), signal.SIGTERM)


class Drainer:
    """Only the engine's thread uses it, but for `refusal`."""

    def __init__(
        self,
        book: Book,
        states: Mapping[str, SessionState],
        clock: Clock,
        closed: Callable[[str], str],
        stop: Callable[[], None] = stop_process,
    ) -> None:
        """closed: why nobody can log on to a session for other reasons; empty where one can."""
        self._book = book
        self._states = states
        self._clock = clock
        self._closed = closed
        self._stop = stop
        self._asked: list[_Asked] = []
        self._look_at = 0
        self._stop_at = 0
        self.draining = False
        self.stopped = False
        """Whether the process is to end because of it, for whoever reports how it ended."""

    def refusal(self, session: str) -> str:
        """Why nobody can log on to the session now; empty where one can. Any thread may ask."""
        if self.draining:
            return "the gateway is about to restart; try again in a while"
        if self._states[session].disabled:
            return "the session is disabled by an operator"
        return self._closed(session)

    @property
    def order_refusal(self) -> str:
        """Why no order or replace is taken; empty where they are."""
        return "DRAINING the gateway is about to restart; cancels are taken" if self.draining else ""

    def drain(self, asked: Drain, finish: Callable[[Outcome], None]) -> None:
        """Begin, or go on; or with `resume` take orders and logons again."""
        if asked.resume:
            was, self.draining, self._stop_at = self.draining, False, 0
            for waiting in self._asked:
                waiting.finish(Outcome(done=False, text="another request took the drain back"))
            self._asked.clear()
            finish(Outcome(done=True, text="takes logons and orders again" if was else "was not being drained"))
            return
        self.draining = True
        self._asked.append(_Asked(finish, self._clock.now() + asked.within_seconds * NANOSECONDS))
        self._look_at = 0

    def due(self, now: int) -> None:
        """See how far it is."""
        if self._stop_at and now >= self._stop_at:
            self._stop_at, self.stopped = 0, True
            logger.info("drained, the engine stops")
            self._stop()
        if not self._asked or now < self._look_at:
            return
        self._look_at = now + _LOOK_EVERY
        left = self._under_way()
        if not left:
            for asked in self._asked:
                asked.finish(Outcome(done=True, text="nothing is under way; sessions are logged out, the engine stops"))
            self._asked.clear()
            self._stop_at = now + _ANSWER_FIRST
            return
        for asked in [asked for asked in self._asked if asked.until <= now]:
            self._asked.remove(asked)
            named = ", ".join(left[:_NAMED]) + (f" and {len(left) - _NAMED} more" if len(left) > _NAMED else "")
            text = f"still under way: {named}. No logons and orders are taken; repeat it to wait on, or --resume"
            asked.finish(Outcome(done=False, text=text, result={"left": left}))

    def wait(self, now: int) -> float:
        """Seconds until something is due; infinite when nothing is."""
        times = [when for when in (self._stop_at, self._look_at if self._asked else 0) if when]
        if self._asked and not self._look_at:
            return 0.0
        return max(0.0, (min(times) - now) / NANOSECONDS) if times else float("inf")

    def _under_way(self) -> list[str]:
        orders = (self._book.orders[order_id] for order_id in sorted(self._book.working))
        left = [f"order {order.order_id} of {order.session}" for order in orders if _unsettled(order)]
        waiting = [state for state in self._states.values() if state.logged_on and state.waiting]
        return left + [f"{counted(len(state.waiting), 'report')} to {state.key}" for state in waiting]


def _unsettled(order: Order) -> bool:
    """Whether an answer of its venue is awaited."""
    leg = order.leg
    return order.is_unknown or bool(order.requests) or (leg is not None and leg.state is LegState.PENDING)
