"""Price-time matching. Pure: no I/O and no clock; the caller settles money and words events.

`cross` is a generator that changes the two orders and the book and then yields what just happened, so that
the caller sees each order exactly as it stood after each single execution.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from gateway.simulator.book import Book
from gateway.simulator.orders import MARKET_TYPES, ZERO, Order


@dataclass(slots=True)
class Fill:
    """The taker traded `qty` at `price`, the resting order's price."""

    maker: Order
    price: Decimal
    qty: Decimal


@dataclass(slots=True)
class Prevented:
    """The taker met an order of its own account; the flags say whose rest must expire."""

    maker: Order
    taker: Order
    qty: Decimal
    expire_maker: bool
    expire_taker: bool


def accepts(taker: Order, price: Decimal) -> bool:
    """Whether the taker trades at this price."""
    if taker.type in MARKET_TYPES:
        return True
    return price <= taker.price if taker.is_buy else price >= taker.price


def reachable(book: Book, taker: Order) -> Iterator[tuple[Decimal, Decimal]]:
    """What `cross` would trade with, as (price, quantity) in sequence, without changing anything."""
    for maker in book.opposite(taker).orders():
        if not accepts(taker, maker.price):
            return
        if maker.account is taker.account and taker.stp_mode != "NONE":
            if taker.stp_mode == "EXPIRE_MAKER":
                continue
            return
        yield maker.price, maker.leaves


def can_fill(book: Book, taker: Order) -> bool:
    """Whether all of the taker's quantity can trade now (fill or kill)."""
    missing = taker.leaves
    for _, qty in reachable(book, taker):
        missing -= qty
        if missing <= 0:
            return True
    return False


def cost(book: Book, taker: Order) -> Decimal:
    """What the reachable part of the taker's quantity costs in the quote asset."""
    missing, total = taker.leaves, ZERO
    for price, available in reachable(book, taker):
        qty = min(missing, available)
        total += qty * price
        missing -= qty
        if missing <= 0:
            break
    return total


def quantity_for_quote(book: Book, taker: Order, step: Decimal) -> Decimal:
    """The largest quantity, in whole steps, that the taker's quote_order_qty buys or sells for right now."""
    budget, total = taker.quote_order_qty, ZERO
    for price, available in reachable(book, taker):
        whole = budget // (price * step) * step
        qty = min(available, whole)
        total += qty
        budget -= qty * price
        if qty < available:
            break
    return total


def crosses(book: Book, taker: Order) -> bool:
    """Whether the order would trade at once (LIMIT_MAKER must not)."""
    best = book.opposite(taker).best_price()
    return best is not None and accepts(taker, best)


def cross(book: Book, taker: Order) -> Iterator[Fill | Prevented]:
    """Trade the taker against the book until it is done or nothing acceptable is left."""
    other = book.opposite(taker)
    while taker.executed < taker.qty:
        maker = other.best()
        if maker is None or not accepts(taker, maker.price):
            return
        qty = min(taker.leaves, maker.leaves)
        if maker.account is taker.account and taker.stp_mode != "NONE":
            mode = taker.stp_mode
            event = Prevented(maker, taker, qty, mode != "EXPIRE_TAKER", mode != "EXPIRE_MAKER")
            if event.expire_maker:
                book.remove(maker)
            yield event
            if event.expire_taker:
                return
            continue
        price = maker.price
        for order in (maker, taker):
            order.executed += qty
            order.cum_quote += qty * price
            order.status = "FILLED" if order.executed == order.qty else "PARTIALLY_FILLED"
        if maker.status == "FILLED":
            book.remove(maker)
        else:
            book.update_id += 1
        yield Fill(maker, price, qty)
