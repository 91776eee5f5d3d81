"""The end of a client's connection, such that it can read what it was told last.

A socket that is closed while bytes of its peer are unread, or that gets more of them afterwards, answers with a reset
(RFC 1122, 4.2.2.13), and a client that is reset may never see the Logout(5) or Reject(3) that says why. So our side
ends first, with a FIN; what the client still sends is thrown away, and the socket is closed when it has ended too, or
has had its time. TLS has no half-closed connections in asyncio: there the client finds nothing ended until it has
sent nothing for a moment, and a client that goes on sending for all its time is reset as before.
"""

import asyncio

LINGER_S = 2.0
"""How long a client may go on sending."""

LINGER_BYTES = 16 << 20
"""How much it may send meanwhile: more than the socket buffers on the way usually hold."""

QUIET_S = 0.25
"""How long a client must have sent nothing, where it cannot be told the end before the end."""


class Parting:
    """From one client. What is buffered for it is still delivered, however long that takes."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._bytes, self._looked_at = 0, -1
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, *, lingers: bool) -> None:
        """Close the connection. lingers: the client may have something to read, and more to send."""
        if not lingers or self._transport.is_closing():
            self._transport.close()
            return
        self._transport.resume_reading()
        loop = asyncio.get_running_loop()
        until = loop.time() + LINGER_S
        if not self._transport.can_write_eof():
            self._close_when_quiet(until)
            return
        try:
            self._transport.write_eof()
        except OSError:  # the client has reset it
            self._transport.close()
            return
        self._timer = loop.call_at(until, self._transport.close)

    def discard(self, size: int) -> None:
        """So many bytes came after the beginning of the end."""
        self._bytes += size
        if self._bytes > LINGER_BYTES:
            self._transport.close()

    def over(self) -> None:
        """The connection is closed."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _close_when_quiet(self, until: float) -> None:
        loop = asyncio.get_running_loop()
        if self._bytes == self._looked_at or loop.time() >= until:
            self._transport.close()
            return
        self._looked_at = self._bytes
        self._timer = loop.call_at(min(loop.time() + QUIET_S, until), self._close_when_quiet, until)
