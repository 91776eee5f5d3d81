"""What the soak's client knows: its journal, read the way a careful order management system reads its messages.

An execution counts once by its ExecID(17). A second one is fair if PossDupFlag(43) or PossResend(97) says that it may
be one.
"""

import json
import re
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

_FIELD = re.compile(r"(?:^|\x01)(\d+)=([^\x01]*)")
_OVER = ("2", "3", "4", "8", "C")
_ADMINISTRATIVE = ("0", "1", "2", "3", "4", "5", "A")

Message = dict[str, str]


@dataclass(slots=True)
class ClientOrder:
    """An order as its reports tell it. trades: (TradeID, venue order id) -> every ExecID it came under."""

    cl_ord_id: str
    status: str = ""
    order_id: str = ""
    order_qty: Decimal = Decimal(0)
    cum_qty: Decimal = Decimal(0)
    leaves_qty: Decimal = Decimal(0)
    filled: Decimal = Decimal(0)
    trades: dict[tuple[str, str], list[str]] = field(default_factory=dict)


@dataclass(slots=True)
class ClientBook:
    """All of it. trouble: what a client must never see, in words."""

    orders: dict[str, ClientOrder] = field(default_factory=dict)
    unanswered: set[str] = field(default_factory=set)
    by_number: dict[int, Message] = field(default_factory=dict)  # application messages by MsgSeqNum(34)
    repeated: list[str] = field(default_factory=list)
    sequence_errors: list[str] = field(default_factory=list)
    rejects: list[str] = field(default_factory=list)
    numbers: tuple[int, int] = (0, 0)
    online: bool = False
    sent: int = 0


def read_journal(path: Path) -> ClientBook:
    """The book as of now; the client may be writing on."""
    book = ClientBook()
    reader = _Reader(book)
    with path.open(encoding="utf-8", errors="surrogateescape") as lines:
        for line in lines:
            if line.endswith("\n"):
                reader.line(*json.loads(line))
    return book


class _Reader:
    def __init__(self, book: ClientBook) -> None:
        self._book = book
        self._first: dict[str, str] = {}
        self._seen: set[str] = set()
        self._admin: dict[int, str] = {}
        self._out: dict[int, Message] = {}

    def line(self, kind: str, text: str) -> None:
        book = self._book
        if kind in ("on", "off"):
            book.online = kind == "on"
        elif kind == "numbers":
            out, into = text.split()
            book.numbers = (int(out), int(into))
        elif kind == "out":
            self._sent(dict(_FIELD.findall(text)))
        elif kind == "in":
            self._received(dict(_FIELD.findall(text)))

    def _sent(self, message: Message) -> None:
        book, msg_type = self._book, message["35"]
        if msg_type == "5" and "58" in message:
            book.sequence_errors.append(f"the client logged out: {message['58']}")
        elif msg_type == "3":
            book.rejects.append(f"the client rejected {message.get('45')}: {message.get('58')}")
        if message.get("43") == "Y":
            return
        number = int(message["34"])
        if (never_left := self._out.get(number)) is not None:
            self._forget(never_left)
        self._out[number] = message
        if msg_type not in ("D", "F", "G"):
            return
        book.sent += 1
        name = message["11"]
        book.unanswered.add(name)
        if msg_type == "D":
            self._first[name] = name
            book.orders[name] = ClientOrder(name)
        else:
            self._first[name] = self._first[message["41"]]

    def _forget(self, message: Message) -> None:
        """A client that was killed between writing a message down and taking its number: the number is used again."""
        if message["35"] in ("D", "F", "G"):
            self._book.sent -= 1
            self._book.unanswered.discard(message["11"])
            self._book.orders.pop(message["11"], None)

    def _received(self, message: Message) -> None:
        book, msg_type = self._book, message["35"]
        self._numbered(message)
        if msg_type == "5" and "MsgSeqNum" in message.get("58", ""):
            book.sequence_errors.append(f"the gateway logged out: {message['58']}")
        elif msg_type in ("3", "j"):
            book.rejects.append(f"the gateway rejected {message.get('45')}: {message.get('58')}")
        elif msg_type == "8":
            self._report(message)
        elif msg_type == "9":
            self._refusal(message)

    def _numbered(self, message: Message) -> None:
        """A number belongs to one message for ever; a gap fill may stand in for an administrative one."""
        book, number = self._book, int(message["34"])
        possible_duplicate = message.get("43") == "Y"
        if message["35"] in _ADMINISTRATIVE:
            if possible_duplicate or message["35"] == "4":
                return
            if number in self._admin or number in book.by_number:
                book.sequence_errors.append(f"MsgSeqNum {number} used again for MsgType {message['35']}")
            self._admin[number] = message["35"]
            return
        known = book.by_number.setdefault(number, message)
        if number in self._admin:
            book.sequence_errors.append(f"MsgSeqNum {number} was {self._admin[number]}, and then {_told(message)}")
        elif _told(known) != _told(message):
            book.sequence_errors.append(f"MsgSeqNum {number} was {_told(known)}, and then {_told(message)}")
        elif known is not message and not possible_duplicate:
            book.sequence_errors.append(f"MsgSeqNum {number} came twice without PossDupFlag")

    def _refusal(self, message: Message) -> None:
        """OrderCancelReject(9) has no ExecID; it tells the order's status without the request."""
        book, name = self._book, message["11"]
        book.unanswered.discard(name)
        if self._again(message):
            return
        order = book.orders[self._first[name]]
        if order.order_id == message["37"]:
            order.status = message["39"]

    def _again(self, message: Message) -> bool:
        """Whether the client has had this OrderCancelReject before."""
        key = "/".join(message.get(tag, "") for tag in ("11", "41", "39", "60", "58"))
        if key in self._seen:
            return True
        self._seen.add(key)
        return False

    def _report(self, message: Message) -> None:
        book, exec_id = self._book, message["17"]
        name = message["11"]
        first = self._first.get(name)
        if first is None:
            book.rejects.append(f"a report for ClOrdID {name}, which the client never sent")
            return
        order = book.orders[first]
        if message["150"] == "I":
            return
        if message["150"] not in ("6", "E"):  # pending requests are not answered yet
            book.unanswered.discard(name)
        if message["39"] in _OVER:  # canceled before it was acknowledged: that is an answer to the order, too
            book.unanswered.discard(first)
        if exec_id in self._seen:
            if "Y" not in (message.get("43"), message.get("97")):
                book.repeated.append(f"{first}: ExecID {exec_id} came again without PossDupFlag or PossResend")
            return
        self._seen.add(exec_id)
        if message.get("103") == "6":
            book.repeated.append(f"{first}: taken for a duplicate: {message.get('58')}")
            return
        _apply(order, message, exec_id)


def _apply(order: ClientOrder, message: Message, exec_id: str) -> None:
    order.status, order.order_id = message["39"], message["37"]
    order.order_qty = Decimal(message.get("38", "0"))
    order.cum_qty, order.leaves_qty = Decimal(message["14"]), Decimal(message["151"])
    if message["150"] == "F":
        order.trades.setdefault((message["527"], message["198"]), []).append(exec_id)
        order.filled += Decimal(message["32"])


def _told(message: Message) -> tuple[str | None, ...]:
    """What makes an application message the one it is."""
    return tuple(message.get(tag) for tag in ("35", "17", "11", "39", "60"))
