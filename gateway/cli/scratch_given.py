"""What a scratch gateway is given of the record: instruments, and the figures of decisions that it cannot know.

Two files, each replaced as a whole: whoever goes through the record writes them before the step that they are for.
"""

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec

from gateway.compliance.inject.given import Given, limit_name, made_with
from gateway.domain.instruments import Instrument
from gateway.domain.risk.control import Control, Figures, Measure
from gateway.domain.risk.controls import CONTROLS
from gateway.domain.risk.derive import as_figures
from gateway.domain.risk.limit import Limit
from gateway.domain.risk.terms import OrderTerms, Snapshot
from gateway.store.rows import InstrumentRow

_T = TypeVar("_T")
_NOTHING = Given()


class GivenFiles:
    """The end that writes. with_history: see given.made_with."""

    def __init__(self, directory: Path, instruments: Iterable[InstrumentRow], *, with_history: bool) -> None:
        """instruments: those that there are to begin with, in order."""
        self.instruments = directory / "instruments.json"
        self.given = directory / "given.json"
        self._with_history = with_history
        self._listed: dict[str, dict[str, Any]] = {}
        for row in instruments:
            self._take(row)
        self._write(self.instruments, self._listed)
        self.give(None)

    def learn(self, row: InstrumentRow) -> None:
        """It is so from now on."""
        self._take(row)
        self._write(self.instruments, self._listed)

    def give(self, given: Given | None) -> None:
        """What the next decision is made with."""
        self._write(self.given, [self._with_history, *(given or _NOTHING)])

    def _take(self, row: InstrumentRow) -> None:
        listed = self._listed.setdefault(row.venue_account, {})
        if row.content:
            listed[row.symbol] = json.loads(row.content)
        else:
            listed.pop(row.symbol, None)

    def _write(self, file: Path, value: object) -> None:
        new = file.with_suffix(".new")
        new.write_text(json.dumps(value))
        new.replace(file)


class _Read(Generic[_T]):
    """The end that reads: what the file says now."""

    def __init__(self, file: Path, kind: type[_T]) -> None:
        self._file = file
        self._decoder = msgspec.json.Decoder(kind)
        self._state: tuple[int, int] | None = None

    def now(self) -> _T:
        with self._file.open("rb") as opened:
            found = os.fstat(opened.fileno())
            state = found.st_mtime_ns, found.st_ino
            if state != self._state:
                self._value, self._state = self._decoder.decode(opened.read()), state
        return self._value


class _GivenNow(msgspec.Struct, array_like=True):
    with_history: bool
    figures: dict[str, list[Any]]
    market_px: Decimal | None


class GivenToEngine:
    """In the engine: puts what is given in the place of what it would look at."""

    def __init__(self, instruments: Path, given: Path) -> None:
        self._instruments = _Read(instruments, dict[str, dict[str, Instrument]])
        self._given = _Read(given, _GivenNow)

    def instrument(self, venue_account: str, symbol: str) -> Instrument | None:
        """Instead of VenueLink.instrument."""
        return self._instruments.now().get(venue_account, {}).get(symbol)

    def market_px(self, _order: OrderTerms, _snapshot: Snapshot) -> Decimal | None:
        """Instead of that of the market: what a market order was valued at."""
        return self._given.now().market_px

    def measure_with_it(self) -> None:
        """From now on limits look at what is given."""
        CONTROLS.update({code: replace(control, measure=self.measured(control)) for code, control in CONTROLS.items()})

    def measured(self, control: Control) -> Measure:
        """How a limit of this kind looks at it."""

        def measure(order: OrderTerms, source: Any, snapshot: Snapshot, limit: Limit) -> Figures:
            now = control.measure(order, source, snapshot, limit)
            given = self._given.now()
            then = _of(given.figures, limit)
            if then is None:
                return now
            return made_with(control, limit, now, as_figures(then), with_history=given.with_history)

        return measure


def _of(figures: Mapping[str, list[Any]], limit: Limit) -> list[Any] | None:
    return figures.get(limit_name(limit.code, *limit.scope))
