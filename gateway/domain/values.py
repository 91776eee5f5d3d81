"""The small closed vocabularies of FIX, as values. Each member's value is the character FIX sends."""

from enum import StrEnum


class Value(StrEnum):
    """A member is its character, and hashes as that: Enum's own hash is a Python function, too slow for what is looked
    up with every order.
    """

    __hash__ = str.__hash__


class Side(Value):
    """Side(54)."""

    BUY = "1"
    SELL = "2"

    @property
    def sign(self) -> int:
        """+1 for what adds to a position, -1 for what takes from it."""
        return 1 if self is Side.BUY else -1


class OrdType(Value):
    """OrdType(40)."""

    MARKET = "1"
    LIMIT = "2"
    STOP = "3"
    STOP_LIMIT = "4"

    @property
    def has_price(self) -> bool:
        """Whether Price(44) belongs to it."""
        return self in (OrdType.LIMIT, OrdType.STOP_LIMIT)

    @property
    def has_stop_px(self) -> bool:
        """Whether StopPx(99) belongs to it."""
        return self in (OrdType.STOP, OrdType.STOP_LIMIT)


class TimeInForce(Value):
    """TimeInForce(59)."""

    DAY = "0"
    GTC = "1"
    IOC = "3"
    FOK = "4"
    GTD = "6"


class OrdStatus(Value):
    """OrdStatus(39)."""

    NEW = "0"
    PARTIALLY_FILLED = "1"
    FILLED = "2"
    DONE_FOR_DAY = "3"
    CANCELED = "4"
    REPLACED = "5"  # FIX 4.2 alone
    PENDING_CANCEL = "6"
    STOPPED = "7"
    REJECTED = "8"
    PENDING_NEW = "A"
    EXPIRED = "C"
    PENDING_REPLACE = "E"


class ExecType(Value):
    """ExecType(150) as FIX 4.4 has it; the 4.2 dialect is derived when a report is encoded."""

    NEW = "0"
    DONE_FOR_DAY = "3"
    CANCELED = "4"
    REPLACED = "5"
    PENDING_CANCEL = "6"
    REJECTED = "8"
    PENDING_NEW = "A"
    EXPIRED = "C"
    RESTATED = "D"
    PENDING_REPLACE = "E"
    TRADE = "F"
    TRADE_CORRECT = "G"
    TRADE_CANCEL = "H"
    ORDER_STATUS = "I"


class OrdRejReason(Value):
    """OrdRejReason(103)."""

    BROKER_OPTION = "0"
    UNKNOWN_SYMBOL = "1"
    EXCHANGE_CLOSED = "2"
    EXCEEDS_LIMIT = "3"
    TOO_LATE_TO_ENTER = "4"
    UNKNOWN_ORDER = "5"
    DUPLICATE_ORDER = "6"
    UNSUPPORTED = "11"  # unsupported order characteristic
    INCORRECT_QUANTITY = "13"
    UNKNOWN_ACCOUNT = "15"
    OTHER = "99"


class CxlRejReason(Value):
    """CxlRejReason(102)."""

    TOO_LATE = "0"
    UNKNOWN_ORDER = "1"
    BROKER_OPTION = "2"
    ALREADY_PENDING = "3"
    DUPLICATE_CL_ORD_ID = "6"
    OTHER = "99"


class MassCancelRejectReason(Value):
    """MassCancelRejectReason(532). 99 is left out: the field is a single character up to FIX 4.4."""

    NOT_SUPPORTED = "0"
    UNKNOWN_SECURITY = "1"


class SecurityRequestResult(Value):
    """SecurityRequestResult(560)."""

    VALID = "0"
    UNSUPPORTED = "1"
    NOTHING_FOUND = "2"
    TEMPORARILY_UNAVAILABLE = "4"


class LiquidityInd(Value):
    """LastLiquidityInd(851)."""

    ADDED = "1"
    REMOVED = "2"
