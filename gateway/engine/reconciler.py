"""Books and venue compared: at the start, after every reconnect, and from time to time.

One question per venue account replaces one per order; only what differs, and what no snapshot can tell (requests on
their way, doubtful outcomes), is settled order by order.

Right after a connection was lost a difference is what was missed, and acted on at once. In between, the words that
explain it may be under way: the snapshot is kept for a moment, and what moved around it is not judged.

While no stream stands, the venue is asked again and again (polls.py), over whatever channel there is, as long as
something is open: so fills reach clients all the same, and a kill is confirmed. New orders wait for the stream.

Balances (balances.py) are compared where orders agree: a difference that nobody has seen before has another snapshot
taken soon, and is one if that shows it too.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial

from loguru import logger

from gateway.domain import venue_reports as v
from gateway.domain.order import Order
from gateway.domain.reconcile import (
    MISSING_TRADES,
    SETTLED,
    STRAY,
    Difference,
    OrderAtVenue,
    SnapshotRequest,
    VenueSnapshot,
    compare_orders,
    is_restless,
    is_undecided,
    missed_trades,
)
from gateway.engine.balances import Balances
from gateway.engine.breaks import Breaks, describe
from gateway.engine.clock import NANOSECONDS, Clock, is_due, wait_for
from gateway.engine.compared_account import Answer, ComparedAccount, Look
from gateway.engine.desk import Desk
from gateway.engine.mass_cancels import Exclusive
from gateway.engine.operations import OperationRefused
from gateway.engine.polls import Polls
from gateway.engine.ports import VenuePort
from gateway.engine.quiet import Quiet
from gateway.engine.recorder import Recorder
from gateway.engine.traded_symbols import TradedSymbols
from gateway.store.codec import encode_json
from gateway.store.readers import RECONCILE
from gateway.store.rows import BreakRow, VenueCallRow, storable

GRACE = 2 * NANOSECONDS
"""How long the venue's words may take: a difference younger than this is none."""

_CONFIRM = 2 * NANOSECONDS  # after which a difference of balances is looked at again
_BUSY = NANOSECONDS // 2  # after which is asked again what had to wait for another snapshot
_LOOK_EVERY = 60 * NANOSECONDS


