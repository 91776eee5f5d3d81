"""What the configuration says about one FIX session's orders."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Pre-trade limits of one scope (a session or an account); None is no limit. Notional is in quote currency."""

    scope: str = ""  # how denials name it: account=ACME, session=DESK
    max_order_qty: Decimal | None = None
    max_order_notional: Decimal | None = None
    allow_unpriced_market: bool = False  # market orders pass max_order_notional, which cannot be checked for them
    max_position: Decimal | None = None  # base units per symbol, either direction, open orders included
    max_open_orders: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A client account and the venue account its orders go to."""

    name: str
    venue_account: str
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionProfile:
    """key: the SessionID as QuickFIX writes it. The first account is the default where Account(1) is absent."""

    key: str
    accounts: Mapping[str, Account]
    default_account: str
    limits: Limits = field(default_factory=Limits)
    report_pending_new: bool = False
    remainder_expires: bool = False
    max_order_age: int | None = None  # ns; an order or replace that was made longer ago is refused
    cancel_when_off: frozenset[str] = frozenset()  # "disconnect", "logout": what has its open orders canceled
    cancel_grace: int = 0  # ns; that long after it went off, or after the engine's start
