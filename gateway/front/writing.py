"""Writing to a socket at once. An event loop's transport waits until the loop's turn ends, which each message feels
twice.
"""

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress


def write_at_once(transport: asyncio.Transport) -> Callable[[bytes], None]:
    """As the transport's write(), sooner. Only for a transport that puts nothing around the bytes, as TLS does.

    The transport keeps what the socket does not take, and with it stay order, limits and whatever goes wrong. Once it
    is closing nothing is written.
    """
    descriptor = transport.get_extra_info("socket").fileno()  # the transport's as long as it is not closing
    write, waiting, is_closing = transport.write, transport.get_write_buffer_size, transport.is_closing

    def write_now(data: bytes) -> None:
        if is_closing():
            return
        taken = 0
        if not waiting():
            with suppress(OSError):  # it is full, or broken: the transport finds out
                taken = os.write(descriptor, data)
        if taken < len(data):
            write(data[taken:])

    return write_now
