"""What an error answer means: refused for certain, outcome unknown, or rate limited; and its OrdRejReason(103).

Sources: Binance Spot API, errors.md, and "Status codes" of the WebSocket API: a 5xx "does not necessarily mean
that your request has failed".
"""

from dataclasses import dataclass
from enum import Enum

import msgspec

from gateway.domain.values import OrdRejReason

TIMESTAMP_OUTSIDE_WINDOW = -1021
UNKNOWN_SYMBOL = -1121
TOO_MANY_ORDERS = -1015
ORDER_ARCHIVED = -2026  # "canceled or expired with no executed qty over 90 days ago"

_UNKNOWN_OUTCOME = frozenset({
    -1000,  # "an unknown error occurred while processing": processing had begun
    -1001,  # "internal error; unable to process your request": nothing says how far it came
    -1006,  # "unexpected response from the message bus; execution status unknown"
    -1007,  # "timeout waiting for response from backend; execution status unknown"
})  # fmt: skip
_RATE_CODES = frozenset({-1003, TOO_MANY_ORDERS})
RATE_STATUSES = frozenset({418, 429})
_NO_SUCH_ORDER = -2013
_CLOSED = -1016
_ENGINE_WORDS = frozenset({-1010, -2010, -2011, -2038})  # the reason is in the text, not in the code

_BY_CODE = {
    -1002: OrdRejReason.BROKER_OPTION,
    -1003: OrdRejReason.EXCEEDS_LIMIT,
    -1014: OrdRejReason.UNSUPPORTED,
    -1015: OrdRejReason.EXCEEDS_LIMIT,
    _CLOSED: OrdRejReason.EXCHANGE_CLOSED,
    -1020: OrdRejReason.UNSUPPORTED,
    -1022: OrdRejReason.BROKER_OPTION,
    -1106: OrdRejReason.UNSUPPORTED,
    -1115: OrdRejReason.UNSUPPORTED,
    -1116: OrdRejReason.UNSUPPORTED,
    UNKNOWN_SYMBOL: OrdRejReason.UNKNOWN_SYMBOL,
    _NO_SUCH_ORDER: OrdRejReason.UNKNOWN_ORDER,
    -2014: OrdRejReason.BROKER_OPTION,
    -2015: OrdRejReason.BROKER_OPTION,
}
# The venue's words, lower case; the first that occurs decides.
_BY_WORDS = (
    ("market_lot_size", OrdRejReason.INCORRECT_QUANTITY),
    ("lot_size", OrdRejReason.INCORRECT_QUANTITY),
    ("filter failure: max_", OrdRejReason.EXCEEDS_LIMIT),
    ("filter failure: exchange_max_", OrdRejReason.EXCEEDS_LIMIT),
    ("insufficient balance", OrdRejReason.EXCEEDS_LIMIT),
    ("market is closed", OrdRejReason.EXCHANGE_CLOSED),
    ("duplicate order", OrdRejReason.DUPLICATE_ORDER),
    ("unknown order", OrdRejReason.UNKNOWN_ORDER),
    ("would immediately match", OrdRejReason.UNSUPPORTED),
    ("would trigger immediately", OrdRejReason.UNSUPPORTED),
    ("not supported", OrdRejReason.UNSUPPORTED),
    ("unsupported order combination", OrdRejReason.UNSUPPORTED),
    ("disabled on this account", OrdRejReason.BROKER_OPTION),
    ("may not place", OrdRejReason.BROKER_OPTION),
    ("not permitted for this account", OrdRejReason.BROKER_OPTION),
    ("restricted for this account", OrdRejReason.BROKER_OPTION),
)

# What the instruments as they were read last should have had refused here; other filters are about account and market.
_INSTRUMENT_WORDS = (
    "market is closed",
    *(
        f"filter failure: {name}"
        for name in ("price_filter", "lot_size", "market_lot_size", "min_notional", "notional")
    ),
)


class ErrorData(msgspec.Struct):
    """Part of a rate-limited answer on the WebSocket API."""

    retryAfter: int | None = None


class ErrorBody(msgspec.Struct):
    """The venue's own error, as REST bodies and WebSocket answers carry it."""

    code: int
    msg: str
    data: ErrorData | None = None


class Kind(Enum):
    """What an error answer allows to conclude."""

    REFUSED = "refused"  # certainly not done
    UNKNOWN = "unknown"  # may have been done
    RATE_LIMITED = "rate limited"  # certainly not done, and nothing should be sent for a while


@dataclass(frozen=True, slots=True)
class Failure:
    """An error answer, understood. `text` has the venue's own code and words."""

    kind: Kind
    text: str
    code: int = 0
    reason: OrdRejReason = OrdRejReason.OTHER
    order_unknown: bool = False
    retry_at_ms: int = 0  # the venue's time before which nothing should be sent; 0: it did not say
    instruments_doubted: bool = False  # refused for what they say, as far as they are still right


def classify(status: int, body: ErrorBody | None, *, retry_at_ms: int = 0) -> Failure:
    """Judge an error answer by its HTTP-like status and, where it could be read, its body.

    Without a readable body only the statuses that say "turned away at the door" prove that nothing was done.
    """
    if body is None:
        text = f"HTTP {status} without a readable error"
        if status in RATE_STATUSES:
            return Failure(Kind.RATE_LIMITED, text, 0, OrdRejReason.EXCEEDS_LIMIT, retry_at_ms=retry_at_ms)
        if status == 403:  # the web application firewall
            return Failure(Kind.REFUSED, text, 0, OrdRejReason.BROKER_OPTION)
        return Failure(Kind.UNKNOWN, text)
    text = f"{body.code} {body.msg}"
    if status >= 500 or status < 400 or body.code in _UNKNOWN_OUTCOME:
        return Failure(Kind.UNKNOWN, text, body.code)
    if status in RATE_STATUSES or body.code in _RATE_CODES:
        at_ms = (body.data.retryAfter if body.data else None) or retry_at_ms
        return Failure(Kind.RATE_LIMITED, text, body.code, OrdRejReason.EXCEEDS_LIMIT, retry_at_ms=at_ms)
    unknown = body.code == _NO_SUCH_ORDER or (body.code in _ENGINE_WORDS and "unknown order" in body.msg.lower())
    doubted = body.code == _CLOSED or any(words in body.msg.lower() for words in _INSTRUMENT_WORDS)
    return Failure(Kind.REFUSED, text, body.code, _reason(body), order_unknown=unknown, instruments_doubted=doubted)


def _reason(body: ErrorBody) -> OrdRejReason:
    known = _BY_CODE.get(body.code)
    if known is not None:
        return known
    words = body.msg.lower()
    return next((reason for part, reason in _BY_WORDS if part in words), OrdRejReason.OTHER)
