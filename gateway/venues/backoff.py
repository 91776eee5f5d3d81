"""How long to wait before trying again."""

import random

_FIRST_BACKOFF_S = 0.1
_LONGEST_BACKOFF_S = 30.0


def backoff_s(attempt: int) -> float:
    """How long to wait before the attempt after this many failures: doubling, bounded, and spread by chance."""
    longest = min(_LONGEST_BACKOFF_S, _FIRST_BACKOFF_S * 2.0 ** min(attempt, 20))
    return longest * (0.5 + random.random() / 2)  # noqa: S311 - spreads load, guards nothing
