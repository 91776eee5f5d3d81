"""Running totals of what open orders and executions add up to, kept as events come: a check reads them, however many
orders there are.

A total belongs to a scope: an account, a session and a symbol, each of which may be left open. What every account does
through every session in every symbol is always kept; sums over it only for the kinds of scope that some limit needs.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import NamedTuple

from gateway.domain.money import ZERO, add, subtract
from gateway.domain.order import Order
from gateway.domain.session_names import session_name
from gateway.domain.values import Side


class Scope(NamedTuple):
    """What a limit or a total is about; an empty part stands for all. session: the client's CompID."""

    account: str = ""
    session: str = ""
    symbol: str = ""

    @property
    def kind(self) -> "Kind":
        """Which parts it names."""
        return bool(self.account), bool(self.session), bool(self.symbol)

    @property
    def in_all_symbols(self) -> "Scope":
        """The same without the symbol."""
        return Scope(self.account, self.session)


Kind = tuple[bool, bool, bool]
"""Which parts a scope names: account, session, symbol."""

BASE: Kind = (True, True, True)
KINDS: tuple[Kind, ...] = tuple((a, s, y) for a in (True, False) for s in (True, False) for y in (True, False))
FIRM = Scope()
GIVEN = "(given)"
"""Stands for the session in positions that none brought about; no CompID has brackets."""


def part_of(scope: Scope, kind: Kind) -> Scope:
    """The scope of this kind that holds the given one."""
    return Scope(*(part if named else "" for part, named in zip(scope, kind, strict=True)))


class Total:
    """The figures of one scope. Quantities are base units, and kept only where the scope names a symbol.

    open_buy, open_sell: the most that open, pending and unknown orders can still execute.
    gross: the sum over accounts of `worst`, only where it is asked for (Totals.watch).
    """

    __slots__ = ("cancels_today", "gross", "open_buy", "open_orders", "open_sell", "orders_today", "position", "worst")

    def __init__(self) -> None:
        self.open_orders = 0
        self.orders_today = 0
        self.cancels_today = 0
        self.open_buy = ZERO
        self.open_sell = ZERO
        self.position = ZERO
        self.worst = ZERO
        self.gross = ZERO

    def open_qty(self, side: Side) -> Decimal:
        """What can still execute on this side."""
        return self.open_buy if side is Side.BUY else self.open_sell

    def add(self, other: "Total") -> None:
        """Take another's figures in."""
        self.open_orders += other.open_orders
        self.orders_today += other.orders_today
        self.cancels_today += other.cancels_today
        self.open_buy = add(self.open_buy, other.open_buy)
        self.open_sell = add(self.open_sell, other.open_sell)
        self.position = add(self.position, other.position)


def worst_of(position: Decimal, open_buy: Decimal, open_sell: Decimal) -> Decimal:
    """The largest position, either way, that can come of it."""
    return max(add(position, open_buy), subtract(open_sell, position))


class _Path(NamedTuple):
    """The totals that an order counts in."""

    counts: tuple[Total, ...]
    quantities: tuple[Total, ...]  # those of them that name a symbol
    gross: tuple[Total, Total] | None  # the account's in the symbol, and the symbol's


