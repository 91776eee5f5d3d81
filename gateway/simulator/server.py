"""Puts the parts together and serves them on one port."""

import asyncio
from dataclasses import dataclass, field
from decimal import Decimal

from aiohttp import web

from gateway.simulator import control, rest
from gateway.simulator.accounts import Accounts, sandbox_accounts
from gateway.simulator.api import Api
from gateway.simulator.clock import Clock
from gateway.simulator.connection import Hub
from gateway.simulator.control_commands import Control
from gateway.simulator.exchange import Exchange
from gateway.simulator.limits import Limits
from gateway.simulator.maker import Maker
from gateway.simulator.market_stream import MarketStream
from gateway.simulator.rest import Rest
from gateway.simulator.scripts import Scripts
from gateway.simulator.settlement import Fees
from gateway.simulator.symbols import default_symbols
from gateway.simulator.user_stream import UserStream
from gateway.simulator.ws_api import WsApi

_UNLIMITED_ORDERS = 1_000_000
_BPS = Decimal("0.0001")


@dataclass(slots=True)
class Settings:
    """How a simulator runs. Port 0 takes a free one; commission in basis points of the asset received.

    max_orders: how many an account may have open in a symbol; None: as many as the symbol says.
    """

    host: str = "127.0.0.1"
    port: int = 9010
    seed: int = 0
    first_id: int = 0
    maker: bool = True
    maker_interval_ms: int = 250
    limits: Limits = field(default_factory=Limits)
    accounts: Accounts = field(default_factory=sandbox_accounts)
    maker_fee_bps: Decimal = Decimal(10)
    taker_fee_bps: Decimal = Decimal(10)
    max_orders: int | None = None


class Simulator:
    """One running exchange: `await start()`, then `url`, then `await stop()`."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        symbols = default_symbols()
        if not settings.limits.enforced:
            for symbol in symbols:
                symbol.max_orders = symbol.max_algo_orders = _UNLIMITED_ORDERS
        if settings.max_orders is not None:
            for symbol in symbols:
                symbol.max_orders = settings.max_orders
        fees = Fees(settings.maker_fee_bps * _BPS, settings.taker_fee_bps * _BPS)
        self.clock = Clock()
        self.stream = UserStream()
        self.exchange = Exchange(symbols, settings.accounts, self.stream, fees, settings.seed, settings.first_id)
        self.hub = Hub()
        self.scripts = Scripts()
        self.maker = Maker(self.exchange, settings.seed, settings.maker)
        self.market_stream = MarketStream(self.exchange, self.hub)
        self.hub.before_flush = self.market_stream.publish
        api = Api(self.exchange, settings.limits, self.clock)
        self._rest = Rest(api, self.scripts, self.hub)
        self._ws_api = WsApi(api, self.stream, self.scripts, self.hub)
        self._control = Control(api, self.stream, self.scripts, self.hub, self.maker)
        self._runner: web.ServerRunner | None = None
        self._making: asyncio.Task[None] | None = None
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://{self.settings.host}:{self.port}"

    async def start(self) -> None:
        self.maker.step(self.clock.now_ms())
        self._runner = web.ServerRunner(web.Server(self._serve, access_log=None), shutdown_timeout=1.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self.settings.host, self.settings.port)
        await site.start()
        self.port = self._runner.addresses[0][1]
        if self.settings.maker:
            self._making = asyncio.create_task(self._make_markets())

    async def stop(self) -> None:
        """Announce the end on the user streams, close all connections and stop listening."""
        if self._making is not None:
            self._making.cancel()
        self.scripts.reset()
        self._rest.ending.set()
        self.stream.shutdown(self.clock.now_ms())
        await self.hub.flush()
        await self.hub.close_all()
        if self._runner is not None:
            await self._runner.cleanup()

    async def _make_markets(self) -> None:
        while True:
            await asyncio.sleep(self.settings.maker_interval_ms / 1000)
            self.maker.step(self.clock.now_ms())
            await self.hub.flush()

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        path, _, query = request.raw_path.partition("?")
        if self.scripts.maintenance and not path.startswith(control.PREFIX):
            return web.Response(status=503, text="<html>Under maintenance</html>", content_type="text/html")
        if path.startswith(rest.PREFIX):
            return await self._rest.serve(request, path, query)
        if path.startswith("/ws-api/"):
            return await self._ws_api.serve(request)
        if path.startswith(control.PREFIX):
            return await control.serve(self._control, request, path)
        if path == "/stream" or path.startswith("/ws"):
            return await self.market_stream.serve(request, path)
        return web.Response(status=404, text="{}", content_type="application/json")
