"""What a replace says of an order that it cannot have is refused, and never silently dropped."""

import pytest

from gateway.domain.commands import ReplaceOrder
from gateway.domain.reports import CancelReject, ExecutionReport, Report
from gateway.domain.values import ExecType, TimeInForce
from gateway.fix.decode import decode
from tests.fixtures.domain_desk import SESSION, SYMBOL, DomainDesk, Told

SOH = "\x01"
EXPIRE_TIME = 1_785_000_000_000_000_000
POST_ONLY = {"post_only": True}
GTD = {"time_in_force": TimeInForce.GTD, "expire_time": EXPIRE_TIME}


def answered(order: dict[str, object], said: dict[int, str]) -> Report:
    """The desk's answer to a replace, sent in FIX, of an order with these terms."""
    desk = DomainDesk()
    desk.new("X", "10", "100", **order)
    desk.hear(Told().accepted())
    fields = {8: "FIX.4.4", 35: "G", 11: "Y", 41: "X", 55: SYMBOL, 38: "5", **said}
    command = decode("".join(f"{tag}={value}{SOH}" for tag, value in fields.items()), SESSION, desk.now)
    assert isinstance(command, ReplaceOrder), command
    desk.replace("Y", "X", command.order_qty, expire_time=command.expire_time, post_only=command.post_only)
    return desk.reports[-1]


@pytest.mark.parametrize(
    ("order", "said"),
    [
        (POST_ONLY, {18: "6"}),
        (POST_ONLY, {}),
        ({}, {18: "1"}),
        (GTD, {}),
        (GTD, {126: "20260725-17:20:00"}),
        (GTD, {59: "6", 126: "20260725-17:20:00"}),
    ],
)
def test_what_the_order_has_may_be_repeated_or_left_out(order: dict[str, object], said: dict[int, str]) -> None:
    report = answered(order, said)
    assert isinstance(report, ExecutionReport)
    assert report.exec_type is ExecType.PENDING_REPLACE


@pytest.mark.parametrize(
    ("order", "said", "text"),
    [
        ({}, {18: "6"}, "ExecInst(18)=6 cannot be added"),
        (GTD, {126: "20260725-17:20:01"}, "ExpireTime(126) cannot be changed"),
        ({}, {126: "20260725-17:20:00"}, "ExpireTime(126) cannot be changed"),
    ],
)
def test_what_the_order_has_not_is_refused(order: dict[str, object], said: dict[int, str], text: str) -> None:
    report = answered(order, said)
    assert isinstance(report, CancelReject)
    assert text in report.text
