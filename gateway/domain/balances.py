"""What a venue account should hold of each asset, against what the venue says. Pure: it finds differences, and acts on
none.

What should be there is what was there once (the baseline), what executions have moved since, and what came or went by
itself: deposits, withdrawals, and what a person has accepted.

A venue's answer is of some moment between the question and the answer. What moved about then may be counted in it or
not, so there are as many possible differences as there are such movements; and what reaches us late is counted there
and not here. So a difference is one only when a second answer shows the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from gateway.domain.money import ZERO, add, subtract

_MOST_UNSURE = 50
"""Movements around one answer; with more of an asset nothing is said of it."""


class Tolerance(NamedTuple):
    """How far apart two amounts may be and count as the same, in units of the asset."""

    default: Decimal
    of: Mapping[str, Decimal] = {}

    def near(self, asset: str, one: Decimal, other: Decimal) -> bool:
        """Whether they count as the same."""
        return abs(subtract(one, other)) <= self.of.get(asset, self.default)


class Movement(NamedTuple):
    """What changed a balance, below zero for what went. at_ms: by the venue's clock, ms UTC."""

    at_ms: int
    asset: str
    qty: Decimal


class Shown(NamedTuple):
    """What a venue account has, free and locked together, by asset.

    What had happened by since_ms is counted, what happened after until_ms is not; by the venue's clock, ms UTC.
    """

    totals: Mapping[str, Decimal]
    since_ms: int
    until_ms: int


class Baseline(NamedTuple):
    """What was there at as_of_ms (the venue's clock), when executions had moved so much since the books began.

    moved: what came by itself since, less what went. accounts: those whose executions count.
    """

    total: Decimal = ZERO
    executed: Decimal = ZERO
    as_of_ms: int = 0
    accounts: frozenset[str] = frozenset()
    moved: Decimal = ZERO

    def expected(self, executed: Decimal) -> Decimal:
        """What should be there, when executions have moved so much since the books began."""
        return add(add(self.total, self.moved), subtract(executed, self.executed))


class Change(NamedTuple):
    """A difference that is known now, ZERO for one that is over: so much more is there than expected."""

    asset: str
    expected: Decimal
    difference: Decimal


@dataclass(slots=True)
class Compared:
    """What a comparison has come to. begun: baselines that were taken. unsure: assets that want another look."""

    begun: dict[str, Baseline] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    unsure: list[str] = field(default_factory=list)


def possible_differences(
    total: Decimal, expected: Decimal, late: Sequence[Movement], shown: Shown
) -> tuple[Decimal, ...]:
    """What the venue's total may be more than what we expect, the likeliest first; none where there are too many.

    late: movements of the asset from shown.since_ms on, all of them part of `expected`. A venue counts them one after
    the other, so that a last few may be missing in its answer, and never one in the midst.
    """
    newest_first = sorted(late, key=lambda one: one.at_ms)[::-1]
    difference = subtract(total, expected)
    unsure = []
    for one in newest_first:
        if one.at_ms > shown.until_ms:
            difference = add(difference, one.qty)
        elif one.at_ms > shown.since_ms:
            unsure.append(one)
    if len(unsure) > _MOST_UNSURE:
        return ()
    found = [difference]
    for one in unsure:
        found.append(add(found[-1], one.qty))
    return tuple(found)


