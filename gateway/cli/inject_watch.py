"""Looking at what a scratch gateway has committed, until something is there."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Select, func, select

from gateway.cli.scratch import Scratch
from gateway.client import FixClient
from gateway.store.tables import intents, journal, messages, sessions, state_changes, venue_calls

PATIENCE_S = 30.0
"""How long to wait for what comes if the record is faithful; a busy machine may stand still for seconds."""

_POLL_S = 0.001


class Watch:
    """Reads the scratch gateway's database beside it."""

    def __init__(self, scratch: Scratch) -> None:
        self._scratch = scratch
        self._submitted: set[str] = set()
        self._last_intent = 0

    @contextmanager
    def open(self) -> Iterator[None]:
        """The connection stands meanwhile."""
        with self._scratch.sql() as sql:
            self._sql: Connection = sql
            yield

    def number(self, query: Select[Any]) -> int:
        """The one number that the query is for, as it is now."""
        return int(self._now(query)[0][0])

    def _now(self, query: Select[Any]) -> Sequence[Any]:
        try:
            return self._sql.execute(query).all()
        finally:
            self._sql.rollback()  # the next look sees what was committed since

    async def taken(self, session: str, client: FixClient, seq: int) -> str | bool | None:
        """OrderID(37) of the order that the client's message was about, None for none; False if it is not taken: not
        in time, or not before the session ended.
        """
        query = select(messages.c.order_id).where(
            messages.c.session == session, messages.c.direction == "in", messages.c.msg_seq_num == seq
        )

        def look() -> Any:
            is_over = not client.connected and not self.is_on(session)
            return self._now(query) or (False if is_over else None)  # its end is recorded behind what came before

        rows = await until(look)
        return rows[0][0] if rows else False

    def is_on(self, session: str) -> bool:
        """Whether the session is logged on."""
        query = (
            select(state_changes.c.state)
            .where(
                ((state_changes.c.what == "session") & (state_changes.c.name == session))
                | (state_changes.c.what == "engine")  # with which all sessions end
            )
            .order_by(state_changes.c.id.desc())
        )
        return [row.state for row in self._now(query.limit(1))] == ["on"]

    def next_out(self, session: str) -> int:
        """The session's next number to a client, once the engine was killed and is there again."""
        return self.number(select(sessions.c.out_reserved).where(sessions.c.session == session))

    def is_submitted(self, client_ids: Iterable[str]) -> bool:
        """Whether an order with one of these venue client ids was sent, or is about to be: the gateway knows it."""
        if self._submitted.isdisjoint(client_ids):
            query = select(intents.c.intent_id, intents.c.client_id).where(intents.c.intent_id > self._last_intent)
            for intent_id, client_id in self._now(query):
                self._last_intent = max(self._last_intent, intent_id)
                self._submitted.add(client_id)
        return not self._submitted.isdisjoint(client_ids)

    def heard(self) -> int:
        """How much of what the venue said about orders is recorded."""
        operations = ("place", "cancel", "amend", "settle", "event")
        query = select(func.count()).where(venue_calls.c.direction == "in", venue_calls.c.operation.in_(operations))
        return self.number(query)

    def marks(self) -> int:
        """How much of what the venue said about no order is recorded."""
        query = select(func.count()).where(
            venue_calls.c.operation == "event", venue_calls.c.direction == "in", venue_calls.c.order_id.is_(None)
        )
        return self.number(query)

    def events(self, order_id: str, kind: str) -> int:
        """How many of them the order has."""
        query = select(func.count()).where(journal.c.order_id == order_id, journal.c.event_type == kind)
        return self.number(query)

    def changes(self, what: str, name: str, state: str) -> int:
        """How often something has come or gone."""
        query = select(func.count()).where(
            state_changes.c.what == what, state_changes.c.name == name, state_changes.c.state == state
        )
        return self.number(query)

    def compared(self) -> int:
        """How often venue accounts were compared with the books."""
        query = select(func.count()).where(venue_calls.c.operation == "reconcile")
        return self.number(query)


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
