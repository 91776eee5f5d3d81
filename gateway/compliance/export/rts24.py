"""Order record keeping in the layout of Table 2 of the Annex to Regulation (EU) 2017/580 ("RTS 24" of MiFID II).

That is written for operators of trading venues. The gateway is none, so some of it is the venue's alone, and some is
about people whom no order names. FIELDS says of each field where it comes from, or why it is empty; it is what an
export, `fixgw export rts24-fields` and the tests are made of.
"""

from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple

from gateway.compliance.export import rts24_values as v
from gateway.compliance.export.columns import utc
from gateway.wire import tags as t

_EXPIRE_TIME = 126


class Available(StrEnum):
    """How far a field can be filled."""

    YES = "yes"
    PART = "in part"
    NO = "no"


class Field(NamedTuple):
    """source: where it comes from, or why it cannot be told. tags: the FIX fields whose values it shows."""

    number: int
    name: str
    available: Available
    source: str
    value: Callable[[v.Happening], v.Value] = lambda _: None
    tags: tuple[int, ...] = ()

    @property
    def column(self) -> str:
        """What it is called in a file."""
        return f"{self.number} {self.name}"


_YES, _PART, _NO = Available.YES, Available.PART, Available.NO
_VENUE = "the venue's alone; it does not tell"
_PEOPLE = "no order names it: PartyIDs and short codes are in the messages, where clients send them"
_REFUSED = "orders that ask for it are refused"

