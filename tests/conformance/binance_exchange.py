"""The simulated Binance exchange as a process of its own, scripted over its control API."""

import json
import subprocess
import sys
import time
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from gateway.venues.base import Sinks, Venue
from gateway.venues.binance.adapter import BinanceVenue
from gateway.venues.binance.limits import Hosts

_OPS = {
    "place": "order.place",
    "cancel": "order.cancel",
    "amend": "order.amend.keepPriority",
    "status": "order.status",
    "subscribe": "userDataStream.subscribe.signature",
    "*": "*",
}
_START_S = 30.0


class SimulatorProcess:
    """`fixgw sim` on a free port. Its keys: HMAC, and one Ed25519 pair made for the run."""

    def __init__(self, directory: Path) -> None:
        key = Ed25519PrivateKey.generate()
        self.key_file = directory / "key.pem"
        self.key_file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        public = directory / "public.pem"
        public.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
        ready = directory / "ready.json"
        arguments = ["sim", "--port", "0", "--ready-file", str(ready), "--ed25519", f"main={public}", "--seed", "7"]
        self.process = subprocess.Popen(
            [str(Path(sys.executable).with_name("fixgw")), *arguments], stdout=subprocess.DEVNULL
        )
        deadline = time.monotonic() + _START_S
        while not ready.exists():
            assert self.process.poll() is None, "the simulator ended"
            assert time.monotonic() < deadline, "the simulator did not start in time"
            time.sleep(0.05)
        self.url = f"http://127.0.0.1:{json.loads(ready.read_text())['port']}"

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(10)


class BinanceExchange:
    """One test's view of the simulator, reset to its start."""

    symbol = "BTCUSDT"
    resting_px = Decimal("20000.00")

    def __init__(self, simulator: SimulatorProcess, session: aiohttp.ClientSession) -> None:
        self._simulator = simulator
        self._session = session
        self.url = simulator.url
        self.ed25519 = False
        self.hosts = Hosts()  # a test's own: a ban of the one before is none of its business

    def environ(self) -> dict[str, str]:
        if self.ed25519:
            return {
                "FIXGW_SIM_MAIN_API_KEY": "main-ed25519",
                "FIXGW_SIM_MAIN_PRIVATE_KEY_FILE": str(self._simulator.key_file),
            }
        return {"FIXGW_SIM_MAIN_API_KEY": "sim-main-key", "FIXGW_SIM_MAIN_API_SECRET": "sim-main-secret"}

    def venue(self, sinks: Sinks, **settings: object) -> Venue:
        table = {"environment": "sim", "base_url": self.url, **settings}
        return BinanceVenue("main", table, sinks, environ=self.environ(), hosts=self.hosts)

    async def post(self, name: str, **body: object) -> Any:
        async with self._session.post(f"{self.url}/sim/{name}", data=msgspec.json.encode(body)) as answer:
            text = await answer.read()
            assert answer.status == 200, text
            return msgspec.json.decode(text)

    async def get(self, name: str) -> Any:
        async with self._session.get(f"{self.url}/sim/{name}") as answer:
            return msgspec.json.decode(await answer.read())

    async def reset(self) -> None:
        await self.post("reset")

    async def manual(self) -> None:
        await self.post("mode", symbol=self.symbol, mode="manual")

    async def fill(self, client_id: str, qty: str | None = None) -> None:
        await self.post("fill", clientOrderId=client_id, qty=qty)

    async def fill_if_open(self, client_id: str, qty: str | None = None) -> None:
        try:
            await self.fill(client_id, qty)
        except AssertionError as error:
            if "not open" not in str(error):
                raise

    async def cancel_foreign(self, client_id: str) -> None:
        await self.post("cancel", clientOrderId=client_id)

    async def expire(self, client_id: str) -> None:
        await self.post("expire", clientOrderId=client_id)

    async def reject(self, operation: str, *, unknown_outcome: bool = False, too_many: bool = False) -> None:
        if too_many:
            await self.post("reject", op=_OPS[operation], code=-1003, msg="Too many requests queued.", status=429)
        elif unknown_outcome:
            await self.post("reject", op=_OPS[operation], code=-1007, msg="Timeout; execution status unknown.")
        else:
            await self.post("reject", op=_OPS[operation], code=-2010, msg="Market is closed.")

    async def fault(self, operation: str, kind: str, count: int = 1) -> None:
        await self.post("fault", op=_OPS[operation], kind=kind, count=count)

    async def hold(self, operation: str, when: str) -> None:
        await self.post("hold", op=_OPS[operation], when=when)

    async def held(self, operation: str) -> int:
        held = (await self.get("held"))["held"]
        return sum(one["op"] == _OPS[operation] for one in held)

    async def release(self) -> None:
        await self.post("release")

    async def lose_events(self, count: int) -> None:
        await self.post("events", lose=count)

    async def duplicate_events(self, count: int) -> None:
        await self.post("events", duplicate=count)

    async def delay_events(self, ms: int) -> None:
        await self.post("events", delay_ms=ms)

    async def hold_events(self) -> None:
        await self.post("hold", op="events")

    async def release_events_backwards(self) -> None:
        await self.post("release", op="events", backwards=True)

    async def ban(self, ms: int) -> None:
        await self.post("reject", op="*", code=-1003, msg="Way too much.", status=418, retry_after_ms=ms)

    async def skew(self, ms: int) -> None:
        await self.post("time", offset_ms=ms)

    async def maintenance(self, *, on: bool) -> None:
        await self.post("maintenance", on=on)

    async def silence(self, *, silent: bool) -> None:
        await self.post("events", silent=silent)

    async def drop_connections(self) -> None:
        await self.post("drop_connections")

    async def orders(self) -> list[Mapping[str, Any]]:
        return [order for order in await self.get("orders") if order["account"] == "main"]

    async def trades(self) -> list[Mapping[str, Any]]:
        return [trade for trade in await self.get("trades") if trade["account"] == "main"]
