"""Positions of a halted scope closed by orders of the gateway's own, slice by slice, until none is left or none can be.

A slice is an order as any other: decided, committed, released, settled when its outcome is unknown. The next one of an
account and symbol is only reckoned when nothing there can execute any more, from the position as it then is. So neither
a lost answer nor a crash makes two slices of one; after a restart nothing goes on by itself, and what was cut short is
told.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from loguru import logger

from gateway.domain.commands import NewOrder
from gateway.domain.decide_client import Market
from gateway.domain.flatten import FlattenRules, Holding, Slice, Unsliceable, next_slice
from gateway.domain.halts import HaltScope
from gateway.domain.instruments import Instrument
from gateway.domain.money import ZERO, add, divide_down, multiply, text_of, trim
from gateway.domain.order import Ended, Order
from gateway.domain.session_names import OWN_PREFIX, OWN_SESSION
from gateway.domain.session_profile import Account
from gateway.domain.totals import Scope
from gateway.domain.values import OrdType, TimeInForce
from gateway.engine.clock import NANOSECONDS, Clock, is_due
from gateway.engine.desk import Desk
from gateway.engine.operations import Finish, Outcome
from gateway.engine.recorder import Recorder
from gateway.store.rows import AlertRow, storable

AT_ONCE = 20
"""Slices under way together: the venue's rate budget is also for settling what became of them."""

PAUSE = NANOSECONDS
"""Until the next try, where a slice was not filled as a whole: the book has to be made again."""

Balances = Mapping[str, Mapping[str, Decimal]]
"""What is free of each asset, by venue account; one that is missing did not say."""


@dataclass(slots=True)
class _Target:
    """One position. first_reference: the price when its closing began, which no slice may leave behind either."""

    account: Account
    symbol: str
    first_reference: Decimal | None = None
    order_id: str = ""  # under way
    next_at: int = 0
    misses: int = 0
    closed: Decimal = ZERO
    orders: int = 0
    why: str = ""  # of the last miss
    is_told: bool = False  # that it waits
    done: bool = False


@dataclass(slots=True)
class _Run:
    action_id: int
    scope: HaltScope
    targets: list[_Target]
    free: dict[tuple[str, str], Decimal]
    heard_from: frozenset[str]  # venue accounts that told what is free
    killed: Outcome
    finish: Finish
    until: int
    sent: int = 0


@dataclass(slots=True)
class _CutShort:
    """One that a former start of the engine had begun. left: its orders, the last of them not over."""

    action_id: int
    scope: HaltScope
    finish: Finish
    left: list[str] = field(default_factory=list)


