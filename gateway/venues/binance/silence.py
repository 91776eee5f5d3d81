"""Notices a stream that is silent while the connection lives: an order that was answered is never mentioned.

Another stream helps where one is dead, and not where the venue's events are late: so each is given twice the time of
the one before, until an order is mentioned in time again.
"""

import asyncio
from collections.abc import Callable

from gateway.venues.binance.recent import Recent

_CHECK_S = 0.5
_LONGEST_S = 60.0  # the books are compared with the venue about as often in any case

Key = tuple[str, str]  # symbol and the venue's order id


class SilenceWatch:
    """Compares answers with events. Used from the adapters' loop only."""

    def __init__(self, bound_s: float, silent: Callable[[str], None]) -> None:
        """Silent is called with the reason once an answered order was not mentioned for bound_s."""
        self._bound_s = self._patience_s = bound_s
        self._silent = silent
        self._unheard: dict[Key, float] = {}  # in the order of the answers
        self._heard = Recent()

    def answered(self, key: Key) -> None:
        """An order was accepted by an answer: the stream must mention it too, if it has not yet."""
        if key in self._heard:
            self._patience_s = self._bound_s
        else:
            self._unheard[key] = asyncio.get_running_loop().time()

    def heard(self, key: Key) -> None:
        """The stream mentioned an order."""
        if self._heard.add(key):
            answered_at = self._unheard.pop(key, None)
            # Of what was answered before this stream stood nobody knows how late it is.
            if answered_at is not None and asyncio.get_running_loop().time() - answered_at <= self._bound_s:
                self._patience_s = self._bound_s

    def forget(self) -> None:
        """The stream was broken, or is new: nothing is owed any more."""
        self._unheard.clear()

    async def run(self) -> None:
        """Check until canceled."""
        while True:
            await asyncio.sleep(min(_CHECK_S, self._bound_s))
            oldest = next(iter(self._unheard.items()), None)
            if oldest is not None and asyncio.get_running_loop().time() - oldest[1] > self._patience_s:
                (symbol, venue_order_id), _ = oldest
                self._unheard.clear()
                waited_s, self._patience_s = self._patience_s, self._next_s()
                self._silent(
                    f"order {venue_order_id} ({symbol}) was answered {waited_s:g} s ago and not mentioned; the next "
                    f"stream has {self._patience_s:g} s"
                )

    def _next_s(self) -> float:
        return max(self._bound_s, min(2 * self._patience_s, _LONGEST_S))
