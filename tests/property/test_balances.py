"""Balances against the books: whatever the order of fills and answers, nothing is told that is not so, and what came
from outside is found, to the last digit.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.balances import (
    AccountBalances,
    Baseline,
    Compared,
    Movement,
    Shown,
    Tolerance,
    possible_differences,
)
from gateway.store.balances import accepted_row, add_up, baseline_row, moved_row

GRACE = 2_000
"""Milliseconds that words may be late."""
US = frozenset({"TRADING"})
ASSETS = ("BTC", "USDT")


class World:
    """A venue account, the books' side of it, and the time in between: all movements with when they are heard of."""

    def __init__(self, tolerance: str = "0") -> None:
        self.now = 1_000_000
        self.venue: list[Movement] = [Movement(0, "USDT", Decimal(1_000)), Movement(0, "BTC", Decimal(5))]
        self.fills: list[tuple[int, Movement]] = []  # (heard at, what)
        self.account = AccountBalances(Tolerance(Decimal(tolerance)))
        self.rows: list[Any] = []
        self.told: list[tuple[str, Decimal]] = []

    def fill(self, qty: int, late: int) -> None:
        """An execution: two assets move at once, in both ways."""
        for asset, moved in (("BTC", Decimal(qty)), ("USDT", Decimal(-10 * qty) - Decimal("0.01"))):
            movement = Movement(self.now, asset, moved)
            self.venue.append(movement)
            self.fills.append((self.now + late, movement))

    def outside(self, asset: str, qty: Decimal) -> None:
        """Nobody tells."""
        self.venue.append(Movement(self.now, asset, qty))

    def deposit(self, asset: str, qty: Decimal) -> None:
        """Told at once."""
        movement = Movement(self.now, asset, qty)
        self.venue.append(movement)
        self.rows.append(moved_row("main", movement, 1, ""))
        if self.account.moved(movement):
            self.fills.append((self.now, movement._replace(asset="+" + asset)))  # late, but no execution

    def look(
        self, duration: int, moment: int, clock_off: int, *, at_once: bool = False, busy_every: int = 0
    ) -> Compared:
        """An answer of some moment while it is waited for, judged when late words have had their time.

        busy_every: milliseconds from one fill to the next meanwhile.
        """
        asked, counted = self.now, self.now + min(moment, duration)
        for step in range(busy_every, duration, busy_every or duration):
            if busy_every:
                self.now = asked + step
                self.fill(1 + step % 3, 50 * step)
        self.now = asked + duration
        totals = {
            a: sum((m.qty for m in self.venue if m.asset == a and m.at_ms <= counted), Decimal(0)) for a in ASSETS
        }
        shown = Shown(totals, asked + clock_off - 1_000, self.now + clock_off + 1_000)
        self.now += 0 if at_once else GRACE
        return self.judge(shown)

    def judge(self, shown: Shown) -> Compared:
        heard = [m for at, m in self.fills if at <= self.now]
        executed = {a: sum((m.qty for m in heard if m.asset == a), Decimal(0)) for a in ASSETS}
        late = {a: [m for m in heard if m.asset.lstrip("+") == a and m.at_ms > shown.since_ms] for a in ASSETS}
        result = self.account.compare(shown, executed, late, US)
        self.rows += [baseline_row("main", asset, b, 1, "") for asset, b in result.begun.items()]
        self.told += [(change.asset, change.difference) for change in result.changes]
        return result

    def begin(self) -> None:
        self.now += 10_000
        for _ in range(2):
            self.look(10, 5, 0)
        assert self.account.has_begun


FILL = st.tuples(st.just("fill"), st.integers(-3, 3).filter(bool), st.integers(0, GRACE))
WAIT = st.tuples(st.just("wait"), st.integers(1, 3_000), st.just(0))
DEPOSIT = st.tuples(st.just("deposit"), st.integers(-5, 5).filter(bool), st.integers(0, 1))
LOOK = st.tuples(st.just("look"), st.integers(0, 40), st.integers(-900, 900))
STEPS = st.lists(st.one_of(FILL, FILL, WAIT, DEPOSIT, LOOK), max_size=25)


def walk(world: World, steps: Sequence[tuple[str, int, int]], every: int = 7) -> None:
    """The steps; while an answer is waited for, more executes."""
    for what, one, other in steps:
        if what == "fill":
            world.fill(one, other)
        elif what == "wait":
            world.now += one
        elif what == "deposit":
            world.deposit(ASSETS[other], Decimal(one))
        else:
            world.look(20, one, other, busy_every=every if one % 2 else 0)


