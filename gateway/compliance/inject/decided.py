"""In which order things were decided: not always that in which they came, since sessions take turns.

A client's message is decided at its own time; what the venue says leads, if to anything, to events a moment later.
What it leads to that is no event, that a start is over, shows in what was taken afterwards.
"""

from bisect import bisect_left, bisect_right, insort
from collections import defaultdict

A_MOMENT_NS = 50_000_000

Key = tuple[int, int, int]
"""Sorts steps: a journal position; whether the step is before what was decided there (-1), led to it (0) or is behind
it (1); and when it came."""


class Decided:
    """Hears the journal's events in their order, and then tells where a step belongs."""

    def __init__(self) -> None:
        self._positions: list[int] = []
        self._latest: list[int] = []  # the latest time up to each position, which rises as positions do
        self._at: dict[int, int] = {}  # the first position of each time
        self._of_order: dict[str, list[tuple[int, int]]] = defaultdict(list)  # times and positions
        self._own: set[int] = set()
        self._first_taken: list[tuple[int, int]] = []  # when such orders came and were sent

    def heard(self, position: int, order_id: str, at: int, *, is_own: bool = False) -> None:
        """The next event. is_own: the gateway did it for a reason of its own, and no word of the venue led to it, nor
        to what else it did at that time.
        """
        self._positions.append(position)
        self._latest.append(max(at, self._latest[-1]) if self._latest else at)
        self._at.setdefault(at, position)
        if order_id:
            insort(self._of_order[order_id], (at, position))
        if is_own:
            self._own.add(at)

    def first_taken(self, came: int, sent: int) -> None:
        """The first order that was taken after a start: when it came, and when it was sent to its venue."""
        self._first_taken.append((came, sent))

    def client(self, at: int) -> Key:
        """Where a client's message belongs. at: when it came, nanoseconds."""
        position = self._at.get(at)
        return (position, 0, at) if position is not None else self.behind(at)

    def effect(self, order_id: str, at: int, client_times: set[int]) -> tuple[int, int] | None:
        """What the venue's word about an order may have led to: position and time. client_times: of messages, which
        lead to other events.
        """
        events = self._of_order.get(order_id, [])
        for when, position in events[bisect_left(events, (at, 0)) :]:
            if when - at > A_MOMENT_NS:
                break
            if when not in client_times and when not in self._own:
                return position, when
        return None

    def before_first_taken(self, key: Key, at: int) -> Key:
        """That key; or, if the first order that was taken after a start was sent later than this, one before it.

        A word that led to nothing may be what the engine waited for before it took orders. When it took the order is
        not recorded, only when the order came, perhaps before the word.
        """
        before = [(self._at[came], -1, at) for came, sent in self._first_taken if at < sent]
        return min([key, *before])

    def behind(self, at: int) -> Key:
        """Behind all that was decided by then: for what led to nothing."""
        index = bisect_right(self._latest, at)
        return (self._positions[index - 1] if index else 0), 1, at
