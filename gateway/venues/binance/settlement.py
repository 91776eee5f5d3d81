"""Settling: finding out what became of an order, by queries that change nothing.

Every trade is told before the verdict. "Order does not exist" is believed only when the question was put after the last
moment at which the venue could still accept the signed request, by the time that has gone by here (the host's clock,
from which the venue's is reckoned, may be set), and when the account's order history agrees: it has neither the order
nor, under an id that is not ours, one that looks like it. Whoever cancels by the venue's own pages gives an order a
random id.
An order that the venue says is archived had ended without an execution more than 90 days before, which is believed of
one that is as old.
A settlement ends with a verdict or with stop(), never by giving up.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple, NoReturn

from gateway.domain.intents import SettleIntent
from gateway.domain.money import ZERO, add
from gateway.domain.venue_reports import (
    CloseReason,
    VenueClosed,
    VenueOrderMissing,
    VenueOrderWorking,
    VenueReport,
    VenueTraded,
)
from gateway.venues.backoff import backoff_s
from gateway.venues.binance import answers
from gateway.venues.binance.answers import OrderState
from gateway.venues.binance.channel import Answer, RequestLostError
from gateway.venues.binance.errors import ORDER_ARCHIVED
from gateway.venues.binance.payload import PayloadError, Raw
from gateway.venues.binance.reporter import Reporter
from gateway.venues.binance.requests import Params

_PAGE = 1_000
_ARCHIVED_AFTER_MS = 89 * 86_400_000  # documented are 90 days; one for clocks
_HISTORY_MARGIN_MS = 120_000  # more than the longest recvWindow and the venue's own timeouts
_ALERT_EVERY = 10
_AT_ONCE = 8  # more would only queue up at the venue, before orders and cancels

Ask = Callable[[str, Params, SettleIntent], Awaitable[Answer]]


class _NotYetError(Exception):
    """No verdict can be given now; the text says why."""


class _RefusedError(_NotYetError):
    """A query was refused; `order_unknown` when because there is no such order."""

    def __init__(self, text: str, *, order_unknown: bool) -> None:
        super().__init__(text)
        self.order_unknown = order_unknown


class _ArchivedError(_RefusedError):
    """The venue keeps no more of the order than that it ended without an execution."""


class _Asked(NamedTuple):
    intent: SettleIntent
    at: float  # by the loop's clock


def is_over(intent: SettleIntent, waited_s: float) -> bool:
    """Whether so much time has gone by that nothing sent before can still be accepted.

    Public: gateway/cli/scratch_engine.py, whose exchange is asked when its answer is certain, says yes at once.
    """
    return waited_s >= (intent.accepted_until_ms - intent.timestamp_ms) / 1_000


@dataclass(slots=True)
class _Running:
    task: asyncio.Task[None]
    again: _Asked | None = None


class Settlements:
    """At most one settlement an order leg; one asked for meanwhile runs after it, since the world has moved on."""

    def __init__(self, reporter: Reporter, ask: Ask) -> None:
        self._reporter = reporter
        self._ask = ask
        self._running: dict[tuple[str, int], _Running] = {}
        self._suspected: set[tuple[str, str]] = set()  # (client id, venue order id) that were alerted
        self._turns = asyncio.Semaphore(_AT_ONCE)

    def start(self, intent: SettleIntent) -> None:
        """Settle in the background."""
        self._start(_Asked(intent, asyncio.get_running_loop().time()))

    def _start(self, asked: _Asked) -> None:
        key = (asked.intent.order_id, asked.intent.leg)
        running = self._running.get(key)
        if running is not None:
            running.again = asked
            return
        task = asyncio.get_running_loop().create_task(self._settle(asked))
        self._running[key] = _Running(task)
        task.add_done_callback(lambda done: self._over(key, done))

    async def stop(self) -> None:
        """Give up all of them; the next start of the engine asks again."""
        tasks = [running.task for running in self._running.values()]
        self._running.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _over(self, key: tuple[str, int], task: asyncio.Task[None]) -> None:
        running = self._running.pop(key, None)
        if task.cancelled() or running is None:
            return
        error = task.exception()
        if error is not None:
            self._reporter.sinks.alert("VENUE_SETTLEMENT_DEFECT", f"order {key[0]} leg {key[1]}: {error!r}")
        if running.again is not None:
            self._start(running.again)

    async def _settle(self, asked: _Asked) -> None:
        attempt, intent = 0, asked.intent
        while True:
            wait_s = 0.0
            try:
                async with self._turns:  # not while it waits to ask again
                    reports = await self._verdict(asked)
            except (_NotYetError, RequestLostError, PayloadError) as error:
                attempt += 1
                if attempt % _ALERT_EVERY == 0:
                    text = f"order {intent.order_id} leg {intent.leg}: {attempt} attempts, last: {error}"
                    self._reporter.sinks.alert("VENUE_SETTLEMENT_DELAYED", text)
                wait_s = backoff_s(attempt)
            else:
                for report in reports:
                    self._reporter.sinks.report(report)
                return
            now_ms = self._reporter.clock.clock_ms()
            await asyncio.sleep(max(wait_s, self._reporter.limits.paused_for_ms(now_ms) / 1_000))

    async def _verdict(self, asked: _Asked) -> list[VenueReport]:
        """Trades and the verdict. Raises _NotYetError, RequestLostError or PayloadError when there is none yet."""
        intent = asked.intent
        # Read before asking: a "no" counts only if it was said after this moment.
        certain = is_over(intent, asyncio.get_running_loop().time() - asked.at)
        try:
            state = await self._status(intent)
        except _ArchivedError as error:
            if self._reporter.clock.clock_ms() - intent.placed_ms < _ARCHIVED_AFTER_MS:
                raise
            return [self._archived(intent, str(error))]
        if state is None:
            if not certain:
                raise _NotYetError("the venue does not know the order, and could still accept it")
            state = await self._history(intent)
        if state is None:
            return [self._missing(intent)]
        trades = await self._trades(intent, state) if state.cum_qty else []
        traded = _total(trades)
        if traded < state.cum_qty:
            raise _NotYetError(f"the venue executed {state.cum_qty} and shows trades for {traded}")
        return [*trades, self._found(intent, state, traded)]

    async def _status(self, intent: SettleIntent) -> OrderState | None:
        """By the venue's order id when we know it, since a client id may have been replaced there."""
        by_client: Params = {"origClientOrderId": intent.client_id}
        targets = [by_client]
        if intent.venue_order_id is not None:
            targets.insert(0, {"orderId": int(intent.venue_order_id)})
        for target in targets:
            try:
                state = answers.order_state(await self._query("order.status", target, intent))
                if _is_meant(intent, state):
                    return state
            except _RefusedError as error:
                if not error.order_unknown:
                    raise
        return None

    async def _history(self, intent: SettleIntent) -> OrderState | None:
        """Look through the account's orders of the time when it was submitted."""
        if intent.venue_order_id is not None:
            page: Params = {"orderId": int(intent.venue_order_id)}
        else:
            page = {"startTime": intent.placed_ms - _HISTORY_MARGIN_MS}
        until_ms = min(intent.accepted_until_ms, intent.placed_ms + _HISTORY_MARGIN_MS)
        while True:
            states = answers.order_states(await self._query("allOrders", {**page, "limit": _PAGE}, intent))
            for state in states:
                if _is_meant(intent, state):
                    return state
            for state in states:
                if intent.venue_order_id is None and _looks_like(intent, state, until_ms):
                    self._suspect(intent, state)
            past = states and states[-1].created_ms > until_ms
            if len(states) < _PAGE or past:
                return None
            page = {"orderId": int(states[-1].venue_order_id) + 1}

    def _suspect(self, intent: SettleIntent, state: OrderState) -> NoReturn:
        text = (
            f"order {intent.order_id} leg {intent.leg}: the venue does not know {intent.client_id}, but has order "
            f"{state.venue_order_id} just like it under {state.client_id!r}: it stays unknown"
        )
        suspicion = (intent.client_id, state.venue_order_id)
        if suspicion not in self._suspected:
            self._suspected.add(suspicion)
            self._reporter.sinks.alert("VENUE_ORDER_UNDER_FOREIGN_ID", text)
        raise _NotYetError(text)

    async def _trades(self, intent: SettleIntent, state: OrderState) -> list[VenueTraded]:
        found: list[VenueTraded] = []
        page: Params = {"orderId": int(state.venue_order_id), "limit": _PAGE}
        while True:
            some = answers.trades(self._reporter.ref(intent), await self._query("myTrades", page, intent))
            found.extend(some)
            if len(some) < _PAGE:
                return found
            page = {**page, "fromId": answers.highest_trade_id(some) + 1}

    async def _query(self, method: str, params: Params, intent: SettleIntent) -> Raw:
        answer = await self._ask(method, {**params, "symbol": intent.symbol}, intent)
        if answer.ok:
            return answer.result
        failure = answer.failure()
        self._reporter.heed(failure)
        kind = _ArchivedError if failure.code == ORDER_ARCHIVED else _RefusedError
        raise kind(f"{method}: {failure.text}", order_unknown=failure.order_unknown)

    def _archived(self, intent: SettleIntent, text: str) -> VenueClosed:
        return VenueClosed(
            venue_account=self._reporter.venue_account,
            symbol=intent.symbol,
            client_id=intent.client_id,
            venue_order_id=intent.venue_order_id,
            transact_time=self._reporter.clock.clock_ms() * 1_000_000,
            reason=CloseReason.CANCELED,
            cum_qty=ZERO,
            text=text,
        )

    def _found(self, intent: SettleIntent, state: OrderState, traded: Decimal) -> VenueReport:
        if state.reason is None:
            return VenueOrderWorking(
                venue_account=self._reporter.venue_account,
                symbol=intent.symbol,
                client_id=intent.client_id,
                venue_order_id=state.venue_order_id,
                transact_time=state.transact_time,
                qty=state.qty,
                cum_qty=max(traded, state.cum_qty),
            )
        return VenueClosed(
            venue_account=self._reporter.venue_account,
            symbol=intent.symbol,
            client_id=intent.client_id,
            venue_order_id=state.venue_order_id,
            transact_time=state.transact_time,
            reason=state.reason,
            cum_qty=max(traded, state.cum_qty),
        )

    def _missing(self, intent: SettleIntent) -> VenueOrderMissing:
        if intent.venue_order_id is not None:
            text = f"order {intent.order_id}: the venue had accepted it as {intent.venue_order_id} and has lost it"
            self._reporter.sinks.alert("VENUE_ORDER_LOST", text)
        return VenueOrderMissing(
            venue_account=self._reporter.venue_account,
            symbol=intent.symbol,
            client_id=intent.client_id,
            venue_order_id=intent.venue_order_id,
            transact_time=self._reporter.clock.clock_ms() * 1_000_000,
        )


def _is_meant(intent: SettleIntent, state: OrderState) -> bool:
    """Whether this is the order that was asked for.

    We give a client id once, so that it proves it, whatever the times: our clock may have been set back since. Venues
    give their own ids again after a test exchange was wiped.
    """
    if state.client_id == intent.client_id:
        return True
    if state.created_ms < intent.placed_ms - _HISTORY_MARGIN_MS:
        return False
    return state.venue_order_id == intent.venue_order_id and not state.client_id.startswith(_our_prefix(intent))


def _looks_like(intent: SettleIntent, state: OrderState, until_ms: int) -> bool:
    """Whether it could be the order under an id that somebody else gave it."""
    return (
        not state.client_id.startswith(_our_prefix(intent))
        and (state.side, state.qty, state.price) == (intent.side, intent.qty, intent.price or ZERO)
        and intent.placed_ms - _HISTORY_MARGIN_MS <= state.created_ms <= until_ms
    )


def _our_prefix(intent: SettleIntent) -> str:
    """What the client ids of all orders of the deployment begin with."""
    return intent.client_id.partition("-")[0] + "-"


def _total(trades: list[VenueTraded]) -> Decimal:
    total = ZERO
    for trade in trades:
        total = add(total, trade.last_qty)
    return total
