"""When orders last changed: a difference between books and venue means something where an order was quiet meanwhile."""

from collections.abc import Callable, Collection, Mapping

from gateway.engine.clock import Clock


class Quiet:
    """Only the engine's thread uses it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._changed: dict[str, int] = {}

    @property
    def changed(self) -> Mapping[str, int]:
        """When each order last changed, by OrderID(37)."""
        return self._changed

    def order_changed(self, order_id: str, at: int) -> None:
        """An order was changed."""
        self._changed[order_id] = at

    def forget(self, before: int) -> None:
        """What changed before that is quiet in any case."""
        self._changed = {order_id: at for order_id, at in self._changed.items() if at > before}

    def clock_jumped(self, by: int) -> None:
        """The host's clock was set by so many nanoseconds."""
        self._changed = {order_id: at + by for order_id, at in self._changed.items()}

    def since(self, at: int, but: Collection[str]) -> Callable[[str], bool]:
        """Tells, by OrderID(37), whether an order was quiet since then. but: these were not, whatever is known."""
        changed, now = self._changed, self._clock.now()

        def is_quiet(order_id: str) -> bool:
            # What is dated in the future was before the clock was set back.
            return order_id not in but and not at <= changed.get(order_id, 0) <= now

        return is_quiet
