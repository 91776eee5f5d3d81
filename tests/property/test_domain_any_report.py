"""An exchange that talks rubbish: any report about any leg, in any order, with any figures. Nothing may raise."""

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.domain import venue_reports as v
from gateway.domain.values import OrdStatus, TimeInForce
from tests.fixtures.domain_desk import AMENDS, CAPABILITIES, DomainDesk, Told

FIGURE = st.sampled_from(["0", "1", "3", "5", "8", "10", "12", "100"])
OPERATION = st.sampled_from(v.Operation)
REASON = st.sampled_from(v.CloseReason)
TRADE = st.sampled_from(["T1", "T2", "T3", "T4"])
IDS = ["X", "A", "B", "C", "D", "E"]

SAID = st.one_of(
    st.tuples(st.sampled_from(["accepted", "missing", "done_for_day"])),
    st.tuples(st.just("traded"), TRADE, FIGURE.filter(lambda qty: qty != "0")),
    st.tuples(st.just("busted"), TRADE),
    st.tuples(st.just("corrected"), TRADE, FIGURE, FIGURE),
    st.tuples(st.just("closed"), REASON, FIGURE),
    st.tuples(st.just("amended"), FIGURE),
    st.tuples(st.just("refused"), OPERATION),
    st.tuples(st.just("unknown"), OPERATION),
    st.tuples(st.just("working"), FIGURE, FIGURE),
    st.tuples(st.just("restated"), st.just("1"), st.none() | FIGURE),
)
ASKED = st.one_of(
    st.tuples(st.just("cancel"), st.sampled_from(IDS), st.sampled_from(IDS)),
    st.tuples(st.just("replace"), st.sampled_from(IDS), st.sampled_from(IDS), FIGURE),
    st.tuples(st.sampled_from(["expire", "withdraw", "retry"])),
    st.tuples(st.just("settle"), st.booleans()),
)
STEP = st.tuples(st.integers(0, 3), st.booleans(), SAID) | ASKED


@settings(max_examples=300, deadline=None)
@given(
    amends=st.booleans(),
    tif=st.sampled_from([TimeInForce.GTC, TimeInForce.IOC, TimeInForce.DAY]),
    steps=st.lists(STEP, max_size=30),
)
def test_nothing_raises_and_the_journal_tells_all(
    amends: bool, tif: TimeInForce, steps: list[tuple[object, ...]]
) -> None:
    desk = DomainDesk(AMENDS if amends else CAPABILITIES)
    desk.new(time_in_force=tif)
    for step in steps:
        _do(desk, step)
        order = desk.order()
        assert order.leaves_qty >= 0
        assert order.ord_status not in {OrdStatus.FILLED, OrdStatus.CANCELED} or order.leaves_qty == 0
    assert desk.replayed().orders == desk.book.orders
    assert desk.replayed().executions == desk.book.executions


def _do(desk: DomainDesk, step: tuple[object, ...]) -> None:
    match step:
        case ("cancel", str(cl_ord_id), str(orig)):
            desk.cancel(cl_ord_id, orig)
        case ("replace", str(cl_ord_id), str(orig), str(qty)):
            desk.replace(cl_ord_id, orig, qty)
        case ("settle", bool(restarted)):
            desk.settle(restarted=restarted)
        case ("expire",):
            desk.expire()
        case ("withdraw",):
            desk.withdraw()
        case ("retry",):
            desk.retry()
        case (int(which), bool(order_unknown), (str(word), *figures)):
            told = Told(1 + which % len(desk.order().legs))
            asked = {"order_unknown": order_unknown} if word == "refused" else {}
            desk.hear(getattr(told, word)(*figures, **asked))
        case _:
            raise AssertionError(step)


def test_figures_that_no_exchange_has() -> None:
    desk = DomainDesk()
    desk.new()
    desk.hear(Told().traded("T1", "9" * 20, "0." + "0" * 19 + "1"))
    assert desk.order().cum_qty == Decimal("9" * 20)
    assert desk.order().leaves_qty == 0
