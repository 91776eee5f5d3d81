"""Four books of the same orders: the client's, SQL's, the exchange's, and the messages'. They must agree."""

import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select

from gateway.compliance.audit.cross_check import cross_check
from gateway.domain.reconcile import BreakKind
from gateway.store.tables import breaks, executions, journal, messages, orders, reports, sessions
from tests.soak.client_book import ClientBook, ClientOrder

_OPEN_AT_EXCHANGE = ("NEW", "PARTIALLY_FILLED", "PENDING_NEW")
_ADMINISTRATIVE = ("0", "1", "2", "3", "4", "5", "A")


@dataclass(slots=True)
class Verdict:
    """Findings in words, each naming its order; all empty is the only good outcome."""

    orders: int = 0
    fills: int = 0
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    mismatched: list[str] = field(default_factory=list)
    sequence_errors: list[str] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        """Whether all four books agree."""
        return not (self.lost or self.doubled or self.mismatched or self.sequence_errors)


@dataclass(slots=True)
class _Sql:
    by_cl_ord_id: dict[str, list[Any]]
    trades: dict[str, dict[tuple[str, str], list[Decimal]]]
    legs: dict[str, set[str]]  # client ids of venue orders by order id


def compare(client: ClientBook, sql: Connection, at_exchange: list[Any], trades: list[Any], prefix: str) -> Verdict:
    """at_exchange, trades: GET /sim/orders and /sim/trades. prefix: of our venue client order ids."""
    verdict = Verdict(orders=len(client.orders))
    ours = [order for order in at_exchange if order["originalClientOrderId"].startswith(prefix)]
    our_trades = [trade for trade in trades if trade["originalClientOrderId"].startswith(prefix)]
    verdict.fills = len(our_trades)
    stored = _stored(sql)
    exchange = _Exchange(ours, our_trades)
    verdict.doubled += [f"{name} was placed {count} times" for name, count in exchange.placed.items() if count > 1]
    known_legs = {leg for legs in stored.legs.values() for leg in legs}
    verdict.mismatched += [f"{name} is at the exchange and not in SQL" for name in exchange.placed.keys() - known_legs]
    verdict.lost += [f"{name}: the client has no answer" for name in sorted(client.unanswered)]
    verdict.doubled += client.repeated
    verdict.mismatched += client.rejects
    verdict.sequence_errors += client.sequence_errors
    for order in client.orders.values():
        _compare_order(verdict, order, stored, exchange)
    names = client.orders.keys()
    verdict.mismatched += [f"{name}: in SQL, never sent" for name in stored.by_cl_ord_id.keys() - names]
    _compare_messages(verdict, client, sql)
    differing = select(breaks).where(breaks.c.kind == BreakKind.BALANCE_DIFFERS)
    verdict.mismatched += [f"balance: break {row.break_id}, {row.ours} {row.theirs}" for row in sql.execute(differing)]
    return verdict


class _Exchange:
    def __init__(self, ours: list[Any], our_trades: list[Any]) -> None:
        self.orders: dict[str, list[Any]] = defaultdict(list)  # by our order id
        self.placed: dict[str, int] = defaultdict(int)
        self.trades: dict[str, dict[tuple[str, str], Decimal]] = defaultdict(dict)
        for order in ours:
            name = order["originalClientOrderId"]
            self.placed[name] += 1
            self.orders[name.split("-")[1]].append(order)
        for trade in our_trades:
            key = (str(trade["id"]), str(trade["orderId"]))
            self.trades[trade["originalClientOrderId"].split("-")[1]][key] = Decimal(trade["qty"])


def _stored(sql: Connection) -> _Sql:
    by_cl_ord_id: dict[str, list[Any]] = defaultdict(list)
    for row in sql.execute(select(orders)):
        by_cl_ord_id[row.first_cl_ord_id].append(row)
    trades: dict[str, dict[tuple[str, str], list[Decimal]]] = defaultdict(lambda: defaultdict(list))
    for row in sql.execute(select(executions)):
        trades[row.order_id][row.trade_id, row.venue_order_id].append(row.last_qty)
    legs: dict[str, set[str]] = defaultdict(set)
    submitted = select(journal.c.order_id, journal.c.payload).where(journal.c.event_type == "LegSubmitted")
    for order_id, payload in sql.execute(submitted):
        legs[order_id].add(payload.split('"client_id":"')[1].split('"')[0])
    return _Sql(by_cl_ord_id, trades, legs)


