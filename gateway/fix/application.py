"""QuickFIX's callbacks: copy the text out, note the numbers, enqueue. Nothing is decided here.

An exception that leaves a callback would end QuickFIX's thread and leave the port open (the worst way to be dead), so
every callback has one guard: the failure is alerted, and the message still reaches the engine where it can.
"""

import ctypes
import functools
import re
import threading
import time
from collections.abc import Callable, Collection, Mapping
from typing import Any, Concatenate, ParamSpec

import quickfix
from loguru import logger

from gateway.domain.logon_terms import logon_refusal
from gateway.engine import inbox as i
from gateway.engine.crash_points import crash_point
from gateway.engine.numbers import SessionState
from gateway.errors import JournalHalted, LeaseLost
from gateway.wire.raw import mask_secrets

_MSG_TYPE = re.compile(r"\x0135=([!-~]{1,8})\x01")
_MSG_SEQ_NUM = re.compile(r"\x0134=(\d{1,18})\x01")
_POSS_DUP = "\x0143=Y\x01"
_RESEND_REQUEST = "\x0135=2\x01"

COMMIT_DEADLINE_S = 5.0
"""How long a callback waits for the engine's commit. Longer, and heartbeats of other sessions would be late."""

RESERVE_DEADLINE_S = 20.0
"""How long a message without a reserved number is held back; then the engine starts afresh, since a number that SQL
does not know of could be used twice."""


P = ParamSpec("P")

_kept = threading.local()


def _keep_thread_state() -> None:
    """Keep Python's state of this thread from now on.

    QuickFIX's thread is none of Python's own, so a state would be made for each callback and deleted after it, with
    memory mapped and unmapped, which stops the other threads, too. Held once more than it is released, it stays.
    """
    if not hasattr(_kept, "is_kept"):
        ctypes.pythonapi.PyGILState_Ensure()
        _kept.is_kept = True


def _guarded(
    callback: Callable[Concatenate["GatewayApplication", P], None],
) -> Callable[Concatenate["GatewayApplication", P], None]:
    """Let nothing out but what QuickFIX understands."""

    @functools.wraps(callback)
    def run(self: "GatewayApplication", /, *args: P.args, **kwargs: P.kwargs) -> None:
        try:
            _keep_thread_state()
            callback(self, *args, **kwargs)
        except (quickfix.RejectLogon, quickfix.DoNotSend):
            raise
        except BaseException as error:  # QuickFIX's thread must live, whatever it was
            self.failed(callback.__name__, error, args)
            if callback.__name__ == "fromAdmin" and _head(args[0])[1] == "A":
                raise quickfix.RejectLogon("the Logon could not be processed; try again") from error

    return run


