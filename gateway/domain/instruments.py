"""What a venue trades and what it can do, as plain facts that checks and decisions read."""

from dataclasses import dataclass, field
from decimal import Decimal

from gateway.domain.money import ZERO
from gateway.domain.values import OrdType, TimeInForce


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """One symbol of a venue with its filters. A limit of zero means the venue sets none.

    min_qty, max_qty and qty_step hold for limit orders; the market_* ones for market orders (where the venue
    has no separate figures, they repeat the limit ones). Notional is price times quantity in quote currency.
    """

    symbol: str
    base: str
    quote: str
    tradable: bool = True
    tick_size: Decimal = ZERO
    min_price: Decimal = ZERO
    max_price: Decimal = ZERO
    qty_step: Decimal = ZERO
    min_qty: Decimal = ZERO
    max_qty: Decimal = ZERO
    market_qty_step: Decimal = ZERO
    market_min_qty: Decimal = ZERO
    market_max_qty: Decimal = ZERO
    min_notional: Decimal = ZERO
    max_notional: Decimal = ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a venue's adapter can do. What is not listed is refused with a reason, never turned into something else.

    gateway_expires: times in force that the venue lacks and the gateway itself ends by a confirmed cancel
    (they rest at the venue as GTC).
    """

    ord_types: frozenset[OrdType]
    times_in_force: frozenset[TimeInForce]
    gateway_expires: frozenset[TimeInForce] = field(default_factory=frozenset)
    post_only: bool = False
    snapshot: bool = False  # lists open orders and trades of the whole account
    amend_qty_down: bool = False  # reduces quantity in place, keeping priority
    dead_man_timer: bool = False
    mass_cancel: bool = False  # cancels all of an account's orders in a symbol by one request, whoever sent them


NO_CAPABILITIES = Capabilities(ord_types=frozenset(), times_in_force=frozenset())
"""For decisions that ask nothing of a venue, and for a venue account that is not there."""