class Reconciler:
    """Only the engine's thread uses it."""

    def __init__(
        self,
        *,
        accounts: Iterable[str],
        desk: Desk,
        recorder: Recorder,
        breaks: Breaks,
        balances: Balances,
        venue: VenuePort,
        clock: Clock,
        prefix: str,
        every_seconds: int,
        cancel_orphans: bool,
        last_reconciled: Mapping[str, int],
        exclusive: Exclusive,
    ) -> None:
        """every_seconds: 0 for at start and reconnect only. last_reconciled: by venue account, nanoseconds UTC."""
        self._accounts = {name: ComparedAccount(trades_seen=last_reconciled.get(name, 0)) for name in accounts}
        self.accounts = tuple(self._accounts)
        self._desk = desk
        self._recorder = recorder
        self._book = recorder.book
        self._breaks = breaks
        self.balances = balances
        self._venue = venue
        self._clock = clock
        self._prefix = prefix
        self._every = every_seconds * NANOSECONDS
        self._cancel_orphans = cancel_orphans
        self._exclusive = exclusive
        self._requests = 0
        self._quiet = Quiet(clock)
        self._polls = Polls()
        self._symbols = TradedSymbols(self._book, clock.now())

    # --- what happens

    def touched(self, order: Order, at: int) -> None:
        """A batch changed the order, and left it like this."""
        self._quiet.order_changed(order.order_id, at)
        self._symbols.order_changed(order, at)
        self._polls.changed(order.venue_account, at)
        if self._breaks:
            self._breaks.order_changed(order, at)

    def available(self, venue_account: str, at: int) -> None:
        """The account's event stream stands, after it did not."""
        state = self._accounts.get(venue_account)
        if state is None or state.up:
            return
        state.up, state.at_once = True, True
        self._polls.end(venue_account)
        self._settle_unsure(venue_account, state, at)
        if self._venue.capabilities(venue_account).snapshot:
            self._ask(venue_account, state, at)
        else:
            self._desk.reconciled(venue_account)
            logger.info("reconciled account={} order by order", venue_account)

    def _settle_unsure(self, venue_account: str, state: ComparedAccount, at: int) -> None:
        """What no snapshot tells."""
        restarted, state.begun = not state.begun, True
        snapshots = self._venue.capabilities(venue_account).snapshot
        for order in self._open_at(venue_account):
            if is_restless(order) or not snapshots:
                self._try("settlement", order.order_id, partial(self._desk.settle, order, at, restarted=restarted))

    def _open_at(self, venue_account: str) -> list[Order]:
        orders = self._book.orders.values()
        return [o for o in orders if o.venue_account == venue_account and (o.is_open or o.is_unknown)]

    def unavailable(self, venue_account: str, at: int) -> None:
        """What was asked will not be answered, or too late to mean anything. From here on the account can be asked."""
        state = self._accounts.get(venue_account)
        if state is not None:
            if self._venue.capabilities(venue_account).snapshot:
                self._polls.begin(venue_account, at)
                if not state.begun:
                    self._settle_unsure(venue_account, state, at)
            state.up, state.waits_for, state.held, state.unsure = False, 0, None, False
            self.balances.lost(venue_account)
            self._exclusive.lost(venue_account)
            lost = f"the connection to venue account {venue_account} was lost meanwhile"
            state.found.clear()
            self._answer(state, [], lost)
            looks, state.looks, state.looking = [*state.looks, *state.looking], [], []
            for look in looks:
                self._try("an operation", venue_account, partial(look, None, lost))

    def request(self, venue_account: str, answer: Answer, *, dry_run: bool) -> None:
        """Compare now, and tell what was found. Raises OperationRefused where that cannot be done."""
        state = self._ready(venue_account)
        if not dry_run:
            state.answers.append(answer)
            self._ask(venue_account, state, self._clock.now())
            return
        state.dry_runs.append(answer)
        if not state.waits_for and state.held is None:
            self._ask(venue_account, state, self._clock.now(), only_look=True)

    def look(self, venue_account: str, look: Look, *, polled: bool = False) -> None:
        """Show what the venue has, as soon as it is asked, and compare nothing. Raises OperationRefused.

        polled: also while no stream stands, for who does not wait for ever.
        """
        self._ready(venue_account, polled=polled).looks.append(look)

    def _ready(self, venue_account: str, *, polled: bool = False) -> ComparedAccount:
        state = self._accounts.get(venue_account)
        if state is None:
            raise OperationRefused(f"no venue account {venue_account!r}; there are: {', '.join(self.accounts)}")
        if not (state.up or (polled and venue_account in self._polls)):
            raise OperationRefused(f"venue account {venue_account} is not connected")
        if not self._venue.capabilities(venue_account).snapshot:
            raise OperationRefused(f"venue account {venue_account} cannot list its orders: they are settled one by one")
        return state

    def _answer(self, state: ComparedAccount, found: Sequence[BreakRow], problem: str = "") -> None:
        waiting, state.answers, state.dry_runs = [*state.answers, *state.dry_runs], [], []
        for answer in waiting:
            self._try("an operation", "reconcile", partial(answer, found, problem))

    def snapshot_taken(self, snapshot: VenueSnapshot) -> None:
        """A snapshot arrived: judged now after a gap, else when late words have had their time."""
        account, now = snapshot.request.venue_account, self._clock.now()
        state = self._accounts[account]
        if snapshot.request.request_id != state.waits_for:
            return
        state.waits_for = 0
        self._look_for_foreign(account, snapshot)
        looking, state.looking = state.looking, []
        for look in looking:
            self._try("an operation", account, partial(look, snapshot, ""))
        if state.only_look and not state.dry_runs:
            return
        is_late = snapshot.heard and not state.up  # a stream stands that may not be used yet
        if state.at_once and not state.only_look and not is_late:
            self._compare(account, state, snapshot, grace=0)
        else:
            state.held = (now + GRACE, snapshot)

    def _look_for_foreign(self, account: str, snapshot: VenueSnapshot) -> None:
        for theirs in snapshot.orders:
            if self._book.by_venue_ids(account, theirs.symbol, theirs.client_id, theirs.venue_order_id) is None:
                self._exclusive.foreign(account, theirs.symbol, theirs.client_id)
        if self._accounts[account].up:
            self._exclusive.seen(account)

    def stray_report(self, report: v.VenueReport) -> bool:
        """A report about what is not in the books. Returns whether it says that a standing orphan ended."""
        if not isinstance(report, v.VenueClosed):
            return False
        how = f"{report.reason} at the venue, cum_qty={report.cum_qty}"
        return self._breaks.stray_ended(report.venue_account, report.client_id, how, self._clock.now())

    # --- time

    def due(self, now: int) -> None:
        """Ask and compare what is due."""
        for name, state in self._accounts.items():
            if state.held is not None and is_due(state.held[0], now, GRACE):
                (_, snapshot), state.held = state.held, None
                self._compare(name, state, snapshot, grace=GRACE)
            if state.up and is_due(state.next_at, now, self._every or _LOOK_EVERY):
                self._quiet.forget(now - 10 * _LOOK_EVERY)  # what was quiet this long is judged in any case
                wanted = self._every or state.at_once  # one that follows a gap must come, whatever became of the last
                if wanted and not state.waits_for and state.held is None:
                    self._ask(name, state, now)
                else:  # a snapshot that is only looked at does not stand for the comparison that is due
                    state.next_at = now + (_BUSY if wanted and state.only_look else self._every or _LOOK_EVERY)
            if self._polls.is_due(name, now) and not state.waits_for and state.held is None:
                self._poll(name, state, now)
            if state.looks and not state.waits_for and state.held is None:
                self._ask(name, state, now, only_look=True)

    def _poll(self, name: str, state: ComparedAccount, now: int) -> None:
        """Nobody waits for news of an account where nothing is open."""
        symbols = self._symbols.since(name, state.trades_seen, now)
        self._polls.asked(name, len(symbols), now)
        if self._open_at(name):
            state.at_once = True  # unless there is a stream, whose words could be under way
            self._ask(name, state, now)

    def wait(self, now: int) -> float:
        """Seconds until something is due; infinite when nothing ever is."""
        every = self._every or _LOOK_EVERY
        waits = [wait_for(state.next_at, now, every) for state in self._accounts.values() if state.up]
        waits += [wait_for(state.held[0], now, GRACE) for state in self._accounts.values() if state.held is not None]
        # Where something is asked the answer wakes us, and what is held is judged first.
        polled = (name for name, state in self._accounts.items() if not state.waits_for and state.held is None)
        return min([*waits, self._polls.wait(polled, now)])

    def clock_jumped(self, by: int) -> None:
        """The host's clock was set by so much: what was asked is asked again, so that no answer is dated before it."""
        self._quiet.clock_jumped(by)
        for name, state in self._accounts.items():
            if state.waits_for or state.held is not None:
                self._ask(name, state, self._clock.now(), only_look=state.only_look)

    # --- asking and comparing

    def _ask(self, venue_account: str, state: ComparedAccount, now: int, *, only_look: bool = False) -> None:
        if not only_look:
            state.next_at = now + (self._every or _LOOK_EVERY)
        state.held, state.only_look = None, only_look
        state.looking, state.looks = [*state.looking, *state.looks], []
        self._requests += 1
        state.waits_for = self._requests
        request = SnapshotRequest(
            venue_account=venue_account,
            request_id=self._requests,
            trades_since_ms=self._symbols.since(venue_account, state.trades_seen, now),
        )
        self._venue.snapshot(request)

    def _compare(self, venue_account: str, state: ComparedAccount, snapshot: VenueSnapshot, *, grace: int) -> None:
        now = self._clock.now()
        self._look(venue_account, state, snapshot, grace)
        if state.only_look:
            return
        found: list[BreakRow] = []
        trades = missed_trades(self._book, snapshot)
        traded = {d.order.order_id for d in trades if d.order is not None}
        for difference in trades:
            self._try("missed trade", difference.client_id, partial(self._apply, venue_account, difference, now, found))
        judged = self._judge(snapshot, grace, traded)
        differences = compare_orders(self._book, snapshot, prefix=self._prefix, judged=judged)
        for difference in differences:
            self._try("break", difference.client_id, partial(self._act, venue_account, difference, now, found))
        for order_id in traded:  # whatever else the venue has done with it
            self._try("settlement", order_id, partial(self._settle, self._book.orders[order_id], now))
        self._breaks.compared(venue_account, {(d.kind, d.client_id) for d in differences}, judged, now)
        state.trades_seen, state.at_once = snapshot.asked_at, False
        if not state.up:  # the start is over, and balances are known, when the stream has told of all else
            self._note(venue_account, snapshot, len(trades) + len(differences), "polled")
            return
        self._desk.reconciled(venue_account)
        again = state.unsure
        if self._may_judge_balances(venue_account, snapshot, differences):
            compare = partial(self._compare_balances, venue_account, state, snapshot, found)
            self._try("balances", venue_account, compare)
        else:
            state.unsure = False  # this was not the second look
        self._note(
            venue_account, snapshot, len(trades) + len(differences), "reconciled again" if again else "reconciled"
        )
        state.found += found
        if not (state.unsure and not again and state.next_at <= now + _CONFIRM):
            found, state.found = state.found, []
            self._answer(state, list({row.break_id: row for row in found}.values()))

    def _may_judge_balances(self, account: str, snapshot: VenueSnapshot, differences: Sequence[Difference]) -> bool:
        """Not while an order may have executed what nobody has told us."""
        if any(difference.kind in MISSING_TRADES for difference in differences):
            return False
        return not is_undecided(self._book, account, self._quiet.changed, snapshot.asked_at)

    def _compare_balances(
        self, account: str, state: ComparedAccount, snapshot: VenueSnapshot, found: list[BreakRow]
    ) -> None:
        """Where it is not sure, the next comparison comes soon, once; what stays unsure then is left to the usual."""
        unsure = bool(self.balances.compare(account, snapshot, found).unsure)
        if unsure and not state.unsure and self._every:
            state.next_at = min(state.next_at, self._clock.now() + _CONFIRM)
        state.unsure = unsure and bool(self._every)

    def _judge(self, snapshot: VenueSnapshot, grace: int, traded: Collection[str]) -> Callable[[str], bool]:
        """Whether an order was quiet around the snapshot, so that a difference means something."""
        for order, at in self._recorder.changed.values():  # of this batch: touched() hears of them after the commit
            self._quiet.order_changed(order.order_id, at)
        return self._quiet.since(snapshot.asked_at - grace, traded)

    def _look(self, venue_account: str, state: ComparedAccount, snapshot: VenueSnapshot, grace: int) -> None:
        """Tell dry runs what differs, before anything is done about it."""
        if not state.dry_runs:
            return
        trades = missed_trades(self._book, snapshot)
        judged = self._judge(snapshot, grace, {d.order.order_id for d in trades if d.order is not None})
        differences = trades + compare_orders(self._book, snapshot, prefix=self._prefix, judged=judged)
        rows = [describe(venue_account, difference, snapshot.asked_at) for difference in differences]
        if self._may_judge_balances(venue_account, snapshot, differences):
            rows += self.balances.look(venue_account, snapshot)
        dry_runs, state.dry_runs = state.dry_runs, []
        for answer in dry_runs:
            self._try("an operation", "reconcile --dry-run", partial(answer, rows, ""))

    def _apply(self, venue_account: str, difference: Difference, now: int, found: list[BreakRow]) -> None:
        trade = difference.theirs
        assert isinstance(trade, v.VenueTraded)
        executions = len(self._book.executions)
        problem = self._desk.venue_report(trade)
        if problem:
            code, text = problem.split(" ", 1)
            self._recorder.alert(code, text, now)
        is_applied = len(self._book.executions) > executions
        how = "applied and reported" if is_applied else f"not applied: {problem or 'the books have it'}"
        found.append(self._breaks.found_and_ended(venue_account, difference, how, now))

    def _act(self, venue_account: str, difference: Difference, now: int, found: list[BreakRow]) -> None:
        found.append(self._breaks.found(venue_account, difference, now))
        if difference.kind in SETTLED and difference.order is not None:
            self._settle(difference.order, now)
        elif difference.kind in STRAY and self._cancel_orphans:
            assert isinstance(difference.theirs, OrderAtVenue)
            self._recorder.cancel_stray(venue_account, difference.theirs, now, difference.order, difference.leg)

    def _settle(self, order: Order, now: int) -> None:
        if order.is_open or order.is_unknown:
            self._desk.settle(order, now, restarted=False)
            self._desk.await_settlement(order)

    def _try(self, what: str, of: str, act: Callable[[], None]) -> None:
        """One order's trouble is not the others'."""
        try:
            act()
        except Exception as error:
            logger.opt(exception=error).error("{} failed of={}", what, of)
            text = f"{what} of {of}: {type(error).__name__}: {error}"
            self._recorder.alert("QUARANTINED", text, self._clock.now())

    def _note(self, venue_account: str, snapshot: VenueSnapshot, found: int, how: str) -> None:
        logger.info("{} account={} orders={} breaks={}", how, venue_account, len(snapshot.orders), found)
        held = [balance for balance in snapshot.balances if balance.free or balance.locked]
        seen = encode_json(
            {
                "open_orders": len(snapshot.orders),
                "trades": len(snapshot.trades),
                "breaks": found,
                "balances": {b.asset: {"free": b.free, "locked": b.locked} for b in held},
            }
        )
        row = VenueCallRow(snapshot.asked_at, venue_account, "in", RECONCILE, None, None, storable(seen, 50_000))
        self._recorder.batch.venue_calls.append(row)
