"""The configuration of a front that several gateways share, and what may not be the same in two of them."""

import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.cli.front import front_settings
from gateway.cli.main import app
from gateway.config import load_config
from gateway.config_shared import SharedFront, load_front
from gateway.errors import ConfigError
from gateway.front import PasswordLogon

GATEWAY = """
environment = "sim"
deployment = "{name}"
database.url = "sqlite:///var/{name}/gateway.db"
engine.directory = "var/{name}"
front = {{ shared = true, users_file = "var/{name}/users.json" }}
venue_accounts = [{{ name = "{name}_main" }}]
accounts = [{{ name = "{name}-A", venue_account = "{name}_main" }}]

[[sessions]]
target_comp_id = "{name}-DESK"
accounts = ["{name}-A"]
logon = {{ method = "password", users = ["ann"] }}
"""
FRONT = """
gateways = ["btc.toml", "eth.toml"]
directory = "var/front"
front = { port = 9880, max_half_open = 7 }
"""


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("btc", "eth"):
        Path(f"{name}.toml").write_text(GATEWAY.format(name=name))
    Path("front.toml").write_text(FRONT)
    return tmp_path


def loaded() -> SharedFront:
    shared = load_front(Path("front.toml"))
    assert isinstance(shared, SharedFront)
    return shared


@pytest.mark.usefixtures("files")
def test_each_engine_has_its_own_of_all_but_the_door() -> None:
    settings = front_settings(loaded())
    assert (settings.port, settings.max_half_open, settings.live) == (9880, 7, False)
    for name, backend in zip(("btc", "eth"), settings.backends, strict=True):
        directory = Path("var") / name
        assert backend.engine_socket == directory / "engine.sock"
        assert backend.control_socket == directory / "front.sock"
        assert backend.wire_log is not None
        assert backend.wire_log.directory == directory / "wire"
        (session,) = backend.sessions
        assert session.key == f"FIX.4.4:FIXGW->{name}-DESK"
        assert session.logon == PasswordLogon(frozenset({"ann"}), directory / "users.json")
    assert settings.wire_log is not None
    assert settings.wire_log.directory == Path("var/front/wire")


def test_one_gateway_s_own_file_is_as_it_was(files: Path) -> None:
    Path("btc.toml").write_text(GATEWAY.format(name="btc").replace("shared = true, ", ""))
    config = load_front(files / "btc.toml")
    assert config == load_config(files / "btc.toml")
    settings = front_settings(config)
    assert settings.wire_log == settings.backends[0].wire_log


@pytest.mark.usefixtures("files")
def test_who_shares_a_front_gets_none_of_its_own() -> None:
    """It would listen on the usual port, without the TLS and the limits that the shared one's file asks for."""
    with pytest.raises(ConfigError, match=r"front\.shared: clients come by a shared front"):
        front_settings(load_config(Path("btc.toml")))


def refused(file: str, old: str, new: str) -> str:
    """What is said when this is written instead."""
    text = Path(file).read_text()
    assert old in text
    Path(file).write_text(text.replace(old, new))
    with pytest.raises(ConfigError) as caught:
        front_settings(load_front(Path("front.toml")))
    return str(caught.value)


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"eth-DESK"', '"btc-DESK"', "sessions: FIX.4.4:FIXGW->btc-DESK is in btc.toml as well"),
        ('deployment = "eth"', 'deployment = "btc"', "deployment: btc is in btc.toml as well"),
        ("sqlite:///var/eth/", "sqlite:///var/eth/../btc/", "database.url: {var}/btc/gateway.db is in btc.toml as"),
        ('engine.directory = "var/eth"', 'engine.directory = "var/btc"', "engine.directory: {var}/btc is in btc.toml"),
        ('engine.directory = "var/eth"', 'engine.directory = "var/front"', "is the shared front's own, see front.toml"),
        ("eth_main", "BTC_MAIN", "venue_accounts.name, in upper case: BTC_MAIN is in btc.toml as well"),
        ("eth-A", "btc-A", "accounts.name: btc-A is in btc.toml as well"),
        ('"sim"', '"testnet"', "environment: 'testnet', but btc.toml is 'sim'"),
        ('"sim"', '"live"', "environment: 'live', but btc.toml is 'sim'"),
        ("shared = true, ", "", "front.shared: must be true, since front.toml has it among its gateways"),
        ("shared = true", "shared = true, port = 9881", "front: port: with shared = true this belongs into the shared"),
        ('users_file = "var/eth/', 'control_socket = "var/btc/front.sock", users_file = "v', "front.control_socket: "),
        ('"eth"', '"eth"\nwire_log.directory = "var/btc/wire"', "wire_log.directory: {var}/btc/wire is in btc.toml"),
        ('"eth"', '"eth"\naudit.directory = "var/btc/audit"', "audit.directory: {var}/btc/audit is in btc.toml"),
        ("[[sessions]]", "[[sessions]]\nclient_certificates = ['CN=x']", "front.tls.client_ca is missing in front.tom"),
    ],
)
def test_what_two_gateways_may_not_share_is_refused(old: str, new: str, said: str) -> None:
    text = refused("eth.toml", old, new)
    assert all(line.startswith("eth.toml: ") for line in text.splitlines())
    assert said.format(var=os.path.realpath("var")) in text


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"eth.toml"', '"./btc.toml"', "gateways: given twice"),
        ('"btc.toml", "eth.toml"', "", "gateways: "),
        ('"eth.toml"', '"none.toml"', "none.toml: cannot be read"),
        ("port = 9880", 'users_file = "u.json"', "front: users_file: belongs into the file of each gateway"),
        ("port = 9880, max_half_open = 7", "shared = true", "front: shared: belongs into the file of each gateway"),
        ("directory =", "directry =", "directry: unknown key; is it directory?"),
    ],
)
def test_mistakes_in_the_front_s_file_are_named(old: str, new: str, said: str) -> None:
    assert said in refused("front.toml", old, new)


@pytest.mark.usefixtures("files")
def test_the_same_database_of_a_server_however_its_url_is_written() -> None:
    for name, url in (("btc", "postgresql://a@db.example/fixgw"), ("eth", "postgresql://b@db.example:5432/fixgw")):
        text = Path(f"{name}.toml").read_text()
        Path(f"{name}.toml").write_text(text.replace(f"sqlite:///var/{name}/gateway.db", url))
    with pytest.raises(ConfigError, match=r"eth\.toml: database\.url: db\.example:5432/fixgw is in btc\.toml as well"):
        load_front(Path("front.toml"))


@pytest.mark.usefixtures("files")
def test_the_front_s_file_is_told_from_a_gateway_s() -> None:
    with pytest.raises(ConfigError, match=r"front\.toml: gateways: this is the file of a shared front; give one of"):
        load_config(Path("front.toml"))
    result = CliRunner().invoke(app, ["wire", "--config", "front.toml", "--session", "btc-DESK"])
    assert result.exit_code == 2
    assert "ask for a session in its gateway's, by --config with one of btc.toml, eth.toml" in result.output
    assert '"command": "wire"' in Path("var/front/access.jsonl").read_text()
    result = CliRunner().invoke(app, ["run", "--config", "btc.toml", "--ready-file", "ready.json"])
    assert result.exit_code == 2
    assert "--ready-file: btc.toml has front.shared" in result.output
