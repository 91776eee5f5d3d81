"""Prices too far from the market: PRICE_COLLAR."""

import re
from decimal import Decimal
from typing import Any, NamedTuple

from gateway.domain.money import ZERO, add, multiply, subtract, trim
from gateway.domain.risk import parsing
from gateway.domain.risk.control import Control, Figures, forbids
from gateway.domain.risk.denial import Denial, deny
from gateway.domain.risk.limit import BadLimitError, Limit
from gateway.domain.risk.terms import UNPRICED, OrderTerms, Snapshot
from gateway.domain.values import OrdRejReason, OrdType, Side

_WIDTH = re.compile(r"(.+)(%|t)")
_HUNDREDTH = Decimal("0.01")


class Width(NamedTuple):
    """How far from the reference a price may be."""

    value: Decimal
    in_ticks: bool

    def distance(self, reference: Decimal, tick_size: Decimal) -> Decimal:
        """In quote currency."""
        return multiply(self.value, tick_size if self.in_ticks else multiply(reference, _HUNDREDTH))

    def __str__(self) -> str:
        return f"{self.value:f}{'t' if self.in_ticks else '%'}"


class Collar(NamedTuple):
    """The widths of both sides; None where a side has none."""

    buy: Width | None
    sell: Width | None

    def of(self, side: Side) -> Width | None:
        """The side's."""
        return self.buy if side is Side.BUY else self.sell

    def edge(self, side: Side, reference: Decimal, tick_size: Decimal) -> Decimal | None:
        """The worst price that is still allowed; None where the side has no width."""
        width = self.of(side)
        if width is None:
            return None
        distance = width.distance(reference, tick_size)
        return add(reference, distance) if side is Side.BUY else subtract(reference, distance)


def parse_collar(text: str) -> Collar:
    """`5%` or `100t` (ticks), for both sides; or `buy=5%`, `sell=100t`, or both with a blank between them."""
    if "=" not in text:
        return Collar(_width(text), _width(text))
    sides = dict(part.partition("=")[::2] for part in text.split(" "))
    if not set(sides) <= {"buy", "sell"}:
        raise BadLimitError(f"{text!r} is not a collar such as 5%, 100t, or buy=5% sell=100t")
    return Collar(*(_width(sides[side]) if side in sides else None for side in ("buy", "sell")))


def _width(text: str) -> Width:
    found = _WIDTH.fullmatch(text)
    if found is None:
        raise BadLimitError(f"{text!r} is neither a percentage such as 5% nor ticks such as 100t")
    return Width(parsing.amount(found[1]), found[2] == "t")


def market_px(order: OrderTerms, snapshot: Snapshot) -> Decimal | str | None:
    """What a market order is valued at: the reference price, and as much more as the collar leaves it."""
    reference = snapshot.reference(order.symbol)
    width = snapshot.collar.of(order.side) if snapshot.collar is not None else None
    if width is None or not isinstance(reference, Decimal):
        return reference
    tick_size = snapshot.instrument.tick_size if snapshot.instrument is not None else ZERO
    return trim(add(reference, width.distance(reference, tick_size)))


def _reference(order: OrderTerms, source: None, snapshot: Snapshot, limit: Limit) -> Figures:  # noqa: ARG001 - one signature
    tick = snapshot.instrument.tick_size if snapshot.instrument is not None else ZERO
    if order.ord_type is OrdType.STOP_LIMIT:
        return order.stop_px, tick, None  # it is about that price, wherever the market is when it gets there
    return snapshot.reference(order.symbol), tick, snapshot.reference_age(order.symbol)


def _price_collar(order: OrderTerms, limit: Limit, value: Collar, figures: Figures) -> Denial | None:
    reference: Any = figures[0]
    tick: Any = figures[1]
    age: Any = figures[2]
    width = value.of(order.side)
    if order.price is None or width is None or reference == UNPRICED:
        return None
    if reference is None:
        why = {"age": f"{age // 1_000_000}ms"} if age is not None else {}
        return deny("NO_REFERENCE_PRICE", OrdRejReason.OTHER, price_collar=width, **why, **limit.where)
    edge: Any = value.edge(order.side, reference, tick)
    if order.price <= edge if order.side is Side.BUY else order.price >= edge:
        return None
    return forbids(limit, OrdRejReason.OTHER, limit=width, price=order.price, reference=trim(reference))


PRICE_COLLAR = Control(
    code="PRICE_COLLAR",
    about="how far beyond the reference price a limit price may be, above it to buy and below it to sell: 5%, 100t "
    "(ticks), or buy=5% sell=100t; a market order is valued at the reference and so much more",
    value=parse_collar,
    figures=("reference", "tick_size", "age"),
    measure=_reference,
    judge=_price_collar,
    times=("age",),
)
