"""OrdStatus(39): where several apply, FIX's precedence decides."""

from decimal import Decimal
from typing import Any

import pytest

from gateway.domain.order import Ended, Leg, LegState, Order, Phase, Request, RequestKind, Terms
from gateway.domain.values import OrdStatus, OrdType, Side, TimeInForce

CANCEL = Request(RequestKind.CANCEL, "C", "X")
REPLACE = Request(RequestKind.REPLACE, "Y", "X", Terms(Decimal(20), Decimal(100)))
EXPIRE = Request(RequestKind.EXPIRE, "", "X")
LEG = Leg(1, "gw-O1-1", Decimal(10))


def order(**facts: Any) -> Order:
    """An order of 10 that works, with other facts."""
    return Order(
        **{
            "order_id": "O1",
            "session": "S",
            "cl_ord_id": "X",
            "first_cl_ord_id": "X",
            "account": "ACME",
            "venue_account": "main",
            "symbol": "BTCUSDT",
            "side": Side.BUY,
            "ord_type": OrdType.LIMIT,
            "time_in_force": TimeInForce.GTC,
            "terms": Terms(Decimal(10), Decimal(100)),
            "received_at": 1,
            "acknowledged": True,
            "legs": (LEG,),
            **facts,
        }
    )


PART, FULL = Decimal(4), Decimal(10)


@pytest.mark.parametrize(
    ("facts", "status", "leaves"),
    [
        ({"acknowledged": False}, OrdStatus.PENDING_NEW, "10"),
        ({}, OrdStatus.NEW, "10"),
        ({"cum_qty": PART}, OrdStatus.PARTIALLY_FILLED, "6"),
        ({"cum_qty": FULL}, OrdStatus.FILLED, "0"),
        ({"cum_qty": FULL + 1}, OrdStatus.FILLED, "0"),
        ({"ended": Ended.CANCELED}, OrdStatus.CANCELED, "0"),
        ({"ended": Ended.EXPIRED, "cum_qty": PART}, OrdStatus.EXPIRED, "0"),
        ({"ended": Ended.REJECTED, "acknowledged": False}, OrdStatus.REJECTED, "0"),
        ({"ended": Ended.CANCELED, "cum_qty": FULL}, OrdStatus.FILLED, "0"),
        ({"done_for_day": True, "cum_qty": PART}, OrdStatus.DONE_FOR_DAY, "6"),  # good till canceled
        ({"done_for_day": True, "time_in_force": TimeInForce.DAY}, OrdStatus.DONE_FOR_DAY, "0"),
        ({"done_for_day": True, "cum_qty": FULL}, OrdStatus.DONE_FOR_DAY, "0"),
        ({"requests": (REPLACE,)}, OrdStatus.PENDING_REPLACE, "10"),
        ({"requests": (REPLACE,), "cum_qty": PART}, OrdStatus.PENDING_REPLACE, "6"),
        ({"requests": (REPLACE,), "cum_qty": FULL}, OrdStatus.PENDING_REPLACE, "0"),
        ({"requests": (REPLACE, CANCEL), "cum_qty": PART}, OrdStatus.PENDING_CANCEL, "6"),
        ({"requests": (CANCEL,), "done_for_day": True}, OrdStatus.PENDING_CANCEL, "10"),
        ({"requests": (CANCEL,), "ended": Ended.CANCELED}, OrdStatus.PENDING_CANCEL, "0"),
        ({"requests": (EXPIRE,)}, OrdStatus.NEW, "10"),  # ours alone, the client did not ask
        ({"requests": (EXPIRE, CANCEL)}, OrdStatus.PENDING_CANCEL, "10"),
    ],
)
def test_precedence(facts: dict[str, Any], status: OrdStatus, leaves: str) -> None:
    assert (order(**facts).ord_status, order(**facts).leaves_qty) == (status, Decimal(leaves))


@pytest.mark.parametrize(
    ("facts", "exposed"),
    [
        ({}, "10"),
        ({"cum_qty": PART}, "6"),
        ({"cum_qty": FULL}, "0"),
        ({"ended": Ended.CANCELED}, "0"),
        ({"requests": (REPLACE,), "cum_qty": PART}, "16"),  # the larger of what is and what is asked for
        ({"requests": (REPLACE._replace(terms=Terms(Decimal(5))),), "cum_qty": PART}, "6"),
        ({"acknowledged": False, "legs": (LEG._replace(state=LegState.UNKNOWN),)}, "10"),  # unknown counts as open
        ({"done_for_day": True}, "10"),  # comes back tomorrow
    ],
)
def test_exposure(facts: dict[str, Any], exposed: str) -> None:
    assert order(**facts).exposed_qty == Decimal(exposed)
    assert order(**facts).is_open is (Decimal(exposed) > 0)


@pytest.mark.parametrize(
    ("facts", "unknown"),
    [
        ({"legs": ()}, False),
        ({}, False),
        ({"legs": (LEG._replace(state=LegState.UNKNOWN),)}, True),
        ({"legs": (LEG._replace(state=LegState.CLOSING),)}, True),
        ({"requests": (CANCEL._replace(phase=Phase.DOUBTFUL),)}, True),
        ({"requests": (CANCEL._replace(phase=Phase.CANCELING),)}, False),
    ],
)
def test_what_is_unknown(facts: dict[str, Any], unknown: bool) -> None:
    assert order(**facts).is_unknown is unknown


def test_facts_cannot_be_changed() -> None:
    for fact in (order(), LEG, CANCEL, Terms(Decimal(1))):
        with pytest.raises(AttributeError):
            setattr(fact, fact._fields[0], "other")
