"""Pre-trade checks: pure functions over a snapshot. Each returns None, or a denial with a code and its figures.

Cancels are never checked. The order of the checks is from what cannot be right anywhere to what is too much here.
"""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from gateway.domain.book import Book
from gateway.domain.instruments import Capabilities, Instrument
from gateway.domain.money import ZERO, add, is_multiple, multiply, subtract, text_of
from gateway.domain.session_profile import Account, Limits, SessionProfile
from gateway.domain.values import OrdRejReason, OrdType, Side, TimeInForce


@dataclass(frozen=True, slots=True)
class Denial:
    """Why an order is refused: a code and its figures, the same in Text(58), in SQL and in the log."""

    code: str
    reason: OrdRejReason
    figures: tuple[tuple[str, str], ...] = ()

    @property
    def text(self) -> str:
        """As in Text(58): `MAX_ORDER_QTY limit=5 order=6 account=ACME`."""
        return " ".join([self.code, *(f"{name}={value}" for name, value in self.figures)])


def deny(code: str, reason: OrdRejReason, **figures: object) -> Denial:
    """A denial; decimals are written in plain digits."""
    shown = tuple((k, text_of(v) if isinstance(v, Decimal) else str(v)) for k, v in figures.items())
    return Denial(code, reason, shown)


class OrderTerms(NamedTuple):
    """What is checked: a new order, or an order as a replace would leave it."""

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


@dataclass(frozen=True, slots=True)
class Decision:
    """A check's outcome with its inputs, as it is stored. denial is None when the order may pass."""

    denial: Denial | None
    inputs: dict[str, str] = field(default_factory=dict)


def check_order(
    order: OrderTerms,
    *,
    instrument: Instrument | None,
    capabilities: Capabilities,
    profile: SessionProfile,
    account: Account,
    book: Book,
    at: int,
) -> Decision:
    """All checks of a new order or a replace."""
    denial = check_form(order, capabilities, at)
    if denial is None:
        denial = (
            check_instrument(order, instrument)
            if instrument is not None
            else deny("UNKNOWN_SYMBOL", OrdRejReason.UNKNOWN_SYMBOL, symbol=order.symbol)
        )
    if denial is not None:
        return Decision(denial)
    exposure = _exposure(order, account, profile, book)
    for limits in (account.limits, profile.limits):
        open_orders = exposure.account_orders if limits is account.limits else exposure.session_orders
        denial = check_limits(order, limits, exposure.position, exposure.open_qty, open_orders)
        if denial is not None:
            break
    return Decision(denial, exposure.inputs())


class _Exposure(NamedTuple):
    position: Decimal
    open_qty: Decimal
    account_orders: int
    session_orders: int

    def inputs(self) -> dict[str, str]:
        return {
            "position": text_of(self.position),
            "open_qty": text_of(self.open_qty),
            "account_open_orders": str(self.account_orders),
            "session_open_orders": str(self.session_orders),
        }


def _exposure(order: OrderTerms, account: Account, profile: SessionProfile, book: Book) -> _Exposure:
    return _Exposure(
        book.position(account.name, order.symbol),
        book.open_qty(account.name, order.symbol, order.side),
        book.open_count(account=account.name),
        book.open_count(session=profile.key),
    )


def check_form(order: OrderTerms, capabilities: Capabilities, at: int) -> Denial | None:
    """What the order's own fields say, and whether the venue can do it. Nothing is turned into something else."""
    unsupported = OrdRejReason.UNSUPPORTED
    if order.order_qty <= 0:
        return deny("BAD_QTY", OrdRejReason.INCORRECT_QUANTITY, order=order.order_qty, allowed="above zero")
    if order.ord_type not in capabilities.ord_types:
        return deny("ORD_TYPE_NOT_SUPPORTED", unsupported, ord_type=order.ord_type.name)
    if (
        order.time_in_force not in capabilities.times_in_force
        and order.time_in_force not in capabilities.gateway_expires
    ):
        return deny("TIME_IN_FORCE_NOT_SUPPORTED", unsupported, time_in_force=order.time_in_force.name)
    if order.post_only and not (capabilities.post_only and order.ord_type is OrdType.LIMIT):
        return deny("EXEC_INST_NOT_SUPPORTED", unsupported, exec_inst="6", ord_type=order.ord_type.name)
    immediate = order.time_in_force in (TimeInForce.IOC, TimeInForce.FOK)
    if order.post_only and immediate:
        return deny("EXEC_INST_NOT_SUPPORTED", unsupported, exec_inst="6", time_in_force=order.time_in_force.name)
    if order.ord_type is OrdType.STOP and immediate:
        return deny("TIME_IN_FORCE_NOT_SUPPORTED", unsupported, time_in_force=order.time_in_force.name, ord_type="STOP")
    if order.time_in_force is TimeInForce.GTD and order.is_new:
        if order.expire_time is None:
            return deny("MISSING_EXPIRE_TIME", OrdRejReason.OTHER, time_in_force="GTD")
        if order.expire_time <= at:
            return deny("EXPIRE_TIME_PASSED", OrdRejReason.TOO_LATE_TO_ENTER, time_in_force="GTD")
    return _check_prices_present(order)


