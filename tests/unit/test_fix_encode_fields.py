"""Single fields of a report: echoes, parties, text from outside, numbers and times."""

from dataclasses import replace
from decimal import Decimal

import pytest

from gateway.domain.order import Terms
from gateway.domain.values import (
    ExecType,
    OrdRejReason,
    OrdType,
    TimeInForce,
)
from gateway.fix.codec import Codec
from gateway.fix.decode_fields import ECHOED, UNSUPPORTED
from gateway.fix.dialect import Dialect
from gateway.fix.encode import encode, utc_timestamp
from gateway.fix.outgoing import to_quickfix
from gateway.wire.raw import split_fields
from tests.fixtures.fix_reports import (
    AT,
    DIALECTS,
    FILL,
    ORDER,
    PARTIES,
    PARTLY,
    SOH,
    STATUS_REQUEST,
    TIME,
    business_reject,
    cancel_reject,
    dictionary,
    fields,
    on_the_wire,
    report,
)


def test_what_is_not_known_is_left_out() -> None:
    bare = ORDER._replace(account="", terms=Terms(Decimal(1)), ord_type=OrdType.MARKET, legs=())
    said = fields(report(ExecType.NEW, bare), "FIX.4.4")
    assert not {1, 44, 99, 41, 58, 103, 126, 198, 378} & said.keys()
    reject = fields(business_reject(ref_seq_num=0, ref_id=""), "FIX.4.4")
    assert not {45, 379} & reject.keys()
    fill = replace(FILL, commission_currency="", liquidity=None)
    assert not {479, 851} & fields(report(ExecType.TRADE, PARTLY, fill=fill), "FIX.4.4").keys()


def test_a_stop_s_price_is_told() -> None:
    stop = ORDER._replace(ord_type=OrdType.STOP, terms=Terms(Decimal(1), None, Decimal("60000.0")))
    said = fields(report(ExecType.NEW, stop), "FIX.4.2")
    assert (said[99], said.get(44)) == ("60000.0", None)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_expiry_is_told_as_the_client_said_it(dialect: Dialect) -> None:
    gtd = ORDER._replace(time_in_force=TimeInForce.GTD, expire_time=AT)
    assert fields(report(ExecType.NEW, gtd), dialect)[126] == TIME
    by_date = fields(report(ExecType.NEW, gtd._replace(echo=((432, "20260725"),))), dialect)
    assert (by_date[432], by_date.get(126)) == ("20260725", None)
    a_day_order_with_its_close = gtd._replace(time_in_force=TimeInForce.DAY)
    assert 126 not in fields(report(ExecType.NEW, a_day_order_with_its_close), dialect)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_parties_keep_their_order(dialect: Dialect) -> None:
    order = ORDER._replace(echo=((15, "USDT"), *PARTIES))  # the group is the last of the body
    sent = split_fields(on_the_wire(encode(report(ExecType.NEW, order), dialect), dialect))
    start = sent.index((453, "2"))
    assert tuple(sent[start : start + len(PARTIES)]) == PARTIES
    assert (15, "USDT") in sent


def test_parties_without_a_dictionary_are_an_error() -> None:
    body = encode(report(ExecType.NEW, ORDER._replace(echo=PARTIES)), "FIX.4.4")
    with pytest.raises(ValueError, match="needs the data dictionary"):
        to_quickfix(body)


def test_the_request_s_id_is_in_its_answer() -> None:
    echo = ((790, "ask-1"),)
    for order in (ORDER, None):
        answer = report(ExecType.ORDER_STATUS, order, refused=STATUS_REQUEST, echo=echo)
        assert fields(answer, "FIX.4.4")[790] == "ask-1"


@pytest.mark.parametrize("dialect", DIALECTS)
def test_all_that_is_echoed_belongs_to_both_messages(dialect: Dialect) -> None:
    specs = dictionary(dialect)
    for tag in (*ECHOED[dialect], 453):
        assert specs.isMsgField("8", tag), tag
        assert specs.isMsgField("D", tag), tag
    assert not ECHOED[dialect] & UNSUPPORTED