FIELDS = (
    Field(
        1,
        "Identification of the entity which submitted the order",
        _PART,
        "the client's CompID of the session; its LEI is not known",
        v.client,
        (t.SENDER_COMP_ID, t.TARGET_COMP_ID),
    ),
    Field(2, "Direct electronic access (DEA)", _NO, _PEOPLE),
    Field(
        3,
        "Client identification code",
        _PART,
        "Account(1); LEI or national id are not known",
        v.either("account"),
        (t.ACCOUNT,),
    ),
    Field(4, "Investment decision within firm", _NO, _PEOPLE),
    Field(5, "Execution within firm", _NO, _PEOPLE),
    Field(6, "Non-executing broker", _NO, _PEOPLE),
    Field(
        7,
        "Trading capacity",
        _PART,
        "OrderCapacity(528), where the client sends it: P and G as DEAL, R as MTCH, others as AOTC",
        v.of_order(lambda order: v.CAPACITY.get(v.sent(order, t.ORDER_CAPACITY) or "")),
        (t.ORDER_CAPACITY,),
    ),
    Field(8, "Liquidity provision activity", _NO, _PEOPLE),
    Field(
        9,
        "Date and time",
        _YES,
        "when the gateway took note, cut to microseconds; the record has nanoseconds",
        lambda h: v.moment(h.event.at),
    ),
    Field(
        10,
        "Validity period",
        _YES,
        "TimeInForce(59)",
        v.of_order(lambda order: v.VALIDITY[order.time_in_force]),
        (t.TIME_IN_FORCE,),
    ),
    Field(11, "Order restriction", _NO, _REFUSED),
    Field(
        12,
        "Validity period date and time",
        _PART,
        "ExpireTime(126) or ExpireDate(432) of GTD orders; the day's end of DAY orders is in the configuration",
        v.of_order(lambda order: None if order.expire_time is None else v.moment(order.expire_time)),
        (_EXPIRE_TIME, t.EXPIRE_DATE),
    ),
    Field(13, "Priority time stamp", _NO, _VENUE),
    Field(14, "Priority size", _NO, _VENUE),
    Field(15, "Sequence number", _YES, "position in the journal", lambda h: str(h.position)),
    Field(16, "Segment MIC code", _NO, "the venue has none"),
    Field(17, "Order book code", _YES, "Symbol(55), the venue's name of the book", v.either("symbol"), (t.SYMBOL,)),
    Field(
        18,
        "Financial instrument identification code",
        _PART,
        "SecurityID(48), where the client sends an ISIN",
        v.of_order(v.isin),
        (t.SECURITY_ID,),
    ),
    Field(
        19,
        "Date of receipt",
        _YES,
        "of the NewOrderSingle",
        lambda h: utc(h.order.received_at if h.order is not None else h.event.at)[:10],
    ),
    Field(
        20, "Order identification code", _YES, "OrderID(37)", v.of_order(lambda order: order.order_id), (t.ORDER_ID,)
    ),
    Field(
        21,
        "New order, order modification, order cancellation, order rejections, partial or full execution",
        _PART,
        "the event; CAMO is every cancel without a request of the client for this order, mass cancels too; TRIG, CHME, "
        "CHMO and REMH are not known; busts and corrections have no code and are left out",
        lambda h: h.code,
        (t.EXEC_TYPE,),
    ),
    Field(22, "Order type", _YES, "OrdType(40), by name", v.of_order(lambda order: order.ord_type.name), (t.ORD_TYPE,)),
    Field(
        23,
        "Order type classification",
        _YES,
        "OrdType(40): STOP with a StopPx(99), else LMTO",
        v.of_order(lambda order: "STOP" if order.ord_type.has_stop_px else "LMTO"),
        (t.ORD_TYPE,),
    ),
    Field(24, "Limit price", _YES, "Price(44)", v.of_order(lambda order: order.terms.price), (t.PRICE,)),
    Field(25, "Additional limit price", _NO, _REFUSED),
    Field(26, "Stop price", _YES, "StopPx(99)", v.of_order(lambda order: order.terms.stop_px), (t.STOP_PX,)),
    Field(27, "Pegged limit price", _NO, _REFUSED),
    Field(28, "Transaction price", _YES, "LastPx(31)", v.of_fill(lambda fill: fill.last_px), (t.LAST_PX,)),
    Field(
        29,
        "Price currency",
        _PART,
        "Currency(15), where the client sends it",
        v.of_order(lambda order: v.sent(order, t.CURRENCY)),
        (t.CURRENCY,),
    ),
    Field(30, "Currency of leg 2", _NO, _REFUSED),
    Field(31, "Price notation", _YES, "MONE: prices are money per unit", lambda _: "MONE"),
    Field(32, "Buy-sell indicator", _YES, "Side(54)", v.side, (t.SIDE,)),
    Field(
        33,
        "Order status",
        _PART,
        "ACTI from the venue's acceptance to the end, else INAC; empty for stop orders, whose trigger is not known",
        v.of_order(v.status),
        (t.ORD_STATUS,),
    ),
    Field(34, "Quantity notation", _YES, "UNIT: quantities are base units", lambda _: "UNIT"),
    Field(35, "Quantity currency", _NO, "quantities are no amounts of money"),
    Field(36, "Initial quantity", _YES, "OrderQty(38), after a replace the new one", v.quantity, (t.ORDER_QTY,)),
    Field(
        37,
        "Remaining quantity including hidden",
        _YES,
        "LeavesQty(151) after the event",
        v.of_order(lambda order: order.leaves_qty),
        (t.LEAVES_QTY,),
    ),
    Field(
        38,
        "Displayed quantity",
        _PART,
        "LeavesQty(151) of limit orders that rest: orders with a hidden part are refused",
        v.of_order(v.displayed),
        (t.LEAVES_QTY,),
    ),
    Field(39, "Traded quantity", _YES, "LastQty(32)", v.of_fill(lambda fill: fill.last_qty), (t.LAST_QTY,)),
    Field(40, "Minimum acceptable quantity (MAQ)", _NO, _REFUSED),
    Field(41, "Minimum executable size (MES)", _NO, "no order has one"),
    Field(42, "MES first execution only", _NO, "no order has one"),
    Field(
        43,
        "Passive only indicator",
        _YES,
        "ExecInst(18) with 6",
        v.of_order(lambda order: str(order.post_only).lower()),
        (t.EXEC_INST,),
    ),
    Field(
        44,
        "Passive or aggressive indicator",
        _YES,
        "LastLiquidityInd(851)",
        v.of_fill(v.aggressor),
        (t.LAST_LIQUIDITY_IND,),
    ),
    Field(45, "Self-execution prevention", _NO, "limits of the account, and the venue's own; not of an order"),
    Field(46, "Strategy linked order identification", _NO, _REFUSED),
    Field(47, "Routing strategy", _NO, "an account's orders go to one venue account"),
    Field(
        48,
        "Trading venue transaction identification code",
        _YES,
        "the venue's trade id, SecondaryExecID(527)",
        v.of_fill(lambda fill: fill.trade_id),
        (t.SECONDARY_EXEC_ID,),
    ),
    Field(49, "Trading phases", _NO, _VENUE),
    Field(50, "Indicative auction price", _NO, _VENUE),
    Field(51, "Indicative auction volume", _NO, _VENUE),
)
"""Numbers and names: the Annex, Table 2, from memory; codes: the schema of ISO 20022 auth.113."""
