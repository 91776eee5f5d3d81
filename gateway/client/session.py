"""The FIX session layer of an initiator: logon, sequence numbers, gaps, resends, heartbeats, logout."""

import asyncio
import contextlib
import os
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal, Self

from gateway.client.connection import Connection
from gateway.client.errors import CannotConnect, ClientError, LogonRefused, NotConnected
from gateway.client.inbox import Inbox
from gateway.client.message import Fields, FixMessage, encode, utc_timestamp
from gateway.client.store import SessionStore
from gateway.wire.versions import APPL_VER_ID_50_SP2, FIX_50_SP2, transport

Direction = Literal["in", "out"]
_ADMINISTRATIVE = frozenset({"0", "1", "2", "3", "4", "5", "A"})


class FixSession:
    """One session with one counterparty; it can connect again after it was closed.

    Not thread-safe; everything happens on the event loop it was connected on.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        sender_comp_id: str,
        target_comp_id: str,
        begin_string: str = "FIX.4.4",
        heart_bt_int: int = 30,
        reset_seq_num: bool = False,
        store: Path | None = None,
        username: str | None = None,
        password: str | None = None,
        heartbeats: bool = True,
        tls: ssl.SSLContext | None = None,
        on_message: Callable[[Direction, FixMessage], None] | None = None,
    ) -> None:
        """begin_string: the version; FIX.5.0SP2 goes over FIXT.1.1. reset_seq_num: log on with ResetSeqNumFlag(141)=Y.

        store: file for numbers and recent orders.

        heartbeats: False keeps silent, also when it is asked, to try a counterparty's patience.
        tls: None speaks plain TCP. on_message sees all traffic.
        """
        self.host, self.port = host, port
        self.sender_comp_id, self.target_comp_id = sender_comp_id, target_comp_id
        self.begin_string, self.heart_bt_int = begin_string, heart_bt_int
        self.reset_seq_num, self.heartbeats, self.on_message = reset_seq_num, heartbeats, on_message
        self.store = SessionStore(store)
        self._tls = tls
        self.logged_on = False
        self.closed_reason = "never connected"
        """Why the last connection ended."""
        self.transcript: list[tuple[Direction, FixMessage]] = []
        """Everything sent and received, in order."""
        self._inbox = Inbox()
        self._credentials = [(tag, value) for tag, value in ((553, username), (554, password)) if value]
        self._connection: Connection | None = None
        self._logon_answer: asyncio.Future[None] | None = None
        self._logout_sent = False
        self._sent: dict[int, tuple[str, Fields, str]] = {}  # application messages by MsgSeqNum
        self._gap_end = 0  # highest number seen above a gap that a resend was asked for
        self._test_requests = 0

    # Numbers and messages

    @property
    def next_out(self) -> int:
        """MsgSeqNum(34) of the next message sent; may be set."""
        return self.store.next_out

    @next_out.setter
    def next_out(self, value: int) -> None:
        self.store.next_out = value

    @property
    def next_in(self) -> int:
        """MsgSeqNum(34) expected next; may be set."""
        return self.store.next_in

    @next_in.setter
    def next_in(self, value: int) -> None:
        self.store.next_in = value

    @property
    def inbox(self) -> list[FixMessage]:
        """Every message received in sequence, session messages included."""
        return self._inbox.received

    @property
    def connected(self) -> bool:
        return self._connection is not None and self._connection.open

    # Life of a connection

    async def connect(self, timeout: float = 10) -> Self:  # noqa: ASYNC109  # one deadline for all steps
        """Open the connection and log on.

        Raises LogonRefused with the counterparty's text, or ClientError when nobody answers: CannotConnect when nobody
        listens.
        """
        await self.open(timeout)
        await self.logon(timeout)
        return self

    async def open(self, timeout: float = 10) -> None:  # noqa: ASYNC109  # see connect
        """Open the TCP connection alone."""
        if self.connected:
            raise ClientError("already connected; log out or abort first")
        self.store.acquire()
        self._logout_sent, self._gap_end = False, 0
        connection = Connection(self._on_message, self._on_closed)
        try:
            async with asyncio.timeout(timeout):
                await asyncio.get_running_loop().create_connection(
                    lambda: connection, self.host, self.port, ssl=self._tls
                )
        except (OSError, TimeoutError) as error:
            self.store.release()
            number = 0 if isinstance(error, ssl.SSLError) else error.errno or 0  # TLS numbers its errors in its own way
            unsaid = "timeout" if isinstance(error, TimeoutError) else "the other side closed the connection"
            cause = os.strerror(number) if number > 0 else str(error) or unsaid
            raise CannotConnect(f"cannot connect to {self.host} port {self.port}: {cause}") from error
        self._connection = connection
        self._inbox.begin()

    async def logon(self, timeout: float = 10, fields: Fields = ()) -> None:  # noqa: ASYNC109  # see connect
        """Send a Logon, with `fields` besides the usual ones, and await its answer."""
        if self.reset_seq_num:
            self.next_out = self.next_in = 1
            self._sent.clear()
        reset = [(141, "Y")] if self.reset_seq_num else []
        self._logon_answer = asyncio.get_running_loop().create_future()
        carried = self.begin_string == FIX_50_SP2 and all(tag != 1137 for tag, _ in fields)
        version = [(1137, APPL_VER_ID_50_SP2)] if carried else []
        self.send("A", [(98, "0"), (108, self.heart_bt_int), *reset, *version, *self._credentials, *fields])
        try:
            async with asyncio.timeout(timeout):
                await self._logon_answer
        except TimeoutError:
            self.abort()
            raise ClientError(f"no answer to the Logon within {timeout:g} s") from None
        if self.heartbeats:
            self._require_connection().keep_alive(self.heart_bt_int, self._heartbeat, self._test_peer)

    async def logout(self, text: str | None = None, timeout: float = 5) -> None:  # noqa: ASYNC109  # see connect
        """Log out, await the confirmation and close. Closes in any case."""
        connection = self._connection
        if connection is None or not connection.open:
            return
        if not self._logout_sent:
            self._logout_sent = True
            self.send("5", [(58, text)] if text else [])
        try:
            async with asyncio.timeout(timeout):
                await connection.wait_closed()
        except TimeoutError:
            self.abort()
            raise ClientError(f"no answer to the Logout within {timeout:g} s") from None

    def abort(self) -> None:
        """Drop the connection at once, without Logout; what is unsent is lost."""
        if self._connection is not None:
            self._connection.abort()
            self._on_closed(self._connection, "aborted")

    async def wait_closed(self, timeout: float | None = 5) -> str:  # noqa: ASYNC109  # see connect
        """Await the end of the connection and return its reason. Raises TimeoutError; None waits for ever."""
        if self._connection is not None:
            async with asyncio.timeout(timeout):
                await self._connection.wait_closed()
        return self.closed_reason

    async def __aenter__(self) -> Self:
        return await self.connect()

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            await self.logout()
        else:
            self.abort()

    # Sending

    def send(self, msg_type: str, fields: Fields = ()) -> int:
        """Send a message and return its MsgSeqNum(34). Header tags among `fields` replace the usual ones.

        Raises NotConnected, and TypeError for a float.
        """
        seq, now = self.next_out, time.time_ns()
        sending_time = utc_timestamp(now)
        raw = self._encode(msg_type, seq, sending_time, fields)
        self._require_connection()
        self.next_out = seq + 1
        if msg_type not in _ADMINISTRATIVE:
            self._sent[seq] = (msg_type, fields, sending_time)
        self._write(raw, now)
        return seq

    def send_raw(self, data: bytes) -> None:
        """Write bytes as they are; no number is used up."""
        self._write(data, time.time_ns())

    def _encode(self, msg_type: str, seq: int, sending_time: str, fields: Fields) -> bytes:
        header: Fields = [(49, self.sender_comp_id), (56, self.target_comp_id), (34, seq), (52, sending_time)]
        return encode(transport(self.begin_string), msg_type, header, fields)

    def _write(self, raw: bytes, now: int) -> None:
        self._require_connection().write(raw)
        self._record("out", FixMessage(raw, now))

    def _record(self, direction: Direction, message: FixMessage) -> None:
        self.transcript.append((direction, message))
        if self.on_message is not None:
            self.on_message(direction, message)

    def _require_connection(self) -> Connection:
        if self._connection is None or not self._connection.open:
            raise NotConnected(f"not connected to {self.target_comp_id}: {self.closed_reason}")
        return self._connection

    def _heartbeat(self) -> None:
        self.send("0")

    def _test_peer(self) -> None:
        self._test_requests += 1
        self.send("1", [(112, f"test-{self._test_requests}")])

    # Receiving

    def _on_message(self, raw: bytes) -> None:
        message = FixMessage(raw)
        self._record("in", message)
        msg_type = message.type
        if msg_type == "A":
            self._on_logon(message)
        elif msg_type == "3" and message.seq == 0:  # the Logon did not get as far as the session: nothing counts
            self._close(f"refused by {self.target_comp_id}: {message.get(58) or 'no reason given'}")
        elif msg_type == "4" and message.get(123) != "Y":  # SequenceReset-Reset ignores MsgSeqNum
            self._advance(self._new_seq_no(message))
        elif message.seq > self.next_in:
            self._on_gap(message)
            return
        elif message.seq < self.next_in:
            if message.get(43) != "Y":
                self._refuse_low_number(message)
            return
        elif msg_type == "4":
            self._advance(self._new_seq_no(message))
        else:
            self._advance(message.seq + 1)
            self._answer(message)
        self._inbox.add(message)

    def _on_logon(self, message: FixMessage) -> None:
        if message.get(141) == "Y":
            self.next_in = 1
        if message.seq < self.next_in:
            self._refuse_low_number(message)
            return
        self.logged_on = True
        if self._logon_answer is not None and not self._logon_answer.done():
            self._logon_answer.set_result(None)
        if message.seq > self.next_in:
            self._ask_resend(message.seq)
        else:
            self._advance(message.seq + 1)

    def _on_gap(self, message: FixMessage) -> None:
        """The message will come again in order; only what cannot wait is dealt with now."""
        if message.type in {"2", "5"}:
            self._answer(message)
        if message.type == "5":
            self._inbox.add(message)
        elif self.connected:
            self._ask_resend(message.seq)

    def _ask_resend(self, seen: int) -> None:
        if not self._gap_end:
            self.send("2", [(7, self.next_in), (16, 0)])
        self._gap_end = max(self._gap_end, seen)

    def _advance(self, next_in: int) -> None:
        self.next_in = next_in
        if self._gap_end and next_in > self._gap_end:
            self._gap_end = 0

    def _new_seq_no(self, message: FixMessage) -> int:
        value = message.get(36) or ""
        return max(int(value), self.next_in) if value.isascii() and value.isdigit() else self.next_in

    def _answer(self, message: FixMessage) -> None:
        with contextlib.suppress(NotConnected):  # the other side may be gone before it has its answer
            if message.type == "1" and self.heartbeats:
                self.send("0", [(112, message.get(112) or "")])
            elif message.type == "2":
                self._resend(int(message[7]), int(message[16]))
            elif message.type == "5":
                self._on_logout(message)

    def _on_logout(self, message: FixMessage) -> None:
        text = message.get(58)
        reason = f"logged out by {self.target_comp_id}{f': {text}' if text else ''}"
        if not self._logout_sent and self.logged_on and self.connected:
            self._logout_sent = True
            self.send("5")
        self._close(reason)

    def _resend(self, begin: int, end: int) -> None:
        """Repeat application messages; what else was there, or is from an earlier run, becomes gap fills."""
        last = min(end, self.next_out - 1) if end else self.next_out - 1
        gap_start: int | None = None
        for seq in range(begin, last + 1):
            if seq not in self._sent:
                gap_start = seq if gap_start is None else gap_start
                continue
            if gap_start is not None:
                self._gap_fill(gap_start, seq)
                gap_start = None
            msg_type, fields, sent_at = self._sent[seq]
            now = time.time_ns()
            duplicate = [*fields, (34, seq), (43, "Y"), (52, utc_timestamp(now)), (122, sent_at)]
            self._write(self._encode(msg_type, seq, sent_at, duplicate), now)
        if gap_start is not None:
            self._gap_fill(gap_start, last + 1)

    def _gap_fill(self, seq: int, new_seq_no: int) -> None:
        now = time.time_ns()
        sending_time = utc_timestamp(now)
        fields: Fields = [(43, "Y"), (122, sending_time), (123, "Y"), (36, new_seq_no)]
        self._write(self._encode("4", seq, sending_time, fields), now)

    def _refuse_low_number(self, message: FixMessage) -> None:
        text = f"MsgSeqNum too low, expecting {self.next_in} but received {message.seq}"
        if not self._logout_sent:
            self._logout_sent = True
            self.send("5", [(58, text)])
        self._close(text)

    def _close(self, reason: str) -> None:
        if self._connection is not None:
            self._on_closed(self._connection, reason)
            self._connection.close()

    def _on_closed(self, connection: Connection, reason: str) -> None:
        """Called on the first sign of the end and again when the socket is closed; the first reason stays."""
        if connection.reason is not None or connection is not self._connection:
            return
        connection.reason = self.closed_reason = reason
        self.logged_on = False
        self.store.release()
        self._inbox.end()
        if self._logon_answer is not None and not self._logon_answer.done():
            self._logon_answer.set_exception(LogonRefused(f"the Logon was refused: {reason}"))
