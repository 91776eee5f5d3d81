"""The recorded steps, taken one by one against a scratch gateway: the next one when the last has been committed.

So what came first comes first again, and how long things took does not matter.
"""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
from sqlalchemy import Connection, func, select

from gateway.cli.scratch import Scratch
from gateway.client import ClientError, FixClient
from gateway.compliance.inject.compare import ReportDifference
from gateway.compliance.inject.record import Answered, Happened, Record, Sent
from gateway.config import Config
from gateway.domain.session_names import session_name
from gateway.store.tables import messages, venue_calls
from gateway.wire.tags import ORDER_ID

_OF_THE_CONNECTION = frozenset({8, 9, 10, 34, 35, 43, 49, 52, 56, 122, 369})
"""Fields that a message gets anew; it goes out for the first time here."""

_NOT_TERMS = frozenset(
    {"newClientOrderId", "orderId", "origClientOrderId", "timestamp", "recvWindow", "apiKey", "signature"}
)
_PATIENCE_S = 5.0
_POLL_S = 0.001


class Steps:
    """Goes through a record. `order_ids` then has the new OrderID(37) by the recorded one."""

    def __init__(
        self,
        record: Record,
        scratch: Scratch,
        config: Config,
        speed: float | None,
        found: Callable[[ReportDifference], None],
    ) -> None:
        """speed: so many times the recorded pace; None: as fast as possible. found: takes ReportDifferences."""
        self.order_ids: dict[str, str] = {}
        self._record = record
        self._scratch = scratch
        self._config = config
        self._speed = speed
        self._found = found
        self._clients: dict[str, FixClient] = {}
        self._heard = 0  # what the venue said that the gateway must have recorded by now
        self._asked: dict[int, dict[str, Any]] = {}  # requests that wait, by number
        self._ever_asked: set[str] = set()  # client ids
        self._lost: set[str] = set()  # recorded orders that went another way: the venue's words fit no more

    async def run(self, progress: Callable[[int, int], None]) -> None:
        """Take all steps. Raises ClientError where a session cannot be used."""
        async with aiohttp.ClientSession(base_url=self._scratch.url) as self._http:
            await self._control("playback", on=True)
            with self._scratch.sql() as sql:
                self._sql = sql
                self._heard = self._venue_words()
                await self._connect()
                began = time.monotonic()
                for done, step in enumerate(self._record.steps):
                    await self._in_its_time(step.at - self._record.steps[0].at, began)
                    if isinstance(step, Sent):
                        await self._send(step)
                    elif isinstance(step, Answered):
                        await self._answer(step)
                    else:
                        await self._happen(step)
                    progress(done + 1, len(self._record.steps))
                await self._settle()

    async def _connect(self) -> None:
        used = {step.session for step in self._record.steps if isinstance(step, Sent)}
        for session in self._config.sessions:
            if session.key in used:
                client = FixClient(
                    "127.0.0.1",
                    self._scratch.port,
                    begin_string=session.begin_string,
                    sender_comp_id=session.target_comp_id,
                    target_comp_id=session.sender_comp_id,
                )
                self._clients[session.key] = await client.connect()

    async def _in_its_time(self, after_ns: int, began: float) -> None:
        if self._speed is not None:
            await asyncio.sleep(max(0.0, began + after_ns / 1e9 / self._speed - time.monotonic()))

    # --- clients

    async def _send(self, step: Sent) -> None:
        client = self._clients[step.session]
        fields = [
            (tag, self.order_ids.get(value, value) if tag == ORDER_ID else value)
            for tag, value in step.fields
            if tag not in _OF_THE_CONNECTION
        ]
        seq = client.send(step.msg_type, fields)
        order_id = await self._taken(step.session, seq)
        client.transcript.clear()
        client.drain()
        if order_id is False:
            where = f"{session_name(step.session)} MsgType(35)={step.msg_type}"
            self._found(ReportDifference(where, "recorded as taken, and not taken now"))
        elif step.order_id is not None and isinstance(order_id, str):
            self.order_ids.setdefault(step.order_id, order_id)

    async def _taken(self, session: str, seq: int) -> str | bool | None:
        """OrderID(37) of the order that the message was about, None for none; False if it is not taken in time."""
        query = select(messages.c.order_id).where(
            messages.c.session == session, messages.c.direction == "in", messages.c.msg_seq_num == seq
        )

        def look() -> tuple[str | None] | None:
            row = self._now(query)
            return None if row is None else (row[0],)

        found = await self._until(look)
        return False if found is None else found[0]

    # --- the venue

    async def _answer(self, step: Answered) -> None:
        client_id = self._mapped(step.order_id, step.client_id)
        request = await self._waiting(step, client_id)
        if request is None:
            return
        terms = _terms(request)
        if terms != step.terms:
            differ = "; ".join(
                f"{name}: recorded {step.terms.get(name, 'absent')}, now {terms.get(name, 'absent')}"
                for name in sorted(terms.keys() | step.terms.keys())
                if terms.get(name) != step.terms.get(name)
            )
            self._found(ReportDifference(f"order {step.order_id} request {step.method}", differ))
        body = self._mapped(step.order_id, step.body)
        await self._control("answer", number=request["number"], status=step.status, body=body)
        self._asked.pop(request["number"])
        await self._venue_heard()

    async def _happen(self, step: Happened) -> None:
        text = self._mapped(step.order_id, step.text)
        event = json.loads(text)
        names = [str(event.get(tag, "")) for tag in ("c", "C")]
        if step.order_id in self._lost or await self._until_async(lambda: self._is_asked(names)) is None:
            self._lose(step.order_id, "an event of the venue, for which it was not asked")
            return
        await self._control("say", account=step.venue_account, event=text)
        await self._venue_heard()

    async def _is_asked(self, names: list[str]) -> bool | None:
        if self._ever_asked.isdisjoint(names):
            await self._look()
        return None if self._ever_asked.isdisjoint(names) else True

    async def _waiting(self, step: Answered, client_id: str) -> dict[str, Any] | None:
        """The request that the answer is for: of several under one client id that with these terms, else the first."""

        async def look() -> dict[str, Any] | None:
            await self._look()
            name = (step.method, client_id)
            found = [one for one in self._asked.values() if (one["op"], _client_id(one)) == name]
            return next((one for one in found if _terms(one) == step.terms), found[0] if found else None)

        found: dict[str, Any] | None = None if step.order_id in self._lost else await self._until_async(look)
        if found is None:
            self._lose(step.order_id, f"{step.method} was asked of the venue, and is not now")
        return found

    def _lose(self, order_id: str, text: str) -> None:
        """Its recorded story does not go on here: named once, and not waited for again."""
        if order_id not in self._lost:
            self._lost.add(order_id)
            self._found(ReportDifference(f"order {order_id}", f"recorded: {text}"))

    async def _look(self) -> None:
        async with self._http.get("/sim/asked") as answer:
            for request in await answer.json():
                self._asked[request["number"]] = request
                self._ever_asked.add(_client_id(request))

    def _mapped(self, order_id: str, text: str) -> str:
        """The venue's client ids of the order, as they are now."""
        first = self._record.first_ids.get(order_id)
        now = self.order_ids.get(order_id)
        if first is None or now is None:
            return text
        stem = first.rpartition("-")[0]
        return text.replace(f"{stem}-", f"{stem.removesuffix(order_id)}{now}-")

    async def _venue_heard(self) -> None:
        """Wait until the gateway has recorded what the venue said."""
        self._heard += 1
        if await self._until(lambda: self._venue_words() >= self._heard or None) is None:
            self._found(ReportDifference("venue", "the scratch gateway did not take what the venue said"))

    def _venue_words(self) -> int:
        operations = ("place", "cancel", "amend", "event")
        query = select(func.count()).where(venue_calls.c.direction == "in", venue_calls.c.operation.in_(operations))
        row = self._now(query)
        return int(row[0]) if row is not None else 0

    # --- the end

    async def _settle(self) -> None:
        """All that was said has been decided, and what waits for the venue is what waited then."""
        for session, client in self._clients.items():
            if client.connected:
                await self._taken(session, client.send("1", [(112, "settle")]))
        await self._look()
        recorded = {
            (method, self._mapped(order_id, client_id))
            for order_id in self.order_ids
            for method, client_id in self._record.unanswered
        }
        for request in self._asked.values():
            if (request["op"], _client_id(request)) not in recorded:
                text = f"{request['op']} is asked now, and is not recorded"
                self._found(ReportDifference(f"venue order {_client_id(request)}", text))
        for client in self._clients.values():
            client.abort()

    def _now(self, query: Any) -> Any:
        connection: Connection = self._sql
        try:
            return connection.execute(query).first()
        finally:
            connection.rollback()  # the next look sees what was committed since

    async def _until(self, look: Callable[[], Any]) -> Any:
        async def once() -> Any:
            return look()

        return await self._until_async(once)

    async def _until_async(self, look: Callable[[], Awaitable[Any]]) -> Any:
        """What it finds; None if it finds nothing in time."""
        deadline = time.monotonic() + _PATIENCE_S
        # Another process is looked at: there is no event to wait for.
        while (found := await look()) is None and time.monotonic() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(_POLL_S)
        return found

    async def _control(self, command: str, **body: object) -> None:
        async with self._http.post(f"/sim/{command}", json=body) as answer:
            if answer.status != 200:
                raise ClientError(f"the scratch exchange refused {command}: {await answer.text()}")


def _client_id(request: dict[str, Any]) -> str:
    return str(request["params"].get("newClientOrderId", ""))


def _terms(request: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in request["params"].items() if name not in _NOT_TERMS}
