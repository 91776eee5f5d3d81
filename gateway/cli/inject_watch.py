"""Looking at what a scratch gateway has committed, until something is there."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, func, select

from gateway.cli.scratch import Scratch
from gateway.store.tables import journal, messages, state_changes, venue_calls

PATIENCE_S = 15.0
_POLL_S = 0.001


class Watch:
    """Reads the scratch gateway's database beside it."""

    def __init__(self, scratch: Scratch) -> None:
        self._scratch = scratch

    @contextmanager
    def open(self) -> Iterator[None]:
        """The connection stands meanwhile."""
        with self._scratch.sql() as sql:
            self._sql: Connection = sql
            yield

    def now(self, query: Any) -> Any:
        """The first row there is now."""
        try:
            return self._sql.execute(query).first()
        finally:
            self._sql.rollback()  # the next look sees what was committed since

    async def taken(self, session: str, seq: int) -> str | bool | None:
        """OrderID(37) of the order that the message was about, None for none; False if it is not taken in time."""
        query = select(messages.c.order_id).where(
            messages.c.session == session, messages.c.direction == "in", messages.c.msg_seq_num == seq
        )
        row = await until(lambda: self.now(query))
        return False if row is None else row[0]

    def heard(self) -> int:
        """How much of what the venue said about orders is recorded."""
        operations = ("place", "cancel", "amend", "settle", "event")
        query = select(func.count()).where(venue_calls.c.direction == "in", venue_calls.c.operation.in_(operations))
        return int(self.now(query)[0])

    def marks(self) -> int:
        """How much of what the venue said about no order is recorded."""
        query = select(func.count()).where(
            venue_calls.c.operation == "event", venue_calls.c.direction == "in", venue_calls.c.order_id.is_(None)
        )
        return int(self.now(query)[0])

    def events(self, order_id: str, kind: str) -> int:
        """How many of them the order has."""
        query = select(func.count()).where(journal.c.order_id == order_id, journal.c.event_type == kind)
        return int(self.now(query)[0])

    def changes(self, what: str, name: str, state: str) -> int:
        """How often something has come or gone."""
        query = select(func.count()).where(
            state_changes.c.what == what, state_changes.c.name == name, state_changes.c.state == state
        )
        return int(self.now(query)[0])

    def compared(self) -> int:
        """How often venue accounts were compared with the books."""
        query = select(func.count()).where(venue_calls.c.operation == "reconcile")
        return int(self.now(query)[0])


async def until(look: Callable[[], Any], patience_s: float = PATIENCE_S) -> Any:
    """What it finds; None if it finds nothing in time."""

    async def once() -> Any:
        return look()

    return await until_async(once, patience_s)


async def until_async(look: Callable[[], Awaitable[Any]], patience_s: float = PATIENCE_S) -> Any:
    """As until."""
    deadline = time.monotonic() + patience_s
    # Another process is looked at: there is no event to wait for.
    while (found := await look()) is None and time.monotonic() < deadline:  # noqa: ASYNC110
        await asyncio.sleep(_POLL_S)
    return found
