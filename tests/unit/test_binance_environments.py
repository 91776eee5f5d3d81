"""Which hosts and whose keys."""

import os
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from gateway.cli.run import _without_keys
from gateway.config import load_config
from gateway.errors import ConfigError
from gateway.venues.base import VenueSettingsError
from gateway.venues.binance import key_source
from gateway.venues.binance.environments import Credentials, Environment, endpoints, load_credentials
from gateway.venues.binance.settings import BinanceSettings
from gateway.venues.binance.startup import judge_key


def test_fixed_hosts() -> None:
    testnet = endpoints(Environment.TESTNET, None, allow_live=False)
    assert testnet.rest_url == "https://testnet.binance.vision"
    assert testnet.ws_url == "wss://ws-api.testnet.binance.vision/ws-api/v3"
    live = endpoints(Environment.LIVE, None, allow_live=True)
    assert live.rest_url == "https://api.binance.com"
    assert live.ws_url == "wss://ws-api.binance.com/ws-api/v3"


def test_live_needs_the_flag() -> None:
    with pytest.raises(VenueSettingsError, match="--live alone"):
        endpoints(Environment.LIVE, None, allow_live=False)


@pytest.mark.parametrize("environment", [Environment.TESTNET, Environment.LIVE])
def test_hosts_cannot_be_configured(environment: Environment) -> None:
    with pytest.raises(VenueSettingsError, match="sim alone"):
        endpoints(environment, "https://api.example.com", allow_live=True)


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "http://localhost:9/", "http://[::1]:9", "http://127.8.8.8:1"])
def test_the_simulator_on_this_machine(url: str) -> None:
    found = endpoints(Environment.SIM, url, allow_live=False)
    assert found.rest_url == url.rstrip("/")
    assert found.ws_url == url.rstrip("/").replace("http", "ws") + "/ws-api/v3"


@pytest.mark.parametrize(
    "url",
    [None, "", "http://10.0.0.1:9", "https://api.binance.com", "http://127.0.0.1.example.com", "http://127.0.0.1/x",
     "ws://127.0.0.1", "http://user@example.com@127.0.0.2.example.com", "http://0.0.0.0:9"],
)  # fmt: skip
def test_the_simulator_is_nowhere_else(url: str | None) -> None:
    with pytest.raises(VenueSettingsError, match="base_url"):
        endpoints(Environment.SIM, url, allow_live=True)


def test_keys_are_named_by_environment_and_account() -> None:
    environ = {
        "FIXGW_SIM_DESK_1_API_KEY": "sim-key",
        "FIXGW_SIM_DESK_1_API_SECRET": "sim-secret",
        "FIXGW_LIVE_DESK_1_API_KEY": "live-key",
    }
    assert load_credentials(Environment.SIM, "desk-1", environ).api_key == "sim-key"
    with pytest.raises(VenueSettingsError, match="FIXGW_TESTNET_DESK_1_API_KEY is not set"):
        load_credentials(Environment.TESTNET, "desk-1", environ)
    with pytest.raises(VenueSettingsError, match="FIXGW_LIVE_DESK_1_API_SECRET nor FIXGW_LIVE_DESK_1_PRIVATE_KEY_FILE"):
        load_credentials(Environment.LIVE, "desk-1", environ)


def test_two_kinds_of_secret_are_one_too_many(tmp_path: Path) -> None:
    environ = {
        "FIXGW_SIM_A_API_KEY": "key",
        "FIXGW_SIM_A_API_SECRET": "hidden",
        "FIXGW_SIM_A_PRIVATE_KEY_FILE": str(tmp_path / "key.pem"),
    }
    with pytest.raises(VenueSettingsError, match="not both") as error:
        load_credentials(Environment.SIM, "a", environ)
    assert "hidden" not in str(error.value)
    del environ["FIXGW_SIM_A_API_SECRET"]
    with pytest.raises(VenueSettingsError, match=r"PRIVATE_KEY_FILE: cannot read .*key\.pem"):
        load_credentials(Environment.SIM, "a", environ)


