"""Builds QuickFIX's file store from SQL. SQL is the truth, the files are a cache that is made new at every start.

Only application messages go in: with administrative ones QuickFIX answers closed-range ResendRequests with a wrong gap
fill.
"""

import shutil
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import quickfix
from sqlalchemy import Engine

from gateway.engine.numbers import SessionState
from gateway.errors import ConfigError
from gateway.store import readers


def fresh_directory(directory: Path) -> None:
    """Remove what an earlier run left."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True, mode=0o700)


def hydrate_all(
    directory: Path, session_ids: Iterable[Any], database: Engine, states: Mapping[str, SessionState], now: int
) -> None:
    """The files of every session, as it was last committed."""
    with database.connect() as connection:
        for session_id in session_ids:
            found = states[session_id.toString()]
            hydrate(
                directory,
                session_id,
                now=now,
                next_out=found.next_out,
                next_in=found.next_in,
                sent=readers.sent_messages(connection, found.key, found.epoch),
            )


def hydrate(
    directory: Path,
    session_id: Any,
    *,
    now: int,
    next_out: int,
    next_in: int,
    sent: Iterable[tuple[int, bytes]],
) -> None:
    """Write one session's store. now: nanoseconds UTC. sent: (MsgSeqNum, raw) in order.

    The files say that they were made now, not when the epoch began: QuickFIX looks at that when it makes a session,
    before it has read NonStopSession, and begins at 1 again where it is of another UTC day (*measured*).

    Raises ConfigError when the files cannot be made.
    """
    try:
        store = quickfix.FileStore(quickfix_time(now), str(directory), session_id)
    except quickfix.ConfigError as error:
        raise ConfigError(f"the session files of {session_id.toString()} cannot be made: {error}") from error
    store.setNextSenderMsgSeqNum(next_out)
    store.setNextTargetMsgSeqNum(next_in)
    del store  # it has made the files, and is the last to hold them
    parts = (session_id.getBeginString(), session_id.getSenderCompID(), session_id.getTargetCompID())
    name = "-".join(part.getString() for part in parts)
    _write_sent(directory / f"{name}.body", directory / f"{name}.header", sent)


def quickfix_time(nanoseconds: int) -> Any:
    """As quickfix.UtcTimeStamp, in whole seconds."""
    moment = datetime.fromtimestamp(nanoseconds // 1_000_000_000, UTC)
    return quickfix.UtcTimeStamp(moment.hour, moment.minute, moment.second, moment.day, moment.month, moment.year)


def _write_sent(body: Path, header: Path, sent: Iterable[tuple[int, bytes]]) -> None:
    """QuickFIX's own FileStore.set flushes two files for every message, six seconds for half a million (*measured*).

    The body is the messages one after the other; the header has "MsgSeqNum,offset,size " for each.
    """
    offset = 0
    try:
        with body.open("r+b") as messages, header.open("r+") as index:
            for number, raw in sent:
                messages.write(raw)
                index.write(f"{number},{offset},{len(raw)} ")
                offset += len(raw)
    except OSError as error:
        raise ConfigError(f"the session file {error.filename or body} cannot be written: {error.strerror}") from error