@pytest.mark.parametrize(("dialect", "theirs"), [("FIX.4.2", {109}), ("FIX.4.4", {583}), ("FIX.5.0SP2", {583, 1028})])
@pytest.mark.parametrize("exec_type", [ExecType.NEW, ExecType.ORDER_STATUS])
def test_another_session_gets_what_its_own_version_has(exec_type: ExecType, dialect: Dialect, theirs: set[int]) -> None:
    order = ORDER._replace(echo=((15, "USDT"), (109, "CLIENT"), (583, "LINK"), (1028, "Y"), *PARTIES))
    told = report(exec_type, order)._replace(
        session="OTHER", copy_of="" if exec_type is ExecType.ORDER_STATUS else "DESK"
    )
    sent = split_fields(on_the_wire(encode(told, dialect), dialect))
    assert {tag for tag, _ in sent} & {15, 109, 583, 1028, 453} == {15, 453} | theirs


def test_poss_resend_is_a_header_field() -> None:
    message = to_quickfix(encode(report(ExecType.NEW, ORDER), "FIX.4.4"), poss_resend=True)
    assert message.getHeader().getField(97) == "Y"
    assert not to_quickfix(encode(report(ExecType.NEW, ORDER), "FIX.4.4")).getHeader().isSetField(97)


def test_text_from_outside_adds_no_field() -> None:
    evil = f"no{SOH}58=yes{SOH}39=2\n\x00é" + "x" * 1000
    leg = ORDER.legs[0]._replace(venue_order_id=f"9{SOH}14=1")
    rejected = report(ExecType.REJECTED, ORDER._replace(legs=(leg,)), text=evil, ord_rej_reason=OrdRejReason.OTHER)
    for given in (rejected, cancel_reject(text=evil)):
        said = split_fields(encode(given, "FIX.4.4"))
        assert len({tag for tag, _ in said}) == len(said)
        text = dict(said)[58]
        assert text.startswith("no?58=yes?39=2???xxx")
        assert len(text) == 512
    bad_fill = replace(FILL, trade_id=f"1{SOH}", commission_currency=f"B{SOH}", venue_order_id=SOH)
    assert fields(report(ExecType.TRADE, PARTLY, fill=bad_fill), "FIX.4.4")[527] == "1?"


def test_numbers_never_have_an_exponent() -> None:
    tiny = ORDER._replace(terms=Terms(Decimal("1E-8"), Decimal("1E+5")))
    said = fields(report(ExecType.NEW, tiny), "FIX.4.4")
    assert (said[38], said[44], said[151]) == ("0.00000001", "100000", "0.00000001")
    fill = replace(FILL, commission=Decimal("1E-8"), last_qty=Decimal("1E-8"), last_px=Decimal("1E+5"))
    said = fields(report(ExecType.TRADE, tiny, fill=fill), "FIX.4.4")
    assert (said[12], said[32], said[31]) == ("0.00000001", "0.00000001", "100000")


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (0, "19700101-00:00:00.000"),
        (1_785_000_000_999_999_999, "20260725-17:20:00.999"),
        (1_785_000_000_001_000_000, "20260725-17:20:00.001"),
    ],
)
def test_times_are_cut_to_milliseconds(ns: int, text: str) -> None:
    assert utc_timestamp(ns) == text


def test_the_codec_speaks_three_versions() -> None:
    assert Codec().encode(cancel_reject(), begin_string="FIX.4.2")[0] == "9"
    msg_type, body = Codec().encode(report(ExecType.NEW, ORDER), begin_string="FIX.4.4")
    assert (msg_type, body[:5]) == ("8", f"35=8{SOH}")
    for name in ("FIX.5.0SP2", "FIXT.1.1"):
        assert Codec().encode(report(ExecType.NEW, ORDER), begin_string=name) == (msg_type, body)
    with pytest.raises(ValueError, match=r"BeginString\(8\)='FIX.5.0' is not supported"):
        Codec().encode(cancel_reject(), begin_string="FIX.5.0")
