"""Orders, cancels, replaces and status requests as FIX fields, in the dialect of the session's version."""

import dataclasses
import itertools
import secrets
import time
from decimal import Decimal
from typing import Protocol

from gateway.client.errors import OrderNotRemembered
from gateway.client.message import Fields, Value, utc_timestamp
from gateway.client.store import OrderTerms, SessionStore

Number = str | int | Decimal

# Words for what people type; anything else passes as it is, so that wrong values can be tried too.
_SIDES = {"buy": "1", "sell": "2"}
_ORD_TYPES = {"market": "1", "limit": "2", "stop": "3", "stop_limit": "4"}
_TIMES_IN_FORCE = {"DAY": "0", "GTC": "1", "IOC": "3", "FOK": "4", "GTD": "6"}

_TAGS = {
    "symbol": 55,
    "side": 54,
    "order_qty": 38,
    "ord_type": 40,
    "price": 44,
    "stop_px": 99,
    "time_in_force": 59,
    "account": 1,
    "exec_inst": 18,
    "expire_time": 126,
}


class _Sender(Protocol):
    begin_string: str
    store: SessionStore

    def send(self, msg_type: str, fields: Fields = ()) -> int: ...


class OrderEntry:
    """Builders for the messages of an order's life. Each returns the ClOrdID(11) it sent.

    Values are FIX text (or int, Decimal). side also takes buy/sell, ord_type market/limit/stop/stop_limit, and
    time_in_force DAY/GTC/IOC/FOK/GTD. `extra` fields are appended; a tag in it replaces the builder's own.
    """

    _prefix = f"{time.strftime('%m%d%H%M%S', time.gmtime())}-{secrets.token_hex(2)}"
    _counter = itertools.count(1)

    @classmethod
    def new_cl_ord_id(cls) -> str:
        """Unique within the process and, by date, time and a random part, between runs."""
        return f"{cls._prefix}-{next(cls._counter)}"

    def new_order(
        self: _Sender,
        symbol: str,
        side: str,
        order_qty: Number,
        *,
        price: Number | None = None,
        stop_px: Number | None = None,
        ord_type: str | None = None,
        time_in_force: str | None = None,
        account: str | None = None,
        exec_inst: str | None = None,
        expire_time: str | None = None,
        cl_ord_id: str | None = None,
        extra: Fields = (),
    ) -> str:
        """NewOrderSingle(D). Without ord_type it follows from the prices given.

        exec_inst "6" is post-only. expire_time: UTCTimestamp, for GTD.
        """
        terms = OrderTerms(
            symbol=symbol,
            side=_SIDES.get(side, side),
            order_qty=_text(order_qty),
            ord_type=_ord_type(ord_type, price, stop_px),
            price=_optional(price),
            stop_px=_optional(stop_px),
            time_in_force=_time_in_force(time_in_force),
            account=account,
            exec_inst=exec_inst,
            expire_time=expire_time,
        )
        cl_ord_id = cl_ord_id or OrderEntry.new_cl_ord_id()
        fields = [(11, cl_ord_id), *_handling(self.begin_string), *_term_fields(terms), _transact_time()]
        self.store.remember(cl_ord_id, terms)
        self.send("D", _with_extra(fields, extra))
        return cl_ord_id

    def replace(
        self: _Sender,
        orig_cl_ord_id: str,
        *,
        order_qty: Number | None = None,
        price: Number | None = None,
        stop_px: Number | None = None,
        ord_type: str | None = None,
        time_in_force: str | None = None,
        symbol: str | None = None,
        side: str | None = None,
        account: str | None = None,
        order_id: str | None = None,
        cl_ord_id: str | None = None,
        extra: Fields = (),
    ) -> str:
        """OrderCancelReplaceRequest(G); terms left out stay as they were.

        Raises OrderNotRemembered if it is not, and the terms given are not complete.
        """
        changed = {
            "symbol": symbol,
            "side": None if side is None else _SIDES.get(side, side),
            "order_qty": _optional(order_qty),
            "ord_type": None if ord_type is None else _ORD_TYPES.get(ord_type, ord_type),
            "price": _optional(price),
            "stop_px": _optional(stop_px),
            "time_in_force": _time_in_force(time_in_force),
            "account": account,
        }
        given = {name: value for name, value in changed.items() if value is not None}
        known = self.store.orders.get(orig_cl_ord_id)
        if known is None:
            missing = [name for name in ("symbol", "side", "order_qty") if name not in given]
            if missing:
                raise OrderNotRemembered(f"order {orig_cl_ord_id} is not remembered: give {', '.join(missing)} too")
            known = OrderTerms(symbol="", side="", order_qty="", ord_type=_ord_type(ord_type, price, stop_px))
        terms = dataclasses.replace(known, **given)
        cl_ord_id = cl_ord_id or OrderEntry.new_cl_ord_id()
        fields: list[tuple[int, Value]] = [(41, orig_cl_ord_id), (11, cl_ord_id)]
        fields += [*_order_id(order_id), *_handling(self.begin_string), *_term_fields(terms), _transact_time()]
        self.store.remember(cl_ord_id, terms)
        self.send("G", _with_extra(fields, extra))
        return cl_ord_id

    def cancel(
        self: _Sender,
        orig_cl_ord_id: str,
        *,
        symbol: str | None = None,
        side: str | None = None,
        order_qty: Number | None = None,
        account: str | None = None,
        order_id: str | None = None,
        cl_ord_id: str | None = None,
        extra: Fields = (),
    ) -> str:
        """OrderCancelRequest(F). Raises OrderNotRemembered if symbol and side are neither remembered nor given."""
        terms = _known_terms(self.store, orig_cl_ord_id, symbol, side)
        cl_ord_id = cl_ord_id or OrderEntry.new_cl_ord_id()
        quantity = _optional(order_qty) or terms.order_qty
        fields: list[tuple[int, Value]] = [(41, orig_cl_ord_id), (11, cl_ord_id), *_order_id(order_id)]
        fields += _present((1, account or terms.account), (55, terms.symbol), (54, terms.side), (38, quantity))
        fields.append(_transact_time())
        # A cancel of the cancel's ClOrdID is a mistake, but a status request for it is not.
        self.store.remember(cl_ord_id, terms)
        self.send("F", _with_extra(fields, extra))
        return cl_ord_id

    def status(
        self: _Sender,
        cl_ord_id: str,
        *,
        symbol: str | None = None,
        side: str | None = None,
        order_id: str | None = None,
        extra: Fields = (),
    ) -> str:
        """OrderStatusRequest(H). Raises OrderNotRemembered if symbol and side are neither remembered nor given."""
        terms = _known_terms(self.store, cl_ord_id, symbol, side)
        fields: list[tuple[int, Value]] = [(11, cl_ord_id), *_order_id(order_id)]
        fields += _present((1, terms.account), (55, terms.symbol), (54, terms.side))
        self.send("H", _with_extra(fields, extra))
        return cl_ord_id


