"""Closing a position in slices: how much of it next, at which limit price, or why nothing can be done. Pure.

A slice is never more than what is held, so no position can cross zero, and its price is never beyond the collar, so a
thin book cannot fill it just anywhere. Both hold because everything is rounded toward the smaller quantity and toward
the reference price.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from gateway.domain.instruments import Instrument
from gateway.domain.money import AVG_PX_STEP, ZERO, add, divide_down, multiply, round_down, round_up, subtract, trim
from gateway.domain.risk.collar import Collar
from gateway.domain.values import Side

_HALF = Decimal("0.5")


@dataclass(frozen=True, slots=True, kw_only=True)
class FlattenRules:
    """max_notional: the most a slice may be worth, in the currency of exposures. collar: around the reference price;
    limits of orders may have tighter ones. attempts: slices in a row of which nothing executes. within: nanoseconds.
    """

    max_notional: Decimal
    collar: Collar
    attempts: int
    within: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """What is to be closed, and what bounds the next slice of it. Quantities are base units.

    position: signed. references: prices in quote currency; the slice's price stays inside every collar around every one
    of them. available: what the venue account has free to sell; None where nobody knows.
    """

    position: Decimal
    instrument: Instrument
    references: Sequence[Decimal]
    collars: Sequence[Collar]
    max_qty: Decimal
    available: Decimal | None = None


class Slice(NamedTuple):
    """An immediate-or-cancel limit order that closes a part."""

    side: Side
    order_qty: Decimal
    price: Decimal


class Unsliceable(NamedTuple):
    """Why there is no further slice: a code and its figures."""

    why: str


def next_slice(holding: Holding) -> Slice | Unsliceable:
    """The next part of a position that is not zero."""
    side = Side.SELL if holding.position > ZERO else Side.BUY
    price = slice_price(side, holding)
    if price is None:
        return Unsliceable("NO_PRICE_IN_COLLAR the venue takes no price there")
    held = abs(holding.position)
    closable = held
    if side is Side.SELL and holding.available is not None:
        closable = max(ZERO, min(held, holding.available))
    least = _least(holding.instrument, price)
    most = _most(holding, price)
    qty = min(closable, most)
    rest = subtract(closable, qty)
    if ZERO < rest < least <= multiply(closable, _HALF):
        qty = multiply(closable, _HALF)  # what would be left is too little for an order of its own
    qty = round_down(qty, holding.instrument.qty_step)
    if qty > ZERO and qty >= least:
        return Slice(side, trim(qty), trim(price))  # venues count the digits
    if held < least:
        figures = (
            f"qty={held:f} min_qty={holding.instrument.min_qty:f} min_notional={holding.instrument.min_notional:f}"
        )
        return Unsliceable(f"BELOW_MINIMUM {figures}")
    if closable < least:
        return Unsliceable(f"NOT_AVAILABLE free={trim(max(ZERO, closable)):f} {holding.instrument.base} at the venue")
    return Unsliceable(f"SLICE_BELOW_MINIMUM max_qty={trim(most):f} min={trim(least):f}")


def slice_price(side: Side, holding: Holding) -> Decimal | None:
    """The collar's edge as the venue can take it, inside of it; None where no such price is."""
    instrument = holding.instrument
    edges = [
        edge
        for reference in holding.references
        for collar in holding.collars
        if (edge := collar.edge(side, reference, instrument.tick_size)) is not None
    ]
    if not edges:
        return None
    tick, low, high = instrument.tick_size, instrument.min_price, instrument.max_price
    if side is Side.BUY:
        price = round_down(min(*edges, high) if high else min(edges), tick)
        return price if price > ZERO and price >= low else None
    price = round_up(max(*edges, low, tick), tick)
    return price if price > ZERO and (not high or price <= high) else None


def _least(instrument: Instrument, price: Decimal) -> Decimal:
    """The smallest quantity that the venue takes at this price."""
    qty = divide_down(instrument.min_notional, price) if instrument.min_notional else ZERO
    if multiply(qty, price) < instrument.min_notional:
        qty = add(qty, AVG_PX_STEP)
    return round_up(max(instrument.min_qty, qty), instrument.qty_step)


def _most(holding: Holding, price: Decimal) -> Decimal:
    """The largest slice."""
    instrument = holding.instrument
    bounds = [holding.max_qty]
    if instrument.max_qty:
        bounds.append(instrument.max_qty)
    if instrument.max_notional:
        bounds.append(divide_down(instrument.max_notional, price))
    return min(bounds)
