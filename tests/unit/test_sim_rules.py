"""Signing, limits and account files of the simulated exchange."""

import time
from decimal import Decimal
from pathlib import Path

import pytest

from gateway.simulator import signing
from gateway.simulator.accounts import Account, ApiKey, load_accounts
from gateway.simulator.errors import ApiError
from gateway.simulator.limits import Limits

# Published examples of the Binance documentation.
KEY = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"
SECRET = b"NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"
REST = "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559"
REST_SIGNATURE = "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71"


def hmac_key() -> ApiKey:
    return ApiKey(KEY, Account("main", 1), secret=SECRET)


@pytest.mark.parametrize("cut", [0, 20, len(REST)])
def test_rest_vector_wherever_the_parameters_are(cut: int) -> None:
    query, body = REST[:cut], REST[cut:]
    if body:
        body += f"&signature={REST_SIGNATURE}"
    else:
        query += f"&signature={REST_SIGNATURE}"
    signing.check_signature(hmac_key(), signing.rest_payload(query, body), REST_SIGNATURE)
    with pytest.raises(ApiError, match="-1022"):
        signing.check_signature(hmac_key(), signing.rest_payload("x" + query, body), REST_SIGNATURE)


def test_websocket_vector_in_any_order_and_case() -> None:
    params = {
        "type": "LIMIT",
        "symbol": "BTCUSDT",
        "side": "SELL",
        "timeInForce": "GTC",
        "quantity": "0.01000000",
        "price": "52000.00",
        "recvWindow": 100,
        "timestamp": 1645423376532,
        "apiKey": KEY,
        "signature": "ignored",
    }
    signature = "aa1b5712c094bc4e57c05a1a5c1fd8d88dcd628338ea863fec7b88e59fe2db24"
    payload = signing.websocket_payload(params)
    signing.check_signature(hmac_key(), payload, signature)
    signing.check_signature(hmac_key(), payload, signature.upper())


@pytest.mark.parametrize(
    ("timestamp", "window", "code"),
    [
        (100_000, None, None),
        (95_000, None, None),
        (94_999, None, -1021),
        (100_999, None, None),
        (101_000, None, -1021),
        (40_000, "60000", None),
        (99_000, "999.5", -1021),
        (None, None, -1102),
        ("soon", None, -1102),
        (100_000, "wide", -1102),
        (100_000, "60000.001", -1131),
    ],
)
def test_timing(timestamp: object, window: object, code: int | None) -> None:
    if code is None:
        signing.check_timing(timestamp, window, 100_000)
        return
    with pytest.raises(ApiError) as caught:
        signing.check_timing(timestamp, window, 100_000)
    assert caught.value.code == code


def test_microsecond_timestamps() -> None:
    now = time.time_ns() // 1_000_000
    signing.check_timing(now * 1000, None, now)


def test_weight_starts_anew_each_minute_and_repeated_offenders_are_banned() -> None:
    limits = Limits(weight_per_minute=2, refusals_before_ban=1)
    assert [limits.charge("a", 1, 0).weight, limits.charge("a", 1, 59_999).weight] == [1, 2]
    assert limits.charge("b", 1, 59_999).weight == 1
    assert limits.charge("a", 1, 60_000).weight == 1
    limits.charge("a", 1, 60_000)
    refusals = ((60_001, 429, 120_000), (60_002, 418, 180_002), (130_000, 418, 180_002))
    for now, status, retry_after in refusals:
        with pytest.raises(ApiError) as caught:
            limits.charge("a", 1, now)
        assert caught.value.data is not None
        assert (caught.value.status, caught.value.data["retryAfter"]) == (status, retry_after)
    assert limits.charge("a", 1, 180_002).weight == 1


def test_limits_that_are_not_enforced_still_count() -> None:
    limits = Limits(weight_per_minute=1, orders_per_10s=1, enforced=False)
    for _ in range(3):
        usage = limits.charge("a", 1, 5)
        limits.charge_order("main", usage, 5)
    assert limits.headers(usage)["X-MBX-USED-WEIGHT-1M"] == "3"
    assert limits.headers(usage)["X-MBX-ORDER-COUNT-10S"] == "3"


def test_account_file(tmp_path: Path) -> None:
    file = tmp_path / "accounts.toml"
    file.write_text(
        '[[account]]\nname = "one"\napi_key = "k1"\nsecret = "s"\nbalances = {USDT = "12.5", BTC = 1}\n'
        '[[account]]\nname = "one"\napi_key = "k2"\ned25519_public_key = """-----BEGIN PUBLIC KEY-----\n'
        'MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----"""\n'
    )
    accounts = load_accounts(file)
    assert accounts.by_name["one"].balance("USDT").free == Decimal("12.5")
    assert accounts.keys["k1"].secret == b"s"
    assert accounts.keys["k2"].public_key is not None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no \\[\\[account\\]\\]"),
        ('[[account]]\nname = "a"', "api_key"),
        ('[[account]]\nname = "a"\napi_key = "k"', "needs secret"),
        ('[[account]]\nname = "a"\napi_key = "k"\nsecret = "s"\ncolour = 1', "colour"),
        ('[[account]]\nname = "a"\napi_key = "k"\nsecret = "s"\nbalances = {USDT = "much"}', "Invalid"),
        ('[[account]]\nname = "a"\nsecret = "s"', "lacks api_key"),
        ("[[account", "accounts.toml"),
    ],
)
def test_mistakes_in_an_account_file_are_named(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "accounts.toml"
    file.write_text(text)
    with pytest.raises(ValueError, match=words):
        load_accounts(file)
