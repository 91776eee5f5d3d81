"""In which order things were decided: not always that in which they came, since sessions take turns.

A client's message is decided at its own time; what the venue says leads, if to anything, to events a moment later.
"""

from bisect import bisect_left, bisect_right, insort
from collections import defaultdict

_A_MOMENT_NS = 50_000_000

Key = tuple[int, int, int]
"""Sorts steps: a journal position, whether the step is behind what was decided there, and when it came."""


class Decided:
    """Hears the journal's events in their order, and then tells where a step belongs."""

    def __init__(self) -> None:
        self._positions: list[int] = []
        self._latest: list[int] = []  # the latest time up to each position, which rises as positions do
        self._at: dict[int, int] = {}  # the first position of each time
        self._of_order: dict[str, list[tuple[int, int]]] = defaultdict(list)  # times and positions

    def heard(self, position: int, order_id: str, at: int) -> None:
        """The next event."""
        self._positions.append(position)
        self._latest.append(max(at, self._latest[-1]) if self._latest else at)
        self._at.setdefault(at, position)
        if order_id:
            insort(self._of_order[order_id], (at, position))

    def client(self, at: int) -> Key:
        """Where a client's message belongs. at: when it came, nanoseconds."""
        position = self._at.get(at)
        return (position, 0, at) if position is not None else self.behind(at)

    def venue(self, order_id: str, at: int, client_times: set[int]) -> Key:
        """Where what the venue said about an order belongs. client_times: of messages, which lead to other events."""
        events = self._of_order.get(order_id, [])
        for when, position in events[bisect_left(events, (at, 0)) :]:
            if when - at > _A_MOMENT_NS:
                break
            if when not in client_times:
                return position, 0, at
        return self.behind(at)

    def behind(self, at: int) -> Key:
        """Behind all that was decided by then: for what led to nothing."""
        index = bisect_right(self._latest, at)
        return (self._positions[index - 1] if index else 0), 1, at
