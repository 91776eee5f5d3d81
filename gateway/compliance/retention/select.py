"""Which records must stay: pure, and on the safe side. What cannot be told to be out of it is in it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

_NEVER_RESENT = frozenset({"0", "1", "2", "3", "4", "5", "A"})
_OF_POSITIONS = frozenset({"PositionSet", "TradeCanceled", "TradeCorrected"})
"""With the executions, which stay, all that positions are reckoned from."""


class Facts(NamedTuple):
    """What decides on a record. kind: event_type of the journal, operation of venue_calls, msg_type of messages."""

    stream: str
    key: int
    at: int
    order_id: str = ""
    session: str = ""
    cl_ord_id: str = ""
    kind: str = ""
    direction: str = ""
    epoch: int = 0


class Hold(NamedTuple):
    """Records from since to until (exclusive), of this session; None: of any. others: orders that are known not to be
    meant; None: any is.
    """

    since: int
    until: int
    others: Collection[str] | None = None
    session: str | None = None

    def holds(self, record: Facts) -> bool:
        """Whether it may be meant. A record that names no order and no session could be about any."""
        if not self.since <= record.at < self.until:
            return False
        named = []
        if self.others is not None and record.order_id:
            named.append(record.order_id not in self.others)
        if self.session is not None and record.session:
            named.append(record.session == self.session)
        return not named or any(named)


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What the engine may need again.

    sealed: by table, up to which key all days are closed by seals. newest: by table, the highest key, above which new
    ones are given. orders: those that are open, unknown, or went on after the day. names: (session, ClOrdID(11)) of
    these. epochs, proven: by session, the epoch of its numbers, and up to which report receipt is proven. compared:
    keys of venue_calls that say when each account was last compared with the venue.
    """

    sealed: Mapping[str, int]
    newest: Mapping[str, int]
    orders: Collection[str] = ()
    names: Collection[tuple[str, str]] = ()
    epochs: Mapping[str, int] = field(default_factory=dict)
    proven: Mapping[str, int] = field(default_factory=dict)
    compared: Collection[int] = ()


def why_kept(record: Facts, needs: Needs, holds: Collection[Hold]) -> str | None:
    """Why the record must stay where it is; None: it may go, once it is archived."""
    if record.key > needs.sealed.get(record.stream, record.key - 1):
        return "its day is not sealed"
    if any(hold.holds(record) for hold in holds):
        return "held"
    if record.key >= needs.newest.get(record.stream, record.key):
        return "new numbers go on from it"
    if record.order_id in needs.orders or (record.cl_ord_id and (record.session, record.cl_ord_id) in needs.names):
        return "of an order that goes on"
    match record.stream:
        case "journal" if record.kind in _OF_POSITIONS:
            return "positions are reckoned from it"
        case "messages" if _may_be_resent(record, needs):
            return "a client may ask for it again"
        case "reports" if record.key > needs.proven.get(record.session, 0):
            return "not proven to be received"
        case "venue_calls" if record.key in needs.compared:
            return "the last comparison"
    return None


def _may_be_resent(record: Facts, needs: Needs) -> bool:
    """Sent in the epoch that goes on. Of a session without a row nobody knows which that is."""
    if record.direction != "out" or record.kind in _NEVER_RESENT:
        return False
    return record.epoch >= needs.epochs.get(record.session, record.epoch)
