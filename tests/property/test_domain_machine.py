"""Random clients against a model exchange: whatever happens in whatever order, the books come to agree with it."""

from collections import Counter
from decimal import Decimal
from fractions import Fraction
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from gateway.domain import events as e
from gateway.domain.book import Book
from gateway.domain.intents import AmendIntent, CancelIntent, Intent, PlaceIntent, SettleIntent
from gateway.domain.money import ZERO
from gateway.domain.order import LegState, Order
from gateway.domain.reports import CancelReject, ExecutionReport
from gateway.domain.risk import make_limit
from gateway.domain.totals import FIRM, KINDS, Scope, Total, part_of
from gateway.domain.values import ExecType, OrdStatus, Side, TimeInForce
from gateway.domain.venue_reports import CloseReason
from tests.fixtures.domain_desk import AMENDS, CAPABILITIES, SYMBOL, DomainDesk
from tests.fixtures.model_venue import ModelVenue

QTY = st.integers(1, 12).map(Decimal)
ANSWER = st.sampled_from(["told", "told", "unknown"])
ANY = st.integers(0, 1_000)
OVER = {OrdStatus.FILLED, OrdStatus.CANCELED, OrdStatus.REJECTED, OrdStatus.EXPIRED}


def snapshot(book: Book) -> dict[str, Any]:
    """Everything a book knows; totals of zero are as good as none."""
    return {
        "orders": book.orders,
        "executions": book.executions,
        "totals": {k: figures(total) for k, total in book.risk.totals._totals.items() if any(figures(total))},
        "ids": (book._by_cl_ord_id, book._by_client_id, book._by_venue_order_id),
    }


def figures(total: Total) -> tuple[Any, ...]:
    """All that a total holds."""
    return tuple(getattr(total, name) for name in Total.__slots__)


FAR = [
    make_limit(
        n, "MAX_POSITION" if kind[2] else "MAX_OPEN_ORDERS", part_of(Scope("ACME", "DESK", SYMBOL), kind), "9999"
    )
    for n, kind in enumerate(KINDS, 1)
]
"""A limit that is never reached of each kind of scope, so that the totals of all of them are kept."""


