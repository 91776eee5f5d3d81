"""What the account holds, kept up to date: a snapshot, and then the stream's outboundAccountPosition events.

Source: Binance Spot API, user-data-stream.md: sent any time a balance has changed, with the assets that possibly did,
free and locked as they are then; `u` is the time of the last account update.
"""

from collections.abc import Iterable, Mapping
from typing import Protocol

import msgspec

from gateway.domain.funds import Balance
from gateway.venues.binance.payload import Raw, decode, number

ACCOUNT_POSITION = "outboundAccountPosition"


class Say(Protocol):
    """Where it is said: see venues/base.py, Sinks.balances."""

    def __call__(self, balances: Mapping[str, Balance] | None, *, whole: bool) -> None:
        """None: it is not known any more."""


class _Entry(msgspec.Struct):
    a: str  # asset
    f: str  # free
    l: str  # noqa: E741 - locked


class _AccountPosition(msgspec.Struct):
    u: int  # time of the last account update, ms
    B: list[_Entry]


_ACCOUNT_POSITION = msgspec.json.Decoder(_AccountPosition)


class Balances:
    """Says what there is: all of it once that is known, then what changes."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self._is_known = False
        self._told: dict[str, Balance] = {}
        self._stream = 0

    @property
    def stream(self) -> int:
        """Which event stream stands: a snapshot counts only if it is still the one under which it was asked for."""
        return self._stream

    def told(self, raw: Raw) -> None:
        """An event. Raises PayloadError."""
        event = decode(_ACCOUNT_POSITION, raw)
        changed = {}
        for entry in event.B:
            before = self._told.get(entry.a)
            if before is None or before.at_ms <= event.u:
                changed[entry.a] = Balance(entry.a, number(entry.f), number(entry.l), event.u)
        self._told |= changed
        if self._is_known and changed:
            self._say(changed, whole=False)

    def shown(self, balances: Iterable[Balance], stream: int) -> None:
        """A snapshot; what the stream told later stays. An asset that is not among them is none."""
        if stream != self._stream:
            return
        now = {balance.asset: balance for balance in balances}
        at_ms = max((balance.at_ms for balance in now.values()), default=0)
        now |= {asset: told for asset, told in self._told.items() if told.at_ms > at_ms}
        self._told, self._is_known = now, True
        self._say(now, whole=True)

    def forget(self) -> None:
        """The stream is lost, and with it what happens."""
        self._stream += 1
        self._told = {}
        if self._is_known:
            self._is_known = False
            self._say(None, whole=True)
