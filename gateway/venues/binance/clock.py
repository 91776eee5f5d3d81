"""The venue's clock, as an offset to ours."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

_NS_PER_MS = 1_000_000


@dataclass(frozen=True, slots=True)
class TimeSample:
    """One question for the server's time: when it left, when the answer came (our ns), and what it said (ms)."""

    sent_ns: int
    received_ns: int
    server_ms: int

    @property
    def round_trip_ns(self) -> int:
        """How long the answer took: the offset is known to half of this."""
        return self.received_ns - self.sent_ns

    @property
    def error_ns(self) -> int:
        """What the offset is right to, plus or minus: half the way there and back, and half a server's millisecond."""
        return self.round_trip_ns // 2 + _NS_PER_MS // 2

    @property
    def offset_ns(self) -> int:
        """Server time less ours, taking the server's reading as made half-way.

        The server cuts its time to whole milliseconds, so half of one is added back.
        """
        midpoint = (self.sent_ns + self.received_ns) // 2
        return self.server_ms * _NS_PER_MS + _NS_PER_MS // 2 - midpoint


class VenueClock:
    """Reads the venue's time from our own clock (UTC ns)."""

    def __init__(self, now_ns: Callable[[], int]) -> None:
        self.now_ns = now_ns
        self.offset_ns = 0
        self._error_ns: int | None = None  # what it was right to when it was measured

    def clock_ms(self) -> int:
        """The venue's time now, milliseconds UTC."""
        return (self.now_ns() + self.offset_ns) // _NS_PER_MS

    def doubt(self) -> None:
        """The venue refuses our time: the next answer counts, however slow."""
        self._error_ns = None

    def update(self, samples: Iterable[TimeSample]) -> TimeSample:
        """Look at the quickest answer, the one that pins the offset down best, and return that.

        It counts where it is no worse than what is known, or shows that to be wrong. While answers take seconds they
        tell nothing better, and by what they might be wrong the venue would refuse every order and cancel.
        """
        best = min(samples, key=lambda sample: abs(sample.round_trip_ns))  # below zero: our clock was set back
        is_wrong = abs(best.offset_ns - self.offset_ns) > best.error_ns
        if self._error_ns is None or best.error_ns <= self._error_ns or is_wrong:
            self.offset_ns, self._error_ns = best.offset_ns, best.error_ns
        return best
