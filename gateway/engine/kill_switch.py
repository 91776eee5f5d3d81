"""The kill switch: a scope is halted, what is open in it canceled, and the venue asked until nothing is left.

The halt comes first, with the first cancels; very many follow batch by batch, and after a crash the next start goes on
with them. Cancels that the venue cannot act on are repeated as any others are, also after a restart. Confirmation is
for whoever asked: where nothing has ended for long, what is missing is named with the reason that is known, and the
halt stands. Positions are closed, where that is asked for, after the confirmation.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from typing import Any

from loguru import logger

from gateway.domain.halts import Halt, HaltScope, TradingState
from gateway.domain.order import Order, Phase
from gateway.domain.reconcile import OrderAtVenue, VenueSnapshot
from gateway.domain.session_names import OWN_SESSION, session_name
from gateway.domain.session_profile import Account
from gateway.domain.wording import counted
from gateway.engine.clock import NANOSECONDS, Clock, is_due
from gateway.engine.flattening import Flattening
from gateway.engine.mass_cancels import MassCancels, Place
from gateway.engine.operations import Arm, Caller, Finish, Kill, OperationRefused, Outcome
from gateway.engine.put_halt import put_halt
from gateway.engine.reconciler import Reconciler
from gateway.engine.recorder import Recorder
from gateway.engine.timers import AT_ONCE
from gateway.engine.withdrawals import Withdrawals
from gateway.store.rows import AlertRow, storable

CONFIRM_WITHIN = 30 * NANOSECONDS
"""So long after the last of them was to be canceled: when none of them has ended, that counts as not confirmed."""

GOES_ON_WITHIN = 150 * NANOSECONDS
"""Likewise, when some have ended and then no more: very many cancels wait for the venue's rate budget, which begins
anew each minute, and a busy machine may need its time to use it.
"""

ARM_WITHIN = 15 * 60 * NANOSECONDS
"""How long the first person's wish to arm waits for the second's."""

_LOOK_EVERY = NANOSECONDS // 4
_ASK_AGAIN = NANOSECONDS
_RECONCILE_EVERY = 5 * NANOSECONDS


@dataclass(slots=True)
class _Kill:
    """One that is not confirmed yet. unseen: venue accounts still to be looked at.

    left: orders, the last of them not over. left_at: how many were not over when that was last counted; until: when
    that happens again.
    """

    action_id: int
    scope: HaltScope
    flatten: bool
    finish: Finish
    until: int
    found: int
    left: list[str]
    left_at: int
    unseen: set[str]
    accounts: frozenset[str]
    asked: set[str] = field(default_factory=set)
    ask_at: int = 0
    reconcile_at: int = 0
    reconcile_left: int = 0  # how many were not over then
    at_venue: dict[str, list[str]] = field(default_factory=dict)  # client ids, by venue account
    problems: dict[str, str] = field(default_factory=dict)
    free: dict[str, dict[str, Decimal]] = field(default_factory=dict)  # balances, by venue account


class KillSwitch:
    """Only the engine's thread uses it."""

    def __init__(
        self,
        *,
        withdrawals: Withdrawals,
        recorder: Recorder,
        reconciler: Reconciler,
        flattening: Flattening,
        mass_cancels: MassCancels,
        accounts: Mapping[str, Account],
        venues: Mapping[str, str],
        sessions: Collection[str],
        clock: Clock,
        prefix: str,
    ) -> None:
        """venues: by venue account. sessions: their keys. prefix: what client ids of this deployment begin with."""
        self._withdrawals = withdrawals
        self._recorder = recorder
        self._book = recorder.book
        self._reconciler = reconciler
        self._flattening = flattening
        self._mass_cancels = mass_cancels
        self._accounts = accounts
        self._venues = venues
        self._sessions = {session_name(key) for key in sessions}
        self._clock = clock
        self._prefix = prefix
        self._kills: list[_Kill] = []

    # --- what is asked

    def kill(self, action_id: int, asked: Kill, caller: Caller, reason: str, finish: Finish) -> None:
        """Halt the scope and cancel what is open in it. Raises OperationRefused where there is no such scope."""
        scope, now = self._scope(asked), self._clock.now()
        if asked.flatten and asked.reduce_only:
            raise OperationRefused("--flatten closes positions itself: it goes with a halt, not with --reduce-only")
        if asked.flatten and scope.session:
            raise OperationRefused("positions are accounts', not sessions': flatten by account, symbol or venue")
        state = TradingState.REDUCING if asked.reduce_only else TradingState.HALTED
        before = self._book.halts.get(scope)
        if asked.reduce_only and before is not None and before.state is TradingState.HALTED:
            raise OperationRefused(f"{scope} is HALTED, which is stricter; two users can arm it")
        venue_accounts = self._venue_accounts(scope)
        self._put(Halt(scope, state, storable(reason), caller.uid, storable(caller.who), now))
        self._alert(f"{state.name} {scope} by {caller.who}: {reason}", now)
        if asked.reduce_only:
            finish(Outcome(done=True, text=f"REDUCING {scope}: only what reduces a position passes"))
            return
        orders = self._open_in(scope)
        self._mass_cancels.begin(action_id, scope, self._wholly_in(scope, orders))
        self._withdraw(scope, orders, now)
        venue_accounts |= {order.venue_account for order in orders}
        self._kills.append(
            _Kill(
                action_id=action_id,
                scope=scope,
                flatten=asked.flatten,
                finish=finish,
                until=now + CONFIRM_WITHIN,
                found=len(orders),
                left=[order.order_id for order in orders],
                left_at=len(orders),
                unseen=set(venue_accounts),
                accounts=venue_accounts,
            )
        )

    def arm(self, asked: Arm, caller: Caller, reason: str) -> Outcome:
        """Let orders pass again, when a second person wants it too. Raises OperationRefused."""
        scope, now = self._scope(asked), self._clock.now()
        halt = self._book.halts.get(scope)
        if halt is None:
            raise OperationRefused(f"{scope} is not halted; arm exactly the scope that was")
        first = halt.armed_by_uid if now - halt.armed_at <= ARM_WITHIN else -1
        if first in (-1, caller.uid):
            self._put(halt._replace(armed_by_uid=caller.uid, armed_at=now))
            minutes = ARM_WITHIN // NANOSECONDS // 60
            text = (
                f"{scope} stays {halt.state.name}: another user than {caller.who} has to arm it too, "
                f"within {minutes} minutes"
            )
            return Outcome(done=True, text=text, result={"state": str(halt.state)})
        self._put(Halt(scope, TradingState.ACTIVE, storable(reason), caller.uid, storable(caller.who), now))
        self._alert(f"ACTIVE {scope} by {caller.who}, after uid {first}: {reason}", now)
        return Outcome(done=True, text=f"{scope} is ACTIVE", result={"state": str(TradingState.ACTIVE)})

    def resume(self, action_id: int, asked: Kill, finish: Finish) -> None:
        """One that the engine's end has cut short. The halt stands, and cancels go on by themselves."""
        scope = HaltScope(asked.account, session_name(asked.session), asked.symbol, asked.venue_account, asked.venue)
        halt = self._book.halts.get(scope)
        if halt is not None and halt.state is TradingState.HALTED:
            self._cancel_rest(scope)
        if asked.flatten:
            self._flattening.resume(action_id, scope, finish)
        else:
            text = f"cut short by the engine's end: {scope} stays as it is, cancels go on, and nobody confirmed them"
            finish(Outcome(done=True, text=text))

    def resume_unread(self, action_id: int, finish: Finish) -> None:
        """One that the engine's end has cut short, and whose scope SQL does not have whole: it is among what is halted.

        So what is open in all of that is canceled. What it was to flatten is left to people: it could be anything.
        """
        for scope in self._book.halts.halted():
            self._cancel_rest(scope)
        text = (
            "cut short by the engine's end, and SQL does not have its scope whole: what it had stopped stays so, and "
            "what is open wherever trading is halted is canceled; nobody confirmed it, and nothing is flattened"
        )
        self._alert(f"action {action_id} was {text}", self._clock.now())
        finish(Outcome(done=False, text=text))

    def _cancel_rest(self, scope: HaltScope) -> None:
        orders = self._open_in(scope)
        self._withdrawals.later([o for o in orders if o.session != OWN_SESSION], _why(scope))

    def _open_in(self, scope: HaltScope) -> list[Order]:
        return [o for o in self._book.orders.values() if (o.is_open or o.is_unknown) and self._is_in(scope, o)]

    def _withdraw(self, scope: HaltScope, orders: Iterable[Order], now: int) -> None:
        """What one request cancels together, and as many of the others as a batch may take; the rest later."""
        first: list[Order] = []
        rest: list[Order] = []
        together = self._mass_cancels.places()
        for order in orders:
            (first if (order.venue_account, order.symbol) in together else rest).append(order)
        self._withdrawals.withdraw([*first, *rest[:AT_ONCE]], _why(scope), now)
        self._withdrawals.later(rest[AT_ONCE:], _why(scope))

    # --- time

    def due(self, now: int) -> None:
        """Go on with what is not confirmed yet, and with closing positions."""
        for kill in list(self._kills):
            self._go_on(kill, now)
        self._flattening.due(now)

    def wait(self, now: int) -> float:  # noqa: ARG002 - as of the other duties
        """Seconds until something is due; infinite when nothing is."""
        return float("inf") if not self._kills and self._flattening.is_idle else _LOOK_EVERY / NANOSECONDS

    def _go_on(self, kill: _Kill, now: int) -> None:
        while kill.left and self._is_over(kill.left[-1]):  # one that is not keeps it from looking at all the others
            kill.left.pop()
        if not kill.left and not kill.unseen:
            self._confirmed(kill)
        elif self._withdrawals.is_behind(_why(kill.scope)):
            kill.until = now + CONFIRM_WITHIN
        elif now > kill.until and not self._goes_on(kill, now):
            self._not_confirmed(kill)
        elif kill.left:
            if is_due(kill.reconcile_at, now, _RECONCILE_EVERY):  # words of the venue may have been lost
                self._reconcile(kill, now)
        elif is_due(kill.ask_at, now, _ASK_AGAIN) and not kill.asked:
            self._ask(kill, now)

    def _is_over(self, order_id: str) -> bool:
        order = self._book.orders.get(order_id)
        return order is None or not (order.is_open or order.is_unknown)

    def _goes_on(self, kill: _Kill, now: int) -> bool:
        """Whether orders ended since this was last asked."""
        before, kill.left_at = kill.left_at, self._count_left(kill)
        kill.until = now + GOES_ON_WITHIN
        return kill.left_at < before

    def _count_left(self, kill: _Kill) -> int:
        kill.left = [order_id for order_id in kill.left if not self._is_over(order_id)]
        return len(kill.left)

    def _reconcile(self, kill: _Kill, now: int) -> None:
        left = self._count_left(kill) if kill.reconcile_at else 0  # at first they are on their way
        if left and left == kill.reconcile_left:  # while some end, the budget is for cancels
            for account in {self._book.orders[order_id].venue_account for order_id in kill.left}:
                try:
                    self._reconciler.request(account, lambda *_: None, dry_run=False)
                except OperationRefused as refused:
                    kill.problems[account] = str(refused)
        kill.reconcile_at, kill.reconcile_left = now + _RECONCILE_EVERY, left or kill.reconcile_left

    def _ask(self, kill: _Kill, now: int) -> None:
        """By the books nothing is open any more: what does the venue say?"""
        kill.ask_at = now + _ASK_AGAIN
        for account in sorted(kill.unseen):
            try:
                kill.asked.add(account)
                self._reconciler.look(account, partial(self._seen, kill, account), polled=True)
            except OperationRefused as refused:
                kill.asked.discard(account)
                kill.problems[account] = str(refused)

    def _seen(self, kill: _Kill, account: str, snapshot: VenueSnapshot | None, problem: str) -> None:
        kill.asked.discard(account)
        if snapshot is None:
            kill.problems[account] = problem
            return
        kill.problems.pop(account, None)
        if snapshot.balances:
            kill.free[account] = {balance.asset: balance.free for balance in snapshot.balances}
        open_there = [theirs for theirs in snapshot.orders if self._is_ours(kill.scope, account, theirs)]
        kill.at_venue[account] = [theirs.client_id for theirs in open_there]
        if not open_there:
            kill.unseen.discard(account)
        for theirs in open_there:
            self._recorder.cancel_stray(account, theirs, self._clock.now())

    def _is_ours(self, scope: HaltScope, account: str, theirs: OrderAtVenue) -> bool:
        """Whether an open order at the venue belongs to the scope. One whose owner is unknown does where it may."""
        named = self._book.by_venue_ids(account, theirs.symbol, theirs.client_id, theirs.venue_order_id)
        if named is not None:
            return self._is_in(scope, named[0])
        return not scope.session and scope.symbol in ("", theirs.symbol) and theirs.client_id.startswith(self._prefix)

    # --- how it ends

    def _confirmed(self, kill: _Kill) -> None:
        self._over(kill)
        text = f"HALTED {kill.scope}: {_were_open(kill.found)}, and the venue has none of them any more"
        outcome = Outcome(done=True, text=text, result={"confirmed": True, "orders": kill.found, "unconfirmed": []})
        if kill.flatten:
            self._flattening.begin(kill.action_id, kill.scope, kill.free, outcome, kill.finish)
        else:
            kill.finish(outcome)

    def _over(self, kill: _Kill) -> None:
        self._kills.remove(kill)
        self._mass_cancels.end(kill.action_id)

    def _not_confirmed(self, kill: _Kill) -> None:
        self._over(kill)
        missing = [f"order {order_id} is not over{self._what_is_known(order_id)}" for order_id in kill.left]
        for account in sorted(kill.unseen):
            missing += [f"{account}: {client_id} is open there" for client_id in kill.at_venue.get(account, [])]
        missing += [problem for account, problem in sorted(kill.problems.items()) if account in kill.accounts]
        if not missing:
            missing = [f"{account}: it did not show its orders" for account in sorted(kill.unseen)]
        text = f"HALTED {kill.scope}: {_were_open(kill.found)}, NOT CONFIRMED: {'; '.join(missing)}"
        result: dict[str, Any] = {"confirmed": False, "orders": kill.found, "unconfirmed": missing}
        if kill.flatten:
            text += "; NOT FLATTENED, since orders may still execute"
            result |= {"flat": False, "closed": [], "left": self._flattening.left(kill.scope, "NOT_CONFIRMED")}
        self._alert(text, self._clock.now())
        kill.finish(Outcome(done=True, text=text, result=result))

    def _what_is_known(self, order_id: str) -> str:
        """Why an order is not over, as far as that can be told."""
        order = self._book.orders.get(order_id)
        ours = next((r for r in order.requests if r.kind.is_ours), None) if order is not None else None
        if ours is None:
            return ""
        if ours.phase in (Phase.RETURNED, Phase.REFUSED) and ours.text:
            return f" ({ours.text})"
        if ours.phase is Phase.DOUBTFUL:
            return " (what became of its cancel is being asked for)"
        return " (its cancel is not answered)" if ours.phase is Phase.CANCELING else ""

    # --- parts

    def _scope(self, asked: Kill | Arm) -> HaltScope:
        """Raises OperationRefused for a name that is nobody's: a slip must not pass for a halt."""
        session = session_name(asked.session) if asked.session else ""
        if asked.account and asked.account not in self._accounts:
            raise OperationRefused(f"no account {asked.account!r}; there are: {', '.join(sorted(self._accounts))}")
        if session and session not in self._sessions:
            raise OperationRefused(f"no session {asked.session!r}; there are: {', '.join(sorted(self._sessions))}")
        if asked.venue_account and asked.venue_account not in self._venues:
            there = ", ".join(sorted(self._venues))
            raise OperationRefused(f"no venue account {asked.venue_account!r}; there are: {there}")
        if asked.venue and asked.venue not in self._venues.values():
            there = ", ".join(sorted(set(self._venues.values())))
            raise OperationRefused(f"no venue {asked.venue!r}; there are: {there}")
        return HaltScope(asked.account, session, asked.symbol, asked.venue_account, asked.venue)

    def _venue_accounts(self, scope: HaltScope) -> frozenset[str]:
        """Where orders of the scope can be. Raises OperationRefused when nowhere, which is a slip too."""
        found = frozenset(
            account.venue_account
            for account in self._accounts.values()
            if scope.account in ("", account.name)
            and scope.venue_account in ("", account.venue_account)
            and scope.venue in ("", self._venues[account.venue_account])
        )
        if not found:
            raise OperationRefused(f"no order can be in {scope}: no such account trades at that venue account")
        return found

    def _wholly_in(self, scope: HaltScope, orders: Iterable[Order]) -> set[Place]:
        """Where these are, as far as nobody may send an order there that is not in the scope, or has one open."""
        places = {(order.venue_account, order.symbol) for order in orders}
        for account in self._accounts.values():
            venue = self._venues[account.venue_account]
            for place in [place for place in places if place[0] == account.venue_account]:
                if not scope.holds(HaltScope(account.name, "", place[1], place[0], venue)):
                    places.discard(place)
        for order_id in self._book.working:
            order = self._book.orders[order_id]
            if not self._is_in(scope, order):
                places.discard((order.venue_account, order.symbol))
        return places

    def _is_in(self, scope: HaltScope, order: Order) -> bool:
        venue = self._venues.get(order.venue_account, "")
        where = HaltScope(order.account, session_name(order.session), order.symbol, order.venue_account, venue)
        return scope.holds(where)

    def _put(self, halt: Halt) -> None:
        put_halt(self._recorder, halt)

    def _alert(self, text: str, at: int) -> None:
        logger.warning("ALERT KILL_SWITCH {}", storable(text))
        self._recorder.batch.alerts.append(AlertRow(at, "critical", "KILL_SWITCH", storable(text)))


def _why(scope: HaltScope) -> str:
    """What clients are told."""
    return f"KILL_SWITCH scope={scope}"


def _were_open(count: int) -> str:
    return f"{counted(count, 'order')} {'was' if count == 1 else 'were'} open"
