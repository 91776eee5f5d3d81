"""Which instruments orders are decided with, in SQL once for each change, so that they can be decided once more."""

from collections.abc import Iterable

from gateway.domain.instruments import Instrument
from gateway.store.batch import Batch
from gateway.store.instruments import instrument_in, instrument_row
from gateway.store.rows import InstrumentRow


class InstrumentLog:
    """Every order comes by here, so there is next to nothing to do for one whose instrument is the last one's."""

    def __init__(self, batch: Batch, recorded: Iterable[InstrumentRow]) -> None:
        """recorded: what is in SQL, in order."""
        self._batch = batch
        self._known = {(row.venue_account, row.symbol): instrument_in(row) for row in recorded}

    def decided_with(
        self, position: int, at: int, venue_account: str, symbol: str, instrument: Instrument | None
    ) -> None:
        """What is recorded from that journal position on is decided with this; None: the venue does not list it."""
        key = venue_account, symbol
        known = self._known.get(key)
        if known is instrument:
            return
        if known != instrument:  # the venue tells all of them again whenever one has changed
            self._batch.instruments.append(instrument_row(position, at, venue_account, symbol, instrument))
        self._known[key] = instrument
