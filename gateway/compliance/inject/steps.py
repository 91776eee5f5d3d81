"""What a record is gone through by: each step is something that came to the gateway then, or a time that came."""

from typing import Any, NamedTuple

from gateway.compliance.inject.given import Given
from gateway.store.rows import InstrumentRow


class Sent(NamedTuple):
    """A client's message. fields: as they came, header included. order_id: what it was found to be about.

    given: what was decided on it with.
    """

    at: int
    session: str
    msg_type: str
    order_id: str | None
    fields: list[tuple[int, str]]
    given: Given | None = None


class Answered(NamedTuple):
    """What the venue answered to a request. terms: what was asked, without ids and times. body: result or error.

    status: LOST where no answer came, and the request may have reached the venue.
    """

    at: int
    venue_account: str
    order_id: str
    method: str
    client_id: str
    terms: dict[str, Any]
    status: int
    body: str


LOST = 0


class Reply(NamedTuple):
    """To a question. by: of order.status, by which id it was asked."""

    method: str
    by: str
    status: int
    body: str


class Settled(NamedTuple):
    """The venue was asked what had become of a request, perhaps often: the answers that told it."""

    at: int
    venue_account: str
    order_id: str
    client_id: str
    replies: tuple[Reply, ...]


class Happened(NamedTuple):
    """An event of the venue's user stream, word by word."""

    at: int
    venue_account: str
    order_id: str
    text: str


class Connected(NamedTuple):
    """A venue account's connection came or went. replies: how the account was compared with the books then."""

    at: int
    venue_account: str
    up: bool
    replies: tuple[Reply, ...] = ()


class Restarted(NamedTuple):
    """The engine ended, in whatever way, and came again. replies: as in Connected."""

    at: int
    venue_account: str
    replies: tuple[Reply, ...]


class Passed(NamedTuple):
    """A time came at which the gateway did something with an order by itself.

    event: the type of the event that came of it, the nth of the order; empty: whatever came of it.
    """

    at: int
    order_id: str
    event: str = ""
    nth: int = 0


class Asked(NamedTuple):
    """An operator asked for something. arguments: as JSON."""

    at: int
    uid: int
    pid: int
    who: str
    action: str
    arguments: str
    reason: str


class Present(NamedTuple):
    """A session came, or went. logout: it said good-bye, or was logged out."""

    at: int
    session: str
    on: bool
    logout: bool = False


class Learned(NamedTuple):
    """What is decided next was decided with another instrument."""

    at: int
    row: InstrumentRow


Step = Sent | Learned | Answered | Settled | Happened | Connected | Restarted | Passed | Asked | Present


class Told(NamedTuple):
    """A report as it is stored."""

    session: str
    order_id: str | None
    msg_type: str
    body: str
