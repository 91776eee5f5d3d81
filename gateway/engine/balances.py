"""What venue accounts hold, compared with what the books say: with each comparison of orders, never on an order's way.

The books' side is what positions have kept of executions and fees, so that nothing is counted twice, and a restart goes
on where it was. What is not executions is rows of its own: baselines, deposits and withdrawals, what was accepted.
"""

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import NamedTuple

import msgspec
from loguru import logger

from gateway.domain.balances import AccountBalances, Change, Compared, Movement, Shown, Tolerance
from gateway.domain.events import OrderFilled
from gateway.domain.funds import Assets, Balance
from gateway.domain.money import ZERO, add, multiply, subtract, text_of, trim
from gateway.domain.order import Order
from gateway.domain.reconcile import BreakKind, VenueSnapshot
from gateway.domain.session_profile import Account
from gateway.domain.values import Side
from gateway.domain.venue_reports import VenueBalanceMoved
from gateway.engine.breaks import Breaks
from gateway.engine.clock import Clock
from gateway.engine.operations import AcceptBreaks, OperationRefused, Outcome
from gateway.engine.ports import VenuePort
from gateway.engine.recorder import Recorder
from gateway.store.balances import accepted_row, add_up, anew_row, baseline_row, moved_row
from gateway.store.codec import encode_json
from gateway.store.rows import BalanceRow, BreakRow, SymbolRow, storable

_MS = 1_000_000  # ns
_MOST_RECENT = 20_000


class _Fill(NamedTuple):
    """An execution, for as long as an answer of the venue may or may not have it."""

    venue_account: str
    symbol: str
    side: Side
    event: OrderFilled


class _Theirs(msgspec.Struct):
    difference: Decimal


_THEIRS = msgspec.json.Decoder(_Theirs)


