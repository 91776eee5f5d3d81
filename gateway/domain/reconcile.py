"""What a venue shows, against what the books hold. Pure: it finds differences, and acts on none.

A difference is a suspicion, not a verdict: the words that explain it may be under way. So it never ends an order by
itself; the order is settled by a query of its own.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from gateway.domain.book import Book
from gateway.domain.funds import Balance
from gateway.domain.order import Leg, LegState, Order
from gateway.domain.values import Value
from gateway.domain.venue_reports import VenueTraded


class OrderAtVenue(NamedTuple):
    """An open order as the venue lists it. Quantities are base units; cum_qty is what it has executed."""

    symbol: str
    client_id: str
    venue_order_id: str
    qty: Decimal
    cum_qty: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotRequest:
    """Which account to look at. trades_since_ms: by symbol, the venue's time from which its trades are wanted."""

    venue_account: str
    request_id: int
    trades_since_ms: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueSnapshot:
    """What the venue showed. asked_at: our time (nanoseconds UTC) before the first question.

    orders: every open order of the account, foreign ones included. trades name their orders by venue order id alone.
    balances: what had happened by balances_since_ms is counted, what happened after balances_until_ms is not; by the
    venue's clock, ms UTC, 0 where it tells none.
    heard: a stream of events stood meanwhile, so that what it shows may be on its way here as well.
    """

    request: SnapshotRequest
    asked_at: int
    orders: tuple[OrderAtVenue, ...]
    trades: tuple[VenueTraded, ...]
    balances: tuple[Balance, ...] = ()
    balances_since_ms: int = 0
    balances_until_ms: int = 0
    heard: bool = False


class BreakKind(Value):
    """How books and venue differ."""

    TRADE_MISSED = "trade_missed"  # it executed, and we were not told
    CLOSED_AT_VENUE = "closed_at_venue"  # open here, not open there
    EXECUTED_MORE = "executed_more"  # open on both sides; more executed there
    EXECUTED_LESS = "executed_less"  # open on both sides; more executed here
    QTY_DIFFERS = "qty_differs"  # open on both sides, with another quantity
    OPEN_AT_VENUE = "open_at_venue"  # over here, open there
    ORPHAN = "orphan"  # our prefix, and not in the books
    BALANCE_DIFFERS = "balance_differs"  # of an asset more, or less, is there than executions and deposits account for


SETTLED = frozenset({BreakKind.CLOSED_AT_VENUE, BreakKind.EXECUTED_MORE, BreakKind.QTY_DIFFERS})
"""Kinds that a settlement of the order can end."""

STRAY = frozenset({BreakKind.OPEN_AT_VENUE, BreakKind.ORPHAN})
"""Kinds where something works at the venue that should not: canceled or kept by policy."""

MISSING_TRADES = frozenset({BreakKind.CLOSED_AT_VENUE, BreakKind.EXECUTED_MORE, BreakKind.EXECUTED_LESS})
"""Kinds that move balances too: as long as they are found, balances would only tell the same once more."""


class Difference(NamedTuple):
    """One break. order and leg are None for an orphan; theirs is None where the venue shows nothing."""

    kind: BreakKind
    symbol: str
    client_id: str
    order: Order | None
    leg: Leg | None
    theirs: OrderAtVenue | VenueTraded | None


def is_restless(order: Order) -> bool:
    """Whether something of the order is on its way to the venue or in doubt: no snapshot can tell how that ended."""
    leg = order.leg
    return bool(order.requests) or (leg is not None and leg.state is not LegState.OPEN)


def is_undecided(book: Book, venue_account: str, touched: Mapping[str, int], asked_at: int) -> bool:
    """Whether an order of the account may have executed, around a snapshot of then, what nobody has told us.

    touched: when orders last changed. What was sent later cannot be in the snapshot.
    """
    for order_id in book.working:
        order = book.orders[order_id]
        if order.venue_account == venue_account and (
            order.is_unknown or (is_restless(order) and touched.get(order_id, 0) < asked_at)
        ):
            return True
    return False