class TestCommands:
    def load(self, **variables: str) -> Credentials:
        environ = {f"FIXGW_SIM_A_{name}": value for name, value in variables.items()}
        return load_credentials(Environment.SIM, "a", {"PATH": os.environ["PATH"], "ELSE": "seen", **environ})

    def test_what_a_command_prints_is_the_key(self, tmp_path: Path) -> None:
        """Without a shell, and without our own variables."""
        program = tmp_path / "my vault"
        program.write_text(f'#!{sys.executable}\nimport os, sys\nprint("-".join([*sys.argv[1:], os.environ["ELSE"]]))\n'
                           'assert not [name for name in os.environ if name.startswith("FIXGW")]\n')  # fmt: skip
        program.chmod(0o700)
        found = self.load(API_KEY_COMMAND=f"'{program}' get '$HOME;'", API_SECRET="hidden")
        assert found.api_key == "get-$HOME;-seen"

    def test_a_private_key_may_come_so_too(self, tmp_path: Path) -> None:
        pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (tmp_path / "key.pem").write_bytes(pem)
        found = self.load(API_KEY="key", PRIVATE_KEY_COMMAND=f"cat {tmp_path / 'key.pem'}")
        assert found.signer.session_logon

    @pytest.mark.parametrize(
        ("command", "says"),
        [
            ("no-such-program --token=hidden", "API_SECRET_COMMAND cannot be run: No such file"),
            ("sh -c 'echo hidden; echo hidden >&2; exit 3'", "API_SECRET_COMMAND failed: exit code 3$"),
            ("true hidden", "API_SECRET_COMMAND printed no key"),
            ("echo hidden twice", "API_SECRET_COMMAND printed no key"),
            ("sh -c 'sleep 60 & echo hidden; wait'", r"API_SECRET_COMMAND did not end within 0\.3 s"),
            ("echo 'hidden", "its quotes do not match"),
        ],
    )
    def test_what_goes_wrong_is_named_and_not_shown(
        self, command: str, says: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(key_source, "COMMAND_S", 0.3 if "sleep" in command else 20)
        with pytest.raises(VenueSettingsError, match=says) as error:
            self.load(API_KEY="key", API_SECRET_COMMAND=command)
        assert "hidden" not in str(error.value)
        assert error.value.__cause__ is None

    def test_one_way_is_enough(self) -> None:
        with pytest.raises(VenueSettingsError, match=r"set one of FIXGW_SIM_A_API_SECRET, .*_FILE and .*_COMMAND"):
            self.load(API_KEY="key", API_SECRET="hidden", API_SECRET_COMMAND="echo hidden")
        with pytest.raises(VenueSettingsError, match="not both"):
            self.load(API_KEY="key", API_SECRET="hidden", PRIVATE_KEY_COMMAND="echo hidden")


def test_the_front_has_no_command_either() -> None:
    names = ("API_KEY", "API_KEY_FILE", "API_SECRET_COMMAND", "PRIVATE_KEY_COMMAND", "PRIVATE_KEY_FILE")
    environ = {f"FIXGW_LIVE_A_{name}": "hidden" for name in names} | {"FIXGW_OTHER": "1"}
    assert _without_keys(environ) == {"FIXGW_OTHER": "1"}


def test_settings_name_what_is_wrong_and_show_no_value() -> None:
    with pytest.raises(VenueSettingsError) as error:
        BinanceSettings.read("main", {"environment": "prod", "self_trade_prevention": "DECREMENT", "api_key": "hidden"})
    text = str(error.value)
    assert "'main'" in text
    assert "environment" in text
    assert "self_trade_prevention" in text
    assert "api_key" in text
    assert "hidden" not in text
    with pytest.raises(VenueSettingsError, match="'main': settings: base_ulr: unknown key; is it base_url"):
        BinanceSettings.read("main", {"environment": "sim", "base_ulr": "http://127.0.0.1:1"})


class TestKeyRights:
    settings = BinanceSettings.read("main", {"environment": "live"})

    def judge(self, raw: bytes, settings: BinanceSettings | None = None) -> list[str]:
        alerts: list[str] = []
        judge_key(raw, settings or self.settings, lambda code, text: alerts.append(code))
        return alerts

    def test_a_modest_key(self) -> None:
        assert self.judge(b'{"ipRestrict":true,"enableWithdrawals":false,"createTime":1}') == []

    def test_usable_from_anywhere(self) -> None:
        assert self.judge(b'{"ipRestrict":false,"enableWithdrawals":false}') == ["VENUE_KEY_UNRESTRICTED"]

    def test_may_withdraw(self) -> None:
        with pytest.raises(VenueSettingsError, match="withdraw"):
            self.judge(b'{"ipRestrict":true,"enableWithdrawals":true}')
        allowed = BinanceSettings.read("main", {"environment": "live", "allow_withdrawal_keys": True})
        assert self.judge(b'{"ipRestrict":true,"enableWithdrawals":true}', allowed) == []


def test_names_that_share_their_key_variables_are_refused(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "config/sandbox.toml").read_text()
    file = tmp_path / "gateway.toml"
    file.write_text(f'{text}\n[[venue_accounts]]\nname = "MAIN"\n')
    with pytest.raises(ConfigError, match=r"in upper case: given twice: \['MAIN'\]"):
        load_config(file)
