"""What a client says of an order comes back to it unchanged, through decode, the order, and encode."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.commands import NewOrder
from gateway.domain.order import Order, Terms
from gateway.domain.reports import ExecutionReport
from gateway.domain.values import ExecType, OrdType, Side, TimeInForce
from gateway.fix.decode import decode
from gateway.fix.decode_values import timestamp
from gateway.fix.dialect import Dialect
from gateway.fix.encode import encode, utc_timestamp
from gateway.wire.versions import VERSIONS, transport

SOH = "\x01"
_ids = st.text(alphabet=st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=64)
_short = st.text(alphabet=st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=20)
_numbers = st.decimals(min_value=0, max_value=10**19, places=8, allow_nan=False).map(lambda n: format(n, "f"))
_times = st.integers(min_value=0, max_value=9_200_000_000_000)  # milliseconds since 1970


def _fields(text: str) -> list[tuple[str, str]]:
    return [(tag, value) for tag, value in (field.split("=", 1) for field in text.split(SOH)[:-1])]


@given(
    version=st.sampled_from(VERSIONS),
    terms=st.fixed_dictionaries(
        {
            "11": _ids,
            "55": st.from_regex(r"[A-Z0-9._/\-]{1,32}", fullmatch=True),
            "54": st.sampled_from([side.value for side in Side]),
            "38": _numbers,
            "40": st.sampled_from([ord_type.value for ord_type in OrdType]),
        },
        optional={
            "1": _ids,
            "44": _numbers,
            "99": _numbers,
            "15": _short,
            "18": st.sampled_from(["6", "1", "1 6"]),
        },
    ),
    expiry=st.one_of(st.none(), _times),
    parties=st.lists(st.tuples(_short, _short, _short), max_size=3),
)
def test_an_orders_fields_come_back(
    version: Dialect, terms: dict[str, str], expiry: int | None, parties: list[tuple[str, str, str]]
) -> None:
    said = list(terms.items())
    if expiry is not None:
        said += [("59", TimeInForce.GTD.value), ("126", utc_timestamp(expiry * 1_000_000))]
    group = [field for party in parties for field in zip(("448", "447", "452"), party, strict=True)]
    if parties:
        group.insert(0, ("453", str(len(parties))))
    text = "".join(f"{tag}={value}{SOH}" for tag, value in (("8", transport(version)), ("35", "D"), *said, *group))

    command = decode(text, "S", 1)
    assert isinstance(command, NewOrder), command
    order = Order(
        order_id="O-1",
        session="S",
        cl_ord_id=command.cl_ord_id,
        first_cl_ord_id=command.cl_ord_id,
        account=command.account,
        venue_account="main",
        symbol=command.symbol,
        side=command.side,
        ord_type=command.ord_type,
        time_in_force=command.time_in_force,
        terms=Terms(command.order_qty, command.price, command.stop_px),
        received_at=1,
        expire_time=command.expire_time,
        post_only=command.post_only,
        echo=command.echo,
    )
    report = ExecutionReport(
        session="S", exec_id=1, exec_type=ExecType.NEW, order=order, cl_ord_id=order.cl_ord_id, transact_time=1
    )
    answered = _fields(encode(report, version))

    assert set(said) <= set(answered)
    if parties:
        start = answered.index(group[0])
        assert answered[start : start + len(group)] == group
    assert command.order_qty == Decimal(terms["38"])


@given(_times)
def test_times_survive_to_the_millisecond(ms: int) -> None:
    assert timestamp(utc_timestamp(ms * 1_000_000), 126) == ms * 1_000_000
