"""Order state change matrices as tests: what the client sends, what the exchange does, the rows the client sees.

ClOrdIDs are called X, Y, Z as in the matrices ("Y,X": ClOrdID Y, OrigClOrdID X), states by their names in FIX 4.4.
What FIX 4.2 says instead is worked out here, from its own matrices. Every row must be the next message of the session:
anything else that arrives fails the test.
"""

import asyncio
import json
import time
from decimal import Decimal
from typing import Any

from sqlalchemy import Row, select

from gateway.client import FixClient, FixMessage, describe
from gateway.client.message import Fields
from gateway.domain import venue_reports as v
from gateway.store.tables import alerts, orders
from tests.fixtures.processes import Exchange, Gateway

SYMBOL = "LTCUSDT"
PRICE = "50"
DEADLINE_S = 30.0

STATUS = {
    "New": "0",
    "PartiallyFilled": "1",
    "Filled": "2",
    "DoneForDay": "3",
    "Canceled": "4",
    "PendingCancel": "6",
    "Rejected": "8",
    "PendingNew": "A",
    "Expired": "C",
    "PendingReplace": "E",
}
EXEC_TYPE = STATUS | {
    "Replaced": "5",
    "Restated": "D",
    "Trade": "F",
    "TradeCorrect": "G",
    "TradeCancel": "H",
    "OrderStatus": "I",
}
_EXEC_TRANS_TYPE = {"TradeCancel": "1", "TradeCorrect": "2", "OrderStatus": "3"}
_CXL_REJ_REASON_42 = {"6": "2", "99": "2"}
_OPEN_AT_EXCHANGE = ("NEW", "PARTIALLY_FILLED", "PENDING_NEW")


