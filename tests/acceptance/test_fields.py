"""What a client sends along with its orders, and what it gets back."""

import time

from sqlalchemy import select

from gateway.client import FixMessage
from gateway.client.message import Fields, utc_timestamp
from gateway.store.tables import alerts
from tests.acceptance.scenario import Scenario

PARTIES: Fields = [
    (453, "2"),
    *((448, "TRADER-7"), (447, "D"), (452, "11")),
    *((448, "CLIENT-9"), (447, "D"), (452, "3"), (802, "1"), (523, "BRANCH"), (803, "4")),
]
USER_TAGS: Fields = [(5001, "strategy-3"), (20003, "free text: £"), (9999, "")]


async def test_echoes_account_parties_and_instructions(s: Scenario) -> None:
    both: Fields = [(21, "2"), (15, "USDT"), (376, "COMPLIANT-1"), (377, "Y")]
    own: Fields = [(109, "CLIENT")] if s.is_42 else [(526, "SECONDARY-1"), (583, "LINK-1"), (528, "A")]
    s.order("X", 10_000, account="OTHER", exec_inst="6", extra=[*both, *own, *PARTIES])
    for report in [await s.sees("X", "New/New", 10_000, 0, 10_000), await _filled(s)]:
        assert (report[1], report[18]) == ("OTHER", "6")
        assert {tag: report.get(tag) for tag, _ in [*both, *own]} == dict([*both, *own])
        assert [(tag, value) for tag, value in report.fields if tag in {tag for tag, _ in PARTIES}] == PARTIES
    await s.agrees()


async def _filled(s: Scenario) -> FixMessage:
    await s.fills(10_000)
    return await s.sees("X", "Trade/Filled", 10_000, 10_000, 0, 10_000)


async def test_accepts_user_tags(s: Scenario) -> None:
    s.order("X", 10_000, extra=USER_TAGS[:2])
    report = await s.sees("X", "New/New", 10_000, 0, 10_000)
    assert report[1] == "TRADING"  # the session's first account, as none was given
    s.replace("Y,X", 9_000, extra=USER_TAGS[:2])
    await s.sees("Y,X", "PendingReplace/PendingReplace", 10_000, 0, 10_000)
    await s.sees("Y,X", "Replaced/New", 9_000, 0, 9_000)
    s.cancel("Z,Y", extra=USER_TAGS[:2])
    await s.sees("Z,Y", "PendingCancel/PendingCancel", 9_000, 0, 9_000)
    await s.sees("Z,Y", "Canceled/Canceled", 9_000, 0, 0)
    await s.agrees()


async def test_fills_carry_fee_currency_and_liquidity(s: Scenario) -> None:
    s.order("X", 10_000)
    await s.sees("X", "New/New", 10_000, 0, 10_000)
    for maker, liquidity in ((True, "1"), (False, "2")):
        await s.does("fill", qty="5000", maker=maker)
        report = await s.next()
        assert (report[32], report[31], report[13]) == ("5000", "50", "3")
        assert report.decimal(12) > 0
        assert (report.get(479), report.get(851)) == ((None, None) if s.is_42 else ("LTC", liquidity))
        assert report[198]
        assert (report.get(527) is None) == s.is_42
        s.seen.append(f"{report[150]}/{report[39]}")
    await s.nothing()


async def test_pending_new_is_sent_where_it_is_wanted(explicit: Scenario) -> None:
    s = explicit
    s.order("X", 10_000)
    await s.sees("X", "PendingNew/PendingNew", 10_000, 0, 10_000)
    await s.sees("X", "New/New", 10_000, 0, 10_000)
    await s.agrees()


async def test_pending_new_comes_before_a_rejection(explicit: Scenario) -> None:
    s = explicit
    await s.exchange.control("reject", op="order.place", code=-2010, msg="Account has insufficient balance.")
    s.order("X", 10_000)
    await s.sees("X", "PendingNew/PendingNew", 10_000, 0, 10_000)
    await s.sees("X", "Rejected/Rejected", 10_000, 0, 0, tags={103: "3"})
    await s.agrees()


async def test_a_trade_that_the_client_does_not_know_raises_an_alert(s: Scenario) -> None:
    s.order("X", 10_000)
    await s.sees("X", "New/New", 10_000, 0, 10_000)
    await s.fills(1_000)
    fill = await s.sees("X", "Trade/PartiallyFilled", 10_000, 1_000, 9_000, 1_000)
    fields: list[tuple[int, str]] = [(37, fill[37]), (17, fill[17]), (127, "D"), (55, "LTCUSDT"), (54, "1")]
    s.client.send("Q", [*fields, (32, "1000"), (31, "50"), (58, f"never traded by {s.client.sender_comp_id}")])
    await s.agrees()  # it is never answered
    alert = await s.until_alert("DONT_KNOW_TRADE")
    assert fill[17] in alert
    assert f"never traded by {s.client.sender_comp_id}" in alert


async def test_a_report_that_the_client_rejects_raises_an_alert(s: Scenario) -> None:
    s.order("X", 10_000)
    report = await s.sees("X", "New/New", 10_000, 0, 10_000)
    about = f"MsgSeqNum(34)={report[34]} ExecutionReport(8) ClOrdID(11)={report[11]} OrderID(37)={report[37]} "
    for msg_type, reason, name in (("3", 373, "Reject(3)"), ("j", 380, "BusinessMessageReject(j)")):
        tag: Fields = [(371, "151")] if msg_type == "3" else []
        s.client.send(msg_type, [(45, report[34]), *tag, (372, "8"), (reason, "0"), (58, "not booked")])
        await s.agrees()  # it is never answered
        alert = await s.until_alert("MESSAGE_REJECTED")
        assert alert.startswith(f"{name} of {about}ExecID(17)={report[17]}")
        assert alert.endswith("not booked")
        assert ("RefTagID(371)=151(LeavesQty)" in alert) == bool(tag)
    with s.gateway.sql() as sql:
        found = sql.execute(select(alerts).where(alerts.c.order_id == report[37])).all()
    assert {row.session.split("->")[1] for row in found} == {s.client.sender_comp_id}


async def test_cancel_that_names_two_orders_is_refused(s: Scenario) -> None:
    s.order("W", 10_000)
    other = (await s.next())[37]
    s.order("X", 10_000)
    await s.sees("X", "New/New", 10_000, 0, 10_000)
    s.cancel("Y,X", order_id=other)
    await s.refused("Y,X", "Rejected", "1", order_id="NONE")
    s._last = ("New", 10_000, 0, 10_000)  # that refusal was about no order
    await s.agrees()


async def test_cancel_by_order_id_alone(s: Scenario) -> None:
    s.order("X", 10_000)
    report = await s.sees("X", "New/New", 10_000, 0, 10_000)
    now = utc_timestamp(time.time_ns())
    s.client.send("F", [(11, s.id("Y")), (37, report[37]), (55, "LTCUSDT"), (54, "1"), (60, now)])
    await s.sees("Y,X", "PendingCancel/PendingCancel", 10_000, 0, 10_000)
    await s.sees("Y,X", "Canceled/Canceled", 10_000, 0, 0)
    await s.agrees()
