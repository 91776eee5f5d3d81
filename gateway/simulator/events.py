"""User data events as Binance words them (user-data-stream.md): executionReport, outboundAccountPosition,
balanceUpdate.
"""

from decimal import Decimal

import msgspec

from gateway.simulator.accounts import Account
from gateway.simulator.matching import Prevented
from gateway.simulator.orders import OPEN_STATUSES, Order, Trade
from gateway.simulator.symbols import text

ENCODE = msgspec.json.Encoder().encode
_ZERO = "0.00000000"
_ZEROS = (_ZERO, _ZERO)


def execution_report(
    order: Order,
    kind: str,
    now: int,
    execution_id: int,
    trade: Trade | None,
    orig_client_order_id: str,
    prevented: Prevented | None,
) -> bytes:
    """One executionReport, encoded. `kind` is Binance's execution type `x`.

    Written as text: it is the most frequent thing the simulator says, and all its texts are of characters
    that need no escaping (client ids are checked on entry).
    """
    if trade is None:
        last_qty = last_price = last_quote = _ZERO
        commission, asset, trade_id, maker = "0", "null", -1, "false"
    else:
        last_qty, last_price = f"{trade.qty:.8f}", f"{trade.price:.8f}"
        last_quote, commission = f"{trade.quote_qty:.8f}", f"{trade.commission:.8f}"
        asset, trade_id = f'"{trade.commission_asset}"', trade.trade_id
        maker = "true" if trade.is_maker else "false"
    executed, cum_quote = (f"{order.executed:.8f}", f"{order.cum_quote:.8f}") if order.executed else _ZEROS
    price = f"{order.price:.8f}" if order.price else _ZERO
    stop_price = f"{order.stop_price:.8f}" if order.stop_price else _ZERO
    quote_qty = f"{order.quote_order_qty:.8f}" if order.quote_order_qty else _ZERO
    on_book = "true" if order.working_ms >= 0 and order.status in OPEN_STATUSES else "false"
    return (
        f'{{"e":"executionReport","E":{now},"s":"{order.symbol}","c":"{order.client_order_id}","S":"{order.side}",'
        f'"o":"{order.type}","f":"{order.time_in_force}","q":"{order.qty:.8f}","p":"{price}","P":"{stop_price}",'
        f'"F":"{_ZERO}","g":-1,"C":"{orig_client_order_id}","x":"{kind}","X":"{order.status}","r":"NONE",'
        f'"i":{order.order_id},"l":"{last_qty}","z":"{executed}","L":"{last_price}","n":"{commission}","N":{asset},'
        f'"T":{now},"t":{trade_id},"I":{execution_id},"w":{on_book},"m":{maker},"M":false,"O":{order.time_ms},'
        f'"Z":"{cum_quote}","Y":"{last_quote}","Q":"{quote_qty}","V":"{order.stp_mode}"'
        f"{_conditional(order, prevented)}}}"
    ).encode()


def _conditional(order: Order, prevented: Prevented | None) -> str:
    """The fields that appear only where they mean something, each with its leading comma."""
    fields = f',"W":{order.working_ms}' if order.working_ms >= 0 else ""
    if order.strategy_id is not None:
        fields += f',"j":{order.strategy_id}'
    if order.strategy_type is not None:
        fields += f',"J":{order.strategy_type}'
    if prevented is not None:
        counter = prevented.maker if order is prevented.taker else prevented.taker
        fields += (
            f',"v":{order.prevented_match_id},"A":"{text(order.prevented_qty)}","B":"{text(order.leaves)}",'
            f'"u":{order.account.number},"U":{counter.order_id}'
        )
    return fields


def account_position(account: Account, now: int) -> bytes:
    """One outboundAccountPosition with the balances that changed, encoded."""
    changed = [(asset, account.balances[asset]) for asset in sorted(account.touched)]
    return ENCODE(
        {
            "e": "outboundAccountPosition",
            "E": now,
            "u": account.update_ms,
            "B": [{"a": asset, "f": text(b.free), "l": text(b.locked)} for asset, b in changed],
        }
    )


def balance_update(asset: str, qty: Decimal, now: int) -> bytes:
    """One balanceUpdate, encoded: a deposit, or, below zero, a withdrawal."""
    return ENCODE({"e": "balanceUpdate", "E": now, "a": asset, "d": text(qty), "T": now})
