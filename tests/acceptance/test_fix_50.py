"""FIX 5.0 SP2 over FIXT 1.1: what that version alone has, over the real socket."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from sqlalchemy import select

from gateway.client import ClientError, FixClient, FixMessage, LogonRefused
from gateway.store.tables import sessions
from gateway.wire.framing import framed
from tests.fixtures.processes import Exchange, Gateway, wait_until

SESSIONS = {
    "DESK": ("FIX.5.0SP2", "timestamp_precision = 9"),
    "MICROS": ("FIX.4.4", "timestamp_precision = 6"),
    "TESTS": ("FIX.5.0SP2", "test = true"),
}
ORDER: dict[str, Any] = {"symbol": "LTCUSDT", "side": "buy", "order_qty": "1", "price": "50", "time_in_force": "GTC"}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, acceptance_exchange: Exchange) -> Gateway:
    return Gateway(tmp_path_factory.mktemp("fix50"), acceptance_exchange.url, sessions=SESSIONS)


@pytest.fixture(scope="module", autouse=True)
def _running(gateway: Gateway) -> Iterator[None]:
    gateway.start()
    yield
    gateway.stop()


async def withdraw(client: FixClient, order: str) -> None:
    client.cancel(order, symbol="LTCUSDT", side="buy")
    await client.expect("8", {150: "6"})
    await client.expect("8", {150: "4"})


@pytest.fixture
async def client(gateway: Gateway) -> AsyncIterator[FixClient]:
    async with gateway.client("DESK") as desk:
        yield desk


async def test_the_logon_names_the_version(client: FixClient) -> None:
    answer = client.transcript[1][1]
    assert (answer[8], answer[35], answer[1137]) == ("FIXT.1.1", "A", "9")


@pytest.mark.parametrize(("given", "shown"), [("7", "7"), ("", "missing")])
async def test_a_logon_for_another_version_is_refused(gateway: Gateway, given: str, shown: str) -> None:
    client = gateway.client("DESK", begin_string="FIXT.1.1")  # so that nothing is added
    await client.open()
    refused = rf"DefaultApplVerID\(1137\)={shown} is not supported; allowed: 9 \(FIX 5.0 SP2\)"
    with pytest.raises(LogonRefused, match=refused):
        await client.logon(fields=[(1137, given)] if given else [])


async def test_a_message_of_another_version_is_refused_unless_it_is_a_cancel(client: FixClient) -> None:
    client.new_order(**ORDER, extra=[(1128, "7")])
    refused = await client.expect()
    assert (refused[35], refused[372]) == ("j", "D"), refused
    assert refused[58] == "ApplVerID(1128)=7 is not supported; allowed: 9 (5.0 SP2)"
    order = client.new_order(**ORDER, extra=[(1128, "9")])
    await client.expect("8", {11: order, 150: "0"})
    client.cancel(order, symbol="LTCUSDT", side="buy", extra=[(1128, "7")])
    await client.expect("8", {150: "4"})
    client.drain()


async def test_what_this_version_alone_has(client: FixClient) -> None:
    """Echoed, passed over, or refused where it would be another order."""
    groups = [(768, "2"), (769, "20260105-10:00:00.123456"), (770, "1"), (769, "20260105-10:00:00"), (770, "2")]
    xml = [(1184, "10"), (1185, "<a>\x0144=1</"), (1028, "Y"), (1031, "ADD AON"), (63, "M3")]
    order = client.new_order(**ORDER, extra=[*groups, *xml])
    report = await client.expect()
    assert (report[11], report[150], report[1028], report[1031], report[63], report[44]) == (
        *(order, "0", "Y", "ADD AON", "M3", "50"),
    ), report
    await withdraw(client, order)
    for tag, value in ((1138, "1"), (1100, "1"), (957, "1"), (1385, "1")):
        client.new_order(**ORDER, extra=[(tag, value)])
        refused = await client.expect()
        assert (refused[35], refused[150], refused[103]) == ("8", "8", "11"), refused
        assert refused[58].startswith(f"UNSUPPORTED_FIELD tag={tag} "), refused


def digits(message: FixMessage, tag: int) -> int:
    return len(message[tag].partition(".")[2])


@pytest.mark.parametrize(("comp_id", "expected"), [("DESK", 9), ("MICROS", 6), ("TESTS", 3)])
async def test_times_have_the_sessions_digits(gateway: Gateway, comp_id: str, expected: int) -> None:
    async with gateway.client(comp_id) as client:
        order = client.new_order(**ORDER)
        report = await client.expect("8", {11: order, 150: "0"})
        assert {digits(report, 52), digits(report, 60)} == {expected}
        client.next_in = report.seq  # as if it had not arrived
        client.send("2", [(7, client.next_in), (16, 0)])
        again = await client.expect("8", {11: order, 43: "Y"})
        assert again[122] == report[52]
        assert again[60] == report[60]
        await withdraw(client, order)


@pytest.mark.parametrize("fraction", ["", ".123", ".123456", ".123456789"])
async def test_times_are_read_with_any_digits(client: FixClient, fraction: str) -> None:
    """SendingTime(52), TransactTime(60), ExpireTime(126), and OrigSendingTime(122) of a resend."""
    now = client.transcript[1][1][52].partition(".")[0] + fraction
    expire = f"20991231-23:59:59{fraction}"
    terms = {**ORDER, "time_in_force": "GTD"}
    order = client.new_order(**terms, extra=[(52, now), (60, now), (126, expire), (43, "Y"), (122, now)])
    report = await client.expect()
    assert (report[11], report[150]) == (order, "0"), report
    assert report[126] == (expire if fraction else expire + ".").ljust(27, "0")
    await withdraw(client, order)


async def test_a_session_for_tests_trades_where_the_venue_is_simulated(gateway: Gateway) -> None:
    client = gateway.client("TESTS")
    await client.open()
    await client.logon(fields=[(464, "Y")])
    order = client.new_order(**ORDER)
    await client.expect("8", {11: order, 150: "0"})
    await client.logout()


async def test_a_reset_starts_both_directions_at_one(gateway: Gateway) -> None:
    async with gateway.client("DESK", reset_seq_num=True) as client:
        answer = client.transcript[1][1]
        assert (answer[34], answer[141]) == ("1", "Y")
        await client.ping()


async def test_a_restarted_engine_goes_on(gateway: Gateway) -> None:
    """Its session files are made again from SQL: what the client missed is resent."""
    async with gateway.client("DESK") as client:
        order = client.new_order(**ORDER)
        missed = (await client.expect("8", {11: order, 150: "0"})).seq
    wait_until(lambda: not logged_on(gateway), "all that was sent is committed")  # or it would come as a new message
    gateway.kill_engine()
    client = gateway.client("DESK")
    client.next_in = missed
    while True:
        try:
            await client.connect()
            break
        except ClientError:
            continue
    again = await client.expect("8", {11: order, 150: "0"})
    assert (again[43], again[8]) == ("Y", "FIXT.1.1")
    await client.logout()


def logged_on(gateway: Gateway) -> bool:
    with gateway.sql() as sql:
        return bool(sql.execute(select(sessions.c.logged_on).where(sessions.c.session.contains("DESK"))).scalar_one())


async def test_a_message_of_another_session_layer_ends_in_nothing(client: FixClient) -> None:
    body = b"35=0\x0149=DESK\x0156=FIXGW\x0134=%d\x0152=20260105-10:00:00\x01" % client.next_out
    client.send_raw(framed(b"FIX.4.4", body))
    assert "BeginString" in await client.wait_closed()
