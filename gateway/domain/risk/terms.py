"""What checks look at: the order, or the change to one, and the market it meets."""

from decimal import Decimal
from typing import Any, NamedTuple

from gateway.domain.instruments import Instrument
from gateway.domain.money import ZERO
from gateway.domain.prices import Prices
from gateway.domain.values import OrdType, Side, TimeInForce


class OrderTerms(NamedTuple):
    """A new order, or an order as a replace would leave it."""

    symbol: str
    side: Side
    ord_type: OrdType
    time_in_force: TimeInForce
    order_qty: Decimal
    price: Decimal | None
    stop_px: Decimal | None
    post_only: bool
    expire_time: int | None = None
    opens_qty: Decimal = ZERO  # what it adds to open quantity: all of a new order, the increase of a replace
    cum_qty: Decimal = ZERO  # what has executed of the order that a replace changes
    is_new: bool = True
    old_qty: Decimal = ZERO  # what a replace changes from
    old_price: Decimal | None = None  # likewise, price or stop price
    adds: Decimal = ZERO  # what a replace adds to what the order can cost, see funds.binds

    @property
    def value_px(self) -> Decimal | None:
        """What it is valued at by itself; a market order says nothing."""
        return self.price if self.price is not None else self.stop_px

    @property
    def only_shrinks(self) -> bool:
        """Whether a replace does no more than take quantity away."""
        return not self.is_new and self.opens_qty <= 0 and self.value_px == self.old_price


def grows(order: OrderTerms) -> bool:
    """Whether more can execute of it than before."""
    return order.opens_qty > ZERO


UNPRICED = "unpriced"
"""Stands for a price that is missing where the configuration lets orders pass without one."""


class Snapshot(NamedTuple):
    """What surrounds an order at the moment of its check.

    at: nanoseconds UTC. without_reference: what stands for a price that is missing, UNPRICED or None (refuse).
    """

    at: int
    instrument: Instrument | None
    without_reference: str | None = None
    prices: Prices | None = None
    collar: Any = None  # the value of the PRICE_COLLAR that applies, if there is one

    def reference(self, symbol: str) -> Decimal | str | None:
        """The reference price, or what stands for one that is missing or stale."""
        found = self.prices.reference(symbol, self.at) if self.prices is not None else None
        return found if found is not None else self.without_reference

    def reference_age(self, symbol: str) -> int | None:
        """How old the quote is that the reference price comes from, nanoseconds."""
        return self.prices.age(symbol, self.at) if self.prices is not None else None

    def unit(self, symbol: str) -> Decimal | str | None:
        """What one base unit is worth in the currency of exposures, or what stands for that."""
        found = self.prices.unit(symbol, self.at) if self.prices is not None else None
        return found if found is not None else self.without_reference

    def rate(self, asset: str) -> Decimal | str | None:
        """What one unit of an asset is worth in that currency."""
        found = self.prices.rate(asset, self.at) if self.prices is not None else None
        return found if found is not None else self.without_reference

    def quote_rate(self, symbol: str) -> Decimal | str | None:
        """Likewise, of a symbol's quote currency."""
        found = self.prices.quote_rate(symbol, self.at) if self.prices is not None else None
        return found if found is not None else self.without_reference