def _check_prices_present(order: OrderTerms) -> Denial | None:
    kind, other = order.ord_type, OrdRejReason.OTHER
    for name, price, belongs in (
        ("price", order.price, kind.has_price),
        ("stop_px", order.stop_px, kind.has_stop_px),
    ):
        if price is None:
            if belongs:
                return deny(f"MISSING_{name.upper()}", other, ord_type=kind.name)
        elif not belongs:
            return deny(f"UNEXPECTED_{name.upper()}", other, **{name: price}, ord_type=kind.name)
        elif price <= 0:
            return deny("BAD_PRICE", other, **{name: price}, allowed="above zero")
    return None


def check_instrument(order: OrderTerms, instrument: Instrument) -> Denial | None:
    """The venue's filters, so that it need not be asked for what it would refuse."""
    if not instrument.tradable:
        return deny("SYMBOL_NOT_TRADING", OrdRejReason.EXCHANGE_CLOSED, symbol=order.symbol)
    for price in (order.price, order.stop_px):
        if price is None:
            continue
        if not is_multiple(price, instrument.tick_size, instrument.min_price):
            return deny("PRICE_TICK", OrdRejReason.OTHER, price=price, tick=instrument.tick_size)
        if price < instrument.min_price or (instrument.max_price and price > instrument.max_price):
            low, high = instrument.min_price, instrument.max_price
            return deny("PRICE_RANGE", OrdRejReason.OTHER, price=price, min=low, max=high)
    return _check_quantity(order, instrument)


def _check_quantity(order: OrderTerms, instrument: Instrument) -> Denial | None:
    """Of a replace, what counts is what it leaves to be placed: the venue sees no more than that."""
    wrong = OrdRejReason.INCORRECT_QUANTITY
    qty = subtract(order.order_qty, order.cum_qty)
    if qty <= 0:  # a replace to what has executed already: nothing is placed
        return None
    market = not order.ord_type.has_price
    step = instrument.market_qty_step if market else instrument.qty_step
    low = instrument.market_min_qty if market else instrument.min_qty
    high = instrument.market_max_qty if market else instrument.max_qty
    if not is_multiple(qty, step, low):
        return deny("LOT_SIZE", wrong, order=qty, step=step)
    if qty < low:
        return deny("MIN_QTY", wrong, limit=low, order=qty)
    if high and qty > high:
        return deny("MAX_QTY", wrong, limit=high, order=qty)
    if order.price is None:
        return None
    notional = multiply(qty, order.price)
    if notional < instrument.min_notional:
        return deny("MIN_NOTIONAL", OrdRejReason.OTHER, limit=instrument.min_notional, order=notional)
    if instrument.max_notional and notional > instrument.max_notional:
        return deny("MAX_NOTIONAL", OrdRejReason.OTHER, limit=instrument.max_notional, order=notional)
    return None


def check_limits(
    order: OrderTerms, limits: Limits, position: Decimal, open_qty: Decimal, open_orders: int
) -> Denial | None:
    """The limits of one scope. position is net, open_qty what this side can still execute without this order."""
    if limits.max_order_qty is not None and order.order_qty > limits.max_order_qty:
        return _over(limits, "MAX_ORDER_QTY", limit=limits.max_order_qty, order=order.order_qty)
    price = order.price if order.price is not None else order.stop_px
    if limits.max_order_notional is not None and price is None and not limits.allow_unpriced_market:
        return _over(limits, "NO_REFERENCE_PRICE", max_order_notional=limits.max_order_notional, ord_type="MARKET")
    if limits.max_order_notional is not None and price is not None:
        notional = multiply(order.order_qty, price)
        if notional > limits.max_order_notional:
            return _over(limits, "MAX_ORDER_NOTIONAL", limit=limits.max_order_notional, order=notional)
    if limits.max_position is not None and order.opens_qty > 0:
        worst = add(add(multiply(position, Decimal(order.side.sign)), open_qty), order.opens_qty)
        if worst > limits.max_position:
            return _over(limits, "MAX_POSITION", limit=limits.max_position, worst=worst, position=position)
    if limits.max_open_orders is not None and order.is_new and open_orders + 1 > limits.max_open_orders:
        return _over(limits, "MAX_OPEN_ORDERS", limit=limits.max_open_orders, open=open_orders)
    return None


def _over(limits: Limits, code: str, **figures: object) -> Denial:
    where = dict([limits.scope.split("=", 1)]) if limits.scope else {}
    return deny(code, OrdRejReason.EXCEEDS_LIMIT, **figures, **where)
