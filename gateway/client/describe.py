"""Messages as one readable line each, for the desk and for failing tests."""

from collections.abc import Iterable
from datetime import UTC, datetime

from gateway.client.message import FixMessage, masked

_MESSAGES = {
    "0": "Heartbeat",
    "1": "TestRequest",
    "2": "ResendRequest",
    "3": "Reject",
    "4": "SequenceReset",
    "5": "Logout",
    "8": "ExecutionReport",
    "9": "OrderCancelReject",
    "A": "Logon",
    "D": "NewOrderSingle",
    "F": "OrderCancelRequest",
    "G": "OrderCancelReplaceRequest",
    "H": "OrderStatusRequest",
    "Q": "DontKnowTrade",
    "j": "BusinessMessageReject",
}

_TAGS = {
    1: "Account",
    6: "AvgPx",
    7: "BeginSeqNo",
    11: "ClOrdID",
    12: "Commission",
    14: "CumQty",
    16: "EndSeqNo",
    17: "ExecID",
    18: "ExecInst",
    20: "ExecTransType",
    31: "LastPx",
    32: "LastQty",
    36: "NewSeqNo",
    37: "OrderID",
    38: "OrderQty",
    39: "OrdStatus",
    40: "OrdType",
    41: "OrigClOrdID",
    43: "PossDupFlag",
    44: "Price",
    45: "RefSeqNum",
    54: "Side",
    55: "Symbol",
    58: "Text",
    59: "TimeInForce",
    97: "PossResend",
    99: "StopPx",
    102: "CxlRejReason",
    103: "OrdRejReason",
    108: "HeartBtInt",
    112: "TestReqID",
    123: "GapFillFlag",
    126: "ExpireTime",
    141: "ResetSeqNumFlag",
    150: "ExecType",
    151: "LeavesQty",
    371: "RefTagID",
    372: "RefMsgType",
    373: "SessionRejectReason",
    378: "ExecRestatementReason",
    379: "BusinessRejectRefID",
    380: "BusinessRejectReason",
    434: "CxlRejResponseTo",
    479: "CommCurrency",
    851: "LastLiquidityInd",
}

_STATUS = {
    "0": "New",
    "1": "PartiallyFilled",
    "2": "Filled",
    "3": "DoneForDay",
    "4": "Canceled",
    "5": "Replaced",
    "6": "PendingCancel",
    "7": "Stopped",
    "8": "Rejected",
    "9": "Suspended",
    "A": "PendingNew",
    "C": "Expired",
    "E": "PendingReplace",
}
_VALUES = {
    18: {"6": "PostOnly"},
    20: {"0": "New", "1": "Cancel", "2": "Correct", "3": "Status"},
    39: _STATUS,
    40: {"1": "Market", "2": "Limit", "3": "Stop", "4": "StopLimit"},
    54: {"1": "Buy", "2": "Sell"},
    59: {"0": "DAY", "1": "GTC", "3": "IOC", "4": "FOK", "6": "GTD"},
    150: {**_STATUS, "F": "Trade", "D": "Restated", "I": "OrderStatus"},
    434: {"1": "Cancel", "2": "Replace"},
    851: {"1": "AddedLiquidity", "2": "RemovedLiquidity"},
}

# The envelope says nothing about the order.
_HIDDEN = frozenset({8, 9, 10, 35, 49, 52, 56, 60, 21, 98})


def message_name(msg_type: str) -> str:
    return _MESSAGES.get(msg_type, f"MsgType {msg_type}")


def describe(message: FixMessage) -> str:
    """Message name and its fields, names and enumerated values decoded, passwords hidden."""
    shown = [_field(tag, value) for tag, value in masked(message.fields) if tag not in _HIDDEN and tag != 34]
    seq = message.get(34)
    return " ".join([f"{message_name(message.type)}{f' #{seq}' if seq is not None else ''}", *shown])


def conversation(messages: Iterable[tuple[str, FixMessage]]) -> str:
    """One line a message: time (UTC), direction, description."""
    lines = [
        f"  {_time(message.at)} {'──▶' if direction == 'out' else '◀──'} {describe(message)}"
        for direction, message in messages
    ]
    return "\n".join(lines) or "  (nothing)"


def _field(tag: int, value: str) -> str:
    name = _TAGS.get(tag, str(tag))
    meaning = _VALUES.get(tag, {}).get(value)
    shown = value if len(value) <= 200 else f"{value[:200]}… ({len(value)} characters)"
    shown = shown.encode("utf-8", "backslashreplace").decode().replace("\x01", "^A")
    return f"{name}={meaning}({shown})" if meaning else f"{name}={shown}"


def _time(nanoseconds: int) -> str:
    moment = datetime.fromtimestamp(nanoseconds // 1_000_000_000, UTC)
    return f"{moment:%H:%M:%S}.{nanoseconds // 1_000_000 % 1000:03d}"
