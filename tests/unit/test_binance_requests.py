"""What is sent to the venue: the parameters of its requests."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from gateway.domain.intents import AmendIntent, CancelIntent, PlaceIntent
from gateway.domain.values import OrdType, Side, TimeInForce
from gateway.venues.binance.requests import UnsupportedOrderError, amend_params, cancel_params, place_params

PLACE = PlaceIntent(
    intent_id=1, order_id="O1", leg=1, venue_account="main", symbol="BTCUSDT", client_id="gw-O1-1",
    timestamp_ms=1_700_000_000_000, recv_window_ms=5_000, side=Side.SELL, ord_type=OrdType.LIMIT,
    time_in_force=TimeInForce.GTC, qty=Decimal("1E+1"), price=Decimal("0.00000010"),
)  # fmt: skip


class TestRequests:
    def test_a_limit_order(self) -> None:
        assert place_params(PLACE, "EXPIRE_TAKER") == {
            "symbol": "BTCUSDT", "side": "SELL", "type": "LIMIT", "timeInForce": "GTC", "quantity": "10",
            "price": "0.00000010", "newClientOrderId": "gw-O1-1", "newOrderRespType": "ACK",
            "selfTradePreventionMode": "EXPIRE_TAKER", "timestamp": 1_700_000_000_000, "recvWindow": 5_000,
        }  # fmt: skip

    @pytest.mark.parametrize(
        ("changes", "sent"),
        [
            ({"time_in_force": TimeInForce.DAY}, {"type": "LIMIT", "timeInForce": "GTC", "price": "0.00000010"}),
            ({"time_in_force": TimeInForce.GTD}, {"type": "LIMIT", "timeInForce": "GTC", "price": "0.00000010"}),
            ({"time_in_force": TimeInForce.IOC}, {"type": "LIMIT", "timeInForce": "IOC", "price": "0.00000010"}),
            ({"time_in_force": TimeInForce.FOK}, {"type": "LIMIT", "timeInForce": "FOK", "price": "0.00000010"}),
            ({"post_only": True}, {"type": "LIMIT_MAKER", "price": "0.00000010"}),
            ({"ord_type": OrdType.MARKET, "price": None}, {"type": "MARKET"}),
            ({"ord_type": OrdType.STOP, "price": None, "stop_px": Decimal(5)}, {"type": "STOP_LOSS", "stopPrice": "5"}),
            (
                {"ord_type": OrdType.STOP_LIMIT, "stop_px": Decimal(5)},
                {"type": "STOP_LOSS_LIMIT", "timeInForce": "GTC", "price": "0.00000010", "stopPrice": "5"},
            ),
        ],
    )
    def test_types(self, changes: dict[str, Any], sent: dict[str, str]) -> None:
        params = place_params(replace(PLACE, **changes), "NONE")
        names = ("type", "timeInForce", "price", "stopPrice")
        assert {name: params[name] for name in names if name in params} == sent

    @pytest.mark.parametrize(
        "changes",
        [
            {"ord_type": OrdType.MARKET, "time_in_force": TimeInForce.FOK},
            {"ord_type": OrdType.STOP, "stop_px": Decimal(1), "time_in_force": TimeInForce.FOK},
            {"post_only": True, "time_in_force": TimeInForce.IOC},
            {"post_only": True, "ord_type": OrdType.MARKET},
            {"price": None},
            {"ord_type": OrdType.STOP, "stop_px": None},
        ],
    )
    def test_what_the_venue_lacks(self, changes: dict[str, Any]) -> None:
        with pytest.raises(UnsupportedOrderError):
            place_params(replace(PLACE, **changes), "NONE")

    def test_cancels_and_amends_send_our_id_again(self) -> None:
        common: dict[str, Any] = {
            "intent_id": 2, "order_id": "O1", "leg": 1, "venue_account": "main", "symbol": "BTCUSDT",
            "client_id": "gw-O1-1", "timestamp_ms": 9, "recv_window_ms": 5_000,
        }  # fmt: skip
        cancel = cancel_params(CancelIntent(**common))
        assert cancel == {
            "newClientOrderId": "gw-O1-1", "origClientOrderId": "gw-O1-1", "recvWindow": 5_000, "symbol": "BTCUSDT",
            "timestamp": 9,
        }  # fmt: skip
        assert cancel_params(CancelIntent(**common, venue_order_id="77"))["orderId"] == 77
        amend = amend_params(AmendIntent(**common, venue_order_id="77", qty=Decimal("0.50")))
        assert (amend["newQty"], amend["orderId"], amend["newClientOrderId"]) == ("0.50", 77, "gw-O1-1")
