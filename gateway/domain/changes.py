"""An order under decision: the events decided so far, and the order as they leave it."""

from gateway.domain.events import Event
from gateway.domain.order import Order
from gateway.domain.transitions import evolve

Step = tuple[Event, Order | None, Order | None]
"""An event with the order before and after it (None where it concerns no order)."""


class Changes:
    """Collects decided events. Deciding code reads `order` and calls `emit`; nothing else changes an order."""

    __slots__ = ("order", "steps")

    def __init__(self, order: Order | None = None) -> None:
        self.order = order
        self.steps: list[Step] = []

    def emit(self, event: Event) -> Order:
        """Decide an event of the order."""
        before = self.order
        self.order = after = evolve(before, event)
        self.steps.append((event, before, after))
        return after

    def note(self, event: Event) -> None:
        """Decide an event that changes no order."""
        self.steps.append((event, self.order, self.order))

    @property
    def events(self) -> list[Event]:
        """The events alone."""
        return [event for event, _, _ in self.steps]
