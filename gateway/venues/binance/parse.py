"""User data events to the gateway's words. Pure: bytes in, reports out, PayloadError for what cannot be read.

Source: Binance Spot API, user-data-stream.md (executionReport, balanceUpdate).
"""

from decimal import Decimal

import msgspec

from gateway.domain.money import ZERO
from gateway.domain.values import LiquidityInd
from gateway.domain.venue_reports import (
    VenueAccepted,
    VenueAmended,
    VenueBalanceMoved,
    VenueClosed,
    VenueReport,
    VenueTraded,
)
from gateway.venues.binance.payload import (
    CLOSED_STATUS,
    PayloadError,
    Raw,
    count_of,
    decode,
    less_prevented,
    number,
    time_ns,
    traded_figure,
)


class _ExecutionReport(msgspec.Struct, gc=False):
    """The fields of an executionReport that matter here, by the venue's one-letter names."""

    s: str  # symbol
    c: str  # client order id
    x: str  # execution type
    X: str  # order status
    i: int  # order id
    z: str  # cumulative filled quantity
    T: int  # transaction time, ms
    q: str  # order quantity
    l: str = "0"  # noqa: E741 - last executed quantity
    L: str = "0"  # last executed price
    t: int = -1  # trade id
    n: str | None = None  # commission
    N: str | None = None  # its asset
    m: bool = False  # maker
    C: str = ""  # original client order id: of the order canceled or amended
    r: str = ""  # reject reason
    A: str = "0"  # quantity prevented by self-trade prevention


class _BalanceUpdate(msgspec.Struct):
    a: str  # asset
    d: str  # by how much
    T: int  # clear time, ms


class _EventName(msgspec.Struct):
    e: str


_EVENT_NAME = msgspec.json.Decoder(_EventName)
_EXECUTION_PREFIX = b'{"e":"executionReport"'
_EXECUTION_REPORT = msgspec.json.Decoder(_ExecutionReport)
_BALANCE_UPDATE = msgspec.json.Decoder(_BalanceUpdate)


def event(venue_account: str, raw: Raw) -> tuple[VenueReport, ...] | str:
    """A user data event: the reports of an executionReport or a balanceUpdate, or the name of another kind."""
    if bytes(raw).startswith(_EXECUTION_PREFIX):
        return execution_report(venue_account, raw)  # the usual case, spared reading its name first
    name = decode(_EVENT_NAME, raw).e
    if name == "balanceUpdate":
        return (_balance_moved(venue_account, raw),)
    return execution_report(venue_account, raw) if name == "executionReport" else name


def execution_report(venue_account: str, raw: Raw) -> tuple[VenueReport, ...]:
    """An executionReport event.

    An order canceled or amended under a new client id is named by the one it had (`C`): that is the one we know.
    """
    report = decode(_EXECUTION_REPORT, raw)
    build = _BY_EXECUTION_TYPE.get(report.x)
    if build is None:
        raise PayloadError(f"unknown execution type {report.x!r} of order {report.i}")
    return build(venue_account, report)


def _balance_moved(venue_account: str, raw: Raw) -> VenueBalanceMoved:
    update = decode(_BALANCE_UPDATE, raw)
    return VenueBalanceMoved(
        venue_account=venue_account, transact_time=time_ns(update.T), asset=update.a, qty=number(update.d)
    )


def _accepted(venue_account: str, event: _ExecutionReport) -> tuple[VenueReport, ...]:
    accepted = VenueAccepted(
        venue_account=venue_account,
        symbol=event.s,
        client_id=event.c,
        venue_order_id=str(event.i),
        transact_time=time_ns(event.T),
    )
    return (accepted,)


def _traded(venue_account: str, event: _ExecutionReport) -> tuple[VenueReport, ...]:
    if event.t < 0:
        raise PayloadError(f"a trade of order {event.i} without a trade id")
    traded = VenueTraded(
        venue_account=venue_account,
        symbol=event.s,
        client_id=event.C or event.c,
        venue_order_id=str(event.i),
        transact_time=time_ns(event.T),
        trade_id=str(event.t),
        last_qty=traded_figure(event.l),
        last_px=traded_figure(event.L),
        commission=ZERO if event.n is None else number(event.n),
        commission_currency=event.N or "",
        liquidity=LiquidityInd.ADDED if event.m else LiquidityInd.REMOVED,
    )
    return (traded, *_closed(venue_account, event)) if event.X in CLOSED_STATUS else (traded,)


def _closed(venue_account: str, event: _ExecutionReport) -> tuple[VenueReport, ...]:
    reason = CLOSED_STATUS.get(event.X)
    if reason is None:
        raise PayloadError(f"order {event.i} ended by {event.x!r} but has status {event.X!r}")
    closed = VenueClosed(
        venue_account=venue_account,
        symbol=event.s,
        client_id=event.C or event.c,
        venue_order_id=str(event.i),
        transact_time=time_ns(event.T),
        reason=reason,
        cum_qty=count_of(event.z),
        text=_closed_text(event),
    )
    return (closed,)


def _closed_text(event: _ExecutionReport) -> str:
    if event.X == "EXPIRED_IN_MATCH" or event.x == "TRADE_PREVENTION":
        return "self-trade prevention"
    return "" if event.r in ("", "NONE") else event.r


def _amended(venue_account: str, event: _ExecutionReport) -> tuple[VenueReport, ...]:
    return (_amended_to(venue_account, event, count_of(event.q)),)


def _prevented(venue_account: str, event: _ExecutionReport) -> tuple[VenueReport, ...]:
    """Self-trade prevention: closes the order, or takes what it prevented off a resting one."""
    if event.X in CLOSED_STATUS:
        return _closed(venue_account, event)
    return (_amended_to(venue_account, event, less_prevented(event.q, event.A)),)


def _amended_to(venue_account: str, event: _ExecutionReport, qty: Decimal) -> VenueAmended:
    return VenueAmended(
        venue_account=venue_account,
        symbol=event.s,
        client_id=event.C or event.c,
        venue_order_id=str(event.i),
        transact_time=time_ns(event.T),
        qty=qty,
    )


_BY_EXECUTION_TYPE = {
    "NEW": _accepted,
    "TRADE": _traded,
    "CANCELED": _closed,
    "EXPIRED": _closed,
    "REJECTED": _closed,
    "REPLACED": _amended,
    "TRADE_PREVENTION": _prevented,
}