class Balances:
    """Only the engine's thread uses it."""

    def __init__(
        self,
        *,
        recorder: Recorder,
        breaks: Breaks,
        venue: VenuePort,
        clock: Clock,
        accounts: Iterable[Account],
        tolerances: Mapping[str, Tolerance],
        rows: list[BalanceRow],
        symbols: Iterable[SymbolRow],
    ) -> None:
        """tolerances: of the venue accounts that are compared. rows, symbols: what SQL has."""
        self._recorder = recorder
        self._batch = recorder.batch
        self._ledger = recorder.book.risk.ledger
        self._breaks = breaks
        self._venue = venue
        self._clock = clock
        self._through: dict[str, frozenset[str]] = {
            name: frozenset(a.name for a in accounts if a.venue_account == name) for name in tolerances
        }
        self._accounts = {name: AccountBalances(tolerance) for name, tolerance in tolerances.items()}
        add_up(rows, self._accounts)
        for row in breaks.balances:
            if row.venue_account in self._accounts:
                self._accounts[row.venue_account].known[row.client_id] = _difference(row)
        self._symbols = {(row.venue_account, row.symbol): Assets(row.base, row.quote) for row in symbols}
        self._fills: deque[_Fill] = deque(maxlen=_MOST_RECENT)
        self._moves: deque[tuple[str, Movement]] = deque(maxlen=_MOST_RECENT)

    # --- what happens

    def executed(self, event: OrderFilled, order: Order) -> None:
        """An execution was committed."""
        if order.venue_account in self._accounts:
            self._assets(order.venue_account, order.symbol)  # now it is listed; once it is not, nobody could tell
            self._fills.append(_Fill(order.venue_account, order.symbol, order.side, event))

    def moved(self, report: VenueBalanceMoved) -> None:
        """The venue tells of a deposit, a withdrawal or a transfer."""
        name, now = report.venue_account, self._clock.now()
        movement = Movement(report.transact_time // _MS, storable(report.asset, 100), report.qty)
        account = self._accounts.get(name)
        counts = account is not None and account.moved(movement)
        what = "came" if report.qty > 0 else "went"
        text = f"venue_account={name} asset={movement.asset} {what} by a deposit, withdrawal or transfer"
        text += f" qty={text_of(report.qty)}" + (
            "" if counts or account is None else " (before its balances are compared)"
        )
        self._recorder.alert("BALANCE_MOVED", text, now)
        self._batch.balances.append(moved_row(name, movement, now, text))
        if counts:
            self._moves.append((name, movement))

    def lost(self, venue_account: str) -> None:
        """The account's stream is gone."""
        if venue_account in self._accounts:
            self._accounts[venue_account].forget()

    def begin_anew(self, venue_account: str, action_id: int, who: str, why: str, at: int) -> None:
        """It is another account of the exchange from here on, which a person has accepted."""
        text = f"another account of the exchange, accepted by {who} (action {action_id}): {why}"
        self._batch.balances.append(anew_row(venue_account, at, action_id, text))
        if venue_account in self._accounts:
            self._accounts[venue_account].begin_anew()
        for row in self._breaks.balances:
            if row.venue_account == venue_account:
                self._breaks.balance_ended(venue_account, row.client_id, text, at)

    # --- comparing

    def compare(self, venue_account: str, snapshot: VenueSnapshot, found: list[BreakRow]) -> Compared:
        """Hold the venue's answer against the books. found: gets the breaks that stand. unsure: ask again soon."""
        account = self._accounts.get(venue_account)
        seen = self._seen(venue_account, snapshot)
        if account is None or seen is None:
            return Compared()
        through = self._through[venue_account]
        if account.has_begun and account.accounts != through:
            self._rebase(venue_account, account)
        executed, now = self._executed(venue_account, through), self._clock.now()
        result = account.compare(seen, executed, self._late(venue_account, seen.since_ms), through)
        if result.begun:
            logger.info("balances of account={} are compared from here on: assets={}", venue_account, len(result.begun))
        for asset, baseline in result.begun.items():
            self._batch.balances.append(baseline_row(venue_account, asset, baseline, now, "as the venue has it"))
        held = {balance.asset: balance for balance in snapshot.balances}
        for change in result.changes:
            self._tell(venue_account, account, change, held, now)
        found += [row for row in self._breaks.balances if row.venue_account == venue_account]
        return result

    def look(self, venue_account: str, snapshot: VenueSnapshot) -> list[BreakRow]:
        """What differs in this answer, which changes nothing."""
        account = self._accounts.get(venue_account)
        seen = self._seen(venue_account, snapshot)
        if account is None or seen is None:
            return []
        executed = self._executed(venue_account, account.accounts)
        late = self._late(venue_account, seen.since_ms)
        held = {balance.asset: balance for balance in snapshot.balances}
        changes = account.differing(seen, executed, late)
        return [_row(venue_account, account, change, held, snapshot.asked_at) for change in changes]

    def _seen(self, venue_account: str, snapshot: VenueSnapshot) -> Shown | None:
        """None where the answer has no balances, or more has happened since than is remembered."""
        if not snapshot.balances_until_ms:
            return None
        fills = self._fills
        if len(fills) == _MOST_RECENT and fills[0].event.transact_time // _MS >= snapshot.balances_since_ms:
            logger.info("balances of account={} not compared: too many executions meanwhile", venue_account)
            return None
        totals = {storable(b.asset, 100): add(b.free, b.locked) for b in snapshot.balances}
        return Shown(totals, snapshot.balances_since_ms, snapshot.balances_until_ms)

    def _tell(
        self, venue_account: str, account: AccountBalances, change: Change, held: Mapping[str, Balance], now: int
    ) -> None:
        how = "the venue and the books agree" if not change.difference else "differs by another amount now"
        self._breaks.balance_ended(venue_account, change.asset, how, now)
        if change.difference:
            self._breaks.balance_differs(_row(venue_account, account, change, held, now))

    def _rebase(self, venue_account: str, account: AccountBalances) -> None:
        was, through, now = account.accounts, self._through[venue_account], self._clock.now()
        text = f"accounts that trade through it: {' '.join(sorted(through))}; before: {' '.join(sorted(was))}"
        logger.info("balances of account={}: {}", venue_account, text)
        executed = self._executed(venue_account, through)
        for asset, baseline in account.rebase(self._executed(venue_account, was), executed, through).items():
            self._batch.balances.append(baseline_row(venue_account, asset, baseline, now, text))

    # --- the books' side

    def _executed(self, venue_account: str, accounts: Iterable[str]) -> dict[str, Decimal]:
        """What executions have moved since the books began, fees included, by asset."""
        found: defaultdict[str, Decimal] = defaultdict(lambda: ZERO)
        for account in accounts:
            for symbol, position in self._ledger.of(account).items():
                assets = self._assets(venue_account, symbol)
                if assets is not None:
                    found[assets.base] = add(found[assets.base], position.bought)
                    found[assets.quote] = subtract(found[assets.quote], position.paid)
                for asset, fee in position.fees.items():
                    found[asset] = subtract(found[asset], fee)
        return found

    def _late(self, venue_account: str, since_ms: int) -> dict[str, list[Movement]]:
        """What moved after that, by asset; in the order in which it was heard."""
        found: defaultdict[str, list[Movement]] = defaultdict(list)
        for name, moved in self._moves:
            if name == venue_account and moved.at_ms > since_ms:
                found[moved.asset].append(moved)
        for fill in (*self._fills, *self._uncommitted()):
            at_ms = fill.event.transact_time // _MS
            if fill.venue_account == venue_account and at_ms > since_ms:
                for movement in self._movements(fill, at_ms):
                    found[movement.asset].append(movement)
        return found

    def _uncommitted(self) -> list[_Fill]:
        """Executions of this batch, which the positions have already."""
        return [
            _Fill(order.venue_account, order.symbol, order.side, event)
            for _, event, order, _ in self._recorder.events
            if isinstance(event, OrderFilled) and order is not None
        ]

    def _movements(self, fill: _Fill, at_ms: int) -> Iterable[Movement]:
        event, moved = fill.event, dict[str, Decimal]()
        assets = self._assets(fill.venue_account, fill.symbol)
        if assets is not None:
            qty = event.last_qty if fill.side is Side.BUY else event.last_qty.copy_negate()
            moved[assets.base] = qty
            moved[assets.quote] = multiply(qty, event.last_px).copy_negate()
        if event.commission:
            fee_asset = event.commission_currency
            moved[fee_asset] = subtract(moved.get(fee_asset, ZERO), event.commission)
        return [Movement(at_ms, asset, qty) for asset, qty in moved.items()]

    def _assets(self, venue_account: str, symbol: str) -> Assets | None:
        """None where the venue has never told us, nor tells now: then executions in it are long over, and left out."""
        key = venue_account, symbol
        known = self._symbols.get(key)
        if known is None:
            instrument = self._venue.market(venue_account, symbol).instrument
            if instrument is None:
                return None
            known = self._symbols[key] = Assets(instrument.base, instrument.quote)
            self._batch.symbols.append(SymbolRow(self._clock.now(), venue_account, symbol, known.base, known.quote))
        return known

    # --- a person's word

    def accept(self, asked: AcceptBreaks, action_id: int, who: str, why: str, at: int) -> Outcome:
        """Take for right what is there, and expect it from now on. Raises OperationRefused; then nothing was done."""
        standing = {row.break_id: row for row in self._breaks.balances}
        for break_id in asked.break_ids:
            if break_id not in standing:
                there = ", ".join(map(str, standing)) or "none"
                raise OperationRefused(
                    f"break {break_id} is no difference of a balance that stands; there are: {there}"
                )
        told = []
        for break_id in dict.fromkeys(asked.break_ids):
            row = standing[break_id]
            difference = _difference(row)
            text = f"accepted by {who} (action {action_id}): {why}"
            self._batch.balances.append(accepted_row(row.venue_account, row.client_id, difference, at, action_id, text))
            if row.venue_account in self._accounts:
                self._accounts[row.venue_account].accept(row.client_id, difference)
            self._breaks.balance_ended(row.venue_account, row.client_id, text, at)
            told.append(f"{difference:+f} {row.client_id} at {row.venue_account}")
        return Outcome(done=True, text=f"accepted: {', '.join(told)}", result={"accepted": list(asked.break_ids)})


def _row(
    venue_account: str, account: AccountBalances, change: Change, held: Mapping[str, Balance], at: int
) -> BreakRow:
    balance = held.get(change.asset) or Balance(change.asset, ZERO, ZERO)
    ours = {"asset": change.asset, "expected": _plain(change.expected)} | _since(account, change.asset, change.expected)
    theirs = {
        "total": _plain(add(balance.free, balance.locked)),
        "free": balance.free,
        "locked": balance.locked,
        "difference": _plain(change.difference),
    }
    kind = str(BreakKind.BALANCE_DIFFERS)
    return BreakRow(0, at, venue_account, kind, None, change.asset, encode_json(ours), encode_json(theirs))


def _since(account: AccountBalances, asset: str, expected: Decimal) -> dict[str, str]:
    baseline = account.baselines.get(asset)
    if baseline is None:
        return {}
    executed = subtract(subtract(expected, baseline.total), baseline.moved)
    return {
        "baseline": _plain(baseline.total),
        "executed_since": _plain(executed),
        "moved_since": _plain(baseline.moved),
    }


def _plain(value: Decimal) -> str:
    return text_of(trim(value))


def _difference(row: BreakRow) -> Decimal:
    return _THEIRS.decode(row.theirs).difference