def _known_terms(store: SessionStore, cl_ord_id: str, symbol: str | None, side: str | None) -> OrderTerms:
    known = store.orders.get(cl_ord_id) or OrderTerms(symbol="", side="", order_qty="", ord_type="")
    terms = dataclasses.replace(known, symbol=symbol or known.symbol, side=_SIDES.get(side or "", side or known.side))
    if not terms.symbol or not terms.side:
        raise OrderNotRemembered(f"order {cl_ord_id} is not remembered: give its symbol and side too")
    return terms


def _term_fields(terms: OrderTerms) -> list[tuple[int, Value]]:
    return _present(*((tag, getattr(terms, name)) for name, tag in _TAGS.items()))


def _present(*pairs: tuple[int, str | None]) -> list[tuple[int, Value]]:
    return [(tag, value) for tag, value in pairs if value is not None and value != ""]


def _handling(begin_string: str) -> list[tuple[int, Value]]:
    """HandlInst(21) is required up to FIX 4.2: 1, automated execution without a broker's intervention."""
    return [(21, "1")] if begin_string == "FIX.4.2" else []


def _order_id(order_id: str | None) -> list[tuple[int, Value]]:
    return _present((37, order_id))


def _transact_time() -> tuple[int, Value]:
    return (60, utc_timestamp(time.time_ns()))


def _with_extra(fields: Fields, extra: Fields) -> Fields:
    replaced = {tag for tag, _ in extra}
    return [pair for pair in fields if pair[0] not in replaced] + list(extra)


def _ord_type(ord_type: str | None, price: Number | None, stop_px: Number | None) -> str:
    if ord_type is not None:
        return _ORD_TYPES.get(ord_type, ord_type)
    if stop_px is not None:
        return "3" if price is None else "4"
    return "1" if price is None else "2"


def _time_in_force(value: str | None) -> str | None:
    return None if value is None else _TIMES_IN_FORCE.get(value.upper(), value)


def _text(value: Number) -> str:
    if isinstance(value, float):
        raise TypeError(f"{value!r} is a float; give text, int or Decimal, which are exact")
    return format(value, "f") if isinstance(value, Decimal) else str(value)


def _optional(value: Number | None) -> str | None:
    return None if value is None else _text(value)
