"""Orders of tests never reach a live venue, even if their session were logged on."""

from collections.abc import Collection

from gateway.wire.raw import RawFormatError, first_values
from gateway.wire.tags import TEST_MESSAGE_INDICATOR


class TestOrders:
    """Knows which sessions send tests: those configured so, and those whose last Logon said so."""

    __test__ = False  # pytest takes the name for a test's

    def __init__(self, *, live: bool, test_sessions: Collection[str]) -> None:
        self._live = live
        self._configured = frozenset(test_sessions)
        self._said_so: set[str] = set()

    def logon_received(self, session: str, text: str) -> None:
        """A Logon, as it came. What cannot be taken apart is no good Logon, and counts as a test's."""
        try:
            is_test = first_values(text).get(TEST_MESSAGE_INDICATOR, "N") != "N"
        except RawFormatError:
            is_test = True
        if is_test:
            self._said_so.add(session)
        else:
            self._said_so.discard(session)

    def refusal(self, session: str) -> str:
        """Why the session's orders and replaces are refused; empty where they are not."""
        if self._live and (session in self._configured or session in self._said_so):
            return f"TEST_SESSION environment=live session={session}"
        return ""
