"""Which Logons are taken, by what they say and where orders go."""

import pytest

from gateway.domain.logon_terms import logon_refusal
from gateway.engine.test_orders import TestOrders

NOT_LIVE, LIVE = False, True
ORDINARY, TESTS = False, True


def refusal(
    begin_string: str = "FIX.4.4", version: str = "", *, live: bool, test: bool, said: str = "", encrypt: str = "0"
) -> str:
    return logon_refusal(
        begin_string=begin_string,
        encrypt_method=encrypt,
        default_appl_ver_id=version,
        live=live,
        test_session=test,
        test_message_indicator=said,
    )


@pytest.mark.parametrize(
    ("live", "test", "said", "refused"),
    [
        (NOT_LIVE, ORDINARY, "", ""),
        (NOT_LIVE, ORDINARY, "Y", ""),
        (NOT_LIVE, TESTS, "", ""),
        (NOT_LIVE, TESTS, "Y", ""),
        (LIVE, ORDINARY, "", ""),
        (LIVE, ORDINARY, "N", ""),
        (LIVE, ORDINARY, "Y", "TestMessageIndicator(464)=Y"),
        (LIVE, TESTS, "", "a test session"),
        (LIVE, TESTS, "N", "a test session"),
        (LIVE, TESTS, "Y", "TestMessageIndicator(464)=Y"),
    ],
)
def test_tests_are_kept_from_live(live: bool, test: bool, said: str, refused: str) -> None:
    text = refusal(live=live, test=test, said=said)
    assert text == (f"{refused}: this gateway trades on a live venue" if refused else "")


@pytest.mark.parametrize("version", ["", "7", "8", "10", "99", "FIX.5.0SP2"])
def test_fixt_carries_one_version(version: str) -> None:
    text = refusal("FIXT.1.1", version, live=False, test=False)
    given = version or "missing"
    assert text == f"DefaultApplVerID(1137)={given} is not supported; allowed: 9 (FIX 5.0 SP2)"
    assert refusal("FIXT.1.1", "9", live=False, test=False) == ""
    assert refusal("FIX.4.4", version, live=False, test=False) == ""  # it means nothing there


@pytest.mark.parametrize("method", ["1", "6", "7", "00", "none"])
def test_encryption_is_the_business_of_tls(method: str) -> None:
    for begin_string in ("FIX.4.2", "FIX.4.4", "FIXT.1.1"):
        text = refusal(begin_string, "9", live=False, test=False, encrypt=method)
        assert text == f"EncryptMethod(98)={method} is not supported; allowed: 0 (none; use TLS)"
        assert refusal(begin_string, "9", live=False, test=False, encrypt="") == ""  # the session layer misses it


def test_orders_of_tests_are_refused_where_the_venue_is_live() -> None:
    orders = TestOrders(live=True, test_sessions=["CONFIGURED"])
    assert orders.refusal("CONFIGURED") == "TEST_SESSION environment=live session=CONFIGURED"
    assert orders.refusal("DESK") == ""
    orders.logon_received("DESK", "8=FIX.4.4\x0135=A\x01464=Y\x01")
    assert orders.refusal("DESK") == "TEST_SESSION environment=live session=DESK"
    orders.logon_received("DESK", "8=FIX.4.4\x0135=A\x01464=N\x01")
    assert orders.refusal("DESK") == ""
    orders.logon_received("DESK", "8=FIX.4.4\x0135=A\x01nonsense\x01")
    assert orders.refusal("DESK") != ""
    orders.logon_received("DESK", "8=FIX.4.4\x0135=A\x0195=6\x0196=\x01464=Y\x01")  # in a data field
    assert orders.refusal("DESK") == ""


def test_and_nowhere_else() -> None:
    orders = TestOrders(live=False, test_sessions=["CONFIGURED"])
    orders.logon_received("DESK", "8=FIX.4.4\x0135=A\x01464=Y\x01")
    assert (orders.refusal("CONFIGURED"), orders.refusal("DESK")) == ("", "")
