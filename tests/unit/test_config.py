"""What a configuration may not say, and how that is told."""

from decimal import Decimal
from pathlib import Path

import pytest

from gateway.config import Config, load_config
from gateway.configured import tolerances_of
from gateway.engine.numbers import SessionState
from gateway.errors import ConfigError
from gateway.fix.acceptor import Acceptor, SessionSettings
from gateway.fix.application import GatewayApplication
from gateway.fix.hydrate import hydrate
from gateway.store.dialects import parse_url

GOOD = """
environment = "sim"
deployment = "test"
[engine]
heart_bt_int_min = 5
[[venue_accounts]]
name = "main"
[[accounts]]
name = "TRADING"
venue_account = "main"
[[sessions]]
target_comp_id = "DESK"
accounts = ["TRADING"]
"""


def read(tmp_path: Path, text: str) -> Config:
    path = tmp_path / "gateway.toml"
    path.write_text(text)
    return load_config(path)


@pytest.mark.parametrize("comp_id", ["A/B", "A#B", "[A]", "$HOME", "A B", "A;B", "A=B", "", "\u00c4"])
def test_a_comp_id_has_only_what_files_and_settings_take(tmp_path: Path, comp_id: str) -> None:
    with pytest.raises(ConfigError, match=r"sessions\.1\.target_comp_id"):
        read(tmp_path, GOOD.replace("DESK", comp_id))


def test_an_order_may_take_a_few_seconds_to_come(tmp_path: Path) -> None:
    good = GOOD.replace("[[sessions]]\n", "[[sessions]]\nmax_order_age_seconds = {}\n", 1)
    with pytest.raises(ConfigError, match=r"sessions\.1\.max_order_age_seconds: .*greater than or equal to 5") as error:
        read(tmp_path, good.format(4))
    assert str(tmp_path) in str(error.value)
    assert read(tmp_path, good.format(5)).sessions[0].max_order_age_seconds == 5


def test_ordinary_comp_ids_are_taken(tmp_path: Path) -> None:
    assert read(tmp_path, GOOD.replace("DESK", "Desk_1.EU-2")).sessions[0].target_comp_id == "Desk_1.EU-2"


def test_sessions_whose_files_would_be_the_same_are_refused(tmp_path: Path) -> None:
    more = '[[sessions]]\nsender_comp_id = "{}"\ntarget_comp_id = "{}"\naccounts = ["TRADING"]\n'
    with pytest.raises(ConfigError, match=r"sessions: given twice: \['FIX.4.4-X-A-B'\]"):
        read(tmp_path, GOOD + more.format("X", "A-B") + more.format("X-A", "B"))


def test_the_shortest_heartbeat_interval_is_not_above_the_longest(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"engine: heart_bt_int_min \(400\) is above heart_bt_int_max \(300\)"):
        read(tmp_path, GOOD.replace("heart_bt_int_min = 5", "heart_bt_int_min = 400"))


def test_the_longest_venue_client_order_id_fits(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="deployment"):
        read(tmp_path, GOOD.replace('"test"', '"ninechars"'))
    deployment, order_id, leg = "eightchr", f"O{2**63 - 1}", "99999"
    assert len(f"{deployment}-{order_id}-{leg}") <= 36


def test_what_quickfix_refuses_is_an_error_of_ours(tmp_path: Path) -> None:
    session = SessionSettings("FIX.4.4", "FIXGW", "no/such/directory")
    state = SessionState(session.session_id.toString(), "FIX.4.4", 0)
    ignore = list[object]().append
    application = GatewayApplication(
        put=ignore, sent=ignore, sessions={state.key: state}, heart_bt_int=(5, 60), halt=ignore
    )
    with pytest.raises(ConfigError, match="QuickFIX cannot use the sessions"):
        Acceptor(application, [session], tmp_path).start(tmp_path / "socket", {})
    with pytest.raises(ConfigError, match=r"the session files of FIX\.4\.4:FIXGW->no/such/directory"):
        hydrate(tmp_path, session.session_id, now=0, next_out=1, next_in=1, sent=[])


