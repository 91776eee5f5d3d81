"""A session's messages in a time: what passes, what is refused, and when the session is logged out."""

from gateway.domain.risk.parsing import rate
from gateway.engine.throttle import Allowed, Throttle

DESK, FREE = "FIX.4.4:FIXGW->DESK", "FIX.4.4:FIXGW->FREE"
MS = 1_000_000


def throttle(logout_after: int = 0) -> tuple[Throttle, list[str]]:
    ended: list[str] = []
    return Throttle({DESK: Allowed(rate("2/1s"), logout_after)}, lambda session, text: ended.append(text)), ended


def test_a_full_bucket_then_its_rate() -> None:
    made, _ = throttle()
    at = 10**18
    assert [made.take(DESK, "D", at) for _ in range(2)] == ["", ""]
    assert made.take(DESK, "H", at) == "MESSAGE_RATE limit=2/1s again_in=500ms session=DESK"
    assert made.take(DESK, "H", at + 499 * MS).startswith("MESSAGE_RATE")
    assert made.take(DESK, "H", at + 500 * MS) == ""
    assert made.used(DESK, at + 500 * MS) == (2, 2)
    assert made.used(DESK, at + 5000 * MS) == (0, 2)


def test_cancels_take_nothing_and_others_sessions_are_free() -> None:
    made, ended = throttle(logout_after=1)
    for msg_type in ("F", "q", "A", "5"):
        assert [made.take(DESK, msg_type, 1) for _ in range(9)] == [""] * 9
    assert made.take(DESK, "D", 1) == ""
    assert [made.take(FREE, "D", 1) for _ in range(9)] == [""] * 9
    assert made.used(FREE, 1) is None
    assert ended == []


def test_who_does_not_pause_is_logged_out() -> None:
    made, ended = throttle(logout_after=3)
    for _ in range(4):
        made.take(DESK, "1", 1)
    assert ended == []
    assert made.take(DESK, "1", 1 + 500 * MS) == ""  # a pause: the count begins again
    for _ in range(2):
        made.take(DESK, "1", 1 + 500 * MS)
    assert ended == []
    made.take(DESK, "1", 1 + 500 * MS)
    assert ended == ["MESSAGE_RATE limit=2/1s again_in=500ms session=DESK refused=3"]


def test_what_is_exempt_can_be_counted() -> None:
    made, ended = throttle(logout_after=2)
    assert [made.count(DESK, 1) for _ in range(2)] == ["", ""]
    assert made.used(DESK, 1) == (2, 2)
    assert [made.count(DESK, 1)[:12] for _ in range(2)] == ["MESSAGE_RATE"] * 2
    assert len(ended) == 1
    assert made.take(DESK, "q", 1) == ""


def test_a_clock_that_is_set_back_shuts_nobody_out() -> None:
    made, _ = throttle()
    assert [made.take(DESK, "D", 3_600_000 * MS) for _ in range(2)] == ["", ""]
    assert made.take(DESK, "D", 1) == "MESSAGE_RATE limit=2/1s again_in=500ms session=DESK"
    assert made.used(DESK, 1) == (2, 2)
    assert made.take(DESK, "D", 1 + 500 * MS) == ""
