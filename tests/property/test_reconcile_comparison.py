"""The comparison alone: equal sides show nothing, each difference shows as itself, and only for what is quiet."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from gateway.domain import venue_reports as v
from gateway.domain.order import LegState
from gateway.domain.reconcile import (
    BreakKind,
    Difference,
    OrderAtVenue,
    SnapshotRequest,
    VenueSnapshot,
    compare_orders,
    missed_trades,
    resolution,
)
from tests.fixtures.domain_desk import SYMBOL, VENUE_ACCOUNT, DomainDesk, Told

_REQUEST = SnapshotRequest(venue_account=VENUE_ACCOUNT, request_id=1, trades_since_ms={})

STATES = ("pending", "open", "part", "full", "canceled", "canceling")
WAYS = ("same", "not there", "more there", "less there", "smaller there", "foreign", "orphan", "other of that id")


def desk_with(states: list[str]) -> DomainDesk:
    """Orders X1, X2, … in these states."""
    desk = DomainDesk()
    for number, state in enumerate(states, 1):
        cl_ord_id = f"X{number}"
        says = Told(order_number=number)
        desk.new(cl_ord_id)
        if state == "pending":
            continue
        desk.hear(says.accepted())
        if state in ("part", "full"):
            desk.hear(says.traded(f"T{number}", "4" if state == "part" else "10"))
        elif state == "canceled":
            desk.hear(says.canceled())
        elif state == "canceling":
            desk.cancel(f"C{number}", orig=cl_ord_id)
    return desk


def at_venue(desk: DomainDesk) -> dict[str, OrderAtVenue]:
    """What a venue that agrees lists, by OrderID(37)."""
    listed = {}
    for order in desk.book.orders.values():
        leg = order.leg
        if leg is not None and leg.state is LegState.OPEN and leg.venue_order_id is not None:
            listed[order.order_id] = OrderAtVenue(SYMBOL, leg.client_id, leg.venue_order_id, leg.qty, leg.cum_qty)
    return listed


def compare(desk: DomainDesk, orders: list[OrderAtVenue], busy: frozenset[str] = frozenset()) -> list[Difference]:
    snapshot = VenueSnapshot(request=_REQUEST, asked_at=0, orders=tuple(orders), trades=())
    return compare_orders(desk.book, snapshot, prefix="gw-", judged=lambda order_id: order_id not in busy)


@given(st.lists(st.sampled_from(STATES), max_size=6))
def test_sides_that_agree_show_no_difference(states: list[str]) -> None:
    desk = desk_with(states)
    assert compare(desk, list(at_venue(desk).values())) == []


@given(st.lists(st.tuples(st.sampled_from(STATES), st.sampled_from(WAYS), st.booleans()), max_size=6))
def test_each_way_of_differing_shows_as_itself_and_only_for_quiet_orders(plan: list[tuple[str, str, bool]]) -> None:
    desk = desk_with([state for state, _, _ in plan])
    listed = at_venue(desk)
    busy: set[str] = set()
    expected: set[tuple[str, BreakKind]] = set()
    extra: list[OrderAtVenue] = []
    for number, (state, way, is_busy) in enumerate(plan, 1):
        order = desk.order(f"X{number}")
        leg = order.leg
        assert leg is not None
        if is_busy:
            busy.add(order.order_id)
        judged = not is_busy and state in ("open", "part")
        theirs = listed.get(order.order_id)
        kind = None
        if way == "foreign":
            extra.append(OrderAtVenue(SYMBOL, f"hand-{number}", f"F{number}", Decimal(1), Decimal(0)))
        elif way == "orphan":
            orphan = OrderAtVenue(SYMBOL, f"gw-O9{number}-1", f"S{number}", Decimal(1), Decimal(0))
            extra.append(orphan)
            expected.add((orphan.client_id, BreakKind.ORPHAN))
        elif theirs is None:
            continue
        elif way == "other of that id":
            extra.append(theirs._replace(venue_order_id=f"S{number}"))
            expected.add((theirs.client_id, BreakKind.ORPHAN))
        elif way == "not there":
            del listed[order.order_id]
            kind = BreakKind.CLOSED_AT_VENUE
        elif way == "more there":
            listed[order.order_id] = theirs._replace(cum_qty=theirs.cum_qty + 1)
            kind = BreakKind.EXECUTED_MORE
        elif way == "less there" and theirs.cum_qty:
            listed[order.order_id] = theirs._replace(cum_qty=theirs.cum_qty - 1)
            kind = BreakKind.EXECUTED_LESS
        elif way == "smaller there":
            listed[order.order_id] = theirs._replace(qty=theirs.qty - 1)
            kind = BreakKind.QTY_DIFFERS
        if kind is not None and judged:
            expected.add((leg.client_id, kind))
    found = compare(desk, [*listed.values(), *extra], frozenset(busy))
    assert {(d.client_id, d.kind) for d in found} == expected
    assert len(found) == len(expected)


def test_what_is_over_here_and_open_there_is_a_break() -> None:
    desk = desk_with(["open"])
    listed = list(at_venue(desk).values())
    desk.hear(Told().canceled())
    (difference,) = compare(desk, listed)
    assert difference.kind is BreakKind.OPEN_AT_VENUE
    assert resolution(difference, desk.order("X1")) == "", "nothing here can end that"


def test_a_break_ends_when_the_order_has_caught_up() -> None:
    desk = desk_with(["open"])
    (listed,) = at_venue(desk).values()
    (difference,) = compare(desk, [listed._replace(cum_qty=Decimal(3))])
    desk.hear(Told().traded("1", "2"))
    assert resolution(difference, desk.order("X1")) == ""
    desk.hear(Told().traded("2", "1"))
    assert "cum_qty=3" in resolution(difference, desk.order("X1"))


@given(st.sets(st.integers(1, 6)), st.sets(st.integers(1, 6)))
def test_missed_trades_are_those_that_the_books_lack_each_once(known: set[int], shown: set[int]) -> None:
    desk = desk_with(["open"])
    leg = desk.order("X1").leg
    assert leg is not None
    for number in sorted(known):
        desk.hear(Told().traded(str(number), "1"))
    told = [
        v.VenueTraded(
            venue_account=VENUE_ACCOUNT, symbol=SYMBOL, client_id="", venue_order_id=venue_order_id, trade_id=str(n),
            last_qty=Decimal(1), last_px=Decimal(10), transact_time=7 - n,
        )
        for n in shown
        for venue_order_id in (leg.venue_order_id, "someone else's")
    ]  # fmt: skip
    snapshot = VenueSnapshot(request=_REQUEST, asked_at=0, orders=(), trades=tuple(told))
    missed = [d.theirs for d in missed_trades(desk.book, snapshot)]
    assert [t.trade_id for t in missed if isinstance(t, v.VenueTraded)] == [
        str(n) for n in sorted(shown - known, reverse=True)
    ], "oldest first"
