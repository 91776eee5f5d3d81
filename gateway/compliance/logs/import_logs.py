"""Other engines' logs into a database of their own, and what they show: sessions, gaps, faults, answering times."""

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gateway.compliance.logs.imported import ImportedDatabase, new_imported_database
from gateway.compliance.logs.latency import Latencies
from gateway.compliance.logs.read_logs import LogFile, LogMessage, Partners, read_logs
from gateway.compliance.logs.scan import INCOMPLETE
from gateway.compliance.logs.sequence import Gap, Placed
from gateway.compliance.logs.sequence import Sequence as Numbers
from gateway.domain.wording import counted
from gateway.errors import ConfigError
from gateway.store.rows import MessageRow, SessionRow, storable
from gateway.wire.raw import mask_secrets, to_bytes, to_text
from gateway.wire.tags import CL_ORD_ID, MSG_TYPE, ORDER_ID, POSS_DUP_FLAG

_LONGEST_SESSION = 200
_MOST_TYPES = 500  # garbage could name any number of them
_EXAMPLES = 20


@dataclass(slots=True)
class SessionReport:
    """One session. `received` and `sent` count by MsgType(35); times are nanoseconds UTC."""

    session: str
    first_at: int
    last_at: int = 0
    received: Counter[str] = field(default_factory=Counter)
    sent: Counter[str] = field(default_factory=Counter)
    numbers: Numbers = field(default_factory=Numbers)
    is_guessed: bool = False
    next: dict[str, int] = field(default_factory=lambda: {"in": 1, "out": 1})


@dataclass(slots=True)
class ImportReport:
    """What an import found."""

    files: list[LogFile]
    sessions: dict[str, SessionReport] = field(default_factory=dict)
    faults: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)
    latencies: Latencies = field(default_factory=Latencies)
    messages: int = 0
    without_line_time: int = 0
    disorder: int = 0

    @property
    def gaps(self) -> list[tuple[str, Gap]]:
        """Numbers that never came, by session."""
        return [(one.session, gap) for one in self.sessions.values() for gap in one.numbers.gaps]


def import_logs(
    paths: Sequence[Path], into: Path, ours: Collection[str], progress: Callable[[int], None]
) -> ImportReport:
    """Read the logs, write the database, report.

    ours: CompIDs of the side that kept the logs. progress: told bytes as they are read.
    Raises ConfigError when the database is there already, a log cannot be read, or there is no message in any of them.
    """
    try:
        report = ImportReport([LogFile(path, path.stat().st_size) for path in paths])
        with new_imported_database(into) as database:
            _Import(report, database, Partners(ours)).run(progress)
            if not report.messages:
                raise ConfigError(_nothing(report, into))
    except OSError as error:
        raise ConfigError(f"{error.filename or into}: {error.strerror}") from error
    return report


class _Import:
    def __init__(self, report: ImportReport, database: ImportedDatabase, partners: Partners) -> None:
        self._report, self._database, self._partners = report, database, partners
        self._latest = 0

    def run(self, progress: Callable[[int], None]) -> None:
        report = self._report
        for message in read_logs(report.files, progress):
            if message.found.is_complete:
                self._take(message)
            else:
                self._note(message, "", "", None)
        report.latencies.finish()
        for one in report.sessions.values():
            one.is_guessed = one.session in self._partners.guessed
            for gap in one.numbers.finish():
                self._gap(one.session, gap)
        sessions = [_session_row(one) for one in report.sessions.values()]
        self._database.finish(sessions, report.files, report.disorder)

    def _take(self, message: LogMessage) -> None:
        report, values = self._report, message.values
        name, direction = self._partners.tell(message)
        session = storable(name, _LONGEST_SESSION)
        one = report.sessions.get(session)
        if one is None:
            one = report.sessions[session] = SessionReport(session, first_at=message.at)
        placed = one.numbers.place(direction, values)
        if placed.first_use:
            one.next[direction] = placed.number + 1
        one.last_at = max(one.last_at, message.at)
        msg_type = storable(values.get(MSG_TYPE, ""), 20)
        types = one.received if direction == "in" else one.sent
        types[msg_type if msg_type in types or len(types) < _MOST_TYPES else "?"] += 1
        is_again = values.get(POSS_DUP_FLAG) == "Y"
        if not is_again:
            report.latencies.take(session, direction, message.at, msg_type, values)
        report.messages += 1
        report.without_line_time += not message.has_line_time
        report.disorder = max(report.disorder, self._latest - message.at)
        self._latest = max(self._latest, message.at)
        if message.faults or placed.place == "duplicate":
            self._note(message, session, direction, placed)
        self._database.add_message(
            MessageRow(
                session,
                placed.epoch,
                direction,
                placed.number,
                msg_type,
                is_again,
                placed.first_use,
                message.at,
                _id(values.get(CL_ORD_ID)),
                _id(values.get(ORDER_ID)),
                None,
                to_bytes(mask_secrets(to_text(message.found.raw))),
            )
        )

    def _note(self, message: LogMessage, session: str, direction: str, placed: Placed | None) -> None:
        """Count and keep what is wrong with a message."""
        found = message.found
        problems = [(fault.kind, fault.text) for fault in message.faults]
        if placed is not None and placed.place == "duplicate":
            problems.append(("duplicate", f"MsgSeqNum(34) {placed.number} again, without PossDupFlag(43)=Y"))
        if not found.is_complete:
            problems = [(kind, f"{text}: {mask_secrets(to_text(found.raw))}") for kind, text in problems]
        for kind, text in problems:
            self._report.faults[kind] += 1
            if len(self._report.examples) < _EXAMPLES:
                self._report.examples.append(f"{message.file.path}:{found.offset} {kind}: {text}")
            self._database.add_fault(
                kind=kind,
                text=storable(text),
                file=storable(str(message.file.path)),
                offset=found.offset,
                session=session or None,
                direction=direction or None,
                epoch=placed.epoch if placed else None,
                msg_seq_num=placed.number if placed else None,
            )

    def _gap(self, session: str, gap: Gap) -> None:
        text = f"{gap.first} to {gap.last} never came"
        self._database.add_fault(
            kind="gap", text=text, session=session, direction=gap.direction, epoch=gap.epoch, msg_seq_num=gap.first
        )


def _nothing(report: ImportReport, into: Path) -> str:
    read = ", ".join(f"{f.path}: {counted(f.lines, 'line')}, {counted(f.size, 'byte')}" for f in report.files)
    cut = f" ({report.faults[INCOMPLETE]:,} begun, without an end)" if report.faults[INCOMPLETE] else ""
    return f"no FIX message was found{cut}, so {into} was not made; read were {read}. Are these message logs?"


def _id(text: str | None) -> str | None:
    return storable(text) if text else None


def _session_row(one: SessionReport) -> SessionRow:
    return SessionRow(
        session=one.session,
        epoch=one.numbers.epoch,
        created_at=one.first_at,
        next_in=one.next["in"],
        next_out=one.next["out"],
        out_reserved=one.next["out"],
        last_report_id=0,
        seen_report_id=0,
        proven_report_id=0,
        logged_on=False,
        clean=True,
        last_in_at=one.last_at,
        last_out_at=one.last_at,
    )
