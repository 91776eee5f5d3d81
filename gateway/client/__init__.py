"""A small FIX initiator for desk tools and tests."""

from gateway.client.client import FixClient
from gateway.client.describe import conversation, describe
from gateway.client.errors import (
    CannotConnect,
    ClientError,
    ExpectTimeout,
    LogonRefused,
    NotConnected,
    OrderNotRemembered,
)
from gateway.client.message import FixMessage
from gateway.client.store import OrderTerms

__all__ = [
    "CannotConnect",
    "ClientError",
    "ExpectTimeout",
    "FixClient",
    "FixMessage",
    "LogonRefused",
    "NotConnected",
    "OrderNotRemembered",
    "OrderTerms",
    "conversation",
    "describe",
]
