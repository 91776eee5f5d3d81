"""Received messages, and waiting for the one that is expected."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gateway.client.message import FixMessage

# Heartbeat, TestRequest, ResendRequest, SequenceReset, Logon: the session layer deals with them.
SESSION_TYPES = frozenset({"0", "1", "2", "4", "A"})


@dataclass(frozen=True, slots=True)
class Expectation:
    """What to wait for. Without msg_type, messages of the session layer (0, 1, 2, 4, A) are passed over."""

    msg_type: str | None = None
    tags: Mapping[int, str] | None = None
    predicate: Callable[[FixMessage], bool] | None = None

    def matches(self, message: FixMessage) -> bool:
        msg_type = message.type
        if msg_type != self.msg_type and (self.msg_type is not None or msg_type in SESSION_TYPES):
            return False
        if self.tags and any(message.get(tag) != value for tag, value in self.tags.items()):
            return False
        return self.predicate is None or self.predicate(message)

    def __str__(self) -> str:
        parts = [f"MsgType(35)={self.msg_type}"] if self.msg_type is not None else ["any application message"]
        parts += [f"{tag}={value}" for tag, value in (self.tags or {}).items()]
        if self.predicate is not None:
            parts.append("a predicate")
        return " and ".join(parts)


class Inbox:
    """Messages in the order received; each is handed out once."""

    def __init__(self) -> None:
        self.received: list[FixMessage] = []
        self.unconsumed: list[FixMessage] = []
        self._waiting: list[tuple[Expectation, asyncio.Future[FixMessage | None]]] = []
        self._ended = False

    def add(self, message: FixMessage) -> None:
        """Give the message to the first waiter that it matches, or keep it."""
        self.received.append(message)
        for entry in self._waiting:
            expectation, future = entry
            if not future.done() and expectation.matches(message):
                self._waiting.remove(entry)
                future.set_result(message)
                return
        self.unconsumed.append(message)

    async def take(self, expectation: Expectation, timeout: float) -> FixMessage | None:  # noqa: ASYNC109  # the caller reports what was seen
        """The first unconsumed match, waiting for it; None if it does not come or no more can come."""
        for index, message in enumerate(self.unconsumed):
            if expectation.matches(message):
                return self.unconsumed.pop(index)
        if self._ended:
            return None
        entry = (expectation, asyncio.get_running_loop().create_future())
        self._waiting.append(entry)
        try:
            return await asyncio.wait_for(entry[1], timeout)
        except TimeoutError:
            return None
        finally:
            if entry in self._waiting:
                self._waiting.remove(entry)

    def drain(self) -> list[FixMessage]:
        """All unconsumed messages, which are consumed by this."""
        taken, self.unconsumed = self.unconsumed, []
        return taken

    def begin(self) -> None:
        """A connection is open: messages can arrive."""
        self._ended = False

    def end(self) -> None:
        """No more will arrive on this connection: waiters need not wait for their timeout."""
        self._ended = True
        for _, future in self._waiting:
            if not future.done():
                future.set_result(None)
        self._waiting.clear()
