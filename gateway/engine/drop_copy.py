"""Drop copies: sessions that are told what happens to the orders of others, and can do nothing themselves.

A copy is a report like any other: it is committed with the event, under the copy session's own numbers, and waits in
SQL while that is logged off.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from gateway.domain.events import NewOrderRefused
from gateway.domain.reports import ExecutionReport, Report
from gateway.domain.session_names import session_name


class DropCopy(NamedTuple):
    """A session, by its key, and whose ExecutionReports it gets: of these sessions, and of these accounts."""

    session: str
    of_sessions: frozenset[str]
    of_accounts: frozenset[str]


class DropCopies:
    """Who gets copies of what. Only the engine's thread uses it."""

    def __init__(self, wanted: Iterable[DropCopy] = (), default_accounts: Mapping[str, str] | None = None) -> None:
        """default_accounts: by session, whose order it is that names none."""
        self._wanted = tuple(wanted)
        self._default_accounts = default_accounts or {}
        self.sessions = frozenset(copy.session for copy in self._wanted)
        self._found: dict[tuple[str, str], tuple[str, ...]] = {}

    def of(self, report: Report) -> list[ExecutionReport]:
        """The copies to be sent of a report, one a session at most. Only ExecutionReports are copied."""
        if not self._wanted or not isinstance(report, ExecutionReport):
            return []
        if report.order is not None:
            key = (report.session, report.order.account)
            if (to := self._found.get(key)) is None:
                to = self._found[key] = self._to(*key)
        else:  # what a refused order names is any text, and not kept
            named = report.refused.account if isinstance(report.refused, NewOrderRefused) else ""
            to = self._to(report.session, named or self._default_accounts.get(report.session, ""))
        name = session_name(report.session)
        return [report._replace(session=session, copy_of=name) for session in to]

    def _to(self, session: str, account: str) -> tuple[str, ...]:
        return tuple(c.session for c in self._wanted if session in c.of_sessions or account in c.of_accounts)


NO_COPIES = DropCopies()
