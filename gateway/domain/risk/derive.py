"""A decision derived again from what was stored with it: the same judges, on the figures they saw then."""

from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

from gateway.domain.events import OrderReceived
from gateway.domain.risk.control import Figure, Figures
from gateway.domain.risk.controls import CONTROLS
from gateway.domain.risk.denial import Denial
from gateway.domain.risk.limit import Limit
from gateway.domain.risk.terms import OrderTerms
from gateway.domain.values import OrdType, Side, TimeInForce


class Finding(NamedTuple):
    """What one limit said, on which figures."""

    limit: Limit
    figures: dict[str, Figure]
    denial: Denial | None
    refuses: bool


def new_terms(event: OrderReceived) -> OrderTerms:
    """What was checked of a new order."""
    return OrderTerms(
        symbol=event.symbol,
        side=event.side,
        ord_type=event.ord_type,
        time_in_force=event.time_in_force,
        order_qty=event.order_qty,
        price=event.price,
        stop_px=event.stop_px,
        post_only=event.post_only,
        opens_qty=event.order_qty,
    )


def stored_terms(values: Sequence[Any]) -> OrderTerms:
    """What was checked of a replace, from the decision's `order`."""
    given = dict(zip(OrderTerms._fields, values, strict=False))  # an older decision has fewer
    for name in ("order_qty", "price", "stop_px", "opens_qty", "cum_qty", "old_qty", "old_price", "adds"):
        if given.get(name) is not None:
            given[name] = Decimal(given[name])
    given |= {"side": Side(given["side"]), "ord_type": OrdType(given["ord_type"])}
    return OrderTerms(**given | {"time_in_force": TimeInForce(given["time_in_force"])})


def derive(order: OrderTerms, looked_at: Mapping[str, Sequence[Any]], limits: Mapping[int, Limit]) -> list[Finding]:
    """What each limit says of the order on its stored figures, in the order in which they were looked at.

    looked_at: figures by limit_id, as the decision has them. Raises KeyError for a limit that is not there.
    """
    found = []
    for limit_id, stored in looked_at.items():
        limit = limits[int(limit_id)]
        control = CONTROLS[limit.code]
        figures = as_figures(stored)
        denial = control.judge(order, limit, limit.value, figures)
        refuses = denial is not None and not control.alerts_only
        found.append(Finding(limit, dict(zip(control.figures, figures, strict=True)), denial, refuses))
    return found


def as_figures(stored: Sequence[Any]) -> Figures:
    """Figures as a decision has them."""
    return tuple(_figure(value) for value in stored)


def _figure(value: Any) -> Figure:
    """Decimals are stored as text."""
    if isinstance(value, str):
        try:
            return Decimal(value)
        except InvalidOperation:
            return value
    return value  # type: ignore[no-any-return]  # JSON has no other kinds here
