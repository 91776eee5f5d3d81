"""One look at a whole account: its open orders, its trades since a time, its balances.

Source: Binance Spot API, web-socket-api.md (openOrders.status, myTrades, account.status); REST answers are the same.
Orders are asked for before trades, so that what executes in between shows as a trade and not as a missing order.
"""

from collections.abc import Awaitable, Callable

import msgspec

from gateway.domain.funds import Balance
from gateway.domain.reconcile import OrderAtVenue, SnapshotRequest, VenueSnapshot
from gateway.domain.venue_reports import VenueTraded
from gateway.venues.base import SnapshotError
from gateway.venues.binance import answers
from gateway.venues.binance.answers import OrderRef
from gateway.venues.binance.channel import Answer, RequestLostError
from gateway.venues.binance.errors import UNKNOWN_SYMBOL
from gateway.venues.binance.payload import PayloadError, Raw, count_of, decode, less_prevented, number
from gateway.venues.binance.reporter import Reporter
from gateway.venues.binance.requests import Params

_PAGE = 1_000
_CLOCK_MARGIN_MS = 1_000
"""More than the venue's clock is read wrong."""

Ask = Callable[[str, Params], Awaitable[Answer]]


class UnknownSymbolError(SnapshotError):
    """The venue does not list the symbol that was asked for."""


class _OpenOrder(msgspec.Struct):
    symbol: str
    orderId: int
    clientOrderId: str
    origQty: str
    executedQty: str
    preventedQuantity: str = "0"


class _Balance(msgspec.Struct):
    asset: str
    free: str
    locked: str


class _Account(msgspec.Struct):
    balances: list[_Balance]
    updateTime: int = 0


_OPEN_ORDERS = msgspec.json.Decoder(list[_OpenOrder])
_ACCOUNT = msgspec.json.Decoder(_Account)


def open_orders(raw: Raw) -> tuple[OrderAtVenue, ...]:
    """Answer to openOrders.status. Raises PayloadError."""
    return tuple(
        OrderAtVenue(
            symbol=order.symbol,
            client_id=order.clientOrderId,
            venue_order_id=str(order.orderId),
            qty=less_prevented(order.origQty, order.preventedQuantity),
            cum_qty=count_of(order.executedQty),
        )
        for order in decode(_OPEN_ORDERS, raw)
    )


def balances(raw: Raw, asked_at_ms: int) -> tuple[Balance, ...]:
    """Answer to account.status. Raises PayloadError.

    asked_at_ms: by the venue's clock; what had happened by then is in the answer, whenever the account last changed.
    """
    account = decode(_ACCOUNT, raw)
    at_ms = max(account.updateTime, asked_at_ms)
    return tuple(Balance(b.asset, number(b.free), number(b.locked), at_ms) for b in account.balances)


def updated_at_ms(raw: Raw) -> int:
    """Answer to account.status: when the account last changed, by the venue's clock; all until then is in the answer.

    Raises PayloadError.
    """
    return decode(_ACCOUNT, raw).updateTime


class Snapshots:
    """Asks the questions of a snapshot, one after the other: they are heavy, and orders go first."""

    def __init__(self, reporter: Reporter, ask: Ask) -> None:
        self._reporter = reporter
        self._ask = ask

    async def take(self, request: SnapshotRequest) -> VenueSnapshot:
        """Raises SnapshotError when one of the questions was not answered."""
        try:
            return await self._take(request)
        except (RequestLostError, PayloadError) as error:
            raise SnapshotError(str(error)) from error

    async def _take(self, request: SnapshotRequest) -> VenueSnapshot:
        asked_at = self._reporter.clock.now_ns()
        orders = open_orders(await self._query("openOrders.status", {}))
        trades: list[VenueTraded] = []
        for symbol, since_ms in request.trades_since_ms.items():
            trades += await self._trades(symbol, since_ms)
        asked_at_ms = self._reporter.clock.clock_ms()
        account = await self._query("account.status", {})
        updated_ms = updated_at_ms(account)
        return VenueSnapshot(
            request=request,
            asked_at=asked_at,
            orders=orders,
            trades=tuple(trades),
            balances=balances(account, asked_at_ms),
            balances_since_ms=max(updated_ms, asked_at_ms - _CLOCK_MARGIN_MS),
            balances_until_ms=max(updated_ms, self._reporter.clock.clock_ms() + _CLOCK_MARGIN_MS),
        )

    async def _trades(self, symbol: str, since_ms: int) -> list[VenueTraded]:
        ref = OrderRef(self._reporter.venue_account, symbol, "")
        found: list[VenueTraded] = []
        page: Params = {"startTime": since_ms}
        while True:
            try:
                result = await self._query("myTrades", {"symbol": symbol, "limit": _PAGE, **page})
            except UnknownSymbolError:
                # Not listed (any more): one symbol must not keep all the others from being compared.
                text = f"the venue does not know {symbol}; its trades are left out"
                self._reporter.sinks.alert("RECONCILE_SYMBOL_UNKNOWN", text)
                return found
            some = answers.trades(ref, result)
            found += some
            if len(some) < _PAGE:
                return found
            page = {"fromId": answers.highest_trade_id(some) + 1}

    async def _query(self, method: str, params: Params) -> Raw:
        reporter = self._reporter
        paused_ms = reporter.limits.paused_for_ms(reporter.clock.clock_ms())
        if paused_ms:
            raise SnapshotError(f"the venue takes nothing for another {paused_ms} ms")
        answer = await self._ask(method, params)
        if answer.ok:
            return answer.result
        failure = answer.failure()
        reporter.heed(failure)
        if failure.code == UNKNOWN_SYMBOL:
            raise UnknownSymbolError(f"{method}: {failure.text}")
        raise SnapshotError(f"{method}: {failure.text}")
