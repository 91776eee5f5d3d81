"""What open orders bind of each asset, what executions spent of it today, and what the venue says is there.

Orders and executions are about symbols; funds are assets. Which assets a symbol is made of only the venue can tell,
which after a start is not connected yet: until then a symbol's figures wait, and count as soon as it is known.

Sums are kept for each venue account, each account, and the firm, changed by events alone, so that a check reads three
figures however many orders there are, and the journal brings them back.
"""

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import NamedTuple

from gateway.domain import events as e
from gateway.domain.money import ZERO, add, multiply, subtract
from gateway.domain.order import Order, Terms
from gateway.domain.positions import Ledger
from gateway.domain.values import Side

_MS = 1_000_000  # ns
_MOST_UNHEARD = 1_000


class Balance(NamedTuple):
    """What a venue account holds of an asset. at_ms: the venue's time, ms UTC, up to which that is true at least."""

    asset: str
    free: Decimal
    locked: Decimal
    at_ms: int = 0


class Assets(NamedTuple):
    """What a symbol is made of."""

    base: str
    quote: str


Pool = tuple[str, str]
"""Whose funds: ("venue", venue account), ("account", name), or ("", "") for the firm."""

FIRM_POOL: Pool = ("", "")


class Use:
    """Of one asset. buys, sells: what open, pending and unknown orders bind; spent: by executions and fees of today."""

    __slots__ = ("buys", "sells", "spent")

    def __init__(self) -> None:
        self.buys = ZERO
        self.sells = ZERO
        self.spent = ZERO


NO_USE = Use()
"""Of an asset that nothing binds. Nobody writes it."""


class Spending(NamedTuple):
    """What an execution took out of the venue account; transact_time: nanoseconds UTC by the venue's clock."""

    transact_time: int
    asset: str
    qty: Decimal


class _Key(NamedTuple):
    account: str
    venue_account: str
    symbol: str

    @property
    def pools(self) -> tuple[Pool, ...]:
        return ("venue", self.venue_account), ("account", self.account), FIRM_POOL


class _Change(NamedTuple):
    """buys, paid: of the quote asset. sells, bought: of the base asset."""

    buys: Decimal = ZERO
    sells: Decimal = ZERO
    bought: Decimal = ZERO
    paid: Decimal = ZERO


