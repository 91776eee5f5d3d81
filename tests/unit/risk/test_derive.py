"""A decision derived again from what is stored gives the same answer."""

from decimal import Decimal
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.domain.events import OrderReceived
from gateway.domain.risk import Decision, Limit
from gateway.domain.risk.derive import Finding, derive, new_terms, stored_terms
from gateway.domain.risk.terms import UNPRICED
from gateway.domain.values import OrdType, Side
from gateway.store.codec import encode_json
from tests.fixtures.domain_desk import DomainDesk, Told
from tests.fixtures.risk import limited, replacing

LIMITS = (
    ("MAX_ORDER_QTY", "9"),
    ("MAX_ORDER_NOTIONAL", "900"),
    ("MIN_ORDER_NOTIONAL", "200"),
    ("FAT_FINGER", "2x/3"),
    ("SELF_TRADE", "refuse"),
    ("DUPLICATE_ORDER", "1ms"),
    ("REPEATED_EXECUTION", "3/1s"),
    ("MAX_POSITION", "20"),
    ("SHORT_SALE", "yes"),
    ("MAX_OPEN_ORDERS", "4"),
    ("ORDER_RATE", "6/1s"),
    ("CANCEL_RATIO", "10%/1"),
    ("MARKET_HOURS", "00:00-24:00"),
)


def again(desk: DomainDesk, decision: Decision) -> list[Finding]:
    """As `fixgw explain` does, by way of what SQL would hold."""
    inputs: dict[str, Any] = msgspec.json.decode(encode_json(decision.inputs))
    if "order" in inputs:
        terms = stored_terms(inputs["order"])
    else:
        terms = new_terms([event for event in desk.journal if isinstance(event, OrderReceived)][-1])
    limits: dict[int, Limit] = {limit.limit_id: limit for limit in desk.limits}
    return derive(terms, inputs.get("limits", {}), limits)


STEP = st.tuples(
    st.sampled_from(["new", "new", "market", "replace", "fill", "cancel"]),
    st.sampled_from(list(Side)),
    st.integers(1, 12).map(str),
    st.integers(95, 105).map(str),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(STEP, max_size=25))
def test_whatever_was_decided_is_derived_again(steps: list[tuple[str, Side, str, str]]) -> None:
    desk = limited(*LIMITS)
    desk.market = type(desk.market)(
        capabilities=desk.capabilities, instrument=desk.market.instrument, without_reference=UNPRICED
    )
    for number, (what, side, qty, price) in enumerate(steps):
        before = desk.decision
        working = [o for o in desk.book.orders.values() if o.is_open]
        if what == "new":
            desk.new(f"N{number}", qty, price, side=side)
        elif what == "market":
            desk.new(f"N{number}", qty, None, side=side, ord_type=OrdType.MARKET)
        elif working and what == "replace":
            desk.replace(f"R{number}", working[-1].cl_ord_id, qty, price)
        elif working and what == "fill":
            order_number = int(working[0].order_id[1:])
            desk.hear(Told(len(working[0].legs), order_number).traded(f"T{number}", "0.5"))
        elif working:
            desk.cancel(f"C{number}", working[0].cl_ord_id)
        if desk.decision is not None and desk.decision is not before:
            denial = desk.decision.denial if "limits" in desk.decision.inputs else None  # else: by its own fields
            refusals = [f.denial for f in again(desk, desk.decision) if f.refuses]
            assert refusals == ([denial] if denial is not None else [])


def test_a_replace_comes_back_as_it_was_checked() -> None:
    terms = replacing(order_qty="12.50", opens_qty="2.5", stop_px="1", cum_qty="3", old_price=None)
    assert stored_terms(msgspec.json.decode(encode_json(terms))) == terms


def test_figures_come_back_with_their_names() -> None:
    desk = limited(("MAX_POSITION", "20"), ("ORDER_RATE", "6/1s"))
    desk.new("X", "7")
    assert desk.decision is not None
    assert [f.figures for f in again(desk, desk.decision)] == [
        {"position": Decimal(0), "open": Decimal(0)},
        {"until_full": 0},
    ]
