"""Every order the gateway knows, by all the names it goes by; and, in its risk, the totals that checks read.

The book only records: it changes by events alone, so folding the journal gives the same book.
"""

from collections import defaultdict
from decimal import Decimal
from typing import NamedTuple

from gateway.domain import events as e
from gateway.domain.halts import Halts
from gateway.domain.money import ZERO, subtract
from gateway.domain.order import Order
from gateway.domain.risk.rulebook import RuleBook
from gateway.domain.transitions import evolve

TradeKey = tuple[str, str, str]
"""(OrderID(37), trade id, venue order id). Two of our own orders can share a trade; and a venue that was wiped, as test
exchanges are, counts from the start again, so that its ids alone tell nothing."""


_TRADES = frozenset({e.OrderFilled, e.TradeCanceled, e.TradeCorrected})
_DAY = 86_400 * 1_000_000_000  # ns


class Execution(NamedTuple):
    """What a later bust or correction needs to know of a trade.

    position: the journal's, its last ExecID(17): a correction's own one once it was corrected (FIX 4.4, matrix J.1.a).
    A void trade keeps its place with a quantity of zero, so that a late repetition of it is still recognised.
    """

    key: TradeKey
    position: int
    order_id: str
    last_qty: Decimal
    last_px: Decimal


class Book:
    """Orders and totals. Only the engine's thread touches it."""

    def __init__(self, risk: RuleBook | None = None, day_start: int = 0, halts: Halts | None = None) -> None:
        """day_start: when the trading day began whose orders are counted, nanoseconds UTC."""
        self.halts = halts if halts is not None else Halts()
        self.risk = risk if risk is not None else RuleBook()
        self.risk.open_orders = lambda: [self.orders[order_id] for order_id in self.working]
        self.orders: dict[str, Order] = {}
        self.executions: dict[TradeKey, Execution] = {}
        self._executions_by_position: dict[int, Execution] = {}
        self.working: set[str] = set()  # ids of the orders that can still execute
        self._working_of: defaultdict[str, set[str]] = defaultdict(set)  # by session
        self.last_order_number = 0
        self._by_cl_ord_id: dict[tuple[str, str], tuple[str, int]] = {}  # with the order, and when it was used
        self._by_client_id: dict[str, tuple[str, int]] = {}
        self._by_venue_order_id: dict[tuple[str, str, str], tuple[str, int]] = {}
        self.day_start = day_start

    # --- reading

    def working_of(self, session: str) -> list[Order]:
        """The session's orders that can still execute."""
        return [self.orders[order_id] for order_id in self._working_of.get(session, ())]

    def by_cl_ord_id(self, session: str, cl_ord_id: str) -> Order | None:
        """The order that this ClOrdID of the session, or of one of its requests, belongs to."""
        found = self._by_cl_ord_id.get((session, cl_ord_id))
        return self.orders.get(found[0]) if found is not None else None

    def holder(self, session: str, cl_ord_id: str) -> Order | None:
        """The same, but only where the ClOrdID is not free: it was used in this trading day, or its order is not over.

        What was open when the day began and has ended since, as day orders do, is still found by its id until another
        order takes that.
        """
        order = self.by_cl_ord_id(session, cl_ord_id)
        if order is None or order.is_open or order.is_unknown:
            return order
        return order if self._by_cl_ord_id[session, cl_ord_id][1] >= self.day_start else None

    def by_venue_ids(
        self, venue_account: str, symbol: str, client_id: str, venue_order_id: str | None
    ) -> tuple[Order, int] | None:
        """The order and leg that a venue report is about."""
        found = self._by_client_id.get(client_id)
        if found is None and venue_order_id is not None:
            found = self._by_venue_order_id.get((venue_account, symbol, venue_order_id))
        if found is None:
            return None
        return self.orders[found[0]], found[1]

    # --- recording

    def fold(self, position: int, event: e.Event) -> None:
        """Record an event read from the journal."""
        if not event.order_id:
            return
        before = self.orders.get(event.order_id)
        self.record(position, event, before, evolve(before, event))

    def record(self, position: int, event: e.Event, before: Order | None, after: Order | None) -> None:
        """Record an event that was decided, with the order before and after it."""
        if after is None or not event.order_id:
            return
        self.orders[after.order_id] = after
        self._index(position, event, after)
        self._total(before, after)
        self._count(event, after)
        if after.legs:
            self.risk.record(event, after)
        if type(event) in _TRADES:
            self.risk.ledger.record(event, after)
            if self.risk.funds.watched:
                self.risk.funds.executed(event, after)

    def roll_day(self, day_start: int) -> None:
        """A trading day began: ids of orders that are over are free again.

        What ended is kept for one more day, so that a late word of the venue about it still finds it.
        """
        self.day_start = day_start
        self.risk.totals.start_day()
        self.risk.ledger.start_day()
        self.risk.funds.start_day()
        over = {order_id for order_id, order in self.orders.items() if not (order.is_open or order.is_unknown)}
        self._by_cl_ord_id = {
            key: used for key, used in self._by_cl_ord_id.items() if used[0] not in over or used[1] >= day_start
        }
        gone = {order_id for order_id in over if self.orders[order_id].received_at < day_start - _DAY}
        for order_id in gone:
            del self.orders[order_id]
        self._by_client_id = {key: at for key, at in self._by_client_id.items() if at[0] not in gone}
        self._by_venue_order_id = {key: at for key, at in self._by_venue_order_id.items() if at[0] not in gone}
        self.executions = {key: trade for key, trade in self.executions.items() if trade.order_id not in gone}
        self._executions_by_position = {trade.position: trade for trade in self.executions.values()}

    def _index(self, position: int, event: e.Event, order: Order) -> None:
        match event:
            case e.OrderReceived() | e.CancelRequested() | e.ReplaceRequested():
                self._by_cl_ord_id[order.session, event.cl_ord_id] = (order.order_id, event.at)
            case e.LegSubmitted():
                self._by_client_id[event.client_id] = (order.order_id, event.leg)
            case e.LegAccepted() if event.venue_order_id is not None:
                key = (order.venue_account, order.symbol, event.venue_order_id)
                self._by_venue_order_id[key] = (order.order_id, event.leg)
            case e.OrderFilled():
                trade = (order.order_id, event.trade_id, event.venue_order_id)
                self._execution(Execution(trade, position, order.order_id, event.last_qty, event.last_px))
            case e.TradeCorrected():
                old = self._executions_by_position[event.exec_ref]
                self._execution(old._replace(position=position, last_qty=event.last_qty, last_px=event.last_px))
            case e.TradeCanceled():
                old = self._executions_by_position[event.exec_ref]
                self._execution(old._replace(last_qty=ZERO, last_px=ZERO))

    def _execution(self, execution: Execution) -> None:
        self.executions[execution.key] = self._executions_by_position[execution.position] = execution

    def _total(self, before: Order | None, after: Order) -> None:
        """An order counts from the moment it is sent: one that is refused leaves nothing behind, whatever it named."""
        if not after.legs or (before is not None and before.legs and _counts_alike(before, after)):
            return
        was = before.exposed_qty if before is not None and before.legs else ZERO
        now = after.exposed_qty
        if self.risk.funds.watched:
            self.risk.funds.opened(before, after)
        if was != now:
            self.risk.totals.opened(after, was, now)
        if bool(was) is not bool(now):  # an order is open as long as anything of it can execute
            for ids in (self.working, self._working_of[after.session]):
                (ids.add if now else ids.discard)(after.order_id)
        if before is not None and before.cum_qty != after.cum_qty:
            self.risk.totals.executed(after, subtract(after.cum_qty, before.cum_qty))

    def _count(self, event: e.Event, order: Order) -> None:
        if event.at < self.day_start:
            return
        if type(event) is e.LegSubmitted:
            if event.leg == 1:
                self.risk.totals.placed(order)
        elif type(event) is e.CancelRequested:
            self.risk.totals.cancel_asked(order)


def _counts_alike(before: Order, after: Order) -> bool:
    """Whether nothing that totals are made of was touched: most events leave these very objects in place."""
    return (
        before.cum_qty is after.cum_qty
        and before.requests is after.requests
        and before.terms is after.terms
        and before.ended is after.ended
    )
