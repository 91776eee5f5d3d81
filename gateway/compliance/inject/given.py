"""What decisions were made with that a gateway beside the real one cannot know: it is taken from their record.

Prices and balances are; and where the span does not have the record's beginning, what came of the orders before it. All
else is reckoned again, and every limit is judged again.
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection

from gateway.compliance.derive.stored import stream
from gateway.compliance.derive.window import Window, rows_of
from gateway.domain.risk.control import Control, Figures
from gateway.domain.risk.controls import CONTROLS
from gateway.domain.risk.limit import Limit
from gateway.domain.risk.terms import UNPRICED
from gateway.store.rows import LimitRow
from gateway.store.tables import decisions

PRICED: dict[str, tuple[str, ...]] = {
    "PRICE_COLLAR": ("reference", "age"),
    "MAX_ORDER_NOTIONAL": ("px",),
    "MIN_ORDER_NOTIONAL": ("px",),
    "BUYING_POWER": ("px",),
    "MAX_DAILY_LOSS": ("earned",),
    "MAX_GROSS_EXPOSURE": ("gross", "unit"),
    "MAX_NET_EXPOSURE": ("net", "unit"),
}
"""Figures that take a price, unless an order brings its own, or nothing is held."""

BALANCES = ("free", "locked", "spent", "unknown")
"""Figures of BUYING_POWER that take the venue's balances, where the limit is of these."""

OF_HISTORY = frozenset(
    {
        "BUYING_POWER",
        "CANCEL_RATIO",
        "DUPLICATE_ORDER",
        "FAT_FINGER",
        "MAX_DAILY_LOSS",
        "MAX_GROSS_EXPOSURE",
        "MAX_NET_EXPOSURE",
        "MAX_OPEN_ORDERS",
        "MAX_ORDERS_PER_DAY",
        "MAX_POSITION",
        "ORDER_RATE",
        "REPEATED_EXECUTION",
        "SELF_TRADE",
        "SHORT_SALE",
    }
)
"""Limits that reckon with all orders before."""


class Given(NamedTuple):
    """figures: what limits were judged on, by `limit_name`. market_px: what a unit of a market order was valued at."""

    figures: Mapping[str, list[Any]] = {}
    market_px: str | None = None

    @property
    def codes(self) -> frozenset[str]:
        """Of the limits."""
        return frozenset(name.partition(" ")[0] for name in self.figures)


Asked = tuple[str, str, int]
"""A client's request: session, its ClOrdID(11), and when it came."""


class Decisions(NamedTuple):
    """A span's. made: their journal positions. unreadable: orders with figures that are not this release's."""

    given: dict[Asked, Given]
    made: set[int]
    unreadable: set[str]


def limit_name(code: str, account: str, session: str, symbol: str) -> str:
    """The same for all versions of a limit: their numbers need not be the same ones when they are set again."""
    return f"{code} {account} {session} {symbol}"


def read_decisions(connection: Connection, window: Window, limits: Iterable[LimitRow]) -> Decisions:
    """Those of the span."""
    by_id = {str(row.limit_id): row for row in limits}
    found = Decisions({}, set(), set())
    numbers = rows_of(connection, decisions.c.position, decisions.c.at, window)
    for row in stream(connection, decisions, "position", *numbers):
        if not window.holds(row.at):
            continue
        figures = _figures(row.inputs, by_id)
        if figures is None:
            found.unreadable.add(row.order_id)
            continue
        found.made.add(row.position)
        if figures:
            found.given[row.session, row.cl_ord_id, row.at] = Given(figures)
    return found


def _figures(inputs: str, limits: Mapping[str, LimitRow]) -> dict[str, list[Any]] | None:
    """None where they cannot be read."""
    try:
        looked_at = msgspec.json.decode(inputs, type=dict[str, Any]).get("limits", {})
        found = {}
        for limit_id, figures in looked_at.items():
            limit = limits[limit_id]
            if len(figures) != len(CONTROLS[limit.code].figures):
                return None
            found[limit_name(limit.code, limit.account, limit.session, limit.symbol)] = figures
    except (msgspec.DecodeError, msgspec.ValidationError, KeyError):
        return None
    return found


def made_with(control: Control, limit: Limit, now: Figures, then: Figures, *, with_history: bool) -> Figures:
    """The figures to judge on: those of now, and for what cannot be known now those of then."""
    if control.code in OF_HISTORY and not with_history:
        return then
    taken = PRICED.get(control.code, ()) if UNPRICED in now else ()
    if control.code == "BUYING_POWER" and limit.value.amounts is None:
        taken += BALANCES
    if not taken:
        return now
    return tuple(t if name in taken else n for name, n, t in zip(control.figures, now, then, strict=True))


def taken_of(codes: Iterable[str], *, with_history: bool) -> dict[str, list[str]]:
    """For people: what was taken from the record, by kind, and for which of these limits."""
    used = set(codes)
    found = {
        "prices": used & PRICED.keys(),
        "balances": used & {"BUYING_POWER"},
        "what came before": set() if with_history else used & OF_HISTORY,
    }
    return {kind: sorted(of) for kind, of in found.items() if of}
