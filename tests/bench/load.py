"""A FIX client that costs next to nothing: messages are encoded before the clock starts, answers are only counted."""

import asyncio
import contextlib
import ssl
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

_HEADER_44 = "35={type}|49={sender}|56={target}|34={seq}|52={time}|"


@dataclass(slots=True)
class Result:
    """Times are nanoseconds of the host's clock, by ClOrdID."""

    elapsed_s: float = 0.0
    sent_at: dict[str, int] = field(default_factory=dict)
    done_at: dict[str, int] = field(default_factory=dict)

    def round_trips_us(self) -> list[float]:
        """Sorted, microseconds."""
        return sorted((self.done_at[key] - self.sent_at[key]) / 1000 for key in self.done_at)


class LoadClient(asyncio.Protocol):
    """One FIX.4.4 session. marker: bytes that one answer an order holds and no other (the fill, or the echo)."""

    def __init__(self, sender: str, target: str, marker: bytes) -> None:
        self._sender, self._target, self._marker = sender, target, marker
        self._seq = 1
        self._buffer = b""
        self._count = 0
        self._progress = asyncio.Event()
        self._logged_on, self._ended = asyncio.Event(), asyncio.Event()
        self._result: Result | None = None
        self._transport: asyncio.Transport | None = None

    # --- asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._ended.set()

    def data_received(self, data: bytes) -> None:
        if not self._logged_on.is_set():
            assert b"\x0135=A\x01" in data, data
            self._logged_on.set()
            return
        if self._result is None:  # throughput: only count
            self._count += (self._buffer + data).count(self._marker)
            self._buffer = data[-len(self._marker) + 1 :]
        else:
            self._match(data)
        self._progress.set()

    def _match(self, data: bytes) -> None:
        assert self._result is not None
        now = time.time_ns()
        self._buffer += data
        while (end := self._buffer.find(b"\x0110=")) >= 0 and len(self._buffer) >= end + 8:
            message, self._buffer = self._buffer[: end + 8], self._buffer[end + 8 :]
            if self._marker in message:
                start = message.index(b"\x0111=") + 4
                self._result.done_at[message[start : message.index(b"\x01", start)].decode()] = now
                self._count += 1

    # --- the runs

    async def logon(self) -> None:
        """With a reset, so that every run starts alike."""
        assert self._transport is not None
        self._transport.write(self._encode("A", "98=0|108=60|141=Y|"))
        await asyncio.wait_for(self._logged_on.wait(), 20)

    async def throughput(self, orders: list[str], window: int) -> Result:
        """As fast as they are answered, with `window` orders under way."""
        assert self._transport is not None
        chunk = max(1, window // 8)
        encoded = [self._encode("D", body) for body in orders]
        chunks = [b"".join(encoded[at : at + chunk]) for at in range(0, len(encoded), chunk)]
        self._count, self._buffer, self._result = 0, b"", None
        started = time.perf_counter()
        sent = 0
        for part in chunks:
            while sent - self._count > window - chunk:
                await self._wait()
            self._transport.write(part)
            sent += chunk
        while self._count < len(orders):
            await self._wait()
        return Result(elapsed_s=time.perf_counter() - started)

    async def paced(self, orders: dict[str, str], per_second: int) -> Result:
        """At a steady rate, whatever the answers take: latency without hiding a queue."""
        assert self._transport is not None
        encoded = [(key, self._encode("D", body)) for key, body in orders.items()]
        self._count, self._buffer = 0, b""
        self._result = result = Result()
        started = time.perf_counter()
        for number, (key, message) in enumerate(encoded):
            delay = started + number / per_second - time.perf_counter()
            if delay > 0:
                await asyncio.sleep(delay)
            result.sent_at[key] = time.time_ns()
            self._transport.write(message)
        while self._count < len(orders):
            await self._wait()
        result.elapsed_s = time.perf_counter() - started
        self._result = None
        return result

    async def logout(self) -> None:
        """Leave in order, so that a following run finds a clean session: the engine ends the connection."""
        assert self._transport is not None
        self._transport.write(self._encode("5", ""))
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._ended.wait(), 10)
        self._transport.close()

    async def _wait(self) -> None:
        self._progress.clear()
        await asyncio.wait_for(self._progress.wait(), 30)

    def _encode(self, msg_type: str, body: str) -> bytes:
        now = time.strftime("%Y%m%d-%H:%M:%S", time.gmtime())
        head = _HEADER_44.format(type=msg_type, sender=self._sender, target=self._target, seq=self._seq, time=now)
        self._seq += 1
        inner = (head + body).replace("|", "\x01").encode()
        message = b"8=FIX.4.4\x019=%d\x01" % len(inner) + inner
        return message + b"10=%03d\x01" % (sum(message) % 256)


def order(cl_ord_id: str) -> str:
    """The body of a marketable limit order, as small as the simulator's filters allow."""
    now = time.strftime("%Y%m%d-%H:%M:%S", time.gmtime())
    return f"11={cl_ord_id}|21=1|55=BTCUSDT|54=1|60={now}|38=0.001|40=2|44=60000|59=3|"


async def connect(where: int | Path, sender: str, marker: bytes, tls: ssl.SSLContext | None = None) -> LoadClient:
    """Connect and log on. where: a port of this machine, or a Unix socket."""
    loop = asyncio.get_running_loop()
    client = LoadClient(sender, "FIXGW", marker)
    if isinstance(where, Path):
        await loop.create_unix_connection(lambda: client, str(where))
    else:
        await loop.create_connection(lambda: client, "127.0.0.1", where, ssl=tls)
    await client.logon()
    return client
