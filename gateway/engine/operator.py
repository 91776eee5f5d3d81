"""What operators ask for: each request is a row with who asked, why and how it ended, answered after the commit.

The row is there before anything is done: a request that a crash cut short stays "under way" in SQL, but for a kill,
whose end the next start tells.
"""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from functools import partial

import msgspec
from loguru import logger

from gateway.domain.wording import counted
from gateway.engine.drain import Drainer
from gateway.engine.inbox import OperatorRequest
from gateway.engine.key_reloads import KeyReloads
from gateway.engine.kill_switch import KillSwitch
from gateway.engine.limits import LimitSetter
from gateway.engine.opening import OpeningPositions
from gateway.engine.operations import (
    AcceptBreaks,
    AcceptOwner,
    Arm,
    DisableSession,
    DisconnectSession,
    Drain,
    EnableSession,
    ImportPositions,
    Kill,
    LogOutSession,
    OperationRefused,
    Outcome,
    PositionsFromVenue,
    Reconcile,
    ReloadKeys,
    RemoveLimit,
    ResetSession,
    SetLimit,
    SetSessionNumbers,
    open_to_group,
)
from gateway.engine.owners import Owners
from gateway.engine.ports import FrontPort
from gateway.engine.reconciler import Reconciler
from gateway.engine.recorder import Recorder
from gateway.engine.session_actions import NewEpoch, Numbers, SessionActions
from gateway.engine.symbol_names import SymbolNames
from gateway.store.codec import encode_json
from gateway.store.readers import UNDER_WAY
from gateway.store.rows import AdminActionRow, BreakRow, storable

_TEXT = "logged out by the operator"


