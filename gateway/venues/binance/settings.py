"""What configuration says about one Binance account."""

from collections.abc import Mapping
from difflib import get_close_matches
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from gateway.venues.base import VenueSettingsError
from gateway.venues.binance.environments import Environment


class OrderEntry(StrEnum):
    """Which API new orders and cancels go over. Amends always go over the WebSocket API."""

    WEBSOCKET = "websocket"
    REST = "rest"


class SelfTradePrevention(StrEnum):
    """What the venue does when two of our orders would trade with each other.

    DECREMENT and TRANSFER are left out: they change an order's quantity without a trade of ours, so that
    LeavesQty(151) would lie.
    """

    EXPIRE_TAKER = "EXPIRE_TAKER"
    EXPIRE_MAKER = "EXPIRE_MAKER"
    EXPIRE_BOTH = "EXPIRE_BOTH"
    NONE = "NONE"


class BinanceSettings(BaseModel):
    """One venue account's table."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    environment: Environment
    base_url: str | None = None
    order_entry: OrderEntry = OrderEntry.WEBSOCKET
    self_trade_prevention: SelfTradePrevention = SelfTradePrevention.EXPIRE_TAKER
    symbols: tuple[str, ...] = ()
    """Symbols to load; none: all the venue lists."""
    reference_symbols: tuple[str, ...] = ()
    """Symbols whose best prices are followed, for limits that need a price."""
    reference_refresh_s: float = Field(default=2, ge=0.1, le=60)
    """When a price that the stream said nothing of is asked for again."""
    answer_timeout_ms: int = Field(default=10_000, ge=100, le=120_000)
    """How long an order's answer may take before its outcome counts as unknown."""
    cancel_reserve: float = Field(default=0.2, ge=0, lt=1)
    """Share of the rate budget that new orders may not use."""
    event_timeout_ms: int = Field(default=10_000, ge=100, le=600_000)
    """How long the stream may be silent about an order that was answered before it is rebuilt."""
    connection_lifetime_s: float = Field(default=23.5 * 3_600, gt=1, le=23.9 * 3_600)
    """When to move to a new connection; the venue ends each after 24 hours."""
    clock_refresh_s: float = Field(default=60, gt=0)
    instruments_refresh_s: float = Field(default=3_600, gt=0)
    """How often filters and trading status are loaded again."""
    allow_withdrawal_keys: bool = False
    """Start even if the key may withdraw funds."""

    @classmethod
    def read(cls, venue_account: str, settings: Mapping[str, object]) -> "BinanceSettings":
        """Raises VenueSettingsError naming each key that is wrong, and never a value."""
        try:
            return cls.model_validate(dict(settings))
        except ValidationError as error:
            wrong = "; ".join(f"{'.'.join(map(str, e['loc']))}: {_what_is_wrong(e)}" for e in error.errors())
            raise VenueSettingsError(f"venue account {venue_account!r}: settings: {wrong}") from None


def _what_is_wrong(problem: ErrorDetails) -> str:
    if problem["type"] == "extra_forbidden":
        near = get_close_matches(str(problem["loc"][-1]), BinanceSettings.model_fields, n=1)
        return "unknown key" + (f"; is it {near[0]}?" if near else "")
    return "write it as a list, in [ ]" if problem["type"] == "tuple_type" else problem["msg"]
