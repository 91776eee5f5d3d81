"""What the engine needs from the edges, as protocols: the edges implement them, bootstrap.py connects them."""

from collections.abc import Sequence
from typing import Protocol

from gateway.domain.commands import (
    CancelOrder,
    MassCancel,
    NewOrder,
    ReplaceOrder,
    RequestMassStatus,
    RequestSecurities,
    RequestStatus,
)
from gateway.domain.decide_client import Market
from gateway.domain.events import MassCancelRefused, NewOrderRefused, RequestRefused
from gateway.domain.instruments import Capabilities
from gateway.domain.intents import Request
from gateway.domain.reconcile import SnapshotRequest
from gateway.domain.reports import BusinessReject, DontKnowTrade, MessageRejected, Report
from gateway.engine.operations import Finish

Decoded = (
    NewOrder
    | CancelOrder
    | ReplaceOrder
    | RequestStatus
    | MassCancel
    | RequestMassStatus
    | RequestSecurities
    | DontKnowTrade
    | MessageRejected
    | NewOrderRefused
    | RequestRefused
    | MassCancelRefused
    | BusinessReject
)
"""A command, or the refusal that the message's own fields call for."""


class FixCodec(Protocol):
    """FIX text to commands, and reports to FIX text."""

    def decode(self, text: str, session: str, at: int) -> Decoded:
        """What an application message, or a Reject(3), asks for. Raises nothing for what a client can write."""

    def encode(self, report: Report, *, begin_string: str) -> tuple[str, str]:
        """(MsgType(35), body) of a report, without header and trailer fields."""


class FixSender(Protocol):
    """Sends to sessions that are logged on."""

    def send(self, session: str, report_id: int, body: str, *, poss_resend: bool) -> bool:
        """Give a report's body to the session engine. It comes back to the inbox as MessageSent.

        Returns False where it got no number, since none was reserved or the session is being reset: send it later.
        """

    def ask(self, session: str, test_req_id: str) -> None:
        """Send a TestRequest(1)."""


class FixSessions(Protocol):
    """QuickFIX's sessions, for what is done to them from outside. Closed: nobody is logged on, and nobody can be."""

    def close(self, session: str, text: str) -> None:
        """Log the session out, with this text, and keep it closed. SessionClosed comes to the inbox."""

    def begin_epoch(self, session: str, *, created_at: int, next_in: int, next_out: int) -> None:
        """Forget all that the session has sent, and go on from these numbers. Only while it is closed."""

    def set_numbers(self, session: str, *, next_in: int, next_out: int) -> None:
        """Go on from these numbers in the same epoch. Only while it is closed."""

    def open(self, session: str) -> None:
        """Let the client log on again."""


class FrontPort(Protocol):
    """The front process, seen from the engine's thread."""

    def disconnect(self, session: str, reason: str, finish: Finish) -> None:
        """Have the session's connection cut. OperationEnded comes to the inbox. Returns at once."""


class VenuePort(Protocol):
    """The venues' process, seen from the engine's thread."""

    def market(self, venue_account: str, symbol: str) -> Market:
        """What can be traded now."""

    def capabilities(self, venue_account: str) -> Capabilities:
        """What the account's venue can do; nothing, where the account is not configured."""

    def clock_ms(self, venue_account: str) -> int:
        """The venue's clock, milliseconds UTC."""

    def snapshot(self, request: SnapshotRequest) -> None:
        """Have a snapshot of an account taken. It comes to the inbox as SnapshotTaken. Returns at once."""

    def release(self, requests: Sequence[Request]) -> None:
        """Send committed intents, in order. Returns at once."""
