"""Cancel a list of orders at their venues, over connections of its own, until each is known to be over."""

import asyncio
import itertools
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress

from loguru import logger

from gateway.domain.funds import Balance
from gateway.domain.instruments import Instrument
from gateway.domain.intents import CancelIntent
from gateway.domain.money import text_of
from gateway.domain.prices import Quote
from gateway.domain.reconcile import OrderAtVenue, SnapshotRequest
from gateway.domain.venue_reports import Operation, VenueClosed, VenueOutcomeUnknown, VenueRefused, VenueReport
from gateway.engine.emergency import OpenOrder, Over, Said
from gateway.venues.base import MassVenue, Sinks, SnapshotError, Venue, VenueSettingsError

_START_S = 5.0  # without its stream a venue takes cancels too
_ANSWER_S = 15.0  # more than an adapter waits
_LOOK_S = 5.0  # no cancel goes meanwhile, and one by one they are canceled as well
_RETRY_S = 1.0
_KEY_S = 5.0  # after which a key that was of another account is read again
_AT_ONCE = 50

Build = Callable[[str, Sinks], Venue]
"""A venue account's adapter, by the account's name. Raises VenueSettingsError."""


class EmergencyCancels:
    """One emergency's. Used inside one event loop."""

    def __init__(
        self,
        build: Build,
        note: Callable[[Said | Over], None],
        in_flight_s: float,
        exclusive: Collection[str] = (),
        prefix: str = "",
        owners: Mapping[str, str] | None = None,
    ) -> None:
        """note: told of everything that is said and of every order that is over.

        in_flight_s: so long after the engine's death a new order of it may still arrive at the venue.
        exclusive: venue accounts declared wholly ours; prefix: what the client ids of all our orders begin with.
        owners: the venue's own id of each account that the orders are of, as far as it is recorded.
        """
        self._owners = owners or {}
        self._exclusive = exclusive
        self._prefix = prefix
        self._build = build
        self._note = note
        self._in_flight_s = in_flight_s
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self._numbers = itertools.count(1)
        self._waiting: dict[str, asyncio.Future[VenueReport]] = {}  # by client id
        self._closed: dict[str, VenueClosed] = {}  # heard of by the stream, or late
        self._over: set[str] = set()  # client ids

    async def run(self, orders: Iterable[OpenOrder]) -> None:
        """Returns when all are over. The engine must be dead. Canceled, it closes its connections."""
        began = time.monotonic()
        by_account: dict[str, list[OpenOrder]] = {}
        for order in orders:
            by_account.setdefault(order.venue_account, []).append(order)
        await asyncio.gather(*(self._account(name, theirs, began) for name, theirs in by_account.items()))

    async def _account(self, name: str, orders: list[OpenOrder], began: float) -> None:
        while True:
            left = [order for order in orders if order.client_id not in self._over]
            if await self._with_its_key(name, left, began):
                return
            await asyncio.sleep(_KEY_S)

    async def _with_its_key(self, name: str, orders: list[OpenOrder], began: float) -> bool:
        """Returns False when the key turned out to be of another account, which does not know these orders."""
        ears = _Ears(name, self, self._owners.get(name))
        try:
            venue = self._build(name, ears)
        except VenueSettingsError as error:
            logger.critical("{} open orders cannot be canceled: {}", len(orders), error)
            return True
        start = asyncio.create_task(venue.start())
        work = asyncio.create_task(self._cancel(venue, ears, start, orders, began))
        refused = asyncio.create_task(ears.refused.wait())
        try:
            await asyncio.wait({work, refused}, return_when=asyncio.FIRST_COMPLETED)
            if ears.refused.is_set():
                return False
            await work
            return True
        finally:
            for task in (work, refused, start):
                task.cancel()
            ending = asyncio.create_task(_end(venue, start, work, refused))
            while not ending.done():  # canceled or not: what is open is closed
                with suppress(asyncio.CancelledError):
                    await asyncio.shield(ending)

    async def _cancel(
        self, venue: Venue, ears: "_Ears", start: "asyncio.Task[None]", orders: list[OpenOrder], began: float
    ) -> None:
        name = venue.venue_account
        await asyncio.wait({start}, timeout=_START_S)
        if ears.refused.is_set():
            return
        if start.done() and start.exception() is not None:
            logger.error("venue account {} does not start, canceled all the same: {!r}", name, start.exception())
        may_be_ours = name in self._exclusive and ears.certain
        if may_be_ours and isinstance(venue, MassVenue) and await self._is_wholly_ours(venue, name):
            await self._all_at_once(venue, orders)
        await asyncio.gather(*(self._until_over(venue, ears, order, began) for order in orders))

    async def _is_wholly_ours(self, venue: Venue, name: str) -> bool:
        """Whether nothing foreign is open there now, whatever was declared."""
        try:
            async with asyncio.timeout(_LOOK_S):
                seen = await venue.snapshot(SnapshotRequest(venue_account=name, request_id=0, trades_since_ms={}))
        except Exception as error:  # whatever it is, the cancels go on
            logger.error("what is open at {} is not known, canceled one by one: {!r}", name, error)
            return False
        foreign = [order.client_id for order in seen.orders if not order.client_id.startswith(self._prefix)]
        if foreign:
            text = "ALERT FOREIGN_ORDER venue account {} is declared exclusive, and order {!r} there is not ours"
            logger.critical(text, name, foreign[0])
        return not foreign

    async def _all_at_once(self, venue: MassVenue, orders: list[OpenOrder]) -> None:
        """One request a symbol. What does not end by it is canceled alone."""
        by_symbol: dict[str, list[OpenOrder]] = {}
        for order in orders:
            by_symbol.setdefault(order.symbol, []).append(order)
        loop = asyncio.get_running_loop()
        heard = {order.client_id: loop.create_future() for order in orders}
        self._waiting |= heard
        for some in by_symbol.values():
            try:
                venue.cancel_all([self._intent(venue.clock_ms(), order) for order in some])
            except Exception as error:  # an adapter's defect
                logger.opt(exception=error).error("cancel of all in {} failed", some[0].symbol)
                for order in some:  # nobody will answer
                    heard[order.client_id].cancel()
        await asyncio.wait(heard.values(), timeout=_ANSWER_S)
        for client_id in heard:
            del self._waiting[client_id]

    async def _until_over(self, venue: Venue, ears: "_Ears", order: OpenOrder, began: float) -> None:
        while True:
            report = await self._ask(venue, order)
            outcome = self._outcome(order, report, time.monotonic() - began, certain=ears.certain)
            if outcome:
                self._over.add(order.client_id)
                logger.warning("over order_id={} client_id={} {}", order.order_id, order.client_id, outcome)
                self._note(Over(time.time_ns(), order.order_id, order.client_id, outcome))
                return
            await asyncio.sleep(_RETRY_S)

    async def _ask(self, venue: Venue, order: OpenOrder) -> VenueReport | None:
        """Send the cancel. Returns what came of it, None when nothing did."""
        async with self._turns:
            if order.client_id in self._closed:
                return self._closed[order.client_id]
            heard = self._waiting[order.client_id] = asyncio.get_running_loop().create_future()
            try:
                venue.cancel(self._intent(venue.clock_ms(), order))
                return await asyncio.wait_for(heard, _ANSWER_S)
            except TimeoutError:
                return None
            except Exception as error:  # an adapter's defect; the next try may do
                logger.opt(exception=error).error("cancel of {} failed", order.client_id)
                return None
            finally:
                del self._waiting[order.client_id]

    def _intent(self, now_ms: int, order: OpenOrder) -> CancelIntent:
        return CancelIntent(
            intent_id=next(self._numbers),
            order_id=order.order_id,
            leg=order.leg,
            venue_account=order.venue_account,
            symbol=order.symbol,
            client_id=order.client_id,
            timestamp_ms=now_ms,
            recv_window_ms=5_000,
            venue_order_id=order.venue_order_id,
        )

    def _outcome(self, order: OpenOrder, report: VenueReport | None, elapsed_s: float, *, certain: bool) -> str:
        """How the order ended; "" while that is not known, and the cancel is to be sent again.

        certain: that the key is of the account which would know the order.
        """
        if isinstance(report, VenueClosed):
            return f"{report.reason} cum_qty={text_of(report.cum_qty)}"
        if isinstance(report, VenueRefused) and report.order_unknown and certain:
            arrived = order.venue_order_id is not None or elapsed_s > self._in_flight_s
            return f"not open: {report.text}" if arrived else ""
        return ""

    def heard(self, report: VenueReport) -> None:
        """A venue said something."""
        if isinstance(report, VenueClosed):
            self._closed[report.client_id] = report
        elif not (isinstance(report, VenueRefused | VenueOutcomeUnknown) and report.operation is Operation.CANCEL):
            return
        waiting = self._waiting.get(report.client_id)
        if waiting is not None and not waiting.done():
            waiting.set_result(report)

    def said(self, said: Said) -> None:
        """Take note of a request or an answer."""
        self._note(said)


