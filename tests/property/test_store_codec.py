"""Every event comes back from the journal exactly as it went in."""

from dataclasses import fields, is_dataclass
from decimal import Decimal
from enum import Enum
from typing import Any, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain import events
from gateway.domain.values import LiquidityInd, Side
from gateway.errors import JournalUnreadable
from gateway.store.codec import EVENT_TYPES, decode_event, encode_event

DECIMALS = st.decimals(allow_nan=False, allow_infinity=False)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=50)
PLAIN: dict[Any, st.SearchStrategy[Any]] = {
    str: TEXT,
    int: st.integers(min_value=0, max_value=2**63 - 1),
    bool: st.booleans(),
    Decimal: DECIMALS,
    Decimal | None: st.none() | DECIMALS,
    int | None: st.none() | st.integers(min_value=0, max_value=2**63 - 1),
    str | None: st.none() | TEXT,
    LiquidityInd | None: st.none() | st.sampled_from(LiquidityInd),
    Side | None: st.none() | st.sampled_from(Side),
    tuple[tuple[int, str], ...]: st.lists(st.tuples(st.integers(1, 9999), TEXT), max_size=4).map(tuple),
}


def values_of(annotation: Any) -> st.SearchStrategy[Any]:
    if annotation in PLAIN:
        return PLAIN[annotation]
    assert isinstance(annotation, type) and issubclass(annotation, Enum), f"say how to make a {annotation}"  # noqa: PT018 - for mypy
    return st.sampled_from(list(annotation))


def events_of(kind: type[events.Event]) -> st.SearchStrategy[events.Event]:
    hints = get_type_hints(kind)
    return st.builds(kind, **{field.name: values_of(hints[field.name]) for field in fields(kind)})


def test_the_journal_knows_every_event_of_the_domain() -> None:
    declared = {
        name
        for name, kind in vars(events).items()
        if is_dataclass(kind) and kind.__module__ == events.__name__ and name != "Event"
    }
    assert set(EVENT_TYPES) == declared
    assert len(declared) >= 28


@pytest.mark.parametrize("kind", EVENT_TYPES.values(), ids=EVENT_TYPES)
@given(data=st.data())
def test_every_event_comes_back_exactly(kind: type[events.Event], data: st.DataObject) -> None:
    event = data.draw(events_of(kind))
    payload = encode_event(event)
    assert "\0" not in payload  # PostgreSQL would refuse it
    again = decode_event(type(event).__name__, payload)
    assert again == event
    assert repr(again) == repr(event)  # digits and types as well: 1.50 equals 1.5, but is not the same


def test_an_event_of_another_release_is_named() -> None:
    with pytest.raises(JournalUnreadable, match="OrderTeleported"):
        decode_event("OrderTeleported", "{}")


@pytest.mark.parametrize("payload", ["{}", '{"order_id":1,"at":1}', "not json", '{"order_id":"1","at":1.5}'])
def test_a_payload_that_does_not_fit_is_named(payload: str) -> None:
    with pytest.raises(JournalUnreadable, match="OrderDoneForDay"):
        decode_event("OrderDoneForDay", payload)


def test_text_that_has_no_utf8_is_refused_when_it_is_written() -> None:
    with pytest.raises(ValueError):
        encode_event(events.VenueReportIgnored(order_id="1", at=1, text="\ud83d"))
