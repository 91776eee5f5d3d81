"""Matrices L: what the gateway does not offer."""

import pytest

from tests.acceptance.scenario import Scenario


@pytest.mark.scenario("L.1.a", "guarantee before execution (stopped)")
async def test_l_1_a(s: Scenario) -> None:
    s.not_applicable = "an exchange guarantees nothing before it executes; ExecInst Y (try to stop) is refused"
    s.order("X", 10_000, exec_inst="Y")
    report = await s.sees("X", "Rejected/Rejected", 10_000, 0, 0)
    assert report[58].startswith("EXEC_INST_NOT_SUPPORTED ")


@pytest.mark.scenario("L.1.b", "order by cash amount")
async def test_l_1_b(s: Scenario) -> None:
    s.not_applicable = "orders by amount are not offered: refused with a reason, never turned into a quantity"
    s.order("X", 10_000, extra=[(152, "500000")])
    report = await s.next()
    expected = {11: s.id("X"), 150: "8", 39: "8", 14: "0", 151: "0", 103: "0" if s.is_42 else "11"}
    assert {tag: report.get(tag) for tag in expected} == expected
    assert report[58].startswith("CASH_ORDER_QTY_NOT_SUPPORTED ")
    s.seen.append("8/8")
    await s.nothing()