async def ours_at(build: Build, name: str, prefix: str) -> tuple[OpenOrder, ...]:
    """A venue account's open orders whose client ids begin so, asked until it shows them.

    None where the venue cannot list them, or the account cannot be used.
    """
    try:
        venue = build(name, _Deaf(name))
    except VenueSettingsError as error:
        logger.critical("what is open at {} is not known: {}", name, error)
        return ()
    if not venue.capabilities.snapshot:
        logger.critical("what is open at {} is not known: the venue has no list of it", name)
        return ()
    start = asyncio.create_task(venue.start())
    try:
        await asyncio.wait({start}, timeout=_START_S)
        while True:
            try:
                seen = await venue.snapshot(SnapshotRequest(venue_account=name, request_id=0, trades_since_ms={}))
            except SnapshotError as error:
                logger.error("what is open at {} is not known yet: {}", name, error)
                await asyncio.sleep(_RETRY_S)
            else:
                break
    finally:
        start.cancel()
        await _end(venue, start)
    return tuple(_named(name, order) for order in seen.orders if order.client_id.startswith(prefix))


def _named(venue_account: str, order: OrderAtVenue) -> OpenOrder:
    """Client ids end in the OrderID and the leg."""
    order_id, _, leg = order.client_id.rpartition("-")
    return OpenOrder(
        order_id.rpartition("-")[2],
        int(leg) if leg.isdecimal() else 1,
        venue_account,
        order.symbol,
        order.client_id,
        order.venue_order_id,
    )


