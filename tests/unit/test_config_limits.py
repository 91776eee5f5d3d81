"""Limits in the configuration: their keys, scopes and values, and how what is wrong is told."""

from pathlib import Path

import pytest

from gateway.config_limits import LIMIT_CODES, GivenLimit
from gateway.domain.risk.controls import CONTROLS
from gateway.domain.totals import Scope
from gateway.errors import ConfigError
from tests.unit.test_config import GOOD, read

ACCOUNT = '\n[[limits]]\naccount = "TRADING"\n'


def test_every_control_has_a_key_of_its_name() -> None:
    assert set(CONTROLS) == LIMIT_CODES


def test_limits_are_of_accounts_sessions_and_any_scope(tmp_path: Path) -> None:
    text = GOOD.replace('venue_account = "main"', 'venue_account = "main"\n[accounts.limits]\nmax_position = "2.5"')
    text += "[sessions.limits]\nmax_open_orders = 3\nshort_sale = true\nwarn_at_percent = 80\n"
    text += '[[limits]]\nmax_order_qty = "9"\n[[limits]]\naccount = "TRADING"\nsymbol = "BTCUSDT"\nmax_position = 1\n'
    desk = Scope(session="DESK")
    assert read(tmp_path, text).all_limits() == [
        GivenLimit("MAX_POSITION", Scope("TRADING"), "2.5", None),
        GivenLimit("SHORT_SALE", desk, "yes", None),
        GivenLimit("MAX_OPEN_ORDERS", desk, "3", 80),
        GivenLimit("MAX_ORDER_QTY", Scope(), "9", None),
        GivenLimit("MAX_POSITION", Scope("TRADING", "", "BTCUSDT"), "1", None),
    ]


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (ACCOUNT + "max_luck = 1", "limits.1.max_luck: unknown key"),
        (ACCOUNT + "max_position = 0", "limits.1.max_position: 0 is not above zero; it is the most"),
        (ACCOUNT + "max_position = 1.5", 'limits.1.max_position: write it as a string, "1.5"'),
        (ACCOUNT + "short_sale = false", "limits.1.short_sale: leave it out instead"),
        (ACCOUNT.replace("TRADING", "NOBODY") + "max_position = 1", "limits.account: 'NOBODY' is not among accounts"),
        ('[[limits]]\nsession = "OMS"\nmax_position = 1', "limits.session: 'OMS' is not among sessions"),
        ((ACCOUNT + "max_position = 1") * 2, "limits, of one scope: given twice: ['MAX_POSITION TRADING"),
        ('[flatten]\ncollar = "buy=1%"', "flatten.collar: it needs a width for both sides"),
        ("[flatten]\nmax_slice_notional = 0", "flatten.max_slice_notional: Input should be greater than 0"),
        ("[flatten]\nmax_slice_notional = 1.5", 'flatten.max_slice_notional: write it as a string, "1.5"'),
        ("[risk]\nwithout_reference = 1", "risk.without_reference: Input should be 'refuse' or 'pass'"),
    ],
)
def test_what_is_wrong_is_told_by_its_key(tmp_path: Path, more: str, says: str) -> None:
    with pytest.raises(ConfigError) as raised:
        read(tmp_path, GOOD + more + "\n")
    assert says in str(raised.value)
