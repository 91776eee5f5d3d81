"""Whether an engine is at work, as the watchdog counts it: beats that come, and ticks without one.

Ticks and not seconds, so that a pause of the watchdog itself counts as one tick: a machine that was suspended, a
container that was frozen, a whole group of processes that was stopped. Whoever stopped both made neither late.
"""

from enum import Enum

TICK_S = 1.0
STEADY = 10
"""Beats that an engine must have given to count as back at work: one that dies again and again is not."""


class Missing(Enum):
    """What kind of absence it is."""

    HUNG = "its process lives and gives no sign of progress"
    ABSENT = "it died, and none has stayed at work since"


class Attendance:
    """Of one host's engine, which the supervisor starts again when it dies."""

    def __init__(self, hang_ticks: int, absent_ticks: int) -> None:
        """After how many ticks an engine is missed: without a beat while it lives, without one at work. 0: never."""
        self._hang_ticks = hang_ticks
        self._absent_ticks = absent_ticks
        self._engine: object | None = None  # the one that beat last; None: nobody is expected to
        self._lives = False
        self._beats = 0
        self._quiet = 0  # ticks since its last beat
        self._unsteady = 0  # ticks since one was steadily at work

    def beat(self, engine: object) -> None:
        """An engine gets on."""
        if engine != self._engine:
            self._beats = STEADY if self._engine is None else 0  # where nobody died, it need not prove itself
        self._engine, self._lives, self._quiet = engine, True, 0
        self._beats += 1
        if self._beats >= STEADY:
            self._unsteady = 0

    def knows(self, engine: object) -> bool:
        """Whether it is the one that is expected to beat."""
        return engine == self._engine

    def ended(self, engine: object) -> None:
        """Its process is gone, or going, without a word."""
        if engine == self._engine:
            self._lives = False

    def excused(self) -> None:
        """Nobody is expected until an engine beats again: it was told to stop, or its orders are seen to."""
        self._engine = None

    @property
    def at_work(self) -> bool:
        """Whether an engine that is expected to beat lives."""
        return self._engine is not None and self._lives

    @property
    def died(self) -> bool:
        """Whether the one that is expected to beat is dead."""
        return self._engine is not None and not self._lives

    def tick(self) -> Missing | None:
        """Time has passed. Returns what is wrong, once; from then on nobody is expected."""
        if self._engine is None:
            return None
        self._quiet += 1
        self._unsteady += 1
        missing = None
        if self._lives and self._hang_ticks and self._quiet >= self._hang_ticks:
            missing = Missing.HUNG
        elif self._absent_ticks and self._unsteady >= self._absent_ticks and (not self._lives or self._beats < STEADY):
            missing = Missing.ABSENT
        if missing is not None:
            self.excused()
        return missing
