"""Answers to requests about many orders, or about instruments, that are no ExecutionReports."""

from dataclasses import dataclass
from typing import NamedTuple

from gateway.domain import events as e
from gateway.domain.instruments import Instrument
from gateway.domain.values import MassCancelRejectReason, SecurityRequestResult, Side


class OfMassStatus(NamedTuple):
    """Which request an ExecutionReport is one of several answers to. total: of these reports, 0 for the one that says
    that there are none.
    """

    request_id: str
    total: int
    is_last: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MassCancelReport:
    """OrderMassCancelReport(r). position: the journal's, and what OrderID(37) of the request is made of.

    reject_reason None: the orders are being canceled, so many as `affected` says.
    """

    session: str
    position: int
    cl_ord_id: str
    request_type: str
    transact_time: int
    affected: int = 0
    reject_reason: MassCancelRejectReason | None = None
    symbol: str = ""
    side: Side | None = None
    text: str = ""
    order: None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityList:
    """SecurityList(y), one fragment of it. total: instruments in all fragments."""

    session: str
    request_id: str
    response_id: str
    result: SecurityRequestResult
    total: int = 0
    is_last: bool = True
    instruments: tuple[Instrument, ...] = ()
    text: str = ""
    order: None = None


def mass_cancel_report(
    position: int, event: e.MassCancelRequested, _before: object, _after: object
) -> MassCancelReport:
    """The answer to a request that is followed."""
    return MassCancelReport(
        session=event.session,
        position=position,
        cl_ord_id=event.cl_ord_id,
        request_type=event.request_type,
        transact_time=event.at,
        affected=event.affected,
        symbol=event.symbol,
        side=event.side,
        text=event.text,
    )


def mass_cancel_refusal(position: int, event: e.MassCancelRefused, _before: object, _after: object) -> MassCancelReport:
    """The answer to one that is not."""
    return MassCancelReport(
        session=event.session,
        position=position,
        cl_ord_id=event.cl_ord_id,
        request_type=event.request_type,
        transact_time=event.at,
        reject_reason=event.reason,
        text=event.text,
    )
