"""Whose reports a drop copy session gets, and what the configuration allows it."""

from dataclasses import replace
from pathlib import Path

import pytest

from gateway.config import load_config
from gateway.configured import drop_copies_of
from gateway.domain.values import ExecType
from gateway.engine.drop_copy import DropCopies, DropCopy
from gateway.errors import ConfigError
from tests.fixtures.fix_reports import ORDER, REFUSED, SESSION, cancel_reject, fields, report

COPIES = DropCopies(
    [
        DropCopy("FIX.4.4:GW->ALL", frozenset({SESSION}), frozenset({"ACME"})),
        DropCopy("FIX.4.2:GW->OLD", frozenset(), frozenset({"ACME"})),
        DropCopy("FIX.4.4:GW->NONE", frozenset({"FIX.4.4:GW->ELSE"}), frozenset({"ELSE"})),
    ]
)


def test_each_session_gets_one_copy_of_what_it_follows() -> None:
    told = report(ExecType.CANCELED, ORDER)
    for _ in range(2):
        copies = COPIES.of(told)
        assert [(c.session, c.copy_of, c.exec_id) for c in copies] == [
            ("FIX.4.4:GW->ALL", "DESK", told.exec_id),
            ("FIX.4.2:GW->OLD", "DESK", told.exec_id),
        ]
    refused = report(ExecType.REJECTED, None, refused=REFUSED)
    assert [c.session for c in COPIES.of(refused)] == ["FIX.4.4:GW->ALL", "FIX.4.2:GW->OLD"]
    assert [c.session for c in COPIES.of(told._replace(order=ORDER._replace(account="ELSE"), session="X->Y"))] == [
        "FIX.4.4:GW->NONE"
    ]
    assert COPIES.of(cancel_reject()) == []


def test_a_copy_says_what_it_is_and_whose() -> None:
    newer, older = COPIES.of(report(ExecType.CANCELED, ORDER))
    assert {115: "DESK", 797: "Y"}.items() <= fields(newer, "FIX.4.4").items()
    found = fields(older, "FIX.4.2")
    assert (found[115], 797 in found) == ("DESK", False)
    (refused, _) = COPIES.of(report(ExecType.REJECTED, None, refused=REFUSED))
    assert fields(refused, "FIX.4.4")[115] == "DESK"


BASE = """
environment = "sim"
deployment = "t"
[[venue_accounts]]
name = "main"
[[accounts]]
name = "ACME"
venue_account = "main"
[[sessions]]
target_comp_id = "DESK"
accounts = ["ACME"]
[[sessions]]
target_comp_id = "COPY"
"""


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ('drop_copy_of = ["NIX"]', "no session 'NIX'; there are: FIX.4.4:FIXGW->DESK"),
        ('drop_copy_of = ["COPY"]', "no session 'COPY'; there are: FIX.4.4:FIXGW->DESK"),
        ('drop_copy_accounts = ["NIX"]', r"drop_copy_accounts: \['NIX'\]"),
        ('drop_copy_of = ["DESK"]\naccounts = ["ACME"]', "neither trades nor cancels"),
        ("", "names none"),
    ],
)
def test_what_makes_no_drop_copy(tmp_path: Path, lines: str, problem: str) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text(BASE + lines)
    with pytest.raises(ConfigError, match=problem):
        load_config(file)


def test_a_drop_copy_session_is_configured(tmp_path: Path) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text(BASE + 'drop_copy_of = ["DESK"]')
    assert drop_copies_of(load_config(file)).sessions == {"FIX.4.4:FIXGW->COPY"}


def test_an_order_without_an_account_is_of_the_sessions_first(tmp_path: Path) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text(BASE + 'drop_copy_accounts = ["ACME"]')
    refused = report(ExecType.REJECTED, None, refused=replace(REFUSED, account=""))
    (copy,) = drop_copies_of(load_config(file)).of(refused._replace(session="FIX.4.4:FIXGW->DESK"))
    assert copy.session == "FIX.4.4:FIXGW->COPY"