async def _end(venue: Venue, *tasks: "asyncio.Task[object]") -> None:
    await asyncio.gather(*tasks, return_exceptions=True)
    try:
        await venue.stop()
    except Exception as error:
        logger.opt(exception=error).error("venue account {} does not stop", venue.venue_account)


class _Deaf:
    """The sinks of one venue account that is only asked."""

    def __init__(self, venue_account: str) -> None:
        self._venue_account = venue_account

    def report(self, report: VenueReport) -> None:
        """Nobody waits for it."""

    def call(
        self, *, direction: str, operation: str, order_id: str, intent_id: int, text: str, venue_account: str = ""
    ) -> None:
        """It is not kept."""

    def availability(self, venue_account: str, *, available: bool, reason: str) -> None:
        """A venue account came or went."""
        logger.info("venue account={} available={} {}", venue_account, available, reason)

    def clock(self, venue_account: str, offset_ns: int, error_ns: int) -> None:
        """A venue's clock was read."""
        logger.info("venue clock account={} offset_ns={} error_ns={}", venue_account, offset_ns, error_ns)

    def alert(self, code: str, text: str) -> None:
        """Something a person should look at."""
        logger.warning("ALERT {} {}", code, text)

    def instruments(self, venue_account: str, instruments: Mapping[str, Instrument]) -> None:
        """Cancels need none."""

    def quotes(self, venue_account: str, quotes: Mapping[str, Quote]) -> None:
        """Cancels need none."""

    def balances(self, venue_account: str, balances: Mapping[str, Balance] | None, *, whole: bool) -> None:
        """Cancels need none."""

    async def owner(self, venue_account: str, owner: str) -> str:  # noqa: ARG002 - nothing says whose it should be
        """It may be used."""
        return ""


class _Ears(_Deaf):
    """Likewise, where cancels are sent: they hear what is said, and it is kept."""

    def __init__(self, venue_account: str, cancels: EmergencyCancels, known_owner: str | None) -> None:
        """known_owner: whose orders they are; None where that is not recorded."""
        super().__init__(venue_account)
        self._cancels = cancels
        self._known_owner = known_owner
        self.certain = known_owner is None
        self.refused = asyncio.Event()  # the key is another's

    async def owner(self, venue_account: str, owner: str) -> str:
        """A key of another account would be told of each order that it does not exist."""
        if self._known_owner in (None, owner):
            self.certain = True
            return ""
        self.refused.set()
        text = f"the key is of the exchange's account {owner}, and the open orders are of {self._known_owner}"
        logger.critical("venue account {}: {}: nothing is canceled until its key is", venue_account, text)
        return text

    def report(self, report: VenueReport) -> None:
        """A venue said something."""
        self._cancels.heard(report)

    def call(
        self,
        *,
        direction: str,
        operation: str,
        order_id: str,
        intent_id: int,  # noqa: ARG002 - ours are numbers without a row
        text: str,
        venue_account: str = "",  # noqa: ARG002 - it is one account's
    ) -> None:
        """Record a venue request or answer."""
        self._cancels.said(Said(time.time_ns(), self._venue_account, direction, operation, order_id, text))
