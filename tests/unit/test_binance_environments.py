"""Which hosts and whose keys."""

from pathlib import Path

import pytest

from gateway.config import load_config
from gateway.errors import ConfigError
from gateway.venues.base import VenueSettingsError
from gateway.venues.binance.environments import Environment, endpoints, load_credentials
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
    with pytest.raises(VenueSettingsError, match="explicit flag"):
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


def test_settings_name_what_is_wrong_and_show_no_value() -> None:
    with pytest.raises(VenueSettingsError) as error:
        BinanceSettings.read("main", {"environment": "prod", "self_trade_prevention": "DECREMENT", "api_key": "hidden"})
    text = str(error.value)
    assert "'main'" in text
    assert "environment" in text
    assert "self_trade_prevention" in text
    assert "api_key" in text
    assert "hidden" not in text


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