@given(STEPS)
def test_fills_and_deposits_in_any_order_are_no_difference(steps: list[tuple[str, int, int]]) -> None:
    world = World()
    walk(world, steps)
    world.begin()
    walk(world, steps)
    assert world.told == []


@given(STEPS, st.sampled_from(ASSETS), st.integers(-2_000, 2_000).filter(bool), STEPS)
def test_what_came_or_went_untold_is_found_as_it_is(
    before: list[tuple[str, int, int]], asset: str, hundredths: int, after: list[tuple[str, int, int]]
) -> None:
    world = World()
    world.begin()
    walk(world, before)
    qty = Decimal(hundredths) / 1_000
    world.outside(asset, qty)
    walk(world, after)
    world.now += 10_000
    for _ in range(2):
        world.look(10, 5, 0)
    assert world.account.known == {asset: qty}

    # Taken for right, nothing differs; and SQL's rows bring the same expectations back.
    world.account.accept(asset, qty)
    world.rows.append(accepted_row("main", asset, qty, 1, 7, ""))
    seen = len(world.told)
    walk(world, after)
    assert world.told[seen:] == []
    again = AccountBalances(world.account.tolerance)
    add_up(world.rows, {"main": again})
    assert again.baselines == world.account.baselines


@given(st.lists(st.tuples(st.integers(-3, 3), st.integers(0, 100)), max_size=12), st.integers(0, 100))
def test_the_moment_of_an_answer_leaves_what_is_true_possible(moves: list[tuple[int, int]], counted: int) -> None:
    late = [Movement(at, "BTC", Decimal(qty)) for qty, at in moves]
    total = sum((m.qty for m in late if m.at_ms <= counted), Decimal(9))
    expected = sum((m.qty for m in late), Decimal(9))
    for outside in (Decimal(0), Decimal("0.5")):
        shown = Shown({}, max(0, counted - 30), counted + 30)
        assert outside in possible_differences(total + outside, expected, late, shown)


def test_a_fill_that_is_heard_of_late_is_no_difference_and_one_that_never_is() -> None:
    world = World()
    world.begin()
    world.fill(2, 2 * GRACE)
    assert world.look(10, 5, 0, at_once=True).unsure == ["BTC", "USDT"]
    world.now += GRACE  # which a second look is after the first
    assert world.look(10, 5, 0).unsure == []
    assert world.told == []
    world = World()
    world.begin()
    world.fill(2, 10**9)
    world.now += 10_000
    assert world.look(10, 5, 0).unsure == ["BTC", "USDT"]
    world.look(10, 5, 0)
    assert world.told == [("BTC", Decimal(2)), ("USDT", Decimal("-20.01"))]


def test_small_differences_are_none_and_the_baseline_is_where_they_began() -> None:
    world = World("0.5")
    world.begin()
    for _ in range(2):
        world.outside("BTC", Decimal("0.3"))
        for _ in range(2):
            world.look(10, 5, 0)
            world.now += 5_000
    assert world.told == [("BTC", Decimal("0.6"))]
    world.outside("BTC", Decimal("-0.6"))
    for _ in range(3):
        world.now += 5_000
        world.look(10, 5, 0)
    assert world.told[1:] == [("BTC", Decimal(0))]


def test_other_accounts_change_no_expectation() -> None:
    account = AccountBalances(Tolerance(Decimal(0)))
    account.baselines = {"BTC": Baseline(Decimal(10), Decimal(1), 5, US, Decimal(2))}
    before = account.expected("BTC", Decimal(4)), account.expected("ETH", Decimal(-1))
    others = frozenset({"OTHER"})
    account.rebase({"BTC": Decimal(4), "ETH": Decimal(-1)}, {"BTC": Decimal(100)}, others)
    assert account.accounts == others
    assert (account.expected("BTC", Decimal(100)), account.expected("ETH", Decimal(0))) == before
    assert account.expected("BTC", Decimal(101)) == before[0] + 1


def test_a_deposit_that_the_baseline_has_is_not_counted_twice() -> None:
    account = AccountBalances(Tolerance(Decimal(0)))
    assert not account.moved(Movement(1, "BTC", Decimal(1)))
    account.baselines = {"BTC": Baseline(Decimal(10), as_of_ms=50)}
    assert not account.moved(Movement(50, "ETH", Decimal(1)))
    assert account.moved(Movement(51, "ETH", Decimal(1)))
    assert account.expected("ETH", Decimal(0)) == 1
