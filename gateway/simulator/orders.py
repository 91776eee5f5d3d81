"""Orders and trades as the exchange keeps them."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gateway.simulator.accounts import Account

ZERO = Decimal(0)
STOP_TYPES = frozenset({"STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT"})
MARKET_TYPES = frozenset({"MARKET", "STOP_LOSS", "TAKE_PROFIT"})
OPEN_STATUSES = frozenset({"NEW", "PARTIALLY_FILLED"})


@dataclass(slots=True, eq=False)
class Order:
    """One order. Quantities are in the base asset; `cum_quote` and `quote_order_qty` in the quote asset."""

    order_id: int
    account: "Account"
    symbol: str
    client_order_id: str
    side: str
    type: str
    time_in_force: str
    price: Decimal
    qty: Decimal
    time_ms: int
    quote_order_qty: Decimal = ZERO
    stop_price: Decimal = ZERO
    stp_mode: str = "NONE"
    strategy_id: int | None = None
    strategy_type: int | None = None
    status: str = "NEW"
    executed: Decimal = ZERO
    cum_quote: Decimal = ZERO
    locked: Decimal = ZERO  # what is still set aside for it: quote asset for a buy, base asset for a sell
    update_ms: int = 0
    working_ms: int = -1  # when it went on the book; -1 before (a stop not yet triggered)
    stop_above: bool = False  # a stop triggers when the last price rises to stop_price, else when it falls to it
    placed_client_order_id: str = ""  # as first sent; a cancel or amend may change client_order_id
    amends: int = 0
    prevented_qty: Decimal = ZERO
    prevented_match_id: int | None = None
    trades: "list[Trade]" = field(default_factory=list)

    @property
    def leaves(self) -> Decimal:
        """What can still execute, in base units."""
        return self.qty - self.executed

    @property
    def is_open(self) -> bool:
        return self.status in OPEN_STATUSES

    @property
    def is_working(self) -> bool:
        """In the book, or was: a stop is not before its trigger."""
        return self.working_ms >= 0

    @property
    def is_buy(self) -> bool:
        return self.side == "BUY"

    @property
    def awaits_trigger(self) -> bool:
        return self.type in STOP_TYPES and self.working_ms < 0


@dataclass(slots=True, eq=False)
class Trade:
    """One side of an execution: two orders of ours trading with each other have a Trade each, with one id."""

    trade_id: int
    order: Order
    price: Decimal
    qty: Decimal
    quote_qty: Decimal
    commission: Decimal
    commission_asset: str
    is_maker: bool
    time_ms: int