class AccountBalances:
    """One venue account's. Nothing is expected before `begun`: the first amounts that two answers agree on."""

    def __init__(self, tolerance: Tolerance) -> None:
        self.tolerance = tolerance
        self.baselines: dict[str, Baseline] = {}
        self.known: dict[str, Decimal] = {}  # differences that stand
        self._suspected: dict[str, tuple[Decimal, ...]] = {}
        self._outside: dict[str, Decimal] = {}  # before it has begun: what executions do not account for

    @property
    def has_begun(self) -> bool:
        """Whether there is a baseline. Of an asset without one there was nothing then."""
        return bool(self.baselines)

    @property
    def accounts(self) -> frozenset[str]:
        """Those whose executions are counted."""
        return next(iter(self.baselines.values()), Baseline()).accounts

    def expected(self, asset: str, executed: Decimal) -> Decimal:
        """What should be there, when executions have moved so much."""
        return self._baseline(asset).expected(executed)

    def compare(
        self,
        shown: Shown,
        executed: Mapping[str, Decimal],
        late: Mapping[str, Sequence[Movement]],
        accounts: frozenset[str],
    ) -> Compared:
        """See what an answer says. executed: what executions have moved, by asset, all of them up to now."""
        result = Compared()
        assets = self._assets(shown, executed, late)
        for asset in assets:
            moved = executed.get(asset, ZERO)
            expected = self.expected(asset, moved)
            known = self.known.get(asset, ZERO) if self.has_begun else self._outside.get(asset)
            now = self._judge(asset, known, shown.totals.get(asset, ZERO), expected, late.get(asset, ()), shown)
            if now is None:
                result.unsure.append(asset)
            elif not self.has_begun:
                self._outside[asset] = now
            elif now != known:
                now = ZERO if self.tolerance.near(asset, now, ZERO) else now
                self._know(asset, now)
                result.changes.append(Change(asset, expected, now))
        if not self.has_begun and not result.unsure:
            for asset in assets:
                moved = executed.get(asset, ZERO)
                result.begun[asset] = Baseline(add(self._outside[asset], moved), moved, shown.since_ms, accounts)
            self.baselines = dict(result.begun)
            self._outside.clear()
        return result

    def differing(
        self, shown: Shown, executed: Mapping[str, Decimal], late: Mapping[str, Sequence[Movement]]
    ) -> list[Change]:
        """What differs in this one answer, which changes nothing."""
        found = []
        for asset in self._assets(shown, executed, late) if self.has_begun else ():
            expected = self.expected(asset, executed.get(asset, ZERO))
            possible = possible_differences(shown.totals.get(asset, ZERO), expected, late.get(asset, ()), shown)
            if possible and not any(self.tolerance.near(asset, one, ZERO) for one in possible):
                found.append(Change(asset, expected, possible[0]))
        return found

    def moved(self, movement: Movement) -> bool:
        """A deposit, a withdrawal. Returns whether it counts: not when the baseline has it already, or is to come."""
        self._suspected.pop(movement.asset, None)
        self._outside.pop(movement.asset, None)
        if not self.has_begun or movement.at_ms <= self._baseline(movement.asset).as_of_ms:
            return False
        self._add(movement.asset, movement.qty)
        return True

    def accept(self, asset: str, difference: Decimal) -> None:
        """It is as it should be from now on."""
        self._suspected.pop(asset, None)
        self.known.pop(asset, None)
        self._add(asset, difference)

    def rebase(
        self, was: Mapping[str, Decimal], executed: Mapping[str, Decimal], accounts: frozenset[str]
    ) -> dict[str, Baseline]:
        """Other accounts trade through it now: what is expected stays, and their executions count from here on.

        was: what executions of the accounts so far have moved; executed: what those of the accounts to come have.
        """
        self.baselines = {
            asset: Baseline(
                self.expected(asset, was.get(asset, ZERO)),
                executed.get(asset, ZERO),
                self._baseline(asset).as_of_ms,
                accounts,
            )
            for asset in sorted({*self.baselines, *was, *executed})
        }
        return dict(self.baselines)

    def begin_anew(self) -> None:
        """It is another account of the exchange from here on: what was there before says nothing of it."""
        self.baselines.clear()
        self.known.clear()
        self.forget()

    def forget(self) -> None:
        """The stream was lost: what was seen before may have been followed by anything."""
        self._suspected.clear()
        self._outside.clear()

    def _assets(
        self, shown: Shown, executed: Mapping[str, Decimal], late: Mapping[str, Sequence[Movement]]
    ) -> list[str]:
        """All that there may be something of, or was."""
        held = {asset for asset, total in shown.totals.items() if total}
        moved = {asset for asset, qty in executed.items() if qty}
        found = held | moved | late.keys() | self.baselines.keys() | self.known.keys() | self._suspected.keys()
        return sorted(found or shown.totals)

    def _baseline(self, asset: str) -> Baseline:
        found = self.baselines.get(asset)
        if found is None:  # as long as the others have one
            found = next(iter(self.baselines.values()), Baseline())
            found = Baseline(as_of_ms=found.as_of_ms, accounts=found.accounts)
        return found

    def _add(self, asset: str, qty: Decimal) -> None:
        before = self._baseline(asset)
        self.baselines[asset] = before._replace(moved=add(before.moved, qty))

    def _know(self, asset: str, difference: Decimal) -> None:
        if difference:
            self.known[asset] = difference
        else:
            self.known.pop(asset, None)

    def _judge(
        self,
        asset: str,
        known: Decimal | None,
        total: Decimal,
        expected: Decimal,
        late: Sequence[Movement],
        shown: Shown,
    ) -> Decimal | None:
        """The difference as it is known after this answer; None for not yet.

        What is known goes on for as long as it can be true; anything else has to be seen twice.
        """
        possible = possible_differences(total, expected, late, shown)
        near = self.tolerance.near
        if known is not None and any(near(asset, one, known) for one in possible):
            self._suspected.pop(asset, None)
            return known
        before = self._suspected.get(asset, ())
        common = {one for one in possible if any(near(asset, one, other) for other in before)}
        if len(common) != 1:
            self._suspected[asset] = possible
            return None
        del self._suspected[asset]
        return common.pop()
