"""What an import found, for people and for programs."""

from collections import Counter
from pathlib import Path
from typing import Any

from gateway.cli.tables import Column, build_table, console
from gateway.cli.times import duration, utc_text
from gateway.compliance.logs.import_logs import ImportReport, SessionReport
from gateway.domain.wording import counted
from gateway.wire.readable import message_name, printable

_SHOWN_GAPS = 20


def print_report(report: ImportReport, into: Path) -> None:
    """Sessions, answering times, then what is wrong."""
    screen = console()
    print(
        f"{counted(report.messages, 'message')} of {counted(len(report.sessions), 'session')} in {into}; times are UTC"
    )
    for empty in (file for file in report.files if not file.messages):
        print(f"{empty.path}: no FIX message in its {counted(empty.lines, 'line')}")
    if report.without_line_time:
        without = counted(report.without_line_time, "message")
        print(f"{without} without a time in the log, for which SendingTime(52) stands, the sender's clock")
    if report.sessions:
        screen.print(build_table(_SESSION_COLUMNS, report.sessions.values(), screen.width))
    if any(one.is_guessed for one in report.sessions.values()):
        print(
            "? Nothing says whose log it is: the side that spoke first was taken for the other. Say it with --we COMPID"
        )
    if report.latencies.by_type:
        print("\nFrom a request to its first answer:")
        rows = sorted(report.latencies.by_type.items())
        screen.print(build_table(_LATENCY_COLUMNS, rows, screen.width))
        print(f"{counted(report.latencies.unanswered, 'request')} without an answer")
    faults = dict(report.faults)
    print(f"\nFaults: {', '.join(f'{kind} {count:,}' for kind, count in faults.items()) or 'none'}")
    for example in report.examples:
        print(f"  {printable(example)}")
    gaps = report.gaps
    print(f"Numbers that never came: {sum(one.numbers.missing for one in report.sessions.values()):,}")
    for session, gap in gaps[:_SHOWN_GAPS]:
        print(f"  {printable(session)} {gap.direction} epoch {gap.epoch}: {gap.first} to {gap.last}")
    if len(gaps) > _SHOWN_GAPS or sum(faults.values()) > len(report.examples):
        print(f"All of them: the table import_faults in {into}")


def report_object(report: ImportReport) -> dict[str, Any]:
    """The same for programs; durations in microseconds."""
    return {
        "files": [
            {"file": str(f.path), "bytes": f.size, "sha256": f.sha256.hexdigest(), "messages": f.messages}
            for f in report.files
        ],
        "messages": report.messages,
        "without_line_time": report.without_line_time,
        "faults": dict(report.faults),
        "sessions": [_session_object(one) for one in report.sessions.values()],
        "gaps": [{"session": session, **gap._asdict()} for session, gap in report.gaps],
        "latency_us": {
            msg_type: {
                "count": times.count,
                "p50": times.percentile(50) // 1000,
                "p99": times.percentile(99) // 1000,
                "max": times.longest // 1000,
            }
            for msg_type, times in sorted(report.latencies.by_type.items())
        },
        "unanswered": report.latencies.unanswered,
    }


def _session_object(one: SessionReport) -> dict[str, Any]:
    return {
        "session": one.session,
        "direction_is_guessed": one.is_guessed,
        "first_at": utc_text(one.first_at),
        "last_at": utc_text(one.last_at),
        "epochs": one.numbers.epoch,
        "received": dict(one.received),
        "sent": dict(one.sent),
        "numbers": dict(one.numbers.places),
        "gaps_opened": dict(one.numbers.opened),
        "missing": one.numbers.missing,
    }


def _types(counts: Counter[str]) -> str:
    return " ".join(f"{printable(msg_type)}:{count}" for msg_type, count in counts.most_common(6))


_SESSION_COLUMNS = (
    Column("Session", lambda one: printable(one.session) + (" ?" if one.is_guessed else "")),
    Column("Received", lambda one: f"{one.received.total():,}", right=True),
    Column("Sent", lambda one: f"{one.sent.total():,}", right=True),
    Column("First", lambda one: (utc_text(one.first_at) or "")[:23], spare=True),
    Column("Last", lambda one: (utc_text(one.last_at) or "")[:23], spare=True),
    Column("Epochs", lambda one: str(one.numbers.epoch), right=True, spare=True),
    Column("Gaps", lambda one: str(one.numbers.opened.total()), right=True),
    Column("Missing", lambda one: f"{one.numbers.missing:,}", right=True),
    Column("Resent", lambda one: f"{one.numbers.places['resent'] + one.numbers.places['late']:,}", right=True),
    Column("Duplicates", lambda one: f"{one.numbers.places['duplicate']:,}", right=True),
    Column("By type, received", lambda one: _types(one.received), spare=True),
    Column("sent", lambda one: _types(one.sent), spare=True),
)
_LATENCY_COLUMNS = (
    Column("Request", lambda row: f"{message_name(row[0])}"),
    Column("Answered", lambda row: f"{row[1].count:,}", right=True),
    Column("p50", lambda row: duration(row[1].percentile(50)), right=True),
    Column("p99", lambda row: duration(row[1].percentile(99)), right=True),
    Column("Longest", lambda row: duration(row[1].longest), right=True),
)
