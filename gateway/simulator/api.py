"""The one door to the exchange for both APIs: the table of methods, limits, keys and signatures."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from loguru import logger

from gateway.simulator import errors, methods, public, signing
from gateway.simulator.accounts import Account, ApiKey
from gateway.simulator.clock import Clock
from gateway.simulator.errors import ApiError
from gateway.simulator.events import ENCODE
from gateway.simulator.exchange import Exchange
from gateway.simulator.limits import Limits, Usage
from gateway.simulator.params import Params

SignedHandler = Callable[[Exchange, Account, Params, int], Any]
PublicHandler = Callable[[Exchange, Limits, Params, int], Any]

SECURITY_PARAMS = frozenset({"timestamp", "recvWindow", "signature", "apiKey", "returnRateLimits"})
_ORDER_PARAMS = (
    "symbol side type timeInForce quantity quoteOrderQty price newClientOrderId strategyId strategyType stopPrice "
    "trailingDelta icebergQty newOrderRespType selfTradePreventionMode"
)
_DEFECT = "An unknown error occurred while processing the request."
_FIND_PARAMS = "symbol orderId origClientOrderId"


@dataclass(frozen=True, slots=True)
class Method:
    """One method: who may call it, what it weighs, which parameters it reads.

    without: a parameter, and what a request without it weighs instead.
    """

    name: str
    weight: int
    allowed: frozenset[str]
    signed: SignedHandler | None = None
    public: PublicHandler | None = None
    counts_as_order: bool = False
    without: tuple[str, int] | None = None

    def weight_of(self, params: Mapping[str, object]) -> int:
        """What this request weighs."""
        if self.without is not None and self.without[0] not in params:
            return self.without[1]
        return self.weight


def _signed(
    name: str,
    weight: int,
    params: str,
    handler: SignedHandler,
    order: bool = False,
    without: tuple[str, int] | None = None,
) -> Method:
    return Method(name, weight, frozenset(params.split()) | SECURITY_PARAMS, handler, None, order, without)


def _public(name: str, weight: int, params: str, handler: PublicHandler) -> Method:
    return Method(name, weight, frozenset(params.split()) | {"returnRateLimits"}, None, handler)


METHODS = {
    method.name: method
    for method in (
        _public("ping", 1, "", public.ping),
        _public("time", 1, "", public.time),
        _public("exchangeInfo", 20, "symbol symbols permissions showPermissionSets symbolStatus", public.exchange_info),
        _public("depth", 5, "symbol limit", public.depth),
        _public("avgPrice", 2, "symbol", public.average_price),
        _public("ticker.book", 2, "symbol symbols", public.book_ticker),
        _public("ticker.price", 2, "symbol symbols", public.price_ticker),
        _signed("order.place", 1, _ORDER_PARAMS, methods.place, order=True),
        _signed("order.test", 1, _ORDER_PARAMS + " computeCommissionRates", methods.test),
        _signed("order.status", 4, _FIND_PARAMS, methods.status),
        _signed("order.cancel", 1, _FIND_PARAMS + " newClientOrderId cancelRestrictions", methods.cancel),
        _signed(
            "order.cancelReplace",
            1,
            _ORDER_PARAMS + " cancelReplaceMode cancelOrderId cancelOrigClientOrderId cancelNewClientOrderId"
            " cancelRestrictions orderRateLimitExceededMode",
            methods.cancel_replace,
            order=True,
        ),
        _signed("order.amend.keepPriority", 4, _FIND_PARAMS + " newQty newClientOrderId", methods.amend),
        _signed("openOrders.status", 6, "symbol", methods.open_orders, without=("symbol", 80)),
        _signed("openOrders.cancelAll", 1, "symbol", methods.cancel_all),
        _signed("allOrders", 20, "symbol orderId startTime endTime limit", methods.all_orders),
        _signed(
            "myTrades",
            5,
            "symbol orderId startTime endTime fromId limit",
            methods.my_trades,
            without=("orderId", 20),
        ),
        _signed("account.status", 20, "omitZeroBalances", methods.account_status),
    )
}


@dataclass(slots=True)
class Answer:
    """The outcome of one request: `body` is the encoded result, or the encoded error when status is not 200."""

    status: int
    body: bytes
    usage: Usage | None
    retry_after_ms: int | None = None


def refuse(error: ApiError, usage: Usage | None) -> Answer:
    body: dict[str, Any] = {"code": error.code, "msg": error.msg}
    retry_after_ms: int | None = None
    if error.data is not None:
        body["data"] = error.data
        at, now = error.data.get("retryAfter"), error.data.get("serverTime")
        if isinstance(at, int) and isinstance(now, int):
            retry_after_ms = at - now
    return Answer(error.status, ENCODE(body), usage, retry_after_ms)


class Api:
    """Runs requests of either API."""

    def __init__(self, exchange: Exchange, limits: Limits, clock: Clock) -> None:
        self.exchange = exchange
        self.limits = limits
        self.clock = clock

    def key(self, api_key: Any) -> ApiKey:
        """Raises -2014 for no key at all, -2015 for an unknown one."""
        if not isinstance(api_key, str) or not api_key:
            raise ApiError(-2014, "API-key format invalid.", 401)
        found = self.exchange.accounts.keys.get(api_key)
        if found is None:
            raise errors.bad_key()
        return found

    def authenticate(self, api_key: Any, params: dict[str, Any], payload: bytes, signature: Any, now: int) -> ApiKey:
        """Check key, timing and signature of a signed request."""
        key = self.key(api_key)
        if not isinstance(signature, str) or not signature:
            raise errors.mandatory("signature")
        signing.check_timing(params.get("timestamp"), params.get("recvWindow"), now)
        signing.check_signature(key, payload, signature)
        return key

    def run(
        self,
        method: Method,
        params: dict[str, Any],
        address: str,
        authenticate: Callable[[int], Account],
        extra_weight: int = 0,
    ) -> Answer:
        """Do one request, now. `authenticate` is called for signed methods and returns the account."""
        now = self.clock.now_ms()
        usage: Usage | None = None
        try:
            usage = self.limits.charge(address, method.weight_of(params) + extra_weight, now)
            if not params.keys() <= method.allowed:
                sent, read = len(params), len(params.keys() & method.allowed)
                text = f"Not all sent parameters were read; read '{read}' parameter(s) but was sent '{sent}'."
                raise ApiError(-1104, text)  # noqa: TRY301 - the one place that turns errors into answers
            reader = Params(params)
            if method.public is not None:
                return Answer(200, ENCODE(method.public(self.exchange, self.limits, reader, now)), usage)
            if method.signed is None:
                raise ApiError(-1020, "This operation is not supported.")  # noqa: TRY301 - as above
            account = authenticate(now)
            if method.counts_as_order:
                self.limits.charge_order(account.name, usage, now)
            return Answer(200, ENCODE(method.signed(self.exchange, account, reader, now)), usage)
        except ApiError as error:
            return refuse(error, usage)
        except Exception:  # a defect of the simulator must show, yet not take the connection with it
            logger.exception("{} failed: {}", method.name, params)
            return refuse(ApiError(-1000, _DEFECT, 500), usage)
