"""The breaks that stand: each a row and an alert when it is found, and the row again when it ends."""

from collections.abc import Callable, Collection, Iterable
from typing import NamedTuple

from loguru import logger

from gateway.domain.order import Leg, Order
from gateway.domain.reconcile import BreakKind, Difference, OrderAtVenue, resolution
from gateway.engine.recorder import Recorder
from gateway.store.codec import encode_json
from gateway.store.rows import AlertRow, BreakRow, storable

Key = tuple[str, str, str]
"""(venue account, kind, venue client order id, or asset): the same break found again is not another one."""


class _Standing(NamedTuple):
    row: BreakRow
    difference: Difference | None  # None: found before this start


class Breaks:
    """Only the engine's thread uses it."""

    def __init__(self, recorder: Recorder, standing: Iterable[BreakRow], last_id: int) -> None:
        self._recorder = recorder
        self._last_id = last_id
        self._standing: dict[Key, _Standing] = {}
        self._by_order: dict[str, set[Key]] = {}
        for row in standing:
            self._standing[row.venue_account, row.kind, row.client_id] = _Standing(row, None)

    def __bool__(self) -> bool:
        return bool(self._standing)

    def found(self, venue_account: str, difference: Difference, at: int) -> BreakRow:
        """Take note of a break. Returns its row: a new one, or that of the break which already stands."""
        key = (venue_account, str(difference.kind), difference.client_id)
        known = self._standing.get(key)
        if known is not None:
            self._standing[key] = known._replace(difference=difference)
            self._watch(key, difference)
            return known.row
        row = self._new(venue_account, difference, at)
        self._standing[key] = _Standing(row, difference)
        self._watch(key, difference)
        return row

    def balance_differs(self, row: BreakRow) -> BreakRow:
        """Take note of a break that is about no order. Returns the row with its id."""
        row = self._told(row)
        self._standing[row.venue_account, row.kind, row.client_id] = _Standing(row, None)
        return row

    def balance_ended(self, venue_account: str, asset: str, how: str, at: int) -> None:
        """The asset's break, if one stands, is over."""
        key = (venue_account, str(BreakKind.BALANCE_DIFFERS), asset)
        if key in self._standing:
            self._end(key, how, at)

    @property
    def balances(self) -> list[BreakRow]:
        """Those of balances that stand."""
        return [one.row for one in self._standing.values() if one.row.kind == BreakKind.BALANCE_DIFFERS]

    def found_and_ended(self, venue_account: str, difference: Difference, how: str, at: int) -> BreakRow:
        """A break that ends as it is found."""
        row = self._new(venue_account, difference, at)._replace(resolution=how, resolved_at=at)
        self._recorder.batch.breaks[row.break_id] = row
        return row

    def order_changed(self, order: Order, at: int) -> None:
        """See whether that ended a break of the order's."""
        for key in tuple(self._by_order.get(order.order_id, ())):
            difference = self._standing[key].difference
            how = resolution(difference, order) if difference is not None else ""
            if how:
                self._end(key, how, at)

    def stray_ended(self, venue_account: str, client_id: str, how: str, at: int) -> bool:
        """The venue says that an order which is not in the books ended. Returns whether it was a standing break."""
        key = (venue_account, str(BreakKind.ORPHAN), client_id)
        if key not in self._standing:
            return False
        self._end(key, how, at)
        return True

    def compared(
        self,
        venue_account: str,
        still: Collection[tuple[BreakKind, str]],
        judged: Callable[[str], bool],
        at: int,
    ) -> None:
        """A comparison found these (kind, client id): others of orders that it judged (by order id) have ended."""
        ours = [k for k in self._standing if k[0] == venue_account and k[1] != BreakKind.BALANCE_DIFFERS]
        for key in [k for k in ours if (k[1], k[2]) not in still]:
            order_id = self._standing[key].row.order_id
            if order_id is None or judged(order_id):
                self._end(key, "the venue and the books agree", at)

    def _watch(self, key: Key, difference: Difference) -> None:
        if difference.order is not None:
            self._by_order.setdefault(difference.order.order_id, set()).add(key)

    def _new(self, venue_account: str, difference: Difference, at: int) -> BreakRow:
        order = difference.order
        return self._told(describe(venue_account, difference, at), order.session if order is not None else None)

    def _told(self, row: BreakRow, session: str | None = None) -> BreakRow:
        self._last_id += 1
        row = row._replace(break_id=self._last_id)
        name = "asset" if row.kind == BreakKind.BALANCE_DIFFERS else "client_id"
        text = f"venue_account={row.venue_account} {name}={row.client_id} ours={row.ours} theirs={row.theirs}"
        code = f"BREAK_{row.kind.upper()}"
        logger.warning("ALERT {} break_id={} {}", code, row.break_id, storable(text))
        alert = AlertRow(row.at, "warning", code, storable(f"break {row.break_id}: {text}"), session, row.order_id)
        self._recorder.batch.alerts.append(alert)
        self._recorder.batch.breaks[row.break_id] = row
        return row

    def _end(self, key: Key, how: str, at: int) -> None:
        standing = self._standing.pop(key)
        row = standing.row._replace(resolution=storable(how), resolved_at=at)
        logger.info("break ended break_id={} {}", row.break_id, row.resolution)
        self._recorder.batch.breaks[row.break_id] = row
        if row.order_id is not None:
            keys = self._by_order.get(row.order_id, set())
            keys.discard(key)
            if not keys:
                self._by_order.pop(row.order_id, None)


def describe(venue_account: str, difference: Difference, at: int, break_id: int = 0) -> BreakRow:
    """The difference as a row, both sides as JSON. break_id: 0 for one that is only looked at."""
    order, theirs = difference.order, difference.theirs
    return BreakRow(
        break_id,
        at,
        venue_account,
        str(difference.kind),
        order.order_id if order is not None else None,
        storable(difference.client_id),
        encode_json(_ours(order, difference.leg)),
        encode_json(theirs._asdict() if isinstance(theirs, OrderAtVenue) else theirs),
    )


def _ours(order: Order | None, leg: Leg | None) -> dict[str, object] | None:
    if order is None or leg is None:
        return None
    return {
        "order_id": order.order_id,
        "ord_status": order.ord_status.name,
        "leg": leg.number,
        "state": leg.state,
        "venue_order_id": leg.venue_order_id,
        "qty": leg.qty,
        "cum_qty": leg.cum_qty,
    }
