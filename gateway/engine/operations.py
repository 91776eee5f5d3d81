"""What an operator can ask of the running engine, and how that is answered.

Field names are the arguments as they stand in SQL (admin_actions) and on the control socket.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.errors import GatewayError


class OperationRefused(GatewayError):  # noqa: N818 -- says what happened
    """The operation cannot be done; the text says why and what would be possible."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, as the kernel says: user and process at the socket's other end. who: the login name, or the uid.

    is_owner: the user that runs the gateway, or root; others reach the socket by its group.
    """

    uid: int
    pid: int
    who: str
    is_owner: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconcile:
    """Compare books and venue now. venue_account: None for all. dry_run: only tell what differs, and act on nothing."""

    venue_account: str | None = None
    dry_run: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptBreaks:
    """Take balances that differ for right, from now on: these breaks, all of them or none."""

    break_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReloadKeys:
    """Read venue keys again and move to them. venue_account: None for all."""

    venue_account: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptOwner:
    """Go on with another account of the exchange than before, of which the venue account's key is."""

    venue_account: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ResetSession:
    """Log the session out and begin a new epoch: both numbers at 1."""

    session: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SetSessionNumbers:
    """Log the session out and set the next numbers; None leaves one as it is.

    new_epoch: the numbers belong to a new epoch, so they may be lower than those of this one.
    """

    session: str
    next_in: int | None = None
    next_out: int | None = None
    new_epoch: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LogOutSession:
    """Log the session out. The client may log on again at once."""

    session: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DisconnectSession:
    """Have the front cut the session's connection, without a Logout(5). The client may connect again at once."""

    session: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DisableSession:
    """Log the session out, and let nobody log on to it, over restarts too."""

    session: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EnableSession:
    """Let a disabled session log on again."""

    session: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Drain:
    """Take no logons and orders, and stop when nothing is under way. resume: take that back.

    within_seconds: when to answer at the latest, with what is left.
    """

    within_seconds: int = 45
    resume: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SetLimit:
    """Set a limit of orders.

    An empty account, session or symbol is any. valid_from, valid_to: nanoseconds UTC; from now on, and for good, where
    they are left out.
    """

    limit: str
    value: str
    account: str = ""
    session: str = ""
    symbol: str = ""
    warn_percent: int | None = None
    valid_from: int | None = None
    valid_to: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveLimit:
    """Take a limit of orders away, of exactly this scope; valid_to: for a time."""

    limit: str
    account: str = ""
    session: str = ""
    symbol: str = ""
    valid_to: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """Refuse new orders and replaces, and cancel what is open. An empty part of the scope is any (domain/halts.py).

    reduce_only: refuse only what could add to a position, and cancel nothing. flatten: close positions afterwards.
    """

    account: str = ""
    session: str = ""
    symbol: str = ""
    venue_account: str = ""
    venue: str = ""
    reduce_only: bool = False
    flatten: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """Take orders again in exactly this scope, when two different users have asked for it."""

    account: str = ""
    session: str = ""
    symbol: str = ""
    venue_account: str = ""
    venue: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldLine:
    """One line of a file of positions. name: a symbol, or the base asset of one. Figures as they were written."""

    line: int
    account: str
    name: str
    qty: str
    avg_px: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportPositions:
    """Set what accounts hold, all of it or nothing. intraday: also where the account has traded the symbol today."""

    file: str
    lines: tuple[HeldLine, ...]
    intraday: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionsFromVenue:
    """Set what an account holds from its venue account's balances. account may be left out where there is only one.

    assets: these alone; empty: all that have a symbol with a reference price.
    """

    venue_account: str
    account: str = ""
    assets: tuple[str, ...] = ()


Operation = (
    Reconcile
    | AcceptBreaks
    | ImportPositions
    | PositionsFromVenue
    | ReloadKeys
    | AcceptOwner
    | ResetSession
    | SetSessionNumbers
    | LogOutSession
    | DisconnectSession
    | DisableSession
    | EnableSession
    | Drain
    | SetLimit
    | RemoveLimit
    | Kill
    | Arm
)

OPERATIONS: Mapping[str, type[Operation]] = {
    "reconcile": Reconcile,
    "reconcile.accept": AcceptBreaks,
    "keys.reload": ReloadKeys,
    "keys.accept": AcceptOwner,
    "session.reset": ResetSession,
    "session.set-seq": SetSessionNumbers,
    "session.logout": LogOutSession,
    "session.disconnect": DisconnectSession,
    "session.disable": DisableSession,
    "session.enable": EnableSession,
    "drain": Drain,
    "positions.import": ImportPositions,
    "positions.from-venue": PositionsFromVenue,
    "limits.set": SetLimit,
    "limits.remove": RemoveLimit,
    "kill": Kill,
    "arm": Arm,
}


def open_to_group(operation: Operation) -> bool:
    """Whether those may ask for it who are let in by the socket's group: it looks, stops, or is one voice of two."""
    match operation:
        case Kill(flatten=trades):
            return not trades
        case Reconcile(dry_run=looks):
            return looks
        case _:
            return isinstance(operation, Arm)


NEED_A_REASON = frozenset(
    {
        "keys.accept",
        "reconcile.accept",
        "session.reset",
        "session.set-seq",
        "session.disconnect",
        "session.disable",
        "session.enable",
        "drain",
        "positions.import",
        "positions.from-venue",
        "limits.set",
        "limits.remove",
        "kill",
        "arm",
    }
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an operation ended. text: one sentence for people. result: for programs, as JSON has it."""

    done: bool
    text: str
    result: Mapping[str, Any] = field(default_factory=dict)


Finish = Callable[[Outcome], None]
"""Told once how an operation ended."""