class Funds:
    """Only the engine's thread touches it. Nothing is kept while no limit asks for it."""

    def __init__(self) -> None:
        self.watched = False
        self._assets: Callable[[str, str], Assets | None] = lambda _venue_account, _symbol: None
        self._balances: Callable[[str], Mapping[str, Balance] | None] = lambda _venue_account: None
        self._venue_accounts: Mapping[str, str] = {}
        self._uses: dict[tuple[Pool, str], Use] = {}
        self._paths: dict[_Key, tuple[tuple[Use, ...], tuple[Use, ...]]] = {}  # of the base asset, of the quote asset
        self._waiting: dict[_Key, _Change] = {}
        self._unheard: dict[str, deque[Spending]] = {}

    def connect(
        self,
        *,
        assets: Callable[[str, str], Assets | None],
        balances: Callable[[str], Mapping[str, Balance] | None],
        venue_accounts: Mapping[str, str],
    ) -> None:
        """Where to ask: a symbol's assets, by venue account; a venue account's balances, None while they are not known.

        venue_accounts: by account. What is watched has to be rebuilt after it.
        """
        self._assets, self._balances, self._venue_accounts = assets, balances, venue_accounts

    def rebuild(self, orders: Iterable[Order], ledger: Ledger) -> None:
        """Reckon everything anew, from the open orders and what executions moved today."""
        self.watched = True
        self._uses.clear()
        self._paths.clear()
        self._waiting.clear()
        self._unheard.clear()
        for order in orders:
            self.opened(None, order)
        for account, symbol, position in ledger.items():
            key = _Key(account, self._venue_accounts.get(account, ""), symbol)
            self._change(key, _Change(bought=position.bought_today, paid=position.paid_today))
            for asset, fee in position.fees_today.items():
                self._charge(key, asset, fee)

    # --- reading

    def venue_account(self, account: str) -> str:
        """That the account trades through now."""
        return self._venue_accounts.get(account, "")

    def balance(self, venue_account: str, asset: str) -> Balance | None:
        """What the venue says is there; None while nobody knows."""
        known = self._balances(venue_account)
        return None if known is None else known.get(asset) or Balance(asset, ZERO, ZERO)

    def use(self, pool: Pool, asset: str) -> Use:
        """What is bound and spent of an asset."""
        return self._uses.get((pool, asset), NO_USE)

    def unheard(self, venue_account: str, asset: str) -> Decimal:
        """What executions took, of which the balances do not tell yet."""
        spent = self._unheard.get(venue_account)
        if not spent:
            return ZERO
        result = ZERO
        known = self._balances(venue_account) or {}
        for one in tuple(spent):
            balance = known.get(one.asset)
            if balance is not None and one.transact_time // _MS <= balance.at_ms:
                spent.remove(one)
            elif one.asset == asset:
                result = add(result, one.qty)
        return result

    def unresolved(self, pool: Pool) -> str:
        """A symbol that something is open or spent in, and whose assets the venue does not tell; "" for none."""
        if self._waiting:
            for key, change in list(self._waiting.items()):
                if not any(change):
                    del self._waiting[key]
                elif self._path(key) is not None:
                    del self._waiting[key]
                    self._change(key, change)
            for key in self._waiting:
                if pool in key.pools:
                    return key.symbol
        return ""

    # --- recording

    def opened(self, before: Order | None, after: Order) -> None:
        """What can still execute of an order changed, or its terms did."""
        was = binds(before) if before is not None else ZERO
        now = binds(after)
        if was != now:
            more = subtract(now, was)
            key = _Key(after.account, after.venue_account, after.symbol)
            self._change(key, _Change(buys=more) if after.side is Side.BUY else _Change(sells=more))

    def executed(self, event: e.Event, order: Order) -> None:
        """An execution, or a change to one that was booked."""
        key = _Key(order.account, order.venue_account, order.symbol)
        match event:
            case e.OrderFilled():
                self._move(key, order.side, event.last_qty, event.last_px)
                if event.commission:
                    self._charge(key, event.commission_currency, event.commission)
                self._hear(key, order.side, event)
            case e.TradeCanceled():
                self._move(key, order.side, event.last_qty.copy_negate(), event.last_px)
            case e.TradeCorrected():
                self._move(key, order.side, event.old_qty.copy_negate(), event.old_px)
                self._move(key, order.side, event.last_qty, event.last_px)

    def start_day(self) -> None:
        """Nothing was spent yet today."""
        for use in self._uses.values():
            use.spent = ZERO
        self._waiting = {key: x._replace(bought=ZERO, paid=ZERO) for key, x in self._waiting.items()}

    def _move(self, key: _Key, side: Side, qty: Decimal, px: Decimal) -> None:
        bought = qty if side is Side.BUY else qty.copy_negate()
        self._change(key, _Change(bought=bought, paid=multiply(bought, px)))

    def _charge(self, key: _Key, asset: str, fee: Decimal) -> None:
        for pool in key.pools:
            use = self._of(pool, asset)
            use.spent = add(use.spent, fee)

    def _hear(self, key: _Key, side: Side, event: e.OrderFilled) -> None:
        """What is got counts when the venue says that it is there; what is paid, fees included, at once."""
        assets = self._assets(key.venue_account, key.symbol)
        if assets is None:
            return
        unheard = self._unheard.setdefault(key.venue_account, deque(maxlen=_MOST_UNHEARD))
        if side is Side.BUY:
            unheard.append(Spending(event.transact_time, assets.quote, multiply(event.last_qty, event.last_px)))
            got = assets.base
        else:
            unheard.append(Spending(event.transact_time, assets.base, event.last_qty))
            got = assets.quote
        if event.commission and event.commission_currency != got:
            unheard.append(Spending(event.transact_time, event.commission_currency, event.commission))

    def _change(self, key: _Key, change: _Change) -> None:
        path = self._path(key)
        if path is None:
            before = self._waiting.get(key, _Change())
            self._waiting[key] = _Change(*(add(a, b) for a, b in zip(before, change, strict=True)))
            return
        of_base, of_quote = path
        for use in of_quote:
            use.buys = add(use.buys, change.buys)
            use.spent = add(use.spent, change.paid)
        for use in of_base:
            use.sells = add(use.sells, change.sells)
            use.spent = subtract(use.spent, change.bought)

    def _path(self, key: _Key) -> tuple[tuple[Use, ...], tuple[Use, ...]] | None:
        path = self._paths.get(key)
        if path is None and (assets := self._assets(key.venue_account, key.symbol)) is not None:
            of_base = tuple(self._of(pool, assets.base) for pool in key.pools)
            of_quote = tuple(self._of(pool, assets.quote) for pool in key.pools)
            path = self._paths[key] = of_base, of_quote
        return path

    def _of(self, pool: Pool, asset: str) -> Use:
        return self._uses.setdefault((pool, asset), Use())


def binds(order: Order) -> Decimal:
    """The most that the order can still cost: base units of a sell, quote currency of a buy.

    A buy is valued at its limit price, a stop at its stop price, a market order at what it was valued at when it came;
    with a replace pending at whichever terms cost more.
    """
    qty = order.exposed_qty
    if not qty or not order.legs:
        return ZERO
    if order.side is Side.SELL:
        return qty
    worst = _costs(order, order.terms)
    for request in order.requests:
        if request.terms is not None:
            worst = max(worst, _costs(order, request.terms))
    return worst


def would_bind(order: Order, terms: Terms) -> Decimal:
    """Likewise, were these its terms."""
    return max(ZERO, subtract(terms.order_qty, order.cum_qty) if order.side is Side.SELL else _costs(order, terms))


def _costs(order: Order, terms: Terms) -> Decimal:
    px = terms.price if terms.price is not None else terms.stop_px if terms.stop_px is not None else order.market_px
    return ZERO if px is None else multiply(subtract(terms.order_qty, order.cum_qty), px)
