"""The recorded steps, taken one by one against a scratch gateway: the next one when the last has been committed.

So what came first comes first again, and how long things took does not matter: while a step is taken, the time of the
scratch gateway stands at that of the step, so that nothing becomes due there but what had become due then.
"""

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any

import aiohttp
from sqlalchemy import func, select

from gateway.cli.inject_venue import PlayedVenue
from gateway.cli.inject_watch import PATIENCE_S, Watch, until, until_async
from gateway.cli.scratch import QUIET_S, WAKER, Scratch
from gateway.client import ClientError, FixClient
from gateway.compliance.inject.compare import ReportDifference
from gateway.compliance.inject.record import Record
from gateway.compliance.inject.steps import (
    Answered,
    Asked,
    Connected,
    Happened,
    Learned,
    Passed,
    Present,
    Restarted,
    Sent,
    Settled,
    Step,
)
from gateway.config import Config
from gateway.control.client import ControlError, ask
from gateway.domain.session_names import session_key, session_name
from gateway.store.tables import admin_actions
from gateway.wire.tags import ORDER_ID

_OF_THE_CONNECTION = frozenset({8, 9, 10, 34, 35, 43, 49, 52, 56, 122, 369})
"""Fields that a message gets anew; it goes out for the first time here."""

_LOGS_OUT = frozenset({"session.logout", "session.disable"})

