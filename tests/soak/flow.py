"""A random flow of orders, as desks send them: all order types, cancels, replaces up and down, status requests."""

import re
import threading
import time
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random

Fields = list[tuple[int, str]]

MARKETS = {"BTCUSDT": (Decimal(60_000), Decimal("0.00001")), "ETHUSDT": (Decimal(3_000), Decimal("0.0001"))}
TICK = Decimal("0.01")
MAX_OPEN = 40
_OPEN_STATUS = ("0", "1", "6", "A", "E")
_FIELD = re.compile(r"(?:^|\x01)(\d+)=([^\x01]*)")


@dataclass(slots=True)
class Ordered:
    """An order as the flow has to know it."""

    symbol: str
    side: str
    kind: str
    qty: Decimal
    price: Decimal | None
    cl_ord_id: str
    first: str
    asked: list[str] = field(default_factory=list)


class Flow:
    """`next` makes the next message, `heard` takes in the answers; they may be on two threads."""

    def __init__(self, random: Random, prefix: str) -> None:
        """prefix: of its ClOrdIDs, to keep them apart from those of a client that died."""
        self._random = random
        self._prefix = prefix
        self._lock = threading.Lock()
        self._count = 0
        self._open: dict[str, Ordered] = {}
        self._first: dict[str, str] = {}  # of any ClOrdID, the order's
        self._last_px = {symbol: price for symbol, (price, _) in MARKETS.items()}

    def heard(self, text: str) -> None:
        """A report of the gateway."""
        found = dict(_FIELD.findall(text))
        if found.get("35") != "8":
            return
        with self._lock:
            order = self._open.get(self._first.get(found.get("11", ""), ""))
            if found.get("31") and found.get("32"):
                self._last_px[found["55"]] = Decimal(found["31"])
            if order is None or found.get("150") == "I":
                return
            if found["39"] not in _OPEN_STATUS:
                del self._open[order.first]
            elif found["150"] in ("0", "5"):
                order.cl_ord_id = found["11"]
                order.qty = Decimal(found["38"])
                order.price = Decimal(found["44"]) if "44" in found else None

    def next(self) -> Fields:
        """MsgType(35) first, then the body."""
        with self._lock:
            dice = self._random.random()
            orders = list(self._open.values())
            if not orders or (dice < 0.55 and len(orders) < MAX_OPEN):
                return self._new()
            order = self._random.choice(orders)
            if dice < 0.75 or len(orders) >= MAX_OPEN:
                return self._cancel(order)
            return self._replace(order) if dice < 0.93 else self._status(order)

    def _id(self, first: str = "") -> str:
        self._count += 1
        name = f"{self._prefix}{self._count}"
        self._first[name] = first or name
        return name

    def _new(self) -> Fields:
        symbol = self._random.choice(list(MARKETS))
        side = self._random.choice("12")
        kind = self._random.choice(("limit", "limit", "passive", "passive", "market", "ioc", "fok", "post", "stop"))
        step = MARKETS[symbol][1]
        # From what one level of the book holds a few per cent of, to more than the whole book has.
        notional = Decimal(self._random.choice((3_000, 30_000, 100_000, 300_000)))
        qty = notional * self._random.randint(50, 150) / 100 / self._last_px[symbol] // step * step
        price = None if kind in ("market", "stop") else self._price(symbol, side, kind)
        name = self._id()
        self._open[name] = Ordered(symbol, side, kind, qty, price, name, name)
        fields = [(35, "D"), (11, name), (55, symbol), (54, side), (38, f"{qty:f}"), (60, _now()), (21, "1")]
        fields.append((40, {"market": "1", "stop": "3"}.get(kind, "2")))
        if price is not None:
            fields.append((44, f"{price:f}"))
        if kind == "stop":
            away = Decimal(self._random.randint(1, 40)) / 10_000 * (1 if side == "1" else -1)
            fields.append((99, f"{_on_tick(self._last_px[symbol] * (1 + away)):f}"))
        if kind != "market":
            fields.append((59, {"ioc": "3", "fok": "4"}.get(kind) or self._random.choice("01")))
        if kind == "post":
            fields.append((18, "6"))
        return fields

    def _price(self, symbol: str, side: str, kind: str) -> Decimal:
        """Ten-thousandths off the last price: passive ones rest, others meet the book or nearly do."""
        low, high = (-60, -2) if kind in ("passive", "post") else (-4, 8)
        better = self._random.randint(low, high) * (1 if side == "1" else -1)
        return _on_tick(self._last_px[symbol] * (1 + Decimal(better) / 10_000))

    def _cancel(self, order: Ordered) -> Fields:
        return [(35, "F"), (11, self._id(order.first)), *self._named(order)]

    def _replace(self, order: Ordered) -> Fields:
        step = MARKETS[order.symbol][1]
        factor = Decimal(self._random.choice((20, 50, 80, 100, 100, 150))) / 100
        qty = max(order.qty * factor // step * step, step)
        price = order.price
        if price is not None and self._random.random() < 0.5:
            price = self._price(order.symbol, order.side, order.kind)
        fields = [(35, "G"), (11, self._id(order.first)), *self._named(order), (38, f"{qty:f}"), (21, "1")]
        fields.append((40, {"market": "1", "stop": "3"}.get(order.kind, "2")))
        return [*fields, (44, f"{price:f}")] if price is not None else fields

    def _status(self, order: Ordered) -> Fields:
        return [(35, "H"), (11, order.cl_ord_id), (55, order.symbol), (54, order.side)]

    def _named(self, order: Ordered) -> Fields:
        return [(41, order.cl_ord_id), (55, order.symbol), (54, order.side), (60, _now())]


def _on_tick(price: Decimal) -> Decimal:
    return price // TICK * TICK


def _now() -> str:
    now = time.time_ns()
    return time.strftime("%Y%m%d-%H:%M:%S", time.gmtime(now // 1_000_000_000)) + f".{now // 1_000_000 % 1000:03d}"
