"""Who sends too much is refused, or logged out; its cancels pass, and nobody else is concerned."""

import asyncio
import time
from collections.abc import Iterator

import pytest

from gateway.client.errors import ClientError, ExpectTimeout
from tests.acceptance.test_mass import TERMS, canceled, on, rest
from tests.fixtures.processes import Exchange, Gateway

SLOW = 'throttle = { messages = "5/1h" }'
LEFT = """
cancel_on_disconnect = "disconnect"
cancel_on_disconnect_grace_seconds = 0
"""
SESSIONS = {
    "DESK": ("FIX.4.4", SLOW),
    "OMS42": ("FIX.4.2", SLOW),
    "HASTY": ("FIX.4.4", 'throttle = { messages = "5/1h", logout_after = 20 }' + LEFT),
    "PANIC": ("FIX.4.4", 'throttle = { messages = "5/1h", logout_after = 20 }'),
    "FREE": ("FIX.4.4", ""),
}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    exchange = Exchange(tmp_path_factory.mktemp("sim")).start()
    try:
        process = Gateway(tmp_path_factory.mktemp("gateway"), exchange.url, sessions=SESSIONS).start()
        yield process
        process.stop()
    finally:
        exchange.stop()


@pytest.mark.parametrize(("name", "other"), [("DESK", "99"), ("OMS42", "0")])
async def test_orders_replaces_and_questions_are_refused_and_cancels_pass(
    gateway: Gateway, name: str, other: str
) -> None:
    async with on(gateway, name, "FREE") as (desk, free):
        order = await rest(desk)
        while True:  # on() has sent a message or two
            last = desk.new_order("LTCUSDT", "buy", **TERMS)
            report = await desk.expect("8", {11: last})
            if report[150] == "8":
                break
        assert report[103] == other
        assert report[58].startswith("MESSAGE_RATE limit=5/1h again_in=")
        replace = desk.replace(order, order_qty="3")
        refused = await desk.expect("9", {11: replace})
        assert (refused[102], refused[434]) == ("99" if other == "99" else "2", "2")
        desk.status(order)
        assert (await desk.expect("j", {372: "H"}))[380] == "4"
        desk.cancel(order)
        await desk.expect("8", {41: order, 150: "4"})
        for _ in range(8):
            await rest(free)


async def test_mass_cancels_of_nothing_count(gateway: Gateway) -> None:
    async with on(gateway, "PANIC", "FREE") as (hasty, free):
        order = await rest(hasty)
        hasty.send("q", [(11, "something"), (530, "7"), (60, "20260101-00:00:00")])
        await canceled(hasty, order, mass="something")  # after the logout it would wait for the next logon
        for number in range(40):
            hasty.send("q", [(11, f"nothing-{number}"), (530, "7"), (60, "20260101-00:00:00")])
        with pytest.raises(ExpectTimeout):  # at once, since it is logged out
            await hasty.expect("5", timeout=20)
        assert hasty.closed_reason.endswith("refused=20")
        answered = [m[11] for m in hasty.inbox if m.type == "r" and m[11] != "something"]
        assert answered[:20] == [f"nothing-{number}" for number in range(20)], "none is refused"
        await rest(free)


async def test_a_flood_of_session_messages_ends_in_a_logout_that_counts_as_a_disconnect(gateway: Gateway) -> None:
    async with on(gateway, "HASTY", "FREE") as (hasty, free):
        order = await rest(hasty)
        for number in range(30):
            hasty.send("1", [(112, f"flood-{number}")])
        with pytest.raises(ExpectTimeout):  # at once, since it is logged out
            await hasty.expect("5", timeout=20)
        assert "MESSAGE_RATE limit=5/1h" in hasty.closed_reason
        assert hasty.closed_reason.endswith("refused=20")
        await free.ping()
    deadline = time.monotonic() + 20
    while True:  # it may come back, once it is known to be off
        try:
            async with gateway.client("HASTY") as hasty:
                report = await hasty.expect("8", {11: order, 150: "4"}, timeout=20)
                assert report[58].startswith("CANCEL_ON_DISCONNECT reason=disconnect ")
                break
        except ClientError:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.1)
