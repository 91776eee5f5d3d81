"""Requests about many orders and about instruments, read; and their answers, written."""

from decimal import Decimal

import pytest

from gateway.domain.commands import MassCancel, RequestMassStatus, RequestSecurities
from gateway.domain.events import MassCancelRefused
from gateway.domain.instruments import Instrument
from gateway.domain.mass_reports import MassCancelReport, OfMassStatus, SecurityList
from gateway.domain.reports import BusinessReject
from gateway.domain.selection import Selection
from gateway.domain.values import ExecType, MassCancelRejectReason, SecurityRequestResult, Side
from gateway.fix.encode import encode
from tests.fixtures.fix_reports import AT, ORDER, SESSION, TIME, fields, on_the_wire, report
from tests.unit.test_fix_decode import received


def canceled(more: dict[int, str]) -> MassCancel | MassCancelRefused:
    decoded = received("q", {11: "MC-1", **more})
    assert isinstance(decoded, MassCancel | MassCancelRefused), decoded
    return decoded


@pytest.mark.parametrize(
    ("more", "wanted"),
    [
        ({530: "7"}, Selection()),
        ({530: "7", 55: "anything at all"}, Selection()),
        ({530: "1", 55: "BTCUSDT"}, Selection(symbol="BTCUSDT")),
        ({530: "1", 55: "BTCUSDT", 54: "2", 1: "ACME"}, Selection(account="ACME", symbol="BTCUSDT", side=Side.SELL)),
    ],
)
def test_what_a_mass_cancel_is_about(more: dict[int, str], wanted: Selection) -> None:
    command = canceled(more)
    assert isinstance(command, MassCancel)
    assert (command.wanted, command.cl_ord_id, command.request_type) == (wanted, "MC-1", more[530])


@pytest.mark.parametrize(
    ("more", "reason", "text"),
    [
        ({530: "3", 460: "4"}, MassCancelRejectReason.NOT_SUPPORTED, "(530)=3 is not offered; allowed: 1,7"),
        ({530: "1"}, MassCancelRejectReason.UNKNOWN_SECURITY, "UNKNOWN_SYMBOL"),
        ({530: "1", 55: "btc usdt"}, MassCancelRejectReason.UNKNOWN_SECURITY, "UNKNOWN_SYMBOL"),
        ({530: "7", 54: "5"}, MassCancelRejectReason.NOT_SUPPORTED, "Side(54)=5 is not offered"),
        ({530: "7", 336: "1"}, MassCancelRejectReason.NOT_SUPPORTED, "TradingSessionID(336) is not offered"),
        ({530: "7", 1461: "1", 1462: "X"}, MassCancelRejectReason.NOT_SUPPORTED, "1461"),
    ],
)
def test_what_would_widen_a_mass_cancel_refuses_it(
    more: dict[int, str], reason: MassCancelRejectReason, text: str
) -> None:
    refused = canceled(more)
    assert isinstance(refused, MassCancelRefused)
    assert refused.reason is reason
    assert text in refused.text


def test_what_cannot_be_answered_by_a_report_is_a_business_reject() -> None:
    for msg_type, more in (("q", {11: "M"}), ("q", {530: "7"}), ("AF", {585: "7"}), ("x", {559: "4"})):
        refused = received(msg_type, more)
        assert isinstance(refused, BusinessReject)
        assert refused.reason == "5"


@pytest.mark.parametrize("msg_type", ["q", "AF", "x"])
def test_fix_42_has_none_of_them(msg_type: str) -> None:
    refused = received(msg_type, {11: "M", 530: "7", 584: "S", 585: "7", 320: "L", 559: "4"}, "FIX.4.2")
    assert isinstance(refused, BusinessReject)
    assert refused.reason == "3"
    assert "allowed: D F G H Q" in refused.text


def test_requests_for_status_and_instruments() -> None:
    asked = received("AF", {584: "S-1", 585: "1", 55: "BTCUSDT", 54: "1"})
    assert asked == RequestMassStatus(
        session=SESSION, request_id="S-1", at=AT_DECODED, wanted=Selection(symbol="BTCUSDT", side=Side.BUY)
    )
    assert received("AF", {584: "S-1", 585: "8"}).refusal  # type: ignore[union-attr]  # others have none, and fail here
    assert received("x", {320: "L-1", 559: "4"}) == RequestSecurities(session=SESSION, request_id="L-1", at=AT_DECODED)
    one = received("x", {320: "L-1", 559: "0", 55: "BTCUSDT"})
    assert isinstance(one, RequestSecurities)
    assert (one.symbol, one.refusal) == ("BTCUSDT", "")
    for wrong in ({559: "2"}, {559: "4", 263: "1"}, {559: "0"}):
        refused = received("x", {320: "L-1", **wrong})
        assert isinstance(refused, RequestSecurities)
        assert refused.refusal


AT_DECODED = 1_785_000_000_000_000_000


def test_a_mass_cancel_report() -> None:
    done = MassCancelReport(
        session=SESSION, position=9, cl_ord_id="MC-1", request_type="1", transact_time=AT, affected=3,
        symbol="BTCUSDT", side=Side.BUY,
    )  # fmt: skip
    assert fields(done, "FIX.4.4") == {
        35: "r", 11: "MC-1", 37: "M9", 530: "1", 531: "1", 533: "3", 55: "BTCUSDT", 54: "1", 60: TIME,
    }  # fmt: skip
    assert fields(done, "FIX.5.0SP2")[1369] == "M9"
    refused = MassCancelReport(
        session=SESSION, position=9, cl_ord_id="MC-1", request_type="5", transact_time=AT,
        reject_reason=MassCancelRejectReason.NOT_SUPPORTED, text="no",
    )  # fmt: skip
    found = fields(refused, "FIX.4.4")
    assert (found[531], found[532], found[533], found[58]) == ("0", "0", "0", "no")


def test_an_answer_to_a_mass_status_request() -> None:
    told = report(ExecType.ORDER_STATUS, ORDER)._replace(of_mass_status=OfMassStatus("S-1", 2, is_last=False))
    found = fields(told, "FIX.4.4")
    assert (found[584], found[911], found[912], found[150]) == ("S-1", "2", "N", "I")


def test_a_list_of_instruments_keeps_its_groups_together() -> None:
    instruments = tuple(
        Instrument(symbol=f"{base}USDT", base=base, quote="USDT", tick_size=Decimal("0.01"), qty_step=Decimal("0.1"))
        for base in ("BTC", "LTC")
    )
    told = SecurityList(
        session=SESSION, request_id="L-1", response_id="L7", result=SecurityRequestResult.VALID, total=5,
        is_last=False, instruments=instruments,
    )  # fmt: skip
    text = on_the_wire(encode(told, "FIX.4.4"), "FIX.4.4").replace("\x01", "|")
    assert "|393=5|" in text
    assert "|893=N|" in text
    group = "146=2|55=BTCUSDT|107=BTC/USDT|15=USDT|561=0.1|58=tick=0.01|55=LTCUSDT|107=LTC/USDT|15=USDT|561=0.1|"
    assert group in text
