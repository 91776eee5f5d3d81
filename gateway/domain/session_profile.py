"""What the configuration says about one FIX session's orders."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A client account and the venue account its orders go to. venue: whose account that is."""

    name: str
    venue_account: str
    venue: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionProfile:
    """key: the SessionID as QuickFIX writes it. The first account is the default where Account(1) is absent."""

    key: str
    accounts: Mapping[str, Account]
    default_account: str
    report_pending_new: bool = False
    remainder_expires: bool = False
    max_order_age: int | None = None  # ns; an order or replace that was made longer ago is refused
    cancel_when_off: frozenset[str] = frozenset()  # "disconnect", "logout": what has its open orders canceled
    cancel_accounts: frozenset[str] = frozenset()  # whose orders of all sessions it may cancel together
    cancel_grace: int = 0  # ns; that long after it went off, or after the engine's start