@pytest.mark.parametrize("url", ["postgresql://u:Xq7-secret@h/x", "postgresql://u@h/x?password=Xq7-secret"])
def test_a_password_in_the_database_url_is_refused_and_not_repeated(tmp_path: Path, url: str) -> None:
    with pytest.raises(ConfigError, match=r"database\.url: write it without the password") as error:
        read(tmp_path, f'{GOOD}[database]\nurl = "{url}"\n')
    assert "Xq7" not in str(error.value)


def test_the_database_password_comes_from_the_environment(tmp_path: Path) -> None:
    url = "postgresql://desk@db.example/fixgw"
    assert parse_url(url, {"FIXGW_DATABASE_PASSWORD": "one"}).password == "one"
    (tmp_path / "password").write_text("two\n")
    environ = {"FIXGW_DATABASE_PASSWORD_FILE": str(tmp_path / "password"), "FIXGW_DATABASE_PASSWORD": "one"}
    assert parse_url(url, environ).password == "two"
    assert parse_url(url, {}).password is None
    with pytest.raises(ConfigError, match=r"FIXGW_DATABASE_PASSWORD_FILE: .*absent cannot be read"):
        parse_url(url, {"FIXGW_DATABASE_PASSWORD_FILE": str(tmp_path / "absent")})


def test_every_wrong_key_is_told_with_what_may_be_meant_and_nothing_that_follows_from_it(tmp_path: Path) -> None:
    wrong = GOOD.replace("target_comp_id", "taget_comp_id").replace("[engine]", "[engin]")
    with pytest.raises(ConfigError) as refused:
        read(tmp_path, wrong)
    assert [line.partition(": ")[2] for line in str(refused.value).splitlines()] == [
        "sessions.1.target_comp_id: is missing",
        "sessions.1.taget_comp_id: unknown key; is it target_comp_id?",
        "engin: unknown key; is it engine?",
    ]


def test_what_is_written_in_another_form_is_told_by_how_to_write_it(tmp_path: Path) -> None:
    wrong = f"{GOOD}[database]\nurl = 'x.db'\n"
    wrong = wrong.replace("[[accounts]]", "[accounts]").replace("[engine]", "[engine]\ndirectory = 5")
    wrong = wrong.replace('accounts = ["TRADING"]', 'accounts = "TRADING"')
    with pytest.raises(ConfigError) as refused:
        read(tmp_path, wrong)
    assert {line.partition(": ")[2] for line in str(refused.value).splitlines()} == {
        "accounts: write it as [[accounts]], a table for each",
        "sessions.1.accounts: write it as a list, in [ ]",
        "engine.directory: write a path, in quotes (given: 5)",
        "database.url: write sqlite:///path or postgresql://user@host/name",
    }


def test_no_sessions_at_all_are_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="sessions: Tuple should have at least 1 item"):
        read(tmp_path, GOOD.partition("[[sessions]]")[0].replace("[engine]", "sessions = []\n[engine]"))


def test_how_far_apart_balances_may_be_is_exact(tmp_path: Path) -> None:
    table = '\n[venue_accounts.balances]\ntolerance_of = { BNB = "0.01" }\n'
    assert "[[accounts]]" in GOOD
    config = read(tmp_path, GOOD.replace("[[accounts]]", table + "[[accounts]]", 1))
    assert {name: (rule.default, dict(rule.of)) for name, rule in tolerances_of(config).items()} == {
        config.venue_accounts[0].name: (Decimal("0.000001"), {"BNB": Decimal("0.01")})
    }
    wrong = {"0.01": "a TOML float is not exact", '"-1"': "greater than or equal to 0", '"NaN"': "finite number"}
    for amount, why in wrong.items():
        given = table.replace('"0.01"', amount)
        with pytest.raises(ConfigError, match=why):
            read(tmp_path, GOOD.replace("[[accounts]]", given + "[[accounts]]", 1))
    off = GOOD.replace("[[accounts]]", "\n[venue_accounts.balances]\ncompare = false\n[[accounts]]", 1)
    assert tolerances_of(read(tmp_path, off)) == {}