class Flattening:
    """Only the engine's thread uses it."""

    def __init__(
        self,
        *,
        desk: Desk,
        recorder: Recorder,
        accounts: Mapping[str, Account],
        rules: FlattenRules,
        clock: Clock,
    ) -> None:
        self._desk = desk
        self._recorder = recorder
        self._book = recorder.book
        self._accounts = accounts
        self._rules = rules
        self._clock = clock
        self._runs: list[_Run] = []
        self._cut_short: list[_CutShort] = []

    def begin(self, action_id: int, scope: HaltScope, balances: Balances, killed: Outcome, finish: Finish) -> None:
        """Close what the scope's accounts hold. killed: how the cancels ended, which is told together with this."""
        now = self._clock.now()
        free = {(account, asset): qty for account, assets in balances.items() for asset, qty in assets.items()}
        targets = [_Target(account, symbol) for account, symbol in self._positions(scope)]
        for target in targets:
            if target.account.name not in self._accounts:
                target.done, target.why = True, "ACCOUNT_NOT_CONFIGURED any more"
        run = _Run(action_id, scope, targets, free, frozenset(balances), killed, finish, now + self._rules.within)
        self._runs.append(run)
        self._go_on(run, now)

    def resume(self, action_id: int, scope: HaltScope, finish: Finish) -> None:
        """One that a former start had begun: settle what is under way, tell what is left, and place nothing more."""
        self._alert(f"action {action_id}: flattening {scope} was cut short by the engine's end", self._clock.now())
        prefix = f"{_prefix(action_id)}-"
        left = [
            order.order_id
            for order in self._book.orders.values()
            if order.session == OWN_SESSION and order.cl_ord_id.startswith(prefix)
        ]
        self._cut_short.append(_CutShort(action_id, scope, finish, left))

    def left(self, scope: HaltScope, why: str) -> list[dict[str, str]]:
        """The positions of the scope as they stand, for one reason."""
        return [self._left(account.name, symbol, why) for account, symbol in self._positions(scope)]

    @property
    def is_idle(self) -> bool:
        """Whether nothing is being closed."""
        return not self._runs and not self._cut_short

    def due(self, now: int) -> None:
        """Go on with each."""
        for run in list(self._runs):
            self._go_on(run, now)
        for cut in list(self._cut_short):
            while cut.left and not _is_under_way(self._book.orders.get(cut.left[-1])):
                cut.left.pop()
            if not cut.left and self._desk.is_settled:
                self._cut_short.remove(cut)
                self._tell_cut_short(cut, now)

    # --- one run

    def _go_on(self, run: _Run, now: int) -> None:
        for target in run.targets:
            if not target.done:
                try:
                    self._step(run, target, now)
                except Exception as error:  # one position's trouble is not the others'
                    logger.opt(exception=error).error("flattening failed {} {}", target.account.name, target.symbol)
                    target.done, target.why = True, f"FAILED {type(error).__name__}: {error}"
        if all(target.done for target in run.targets):
            self._runs.remove(run)
            self._tell(run, now)

    def _step(self, run: _Run, target: _Target, now: int) -> None:
        is_late = now > run.until
        if target.order_id:
            order = self._book.orders.get(target.order_id)
            if order is not None and _is_under_way(order):
                if is_late:
                    target.done, target.why = True, f"OUTCOME_UNKNOWN order={order.order_id}"
                return
            target.order_id = ""
            if order is not None:
                self._ended(run, target, order, now)
        if not self._qty(target) or target.misses >= self._rules.attempts:
            target.done = True
        elif is_late:
            target.done, target.why = True, target.why or f"NOT_FILLED within {self._rules.within // NANOSECONDS} s"
        elif self._book.halts.get(run.scope) is None:
            target.done, target.why = True, "ARMED meanwhile"
        elif is_due(target.next_at, now, PAUSE) and sum(bool(other.order_id) for other in run.targets) < AT_ONCE:
            self._place(run, target, now)

    def _ended(self, run: _Run, target: _Target, order: Order, now: int) -> None:
        target.closed = add(target.closed, order.cum_qty)
        instrument = self._desk.market(order.venue_account, order.symbol).instrument
        if instrument is not None and order.cum_qty:
            key = (order.venue_account, instrument.base)
            change = multiply(order.cum_qty, Decimal(order.side.sign))
            run.free[key] = add(run.free.get(key, ZERO), change)
        if order.is_filled:
            target.misses = 0
            return
        if order.cum_qty:
            target.misses = 0
            self._later(target, f"NOT_FILLED order={order.order_id} cum_qty={text_of(order.cum_qty)}", now)
        else:
            what = "REFUSED" if order.ended is Ended.REJECTED else "NOT_FILLED"
            self._miss(target, f"{what} order={order.order_id} {order.text}".rstrip(), now)

    def _miss(self, target: _Target, why: str, now: int) -> None:
        target.misses += 1
        self._later(target, why, now)

    def _wait(self, run: _Run, target: _Target, why: str, now: int) -> None:
        """For what comes back by itself. Who watches hears of it once, while something can be done about it."""
        if not target.is_told:
            target.is_told = True
            seconds = max(0, run.until - now) // NANOSECONDS
            text = f"{target.account.name} {target.symbol} cannot be closed now, tried for another {seconds} s: {why}"
            self._alert(f"action {run.action_id}: {text}", now)
        self._later(target, why, now)

    def _later(self, target: _Target, why: str, now: int) -> None:
        target.why, target.next_at = why, now + PAUSE

    def _place(self, run: _Run, target: _Target, now: int) -> None:
        account, symbol = target.account, target.symbol
        total = self._book.risk.totals.sum(Scope(account.name, "", symbol))
        if total.open_buy or total.open_sell:
            self._later(target, "ORDERS_OPEN something there can still execute", now)
            return
        market = self._desk.market(account.venue_account, symbol)
        if market.not_ready:
            self._wait(run, target, f"VENUE_UNAVAILABLE {market.not_ready}", now)
            return
        holding = self._holding(run, target, market, now)
        if isinstance(holding, str):
            if _is_followed(market, symbol, now):  # so there will be a price again
                self._wait(run, target, holding, now)
            else:
                self._miss(target, holding, now)
            return
        planned = next_slice(holding)
        if isinstance(planned, Unsliceable):
            target.done, target.why = True, planned.why
            return
        self._send(run, target, market, holding, planned, now)

    def _send(self, run: _Run, target: _Target, market: Market, holding: Holding, planned: Slice, now: int) -> None:
        run.sent += 1
        target.orders += 1
        command = NewOrder(
            session=OWN_SESSION,
            cl_ord_id=f"{_prefix(run.action_id)}-{run.sent}",
            at=now,
            account=target.account.name,
            symbol=target.symbol,
            side=planned.side,
            ord_type=OrdType.LIMIT,
            time_in_force=TimeInForce.IOC,
            order_qty=planned.order_qty,
            price=planned.price,
        )
        figures: dict[str, Any] = {
            "flatten": {
                "action_id": run.action_id,
                "position": holding.position,
                "references": list(holding.references),
                "collars": [str(collar.of(planned.side)) for collar in holding.collars],
                "max_qty": holding.max_qty,
                "available": holding.available,
            }
        }
        target.order_id = self._desk.own_order(command, target.account, market, figures)

    def _holding(self, run: _Run, target: _Target, market: Market, now: int) -> Holding | str:
        """What the next slice is reckoned from, or what is missing for that."""
        symbol, prices, instrument = target.symbol, market.prices, market.instrument
        if instrument is None:
            return f"UNKNOWN_SYMBOL the venue account does not list {symbol}"
        reference = prices.reference(symbol, now) if prices is not None else None
        if prices is None or reference is None:
            return _no_price(market, symbol, now)
        unit = prices.unit(symbol, now)
        if unit is None:
            return f"NO_REFERENCE_PRICE of {instrument.quote} in the currency of risk"
        target.first_reference = target.first_reference or reference
        checks = self._book.risk.rules(target.account.name, OWN_SESSION, symbol, now).checks
        return Holding(
            position=self._qty(target),
            instrument=instrument,
            references=(target.first_reference, reference),
            collars=(self._rules.collar, *(c.limit.value for c in checks if c.control.code == "PRICE_COLLAR")),
            max_qty=divide_down(self._rules.max_notional, unit),
            available=self._available(run, target, instrument),
        )

    def _available(self, run: _Run, target: _Target, instrument: Instrument) -> Decimal | None:
        """A position's fees may have been taken out of what was bought."""
        venue_account = target.account.venue_account
        return run.free.get((venue_account, instrument.base), ZERO) if venue_account in run.heard_from else None

    # --- what is told

    def _tell(self, run: _Run, now: int) -> None:
        closed = [
            {"account": t.account.name, "symbol": t.symbol, "qty": text_of(trim(t.closed)), "orders": t.orders}
            for t in run.targets
            if t.closed
        ]
        left = [self._left(t.account.name, t.symbol, t.why) for t in run.targets if self._qty(t)]
        told = [f"closed {one['account']} {one['symbol']} {one['qty']} in {_orders(one['orders'])}" for one in closed]
        told += map(_left_text, left)
        text = f"{run.killed.text}; {'NOT FLAT' if left else 'FLAT'}: {'; '.join(told) or 'there was no position'}"
        if left:
            self._alert(f"action {run.action_id}: {text}", now)
        result = {**run.killed.result, "flat": not left, "closed": closed, "left": left, "slices": run.sent}
        run.finish(Outcome(done=True, text=text, result=result))

    def _tell_cut_short(self, cut: _CutShort, now: int) -> None:
        left = self.left(cut.scope, "")
        told = "; ".join(map(_left_text, left)) or "no position is left"
        text = f"HALTED {cut.scope}; FLATTENING CUT SHORT by the engine's end: {told}"
        self._alert(f"action {cut.action_id}: {text}", now)
        cut.finish(Outcome(done=True, text=text, result={"flat": not left, "left": left}))

    def _left(self, account: str, symbol: str, why: str) -> dict[str, str]:
        return {
            "account": account,
            "symbol": symbol,
            "qty": text_of(trim(self._book.risk.ledger.of(account)[symbol].qty)),
            "why": why,
        }

    def _alert(self, text: str, at: int) -> None:
        logger.warning("ALERT FLATTEN {}", storable(text))
        self._recorder.batch.alerts.append(AlertRow(at, "critical", "FLATTEN", storable(text)))

    # --- positions

    def _positions(self, scope: HaltScope) -> Sequence[tuple[Account, str]]:
        found = []
        for name, symbol, position in self._book.risk.ledger.items():
            account = self._accounts.get(name, Account(name=name, venue_account=""))
            where = HaltScope(name, "", symbol, account.venue_account, account.venue)
            if position.qty and scope.holds(where):
                found.append((account, symbol))
        return found

    def _qty(self, target: _Target) -> Decimal:
        position = self._book.risk.ledger.of(target.account.name).get(target.symbol)
        return position.qty if position is not None else ZERO


def _prefix(action_id: int) -> str:
    return f"{OWN_PREFIX}{action_id}"


def _is_under_way(order: Order | None) -> bool:
    return order is not None and (order.is_open or order.is_unknown)


def _is_followed(market: Market, symbol: str, now: int) -> bool:
    """Whether a price of the symbol was ever heard."""
    return market.prices is not None and market.prices.age(symbol, now) is not None


def _no_price(market: Market, symbol: str, now: int) -> str:
    age = market.prices.age(symbol, now) if market.prices is not None else None
    if age is None:
        return f"NO_REFERENCE_PRICE {symbol}: is it among reference_symbols of the venue account?"
    return f"NO_REFERENCE_PRICE {symbol}: the last one heard is {age // NANOSECONDS} s old"


def _orders(count: object) -> str:
    return "1 order" if count == 1 else f"{count} orders"


def _left_text(left: Mapping[str, str]) -> str:
    why = f" ({left['why']})" if left["why"] else ""
    return f"{left['account']} {left['symbol']} {left['qty']} is left{why}"