_JUMP_NS = 100_000_000
"""The exchange's clock is set when the scratch gateway's has gone so far by itself, or was set."""


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
        self._watch = Watch(scratch)
        self._exchange_ahead = 0  # of the host's clock, as last set, nanoseconds
        self._actions: set[asyncio.Task[None]] = set()

    async def run(self, progress: Callable[[int, int], None]) -> None:
        """Take all steps. Raises ClientError where a session cannot be used."""
        steps = self._record.steps
        began_at = next((step.at for step in steps if isinstance(step, Sent)), 0)
        async with aiohttp.ClientSession(base_url=self._scratch.url) as http:
            with self._watch.open():
                self._venue = PlayedVenue(http, self._watch, self._record, self.order_ids, self._found)
                await self._venue.begin()
                await self._set_time(steps[0].at)  # starting may have taken longer than was thought
                await self._connect()
                began = time.monotonic()
                for done, step in enumerate(steps):
                    await self._in_its_time(step.at - began_at, began)
                    await self._set_time(step.at)
                    await self._take(step)
                    if self._speed is not None:
                        self._scratch.clock.set(step.at)  # it goes on until the next step
                    progress(done + 1, len(steps))
                await self._settle()
                self._scratch.clock.set(self._scratch.clock.now())  # it goes on: ending may take time

    async def _take(self, step: Step) -> None:
        match step:
            case Sent():
                await self._send(step)
            case Learned():
                self._scratch.given.learn(step.row)
            case Answered():
                await self._venue.answer(step)
            case Settled():
                await self._venue.settle(step)
            case Happened():
                await self._venue.happen(step)
            case Connected():
                await self._wake()
                await self._venue.connect(step)
            case Restarted():
                await self._restart(step)
            case Passed():
                await self._pass(step)
            case Asked():
                await self._ask(step)
            case Present():
                await self._come_or_go(step)

    # --- time

    async def _in_its_time(self, after_ns: int, began: float) -> None:
        if self._speed is not None:
            await asyncio.sleep(max(0.0, began + after_ns / 1e9 / self._speed - time.monotonic()))

    async def _set_time(self, at: int) -> None:
        """It stands there from now on."""
        self._scratch.clock.set(at, stands=True)
        ahead = at - time.time_ns()
        if abs(ahead - self._exchange_ahead) > _JUMP_NS:
            self._exchange_ahead = ahead
            await self._venue.control("time", offset_ms=ahead // 1_000_000)

    async def _pass(self, step: Passed) -> None:
        """Its time has come: the scratch gateway is made to look."""
        order_id = self.order_ids.get(step.order_id)
        if order_id is None:
            return

        async def look() -> bool | None:
            await self._wake()
            return self._watch.events(order_id, step.event) >= step.nth or None

        if not step.event:
            await self._wake()
        elif await until_async(look) is None:
            self._found(ReportDifference(f"order {step.order_id}", f"recorded: {step.event}, which does not come now"))

    async def _wake(self) -> None:
        """Whatever is due by now has been done when this returns."""
        waker = self._clients[WAKER]
        await self._watch.taken(self._waker_key, waker, waker.send("1", [(112, "wake")]))

    # --- clients

    async def _connect(self) -> None:
        used = {step.session for step in self._record.steps if isinstance(step, Sent)}
        for session in self._config.sessions:
            if session.key in used:
                self._clients[session.key] = await self._client(
                    session.begin_string, session.target_comp_id, session.sender_comp_id
                ).connect(PATIENCE_S)
        self._waker_key = session_key("FIX.4.4", "FIXGW", WAKER)
        self._clients[WAKER] = await self._client("FIX.4.4", WAKER, "FIXGW").connect(PATIENCE_S)

    def _client(self, begin_string: str, ours: str, theirs: str) -> FixClient:
        return FixClient(
            "127.0.0.1",
            self._scratch.port,
            begin_string=begin_string,
            sender_comp_id=ours,
            target_comp_id=theirs,
            heart_bt_int=QUIET_S,
        )

    async def _send(self, step: Sent) -> None:
        client = self._clients[step.session]
        await self._log_on(client)
        fields = [
            (tag, self.order_ids.get(value, value) if tag == ORDER_ID else value)
            for tag, value in step.fields
            if tag not in _OF_THE_CONNECTION
        ]
        self._scratch.given.give(step.given)
        order_id = await self._watch.taken(step.session, client, client.send(step.msg_type, fields))
        client.transcript.clear()
        client.drain()
        if order_id is False and step.msg_type != "1":  # which may be too many, and the end of the connection
            where = f"{session_name(step.session)} MsgType(35)={step.msg_type}"
            self._found(ReportDifference(where, "recorded as taken, and not taken now"))
        elif step.order_id is not None and isinstance(order_id, str):
            self.order_ids.setdefault(step.order_id, order_id)

    async def _log_on(self, client: FixClient) -> None:
        """It may have been logged out just now, for what it sent, and not be let in yet."""

        async def on() -> bool | None:
            try:
                await client.connect()
            except ClientError:
                return None
            return True

        if not client.connected and await until_async(on) is None:
            await client.connect()

    async def _restart(self, step: Restarted) -> None:
        """Clients come back when they next have something to say; those whose orders depend on it, as they did."""
        for client in self._clients.values():
            client.abort()
        await asyncio.to_thread(self._scratch.kill_engine)
        for key, client in self._clients.items():
            # It need not ask for what it missed, which a throttle would count: what was asked then is sent again.
            client.next_in = self._watch.next_out(self._waker_key if key == WAKER else key)
        await self._venue.left(step)
        await asyncio.to_thread(self._scratch.begin_again)
        await self._log_on(self._clients[WAKER])

    async def _come_or_go(self, step: Present) -> None:
        client = self._clients.get(step.session)
        if client is None:
            return
        if step.on:
            await self._log_on(client)
        elif step.logout:
            await client.logout(timeout=PATIENCE_S)
        else:
            client.abort()
        await until(lambda: self._watch.is_on(step.session) == step.on or None)

    # --- operators

    async def _ask(self, step: Asked) -> None:
        """As the operator that asked then. Returns when the request is in SQL; how it ends is not waited for."""
        arguments: dict[str, Any] = {**json.loads(step.arguments), "reason": step.reason}
        if step.action == "kill":
            arguments["flatten"] = False  # orders of the gateway's own are not made again
        self._scratch.caller.write_text(json.dumps({"uid": step.uid, "pid": step.pid, "who": step.who}))
        count = select(func.count()).select_from(admin_actions)
        before = self._watch.number(count)
        task = asyncio.create_task(asyncio.to_thread(self._told_operator, step.action, arguments))
        self._actions.add(task)
        task.add_done_callback(self._actions.discard)
        if await until(lambda: self._watch.number(count) > before or None) is None:
            self._found(ReportDifference(f"operator {step.who}", f"{step.action} is not taken now"))
        if step.action in _LOGS_OUT:  # what a client says next, it says by another Logon
            await until(lambda: self._is_gone(str(arguments["session"])) or None)

    def _is_gone(self, session: str) -> bool:
        """Whether nobody is on the session; by its client's CompID, or whole."""
        keys = [key for key in self._clients if session in (key, session_name(key))]
        return not any(self._clients[key].connected or self._watch.is_on(key) for key in keys)

    def _told_operator(self, action: str, arguments: dict[str, Any]) -> None:
        try:
            ask(self._scratch.control_socket, action, arguments)
        except ControlError:  # the scratch gateway ended before it had all it waited for
            return

    # --- the end

    async def _settle(self) -> None:
        """All that was said has been decided, and what waits for the venue is what waited then."""
        for session, client in self._clients.items():
            if client.connected:
                key = self._waker_key if session == WAKER else session
                await self._watch.taken(key, client, client.send("1", [(112, "settle")]))
        await self._venue.left_over()
        for client in self._clients.values():
            client.abort()
