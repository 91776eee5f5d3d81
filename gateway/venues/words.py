"""What the engine and its venues' process say to each other, over a socket pair: batches of words, each pickled behind
its length. Reports, snapshots and what else goes into the engine's inbox go as they are.

Pickle, since both ends are one program: the process is the engine's own child.
"""

import pickle
import struct
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from gateway.domain.funds import Balance
from gateway.domain.instruments import Capabilities, Instrument
from gateway.domain.intents import Request
from gateway.domain.prices import Quote
from gateway.domain.reconcile import SnapshotRequest

_LENGTH = struct.Struct("!I")


# From the engine


class Start(Struct, frozen=True):
    """Connect every account."""


class Stop(Struct, frozen=True):
    """Close every connection, and end."""


class Release(Struct, frozen=True):
    """Send these. deadline: of the engine's lease, on its clock; None without one."""

    requests: Sequence[Request]
    deadline: int | None


class TakeSnapshot(Struct, frozen=True):
    """Answered by SnapshotTaken."""

    request: SnapshotRequest


class ReloadKeys(Struct, frozen=True):
    """Answered by KeysReloaded with the request's number; by none where that is None."""

    venue_account: str
    request: int | None


class KeepTimers(Struct, frozen=True):
    """The engine gets on: have no venue's dead-man timer run out."""


class AreYouThere(Struct, frozen=True):
    """Answered by Here."""

    number: int


class OwnerKnown(Struct, frozen=True):
    """Answers an OwnerAsked."""

    number: int
    problem: str


# From the venues' process


class Built(Struct, frozen=True):
    """These accounts there are, connected to nothing yet."""

    capabilities: Mapping[str, Capabilities]


class Refused(Struct, frozen=True):
    """Instead of Built, and the last: the configuration is wrong."""

    problem: str


class Here(Struct, frozen=True):
    """The loop has come by."""

    number: int


class OwnerAsked(Struct, frozen=True):
    """Whether the account may be used, whose owner at the exchange this is. Answered by OwnerKnown."""

    number: int
    venue_account: str
    owner: str


class LeaseOver(Struct, frozen=True):
    """Requests were not sent: the lease had run out."""


class InstrumentsLearned(Struct, frozen=True):
    """All of an account, by symbol."""

    venue_account: str
    instruments: Mapping[str, Instrument]


class QuotesHeard(Struct, frozen=True):
    """Best prices, by symbol: those that changed."""

    venue_account: str
    quotes: Mapping[str, Quote]


class BalancesHeard(Struct, frozen=True):
    """What an account holds, by asset: all of it if whole, else what changed. None: it is not known any more."""

    venue_account: str
    balances: Mapping[str, Balance] | None
    whole: bool


def packed(words: Sequence[Any]) -> bytes:
    """A batch, ready to be sent."""
    body = pickle.dumps(words, pickle.HIGHEST_PROTOCOL)
    return _LENGTH.pack(len(body)) + body


class Unpacker:
    """Batches from what arrives, in whatever pieces."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, data: bytes) -> list[list[Any]]:
        """Those that are complete now."""
        rest = self._rest
        rest += data
        batches: list[list[Any]] = []
        at = 0
        while len(rest) - at >= _LENGTH.size:
            begin = at + _LENGTH.size
            end = begin + _LENGTH.unpack_from(rest, at)[0]
            if end > len(rest):
                break
            batches.append(pickle.loads(rest[begin:end]))  # noqa: S301 - our own process wrote it
            at = end
        del rest[:at]
        return batches
