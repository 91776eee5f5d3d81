"""When fixgw send is done: reads the answers to one request until the order rests, ends or is refused."""

from dataclasses import dataclass
from typing import Literal

from gateway.client import ExpectTimeout, FixClient, FixMessage

Outcome = Literal["done", "rejected", "unanswered"]
EXIT_CODES: dict[Outcome, int] = {"done": 0, "rejected": 1, "unanswered": 3}

_TERMINAL = frozenset({"2", "3", "4", "8", "C"})  # Filled, DoneForDay, Canceled, Rejected, Expired
_RESTING = frozenset({"0", "1", "5"})  # New, PartiallyFilled, Replaced (4.2)
_NEVER_RESTS = frozenset({"3", "4"})  # TimeInForce(59) IOC, FOK
_MARKET = "1"
# A marketable limit order is acknowledged first and filled an instant later.
_QUIET_SECONDS = 0.4


@dataclass(frozen=True, slots=True)
class Request:
    """What was sent, as far as its answers depend on it."""

    msg_type: str
    cl_ord_id: str
    seq: int
    never_rests: bool = False
    ord_status_req_id: str = ""  # of a status request, from 4.4 on


def new_order_request(client: FixClient, cl_ord_id: str) -> Request:
    """Of the order that the client has just sent."""
    terms = client.store.orders[cl_ord_id]
    never_rests = terms.ord_type == _MARKET or terms.time_in_force in _NEVER_RESTS
    return Request("D", cl_ord_id, client.next_out - 1, never_rests)


async def await_outcome(
    client: FixClient, request: Request, seconds: float, *, until_terminal: bool = False
) -> tuple[Outcome, FixMessage | None]:
    """The outcome and the last report. Waits at most `seconds` for each answer; until_terminal: for ever."""
    last: FixMessage | None = None
    settled = False
    while True:
        patience = _QUIET_SECONDS if settled else seconds
        try:
            message = await client.expect(
                predicate=lambda answer: _concerns(answer, request),
                timeout=86_400 if until_terminal else patience,
            )
        except ExpectTimeout:
            return ("done" if settled and client.connected else "unanswered"), last
        if message.type != "8":
            return "rejected", message
        last = message
        status = message.get(39)
        if status == "8":
            return "rejected", message
        if request.msg_type == "H" or status in _TERMINAL:
            return "done", message
        settled = settled or _is_settled(message, request)


def _concerns(message: FixMessage, request: Request) -> bool:
    if message.type in {"3", "j"}:
        return message.get(45) == str(request.seq)
    if request.msg_type == "H":
        return _answers_status_request(message, request)
    return message.type in {"8", "9"} and request.cl_ord_id in {message.get(11), message.get(41)}


def _answers_status_request(message: FixMessage, request: Request) -> bool:
    """Not what has waited for our Logon, answers of before among it: the order may stand otherwise by now."""
    if request.ord_status_req_id:
        return message.get(790) == request.ord_status_req_id
    return message.get(20) == "3" and message.get(11) == request.cl_ord_id


def _is_settled(report: FixMessage, request: Request) -> bool:
    if request.msg_type == "G":
        return report.get(150) == "5" and report.get(11) == request.cl_ord_id
    if request.msg_type == "F":
        return False  # a cancel is settled by a terminal state or a refusal alone
    return report.get(39) in _RESTING and not request.never_rests
