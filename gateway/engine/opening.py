"""What accounts hold when a day begins, from a file or from the venue's balances. All of it is taken, or nothing.

What is set is an event of the journal for each position, so that positions can be reckoned again from it alone.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import partial
from typing import NamedTuple

from loguru import logger

from gateway.domain.changes import Changes
from gateway.domain.decide_client import Market
from gateway.domain.events import PositionSet
from gateway.domain.money import ZERO, add, multiply, parse_decimal, subtract, text_of
from gateway.domain.positions import Position
from gateway.domain.reconcile import VenueSnapshot, missed_trades
from gateway.domain.session_profile import Account
from gateway.domain.wording import counted
from gateway.engine.clock import Clock
from gateway.engine.operations import HeldLine, ImportPositions, OperationRefused, Outcome, PositionsFromVenue
from gateway.engine.ports import VenuePort
from gateway.engine.reconciler import Reconciler
from gateway.engine.recorder import Recorder

_MOST_PROBLEMS = 20


class _Held(NamedTuple):
    account: str
    symbol: str
    qty: Decimal
    cost: Decimal


class OpeningPositions:
    """Only the engine's thread uses it."""

    def __init__(
        self,
        *,
        recorder: Recorder,
        reconciler: Reconciler,
        venue: VenuePort,
        accounts: Mapping[str, Account],
        currency: str,
        clock: Clock,
    ) -> None:
        """currency: of the symbol that stands for an asset: BTC with USDT is BTCUSDT."""
        self._recorder = recorder
        self._book = recorder.book
        self._ledger = recorder.book.risk.ledger
        self._reconciler = reconciler
        self._venue = venue
        self._accounts = accounts
        self._currency = currency
        self._clock = clock

    # --- from a file

    def take(self, asked: ImportPositions, action_id: int, at: int) -> Outcome:
        """Set what the lines say. Raises OperationRefused naming each line that cannot be taken."""
        problems: list[str] = []
        held: dict[tuple[str, str], tuple[int, _Held]] = {}
        for line in asked.lines:
            try:
                one = self._read(line)
            except ValueError as error:
                problems.append(f"line {line.line}: {error}")
                continue
            before = held.setdefault((one.account, one.symbol), (line.line, one))
            if before[0] != line.line:
                problems.append(f"line {line.line}: {one.symbol} of {one.account} is on line {before[0]} already")
            elif not asked.intraday and self._traded_today(one):
                problems.append(
                    f"line {line.line}: {one.account} has traded {one.symbol} today; --intraday, if the file says what "
                    "is held now, executions of today included"
                )
        if not asked.lines:
            problems.append("there are no positions in it")
        if problems:
            more = f"; and {len(problems) - _MOST_PROBLEMS} more" if len(problems) > _MOST_PROBLEMS else ""
            raise OperationRefused(f"{asked.file}: nothing was taken: {'; '.join(problems[:_MOST_PROBLEMS])}{more}")
        return self._set([one for _, one in held.values()], action_id, at)

    def _read(self, line: HeldLine) -> _Held:
        """Raises ValueError saying what is wrong."""
        account = self._accounts.get(line.account)
        if account is None:
            raise ValueError(f"no account {line.account!r}; there are: {', '.join(sorted(self._accounts))}")
        symbol = self._symbol(account.venue_account, line.name)
        if not symbol:
            raise ValueError(
                f"{line.name!r} is neither a symbol that {account.venue_account} trades nor the base asset of one with "
                f"{self._currency} (nothing is known while it is not connected)"
            )
        qty = parse_decimal(line.qty)
        avg_px = parse_decimal(line.avg_px) if line.avg_px else ZERO
        if qty and avg_px <= ZERO:
            raise ValueError(f"an average cost above zero is needed, in quote currency; given: {line.avg_px!r}")
        return _Held(account.name, symbol, qty, multiply(qty, avg_px))

    def _symbol(self, venue_account: str, name: str) -> str:
        for symbol in (name, name + self._currency):
            if self._market(venue_account, symbol).instrument is not None:
                return symbol
        return ""

    def _traded_today(self, one: _Held) -> bool:
        known = self._position(one.account, one.symbol)
        traded = known.bought_today or known.paid_today or known.fees_today
        return bool(traded) and (known.qty, known.cost) != (one.qty, one.cost)

    # --- from the venue

    def take_from_venue(self, asked: PositionsFromVenue, action_id: int, finish: "partial[None]") -> None:
        """Set what the venue's balances say, once it has told them. Raises OperationRefused."""
        account = self._holder(asked)
        self._refuse_while_open(asked.venue_account)
        orders = self._book.last_order_number
        self._reconciler.look(asked.venue_account, partial(self._taken, asked, account, orders, action_id, finish))

    def _holder(self, asked: PositionsFromVenue) -> str:
        through = sorted(a.name for a in self._accounts.values() if a.venue_account == asked.venue_account)
        if not through:
            raise OperationRefused(f"no account trades through a venue account {asked.venue_account!r}")
        if asked.account and asked.account not in through:
            raise OperationRefused(f"account {asked.account!r} is not among {', '.join(through)}")
        if not asked.account and len(through) > 1:
            raise OperationRefused(f"whose are they? {', '.join(through)} trade through it: name one of them")
        return asked.account or through[0]

    def _refuse_while_open(self, venue_account: str) -> None:
        orders = [order for order in self._book.orders.values() if order.venue_account == venue_account]
        count = sum(order.is_open or order.is_unknown for order in orders)
        if count:
            raise OperationRefused(
                f"{counted(count, 'order')} open at {venue_account}: what executes meanwhile could count twice"
            )

    def _taken(
        self,
        asked: PositionsFromVenue,
        account: str,
        orders: int,
        action_id: int,
        finish: "partial[None]",
        snapshot: VenueSnapshot | None,
        problem: str,
    ) -> None:
        try:
            finish(self._take_snapshot(asked, account, orders, action_id, snapshot, problem))
        except OperationRefused as refused:
            finish(Outcome(done=False, text=str(refused)))
        except Exception as error:  # a defect of ours: who asked must hear of it
            logger.opt(exception=error).error("positions not taken from venue_account={}", asked.venue_account)
            finish(Outcome(done=False, text=f"it failed: {type(error).__name__}: {error}"))

    def _take_snapshot(
        self,
        asked: PositionsFromVenue,
        account: str,
        orders: int,
        action_id: int,
        snapshot: VenueSnapshot | None,
        problem: str,
    ) -> Outcome:
        if snapshot is None:
            raise OperationRefused(problem)
        if orders != self._book.last_order_number or missed_trades(self._book, snapshot):
            raise OperationRefused("orders came or executed meanwhile; ask again")
        self._refuse_while_open(asked.venue_account)
        held: list[_Held] = []
        left_out: list[str] = []
        balances = {b.asset: add(b.free, b.locked) for b in snapshot.balances}
        known = {
            market.instrument.base
            for symbol in self._ledger.of(account)
            if (market := self._market(asked.venue_account, symbol)).instrument is not None
        }
        for asset in asked.assets or sorted({a for a, qty in balances.items() if qty} | known):
            if asset == self._currency:
                continue
            one = self._of_asset(asked.venue_account, account, asset, balances.get(asset, ZERO))
            if one is None:
                left_out.append(asset)
            else:
                held.append(one)
        if left_out and asked.assets:
            raise OperationRefused(f"no symbol with {self._currency} and a reference price: {', '.join(left_out)}")
        outcome = self._set(held, action_id, self._clock.now())
        if not left_out:
            return outcome
        why = f"left out, having no symbol with {self._currency} and a reference price: {', '.join(left_out)}"
        return Outcome(done=True, text=f"{outcome.text}; {why}", result={**outcome.result, "left_out": left_out})

    def _of_asset(self, venue_account: str, account: str, asset: str, balance: Decimal) -> _Held | None:
        """So that all positions in the asset add up to the balance; what is new was got at the reference price."""
        symbol, now = asset + self._currency, self._clock.now()
        market = self._market(venue_account, symbol)
        if market.instrument is None:
            return None
        qty = subtract(balance, self._elsewhere(venue_account, asset, (account, symbol)))
        known = self._position(account, symbol)
        if qty == known.qty:
            return _Held(account, symbol, known.qty, known.cost)
        kept = min(qty, known.qty) if qty > 0 and known.qty > 0 else ZERO
        cost = known.cost if kept == known.qty else multiply(known.avg_px, kept)
        if qty == kept:
            return _Held(account, symbol, qty, cost)
        reference = market.prices.reference(symbol, now) if market.prices is not None else None
        if reference is None:
            return None
        if not kept:
            return _Held(account, symbol, qty, multiply(qty, reference))
        return _Held(account, symbol, qty, add(cost, multiply(subtract(qty, kept), reference)))

    def _elsewhere(self, venue_account: str, asset: str, but: tuple[str, str]) -> Decimal:
        total = ZERO
        for account, symbol, position in self._ledger.items():
            holder = self._accounts.get(account)
            if holder is None or holder.venue_account != venue_account or (account, symbol) == but:
                continue
            instrument = self._market(venue_account, symbol).instrument
            if instrument is not None and instrument.base == asset:
                total = add(total, position.qty)
        return total

    # --- both

    def _market(self, venue_account: str, symbol: str) -> Market:
        return self._venue.market(venue_account, symbol)

    def _position(self, account: str, symbol: str) -> Position:
        return self._ledger.of(account).get(symbol) or Position()

    def _set(self, held: Sequence[_Held], action_id: int, at: int) -> Outcome:
        changes, told = Changes(), []
        for one in held:
            before = self._position(one.account, one.symbol)
            if (before.qty, before.cost) != (one.qty, one.cost):
                changes.note(PositionSet(order_id="", at=at, action_id=action_id, **one._asdict()))
                was = {"old_qty": text_of(before.qty), "old_cost": text_of(before.cost)}
                told.append(was | {k: v if isinstance(v, str) else text_of(v) for k, v in one._asdict().items()})
        self._recorder.record(changes)
        for event, _, _ in changes.steps:
            assert isinstance(event, PositionSet)
            more = subtract(event.qty, self._position(event.account, event.symbol).qty)
            self._ledger.set(event)
            self._book.risk.totals.hold(event.account, event.symbol, more)
        same = len(held) - len(told)
        positions = counted(len(told), "position")
        return Outcome(done=True, text=f"{positions} set, {same} as before", result={"set": told, "unchanged": same})