class Scenario:
    """One order's story on one session."""

    def __init__(self, client: FixClient, exchange: Exchange, gateway: Gateway) -> None:
        self.client, self.exchange, self.gateway = client, exchange, gateway
        self.seen: list[str] = []
        """What came, shortly: ExecType/OrdStatus of reports, 9/OrdStatus(reason) of refused requests."""
        self.not_applicable = ""
        self.order_id = ""
        self._ids: dict[str, str] = {}
        self._current = "X"
        self._last: tuple[str, int, int, int] | None = None
        self._exec_ids: set[str] = set()
        self._symbol = SYMBOL

    @property
    def is_42(self) -> bool:
        """Whether the session speaks FIX 4.2."""
        return self.client.begin_string == "FIX.4.2"

    def id(self, name: str) -> str:
        """The ClOrdID that is called X, Y or Z here; a new one when first asked for."""
        if name not in self._ids:
            self._ids[name] = FixClient.new_cl_ord_id()
        return self._ids[name]

    def forget(self) -> None:
        """X, Y and Z are other ids from now on."""
        self._ids.clear()

    # --- the client

    def order(
        self,
        name: str = "X",
        order_qty: int | str = 10_000,
        *,
        price: str | None = PRICE,
        tif: str = "GTC",
        **terms: Any,
    ) -> None:
        """New Order(X)."""
        terms.setdefault("symbol", self._symbol)
        terms.setdefault("side", "buy")
        self._symbol = terms["symbol"]
        self.client.new_order(order_qty=order_qty, price=price, time_in_force=tif, cl_ord_id=self.id(name), **terms)

    def cancel(self, names: str, **fields: Any) -> None:
        """Cancel Request(Y,X)."""
        name, orig = names.split(",")
        fields = {"symbol": self._symbol, "side": "buy"} | fields
        self.client.cancel(self.id(orig), cl_ord_id=self.id(name), **fields)

    def replace(self, names: str, order_qty: int | str = 10_000, *, price: str = PRICE, **fields: Any) -> None:
        """Replace Request(Y,X)."""
        name, orig = names.split(",")
        self.client.replace(self.id(orig), cl_ord_id=self.id(name), order_qty=order_qty, price=price, **fields)

    def asks_status(self, name: str = "X", extra: Fields = ()) -> None:
        """Order Status Request(X)."""
        self.client.status(self.id(name), symbol=self._symbol, side="buy", extra=extra)

    # --- what it sees

    async def next(self, within: float = DEADLINE_S) -> FixMessage:
        """The next application message, whatever it is. within: seconds."""
        return await self.client.expect(timeout=within)

    async def sees(
        self,
        names: str,
        what: str,
        order_qty: int,
        cum_qty: int,
        leaves_qty: int,
        last_qty: int | None = None,
        *,
        avg_px: str | None = None,
        tags: dict[int, str] | None = None,
        within: float = DEADLINE_S,
    ) -> FixMessage:
        """Execution(X): ExecType/OrdStatus, OrderQty, CumQty, LeavesQty, LastQty, AvgPx; other tags as given."""
        exec_type, ord_status = what.split("/")
        message = await self.next(within)
        name, _, orig = names.partition(",")
        if exec_type == "Replaced":
            self._current = name
        expected = {
            35: "8",
            11: self.id(name),
            41: self.id(orig) if orig else None,
            **self._states(exec_type, ord_status, filled=cum_qty >= order_qty),
            **(tags or {}),
        }
        quantities = {38: order_qty, 14: cum_qty, 151: leaves_qty, 32: self._last_qty(exec_type, last_qty)}
        got = {tag: message.get(tag) for tag in expected}
        assert got == expected, f"\nexpected {names} {what}: {expected}\ngot      {got}\n{describe(message)}"
        for tag, quantity in quantities.items():
            text = message.get(tag)
            assert (text is None) == (quantity is None), f"{names} {what}: tag {tag}={text}\n{describe(message)}"
            assert text is None or Decimal(text) == quantity, f"{names} {what}: {tag}\n{describe(message)}"
        if avg_px is not None:
            assert message.decimal(6) == Decimal(avg_px), f"{names} {what}: AvgPx\n{describe(message)}"
        self._remember(message, exec_type, (ord_status, order_qty, cum_qty, leaves_qty))
        return message

    def _states(self, exec_type: str, ord_status: str, *, filled: bool) -> dict[int, str | None]:
        if not self.is_42:
            return {20: None, 150: EXEC_TYPE[exec_type], 39: STATUS[ord_status]}
        status = "5" if ord_status == "New" and self._current != "X" else STATUS[ord_status]
        fill = "2" if filled else "1"
        kind = {"Trade": fill, "TradeCancel": fill, "TradeCorrect": fill, "OrderStatus": status}.get(exec_type)
        return {20: _EXEC_TRANS_TYPE.get(exec_type, "0"), 150: kind or EXEC_TYPE[exec_type], 39: status}

    def _last_qty(self, exec_type: str, last_qty: int | None) -> int | None:
        """FIX 4.2 has LastShares in every report but a status."""
        return 0 if last_qty is None and self.is_42 and exec_type != "OrderStatus" else last_qty

    def _remember(self, message: FixMessage, exec_type: str, row: tuple[str, int, int, int]) -> None:
        self.seen.append(f"{message[150]}/{message[39]}")
        if exec_type == "OrderStatus":
            assert message[17] == "0"
        else:
            assert message[17] not in self._exec_ids, f"ExecID used twice: {describe(message)}"
            self._exec_ids.add(message[17])
        if message[37] != "NONE":
            assert self.order_id in ("", message[37]), f"another OrderID: {describe(message)}"
            self.order_id, self._last = message[37], row

    async def refused(
        self, names: str, ord_status: str, reason: str, *, replace: bool = False, order_id: str | None = None
    ) -> FixMessage:
        """Cancel Reject(Y,X)."""
        message = await self.next()
        name, orig = names.split(",")
        status = "5" if self.is_42 and ord_status == "New" and self._current != "X" else STATUS[ord_status]
        expected = {
            35: "9",
            11: self.id(name),
            41: self.id(orig),
            37: order_id or self.order_id,
            39: status,
            102: _CXL_REJ_REASON_42.get(reason, reason) if self.is_42 else reason,
            434: "2" if replace else "1",
        }
        got = {tag: message.get(tag) for tag in expected}
        assert got == expected, f"\nexpected {names}: {expected}\ngot      {got}\n{describe(message)}"
        self.seen.append(f"9/{message[39]}({message[102]})")
        if self._last is not None:
            self._last = (ord_status, *self._last[1:])
        return message

    async def nothing(self) -> None:
        """Nothing more has come."""
        await self.client.ping()
        more = self.client.unconsumed()
        assert not more, "unexpected:\n" + "\n".join(describe(message) for message in more)

    # --- the exchange

    async def leg(self) -> str:
        """The venue client id of the order's latest venue order, once the exchange has it."""
        prefix = f"test-{self.order_id or self._row().order_id}-"
        deadline = time.monotonic() + DEADLINE_S
        while True:
            legs = [order["originalClientOrderId"] for order in await self.exchange.look("orders")]
            own = [leg for leg in legs if leg.startswith(prefix)]
            if own:
                return str(max(own, key=lambda leg: int(leg.removeprefix(prefix))))
            assert time.monotonic() < deadline, f"the exchange has no {prefix}"
            await asyncio.sleep(0.01)

    async def fills(self, qty: int, price: str | None = None) -> str:
        """The exchange executes; returns the trade id."""
        more = {} if price is None else {"price": price}
        answer = await self.exchange.control("fill", clientOrderId=await self.leg(), qty=str(qty), **more)
        return str(answer["tradeId"])

    async def does(self, command: str, **body: object) -> None:
        """Any command of the exchange's control API to the latest venue order."""
        await self.exchange.control(command, clientOrderId=await self.leg(), **body)

    async def holds(self, op: str, when: str = "before") -> None:
        """The exchange lets requests of this kind wait."""
        await self.exchange.control("hold", op=op, when=when)

    async def until_held(self, op: str) -> None:
        """A request of this kind has come and waits."""
        await self.exchange.until_held(op)

    async def releases(self, op: str) -> None:
        """What waits goes on."""
        await self.exchange.control("release", op=op)

    async def venue_says(self, report: type[v.VenueReport], **fields: object) -> None:
        """A report that the simulated exchange cannot bring about comes from the venue connection."""
        socket = self.gateway.directory / "injection.sock"
        body = {"venue_account": "main", "symbol": self._symbol, "client_id": await self.leg()} | fields
        reader, writer = await asyncio.open_unix_connection(str(socket))
        try:
            writer.write(json.dumps({"report": report.__name__, **body}).encode() + b"\n")
            assert await reader.readline() == b"ok\n"
        finally:
            writer.close()

    # --- the end

    async def agrees(self, *, exchange: bool = True) -> None:
        """Nothing else came, and SQL and the exchange's books say what the client was told last.

        exchange: False where the last word was put into the exchange's mouth.
        """
        assert self._last is not None
        ord_status, order_qty, cum_qty, leaves_qty = self._last
        row = self._row()
        assert (row.ord_status, row.order_qty, row.cum_qty, row.leaves_qty) == (
            STATUS[ord_status],
            order_qty,
            cum_qty,
            leaves_qty,
        )
        if exchange:
            await self._agrees_with_exchange(row)
        self.asks_status(self._current)
        seen = len(self.seen)
        await self.sees(self._current, f"OrderStatus/{ord_status}", order_qty, cum_qty, leaves_qty)
        del self.seen[seen:]
        await self.nothing()

    async def _agrees_with_exchange(self, row: Row[Any]) -> None:
        prefix = f"test-{self.order_id}-"
        legs = [o for o in await self.exchange.look("orders") if o["originalClientOrderId"].startswith(prefix)]
        assert sum((Decimal(leg["executedQty"]) for leg in legs), Decimal(0)) == row.cum_qty
        working = [leg for leg in legs if leg["status"] in _OPEN_AT_EXCHANGE]
        assert len(working) == (1 if row.is_open else 0), legs
        for leg in working:
            assert Decimal(leg["origQty"]) - Decimal(leg["executedQty"]) == row.leaves_qty

    def _row(self) -> Row[Any]:
        with self.gateway.sql() as sql:
            return sql.execute(select(orders).where(orders.c.first_cl_ord_id == self.id("X"))).one()

    async def until_alert(self, code: str) -> str:
        """The latest alert with this code, once there is one: its text."""
        deadline = time.monotonic() + DEADLINE_S
        while True:
            with self.gateway.sql() as sql:
                query = select(alerts.c.text).where(alerts.c.code == code).order_by(alerts.c.id.desc())
                found = sql.execute(query).scalars().first()
            if found is not None:
                return str(found)
            assert time.monotonic() < deadline, f"no alert {code}"
            await asyncio.sleep(0.01)

    async def until_logged(self, text: str, after: int) -> None:
        """The gateway's log has the text, behind its first `after` characters."""
        deadline = time.monotonic() + DEADLINE_S
        while text not in self.gateway.log()[after:]:
            assert time.monotonic() < deadline, f"not logged: {text}"
            await asyncio.sleep(0.01)

    async def until_row(self, **columns: object) -> Row[Any]:
        """The order's row, once SQL has it with these values."""
        deadline = time.monotonic() + DEADLINE_S
        while True:
            with self.gateway.sql() as sql:
                found = sql.execute(select(orders).where(orders.c.first_cl_ord_id == self.id("X"))).one_or_none()
            if found is not None and all(getattr(found, name) == value for name, value in columns.items()):
                return found
            assert time.monotonic() < deadline, f"SQL does not have {columns}: {found}"
            await asyncio.sleep(0.01)
