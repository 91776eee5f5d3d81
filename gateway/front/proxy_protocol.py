"""PROXY protocol, version 2: what a load balancer says about a connection before the client's first byte.

Source: haproxy.org, "The PROXY protocol", section 2.2: 12 bytes of signature, version and command, family and protocol,
and the length of what follows: addresses, ports, and extensions, which are not used here.
"""

import struct
from collections.abc import Awaitable, Callable
from ipaddress import ip_address

from gateway.front.addresses import Peer, plain
from gateway.front.refused import Refused

_SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
_HEAD = struct.Struct("!12sBBH")
_MAX_REST_BYTES = 1024  # addresses take 36; certificates and the like in extensions may take more
_LOCAL, _PROXY = 0x20, 0x21
_TCP4, _TCP6 = 0x11, 0x21
_ADDRESS_BYTES = {_TCP4: 4, _TCP6: 16}


async def read_header(read_exactly: Callable[[int], Awaitable[bytes]]) -> Peer | None:
    """The client that a proxy speaks for; None when it speaks for itself (a health check).

    Raises Refused for anything else. Never reads beyond the header.
    """
    signature, command, family, length = _HEAD.unpack(await read_exactly(_HEAD.size))
    if signature != _SIGNATURE or command not in (_LOCAL, _PROXY):
        raise Refused("the proxy sent no PROXY protocol header of version 2")
    if length > _MAX_REST_BYTES:
        raise Refused(f"the proxy's header is {length} bytes long, at most {_MAX_REST_BYTES} are allowed")
    rest = await read_exactly(length)
    if command == _LOCAL:
        return None
    size = _ADDRESS_BYTES.get(family, 0)
    if not size or len(rest) < 2 * size + 4:
        raise Refused("the proxy's header names no TCP client")
    (port,) = struct.unpack_from("!H", rest, 2 * size)
    return Peer(plain(ip_address(rest[:size])), port)
