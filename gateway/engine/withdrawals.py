"""Orders that must not rest any longer, whatever their clients say: canceled for a reason of ours."""

from collections import deque
from collections.abc import Iterable

from loguru import logger

from gateway.domain.halts import Halt, HaltScope, TradingState
from gateway.domain.order import Order
from gateway.domain.wording import counted
from gateway.engine.desk import Desk
from gateway.engine.disconnects import Disconnects
from gateway.engine.emergency import Aftermath
from gateway.engine.put_halt import put_halt
from gateway.engine.recorder import Recorder
from gateway.engine.timers import AT_ONCE
from gateway.store.emergencies import emergency_row
from gateway.store.rows import AlertRow, VenueCallRow, storable

EMERGENCY = "EMERGENCY_CANCEL reason=database_lost the gateway could not record orders any more"
UNATTENDED = "EMERGENCY_CANCEL reason=engine_lost the gateway stood still; trading is halted"

_NOBODY = -1  # a user id that no person has


class Withdrawals:
    """Only the engine's thread uses it."""

    def __init__(self, desk: Desk, recorder: Recorder, disconnects: Disconnects) -> None:
        self._desk = desk
        self._recorder = recorder
        self.disconnects = disconnects
        self._left: deque[tuple[str, str]] = deque()  # orders to withdraw, and why

    def later(self, orders: Iterable[Order], text: str) -> None:
        """Withdraw them for this reason in the next batches, so that very many hold up nothing else."""
        self._left += [(order.order_id, text) for order in orders]

    def is_behind(self, text: str) -> bool:
        """Whether some are still to be withdrawn for this reason."""
        return any(why == text for _, why in self._left)

    def due(self, now: int) -> None:
        """Withdraw what sessions have left whose grace period is over, and what waits, at most AT_ONCE orders."""
        book = self._recorder.book
        for session in self.disconnects.due(now):
            orders = book.working_of(session)
            if orders:
                text = self.disconnects.text(session)
                self._alert(
                    "CANCEL_ON_DISCONNECT", "warning", f"{counted(len(orders), 'open order')}: {text}", now, session
                )
                self.later(orders, text)
        for _ in range(min(AT_ONCE, len(self._left))):
            order_id, text = self._left.popleft()
            order = book.orders.get(order_id)  # it may be over, and its day too
            if order is not None:
                self.withdraw([order], text, now)

    def wait(self, now: int) -> float:
        """Seconds until something is due; infinite when nothing is."""
        return 0 if self._left else self.disconnects.wait(now)

    def emergency_over(self, aftermath: Aftermath, now: int) -> None:
        """Take an emergency into the books: what was said, and for each order the wish that it ends.

        The venue is asked again, so that fills are told before the end, and what the watchdog did not get canceled is.
        """
        emergency, said, over = aftermath.emergency, aftermath.said, aftermath.over
        row = emergency_row(aftermath.path.name)
        self._recorder.batch.meta[row.key] = row
        orders = self._recorder.book.orders
        listed = emergency.orders + aftermath.found
        known = [orders[order.order_id] for order in listed if order.order_id in orders]
        text = (
            f"{counted(len(listed), 'open order')}, {len(over)} of them over before this start, "
            f"file={aftermath.path.name} cause={emergency.cause}"
        )
        self._alert("EMERGENCY_CANCEL", "critical", text, emergency.at)
        self._recorder.batch.venue_calls += [
            VenueCallRow(
                line.at,
                line.venue_account,
                line.direction,
                line.operation,
                line.order_id or None,
                None,
                storable(f"watchdog: {line.text}"),
            )
            for line in said
        ]
        if emergency.halt:  # whatever the watchdog could find out, nobody is to trade on
            known = [order for order in orders.values() if order.is_open or order.is_unknown]
            reason = storable(emergency.cause)
            put_halt(self._recorder, Halt(HaltScope(), TradingState.HALTED, reason, _NOBODY, "watchdog", emergency.at))
        self.withdraw(known, UNATTENDED if emergency.halt else EMERGENCY, now)

    def withdraw(self, orders: Iterable[Order], text: str, now: int) -> None:
        """Cancel them, for this reason, which clients are told."""
        for order in orders:
            try:
                self._desk.withdraw(order, now, text=text)
            except Exception as error:  # one order's trouble is not the others'
                logger.opt(exception=error).error("withdrawal failed order_id={}", order.order_id)
                why = f"withdrawal of {order.order_id}: {type(error).__name__}: {error}"
                self._alert("QUARANTINED", "warning", why, now)

    def _alert(self, code: str, severity: str, text: str, at: int, session: str | None = None) -> None:
        logger.warning("ALERT {} {} session={}", code, storable(text), session or "-")
        self._recorder.batch.alerts.append(AlertRow(at, severity, code, storable(text), session))
