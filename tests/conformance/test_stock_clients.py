"""Clients that others wrote, pointed at the simulated exchange: only the base URL differs.

The two that take long to load are loaded by their own tests: every process of the suite reads this file.
"""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import ccxt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

DEADLINE = 30.0
PATIENCE_MS = 30_000  # one of them waits for a second by itself, and then sends it again
KEY, SECRET = "sim-main-key", "sim-main-secret"
SYMBOL = "LTCUSDT"


@pytest.fixture(scope="module")
def private_key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An Ed25519 key pair: key.pem and, beside it, key.pub."""
    file: Path = tmp_path_factory.mktemp("keys") / "key.pem"
    key = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    file.with_suffix(".pub").write_bytes(public)
    return file


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory, private_key: Path) -> Iterator[str]:
    """host:port of a simulator in its own process, with a market maker that stands still once quoted."""
    ready = tmp_path_factory.mktemp("sim") / "ready.json"
    command = [sys.executable, "-c", "from gateway.cli.main import app; app()", "sim", "--port", "0"]
    command += ["--ready-file", str(ready), "--maker-interval-ms", "3600000"]
    command += ["--ed25519", f"main={private_key.with_suffix('.pub')}"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + DEADLINE
        while not ready.exists():
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        yield f"127.0.0.1:{json.loads(ready.read_text())['port']}"
    finally:
        process.terminate()
        assert process.wait(DEADLINE) == 0


# -- ccxt -------------------------------------------------------------------------------------------------


@pytest.fixture
def exchange(address: str) -> Any:
    client = ccxt.binance(
        {
            "apiKey": KEY,
            "secret": SECRET,
            "enableRateLimit": False,
            "options": {"fetchMarkets": {"types": ["spot"]}, "fetchCurrencies": False, "fetchMargins": False},
        }
    )
    client.urls["api"]["public"] = client.urls["api"]["private"] = f"http://{address}/api/v3"
    return client


def test_ccxt_markets_and_prices(exchange: Any) -> None:
    markets = exchange.load_markets()
    assert {"BTC/USDT", "ETH/USDT", "LTC/USDT"} <= set(markets)
    btc = markets["BTC/USDT"]
    assert (btc["precision"]["price"], btc["precision"]["amount"]) == (0.01, 0.00001)
    assert btc["limits"]["cost"]["min"] == 5
    book = exchange.fetch_order_book("BTC/USDT", 5)
    assert len(book["bids"]) == len(book["asks"]) == 5
    assert book["bids"][0][0] < book["asks"][0][0]
    assert abs(exchange.fetch_time() - time.time() * 1000) < 10_000


def test_ccxt_order_life(exchange: Any) -> None:
    order = exchange.create_order("LTC/USDT", "limit", "buy", 1.5, 60.25)
    assert (order["status"], order["price"], order["amount"], order["filled"]) == ("open", 60.25, 1.5, 0)
    assert exchange.fetch_order(order["id"], "LTC/USDT")["status"] == "open"
    assert order["id"] in [one["id"] for one in exchange.fetch_open_orders("LTC/USDT")]
    assert exchange.fetch_balance()["USDT"]["used"] >= 90
    edited = exchange.edit_order(order["id"], "LTC/USDT", "limit", "buy", 1, 61)
    assert (edited["status"], edited["price"]) == ("open", 61)
    canceled = exchange.cancel_order(edited["id"], "LTC/USDT")
    assert canceled["status"] == "canceled"
    assert exchange.fetch_open_orders("LTC/USDT") == []
    assert [one["status"] for one in exchange.fetch_orders("LTC/USDT")[-2:]] == ["canceled", "canceled"]


def test_ccxt_market_order_trades_and_balance(exchange: Any) -> None:
    before = exchange.fetch_balance()
    order = exchange.create_order("LTC/USDT", "market", "buy", 2)
    assert (order["status"], order["filled"], order["remaining"]) == ("closed", 2, 0)
    trades = exchange.fetch_my_trades("LTC/USDT", params={"orderId": order["id"]})
    assert sum(Decimal(str(trade["amount"])) for trade in trades) == 2
    assert trades[0]["takerOrMaker"] == "taker"
    assert trades[0]["fee"]["currency"] == "LTC"
    after = exchange.fetch_balance()
    assert Decimal(str(after["LTC"]["total"])) == Decimal(str(before["LTC"]["total"])) + Decimal("1.998")
    spent = exchange.create_order("LTC/USDT", "market", "buy", None, None, {"quoteOrderQty": 50})
    assert 49 < spent["cost"] <= 50


def test_ccxt_other_order_types(exchange: Any) -> None:
    post_only = exchange.create_order("LTC/USDT", "limit", "sell", 1, 150, {"postOnly": True})
    stop = exchange.create_order("LTC/USDT", "limit", "sell", 1, 70, {"stopLossPrice": 71})
    open_types = {one["id"]: one["info"]["type"] for one in exchange.fetch_open_orders("LTC/USDT")}
    assert (open_types[post_only["id"]], open_types[stop["id"]]) == ("LIMIT_MAKER", "STOP_LOSS_LIMIT")
    ioc = exchange.create_order("LTC/USDT", "limit", "buy", 1, 50, {"timeInForce": "IOC"})
    assert ioc["status"] == "expired"
    assert len(exchange.cancel_all_orders("LTC/USDT")) == 2


@pytest.mark.parametrize(
    ("action", "error"),
    [
        (lambda e: e.fetch_order("999999999", "LTC/USDT"), ccxt.OrderNotFound),
        (lambda e: e.cancel_order("999999999", "LTC/USDT"), ccxt.OrderNotFound),
        (lambda e: e.create_order("BTC/USDT", "limit", "buy", 8999, 50_000.0), ccxt.ExchangeError),
        (lambda e: e.create_order("LTC/USDT", "limit", "sell", 90_000, 99.0), ccxt.InsufficientFunds),
        (lambda e: e.create_order("LTC/USDT", "limit", "buy", 1, 99_999), ccxt.InvalidOrder),
        (
            lambda e: e.create_order("LTC/USDT", "limit", "buy", 1, 150, {"postOnly": True}),
            ccxt.OrderImmediatelyFillable,
        ),
        (lambda e: e.public_get_depth({"symbol": "NOPE"}), ccxt.BadSymbol),
    ],
)
def test_ccxt_understands_refusals(
    exchange: Any, address: str, action: Callable[[Any], Any], error: type[Exception]
) -> None:
    exchange.load_markets()
    if error is ccxt.InsufficientFunds:
        exchange.fetch(
            f"http://{address}/sim/balance",
            "POST",
            {"Content-Type": "application/json"},
            json.dumps({"account": "main", "asset": "LTC", "free": "5"}),
        )
    with pytest.raises(error):
        action(exchange)


def test_ccxt_understands_bad_keys_and_clocks(exchange: Any) -> None:
    exchange.load_markets()
    exchange.secret = "wrong"
    with pytest.raises(ccxt.AuthenticationError):
        exchange.fetch_balance()
    exchange.secret, exchange.options["timeDifference"] = SECRET, 60_000
    with pytest.raises(ccxt.InvalidNonce):
        exchange.fetch_balance()
    exchange.apiKey, exchange.options["timeDifference"] = "nobody", 0
    with pytest.raises(ccxt.AuthenticationError):
        exchange.fetch_balance()


# -- the exchange's own SDK, whose models check the field names -------------------------------------------


def test_sdk_rest(address: str) -> None:
    from binance_common.configuration import ConfigurationRestAPI
    from binance_common.errors import BadRequestError
    from binance_sdk_spot.spot import Spot

    config = ConfigurationRestAPI(api_key=KEY, api_secret=SECRET, base_path=f"http://{address}", timeout=PATIENCE_MS)
    rest: Any = Spot(config).rest_api
    symbols = {one.symbol: one for one in rest.exchange_info().data().symbols}
    assert symbols[SYMBOL].amend_allowed is True
    placed = rest.new_order(SYMBOL, "BUY", "LIMIT", time_in_force="GTC", quantity=2, price=70.5).data()
    assert (placed.status, placed.orig_qty, placed.price) == ("NEW", "2.00000000", "70.50000000")
    amended = rest.order_amend_keep_priority(SYMBOL, new_qty=1.5, order_id=placed.order_id).data()
    assert amended.amended_order.qty == "1.50000000"
    assert rest.get_order(SYMBOL, order_id=placed.order_id).data().orig_qty == "1.50000000"
    replaced = rest.order_cancel_replace(
        SYMBOL,
        "BUY",
        "LIMIT",
        "STOP_ON_FAILURE",
        time_in_force="GTC",
        quantity=1,
        price=70,
        cancel_order_id=placed.order_id,
    ).data()
    assert replaced.cancel_response.status == "CANCELED"
    assert [one.price for one in rest.get_open_orders(SYMBOL).data()] == ["70.00000000"]
    filled = rest.new_order(SYMBOL, "BUY", "MARKET", quantity=0.00001e5).data()
    assert filled.fills[0].commission_asset == "LTC"
    assert rest.my_trades(SYMBOL, order_id=filled.order_id).data()[0].qty == "1.00000000"
    assert rest.get_account(omit_zero_balances=True).data().account_type == "SPOT"
    rest.delete_open_orders(SYMBOL)
    with pytest.raises(BadRequestError, match="PRICE_FILTER"):
        rest.new_order(SYMBOL, "BUY", "LIMIT", time_in_force="GTC", quantity=1, price=70.0001)


async def test_sdk_websocket_with_logon_and_user_data(address: str, private_key: Path) -> None:
    from binance_common.configuration import ConfigurationWebSocketAPI
    from binance_sdk_spot.spot import Spot

    config = ConfigurationWebSocketAPI(
        api_key="main-ed25519",
        private_key=str(private_key),
        stream_url=f"ws://{address}/ws-api/v3",
        timeout=PATIENCE_MS,
    )
    client: Any = Spot(config_ws_api=config).websocket_api
    await client.create_connection()
    try:
        assert (await client.session_logon()).data().result.api_key == "main-ed25519"
        subscribed = await client.user_data_stream_subscribe()
        events: asyncio.Queue[Any] = asyncio.Queue()
        subscribed.stream.on("message", events.put_nowait)
        placed = (await client.order_place(SYMBOL, "BUY", "LIMIT", time_in_force="GTC", quantity=1, price=66.6)).data()
        assert (placed.status, placed.result.status) == (200, "NEW")
        report = await asyncio.wait_for(events.get(), DEADLINE)
        assert report.actual_instance.x == "NEW"
        amended = await client.order_amend_keep_priority(SYMBOL, 0.5, order_id=placed.result.order_id)
        assert amended.data().result.amended_order.qty == "0.50000000"
        canceled = (await client.order_cancel(SYMBOL, order_id=placed.result.order_id)).data()
        assert canceled.result.status == "CANCELED"
        assert (await client.order_status(SYMBOL, order_id=placed.result.order_id)).data().result.status == "CANCELED"
        assert (await client.session_status()).data().result.user_data_stream is True
    finally:
        await client.close_connection(close_session=True)


# -- python-binance, whose websockets negotiate compression -----------------------------------------------


@pytest.fixture
async def python_binance(address: str) -> AsyncIterator[Any]:
    from binance import AsyncClient
    from binance.ws.constants import WSListenerState
    from binance.ws.websocket_api import WebsocketAPI

    client = AsyncClient(KEY, SECRET)
    client.API_URL = f"http://{address}/api"
    client.ws_api = WebsocketAPI(url=f"ws://{address}/ws-api/v3")
    try:
        yield client
    finally:
        if client.ws_api.ws is not None:  # or its closing waits ten seconds for one more message
            client.ws_api.ws_state = WSListenerState.EXITING
            await client.ws_api.ws.close()
        await client.close_connection()


async def test_python_binance_rest(python_binance: Any) -> None:
    from binance.exceptions import BinanceAPIException

    client = python_binance
    assert (await client.get_symbol_info(SYMBOL))["baseAsset"] == "LTC"
    order = await client.order_limit_buy(symbol=SYMBOL, quantity="1", price="65.00")
    assert order["status"] == "NEW"
    assert (await client.get_order(symbol=SYMBOL, orderId=order["orderId"]))["status"] == "NEW"
    assert (await client.cancel_order(symbol=SYMBOL, orderId=order["orderId"]))["status"] == "CANCELED"
    assert (await client.order_market_buy(symbol=SYMBOL, quantity="1"))["status"] == "FILLED"
    assert (await client.get_asset_balance("BTC"))["asset"] == "BTC"
    with pytest.raises(BinanceAPIException) as caught:
        await client.cancel_order(symbol=SYMBOL, orderId=order["orderId"])
    assert caught.value.code == -2011


async def test_python_binance_websocket(python_binance: Any) -> None:
    client = python_binance
    order = await client.ws_order_limit_buy(symbol=SYMBOL, quantity="1", price="65.00")
    assert order["status"] == "NEW"
    assert (await client.ws_get_order(symbol=SYMBOL, orderId=order["orderId"]))["status"] == "NEW"
    assert (await client.ws_cancel_order(symbol=SYMBOL, orderId=order["orderId"]))["status"] == "CANCELED"
    assert (await client.ws_get_orderbook_ticker(symbol=SYMBOL))["symbol"] == SYMBOL
