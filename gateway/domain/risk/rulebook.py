"""The limits in force, bound to the figures they are checked against, for each account, session and symbol."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from gateway.domain.events import Event
from gateway.domain.funds import FIRM_POOL, Assets, Balance, Funds
from gateway.domain.order import Order
from gateway.domain.positions import Ledger
from gateway.domain.risk.buying_power import Purse
from gateway.domain.risk.control import Control, Reads, Tracker
from gateway.domain.risk.controls import CONTROLS
from gateway.domain.risk.exposure import Exposure, gross_qty, long_qty, short_qty
from gateway.domain.risk.limit import Limit
from gateway.domain.risk.loss import Results
from gateway.domain.risk.worth import Worth
from gateway.domain.session_names import OWN_SESSION, session_name
from gateway.domain.totals import FIRM, KINDS, Kind, Scope, Total, Totals, part_of

_FOREVER = 1 << 63


class Check(NamedTuple):
    """One control of an order: by which limit, and where its figures are."""

    control: Control
    limit: Limit
    source: Any


class Rules(NamedTuple):
    """Everything that is checked of an order of one account, session and symbol.

    until: when a limit begins or ends to be valid, so that the rules have to be made anew (nanoseconds UTC).
    collar: the value of the PRICE_COLLAR that applies.
    """

    checks: tuple[Check, ...]
    trackers: tuple[tuple[Limit, Tracker], ...]
    until: int
    collar: Any = None


NO_RULES = Rules((), (), _FOREVER)


class RuleBook:
    """Finds what applies to an order. Only the engine's thread touches it."""

    def __init__(self, limits: Iterable[Limit] = ()) -> None:
        self.open_orders: Callable[[], Iterable[Order]] = tuple  # the book sets it
        self.totals = Totals()
        self.ledger = Ledger()
        self.funds = Funds()
        self._worth: dict[str, Worth] = {}  # of the firm
        self._by_scope: dict[Scope, list[Limit]] = {}
        self._rules: dict[tuple[str, str, str], Rules] = {}
        self._trackers: dict[tuple[Any, ...], Tracker] = {}
        self._tracked = False
        self._in_force: dict[int, Limit] = {}
        self._stops: list[tuple[Limit, str]] = []
        self.change(limits)

    @property
    def limits(self) -> list[Limit]:
        """Every version that was given, oldest first."""
        return [self._in_force[limit_id] for limit_id in sorted(self._in_force)]

    @property
    def last_limit_id(self) -> int:
        """The newest version's; 0 before the first."""
        return max(self._in_force, default=0)

    def change(self, more: Iterable[Limit]) -> None:
        """Take further versions of limits in: they count from the next order on."""
        for limit in more:
            self._in_force[limit.limit_id] = limit
        self._by_scope = {}
        for limit in self.limits:
            self._by_scope.setdefault(limit.scope, []).append(limit)
        self._rules.clear()
        self._worth = {}
        self._tracked = any(CONTROLS[limit.code].tracker is not None for limit in self._in_force.values())
        gross = any(x.code == "MAX_GROSS_EXPOSURE" and x.scope == FIRM for x in self._in_force.values())
        self.totals.watch({k for x in self._in_force.values() if (k := _kind(x)) is not None}, gross=gross)
        self._trackers = {key: tracker for key, tracker in self._trackers.items() if not CONTROLS[key[0]].rebuilds}
        if not self.funds.watched and any(CONTROLS[x.code].reads is Reads.FUNDS for x in self._in_force.values()):
            self.funds.rebuild(self.open_orders(), self.ledger)

    def connect_funds(
        self,
        *,
        assets: Callable[[str, str], Assets | None],
        balances: Callable[[str], Mapping[str, Balance] | None],
        venue_accounts: Mapping[str, str],
    ) -> None:
        """Where funds come from, see Funds.connect."""
        self.funds.connect(assets=assets, balances=balances, venue_accounts=venue_accounts)
        self._rules.clear()
        if self.funds.watched:
            self.funds.rebuild(self.open_orders(), self.ledger)

    def rules(self, account: str, session: str, symbol: str, at: int) -> Rules:
        """What applies to an order at this time. session: its key."""
        key = (session, account, symbol)
        found = self._rules.get(key)
        if found is None or at >= found.until:
            found = self._rules[key] = self._bind(Scope(account, session_name(session), symbol), at)
        return found

    def record(self, event: Event, order: Order) -> None:
        """An event of an order, and the order after it."""
        if self._tracked and order.session != OWN_SESSION:  # which is nobody's pattern, and no limit is asked
            for limit, tracker in self.rules(order.account, order.session, order.symbol, event.at).trackers:
                stop = tracker.record(event, order)
                if stop:
                    self._stops.append((limit, stop))

    @property
    def stopped(self) -> bool:
        """Whether something has to be stopped."""
        return bool(self._stops)

    def take_stops(self) -> list[tuple[Limit, str]]:
        """What has to be stopped since the last call, and by which limit."""
        taken, self._stops = self._stops, []
        return taken

    def _bind(self, base: Scope, at: int) -> Rules:
        valid: dict[str, list[Limit]] = {}
        watched: list[Limit] = []
        until = _FOREVER
        for kind in KINDS:
            newest: dict[str, Limit] = {}
            lasting: dict[str, Limit] = {}
            for limit in self._by_scope.get(part_of(base, kind), ()):
                if limit.is_valid(at):
                    newest[limit.code] = limit
                    if limit.valid_to is None:
                        lasting[limit.code] = limit
                ends = limit.valid_from if limit.valid_from > at else limit.valid_to
                if ends is not None and ends > at:
                    until = min(until, ends)
                    watched.append(limit)
            watched += lasting.values()
            for code, limit in newest.items():
                if limit.value is not None:
                    valid.setdefault(code, []).append(limit)
        checks = [
            Check(control, limit, self._source(control, limit, base))
            for code, control in CONTROLS.items()
            for limit in _tightest(control, valid.get(code, []))
        ]
        collar = next((check.limit.value for check in checks if check.control.code == "PRICE_COLLAR"), None)
        return Rules(tuple(checks), self._watching(watched, base), until, collar)

    def _worth_of_firm(self, symbols: Mapping[str, Total]) -> Mapping[str, Worth]:
        if not self._worth:
            kinds = {"gross": gross_qty, "long": long_qty, "short": short_qty}
            self._worth = {name: Worth(symbols, qty, self.totals.listen()) for name, qty in kinds.items()}
        return self._worth

    def _watching(self, limits: Iterable[Limit], base: Scope) -> tuple[tuple[Limit, Tracker], ...]:
        """What has to hear of orders: also for a limit that others hide for a time, or that is to come."""
        found: dict[Tracker, Limit] = {}
        for limit in limits:
            if limit.value is not None and CONTROLS[limit.code].tracker is not None:
                found.setdefault(self._source(CONTROLS[limit.code], limit, base), limit)
        return tuple((limit, tracker) for tracker, limit in found.items())

    def _source(self, control: Control, limit: Limit, base: Scope) -> Any:
        """Where the control's figures are, for an order of this account, session and symbol."""
        if control.reads is Reads.NOTHING:
            return None
        kind = control.keeps or limit.scope.kind
        if control.reads is Reads.SYMBOL:
            return self.totals.total(part_of(base, (kind[0], kind[1], True)))
        if control.reads is Reads.SCOPE:
            return self.totals.total(part_of(base, kind))
        if control.reads is Reads.SYMBOLS:
            by_account = control.code == "MAX_GROSS_EXPOSURE" and limit.scope == FIRM
            own = part_of(base, (kind[0] or by_account, kind[1], True))
            total = self.totals.total(own)
            symbol = limit.scope.symbol
            symbols = {symbol: total} if symbol else self.totals.by_symbol(limit.scope)
            return Exposure(symbols, total, self._worth_of_firm(symbols) if limit.scope == FIRM else None)
        if control.reads is Reads.FUNDS:
            venue_account = self.funds.venue_account(base.account)
            if limit.value.amounts is None:
                return Purse(self.funds, ("venue", venue_account), venue_account)
            return Purse(self.funds, ("account", base.account) if limit.scope.account else FIRM_POOL, venue_account)
        if control.reads is Reads.RESULTS:
            positions = self.ledger.of(base.account) if limit.scope.account else self.ledger.firm
            return Results(positions, self.totals.total(part_of(base, (True, False, True))))
        assert control.tracker is not None
        scope = part_of(base, kind)
        version = limit.limit_id if control.renews else "" if control.rebuilds else limit.text
        key = (control.code, scope, version)
        tracker = self._trackers.get(key)
        if tracker is None:
            tracker = self._trackers[key] = control.tracker(limit)
            if control.rebuilds:
                for order in self.open_orders():
                    if part_of(Scope(order.account, session_name(order.session), order.symbol), kind) == scope:
                        tracker.record(None, order)
        return tracker


def _tightest(control: Control, limits: list[Limit]) -> list[Limit]:
    """Those of the limits that need be checked."""
    if control.tightest is None or len(limits) < 2:
        return limits
    tightest = control.tightest(limit.value for limit in limits)
    return [next(limit for limit in limits if limit.value == tightest)]


def _kind(limit: Limit) -> Kind | None:
    """The kind of total that a limit is checked against."""
    control = CONTROLS[limit.code]
    account, session, symbol = control.keeps or limit.scope.kind
    if control.reads is Reads.SCOPE:
        return account, session, symbol
    if control.reads is Reads.RESULTS:
        return True, False, True
    if control.reads in (Reads.SYMBOL, Reads.SYMBOLS):
        return account, session, True
    return None
