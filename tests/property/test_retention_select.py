"""Whatever the records, the holds and the state of the engine: what is held, open, unsealed or needed never goes."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.compliance.retention.classes import TABLES
from gateway.compliance.retention.select import Facts, Hold, Needs, why_kept

IDS = st.sampled_from(["", "O1", "O2", "O3"])
SESSIONS = st.sampled_from(["", "DESK", "OMS"])
NAMES = st.sampled_from(["", "A", "B"])
SMALL = st.integers(0, 6)
KINDS = st.sampled_from(["PositionSet", "TradeCanceled", "OrderFilled", "8", "0", "A", "D", "reconcile", "place"])

DIRECTIONS = st.sampled_from(["in", "out"])
TABLE = st.sampled_from(sorted(TABLES))

records = st.builds(Facts, TABLE, SMALL, SMALL, IDS, SESSIONS, NAMES, KINDS, DIRECTIONS, SMALL)
spans = st.tuples(SMALL, SMALL).map(sorted)
holds = st.lists(
    st.builds(
        lambda span, others, session: Hold(span[0], span[1], others, session),
        spans,
        st.none() | st.frozensets(IDS.filter(bool)),
        st.none() | SESSIONS.filter(bool),
    ),
    max_size=3,
)
by_table = st.dictionaries(TABLE, SMALL)
needs = st.builds(
    Needs,
    sealed=by_table,
    newest=by_table,
    orders=st.frozensets(IDS.filter(bool)),
    names=st.frozensets(st.tuples(SESSIONS, NAMES.filter(bool))),
    epochs=st.dictionaries(SESSIONS, SMALL),
    proven=st.dictionaries(SESSIONS, SMALL),
    compared=st.frozensets(SMALL),
)


def must_stay(record: Facts, needs: Needs, holds: list[Hold]) -> bool:
    """The rule in other words, one reason after the other."""
    if record.stream not in needs.sealed or record.key > needs.sealed[record.stream]:
        return True
    if record.stream not in needs.newest or record.key >= needs.newest[record.stream]:
        return True
    for hold in holds:
        outside = [
            record.order_id in hold.others if hold.others is not None and record.order_id else None,
            record.session != hold.session if hold.session is not None and record.session else None,
        ]
        said = [one for one in outside if one is not None]
        if hold.since <= record.at < hold.until and (not said or not all(said)):
            return True
    of_open_order = record.order_id in needs.orders or (record.session, record.cl_ord_id) in needs.names
    if of_open_order:
        return True
    if record.stream == "journal":
        return record.kind in ("PositionSet", "TradeCanceled", "TradeCorrected")
    if record.stream == "messages":
        is_application = record.kind not in ("0", "1", "2", "3", "4", "5", "A")
        is_past = record.session in needs.epochs and record.epoch < needs.epochs[record.session]
        return record.direction == "out" and is_application and not is_past
    if record.stream == "reports":
        return record.key > needs.proven.get(record.session, 0)
    return record.stream == "venue_calls" and record.key in needs.compared


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # both depend on the machine alone
@given(records, needs, holds)
def test_what_must_stay_is_never_chosen(record: Facts, needs: Needs, holds: list[Hold]) -> None:
    assert (why_kept(record, needs, holds) is not None) == must_stay(record, needs, holds)


def test_what_is_over_may_go() -> None:
    """Else the rule above would be kept by keeping everything."""
    sealed = dict.fromkeys(TABLES, 9)
    state = Needs(sealed=sealed, newest=dict.fromkeys(TABLES, 20), epochs={"DESK": 2}, proven={"DESK": 9})
    for table in TABLES:
        record = Facts(table, 5, 5, "O1", "DESK", "A", "8", "out", 1)
        assert why_kept(record, state, []) is None, table
        assert why_kept(record, state, [Hold(0, 9)]) == "held"
        assert why_kept(record, state, [Hold(0, 9, frozenset({"O1"}))]) is None
        assert why_kept(record, state, [Hold(0, 9, frozenset({"O2"}))]) == "held"
        assert why_kept(record._replace(order_id=""), state, [Hold(0, 9, frozenset({"O1"}))]) == "held"
