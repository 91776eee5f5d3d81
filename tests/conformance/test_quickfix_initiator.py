"""QuickFIX's own initiator connects, trades, misses reports, and starts over, in all versions that are spoken."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from gateway.fix.encode import utc_timestamp
from tests.conformance.quickfix_client import Message, QuickFixClient
from tests.fixtures.processes import Exchange, Gateway, wait_until

VERSIONS = {"Q42": "FIX.4.2", "Q44": "FIX.4.4", "Q50": "FIX.5.0SP2"}
NEXT_EXPECTED = "SendNextExpectedMsgSeqNum=Y"
AT = utc_timestamp(1_785_000_000_000_000_000)
IDS = iter(range(1, 1_000))
TERMS = ((21, "1"), (55, "LTCUSDT"), (54, "1"), (60, AT), (38, "1"), (40, "2"), (44, "50"), (59, "1"))


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    exchange = Exchange(tmp_path_factory.mktemp("sim")).start()
    sessions = {name: (version, "") for name, version in VERSIONS.items()}
    process = Gateway(tmp_path_factory.mktemp("gateway"), exchange.url, sessions=sessions)
    try:
        yield process.start()
    finally:
        process.stop()
        exchange.stop()


@asynccontextmanager
async def client(
    gateway: Gateway,
    comp_id: str,
    settings: str = "",
    *,
    kind: str = "SocketInitiator",
    missed: int = 0,
    logs_on: bool = True,
) -> AsyncIterator[QuickFixClient]:
    started = QuickFixClient(
        gateway.directory, gateway.port, comp_id, VERSIONS[comp_id], kind=kind, settings=settings, missed=missed
    )
    await started.start()
    try:
        if logs_on:
            await started.until("logon")
        yield started
    finally:
        await started.stop()


def order(desk: QuickFixClient) -> str:
    cl_ord_id = f"QF-{next(IDS)}"
    desk.send((35, "D"), (11, cl_ord_id), *TERMS)
    return cl_ord_id


async def rests(desk: QuickFixClient) -> str:
    cl_ord_id = order(desk)
    await desk.report(cl_ord_id, "0")
    return cl_ord_id


async def numbers(desk: QuickFixClient) -> tuple[int, int]:
    desk.say("numbers")
    await desk.until("numbers")
    _, next_in, next_out = desk.seen[-1]
    return next_in, next_out


@pytest.mark.parametrize("comp_id", VERSIONS)
async def test_trades_and_is_sent_again_what_it_missed(gateway: Gateway, comp_id: str) -> None:
    async with client(gateway, comp_id) as desk:
        first = await rests(desk)
        desk.send((35, "F"), (11, f"C-{first}"), (41, first), (55, "LTCUSDT"), (54, "1"), (38, "1"), (60, AT))
        await desk.report(f"C-{first}", "4")
        assert [kind for kind in "23j" if desk.sent(kind)] == []
    async with client(gateway, comp_id, missed=desk.next_in() - desk.number_of(first)) as desk:
        for cl_ord_id, exec_type in ((first, "0"), (f"C-{first}", "6"), (f"C-{first}", "4")):
            assert (await desk.report(cl_ord_id, exec_type))[43] == "Y"
        assert len(desk.sent("2")) == 1
        await rests(desk)


@pytest.mark.parametrize("comp_id", VERSIONS)
async def test_starts_over_at_one_and_is_asked_for_what_was_lost_on_the_way(gateway: Gateway, comp_id: str) -> None:
    async with client(gateway, comp_id, "ResetOnLogon=Y") as desk:
        answer = logon_answer(desk)
        assert (answer[34], answer[141]) == ("1", "Y")
        await rests(desk)
        desk.say("skip", 3)
        late = order(desk)
        await desk.until("in", lambda m: m[35] == "2")
        await desk.report(late, "0")
        assert [message[123] for message in desk.sent("4")] == ["Y"]


def logon_answer(desk: QuickFixClient) -> Message:
    return next(message for message in desk.received() if message[35] == "A")


@pytest.mark.parametrize("comp_id", ["Q44", "Q50"])
async def test_says_at_logon_what_it_expects_and_is_sent_that(gateway: Gateway, comp_id: str) -> None:
    """NextExpectedMsgSeqNum(789): no ResendRequest(2) is needed, neither for reports it missed nor after a crash."""
    async with client(gateway, comp_id, NEXT_EXPECTED) as desk:
        first, second = await rests(desk), await rests(desk)
    number = desk.number_of(first)
    async with client(gateway, comp_id, NEXT_EXPECTED, missed=desk.next_in() - number) as desk:
        assert desk.sent("A")[0][789] == str(number)
        for cl_ord_id in (first, second):
            assert (await desk.report(cl_ord_id, "0"))[43] == "Y"
        third = await rests(desk)
        expected, _ = await numbers(desk)

        seen = len(gateway.log())
        gateway.kill_engine()  # its numbers go on at the bound that was reserved, far above
        await desk.until("logout")
        await desk.until("logon")
        wait_until(lambda: "reconciled account=" in gateway.log()[seen:], "orders are taken again")
        fourth = await rests(desk)
        beyond, _ = await numbers(desk)
        assert beyond > expected + 1_000
        assert desk.sent("2") == []
        accepted = [message for message in desk.received() if (message[35], message.get(150)) == ("8", "0")]
        # What SQL did not prove to be sent when the engine died is sent again, and says so.
        assert [m[11] for m in accepted if m.get(97) != "Y"] == [first, second, third, fourth]
        assert {m[11] for m in accepted if m.get(97) == "Y"} <= {third}


async def test_expects_more_than_was_ever_sent(gateway: Gateway) -> None:
    """A Logout that says so: numbers that are not the gateway's need a person, or a reset."""
    async with client(gateway, "Q44", NEXT_EXPECTED):
        pass
    async with client(gateway, "Q44", NEXT_EXPECTED, missed=-500, logs_on=False) as desk:
        refusal = await desk.until("in", lambda m: m[35] == "5")
        assert "NextExpectedMsgSeqNum too high" in refusal[58]
    async with client(gateway, "Q44", f"{NEXT_EXPECTED}\nResetOnLogon=Y") as desk:
        await rests(desk)


async def test_the_threaded_one_comes_back_after_a_logout_that_it_did_not_ask_for(gateway: Gateway) -> None:
    """The other one does not, of its own accord: the rules of engagement say so."""
    async with client(gateway, "Q50", kind="ThreadedSocketInitiator") as desk:
        code, _, err = await gateway.fixgw("session", "logout", "Q50", "--reason", "test")
        assert code == 0, err
        await desk.until("logout")
        await desk.until("logon")
        await rests(desk)
