"""What a test may make the exchange do to orders: fill, cancel, expire, reduce; modes, prices, balances."""

from decimal import Decimal

from gateway.simulator import filters, settlement
from gateway.simulator.accounts import Account
from gateway.simulator.exchange import Exchange
from gateway.simulator.market import Market
from gateway.simulator.orders import Order


class ScriptError(Exception):
    """A script asked for something impossible; the text says what and what would be possible."""


def find(exchange: Exchange, client_order_id: object, order_id: object) -> Order:
    """By order id, or by client id: the one it was placed with or the one it has now."""
    if order_id is not None:
        order = exchange.orders.get(int(str(order_id)))
    else:
        order = exchange.by_placed_client_id.get(str(client_order_id))
        if order is None:
            present = (o for o in exchange.orders.values() if o.client_order_id == client_order_id)
            order = next(present, None)
    if order is None:
        raise ScriptError(f"no order has clientOrderId {client_order_id!r} or orderId {order_id!r}")
    return order


def _open(order: Order) -> Order:
    if not order.is_open:
        raise ScriptError(f"order {order.order_id} is {order.status}, not open")
    return order


def fill(
    exchange: Exchange, order: Order, now: int, qty: Decimal | None, price: Decimal | None, is_maker: bool | None
) -> int:
    """Execute against nobody in particular. Defaults: all that is left, its own price (else the last price).

    Returns the trade id.
    """
    market = exchange.markets[_open(order).symbol]
    amount = order.leaves if qty is None else qty
    at = price or order.price or market.last_price
    if not 0 < amount <= order.leaves:
        raise ScriptError(f"qty {amount} must be above 0 and at most what is left, {order.leaves}")
    missing = settlement.shortfall(market, order, at, amount)
    if missing > 0:
        raise ScriptError(f"account {order.account.name} lacks {missing} {settlement.pay_asset(market, order)}")
    if order.awaits_trigger:
        market.stops.pop(order.order_id)
        order.working_ms = now
        market.parked[order.order_id] = order
    order.executed += amount
    order.cum_quote += amount * at
    order.status = "FILLED" if order.executed == order.qty else "PARTIALLY_FILLED"
    if not order.is_open:
        market.take_off(order)
    else:
        market.book.update_id += 1
    maker = order.time_in_force == "GTC" and order.type != "MARKET" if is_maker is None else is_maker
    trade_id = exchange.execute(market, order, at, amount, now, is_maker=maker)
    exchange.finish(now)
    return trade_id


def cancel(exchange: Exchange, order: Order, now: int) -> None:
    """An unsolicited cancel, as from the exchange's web page: the client id changes there too."""
    exchange.cancel(_open(order), now, f"web_{exchange.random_client_order_id()}")


def expire(exchange: Exchange, order: Order, now: int, status: str) -> None:
    """End the order unasked. status: EXPIRED or EXPIRED_IN_MATCH. now: ms since the epoch."""
    exchange.expire(_open(order), now, status)
    exchange.finish(now)


def reduce(exchange: Exchange, order: Order, new_qty: Decimal, now: int) -> None:
    """An unsolicited reduction to a new total quantity."""
    if not _open(order).executed < new_qty < order.qty:
        raise ScriptError(f"qty {new_qty} must be above the executed {order.executed} and below {order.qty}")
    exchange.amend(order, new_qty, now, None)


def set_mode(exchange: Exchange, market: Market, manual: bool, now: int) -> None:
    """Manual: nothing matches, the market maker's orders leave. Auto: what was parked matches in sequence."""
    if manual == market.manual:
        return
    market.set_manual(manual)
    if manual:
        for order in list(exchange.maker.open_orders(market.symbol.name).values()):
            exchange.cancel(order, now, order.client_order_id)
        return
    parked, market.parked = market.parked, {}
    for order in parked.values():
        exchange.work(market, order, now)
    exchange.run_stops(market, now)
    exchange.finish(now)


def set_price(exchange: Exchange, market: Market, price: Decimal, now: int) -> None:
    """The last price jumps; stops it reaches are triggered."""
    try:
        filters.check_price(market.symbol, price)
    except Exception as error:
        raise ScriptError(f"price {price} breaks the price filter of {market.symbol.name}") from error
    market.set_price(price)
    exchange.run_stops(market, now)
    exchange.finish(now)


def deposit(account: Account, asset: str, qty: Decimal, now: int) -> None:
    """Money comes from outside, or, below zero, goes there. Nobody is told."""
    balance = account.balance(asset)
    if balance.free + qty < 0:
        raise ScriptError(f"account {account.name} has {balance.free} {asset} free, not {-qty}")
    balance.free += qty
    account.update_ms = now


def reset(exchange: Exchange) -> None:
    """Back to the start: no orders, no trades, opening balances, all symbols trading in auto mode."""
    for account in exchange.accounts.by_name.values():
        account.reset()
    exchange.maker.reset()
    exchange.orders.clear()
    exchange.by_placed_client_id.clear()
    exchange.trades.clear()
    for name, market in exchange.markets.items():
        market.symbol.status = "TRADING"
        exchange.markets[name] = fresh = Market(market.symbol)
        fresh.last_trade_id = market.last_trade_id  # ids are never used twice, not even across a reset
