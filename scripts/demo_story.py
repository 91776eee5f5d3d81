"""The demo's story: what an order management system sends, and what it must hear. Each docstring is read out.

Bitcoin trades against the simulated market maker. Ether is traded by hand: the exchange does what the story tells it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from demo_desk import Desk

Step = Callable[["Desk"], Awaitable[None]]
STEPS: list[tuple[str, Step]] = []


def step(title: str) -> Callable[[Step], Step]:
    """Add the function to the story."""

    def add(function: Step) -> Step:
        STEPS.append((title, function))
        return function

    return add


@step("A limit order that rests")
async def rests(desk: Desk) -> None:
    """Buy 1 BTC at 50000, well below the market of about 60000. The exchange takes it, and it waits in the book."""
    desk.client.new_order("BTCUSDT", "buy", "1", price="50000", time_in_force="GTC", cl_ord_id="REST-1")
    await desk.report(ClOrdID="REST-1", ExecType="New", OrdStatus="New", CumQty="0", LeavesQty="1")


@step("A limit order that fills at once")
async def fills_at_once(desk: Desk) -> None:
    """Buy 0.5 BTC for at most 61000. That is above the best offer, so it executes immediately, at the better price."""
    desk.client.new_order("BTCUSDT", "buy", "0.5", price="61000", time_in_force="GTC", cl_ord_id="FILL-1")
    await desk.report(ClOrdID="FILL-1", ExecType="New", OrdStatus="New")
    await desk.report(ClOrdID="FILL-1", ExecType="Trade", OrdStatus="Filled", CumQty="0.5", LeavesQty="0")


@step("A limit order that fills in parts")
async def fills_in_parts(desk: Desk) -> None:
    """Sell 2 ETH at 3100. The exchange is told to fill 0.5, then 0.7, then the rest: three executions, one average."""
    desk.client.new_order("ETHUSDT", "sell", "2", price="3100", time_in_force="GTC", cl_ord_id="PARTS-1")
    accepted = await desk.report(ClOrdID="PARTS-1", ExecType="New", OrdStatus="New", LeavesQty="2")
    await desk.exchange.fills(accepted, "0.5")
    await desk.report(ExecType="Trade", OrdStatus="PartiallyFilled", LastQty="0.5", CumQty="0.5", LeavesQty="1.5")
    await desk.exchange.fills(accepted, "0.7")
    await desk.report(ExecType="Trade", OrdStatus="PartiallyFilled", LastQty="0.7", CumQty="1.2", LeavesQty="0.8")
    await desk.exchange.fills(accepted)
    await desk.report(ExecType="Trade", OrdStatus="Filled", LastQty="0.8", CumQty="2", LeavesQty="0", AvgPx="3100")


@step("A cancel")
async def cancel(desk: Desk) -> None:
    """Cancel the bid for 1 BTC of step 1. The request has a ClOrdID of its own and names the order by OrigClOrdID."""
    desk.client.cancel("REST-1", cl_ord_id="REST-1-X")
    names = {"ClOrdID": "REST-1-X", "OrigClOrdID": "REST-1"}
    await desk.report(**names, ExecType="PendingCancel", OrdStatus="PendingCancel")
    await desk.report(**names, ExecType="Canceled", OrdStatus="Canceled", CumQty="0", LeavesQty="0")


@step("A cancel/replace")
async def replace(desk: Desk) -> None:
    """Bid for 0.4 BTC at 50000, then raise the price to 50500. From its acceptance on the order goes by the new id."""
    desk.client.new_order("BTCUSDT", "buy", "0.4", price="50000", time_in_force="GTC", cl_ord_id="BID-1")
    await desk.report(ClOrdID="BID-1", ExecType="New", OrdStatus="New")
    desk.client.replace("BID-1", price="50500", cl_ord_id="BID-2")
    names = {"ClOrdID": "BID-2", "OrigClOrdID": "BID-1"}
    await desk.report(**names, ExecType="PendingReplace", OrdStatus="PendingReplace")
    await desk.report(**names, ExecType="Replaced", OrdStatus="New", Price="50500", LeavesQty="0.4")


@step("A market order")
async def market(desk: Desk) -> None:
    """Sell 0.3 BTC at whatever the best bid pays."""
    desk.client.new_order("BTCUSDT", "sell", "0.3", ord_type="market", cl_ord_id="MARKET-1")
    await desk.report(ClOrdID="MARKET-1", ExecType="New", OrdStatus="New")
    await desk.report(ClOrdID="MARKET-1", ExecType="Trade", OrdStatus="Filled", CumQty="0.3", LeavesQty="0")


@step("An immediate-or-cancel order, partly filled")
async def immediate_or_cancel(desk: Desk) -> None:
    """Buy 3 ETH at 2990, now or never. Only 1.2 are on offer there: those fill, and the remaining 1.8 are canceled."""
    desk.client.new_order("ETHUSDT", "buy", "3", price="2990", time_in_force="IOC", cl_ord_id="IOC-1")
    accepted = await desk.report(ClOrdID="IOC-1", ExecType="New", OrdStatus="New")
    await desk.exchange.fills(accepted, "1.2")
    await desk.report(ExecType="Trade", OrdStatus="PartiallyFilled", CumQty="1.2", LeavesQty="1.8")
    await desk.exchange.expires_rest(accepted)
    await desk.report(ClOrdID="IOC-1", ExecType="Canceled", OrdStatus="Canceled", CumQty="1.2", LeavesQty="0")


@step("An order that risk denies")
async def risk_denial(desk: Desk) -> None:
    """Buy 50 BTC at 60000: 3000000 in value, where the account may place 500000. The exchange never hears of it."""
    desk.client.new_order("BTCUSDT", "buy", "50", price="60000", time_in_force="GTC", cl_ord_id="BIG-1")
    await desk.report(
        ClOrdID="BIG-1",
        ExecType="Rejected",
        OrdStatus="Rejected",
        OrdRejReason="OrderExceedsLimit",
        Text="MAX_ORDER_NOTIONAL limit=500000 order=3000000 account=TRADING",
    )


@step("An order that the exchange rejects")
async def venue_rejection(desk: Desk) -> None:
    """Buy 0.5 BTC at 9000. Within our limits, but too far from the market for the exchange; Text has its words."""
    desk.client.new_order("BTCUSDT", "buy", "0.5", price="9000", time_in_force="GTC", cl_ord_id="FAR-1")
    await desk.report(ClOrdID="FAR-1", ExecType="Rejected", OrdStatus="Rejected", OrdRejReason="Other")


@step("A ClOrdID(11) used twice")
async def duplicate(desk: Desk) -> None:
    """The id of the resting bid once more, for another order. It is refused, and the bid that has the id goes on."""
    desk.client.new_order("BTCUSDT", "buy", "0.1", price="40000", time_in_force="GTC", cl_ord_id="BID-2")
    await desk.report(ClOrdID="BID-2", ExecType="Rejected", OrdRejReason="DuplicateOrder", Text="DUPLICATE_CL_ORD_ID")


@step("An order status request")
async def status(desk: Desk) -> None:
    """How does the bid stand? As after step 5: 0.4 BTC at 50500, nothing executed."""
    desk.client.status("BID-2", symbol="BTCUSDT", side="buy")
    await desk.report(
        ClOrdID="BID-2", ExecType="OrderStatus", OrdStatus="New", OrderQty="0.4", Price="50500", LeavesQty="0.4"
    )