class OrderMachine(RuleBasedStateMachine):
    """Rules of the client, of the exchange, and of the wires between."""

    @initialize(amends=st.booleans(), qty=QTY, accept=st.booleans())
    def start(self, amends: bool, qty: Decimal, accept: bool) -> None:
        self.desk = DomainDesk(AMENDS if amends else CAPABILITIES, limits=FAR)
        self.venue = ModelVenue()
        self.sent = 0  # intents handed over
        self.read = 0  # reports checked
        self.ids: list[str] = []
        self.asked: dict[str, str] = {}  # ClOrdID(11) of a cancel or replace -> what it was
        self.answers: Counter[str] = Counter()
        self.cum: dict[str, Decimal] = {}
        self.over: set[str] = set()
        self.new(qty, Side.BUY, TimeInForce.GTC)
        self._hand_over()
        if accept:  # nearly everything worth trying needs an order that works
            self._serve(self.venue.in_flight[0])
            self.deliver(0)

    def _hand_over(self) -> None:
        for intent in self.desk.intents[self.sent :]:
            if isinstance(intent, PlaceIntent) and intent.leg > 1:
                self._check_new_leg(intent)
            self.venue.in_flight.append(intent)
        self.sent = len(self.desk.intents)

    def _check_new_leg(self, intent: PlaceIntent) -> None:
        legs = [o for o in self.venue.orders.values() if o.intent.order_id == intent.order_id]
        assert all(o.closed is not None for o in legs), "a new leg while the old one works"
        assert not any(isinstance(i, PlaceIntent) and i.order_id == intent.order_id for i in self.venue.in_flight)
        known = self.desk.book.orders[intent.order_id].cum_qty
        assert known == self.venue.executed(intent.order_id), "a new leg before the old one's executions are known"

    # --- the client

    def _next_id(self) -> str:
        cl_ord_id = f"C{len(self.ids) + 1}"
        self.ids.append(cl_ord_id)
        return cl_ord_id

    @rule(qty=QTY, side=st.sampled_from(Side), tif=st.sampled_from([*[TimeInForce.GTC] * 4, TimeInForce.IOC]))
    @precondition(lambda self: len(self.desk.book.orders) < 3)
    def new(self, qty: Decimal, side: Side, tif: TimeInForce) -> None:
        self.desk.new(self._next_id(), qty, side=side, time_in_force=tif)

    @rule(which=ANY)
    @precondition(lambda self: self.ids)
    def cancel(self, which: int) -> None:
        orig, cl_ord_id = self.ids[which % len(self.ids)], self._next_id()
        self.asked[cl_ord_id] = "cancel"
        self.desk.cancel(cl_ord_id, orig)

    @rule(which=ANY, qty=QTY, price=st.sampled_from([None, None, "101"]))
    @precondition(lambda self: self.ids)
    def replace(self, which: int, qty: Decimal, price: str | None) -> None:
        orig, cl_ord_id = self.ids[which % len(self.ids)], self._next_id()
        self.asked[cl_ord_id] = "replace"
        self.desk.replace(cl_ord_id, orig, qty, price)

    @rule(which=ANY, qty=QTY)
    @precondition(lambda self: self.desk.book.orders)
    def replace_the_latest(self, which: int, qty: Decimal) -> None:
        """Chained to what is pending, so that it is taken more often than by any known id."""
        order = self._order(which)
        cl_ord_id = self._next_id()
        self.asked[cl_ord_id] = "replace"
        self.desk.replace(cl_ord_id, order.requests[-1].cl_ord_id if order.requests else order.cl_ord_id, qty)

    def _order(self, which: int) -> Order:
        orders = list(self.desk.book.orders.values())
        return orders[which % len(orders)]

    @rule(which=ANY)
    @precondition(lambda self: self.desk.book.orders)
    def expire(self, which: int) -> None:
        self.desk.expire(self._order(which).first_cl_ord_id)

    @rule(which=ANY)
    @precondition(lambda self: self.desk.book.orders)
    def withdraw(self, which: int) -> None:
        self.desk.withdraw(self._order(which).first_cl_ord_id)

    @rule(which=ANY)
    @precondition(lambda self: self.desk.book.orders)
    def retry(self, which: int) -> None:
        self.desk.retry(self._order(which).first_cl_ord_id)

    @rule()
    def restart(self) -> None:
        assert snapshot(self.desk.replayed()) == snapshot(self.desk.book)
        last = self.desk.book.last_order_number
        self._hand_over()
        self.desk.book = self.desk.replayed()
        self.desk.book.last_order_number = last
        self.venue.forget_the_gateway()
        for order in list(self.desk.book.orders.values()):
            self.desk.settle(order.first_cl_ord_id, restarted=True)

    # --- the exchange

    def _pick(self, which: int, kind: type[Intent]) -> Any:
        some = [i for i in self.venue.in_flight if isinstance(i, kind)]
        return some[which % len(some)] if some else None

    @rule(which=ANY, accept=st.sampled_from([True, True, True, False]), answer=ANSWER)
    @precondition(lambda self: self.venue.in_flight)
    def place_arrives(self, which: int, accept: bool, answer: str) -> None:
        intent = self._pick(which, PlaceIntent)
        if intent is not None:
            self.venue.place(intent, accept=accept, answer=answer)

    @rule(which=ANY, accept=st.sampled_from([True, True, False]), answer=ANSWER)
    @precondition(lambda self: self.venue.in_flight)
    def cancel_arrives(self, which: int, accept: bool, answer: str) -> None:
        intent = self._pick(which, CancelIntent)
        if intent is not None:
            self.venue.cancel(intent, accept=accept, answer=answer)

    @rule(which=ANY, accept=st.sampled_from([True, True, False]), answer=ANSWER)
    @precondition(lambda self: any(isinstance(i, AmendIntent) for i in self.venue.in_flight))
    def amend_arrives(self, which: int, accept: bool, answer: str) -> None:
        self.venue.amend(self._pick(which, AmendIntent), accept=accept, answer=answer)

    @rule(which=ANY)
    @precondition(lambda self: any(isinstance(i, SettleIntent) for i in self.venue.in_flight))
    def settlement(self, which: int) -> None:
        self.venue.settle(self._pick(which, SettleIntent))

    @rule(which=ANY, late=st.booleans())
    @precondition(lambda self: self.venue.in_flight)
    def lost_or_late(self, which: int, late: bool) -> None:
        intent = self.venue.in_flight[which % len(self.venue.in_flight)]
        if not isinstance(intent, SettleIntent):
            (self.venue.time_out if late else self.venue.lose)(intent)

    @rule(which=ANY, qty=QTY, say_closed=st.booleans())
    @precondition(lambda self: self.venue.open_orders())
    def fill(self, which: int, qty: Decimal, say_closed: bool) -> None:
        some = self.venue.open_orders()
        order = some[which % len(some)]
        self.venue.fill(order, min(qty, order.qty - order.cum_qty), say_closed=say_closed)

    @rule(which=ANY, reason=st.sampled_from([CloseReason.CANCELED, CloseReason.EXPIRED, CloseReason.REJECTED]))
    @precondition(lambda self: self.venue.open_orders())
    def close_unasked(self, which: int, reason: CloseReason) -> None:
        some = self.venue.open_orders()
        self.venue.close(some[which % len(some)], reason)

    @rule(which=ANY)
    @precondition(lambda self: self.venue.open_orders())
    def reduce_unasked(self, which: int) -> None:
        some = self.venue.open_orders()
        order = some[which % len(some)]
        if order.qty - order.cum_qty > 1:
            self.venue.reduce(order, order.qty - 1)

    # --- the wires

    @rule(which=ANY)
    @precondition(lambda self: self.venue.mail)
    def deliver(self, which: int) -> None:
        for word in self.venue.mail.pop(which % len(self.venue.mail)):
            self.desk.hear(word)

    @rule(which=ANY)
    @precondition(lambda self: self.venue.mail)
    def deliver_twice(self, which: int) -> None:
        for word in self.venue.mail[which % len(self.venue.mail)]:
            self.desk.hear(word)

    # --- what must hold

    @invariant()
    def everything_holds(self) -> None:
        self._hand_over()
        self._read_reports()
        for order in self.desk.book.orders.values():
            self._check_order(order)
        self._check_totals()
        by_order = Counter(o.intent.order_id for o in self.venue.open_orders())
        assert all(n == 1 for n in by_order.values()), "two legs of one order work at once"

    def _read_reports(self) -> None:
        for report in self.desk.reports[self.read :]:
            if isinstance(report, CancelReject):
                self._answered(report.cl_ord_id)
                continue
            assert isinstance(report, ExecutionReport)
            if report.order is not None:
                self._check_report(report, report.order)
        self.read = len(self.desk.reports)

    def _check_report(self, report: ExecutionReport, order: Order) -> None:
        if report.exec_type is ExecType.REPLACED or (report.exec_type is ExecType.CANCELED and report.orig_cl_ord_id):
            self._answered(report.cl_ord_id)
        if report.exec_type is not ExecType.ORDER_STATUS:
            assert order.order_id not in self.over, f"{report.exec_type.name} after the order was over"
        assert order.cum_qty >= self.cum.get(order.order_id, ZERO), "CumQty(14) fell"
        self.cum[order.order_id] = order.cum_qty
        if order.ord_status in OVER:
            self.over.add(order.order_id)

    def _answered(self, cl_ord_id: str) -> None:
        self.answers[cl_ord_id] += 1
        assert self.answers[cl_ord_id] == 1, f"{cl_ord_id} has two final answers"

    def _check_order(self, order: Order) -> None:
        assert order.leaves_qty >= 0
        if order.ord_status in OVER:
            assert order.leaves_qty == 0
        executed = [x for x in self.desk.book.executions.values() if x.order_id == order.order_id]
        qty = sum((Fraction(x.last_qty) for x in executed), Fraction(0))
        assert order.cum_qty == qty
        if qty:
            exact = sum((Fraction(x.last_qty) * Fraction(x.last_px) for x in executed), Fraction(0)) / qty
            assert abs(Fraction(order.avg_px) - exact) <= Fraction(1, 2 * 10**12)
            if (exact * 10**12).denominator == 1:
                assert Fraction(order.avg_px) == exact
        assert order.cum_qty <= self.venue.executed(order.order_id)
        assert self.venue.executed(order.order_id) <= self._most_asked(order.order_id), "overfill"

    def _check_totals(self) -> None:
        """The running totals that risk reads are what the orders add up to."""
        totals, orders = self.desk.book.risk.totals, list(self.desk.book.orders.values())
        for kind in KINDS:
            total = totals.total(part_of(Scope("ACME", "DESK", SYMBOL), kind))
            assert total.open_orders == sum(order.is_open for order in orders)
            assert total.orders_today == len(
                [x for x in self.desk.journal if isinstance(x, e.LegSubmitted) and x.leg == 1]
            )
            assert total.cancels_today == len([x for x in self.desk.journal if isinstance(x, e.CancelRequested)])
            if kind[2]:
                for side in Side:
                    exposed = sum((order.exposed_qty for order in orders if order.side is side), ZERO)
                    assert total.open_qty(side) == exposed
                assert total.position == sum((o.cum_qty * o.side.sign for o in orders), ZERO)

    def _most_asked(self, order_id: str) -> Decimal:
        return max(
            event.order_qty
            for event in self.desk.journal
            if event.order_id == order_id and isinstance(event, e.OrderReceived | e.ReplaceRequested)
        )

    def teardown(self) -> None:
        if not hasattr(self, "desk"):
            return
        self.everything_holds()
        self._let_everything_settle()
        self.everything_holds()
        unanswered = [cl_ord_id for cl_ord_id in self.asked if self.answers[cl_ord_id] != 1]
        assert not unanswered, f"never answered: {unanswered}"
        open_now = {o.intent.order_id for o in self.venue.open_orders()}
        for order in self.desk.book.orders.values():
            assert order.cum_qty == self.venue.executed(order.order_id)
            assert order.is_open == (order.order_id in open_now)
            assert not order.is_open or (order.leg is not None and order.leg.state is LegState.OPEN)
            assert not [r for r in order.requests if not r.kind.is_ours or order.is_open]
            if order.is_open:
                venue_order = self.venue.orders[order.legs[-1].client_id]
                assert venue_order.qty == order.legs[-1].qty
                assert venue_order.qty - venue_order.cum_qty == order.leaves_qty
        assert snapshot(self.desk.replayed()) == snapshot(self.desk.book)
        assert self.desk.book.risk.totals.total(FIRM).open_orders == len(open_now)

    def _let_everything_settle(self) -> None:
        for _ in range(100):
            self._hand_over()
            if not self.venue.in_flight and not self.venue.mail:
                for order in list(self.desk.book.orders.values()):
                    self.desk.retry(order.first_cl_ord_id)
                self._hand_over()
                if not self.venue.in_flight:
                    return
            for intent in list(self.venue.in_flight):
                self._serve(intent)
            while self.venue.mail:
                for word in self.venue.mail.pop(0):
                    self.desk.hear(word)
        raise AssertionError("requests and answers go round in circles")

    def _serve(self, intent: Intent) -> None:
        if intent not in self.venue.in_flight:
            return
        if isinstance(intent, PlaceIntent):
            self.venue.place(intent, accept=True)
        elif isinstance(intent, CancelIntent):
            self.venue.cancel(intent)
        elif isinstance(intent, AmendIntent):
            self.venue.amend(intent)
        elif isinstance(intent, SettleIntent):
            self.venue.settle(intent)


OrderMachine.TestCase.settings = settings(
    max_examples=250,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
TestOrderMachine = OrderMachine.TestCase
