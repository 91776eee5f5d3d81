"""How far the comparison of a venue account with the books has got."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from gateway.domain.reconcile import VenueSnapshot
from gateway.store.rows import BreakRow

Answer = Callable[[Sequence[BreakRow], str], None]
"""Told the breaks that a comparison found, or why there was none. Breaks of a dry run have the id 0."""


Look = Callable[[VenueSnapshot | None, str], None]
"""Told what the venue shows, or why it shows nothing."""


@dataclass(slots=True)
class ComparedAccount:
    """Used by the reconciler alone."""

    up: bool = False
    begun: bool = False  # with the orders whose fate this start did not know
    waits_for: int = 0  # the request whose snapshot is awaited
    at_once: bool = True  # the next snapshot follows a gap in the stream
    next_at: int = 0
    trades_seen: int = 0  # trades up to here were compared, nanoseconds UTC
    held: tuple[int, VenueSnapshot] | None = None  # to be judged at that time
    only_look: bool = False  # what is asked or held serves dry runs alone
    answers: list[Answer] = field(default_factory=list)
    dry_runs: list[Answer] = field(default_factory=list)
    looks: list[Look] = field(default_factory=list)  # to be asked for
    looking: list[Look] = field(default_factory=list)  # that the awaited snapshot is for
    unsure: bool = False  # of balances, so that another comparison is to follow soon
    found: list[BreakRow] = field(default_factory=list)  # before that, for those who wait for an answer
