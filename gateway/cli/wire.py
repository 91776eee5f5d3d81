"""`fixgw wire`: what passed the front's connections, decoded."""

import json
import time
from collections.abc import Collection
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from gateway.cli.access import record_access
from gateway.cli.database import EXIT_UNUSABLE
from gateway.cli.options import DEFAULT_CONFIG, ConfigOption
from gateway.cli.tables import console
from gateway.cli.window import FromOption, ToOption, asked_window
from gateway.cli.wire_entries import Entries, as_object, line
from gateway.compliance.derive.window import Window
from gateway.config import Config
from gateway.config_shared import SharedFront, load_front
from gateway.domain.session_names import find_session
from gateway.errors import ConfigError
from gateway.wire.records import HEADER_BYTES, FormatError, Kind, decode_header
from gateway.wire.segments import Found, LogReader, Problem, segment_files

EXIT_DAMAGED = 1
_POLL_S = 0.2
_SLACK = 60 * 10**9
"""Records are in the order of their times, unless the clock was set back, or a shared front learned late whose they
were: by so much at most is thought of (ns).
"""


def wire(
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    session: Annotated[
        str | None, typer.Option(metavar="NAME", help="One session: its client's CompID, or the whole SessionID.")
    ] = None,
    since: FromOption = None,
    until: ToOption = None,
    follow: Annotated[bool, typer.Option("--follow", help="Go on with what comes, until Ctrl-C.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line, times in UTC.")] = False,
    directory: Annotated[Path | None, typer.Option(help="Copied segments, instead of the gateway's own.")] = None,
) -> None:
    r"""Show what passed the wire: every message both ways, connections opened, refused and closed, and why.

    Each line has the time, the connection's number and address, its session, and the message with its MsgSeqNum(34).
    Passwords and the like are asterisks, here and in the files. What is damaged or missing there is said on standard
    error, and the exit code is then 1; an incomplete last record, as after a kill, is said and is no damage.

    \b
    fixgw wire
    fixgw wire --follow --session DESK
    fixgw wire --from 2026-01-31T09:30 --to 2026-01-31T09:35 --json
    """
    window = asked_window(None, since, until)
    if directory is None:
        record_access(config, "wire", session=session, since=since, until=until, follow=follow)
    try:
        configured: set[str] = set()
        if directory is None:
            directory, configured = _log_of(load_front(config), session)
        entries = Entries(session)
        printer = _Printer(directory, entries, window, as_json=as_json)
        damaged = printer.run(follow=follow)
        if session is not None and not printer.has_shown:
            _say_what_there_is(session, entries.seen | configured)
        elif not printer.has_shown and not follow:
            typer.echo("nothing of that is in the wire log; archived days left it (fixgw retention show)", err=True)
        while follow and not printer.is_over:
            time.sleep(_POLL_S)
            damaged = printer.run(follow=follow)
    except ConfigError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(EXIT_UNUSABLE) from error
    except BrokenPipeError:  # whoever reads our output has had enough
        raise
    except OSError as error:
        typer.echo(f"no wire log can be read: {error.filename}: {error.strerror}", err=True)
        raise typer.Exit(EXIT_UNUSABLE) from error
    except KeyboardInterrupt:
        raise typer.Exit(0) from None
    raise typer.Exit(EXIT_DAMAGED if damaged else 0)


def _log_of(loaded: Config | SharedFront, session: str | None) -> tuple[Path, set[str]]:
    """Where the wire log is, and the sessions that can be in it. Raises ConfigError."""
    if isinstance(loaded, Config):
        return loaded.wire_log_directory, {s.key for s in loaded.sessions}
    if session is not None:
        raise ConfigError(
            "a shared front's own wire log has what named no session; ask for a session in its gateway's, by --config "
            f"with one of {', '.join(map(str, loaded.gateways))}"
        )
    return loaded.wire_log_directory, set()


class _Printer:
    def __init__(self, directory: Path, entries: Entries, window: Window, *, as_json: bool) -> None:
        self._reader = LogReader(directory, _first_segment(directory, window.since))
        self._entries, self._window, self._as_json = entries, window, as_json
        self._screen = console()
        self._damaged = False
        self.has_shown = False
        """Whether there was anything but losses, which concern everybody."""

        self.is_over = False
        """What may come is later than what is asked for."""

    def run(self, *, follow: bool) -> bool:
        """Show what there is by now. Returns whether something was damaged."""
        for found in self._reader.read():
            if isinstance(found, Problem):
                self._tell(found)
            elif found.record.at < self._window.until:
                self._show(found)
            elif found.record.at > self._window.until + _SLACK:
                self.is_over = True
                return self._damaged
        if not follow and self._reader.unfinished:
            self._tell(self._reader.unfinished)
        return self._damaged

    def _tell(self, problem: Problem) -> None:
        self._damaged = self._damaged or not problem.is_end
        typer.echo(str(problem), err=True)

    def _show(self, found: Found) -> None:
        for entry in self._entries.of(found):
            if entry.record.at < self._window.since:
                continue
            self.has_shown = self.has_shown or entry.record.kind != Kind.LOST
            if self._as_json:
                typer.echo(json.dumps(as_object(entry)))
                continue
            text, style = line(entry)
            if self._screen.is_terminal:
                self._screen.print(Text(text, style=style))
            else:
                typer.echo(text)


def _say_what_there_is(session: str, sessions: Collection[str]) -> None:
    """Raises typer.Exit where there is no such session at all."""
    try:
        key = find_session(session, sorted(sessions))
    except ValueError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(EXIT_UNUSABLE) from error
    typer.echo(f"nothing of session {key} is in the wire log of that time", err=True)


def _first_segment(directory: Path, since: int) -> Path | None:
    """Of those in which something of this time can be: the next one was not begun before."""
    first = None
    for path in segment_files(directory):
        with path.open("rb") as file:
            try:
                header = decode_header(file.read(HEADER_BYTES))
            except FormatError:
                continue
        if header.created_at > since - _SLACK:
            break
        first = path
    return first
