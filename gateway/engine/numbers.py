"""The state of each FIX session that SQL has to hold: its numbers, its epoch, and the reports that wait for it.

SQL's inbound number may lag the wire, never lead it; its outbound number may lead the wire, never lag it.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from gateway.store.rows import ReportRow, SessionRow

_MAX_SKIPPED = 10_000
"""A number this far above all before it is no first use: it belongs to the numbers before a reset."""

RESERVE = 4_000
"""How far ahead of what is about to be sent numbers are reserved: heartbeats and answers need some at any time.

Half of it is left after each commit, more than a client can use up by TestRequests while the engine sends one portion.
"""


class WaitingReport(NamedTuple):
    """A committed report that has not been sent."""

    report_id: int
    body: str
    poss_resend: bool = False


@dataclass(slots=True)
class SessionState:
    """One session. Only the engine's thread changes it; `reserved` is read by others.

    Reports up to last_report_id were sent in this epoch, up to seen_report_id they may have been sent before, and up
    to proven_report_id the client certainly has them; asked_report_id is what it was last asked for.
    """

    key: str
    begin_string: str
    created_at: int
    epoch: int = 1
    next_in: int = 1
    next_out: int = 1
    out_reserved: int = 1  # as the next commit will write it
    reserved: int = 1  # as SQL has it
    last_report_id: int = 0
    seen_report_id: int = 0
    proven_report_id: int = 0
    asked_report_id: int = 0
    logged_on: bool = False
    clean: bool = False
    last_logon_at: int | None = None
    last_logout_at: int | None = None
    last_in_at: int | None = None
    last_out_at: int | None = None
    off_reason: str | None = None  # see disconnects.py
    disabled: bool = False  # by an operator: nobody can log on
    waiting: deque[WaitingReport] = field(default_factory=deque)
    changed: bool = False
    reset_required: bool = False  # since a restore: the client has to begin at 1 with us
    _highest_out: int = 0  # recorded as a first use, in this epoch
    _skipped_out: set[int] = field(default_factory=set)  # below it, and not recorded yet

    def __post_init__(self) -> None:
        self._highest_out = self.next_out - 1

    def received(self, progress: int, at: int) -> None:
        """A message came in; progress is the next number expected once it is committed."""
        self.next_in = max(self.next_in, progress)
        self.last_in_at = at
        self.changed = True

    def sent(self, msg_seq_num: int, report_id: int | None, at: int) -> None:
        """A message went out under this number."""
        self.next_out = max(self.next_out, msg_seq_num + 1)
        if report_id is not None:
            self.last_report_id = max(self.last_report_id, report_id)
        self.last_out_at = at
        self.changed = True

    def is_first_out(self, msg_seq_num: int) -> bool:
        """Whether the number is recorded for the first time in this epoch, and note that it is.

        Two threads send, so numbers come a little out of order; and around a reset in the middle of a session a
        message under an old number can come after the reset. SQL takes the first use of a number once.
        """
        if msg_seq_num in self._skipped_out:
            self._skipped_out.remove(msg_seq_num)
            return True
        if not self._highest_out < msg_seq_num <= self._highest_out + _MAX_SKIPPED:
            return False
        self._skipped_out.update(range(self._highest_out + 1, msg_seq_num))
        self._highest_out = msg_seq_num
        return True

    def reserve(self, about_to_send: int) -> None:
        """Keep SQL's bound above all that may be sent before the next commit."""
        needed = self.next_out + about_to_send + RESERVE // 2
        if needed > self.out_reserved:
            self.out_reserved = needed + RESERVE
            self.changed = True

    def proven(self, report_id: int) -> None:
        """The client has this report, and all before it."""
        if self.proven_report_id < report_id <= max(self.last_report_id, self.seen_report_id):
            self.proven_report_id = report_id
            self.changed = True

    def wait_again(self, reports: Iterable[ReportRow]) -> None:
        """All that is to be sent, by what SQL has: reports after last_report_id, in order."""
        self.waiting = deque(
            WaitingReport(r.report_id, r.body, poss_resend=r.report_id <= self.seen_report_id) for r in reports
        )

    def crashed(self, last_report_id: int) -> None:
        """The last run ended without order, and may have sent all there was under numbers that SQL never heard of."""
        self.seen_report_id = max(self.seen_report_id, last_report_id)

    def start_epoch(self, at: int) -> None:
        """Both numbers begin at 1 again; what the client is not proven to have is to be sent again."""
        self.seen_report_id = max(self.seen_report_id, self.last_report_id)
        self.last_report_id = self.asked_report_id = self.proven_report_id
        self.reset_required = False
        self.logged_on = False  # until the Logon is answered: nothing may take its number
        self.epoch += 1
        self.created_at = at
        self.next_in = self.next_out = 1
        self._highest_out = 0
        self._skipped_out.clear()
        self.out_reserved = 1 + RESERVE
        self.changed = True

    def set_numbers(self, next_in: int, next_out: int) -> None:
        """By an operator, while nobody is logged on. next_out: above all that was sent in this epoch.

        Raises ValueError where that would take a number twice.
        """
        if next_in < self.next_in or next_out < self.next_out:
            raise ValueError(f"{next_in}, {next_out} is below {self.next_in}, {self.next_out}")
        self.next_in, self.next_out = next_in, next_out
        self._highest_out = next_out - 1
        self._skipped_out.clear()
        self.changed = True

    def row(self) -> SessionRow:
        """As SQL holds it."""
        return SessionRow(
            session=self.key,
            epoch=self.epoch,
            created_at=self.created_at,
            next_in=self.next_in,
            next_out=self.next_out,
            out_reserved=self.out_reserved,
            last_report_id=self.last_report_id,
            seen_report_id=self.seen_report_id,
            proven_report_id=self.proven_report_id,
            logged_on=self.logged_on,
            clean=self.clean,
            last_logon_at=self.last_logon_at,
            last_logout_at=self.last_logout_at,
            last_in_at=self.last_in_at,
            last_out_at=self.last_out_at,
            off_reason=self.off_reason,
            disabled=self.disabled,
        )
