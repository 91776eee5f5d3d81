"""What a client sends once it is logged on: cut into messages, each of them screened, their numbers noted."""

from collections.abc import Callable

from gateway.front.numbers import SentNumbers
from gateway.front.screening import Unanswerable, is_usual, screen
from gateway.front.settings import FrontSettings
from gateway.wire.framing import Framer


class Inbound:
    """Of one connection."""

    def __init__(self, settings: FrontSettings) -> None:
        self._longest, self._most_garbage = settings.max_message_bytes, settings.max_garbage_bytes
        self._framer = Framer(self._longest)
        self._skipped = 0
        self.numbers = SentNumbers(settings.max_beyond_gap_bytes)

    @property
    def is_inside(self) -> bool:
        """A message has begun and is not complete."""
        return self._framer.is_inside

    def passes(self, data: bytes) -> bool:
        """Whether these bytes go on as they are, which one look tells of most of what comes. If not, take() them."""
        if self._framer.is_inside or not is_usual(data, self._longest):
            return False
        self.numbers.sent(data)
        return True

    def take(self, data: bytes, warn: Callable[[str], None]) -> tuple[list[bytes], str]:
        """The messages that these bytes complete, as far as they may go on, and why no more can follow, if so.

        warn: writes a log line about the connection. It is not kept: it would keep the connection in memory.
        """
        passed, problem = [], ""
        try:
            for message in self._framer.feed(data):
                forwarded, reason = screen(message)
                passed.append(forwarded)
                self.numbers.sent(forwarded)
                if reason:
                    warn(f"a message was {'emptied' if forwarded else 'dropped'}: {reason}")
        except Unanswerable as error:
            problem = str(error)
        if self._framer.skipped != self._skipped:
            problem = problem or self._garbage(warn)
        return passed, problem or self._framer.problem

    def _garbage(self, warn: Callable[[str], None]) -> str:
        """Note bytes that were skipped. Returns a problem if they are too many."""
        count, self._skipped = self._framer.skipped - self._skipped, self._framer.skipped
        warn(f"{count} bytes that belong to no message were dropped")
        most = self._most_garbage
        return (
            f"{self._skipped} bytes belonged to no message, at most {most} are allowed" if self._skipped > most else ""
        )
