"""Requests whose answers come from outside: each waits until somebody says what the exchange answers.

Nothing is matched, checked or booked for them. Both APIs alike.
"""

import asyncio
from collections import deque
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
        "openOrders.status",
        "account.status",
    }
)


_EMPTY = {"openOrders.status": b"[]", "account.status": b'{"uid":1,"canTrade":true,"balances":[]}', "myTrades": b"[]"}


@dataclass(slots=True)
class Asked:
    """A request that waits. params: as it came, the signature included."""

    op: str
    params: dict[str, Any]
    answer: asyncio.Future[Answer]


class Playback:
    """While `on`, the requests in PLAYED wait here, by number and in the order in which they came.

    While `away`, nobody gets a connection to the WebSocket API. looks: what is shown to who looks at the whole account,
    which does not wait: operation, status and body; afterwards it is empty.
    """

    def __init__(self) -> None:
        self.on = False
        self.away = False
        self.looks: deque[tuple[str, int, bytes]] = deque()
        self.asked: dict[int, Asked] = {}
        self._last = 0

    def takes(self, op: str) -> bool:
        """Whether requests of this kind are answered from outside."""
        return self.on and op in PLAYED

    async def ask(self, op: str, params: dict[str, Any]) -> Answer:
        """Wait for the answer."""
        if op in _EMPTY and "orderId" not in params:
            if self.looks and self.looks[0][0] == op:
                return Answer(*self.looks.popleft()[1:], None)
            return Answer(200, _EMPTY[op], None)
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

    def forget(self) -> None:
        """What waits goes without an answer."""
        for asked in self.asked.values():
            asked.answer.cancel()
        self.asked.clear()

    def reset(self) -> None:
        """Answer nothing any more; what waits goes without."""
        self.on = self.away = False
        self.looks.clear()
        self.forget()
