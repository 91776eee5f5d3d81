"""Addresses of clients."""

import socket
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# An IPv6 site has at least a /64 (RFC 6177), so one machine has as many addresses as it likes.
_IPV6_SITE_BITS = 64


@dataclass(frozen=True, slots=True)
class Peer:
    """The other end of a connection; behind a proxy, the client that the proxy speaks for."""

    address: Address
    port: int

    def __str__(self) -> str:
        return f"[{self.address}]:{self.port}" if self.address.version == 6 else f"{self.address}:{self.port}"


def peer_of(sockname: tuple[str, int, *tuple[int, ...]]) -> Peer:
    """A TCP socket's address as Python gives it; IPv4 inside IPv6 counts as IPv4."""
    return Peer(plain(ip_address(sockname[0].partition("%")[0])), sockname[1])


def plain(address: Address) -> Address:
    """Without the IPv6 around an IPv4 address: ::ffff:192.0.2.1 is 192.0.2.1."""
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


def is_in(address: Address, networks: Iterable[Network]) -> bool:
    """Whether one of the networks has the address."""
    return any(address in network for network in networks)


def site(address: Address) -> Network:
    """What counts as one client when connections are counted."""
    return ip_network((address, _IPV6_SITE_BITS if address.version == 6 else 32), strict=False)


def keep_alive(sock: socket.socket, slow_reader_seconds: float) -> None:
    """Have the kernel end a connection whose other end is gone: half a minute silent, or 20 s without taking bytes.

    Otherwise a client that comes back over another path is refused until its heartbeats are missed. Who is there and
    reads nothing takes no bytes either, and for the kernel that is the same: so it waits longer than for slow readers.
    """
    unread_ms = max(20_000, int(slow_reader_seconds * 1000) + 5_000)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (
        ("TCP_KEEPIDLE", 15),
        ("TCP_KEEPINTVL", 5),
        ("TCP_KEEPCNT", 3),
        ("TCP_USER_TIMEOUT", unread_ms),
    ):
        if hasattr(socket, name):  # not on every system
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
