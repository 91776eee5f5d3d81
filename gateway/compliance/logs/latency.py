"""How long requests waited for their first answer, by type, in bounded memory."""

import math
from collections import Counter
from dataclasses import dataclass, field

from gateway.wire.tags import CL_ORD_ID, TEST_REQ_ID

_BUSINESS_REJECT_REF_ID, _MD_REQ_ID, _QUOTE_REQ_ID, _SECURITY_REQ_ID = 379, 262, 131, 320

# MsgType(35) -> the tag that an answer repeats.
_REQUESTS = {
    **dict.fromkeys(("D", "F", "G", "H", "AB", "AC", "q"), CL_ORD_ID),
    "1": TEST_REQ_ID,
    "V": _MD_REQ_ID,
    "R": _QUOTE_REQ_ID,
    **dict.fromkeys(("c", "x"), _SECURITY_REQ_ID),
}
_ANSWERS = {
    **dict.fromkeys(("8", "9", "r"), CL_ORD_ID),
    "j": _BUSINESS_REJECT_REF_ID,
    "0": TEST_REQ_ID,
    **dict.fromkeys(("W", "Y"), _MD_REQ_ID),
    **dict.fromkeys(("S", "b"), _QUOTE_REQ_ID),
    **dict.fromkeys(("d", "y"), _SECURITY_REQ_ID),
}
_MOST_WAITING = 200_000  # requests without an answer that are remembered; the oldest are given up
_GROWTH = math.log(1.01)  # buckets of one percent


class Histogram:
    """Durations in nanoseconds, kept to one percent."""

    def __init__(self) -> None:
        self._buckets: Counter[int] = Counter()
        self.count = 0
        self.longest = 0

    def add(self, duration: int) -> None:
        """Count one."""
        self._buckets[int(math.log(duration) / _GROWTH) if duration > 0 else -1] += 1
        self.count += 1
        self.longest = max(self.longest, duration)

    def percentile(self, percent: int) -> int:
        """The duration that so many percent do not exceed; 0 for none."""
        left = math.ceil(self.count * percent / 100)
        for bucket in sorted(self._buckets):
            left -= self._buckets[bucket]
            if left <= 0:
                return min(self.longest, int(math.exp((bucket + 0.5) * _GROWTH)) if bucket >= 0 else 0)
        return 0


@dataclass(slots=True)
class Latencies:
    """By MsgType(35) of the request. An answer counts when it goes the other way in the same session."""

    by_type: dict[str, Histogram] = field(default_factory=dict)
    unanswered: int = 0
    _waiting: dict[tuple[str, str, int, str], tuple[int, str]] = field(default_factory=dict)

    def take(self, session: str, direction: str, at: int, msg_type: str, values: dict[int, str]) -> None:
        """The next message, PossDup ones left out. at: nanoseconds."""
        if (tag := _REQUESTS.get(msg_type)) is not None and (name := values.get(tag)):
            self._waiting.setdefault((session, direction, tag, name), (at, msg_type))
            if len(self._waiting) > _MOST_WAITING:
                del self._waiting[next(iter(self._waiting))]
                self.unanswered += 1
        elif (tag := _ANSWERS.get(msg_type)) is not None and (name := values.get(tag)):
            other = "out" if direction == "in" else "in"
            asked = self._waiting.pop((session, other, CL_ORD_ID if msg_type == "j" else tag, name), None)
            if asked is not None:
                self.by_type.setdefault(asked[1], Histogram()).add(at - asked[0])

    def finish(self) -> None:
        """What waits now was never answered."""
        self.unanswered += len(self._waiting)
        self._waiting.clear()
