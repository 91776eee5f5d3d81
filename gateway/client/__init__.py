"""A small FIX initiator for desk tools and tests."""

from gateway.client.client import FixClient
from gateway.client.describe import conversation, describe
from gateway.client.errors import ClientError, ExpectTimeout, LogonRefused, NotConnected
from gateway.client.message import FixMessage
from gateway.client.store import OrderTerms

__all__ = [
    "ClientError",
    "ExpectTimeout",
    "FixClient",
    "FixMessage",
    "LogonRefused",
    "NotConnected",
    "OrderTerms",
    "conversation",
    "describe",
]