class Operator:
    """Only the engine's thread uses it."""

    def __init__(
        self,
        *,
        recorder: Recorder,
        sessions: SessionActions,
        reconciler: Reconciler,
        limits: LimitSetter,
        positions: OpeningPositions,
        kill_switch: KillSwitch,
        drainer: Drainer,
        keys: KeyReloads,
        owners: Owners,
        front: FrontPort,
        symbols: SymbolNames,
        last_action_id: int,
        cut_short: Iterable[AdminActionRow] = (),
    ) -> None:
        """cut_short: kills of former starts that were under way when the engine ended."""
        self._batch = recorder.batch
        self._book = recorder.book
        self._sessions = sessions
        self.session_closed = sessions.closed
        self.is_told_to_leave = sessions.is_told_to_leave
        self._reconciler = reconciler
        self._limits = limits
        self._positions = positions
        self._kill_switch = kill_switch
        self._drainer = drainer
        self._keys = keys
        self._owners = owners
        self._front = front
        self._symbols = symbols
        self._idle: set[int] = set()  # limits that were alerted
        self._alert = recorder.alert
        self._effects: list[Callable[[], None]] = []  # after the commit
        self.keys_reloaded = keys.answered
        self._last_id = last_action_id
        self._answers: list[tuple[Future[Outcome], Outcome]] = []
        for row in cut_short:
            finish = partial(self._finish, row, Future())
            try:
                asked = Kill(**msgspec.json.decode(row.arguments))
            except (ValueError, TypeError):  # a row holds so much text and no more
                kill_switch.resume_unread(row.action_id, finish)
            else:
                kill_switch.resume(row.action_id, asked, finish)

    def venue_available(self, at: int) -> None:
        """A venue account has told what can be traded: a limit that is for nothing of it is alerted, once."""
        risk = self._book.risk
        for limit, why in self._symbols.idle(risk.limits, at):
            if limit.limit_id not in self._idle:
                self._idle.add(limit.limit_id)
                self._alert("LIMITS_NOTHING", f"version {limit.limit_id}, {limit.code} {limit.text}: {why}", at)

    def due(self, now: int) -> None:
        """Go on with what takes time."""
        self._kill_switch.due(now)
        self._drainer.due(now)

    def wait(self, now: int) -> float:
        """Seconds until something is due; infinite when nothing is."""
        return min(self._kill_switch.wait(now), self._drainer.wait(now))

    def request(self, item: OperatorRequest) -> None:
        """Record the request and begin with it."""
        self._last_id += 1
        row = AdminActionRow(
            self._last_id,
            item.at,
            item.caller.uid,
            item.caller.pid,
            storable(item.caller.who),
            item.name,
            storable(encode_json(item.operation)),
            storable(item.reason),
            UNDER_WAY,
        )
        logger.info("operator action_id={} who={} {} {}", row.action_id, row.who, row.action, row.arguments)
        self._batch.admin_actions[row.action_id] = row
        finish = partial(self._finish, row, item.reply)
        try:
            self._begin(item, finish)
        except OperationRefused as refused:
            finish(Outcome(done=False, text=str(refused)))
        except Exception as error:  # a defect of ours: who asked must hear of it
            logger.opt(exception=error).error("operator action failed action_id={}", row.action_id)
            finish(Outcome(done=False, text=f"it failed: {type(error).__name__}: {error}"))

    def release(self) -> None:
        """What was decided is in SQL: do it, and tell those who asked."""
        self._sessions.release()
        self._keys.release()
        effects, self._effects = self._effects, []
        for effect in effects:
            effect()
        answers, self._answers = self._answers, []
        for reply, outcome in answers:
            if not reply.done():
                reply.set_result(outcome)

    def _begin(self, item: OperatorRequest, finish: "partial[None]") -> None:
        if not (item.caller.is_owner or open_to_group(item.operation)):
            raise OperationRefused(
                f"{item.name} is for the user that runs the gateway, and root; members of engine.control_group can "
                "kill, arm, and reconcile with --dry-run"
            )
        match item.operation:
            case Reconcile() as asked:
                self._reconcile(asked, finish)
            case AcceptBreaks() as asked:
                who, why = storable(item.caller.who), storable(item.reason)
                finish(self._reconciler.balances.accept(asked, self._last_id, who, why, item.at))
            case ReloadKeys(venue_account=name):
                self._keys.ask(name, finish)
            case AcceptOwner(venue_account=name):
                self._owners.accept(name, self._book, self._batch)
                who, why = storable(item.caller.who), storable(item.reason)
                self._reconciler.balances.begin_anew(name, self._last_id, who, why, item.at)
                self._keys.ask(name, finish)
            case ResetSession(session=name):
                self._sessions.log_out(self._sessions.find(name), _TEXT, NewEpoch(), finish)
            case SetSessionNumbers() as asked:
                self._set_numbers(asked, finish)
            case Kill() as asked:
                self._symbols.check(asked.symbol)
                self._kill_switch.kill(self._last_id, asked, item.caller, item.reason, finish)
            case Arm() as asked:
                finish(self._kill_switch.arm(asked, item.caller, item.reason))
            case LogOutSession(session=name):
                self._sessions.log_out(self._sessions.find(name), _TEXT, None, finish)
            case DisconnectSession(session=name):
                session = self._sessions.find(name)
                self._effects.append(partial(self._front.disconnect, session, item.reason, finish))
            case DisableSession(session=name):
                self._sessions.disable(self._sessions.find(name), "disabled by the operator", finish)
            case EnableSession(session=name):
                finish(self._sessions.enable(self._sessions.find(name)))
            case ImportPositions() as asked:
                finish(self._positions.take(asked, self._last_id, item.at))
            case PositionsFromVenue() as asked:
                self._positions.take_from_venue(asked, self._last_id, finish)
            case Drain() as asked:
                self._drainer.drain(asked, finish)
            case SetLimit() | RemoveLimit() as asked:
                if isinstance(asked, SetLimit):
                    self._symbols.check(asked.symbol)
                finish(self._limits.set(asked, at=item.at, who=storable(item.caller.who), why=storable(item.reason)))

    def _set_numbers(self, asked: SetSessionNumbers, finish: "partial[None]") -> None:
        if asked.next_in is None and asked.next_out is None:
            raise OperationRefused("neither number is given: which one is to be set?")
        change = (
            NewEpoch(asked.next_in or 1, asked.next_out or 1)
            if asked.new_epoch
            else Numbers(asked.next_in, asked.next_out)
        )
        self._sessions.log_out(self._sessions.find(asked.session), _TEXT, change, finish)

    def _reconcile(self, asked: Reconcile, finish: "partial[None]") -> None:
        accounts = self._reconciler.accounts if asked.venue_account is None else [asked.venue_account]
        _Comparisons(accounts, finish).start(self._reconciler, dry_run=asked.dry_run)

    def _finish(self, row: AdminActionRow, reply: "Future[Outcome]", outcome: Outcome) -> None:
        text = outcome.text if outcome.done else f"refused: {outcome.text}"
        self._batch.admin_actions[row.action_id] = row._replace(outcome=storable(text))
        self._answers.append((reply, outcome))
        logger.info("operator action_id={} {}", row.action_id, text)


class _Comparisons:
    """The venue accounts of one request, until all have answered."""

    def __init__(self, accounts: Sequence[str], finish: "partial[None]") -> None:
        self._left = set(accounts)
        self._compared = 0
        self._finish = finish
        self._breaks: list[BreakRow] = []
        self._problems: list[str] = []

    def start(self, reconciler: Reconciler, *, dry_run: bool) -> None:
        """Ask for each. One that cannot be compared does not keep the others from it."""
        for account in sorted(self._left):
            try:
                reconciler.request(account, partial(self._answered, account), dry_run=dry_run)
            except OperationRefused as refused:
                self._answered(account, [], str(refused))

    def _answered(self, account: str, found: Sequence[BreakRow], problem: str) -> None:
        self._left.discard(account)
        self._breaks += found
        if problem:
            self._problems.append(problem)
        else:
            self._compared += 1
        if not self._left:
            count = len(self._breaks)
            found_text = [f"{counted(count, 'break')} found"] if self._compared else []
            text = "; ".join([*found_text, *self._problems])
            result = {"breaks": [row._asdict() for row in self._breaks], "problems": self._problems}
            self._finish(Outcome(done=not self._problems, text=text, result=result))
