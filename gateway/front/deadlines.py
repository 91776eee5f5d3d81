"""What a client, or the engine for it, may take its time for: one thing at a time; and reading what it is sent."""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # it knows us too
    from gateway.front.connection import ClientSide


class Deadline:
    """Of what a connection waits for. Each takes the place of the one before."""

    def __init__(self, close: Callable[[str, str], None]) -> None:
        """close: ends the connection, with a level for the log and the reason."""
        self._close = close
        self._timer: asyncio.TimerHandle | None = None

    @property
    def is_set(self) -> bool:
        """Whether something is waited for; also when it was in vain."""
        return self._timer is not None

    def set(self, seconds: float, reason: str) -> None:
        """Close the connection for this reason, unless it is cleared within so long."""
        self.set_at(asyncio.get_running_loop().time() + seconds, reason)

    def set_at(self, at: float, reason: str) -> None:
        """The same, at a time of the loop's clock."""
        self.clear()
        self._timer = asyncio.get_running_loop().call_at(at, self._close, "WARNING", reason)

    def end(self, seconds: float, abort: Callable[[], None]) -> None:
        """The connection is closed: cut it, unless it is gone within so long."""
        self.clear()
        self._timer = asyncio.get_running_loop().call_later(seconds, abort)

    def clear(self) -> None:
        """It is there."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class SlowReader:
    """A client that leaves too much unread is warned of after half of its time, and dropped after all of it."""

    def __init__(self, client: "ClientSide", seconds: float) -> None:
        self._client = client
        self._seconds = seconds
        self._timer: asyncio.TimerHandle | None = None

    def fell_behind(self) -> None:
        """Its time begins."""
        self._timer = asyncio.get_running_loop().call_later(self._seconds / 2, self._warn)

    def caught_up(self) -> None:
        """It has read enough, or is closed."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _warn(self) -> None:
        half = self._seconds / 2
        self._client.log("WARNING", f"reads slowly, {self._client.unread_bytes} bytes unread for {half:g} s")
        self._timer = asyncio.get_running_loop().call_later(half, self._drop)

    def _drop(self) -> None:
        """No Logout(5): the engine's would come after all that is unread, and one of ours would take the number of a
        report, which the client would then never ask for. It asks when it comes back.
        """
        self._client.cut(f"slow reader, {self._client.unread_bytes} bytes unread after {self._seconds:g} s")
