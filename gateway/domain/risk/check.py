"""All checks of an order, in their order: what cannot be right anywhere, what the venue would refuse, what is too much
here. Cancels are never checked.
"""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple

from gateway.domain.instruments import Capabilities, Instrument
from gateway.domain.risk.collar import market_px
from gateway.domain.risk.control import Control, Figures
from gateway.domain.risk.denial import Denial, deny
from gateway.domain.risk.filters import check_instrument
from gateway.domain.risk.form import check_form
from gateway.domain.risk.limit import Limit
from gateway.domain.risk.parsing import shown
from gateway.domain.risk.rulebook import Rules
from gateway.domain.risk.terms import UNPRICED, OrderTerms, Snapshot
from gateway.domain.values import OrdRejReason, Side


class Caution(NamedTuple):
    """A limit of which much is used, or a check that was passed for want of a price: for a person to know."""

    limit: Limit
    text: str


@dataclass(frozen=True, slots=True)
class Decision:
    """A check's outcome with its inputs, as it is stored. denial is None when the order may pass.

    inputs: empty where no limit applies; else `limits`, the figures that each was checked on, by limit_id, and `order`,
    what was checked, where no event of the journal says it (a replace).
    quiet: limits that were checked and have nothing to warn of.
    market_px: what a unit of a market order to buy may cost, where that is known.
    """

    denial: Denial | None
    inputs: dict[str, Any] = field(default_factory=dict)
    cautions: tuple[Caution, ...] = ()
    quiet: tuple[int, ...] = ()
    market_px: Decimal | None = None


def check_order(
    order: OrderTerms, *, instrument: Instrument | None, capabilities: Capabilities, rules: Rules, snapshot: Snapshot
) -> Decision:
    """All checks of a new order or a replace."""
    denial = check_form(order, capabilities, snapshot.at)
    if denial is None:
        denial = (
            check_instrument(order, instrument)
            if instrument is not None
            else deny("UNKNOWN_SYMBOL", OrdRejReason.UNKNOWN_SYMBOL, symbol=order.symbol)
        )
    if denial is not None or not rules.checks:
        return Decision(denial, market_px=_market_px(order, snapshot))
    return check_limits(order, rules, snapshot)


def check_limits(order: OrderTerms, rules: Rules, snapshot: Snapshot) -> Decision:
    """Every limit that applies, until one denies. A replace that only takes quantity away meets few of them."""
    looked_at: dict[int, Figures] = {}
    cautions: list[Caution] = []
    quiet: list[int] = []
    denial = None
    shrinks = order.only_shrinks
    for control, limit, source in rules.checks:
        if shrinks and not control.shrinking:
            continue
        figures = control.measure(order, source, snapshot, limit)
        looked_at[limit.limit_id] = figures
        denial = control.judge(order, limit, limit.value, figures)
        if denial is not None and not control.alerts_only:
            break
        if limit.soft is not None or denial is not None or UNPRICED in figures:
            text = _warning(order, control, limit, figures, denial)
            if text:
                cautions.append(Caution(limit, text))
            else:
                quiet.append(limit.limit_id)
        denial = None
    inputs: dict[str, Any] = {"limits": looked_at} if looked_at else {}
    if not order.is_new:
        inputs["order"] = order
    return Decision(denial, inputs, tuple(cautions), tuple(quiet), _market_px(order, snapshot))


def _market_px(order: OrderTerms, snapshot: Snapshot) -> Decimal | None:
    if not order.is_new or order.side is Side.SELL or order.value_px is not None:
        return None
    px = market_px(order, snapshot)
    return px if isinstance(px, Decimal) else None


def _warning(order: OrderTerms, control: Control, limit: Limit, figures: Figures, denial: Denial | None) -> str:
    if denial is not None:
        return denial.text
    if UNPRICED in figures:
        return f"{limit.code} passed without a reference price symbol={order.symbol}"
    soft = control.judge(order, limit, limit.soft, figures)
    return f"{soft.text} of={shown(limit.value)} percent={limit.warn_percent}" if soft is not None else ""
