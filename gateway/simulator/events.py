"""User data events as Binance words them (user-data-stream.md): executionReport, outboundAccountPosition."""

from typing import Any

import msgspec

from gateway.simulator.accounts import Account
from gateway.simulator.matching import Prevented
from gateway.simulator.orders import Order, Trade
from gateway.simulator.symbols import text

ENCODE = msgspec.json.Encoder().encode
_ZERO = "0.00000000"


def execution_report(
    order: Order,
    kind: str,
    now: int,
    execution_id: int,
    trade: Trade | None,
    orig_client_order_id: str,
    prevented: Prevented | None,
) -> bytes:
    """One executionReport, encoded. `kind` is Binance's execution type `x`."""
    event: dict[str, Any] = {
        "e": "executionReport",
        "E": now,
        "s": order.symbol,
        "c": order.client_order_id,
        "S": order.side,
        "o": order.type,
        "f": order.time_in_force,
        "q": text(order.qty),
        "p": text(order.price) if order.price else _ZERO,
        "P": text(order.stop_price) if order.stop_price else _ZERO,
        "F": _ZERO,
        "g": -1,
        "C": orig_client_order_id,
        "x": kind,
        "X": order.status,
        "r": "NONE",
        "i": order.order_id,
        "l": text(trade.qty) if trade else _ZERO,
        "z": text(order.executed) if order.executed else _ZERO,
        "L": text(trade.price) if trade else _ZERO,
        "n": text(trade.commission) if trade else "0",
        "N": trade.commission_asset if trade else None,
        "T": now,
        "t": trade.trade_id if trade else -1,
        "I": execution_id,
        "w": order.is_working and order.is_open,
        "m": trade.is_maker if trade else False,
        "M": False,
        "O": order.time_ms,
        "Z": text(order.cum_quote) if order.cum_quote else _ZERO,
        "Y": text(trade.quote_qty) if trade else _ZERO,
        "Q": text(order.quote_order_qty) if order.quote_order_qty else _ZERO,
        "V": order.stp_mode,
    }
    if order.is_working:
        event["W"] = order.working_ms
    if order.strategy_id is not None:
        event["j"] = order.strategy_id
    if order.strategy_type is not None:
        event["J"] = order.strategy_type
    if prevented is not None:
        _add_prevention(event, order, prevented)
    return ENCODE(event)


def _add_prevention(event: dict[str, Any], order: Order, prevented: Prevented) -> None:
    counter = prevented.maker if order is prevented.taker else prevented.taker
    event |= {
        "v": order.prevented_match_id,
        "A": text(order.prevented_qty),
        "B": text(order.leaves),
        "u": order.account.number,
        "U": counter.order_id,
    }


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