def missed_trades(book: Book, snapshot: VenueSnapshot) -> list[Difference]:
    """Trades of orders in the books that the books do not have, oldest first."""
    account = snapshot.request.venue_account
    found: list[Difference] = []
    for trade in sorted(snapshot.trades, key=lambda t: (t.transact_time, len(t.trade_id), t.trade_id)):
        named = book.by_venue_ids(account, trade.symbol, trade.client_id, trade.venue_order_id)
        if named is None:
            continue
        order, number = named
        if (order.order_id, trade.trade_id, trade.venue_order_id or "") in book.executions:
            continue
        leg = order.legs[number - 1]
        found.append(Difference(BreakKind.TRADE_MISSED, trade.symbol, leg.client_id, order, leg, trade))
    return found


def compare_orders(
    book: Book, snapshot: VenueSnapshot, *, prefix: str, judged: Callable[[str], bool]
) -> list[Difference]:
    """Open orders there against open orders here.

    prefix: what the client ids of this deployment begin with; other orders are foreign and left alone.
    judged: whether an order has been quiet long enough (by order id); one that was busy around the snapshot may differ
    without anything being wrong. What is_restless is never judged.
    """
    seen: set[tuple[str, int]] = set()
    found = list(_open_there(book, snapshot, prefix, judged, seen))
    account = snapshot.request.venue_account
    for order_id in book.working:
        order = book.orders[order_id]
        leg = order.leg
        if leg is None or order.venue_account != account or (order_id, leg.number) in seen:
            continue
        if not is_restless(order) and judged(order_id):
            found.append(Difference(BreakKind.CLOSED_AT_VENUE, order.symbol, leg.client_id, order, leg, None))
    return found


def _open_there(
    book: Book, snapshot: VenueSnapshot, prefix: str, judged: Callable[[str], bool], seen: set[tuple[str, int]]
) -> Iterator[Difference]:
    account = snapshot.request.venue_account
    for theirs in snapshot.orders:
        named = book.by_venue_ids(account, theirs.symbol, theirs.client_id, theirs.venue_order_id)
        if named is None or _is_another(named[0].legs[named[1] - 1], theirs):
            if theirs.client_id.startswith(prefix):
                yield Difference(BreakKind.ORPHAN, theirs.symbol, theirs.client_id, None, None, theirs)
            continue
        order, number = named
        if order.venue_account != account:  # two venue accounts reach one account of the exchange: the other's business
            continue
        seen.add((order.order_id, number))
        leg = order.legs[number - 1]
        kind = _kind(order, leg, theirs)
        if kind is not None and judged(order.order_id):
            yield Difference(kind, theirs.symbol, theirs.client_id, order, leg, theirs)


def _is_another(leg: Leg, theirs: OrderAtVenue) -> bool:
    """A client id is unique among open orders only: an order under a known id may still not be ours."""
    return leg.venue_order_id is not None and leg.venue_order_id != theirs.venue_order_id


def _kind(order: Order, leg: Leg, theirs: OrderAtVenue) -> BreakKind | None:
    if leg.state is LegState.CLOSED:
        return BreakKind.OPEN_AT_VENUE
    if is_restless(order):
        return None
    if theirs.cum_qty != leg.cum_qty:
        return BreakKind.EXECUTED_MORE if theirs.cum_qty > leg.cum_qty else BreakKind.EXECUTED_LESS
    return BreakKind.QTY_DIFFERS if theirs.qty != leg.qty else None


def resolution(difference: Difference, order: Order) -> str:
    """How the break ended, now that the order stands like this; "" while it has not."""
    if difference.leg is None or difference.kind not in SETTLED:
        return ""
    leg = order.legs[difference.leg.number - 1]
    over = leg.state is LegState.CLOSED
    theirs = difference.theirs
    if isinstance(theirs, OrderAtVenue) and not over:
        over = leg.cum_qty >= theirs.cum_qty and leg.qty <= theirs.qty
    return f"settled status={order.ord_status.name} cum_qty={order.cum_qty}" if over else ""
