"""The same machine as in test_domain_machine.py, walked at random by fixed seeds.

Hypothesis shrinks what it finds; a plain walk goes hundreds of times further in the same time, into crossings of three
and four messages. A seed that fails is replayed by `walk(seed)`.
"""

import random
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from gateway.domain.intents import AmendIntent, CancelIntent, PlaceIntent, SettleIntent
from gateway.domain.values import Side, TimeInForce
from gateway.domain.venue_reports import CloseReason
from tests.property.test_domain_machine import OrderMachine

_ANSWERS = ("told", "told", "unknown")
_UNASKED = (CloseReason.CANCELED, CloseReason.EXPIRED, CloseReason.REJECTED)

Draw = Callable[[random.Random], Any]


def _which(r: random.Random) -> int:
    return r.randrange(1_000)


def _qty(r: random.Random) -> Decimal:
    return Decimal(r.randint(1, 12))


def _has(kind: type) -> Callable[[OrderMachine], bool]:
    return lambda m: any(isinstance(intent, kind) for intent in m.venue.in_flight)


def _answered(r: random.Random) -> dict[str, Any]:
    return {"which": _which(r), "accept": r.random() < 0.7, "answer": r.choice(_ANSWERS)}


# What can be done: its weight, when it is possible, and with what.
_STEPS: dict[str, tuple[float, Callable[[OrderMachine], Any], Callable[[random.Random], dict[str, Any]]]] = {
    "new": (
        1,
        lambda m: len(m.desk.book.orders) < 2,
        lambda r: {"qty": _qty(r), "side": r.choice(list(Side)), "tif": r.choice([TimeInForce.GTC, TimeInForce.IOC])},
    ),
    "cancel": (2, lambda m: m.ids, lambda r: {"which": _which(r)}),
    "replace": (1, lambda m: m.ids, lambda r: {"which": _which(r), "qty": _qty(r), "price": r.choice([None, "101"])}),
    "replace_the_latest": (4, lambda m: m.desk.book.orders, lambda r: {"which": _which(r), "qty": _qty(r)}),
    "expire": (0.4, lambda m: m.desk.book.orders, lambda r: {"which": _which(r)}),
    "withdraw": (0.4, lambda m: m.desk.book.orders, lambda r: {"which": _which(r)}),
    "retry": (1, lambda m: m.desk.book.orders, lambda r: {"which": _which(r)}),
    "restart": (0.3, lambda _: True, lambda _: {}),
    "place_arrives": (4, _has(PlaceIntent), _answered),
    "cancel_arrives": (4, _has(CancelIntent), _answered),
    "amend_arrives": (4, _has(AmendIntent), _answered),
    "settlement": (4, _has(SettleIntent), lambda r: {"which": _which(r)}),
    "lost_or_late": (1.5, lambda m: m.venue.in_flight, lambda r: {"which": _which(r), "late": r.random() < 0.5}),
    "fill": (
        4,
        lambda m: m.venue.open_orders(),
        lambda r: {"which": _which(r), "qty": _qty(r), "say_closed": r.random() < 0.6},
    ),
    "close_unasked": (
        0.5,
        lambda m: m.venue.open_orders(),
        lambda r: {"which": _which(r), "reason": r.choice(_UNASKED)},
    ),
    "reduce_unasked": (0.5, lambda m: m.venue.open_orders(), lambda r: {"which": _which(r)}),
    "deliver": (8, lambda m: m.venue.mail, lambda r: {"which": _which(r)}),
    "deliver_twice": (1.5, lambda m: m.venue.mail, lambda r: {"which": _which(r)}),
}
_NAMES, _WEIGHTS = list(_STEPS), [weight for weight, _, _ in _STEPS.values()]


def walk(seed: int) -> None:
    """One walk, checked at every step and at its end."""
    r = random.Random(seed)
    machine = OrderMachine()
    machine.start(amends=r.random() < 0.5, qty=_qty(r), accept=r.random() < 0.7)
    for _ in range(r.choice((20, 40, 80))):
        name = r.choices(_NAMES, _WEIGHTS)[0]
        _, possible, draw = _STEPS[name]
        if possible(machine):
            getattr(machine, name)(**draw(r))
            machine.everything_holds()
    machine.teardown()


@pytest.mark.parametrize("block", range(8))
def test_a_random_walk_ends_in_agreement(block: int) -> None:
    for seed in range(block * 250, (block + 1) * 250):
        try:
            walk(seed)
        except Exception as error:
            error.add_note(f"walk({seed})")
            raise