class Totals:
    """Every total. Only the engine's thread touches it."""

    def __init__(self, kinds: Iterable[Kind] = (), *, gross: bool = False) -> None:
        self._kinds: frozenset[Kind] = frozenset(kinds)
        self._gross = gross
        self._totals: dict[Scope, Total] = {}
        self._members: dict[Scope, dict[str, Total]] = {}
        self._base: dict[Scope, Total] = {}
        self._paths: dict[tuple[str, str, str], _Path] = {}
        self._listening: list[set[str]] = []

    # --- reading

    def total(self, scope: Scope) -> Total:
        """A scope's figures, of a kind that is kept; the object stays the scope's own until the next `watch`."""
        found = self._totals.get(scope)
        if found is None:
            found = self._totals[scope] = Total()
            if scope.symbol:
                self._members.setdefault(scope.in_all_symbols, {})[scope.symbol] = found
        return found

    def by_symbol(self, scope: Scope) -> Mapping[str, Total]:
        """The totals of each symbol in a scope that names none."""
        return self._members.setdefault(scope, {})

    def sum(self, scope: Scope) -> Total:
        """A scope's figures, whether they are kept or not: for people, not for checks."""
        result = Total()
        for base, figures in self._base.items():
            if part_of(base, scope.kind) == scope:
                result.add(figures)
        return result

    def listen(self) -> set[str]:
        """A set that gets each symbol whose quantities change, until the next `watch`; whoever asked empties it."""
        heard: set[str] = set()
        self._listening.append(heard)
        return heard

    # --- recording

    def watch(self, kinds: Iterable[Kind], *, gross: bool = False) -> None:
        """Keep these kinds of scope from now on, as if they always had been, and no others.

        gross: also keep, for each symbol, the sum of what its accounts could come to hold, either way.
        """
        self._kinds = frozenset(kinds)
        self._gross = gross
        self._paths.clear()
        self._listening.clear()
        self._members.clear()
        self._totals = {}
        for scope, figures in self._base.items():
            if BASE in self._kinds:
                self._totals[scope] = figures
                self._members.setdefault(scope.in_all_symbols, {})[scope.symbol] = figures
            for kind in self._sums():
                self.total(part_of(scope, kind)).add(figures)
        if gross:
            for scope, total in list(self._totals.items()):
                if scope.kind == _ACCOUNT_SYMBOL:
                    _regross((total, self.total(Scope(symbol=scope.symbol))))

    def opened(self, order: Order, was: Decimal, now: Decimal) -> None:
        """What can still execute of an order changed."""
        path = self._path(order)
        if bool(was) is not bool(now):
            step = 1 if now else -1
            for total in path.counts:
                total.open_orders += step
        change = subtract(now, was)
        if order.side is Side.BUY:
            for total in path.quantities:
                total.open_buy = add(total.open_buy, change)
        else:
            for total in path.quantities:
                total.open_sell = add(total.open_sell, change)
        if path.gross is not None:
            _regross(path.gross)
        for heard in self._listening:
            heard.add(order.symbol)

    def executed(self, order: Order, qty: Decimal) -> None:
        """So much more of an order executed; less, where a trade was taken back."""
        path = self._path(order)
        signed = qty if order.side is Side.BUY else qty.copy_negate()
        for total in path.quantities:
            total.position = add(total.position, signed)
        if path.gross is not None:
            _regross(path.gross)
        for heard in self._listening:
            heard.add(order.symbol)

    def hold(self, account: str, symbol: str, qty: Decimal, session: str = GIVEN) -> None:
        """A position from elsewhere: the store at start, a start-of-day figure. session: the client's CompID."""
        path = self._path_of(Scope(account, session, symbol))
        for total in path.quantities:
            total.position = add(total.position, qty)
        if path.gross is not None:
            _regross(path.gross)
        for heard in self._listening:
            heard.add(symbol)

    def placed(self, order: Order) -> None:
        """An order passed the checks."""
        for total in self._path(order).counts:
            total.orders_today += 1

    def cancel_asked(self, order: Order) -> None:
        """The client asked for a cancel."""
        for total in self._path(order).counts:
            total.cancels_today += 1

    def start_day(self) -> None:
        """Daily counts begin again."""
        for total in (*self._base.values(), *self._totals.values()):
            total.orders_today = total.cancels_today = 0

    def _path(self, order: Order) -> _Path:
        key = (order.session, order.account, order.symbol)
        path = self._paths.get(key)
        if path is None:
            scope = Scope(order.account, session_name(order.session), order.symbol)
            path = self._paths[key] = self._path_of(scope)
        return path

    def _path_of(self, scope: Scope) -> _Path:
        base = self._base.get(scope)
        if base is None:
            # One object for both: what a check was bound to before the first order must be what counts.
            base = self._base[scope] = self.total(scope) if BASE in self._kinds else Total()
        sums = [self.total(part_of(scope, kind)) for kind in self._sums()]
        quantities = [total for kind, total in zip(self._sums(), sums, strict=True) if kind[2]]
        gross = None
        if self._gross:
            gross = self.total(part_of(scope, _ACCOUNT_SYMBOL)), self.total(Scope(symbol=scope.symbol))
        return _Path((base, *sums), (base, *quantities), gross)

    def _sums(self) -> list[Kind]:
        kinds = self._kinds | ({_ACCOUNT_SYMBOL, _SYMBOL} if self._gross else frozenset())
        return sorted(kinds - {BASE})


_ACCOUNT_SYMBOL: Kind = (True, False, True)
_SYMBOL: Kind = (False, False, True)


def _regross(pair: tuple[Total, Total]) -> None:
    of_account, of_symbol = pair
    worst = worst_of(of_account.position, of_account.open_buy, of_account.open_sell)
    of_symbol.gross = add(of_symbol.gross, subtract(worst, of_account.worst))
    of_account.worst = worst
