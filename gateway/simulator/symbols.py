"""The symbols traded here and their filters (Binance: exchangeInfo, filters.md)."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

ORDER_TYPES = (
    "LIMIT",
    "LIMIT_MAKER",
    "MARKET",
    "STOP_LOSS",
    "STOP_LOSS_LIMIT",
    "TAKE_PROFIT",
    "TAKE_PROFIT_LIMIT",
)
STP_MODES = ("NONE", "EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH")
DEFAULT_STP = "EXPIRE_MAKER"


def text(value: Decimal) -> str:
    """A number as the API writes it: eight decimals."""
    return f"{value:.8f}"


@dataclass(slots=True)
class Symbol:
    """A traded pair. Prices in the quote asset, quantities in the base asset."""

    name: str
    base: str
    quote: str
    start_price: Decimal
    tick: Decimal
    step: Decimal
    min_price: Decimal
    max_price: Decimal
    min_qty: Decimal
    max_qty: Decimal
    market_max_qty: Decimal
    min_notional: Decimal
    max_notional: Decimal
    max_orders: int = 200
    max_algo_orders: int = 5
    max_amends: int = 10
    percent_up: Decimal = Decimal(5)
    percent_down: Decimal = Decimal("0.2")
    status: str = "TRADING"

    def info(self) -> dict[str, Any]:
        """The symbol's entry in exchangeInfo."""
        return {
            "symbol": self.name,
            "status": self.status,
            "baseAsset": self.base,
            "baseAssetPrecision": 8,
            "quoteAsset": self.quote,
            "quotePrecision": 8,
            "quoteAssetPrecision": 8,
            "baseCommissionPrecision": 8,
            "quoteCommissionPrecision": 8,
            "orderTypes": list(ORDER_TYPES),
            "icebergAllowed": False,
            "ocoAllowed": False,
            "otoAllowed": False,
            "opoAllowed": False,
            "quoteOrderQtyMarketAllowed": True,
            "allowTrailingStop": False,
            "cancelReplaceAllowed": True,
            "amendAllowed": True,
            "pegInstructionsAllowed": False,
            "isSpotTradingAllowed": True,
            "isMarginTradingAllowed": False,
            "filters": self._filters(),
            "permissions": [],
            "permissionSets": [["SPOT"]],
            "defaultSelfTradePreventionMode": DEFAULT_STP,
            "allowedSelfTradePreventionModes": list(STP_MODES),
        }

    def _filters(self) -> list[dict[str, Any]]:
        return [
            {
                "filterType": "PRICE_FILTER",
                "minPrice": text(self.min_price),
                "maxPrice": text(self.max_price),
                "tickSize": text(self.tick),
            },
            {
                "filterType": "LOT_SIZE",
                "minQty": text(self.min_qty),
                "maxQty": text(self.max_qty),
                "stepSize": text(self.step),
            },
            {
                "filterType": "MARKET_LOT_SIZE",
                "minQty": text(Decimal(0)),
                "maxQty": text(self.market_max_qty),
                "stepSize": text(Decimal(0)),
            },
            {
                "filterType": "PERCENT_PRICE_BY_SIDE",
                "bidMultiplierUp": str(self.percent_up),
                "bidMultiplierDown": str(self.percent_down),
                "askMultiplierUp": str(self.percent_up),
                "askMultiplierDown": str(self.percent_down),
                "avgPriceMins": 5,
            },
            {
                "filterType": "NOTIONAL",
                "minNotional": text(self.min_notional),
                "applyMinToMarket": True,
                "maxNotional": text(self.max_notional),
                "applyMaxToMarket": False,
                "avgPriceMins": 5,
            },
            {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": self.max_orders},
            {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": self.max_algo_orders},
            {"filterType": "MAX_NUM_ORDER_AMENDS", "maxNumOrderAmends": self.max_amends},
        ]


def _symbol(base: str, quote: str, price: str, tick: str, step: str, most: str) -> Symbol:
    in_btc = quote == "BTC"
    return Symbol(
        name=base + quote,
        base=base,
        quote=quote,
        start_price=Decimal(price),
        tick=Decimal(tick),
        step=Decimal(step),
        min_price=Decimal(tick),
        max_price=Decimal(1_000_000) if not in_btc else Decimal(1000),
        min_qty=Decimal(step),
        max_qty=Decimal(most),
        market_max_qty=Decimal(most) / 10,
        min_notional=Decimal("0.0001") if in_btc else Decimal(5),
        max_notional=Decimal(9_000_000),
    )


def default_symbols() -> list[Symbol]:
    """A fresh set: the caller may change status and limits."""
    return [
        _symbol("BTC", "USDT", "60000.00", "0.01", "0.00001", "9000"),
        _symbol("ETH", "USDT", "3000.00", "0.01", "0.0001", "90000"),
        _symbol("LTC", "USDT", "100.00", "0.01", "0.001", "900000"),
        _symbol("BNB", "USDT", "600.00", "0.01", "0.001", "900000"),
        _symbol("ETH", "BTC", "0.05000", "0.00001", "0.0001", "100000"),
        _symbol("LTC", "BTC", "0.001600", "0.000001", "0.001", "100000"),
    ]