class GatewayApplication(quickfix.Application):  # type: ignore[misc]  # quickfix has no type information
    """One for all sessions. QuickFIX calls it on its own thread, and on ours while we send."""

    def __init__(
        self,
        *,
        put: Callable[[Any], None],
        sent: Callable[[i.MessageSent], None],
        sessions: Mapping[str, SessionState],
        heart_bt_int: tuple[int, int],
        halt: Callable[[BaseException], None],
        check_lease: Callable[[], None] = lambda: None,
        logon_refusal: Callable[[str], str] = lambda _: "",
        shut_out_strangers: Callable[[], bool] = lambda: False,
        gap_opened: Callable[[str], None] = lambda _: None,
        live: bool = False,
        test_sessions: Collection[str] = (),
    ) -> None:
        """logon_refusal: why nobody can log on to a session now; empty where one can.

        shut_out_strangers: ends connections that are not the front's, and says whether there were any.
        gap_opened: a session's client is asked for messages; what comes meanwhile QuickFIX keeps in memory.
        live: whether orders reach a venue that trades real money; test_sessions are refused then.
        """
        super().__init__()
        self._shut_out_strangers = shut_out_strangers
        self._check_lease = check_lease
        self._logon_refusal = logon_refusal
        self._gap_opened = gap_opened
        self._halt = halt
        self._put = put
        self._sent = sent
        self._states = sessions
        self._heart_bt_int = heart_bt_int
        self._live, self._test_sessions = live, test_sessions
        self._keys: dict[str, tuple[str, Any]] = {}
        self.sending = threading.local()  # .report_id while our own thread sends a report
        self.on: set[str] = set()
        """Sessions that are logged on, as QuickFIX knows before the engine does. Nothing of ours may be numbered while
        one is not: its client may be resetting the numbers, and the answer to that must have the first.
        """

    # --- lifecycle

    @_guarded
    def onCreate(self, session_id: Any) -> None:
        """A session exists; it may be offline."""
        self._session(session_id)

    @_guarded
    def onLogon(self, session_id: Any) -> None:
        """Both sides are logged on."""
        key, _ = self._session(session_id)
        self.on.add(key)
        self._put(i.LoggedOn(key, time.time_ns()))

    @_guarded
    def onLogout(self, session_id: Any) -> None:
        """Logged out, or the connection is gone."""
        key, _ = self._session(session_id)
        self.on.discard(key)
        self._put(i.LoggedOut(key, time.time_ns()))

    # --- out

    @_guarded
    def toAdmin(self, message: Any, session_id: Any) -> None:
        """A session-level message is about to leave."""
        text = message.toString()
        self._leaving(text, session_id, app=False)
        if _RESEND_REQUEST in text:
            self._gap_opened(self._session(session_id)[0])

    @_guarded
    def toApp(self, message: Any, session_id: Any) -> None:
        """A report is about to leave, for the first time or on a ResendRequest."""
        self._leaving(message.toString(), session_id, app=True)

    def _leaving(self, text: str, session_id: Any, *, app: bool) -> None:
        key, _ = self._session(session_id)
        seq = _number(_MSG_SEQ_NUM, text)
        report_id = getattr(self.sending, "report_id", None)
        state = self._states[key]
        if report_id is not None and key not in self.on:
            raise quickfix.DoNotSend
        repeated = _POSS_DUP in text and (app or "\x0135=4\x01" in text)
        if seq >= state.reserved and not repeated:
            if report_id is not None:
                raise quickfix.DoNotSend  # our own thread is the one that reserves: it will, and then send again
            self._reserve(key, seq)
        self.sending.report_id = None
        self._sent(i.MessageSent(key, text, _msg_type(text), seq, not repeated, report_id, time.time_ns()))
        if report_id is not None:
            crash_point("leaving")
        try:
            self._check_lease()  # last of all: what was numbered before a pause must not leave after it
        except LeaseLost as error:
            self._halt(error)

    def _reserve(self, key: str, seq: int) -> None:
        """SQL's outbound number must lead the wire: wait until it does."""
        item = i.ReserveNumbers(key, seq + 1)
        self._put(item)
        if not item.done.wait(RESERVE_DEADLINE_S):
            self._halt(JournalHalted(f"no numbers reserved for {key} within {RESERVE_DEADLINE_S:g} s, next {seq}"))

    # --- in

    @_guarded
    def fromAdmin(self, message: Any, session_id: Any) -> None:
        """A session-level message came in. May raise RejectLogon."""
        key, session = self._session(session_id)
        text = message.toString()
        msg_type = _msg_type(text)
        expected = session.getExpectedTargetNum()
        seq = _number(_MSG_SEQ_NUM, text)
        progress = expected + 1 if seq == expected else expected
        if msg_type == "4" and (seq == expected or _field(message, 123) != "Y"):
            # A gap fill counts in its turn alone; a reset counts whatever its own number is.
            progress = max(expected, _digits(_field(message, 36)))
        elif msg_type in ("5", "3") and seq > expected:
            # QuickFIX increments its expected number for these although a gap is open, and would then drop the
            # message that fills it. Set back, the increment lands on the right number.
            session.setNextTargetMsgSeqNum(expected - 1)
        elif msg_type == "A":
            self._check_logon(key, message)
        self._put(i.AdminReceived(key, mask_secrets(text), msg_type, seq, progress, seq == expected, time.time_ns()))

    def _check_logon(self, key: str, message: Any) -> None:
        """QuickFIX has reset its numbers by now, whether or not the Logon is refused: SQL must follow in any case."""
        crash_point("logon_received")
        if _field(message, 141) == "Y":
            item = i.EpochReset(key, time.time_ns())
            self._put(item)
            if not item.done.wait(COMMIT_DEADLINE_S):
                raise quickfix.RejectLogon("the sequence reset could not be recorded; try again")
            crash_point("epoch_committed")
        elif self._states[key].reset_required:
            # What the client would send again may be orders that the exchange has and the restored database has not.
            raise quickfix.RejectLogon("restored from a backup: log on with ResetSeqNumFlag(141)=Y")
        refusal = self._terms_refusal(key, message) or self._logon_refusal(key)
        if refusal:
            raise quickfix.RejectLogon(refusal)
        if self._shut_out_strangers():
            raise quickfix.RejectLogon("another user was connected to the engine; try again")
        low, high = self._heart_bt_int
        interval = _digits(_field(message, 108))
        if not low <= interval <= high:
            raise quickfix.RejectLogon(f"HeartBtInt(108)={interval} is not allowed: {low} to {high} seconds")

    def _terms_refusal(self, key: str, message: Any) -> str:
        return logon_refusal(
            begin_string=str(message.getHeader().getField(8)),
            encrypt_method=_field(message, 98),
            default_appl_ver_id=_field(message, 1137),
            live=self._live,
            test_session=key in self._test_sessions,
            test_message_indicator=_field(message, 464),
        )

    @_guarded
    def fromApp(self, message: Any, session_id: Any) -> None:
        """An application message came in, in turn."""
        crash_point("received")
        at = time.time_ns()
        key, session = self._session(session_id)
        text = message.toString()
        seq = _number(_MSG_SEQ_NUM, text)
        expected = session.getExpectedTargetNum()
        in_turn = seq == expected
        progress = expected + 1 if in_turn else expected
        self._put(i.AppReceived(key, text, _msg_type(text), seq, progress, in_turn, at))

    # --- trouble

    def failed(self, callback: str, error: BaseException, args: tuple[Any, ...]) -> None:
        """A callback failed: alert, and have the engine answer the message if it was an order's."""
        try:
            logger.opt(exception=error).error("callback failed callback={}", callback)
            key = args[-1].toString() if args else "-"
            text = f"{callback}: {type(error).__name__}: {error}"
            self._put(i.AlertRaised("CALLBACK_FAILED", text, time.time_ns(), key))
            if callback == "fromApp":
                self._put(i.CallbackFailed(key, *_head(args[0]), time.time_ns()))
            elif callback == "fromAdmin" and _head(args[0])[1] == "A" and _field(args[0], 141) == "Y":
                self._put(i.EpochReset(key, time.time_ns()))  # QuickFIX has reset its numbers
            elif callback == "onLogon":
                self.on.add(key)
                self._put(i.LoggedOn(key, time.time_ns()))  # or the session's reports would wait for ever
            elif callback == "onLogout":
                self.on.discard(key)
                self._put(i.LoggedOut(key, time.time_ns()))
        except BaseException:  # the last line: nothing may leave
            logger.opt(exception=True).error("callback failed twice callback={}", callback)

    def _session(self, session_id: Any) -> tuple[str, Any]:
        key = session_id.toString()
        found = self._keys.get(key)
        if found is None:
            found = self._keys[key] = (key, quickfix.Session.lookupSession(session_id))
        return found


def _msg_type(text: str) -> str:
    found = _MSG_TYPE.search(text)
    return found[1] if found else "?"


def _field(message: Any, tag: int) -> str:
    """A field as QuickFIX parsed it: bytes of a data field cannot pass for it."""
    return str(message.getField(tag)) if message.isSetField(tag) else ""


def _digits(value: str) -> int:
    return int(value) if value.isascii() and value.isdigit() and len(value) <= 18 else 0


def _number(pattern: re.Pattern[str], text: str) -> int:
    found = pattern.search(text)
    return int(found[1]) if found else 0


def _head(message: Any) -> tuple[str, str, int]:
    """What can be saved of a message whose callback failed."""
    try:
        text = message.toString()
    except BaseException:
        return "", "?", 0
    return text, _msg_type(text), _number(_MSG_SEQ_NUM, text)
