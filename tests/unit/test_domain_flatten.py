"""Slices that close a position: never more than is held, never beyond the collar, never what the venue would refuse."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.domain.flatten import Holding, Slice, Unsliceable, next_slice
from gateway.domain.instruments import Instrument
from gateway.domain.money import add, is_multiple, multiply
from gateway.domain.risk.collar import Collar, Width, parse_collar
from gateway.domain.values import Side

BTC = Instrument(
    symbol="BTCUSDT",
    base="BTC",
    quote="USDT",
    tick_size=Decimal("0.01"),
    min_price=Decimal("0.01"),
    max_price=Decimal(1_000_000),
    qty_step=Decimal("0.00001"),
    min_qty=Decimal("0.00001"),
    max_qty=Decimal(9_000),
    min_notional=Decimal(5),
    max_notional=Decimal(9_000_000),
)
NONE_ARE_SET = Instrument(symbol="X", base="X", quote="Y")


def holding(position: str, *references: str, **more: Any) -> Holding:
    given: dict[str, Any] = {
        "position": Decimal(position),
        "instrument": BTC,
        "references": [Decimal(text) for text in references or ("60000",)],
        "collars": [parse_collar("1%")],
        "max_qty": Decimal(1),
    }
    return Holding(**given | more)


@pytest.mark.parametrize(
    ("held", "slice_"),
    [
        (holding("0.5"), (Side.SELL, "0.5", "59400.00")),
        (holding("-0.5"), (Side.BUY, "0.5", "60600.00")),
        (holding("2.5"), (Side.SELL, "1.00000", "59400.00")),
        (holding("0.5", "60000", "59000"), (Side.SELL, "0.5", "59400.00")),  # not after a market that runs away
        (holding("0.5", "60000", "61000"), (Side.SELL, "0.5", "60390.00")),
        (holding("-0.5", "60000", "61000"), (Side.BUY, "0.5", "60600.00")),
        (holding("0.5", collars=[parse_collar("1%"), parse_collar("500t")]), (Side.SELL, "0.5", "59995.00")),
        (holding("0.5", "33333.335"), (Side.SELL, "0.5", "33000.01")),  # rounded toward the reference price
        (holding("-0.5", "33333.335"), (Side.BUY, "0.5", "33666.66")),
        (holding("1.00005"), (Side.SELL, "0.50002", "59400.00")),  # 0.00005 alone would be too little to sell
        (holding("0.5", available=Decimal("0.4995001")), (Side.SELL, "0.49950", "59400.00")),  # fees were taken of it
        (holding("-0.5", available=Decimal(0)), (Side.BUY, "0.5", "60600.00")),
    ],
)
def test_the_next_slice(held: Holding, slice_: tuple[Side, str, str]) -> None:
    assert next_slice(held) == Slice(slice_[0], Decimal(slice_[1]), Decimal(slice_[2]))


@pytest.mark.parametrize(
    ("held", "why"),
    [
        (holding("0.00008"), "BELOW_MINIMUM qty=0.00008 min_qty=0.00001 min_notional=5"),
        (holding("0.000001"), "BELOW_MINIMUM qty=0.000001 min_qty=0.00001 min_notional=5"),
        (holding("0.5", collars=[parse_collar("100%")]), "BELOW_MINIMUM qty=0.5 "),  # at a price of 0.01
        (holding("0.5", available=Decimal("0.00001")), "NOT_AVAILABLE free=0.00001 BTC at the venue"),
        (holding("0.5", available=Decimal(-1)), "NOT_AVAILABLE free=0 BTC at the venue"),
        (holding("0.5", max_qty=Decimal("0.00001")), "SLICE_BELOW_MINIMUM max_qty=0.00001 min=0.00009"),
        (holding("-0.5", collars=[Collar(None, Width(Decimal(1), in_ticks=False))]), "NO_PRICE_IN_COLLAR"),
        (holding("0.5", "2000000"), "NO_PRICE_IN_COLLAR the venue takes no price there"),
        (holding("-0.5", "0.001"), "NO_PRICE_IN_COLLAR the venue takes no price there"),
    ],
)
def test_why_there_is_none(held: Holding, why: str) -> None:
    found = next_slice(held)
    assert isinstance(found, Unsliceable)
    assert found.why.startswith(why)


def numbers(low: str, high: str, places: int) -> st.SearchStrategy[Decimal]:
    return st.decimals(Decimal(low), Decimal(high), places=places, allow_nan=False, allow_infinity=False)


instruments = st.one_of(
    st.just(BTC),
    st.just(NONE_ARE_SET),
    st.builds(
        lambda tick, step, least, most, notional, low: Instrument(
            symbol="S",
            base="B",
            quote="Q",
            tick_size=tick,
            min_price=low,
            qty_step=step,
            min_qty=least,
            max_qty=most,
            min_notional=notional,
        ),
        st.sampled_from([Decimal("0.01"), Decimal("0.5"), Decimal(3)]),
        st.sampled_from([Decimal("0.001"), Decimal("0.3"), Decimal(7)]),
        numbers("0", "2", 3),
        st.sampled_from([Decimal(0), Decimal(5), Decimal(100)]),
        st.sampled_from([Decimal(0), Decimal(1), Decimal(50)]),
        st.sampled_from([Decimal(0), Decimal("0.01"), Decimal(2)]),
    ),
)
collars = st.builds(
    lambda value, in_ticks: Collar(*(Width(value, in_ticks=in_ticks) for _ in range(2))),
    numbers("0.1", "150", 1),
    st.booleans(),
)
holdings = st.builds(
    Holding,
    position=numbers("-200", "200", 6).filter(bool),
    instrument=instruments,
    references=st.lists(numbers("0.02", "500", 3), min_size=1, max_size=2),
    collars=st.lists(collars, min_size=1, max_size=3),
    max_qty=numbers("0.001", "60", 6),
    available=st.none() | numbers("0", "300", 6),
)


@given(holdings)
def test_a_slice_neither_crosses_zero_nor_leaves_the_collar(held: Holding) -> None:
    found = next_slice(held)
    if isinstance(found, Unsliceable):
        return
    side, qty, price = found
    at = held.instrument
    assert side is (Side.SELL if held.position > 0 else Side.BUY)
    assert 0 < qty <= min(abs(held.position), held.max_qty)
    if side is Side.SELL and held.available is not None:
        assert qty <= held.available
    assert price > 0
    for reference in held.references:
        for collar in held.collars:
            edge = collar.edge(side, reference, at.tick_size)
            assert edge is not None
            assert price <= edge if side is Side.BUY else price >= edge
    assert is_multiple(price, at.tick_size)
    assert is_multiple(qty, at.qty_step)
    assert qty >= at.min_qty
    assert multiply(qty, price) >= at.min_notional
    assert not at.max_qty or qty <= at.max_qty


@settings(deadline=None)
@given(holdings, st.lists(numbers("0", "1", 2), max_size=60))
def test_slices_end_and_leave_only_what_no_order_can_close(held: Holding, filled: list[Decimal]) -> None:
    """However much of each is filled: the position shrinks and keeps its sign, until there is a reason to stop.

    Where a step is larger than the position, or than an order may be, many slices of the least quantity are needed, and
    not all are made here.
    """
    position, parts = held.position, iter(filled)
    step = add(held.instrument.min_qty, held.instrument.qty_step)
    for _ in range(400):
        at = Holding(
            position=position,
            instrument=held.instrument,
            references=held.references,
            collars=held.collars,
            max_qty=max(held.max_qty, Decimal(1), step),
        )
        found = next_slice(at)
        if isinstance(found, Unsliceable):
            return
        left = position - found.order_qty * next(parts, Decimal(1)) * (1 if position > 0 else -1)
        assert left == 0 or (left > 0) is (position > 0)
        assert found.order_qty >= held.instrument.min_qty
        assert found.order_qty > 0
        position = left
        if not position:
            return
    largest = held.instrument.max_qty or step
    assert abs(position) < step or largest < step, f"still {position} after so many slices"
