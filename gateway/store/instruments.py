"""Instruments in SQL: as orders were decided with them, a row for each that was new or had changed."""

import msgspec
from sqlalchemy import Connection, select

from gateway.domain.instruments import Instrument
from gateway.store.codec import encode_json
from gateway.store.rows import InstrumentRow, storable
from gateway.store.tables import instruments

_DECODER = msgspec.json.Decoder(Instrument)


def instrument_row(
    position: int, at: int, venue_account: str, symbol: str, instrument: Instrument | None
) -> InstrumentRow:
    """What a symbol is from that journal position on; None: not listed."""
    content = "" if instrument is None else encode_json(instrument)
    return InstrumentRow(at, position, venue_account, storable(symbol), content)


def instrument_in(row: InstrumentRow) -> Instrument | None:
    """What that row says."""
    return _DECODER.decode(row.content) if row.content else None


def load_instruments(connection: Connection) -> list[InstrumentRow]:
    """All of them, in order."""
    return [InstrumentRow(*row[1:]) for row in connection.execute(select(instruments).order_by(instruments.c.id))]
