"""Requests about orders whose answers come from outside: each waits until somebody says what the exchange answers.

Nothing is matched, checked or booked for them. Requests over the WebSocket API alone: that is where orders go.
"""

import asyncio
from dataclasses import dataclass
from typing import Any

from gateway.simulator.api import Answer

PLAYED = frozenset(
    {
        "order.place",
        "order.cancel",
        "order.cancelReplace",
        "order.amend.keepPriority",
        "order.status",
        "allOrders",
        "myTrades",
    }
)


@dataclass(slots=True)
class Asked:
    """A request that waits. params: as it came, the signature included."""

    op: str
    params: dict[str, Any]
    answer: asyncio.Future[Answer]


class Playback:
    """While `on`, the requests in PLAYED wait here, by number and in the order in which they came."""

    def __init__(self) -> None:
        self.on = False
        self.asked: dict[int, Asked] = {}
        self._last = 0

    def takes(self, op: str) -> bool:
        """Whether requests of this kind are answered from outside."""
        return self.on and op in PLAYED

    async def ask(self, op: str, params: dict[str, Any]) -> Answer:
        """Wait for the answer."""
        self._last += 1
        number = self._last
        self.asked[number] = asked = Asked(op, params, asyncio.get_running_loop().create_future())
        try:
            return await asked.answer
        finally:
            self.asked.pop(number, None)

    def answer(self, number: int, status: int, body: bytes) -> None:
        """Answer a request that waits. body: its result, or its error where status is not 200. Raises KeyError."""
        asked = self.asked.pop(number)
        if not asked.answer.done():
            asked.answer.set_result(Answer(status, body, None))

    def reset(self) -> None:
        """Answer nothing any more; what waits goes without."""
        self.on = False
        for asked in self.asked.values():
            asked.answer.cancel()
        self.asked.clear()
