"""A drop copy session hears of everything, off or on, through a crash, and can do nothing."""

from collections.abc import Iterator

import pytest

from gateway.client import FixClient, FixMessage
from tests.acceptance.test_mass import on, rest
from tests.fixtures.processes import Exchange, Gateway

SESSIONS = {"DESK": ("FIX.4.4", ""), "OMS42": ("FIX.4.2", "")}
COPIES = """
[[sessions]]
begin_string = "FIX.4.4"
target_comp_id = "COPY"
drop_copy_of = ["DESK"]
drop_copy_accounts = ["OTHER"]

[[sessions]]
begin_string = "FIX.4.2"
target_comp_id = "COPY42"
drop_copy_accounts = ["OTHER"]
"""


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, shared_exchange: Exchange) -> Iterator[Gateway]:
    directory = tmp_path_factory.mktemp("gateway")
    process = Gateway(directory, shared_exchange.url, sessions=SESSIONS, more=COPIES).start()
    yield process
    process.stop()


def copy_session(gateway: Gateway, comp_id: str, version: str) -> FixClient:
    return gateway.client(comp_id, begin_string=version)


def shown(message: FixMessage) -> tuple[str | None, ...]:
    return message[11], message[150], message[17], message.get(115), message.get(797)


async def test_it_hears_what_happened_while_it_was_off_and_of_what_nobody_asked_for(
    shared_exchange: Exchange, gateway: Gateway
) -> None:
    await shared_exchange.control("mode", symbol="LTCUSDT", mode="manual")
    expected = []
    async with on(gateway, "DESK", "OMS42") as (desk, old):
        mine = await rest(desk)
        desk.new_order("LTCUSDT", "buy", order_qty="1", price="51", time_in_force="GTC", cl_ord_id="OWN-2")
        await desk.expect("8", {11: "OWN-2", 150: "0"})
        desk.cancel("OWN-2", cl_ord_id="OWN-3")
        await desk.expect("8", {11: "OWN-3", 150: "4"})
        refused = desk.new_order("NIXUSDT", "buy", order_qty="1", price="51")
        await desk.expect("8", {11: refused, 150: "8"})
        desk.status(mine)  # an answer, no event: it is not copied
        await desk.expect("8", {11: mine, 150: "I"})
        theirs = await rest(old, account="OTHER")
        await rest(old)  # of the other session and account: nobody else's business
        code, _, err = await gateway.fixgw("kill", "--reason", "everything")
        assert code == 0, err
        await desk.expect("8", {11: mine, 150: "4"})
        await old.expect("8", {11: theirs, 150: "4"})
        expected = [m for way, m in desk.transcript if way == "in" and m.get(35) == "8" and m[150] != "I"]
        others = [m for way, m in old.transcript if way == "in" and m.get(11) == theirs]
    async with copy_session(gateway, "COPY", "FIX.4.4") as copy, copy_session(gateway, "COPY42", "FIX.4.2") as older:
        got = [await copy.expect("8") for _ in range(len(expected) + len(others))]
        assert [shown(m) for m in got if m[115] == "DESK"] == [(*shown(m)[:3], "DESK", "Y") for m in expected]
        assert [shown(m) for m in got if m[115] == "OMS42"] == [(*shown(m)[:3], "OMS42", "Y") for m in others]
        old_got = [await older.expect("8") for _ in others]
        assert [shown(m) for m in old_got] == [(*shown(m)[:3], "OMS42", None) for m in others]
        await copy.ping()
        await older.ping()
        assert copy.unconsumed() == older.unconsumed() == []
        # Its own numbers, and so its own resend.
        copy.send("2", [(7, got[0][34]), (16, got[-1][34])])
        await copy.ping()
        again = [m for way, m in copy.transcript if way == "in" and m.get(43) == "Y" and m.type == "8"]
        assert [m[17] for m in again] == [m[17] for m in got]


@pytest.mark.parametrize(("comp_id", "version", "reason"), [("COPY", "FIX.4.4", "6"), ("COPY42", "FIX.4.2", "0")])
async def test_it_can_neither_trade_nor_cancel_nor_ask(
    gateway: Gateway, comp_id: str, version: str, reason: str
) -> None:
    async with copy_session(gateway, comp_id, version) as copy:
        order = copy.new_order("LTCUSDT", "buy", order_qty="1", price="50", account="OTHER")
        cancel = copy.cancel(order, order_id="O1")
        copy.replace(order, order_qty="2", order_id="O1")
        copy.status(order, order_id="O1")
        if version == "FIX.4.4":
            copy.send("q", [(11, "M"), (530, "7")])
            copy.send("AF", [(584, "S"), (585, "7")])
            copy.send("x", [(320, "L"), (559, "4")])
        for msg_type in ("D", "F", "G", "H", *(("q", "AF", "x") if version == "FIX.4.4" else ())):
            refused = await copy.expect("j", {372: msg_type})
            assert (refused[380], refused[58].split()[0]) == (reason, "DROP_COPY_ONLY")
            if msg_type in "DF":
                assert refused[379] == {"D": order, "F": cancel}[msg_type]
        await copy.ping()
        assert copy.unconsumed() == []


async def test_nothing_is_lost_or_doubled_by_a_crash(gateway: Gateway) -> None:
    await gateway.fixgw("arm", "--reason", "once")
    async with on(gateway, "DESK") as (desk,):
        before = copy_session(gateway, "COPY", "FIX.4.4")
        await before.connect()
        refused = desk.new_order("NIXUSDT", "buy", order_qty="1", price="51")
        await desk.expect("8", {11: refused, 150: "8"})
        first = await before.expect("8", {11: refused})
        gateway.kill_engine()
    await before.wait_closed()
    async with on(gateway, "DESK") as (desk,), copy_session(gateway, "COPY", "FIX.4.4") as copy:
        last = desk.new_order("NIXUSDT", "buy", order_qty="1", price="51")
        report = await desk.expect("8", {11: last, 150: "8"})
        told = await copy.expect("8", {11: last})
        assert (told[17], told[115]) == (report[17], "DESK")
        others = [m for m in copy.unconsumed("8") if m.get(97) != "Y" and m.get(43) != "Y"]
        assert [m[17] for m in others] == []  # what may have come before is marked
        assert {m[17] for m in copy.unconsumed("8")} <= {first[17]}