def _compare_order(verdict: Verdict, order: ClientOrder, stored: _Sql, exchange: _Exchange) -> None:
    name = order.cl_ord_id
    rows = stored.by_cl_ord_id.get(name, [])
    if len(rows) != 1:
        if len(rows) > 1:
            verdict.doubled.append(f"{name}: {len(rows)} orders in SQL")
        elif order.status != "8":
            verdict.lost.append(f"{name}: not in SQL, and the client has OrdStatus {order.status or 'nothing'}")
        return
    (row,) = rows
    who = f"{name} ({row.order_id})"
    told = (order.status, order.order_qty, order.cum_qty, order.leaves_qty)
    kept = (str(row.ord_status), row.order_qty, row.cum_qty, row.leaves_qty)
    if told != kept:
        verdict.mismatched.append(
            f"{who}: OrdStatus, OrderQty, CumQty, LeavesQty: client {_all(told)}, SQL {_all(kept)}"
        )
    if order.filled != order.cum_qty:
        verdict.mismatched.append(f"{who}: the client's executions add up to {order.filled}, CumQty {order.cum_qty}")
    if row.is_unknown:
        verdict.mismatched.append(f"{who}: unknown in SQL: {row.text}")
    _compare_trades(verdict, who, order, stored.trades[row.order_id], exchange.trades[row.order_id])
    _compare_open(verdict, who, row, exchange.orders[row.order_id])


def _compare_trades(
    verdict: Verdict,
    who: str,
    order: ClientOrder,
    stored: dict[tuple[str, str], list[Decimal]],
    traded: dict[tuple[str, str], Decimal],
) -> None:
    for key, exec_ids in order.trades.items():
        if len(exec_ids) > 1:
            verdict.doubled.append(f"{who}: the client has trade {key} as ExecIDs {exec_ids}")
    verdict.doubled += [f"{who}: SQL has trade {key} twice" for key, found in stored.items() if len(found) > 1]
    verdict.lost += [f"{who}: trade {key} is not in SQL" for key in traded.keys() - stored.keys()]
    verdict.lost += [f"{who}: trade {key} never reached the client" for key in stored.keys() - order.trades.keys()]
    verdict.mismatched += [f"{who}: SQL has trade {key}, the exchange has not" for key in stored.keys() - traded.keys()]
    verdict.mismatched += [
        f"{who}: the client has trade {key}, SQL has not" for key in order.trades.keys() - stored.keys()
    ]
    for key in traded.keys() & stored.keys():
        if traded[key] != stored[key][0]:
            verdict.mismatched.append(f"{who}: trade {key} is {traded[key]} there, {stored[key][0]} in SQL")


def _compare_open(verdict: Verdict, who: str, row: Any, found: list[Any]) -> None:
    working = [order for order in found if order["status"] in _OPEN_AT_EXCHANGE]
    leaves = sum((Decimal(order["origQty"]) - Decimal(order["executedQty"]) for order in working), Decimal(0))
    if len(working) > 1:
        verdict.doubled.append(f"{who}: {len(working)} orders work at the exchange")
    if leaves != row.leaves_qty:
        verdict.mismatched.append(f"{who}: {leaves} works at the exchange, LeavesQty is {row.leaves_qty} in SQL")


def _compare_messages(verdict: Verdict, client: ClientBook, sql: Connection) -> None:
    """Each number that SQL holds is the client's message, and each message the client has is a report of SQL's."""
    sent: dict[int, bytes] = {}
    for row in sql.execute(select(messages).where(messages.c.direction == "out", messages.c.first_use)):
        if row.epoch != 1:
            verdict.sequence_errors.append(f"epoch {row.epoch} in SQL: nobody reset the numbers")
        elif row.msg_type not in _ADMINISTRATIVE:
            sent[row.msg_seq_num] = bytes(row.raw)
    for number, raw in sent.items():
        told = client.by_number.get(number)
        exec_id = _field(raw, b"17")
        if told is None:
            verdict.lost.append(f"MsgSeqNum {number} (ExecID {exec_id}) never reached the client")
        elif told.get("17") != exec_id or told["35"] != _field(raw, b"35"):
            verdict.sequence_errors.append(f"MsgSeqNum {number} is {exec_id} in SQL, {told.get('17')} at the client")
    committed = set(_exec_ids(sql))
    for number, told in client.by_number.items():
        if told["35"] == "8" and told["17"] not in committed:
            verdict.mismatched.append(f"MsgSeqNum {number}: ExecID {told['17']} was never committed")


def _exec_ids(sql: Connection) -> Iterable[str | None]:
    for (body,) in sql.execute(select(reports.c.body)):
        yield _field(b"\x01" + body.encode(), b"17")


def _field(raw: bytes, tag: bytes) -> str | None:
    _, found, rest = raw.partition(b"\x01" + tag + b"=")
    return rest.partition(b"\x01")[0].decode() if found else None


def _all(values: Iterable[object]) -> str:
    return "/".join(str(value) for value in values)


def compare_numbers(verdict: Verdict, client: ClientBook, sql: Connection) -> None:
    """After an orderly end both sides expect the same next numbers."""
    row = sql.execute(select(sessions)).one()
    if client.numbers != (row.next_in, row.next_out):
        verdict.sequence_errors.append(
            f"next numbers: client sends {client.numbers[0]} and expects {client.numbers[1]}, "
            f"SQL expects {row.next_in} and sends {row.next_out}"
        )


def compare_wire_log(verdict: Verdict, directory: Path, sql: Connection) -> None:
    """What passed the wire is what SQL tells of, but for what has a reason, such as an engine's death."""
    cross_check(sql, directory, 0, time.time_ns(), lambda finding: verdict.mismatched.append(str(finding)))
