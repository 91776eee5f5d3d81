"""The order management system of the demo: sends over FIX, and insists on the answer that should come."""

from __future__ import annotations

import time
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

import aiohttp

from gateway.client import ExpectTimeout, FixClient, FixMessage
from gateway.wire.field_names import NAMES
from gateway.wire.readable import meaning

if TYPE_CHECKING:
    from demo_screen import Screen

_ANSWER_SECONDS = 15.0
_QUIET_SECONDS = 0.3
_TAGS = {name: tag for tag, name in NAMES.items()}


class StepFailed(Exception):  # noqa: N818 - says what happened
    """An answer was not as it should be."""


class Exchange:
    """The simulated exchange's control API: what it shall do to our orders."""

    def __init__(self, http: aiohttp.ClientSession, url: str, screen: Screen) -> None:
        self._http, self._url, self._screen = http, url, screen

    async def manual(self, symbol: str, *, on: bool) -> None:
        """In manual mode nothing matches by itself: orders wait to be filled or ended by hand."""
        await self._control("mode", symbol=symbol, mode="manual" if on else "auto")

    async def fills(self, report: FixMessage, qty: str | None = None) -> None:
        """Execute part of an order, or all that is left, at its own price."""
        self._screen.exchange(f"fills {qty or 'the rest'}", time.time_ns())
        await self._control("fill", orderId=_venue_id(report), **({"qty": qty} if qty else {}))

    async def expires_rest(self, report: FixMessage) -> None:
        """End the order, as at the end of an immediate-or-cancel order's instant."""
        self._screen.exchange("has no more at this price and ends the order", time.time_ns())
        await self._control("expire", orderId=_venue_id(report))

    async def _control(self, command: str, **body: str | int) -> None:
        async with self._http.post(f"{self._url}/sim/{command}", json=body) as answer:
            if answer.status != 200:
                raise StepFailed(f"the exchange's control API refused {command} {body}: {await answer.text()}")


class Desk:
    """One FIX session, and every answer on it in the order it comes."""

    def __init__(self, client: FixClient, exchange: Exchange) -> None:
        self.client, self.exchange = client, exchange

    async def report(self, **expected: str) -> FixMessage:
        """The next ExecutionReport(8); see answer."""
        return await self.answer("8", **expected)

    async def answer(self, msg_type: str, **expected: str) -> FixMessage:
        """The next message, whose fields must be as expected: by name, values as FIX has them or by their meaning.

        Raises StepFailed.
        """
        wanted = ", ".join(f"{name}={value}" for name, value in expected.items())
        try:
            message = await self.client.expect(timeout=_ANSWER_SECONDS)
        except ExpectTimeout:
            why = f"within {_ANSWER_SECONDS:g} s" if self.client.connected else f"({self.client.closed_reason})"
            raise StepFailed(f"no answer {why}; there should have been one with {wanted}") from None
        wrong = [
            f"{name} is {message.get(_TAGS[name])!r} and not {value}"
            for name, value in {"MsgType": msg_type, **expected}.items()
            if not _same(_TAGS[name], message.get(_TAGS[name]), value)
        ]
        if wrong:
            raise StepFailed(f"the answer is not as it should be: {'; '.join(wrong)}")
        return message

    async def nothing_more(self) -> None:
        """Raises StepFailed if an answer comes that no step asked for."""
        try:
            surplus = await self.client.expect(timeout=_QUIET_SECONDS)
        except ExpectTimeout:
            return
        raise StepFailed(f"one message too many: {surplus}")


def _same(tag: int, found: str | None, wanted: str) -> bool:
    if found is None:
        return False
    if wanted in (found, meaning(tag, found)) or (tag == 58 and found.startswith(wanted)):
        return True
    try:
        return Decimal(found) == Decimal(wanted)
    except InvalidOperation:
        return False


def _venue_id(report: FixMessage) -> int:
    """The venue's own id of the order, SecondaryOrderID(198)."""
    return int(report[198])
