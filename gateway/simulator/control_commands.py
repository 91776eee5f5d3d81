"""The commands of the control API: what a test may ask for, and how it is done.

POST /sim/… with a JSON object. An order is named by "clientOrderId" (as placed, or as it is now) or "orderId";
an op is a WebSocket API method name, which also stands for the REST endpoint that does the same, or "*".

    path              body                                               does
    mode              symbol or "*", mode "manual" or "auto"             manual: orders wait for a script
    fill              order, qty?, price?, maker?                        executes; answers {"tradeId"}
    cancel            order                                              unsolicited cancel
    expire            order, reason? "EXPIRED" or "EXPIRED_IN_MATCH"     ends the order
    reduce            order, qty (the new total)                         unsolicited reduction, x=REPLACED
    hold              op or "events", when? "before" or "after"          holds requests, answers or user events
    release           op? or "events"?, backwards? true or false         lets go on what is held, in order
    reject            op, code, msg?, status?, count?, retry_after_ms?   refuses the next requests
    delay             op, ms (0 ends it)                                 delays answers
    fault             op, kind (scripts.FAULTS), count?                  breaks the next requests
    events            lose? n, duplicate? n, silent? true or false,      what becomes of the next user events
                      delay_ms? (0 ends it)
    drop_connections                                                     breaks all WebSocket connections
    ws_api            away true or false                                 takes the WebSocket API away; REST stays
    maintenance       on true or false                                   announced, then nothing is served
    symbol            symbol, status "TRADING", "BREAK" or "HALT"        opens or closes a market
    price             symbol, price                                      moves maker and last price; stops trigger
    time              offset_ms                                          shifts the exchange's clock
    balance           account, asset, free                               sets a balance
    playback          on true or false, away? true or false, looks?      requests about orders wait for their answer;
                      [[op, status, body (JSON text)], …]                away: nobody is connected; looks: what
                                                                         questions about the account are answered
    deposit           account, asset, qty (below zero: a withdrawal),    money comes or goes; without event: untold
                      event? true or false
    fees              bnb_price or null                                  commissions are taken from BNB, worth this
    answer            number, status, body (JSON text)                   answers such a request
    say               account, event (JSON text)                         a user event, word by word
    reset                                                                back to the start

GET /sim/held, /sim/asked, /sim/orders?account=, /sim/trades?account= show what there is.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from gateway.simulator import answers, events, scripting
from gateway.simulator.accounts import Account
from gateway.simulator.api import METHODS, Api
from gateway.simulator.connection import Hub
from gateway.simulator.errors import ApiError
from gateway.simulator.maker import Maker
from gateway.simulator.market import Market
from gateway.simulator.orders import Order
from gateway.simulator.scripting import ScriptError
from gateway.simulator.scripts import FAULTS, WHEN, Scripts
from gateway.simulator.user_stream import UserStream

_SESSION_OPS = {
    "session.logon",
    "session.status",
    "session.logout",
    "userDataStream.subscribe",
    "userDataStream.subscribe.signature",
    "userDataStream.unsubscribe",
}
_STATUSES = ("TRADING", "BREAK", "HALT")
_EXPIRY = ("EXPIRED", "EXPIRED_IN_MATCH")
Body = dict[str, Any]


@dataclass(slots=True)
class Control:
    """What the commands work on."""

    api: Api
    stream: UserStream
    scripts: Scripts
    hub: Hub
    maker: Maker
    leaving: set[asyncio.Task[None]] = field(default_factory=set)  # connections that a maintenance ends

    def now(self) -> int:
        return self.api.clock.now_ms()

    def order(self, body: Body) -> Order:
        return scripting.find(self.api.exchange, body.get("clientOrderId"), body.get("orderId"))

    def markets(self, body: Body) -> list[Market]:
        name = body["symbol"]
        if name == "*":
            return list(self.api.exchange.markets.values())
        if name not in self.api.exchange.markets:
            raise ScriptError(f"no symbol {name!r}; there are {sorted(self.api.exchange.markets)}")
        return [self.api.exchange.markets[name]]


def _decimal(body: Body, name: str) -> Decimal | None:
    return None if body.get(name) is None else Decimal(str(body[name]))


def _choice(body: Body, name: str, allowed: tuple[str, ...], default: str | None = None) -> str:
    value = body.get(name, default)
    if value not in allowed:
        raise ScriptError(f"{name} is {value!r}; allowed are {', '.join(allowed)}")
    return str(value)


def _op(body: Body, extra: str = "") -> str:
    op = str(body["op"])
    if op not in METHODS and op not in _SESSION_OPS and op not in ("*", extra):
        raise ScriptError(f"no op {op!r}; there are {sorted(METHODS.keys() | _SESSION_OPS)}")
    return op


def _mode(control: Control, body: Body) -> None:
    manual = _choice(body, "mode", ("manual", "auto")) == "manual"
    for market in control.markets(body):
        scripting.set_mode(control.api.exchange, market, manual, control.now())
        control.maker.quote(market, control.now())


def _fill(control: Control, body: Body) -> Any:
    maker = body.get("maker")
    trade_id = scripting.fill(
        control.api.exchange,
        control.order(body),
        control.now(),
        _decimal(body, "qty"),
        _decimal(body, "price"),
        None if maker is None else bool(maker),
    )
    return {"tradeId": trade_id}


def _cancel(control: Control, body: Body) -> None:
    scripting.cancel(control.api.exchange, control.order(body), control.now())


def _expire(control: Control, body: Body) -> None:
    status = _choice(body, "reason", _EXPIRY, "EXPIRED")
    scripting.expire(control.api.exchange, control.order(body), control.now(), status)


def _reduce(control: Control, body: Body) -> None:
    scripting.reduce(control.api.exchange, control.order(body), Decimal(str(body["qty"])), control.now())


def _hold(control: Control, body: Body) -> None:
    if _op(body, "events") == "events":
        control.stream.holding = True
    else:
        control.scripts.hold(str(body["op"]), _choice(body, "when", WHEN, "before"))


def _release(control: Control, body: Body) -> Any:
    op = body.get("op")
    released = 0
    if op in (None, "events"):
        released += control.stream.release(backwards=bool(body.get("backwards", False)))
    if op != "events":
        released += control.scripts.release(None if op is None else str(op))
    return {"released": released}


def _held(control: Control, body: Body) -> Any:  # noqa: ARG001 - one signature for all
    requests = [{"op": held.op, "when": held.when} for held in control.scripts.held]
    return {"held": requests, "events": len(control.stream.held)}


def _reject(control: Control, body: Body) -> None:
    now, wait_ms = control.now(), body.get("retry_after_ms")
    data: dict[str, object] | None = None
    if wait_ms is not None:
        data = {"serverTime": now, "retryAfter": now + int(wait_ms)}
    error = ApiError(int(body["code"]), str(body.get("msg", "")), int(body.get("status", 400)), data)
    control.scripts.reject(_op(body), error, int(body.get("count", 1)))


def _delay(control: Control, body: Body) -> None:
    control.scripts.delay(_op(body), float(body["ms"]) / 1000)


def _fault(control: Control, body: Body) -> None:
    control.scripts.fault(_op(body), _choice(body, "kind", FAULTS), int(body.get("count", 1)))


def _events(control: Control, body: Body) -> None:
    control.stream.lose = int(body.get("lose", control.stream.lose))
    control.stream.duplicate = int(body.get("duplicate", control.stream.duplicate))
    control.stream.silent = bool(body.get("silent", control.stream.silent))
    control.stream.delay_s = float(body.get("delay_ms", control.stream.delay_s * 1000)) / 1000


def _maintenance(control: Control, body: Body) -> None:
    control.scripts.maintenance = bool(body["on"])
    if control.scripts.maintenance:
        control.stream.shutdown(control.now())
        for connection in list(control.hub.connections):
            task = asyncio.create_task(connection.leave())
            control.leaving.add(task)
            task.add_done_callback(control.leaving.discard)


def _ws_api(control: Control, body: Body) -> None:
    control.scripts.ws_api_away = bool(body["away"])
    if control.scripts.ws_api_away:
        _drop_connections(control, body)


def _drop_connections(control: Control, body: Body) -> Any:  # noqa: ARG001 - one signature for all
    connections = list(control.hub.connections)
    for connection in connections:
        connection.abort()
    return {"dropped": len(connections)}


def _symbol(control: Control, body: Body) -> None:
    for market in control.markets(body):
        market.symbol.status = _choice(body, "status", _STATUSES)


def _price(control: Control, body: Body) -> None:
    price = Decimal(str(body["price"]))
    for market in control.markets(body):
        control.maker.move_to(market, price, control.now())
        scripting.set_price(control.api.exchange, market, price, control.now())


def _time(control: Control, body: Body) -> None:
    control.api.clock.offset_ms = int(body["offset_ms"])


def _deposit(control: Control, body: Body) -> None:
    exchange, asset, qty, now = control.api.exchange, str(body["asset"]), Decimal(str(body["qty"])), control.now()
    account = _account(control, body)
    scripting.deposit(account, asset, qty, now)
    if body.get("event", True):
        control.stream.say(account, events.balance_update(asset, qty, now))
        account.touched.add(asset)
        exchange.touch(account)
        exchange.finish(now)


def _fees(control: Control, body: Body) -> None:
    exchange = control.api.exchange
    exchange.fees = replace(exchange.fees, bnb_price=_decimal(body, "bnb_price"))


def _account(control: Control, body: Body) -> Account:
    accounts = control.api.exchange.accounts.by_name
    if body["account"] not in accounts:
        raise ScriptError(f"no account {body['account']!r}; there are {sorted(accounts)}")
    return accounts[body["account"]]


def _balance(control: Control, body: Body) -> None:
    accounts = control.api.exchange.accounts.by_name
    name, asset, free = str(body["account"]), str(body["asset"]), Decimal(str(body["free"]))
    if name not in accounts or free < 0:
        raise ScriptError(f"account {name!r} must be one of {sorted(accounts)} and free not negative")
    accounts[name].balance(asset).free = free


def _playback(control: Control, body: Body) -> None:
    control.scripts.play(on=bool(body["on"]))
    control.scripts.playback.away = bool(body.get("away", False))
    looks = ((str(op), int(status), str(text).encode()) for op, status, text in body.get("looks", ()))
    control.scripts.playback.looks = deque(looks)
    if control.scripts.playback.away:
        control.scripts.playback.forget()
        _drop_connections(control, body)


def _answer(control: Control, body: Body) -> None:
    control.scripts.playback.answer(int(body["number"]), int(body["status"]), str(body["body"]).encode())


def _asked(control: Control, body: Body) -> Any:  # noqa: ARG001 - one signature for all
    waiting = control.scripts.playback.asked.items()
    return [{"number": number, "op": asked.op, "params": asked.params} for number, asked in waiting]


def _say(control: Control, body: Body) -> None:
    control.stream.say(_account(control, body), str(body["event"]).encode())


def _reset(control: Control, body: Body) -> None:  # noqa: ARG001 - one signature for all
    control.scripts.reset()
    control.stream.reset()
    control.api.limits.reset()
    control.api.clock.offset_ms = 0
    scripting.reset(control.api.exchange)
    _fees(control, {})
    control.maker.reset()
    control.maker.step(control.now())


def _orders(control: Control, body: Body) -> Any:
    wanted = body.get("account")
    return [
        {
            "account": order.account.name,
            "originalClientOrderId": order.placed_client_order_id,
            **answers.queried(order),
        }
        for order in control.api.exchange.orders.values()
        if wanted in (None, order.account.name)
    ]


def _trades(control: Control, body: Body) -> Any:
    wanted = body.get("account")
    return [
        {
            "account": trade.order.account.name,
            "clientOrderId": trade.order.client_order_id,
            "originalClientOrderId": trade.order.placed_client_order_id,
            **answers.trade(trade),
        }
        for trade in control.api.exchange.trades
        if wanted in (None, trade.order.account.name)
    ]


POST: dict[str, Callable[[Control, Body], Any]] = {
    "mode": _mode,
    "fill": _fill,
    "cancel": _cancel,
    "expire": _expire,
    "reduce": _reduce,
    "hold": _hold,
    "release": _release,
    "reject": _reject,
    "delay": _delay,
    "fault": _fault,
    "events": _events,
    "drop_connections": _drop_connections,
    "ws_api": _ws_api,
    "maintenance": _maintenance,
    "symbol": _symbol,
    "price": _price,
    "time": _time,
    "balance": _balance,
    "deposit": _deposit,
    "fees": _fees,
    "playback": _playback,
    "answer": _answer,
    "say": _say,
    "reset": _reset,
}
GET: dict[str, Callable[[Control, Body], Any]] = {"held": _held, "asked": _asked, "orders": _orders, "trades": _trades}
