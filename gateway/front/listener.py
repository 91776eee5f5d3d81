"""Accepting connections, up to the point where the client's own bytes begin.

accepted ─▶ counted ─▶ proxy header, where one is due ─▶ address allowed ─▶ TLS ─▶ ClientSide
"""

import asyncio
import contextlib
import socket
import ssl
from dataclasses import dataclass

from loguru import logger

from gateway.front.addresses import Peer, is_in, keep_alive, peer_of
from gateway.front.connection import ClientSide
from gateway.front.door import Place
from gateway.front.proxy_protocol import read_header
from gateway.front.refused import Refused
from gateway.front.state import FrontState
from gateway.wire.records import Kind

_BACKLOG = 512
_OUT_OF_DESCRIPTORS_S = 0.5


@dataclass(frozen=True, slots=True)
class Arrival:
    """A connection that was accepted and counted. deadline: of its complete Logon, by the loop's clock."""

    number: int
    sock: socket.socket
    peer: Peer
    place: Place
    deadline: float


class Listener:
    """The front's listening sockets."""

    def __init__(self, front: FrontState) -> None:
        self._front = front
        self._sockets: list[socket.socket] = []
        self._accepting: list[asyncio.Task[None]] = []
        self._entering: set[asyncio.Task[None]] = set()

    async def start(self, host: str, port: int) -> int:
        """Listen on every address of `host`, or of this machine if it is empty. Returns the port. Raises OSError."""
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        try:
            for family, _, _, _, address in dict.fromkeys(found):
                self._sockets.append(_listen(family, (*address[:1], port, *address[2:])))
                port = int(self._sockets[0].getsockname()[1])  # with port 0 all take the one that the first was given
        except OSError:
            self.close()
            raise
        self._accepting = [loop.create_task(self._accept(sock)) for sock in self._sockets]
        return port

    def close(self) -> None:
        """Accept no more, and let those go that have not come far yet."""
        for task in [*self._accepting, *self._entering]:
            task.cancel()
        for sock in self._sockets:
            sock.close()
        self._sockets = []

    async def _accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                sock, address = await loop.sock_accept(listening)
            except ConnectionAbortedError:  # gone before we came to it
                continue
            except OSError as error:
                logger.error("cannot accept connections: {}", error.strerror)
                await asyncio.sleep(_OUT_OF_DESCRIPTORS_S)
                continue
            self._front.accepted += 1
            self._arrived(self._front.accepted, sock, peer_of(address))

    def _arrived(self, number: int, sock: socket.socket, peer: Peer) -> None:
        try:
            keep_alive(sock, self._front.settings.slow_reader_seconds)
            place = self._front.door.enter()
        except (Refused, OSError) as error:
            self._refuse(number, sock, peer, error)
            return
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._front.settings.logon_deadline_seconds
        task = loop.create_task(self._enter(Arrival(number, sock, peer, place, deadline)))
        self._entering.add(task)
        task.add_done_callback(self._entering.discard)

    async def _enter(self, arrival: Arrival) -> None:
        """Hand the connection to a ClientSide, which owns it from then on."""
        sock, place, peer = arrival.sock, arrival.place, arrival.peer
        client: ClientSide | None = None
        try:
            async with asyncio.timeout_at(arrival.deadline):
                peer = await self._client_of(arrival)
                place.belongs_to(peer.address)
                self._front.gate.admit(peer.address)
                client = ClientSide(self._front, arrival.number, peer, place, arrival.deadline)
                await self._connect(client, sock)
        except ssl.SSLError as error:
            self._refuse(arrival.number, sock, peer, f"TLS handshake failed: {_reason(error)}")
        except TimeoutError:
            self._refuse(arrival.number, sock, peer, "too slow before its first message")
        except (Refused, OSError) as error:
            self._refuse(arrival.number, sock, peer, str(error) or "the client left")
        except asyncio.CancelledError:
            sock.close()
            raise
        except Exception:  # whatever a client can provoke: it ends that client alone, and is seen
            logger.exception("a connection could not be taken in connection={} peer={}", arrival.number, peer)
            self._record_refusal(arrival.number, peer, "it could not be taken in")
            sock.close()
        finally:
            if client is None or not client.has_begun:
                place.leave()

    async def _connect(self, client: ClientSide, sock: socket.socket) -> None:
        loop, tls = asyncio.get_running_loop(), self._front.tls
        if tls is None:
            await loop.connect_accepted_socket(lambda: client, sock)
            return
        # It ends with the deadline around it; asyncio insists on one of its own, too.
        seconds = self._front.settings.logon_deadline_seconds
        await loop.connect_accepted_socket(lambda: client, sock, ssl=tls, ssl_handshake_timeout=seconds)

    async def _client_of(self, arrival: Arrival) -> Peer:
        """Whom the connection is for: who connects, or who the proxy says."""
        if not is_in(arrival.peer.address, self._front.settings.proxies):
            return arrival.peer
        loop, sock = asyncio.get_running_loop(), arrival.sock

        async def read_exactly(size: int) -> bytes:
            data = b""
            while len(data) < size:
                part = await loop.sock_recv(sock, size - len(data))
                if not part:
                    raise Refused("the proxy left before its header was complete")
                data += part
            return data

        return await read_header(read_exactly) or arrival.peer

    def _refuse(self, number: int, sock: socket.socket, peer: Peer, reason: object) -> None:
        self._front.log_refusal("WARNING", f"refused, {reason}", number, peer)
        self._record_refusal(number, peer, reason)
        with contextlib.suppress(OSError):
            sock.close()

    def _record_refusal(self, number: int, peer: Peer, reason: object) -> None:
        if tap := self._front.tap(number, peer):
            tap.note(Kind.REFUSED, str(reason))


def _reason(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"client certificate: {error.verify_message}"
    return str(error.reason or error).replace("_", " ").lower()


def _listen(family: int, address: tuple[object, ...]) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)  # IPv4 has a socket of its own
        sock.setblocking(False)
        sock.bind(address)
        sock.listen(_BACKLOG)
    except OSError:
        sock.close()
        raise
    return sock
