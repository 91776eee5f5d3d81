"""Whether an order is paid for: BUYING_POWER.

An order needs what it can cost: a sell its quantity of the base asset, a buy price times quantity of the quote asset,
and so much percent more where the limit names fees. A stop order costs its stop price, a market order the reference
price and the collar. A replace needs what it adds to that; one that adds nothing is not asked, and cancels never are.

There has to be so much, less what all open, pending and unknown orders bind already, pending replaces at the terms that
cost more:

- `venue`: of the venue's balances, for all accounts that trade through the venue account together. The venue's free
  figure has orders taken off that it has; those on their way still have to be. So available is the smaller of free, and
  free and locked less what executions took that the balances do not tell yet, less what our orders bind. What was
  bought counts when the venue says it is there. While balances are not known, as after the account's stream was lost,
  such orders are refused.
- amounts, such as `100000 USDT, 2 BTC`: what the scope may spend of each of these assets in a trading day, net of what
  it got back, fees included: available is the amount, less what today's executions spent, less what orders bind.
  Assets that are not named are not limited.

Several limits all apply: an account's amount and the venue's balances, say.
"""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from gateway.domain.funds import Funds, Pool
from gateway.domain.money import ZERO, add, multiply, subtract, text_of, trim
from gateway.domain.risk import parsing
from gateway.domain.risk.collar import market_px
from gateway.domain.risk.control import Control, Figures, Reads, exceeds
from gateway.domain.risk.denial import Denial, deny
from gateway.domain.risk.limit import BadLimitError, Limit
from gateway.domain.risk.terms import UNPRICED, OrderTerms, Snapshot
from gateway.domain.values import OrdRejReason, Side

_TEXT = re.compile(r"(?P<of>venue|[0-9.]+ \S+(?:, [0-9.]+ \S+)*)(?: \+(?P<fees>[0-9.]+)%)?", re.ASCII)
_ASSET = re.compile(r"[A-Z0-9]{1,20}", re.ASCII)
_ONE = Decimal(1)
_ALL = Decimal(100)
_HUNDREDTH = Decimal("0.01")


class Power(NamedTuple):
    """amounts: by asset; None: the venue's balances. fees: what buys cost more. part: of the funds. Both in percent."""

    amounts: Mapping[str, Decimal] | None
    fees: Decimal = ZERO
    part: Decimal = _ALL

    def __str__(self) -> str:
        of = "venue" if self.amounts is None else ",".join(f"{text_of(n)}{a}" for a, n in self.amounts.items())
        return f"{of}+{text_of(self.fees)}%" if self.fees else of


class Purse(NamedTuple):
    """What is read. venue_account: whose balances, where they count."""

    funds: Funds
    pool: Pool
    venue_account: str


def power(text: str) -> Power:
    """`venue`, or amounts with their assets; either with what fees may cost: `venue +0.1%`."""
    found = _TEXT.fullmatch(text)
    if found is None:
        raise BadLimitError(f"{text!r} is neither venue nor amounts such as 100000 USDT, 2 BTC (and perhaps +0.1%)")
    fees = parsing.amount(found["fees"]) if found["fees"] else ZERO
    if found["of"] == "venue":
        return Power(None, fees)
    amounts: dict[str, Decimal] = {}
    for one in found["of"].split(", "):
        qty, _, asset = one.partition(" ")
        if _ASSET.fullmatch(asset) is None or asset in amounts:
            raise BadLimitError(f"{asset!r} is no asset, or there twice")
        amounts[asset] = parsing.amount(qty)
    return Power(amounts, fees)


def _part(value: Power, percent: int) -> Power:
    return value._replace(part=Decimal(percent))


def _purse(order: OrderTerms, source: Purse, snapshot: Snapshot, limit: Limit) -> Figures:
    """(asset, what a unit costs, free, locked, spent, bound by buys, bound by sells, symbol of unknown assets)."""
    instrument = snapshot.instrument
    assert instrument is not None  # an unknown symbol never gets here
    buys = order.side is Side.BUY
    asset = instrument.quote if buys else instrument.base
    px: Any = _ONE
    if buys:
        px = order.value_px if order.value_px is not None else market_px(order, snapshot)
    funds, pool, venue_account = source
    unknown = funds.unresolved(pool)
    use = funds.use(pool, asset)
    if limit.value.amounts is not None:
        return asset, px, None, None, use.spent, use.buys, use.sells, unknown
    # In this order: balances change meanwhile, and what counts twice for a moment is not promised twice.
    unheard = funds.unheard(venue_account, asset)
    balance = funds.balance(venue_account, asset)
    if balance is None:
        return asset, px, None, None, unheard, use.buys, use.sells, unknown
    return asset, px, balance.free, balance.locked, unheard, use.buys, use.sells, unknown


def _buying_power(order: OrderTerms, limit: Limit, value: Power, figures: Figures) -> Denial | None:
    free: Any
    spent: Any
    buys: Any
    sells: Any
    asset, px, free, locked, spent, buys, sells, unknown = figures
    funds: Any = None
    if value.amounts is not None:
        funds = value.amounts.get(str(asset))
        if funds is None:
            return None
    elif free is not None:
        funds = add(free, locked)  # type: ignore[arg-type]  # figures hold any value; these are decimals
    needs = _needs(order, px, value)
    if needs is None:
        return _no_price(order, limit, value)
    if needs <= ZERO:
        return None
    if funds is None or unknown:
        why = {"unknown": unknown} if unknown else {"balance": "not_known"}
        return exceeds(limit, value, asset=asset, **why)
    taken = add(add(buys if not value.fees else _with_fees(buys, value), sells), spent)
    if value.part != _ALL:
        funds, free = _share(funds, value), _share(free, value)
    available = subtract(funds, taken)
    if value.amounts is None and free < available:
        available = free
    if needs <= available:
        return None
    return exceeds(limit, value, needs=trim(needs), available=trim(available), asset=asset)


def _needs(order: OrderTerms, px: Any, value: Power) -> Decimal | None:
    """None: nobody knows."""
    if order.side is Side.SELL:
        return order.opens_qty
    if not order.is_new:
        return _with_fees(order.adds, value)
    if px == UNPRICED:
        return ZERO
    return None if px is None else _with_fees(multiply(order.opens_qty, px), value)


def _with_fees(cost: Any, value: Power) -> Decimal:
    return multiply(cost, add(_ONE, multiply(value.fees, _HUNDREDTH))) if value.fees else cost


def _share(funds: Any, value: Power) -> Any:
    if funds is None:
        return None
    return multiply(funds, multiply(value.part, _HUNDREDTH))


def _no_price(order: OrderTerms, limit: Limit, value: Power) -> Denial:
    figures = {limit.code.lower(): value, "ord_type": order.ord_type.name}
    return deny("NO_REFERENCE_PRICE", OrdRejReason.OTHER, **figures, **limit.where)


BUYING_POWER = Control(
    code="BUYING_POWER",
    about="what orders can cost must be there, open orders included: venue (the venue's balances), or what may be "
    "spent in a trading day, such as 100000 USDT, 2 BTC; +0.1% at its end adds so much for fees to what buys cost; of "
    "accounts or the firm",
    value=power,
    figures=("asset", "px", "free", "locked", "spent", "buys", "sells", "unknown"),
    measure=_purse,
    judge=_buying_power,
    reads=Reads.FUNDS,
    part=_part,
    kinds=((True, False, False), (False, False, False)),
)
