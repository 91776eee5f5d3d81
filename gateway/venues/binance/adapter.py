"""Binance Spot behind the venue protocol: one account, one connection for orders and their events, REST beside it.

Source of every method name and path: Binance Spot API, web-socket-api.md and rest-api.md.
"""

import asyncio
import hashlib
import os
import time
from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial

import msgspec

from gateway.domain.intents import AmendIntent, CancelIntent, PlaceIntent, SettleIntent
from gateway.domain.reconcile import SnapshotRequest, VenueSnapshot
from gateway.domain.values import OrdRejReason
from gateway.domain.venue_reports import Operation
from gateway.venues.base import Sinks, VenueSettingsError
from gateway.venues.binance import parse
from gateway.venues.binance.balances import ACCOUNT_POSITION, Balances
from gateway.venues.binance.book_ticker import BookTickers
from gateway.venues.binance.calls import UNAVAILABLE, AmendCall, OrderCall, PlaceCall
from gateway.venues.binance.cancels import Cancels
from gateway.venues.binance.channel import Answer, RequestLostError
from gateway.venues.binance.clock import VenueClock
from gateway.venues.binance.environments import Credentials, endpoints, load_credentials
from gateway.venues.binance.filters import RateLimit
from gateway.venues.binance.limits import PLACE_WEIGHT, Hosts, Limits, Use
from gateway.venues.binance.payload import PayloadError, Raw
from gateway.venues.binance.queries import Queries
from gateway.venues.binance.reporter import Reporter
from gateway.venues.binance.requests import (
    CAPABILITIES,
    ORDER_PATH,
    Params,
    UnsupportedOrderError,
    amend_params,
    place_params,
)
from gateway.venues.binance.rest import NotSentError, RestClient
from gateway.venues.binance.sending import Sending
from gateway.venues.binance.settings import BinanceSettings, OrderEntry
from gateway.venues.binance.settlement import Settlements
from gateway.venues.binance.silence import SilenceWatch
from gateway.venues.binance.snapshot import Snapshots
from gateway.venues.binance.startup import account_uid, check_key, repeat_until_done
from gateway.venues.binance.upkeep import Upkeep
from gateway.venues.binance.user_stream import Hooks, OpenError, UserStream
from gateway.venues.binance.ws_api import Listener, WsConnection

_AMEND_WEIGHT = 4
_CONNECTS_WITHIN_S = 5.0  # else the engine is told that it has to ask for what happens
_UNCHECKED = "what its key may do is not known yet"
_HOSTS = Hosts()  # one address a process, so one budget a process


class BinanceVenue:
    """One Binance Spot account."""

    capabilities = CAPABILITIES

    def __init__(
        self,
        venue_account: str,
        settings: Mapping[str, object],
        sinks: Sinks,
        *,
        allow_live: bool = False,
        environ: Mapping[str, str] = os.environ,
        now_ns: Callable[[], int] = time.time_ns,
        hosts: Hosts = _HOSTS,
    ) -> None:
        """Raises VenueSettingsError. Connects to nothing yet."""
        self.venue_account = venue_account
        self._settings = BinanceSettings.read(venue_account, settings)
        self._endpoints = endpoints(self._settings.environment, self._settings.base_url, allow_live=allow_live)
        # Behind a function, so that nothing here shows the environment's variables.
        environment = self._settings.environment
        self._load_credentials: Callable[[], Credentials] = lambda: load_credentials(
            environment, venue_account, environ
        )
        self._credentials = self._load_credentials()
        self._sinks = sinks
        self._clock = VenueClock(now_ns)
        self._limits = Limits(self._settings.cancel_reserve, hosts[self._endpoints.rest_url], sinks.alert)
        self._upkeep = Upkeep(venue_account, self._settings, sinks, self._clock, self._limits, self._started_rest)
        self._reporter = Reporter(
            venue_account, sinks, self._clock, self._limits, self._resync_clock, self._upkeep.doubt_instruments
        )
        queries = Queries(
            self._reporter,
            self._clock,
            self._limits,
            connection=lambda: self._stream.connection,
            rest=self._started_rest,
            credentials=lambda: self._credentials,
        )
        self._sending = Sending(
            self._started_rest, lambda: self._credentials, self._settings.answer_timeout_ms / 1_000, self._spawn
        )
        self._cancels = Cancels(self._reporter, self._sending, queries.ask, self._cancels_over)
        self._settlements = Settlements(self._reporter, partial(self._ask_of_order, queries))
        self._snapshots = Snapshots(self._reporter, queries.ask)
        self._balances = Balances(partial(sinks.balances, venue_account))
        self._stream = UserStream(
            self._endpoints.ws_url,
            credentials=lambda: self._credentials,
            clock=self._clock,
            limits=self._limits,
            listener=Listener(event=self._event, rate_limits=self._observe, unreadable=self._unreadable),
            hooks=Hooks(self._up, self._down, sinks.alert, self._resync_clock, self._reporter.note),
            lifetime_s=self._settings.connection_lifetime_s,
        )
        self._tickers = BookTickers(
            self._endpoints.market_url,
            self._settings.reference_symbols,
            query=self._upkeep.book_tickers,
            refresh_s=self._settings.reference_refresh_s,
            now_ns=now_ns,
            alert=sinks.alert,
            told=partial(sinks.quotes, venue_account),
        )
        self._rest: RestClient | None = None
        self._uid: int | None = None  # whose account the key was at the start
        self._ready = asyncio.Event()
        self._is_checked = False  # what the key may do: no new order goes before that
        self._tasks: set[asyncio.Task[None]] = set()
        self._resync: asyncio.Task[None] | None = None
        self._quiet_until = 0.0
        self._reloading = asyncio.Lock()
        self._silence = SilenceWatch(self._settings.event_timeout_ms / 1_000, self._stream_silent)

    @property
    def identity(self) -> str:
        """A digest of host and key."""
        return self._identity(self._credentials)

    def _identity(self, credentials: Credentials) -> str:
        return hashlib.sha256(f"{self._endpoints.rest_url} {credentials.api_key}".encode()).hexdigest()

    def clock_ms(self) -> int:
        """The venue's time, ms UTC."""
        return self._clock.clock_ms()

    async def start(self) -> None:
        """Learn clock, instruments and limits, then connect. Raises VenueSettingsError if the key may do too much.

        What it may do is asked while fills are heard and cancels go already: the venue answers that elsewhere.
        """
        if self._rest is None:  # else a start with another key was refused before
            self._rest = RestClient(self._endpoints.rest_url, self._limits, self._clock.clock_ms)
        rest = self._rest
        alert = self._sinks.alert
        await repeat_until_done(self._upkeep.learn_clock, alert)
        await repeat_until_done(self._upkeep.learn_instruments, alert)
        uid = await repeat_until_done(lambda: account_uid(rest, self._credentials, self._clock), alert)
        await self._refuse_anothers(uid)
        if self._uid is None:
            self._uid = uid
            self._connect(rest)
        await repeat_until_done(lambda: check_key(rest, self._settings, self._credentials, self._clock, alert), alert)
        self._is_checked = True
        if self._stream.connection is not None:
            self._available()
        await self._ready.wait()

    def _connect(self, rest: RestClient) -> None:
        self._stream.start(rest.session)
        self._tickers.start(rest.session, None if self._settings.symbols else self._upkeep.instruments)
        self._spawn(self._upkeep.keep_clock())
        self._spawn(self._upkeep.keep_instruments())
        self._spawn(self._silence.run())
        self._spawn(self._be_asked())

    async def _be_asked(self) -> None:
        await asyncio.sleep(_CONNECTS_WITHIN_S)
        if self._stream.connection is None and not self._ready.is_set():
            self._sinks.availability(self.venue_account, available=False, reason="no event stream yet")

    async def stop(self) -> None:
        """Close everything. Requests without an answer become unknown outcomes; cancels held back are not sent."""
        self._cancels.stop()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._settlements.stop()
        await self._stream.stop()
        await self._tickers.stop()
        if self._rest is not None:
            await self._rest.close()

    async def reload_keys(self, others: Collection[str] = ()) -> None:
        """Read the key again, ask what it may do, and move to a connection that it has opened. Raises as promised."""
        async with self._reloading:
            fresh = await asyncio.to_thread(self._load_credentials)  # it may have a command run
            if self._identity(fresh) in others:
                raise VenueSettingsError(f"venue account {self.venue_account!r}: another one has this API key already")
            if self._rest is not None:
                try:
                    await check_key(self._rest, self._settings, fresh, self._clock, self._sinks.alert)
                    uid = await account_uid(self._rest, fresh, self._clock)
                    if self._uid not in (None, uid):  # it would say of our orders that they do not exist
                        text = f"venue account {self.venue_account!r}: the new key is of another account of the venue"
                        raise VenueSettingsError(text)
                    await self._refuse_anothers(uid)
                    await self._stream.move(fresh)
                except (RequestLostError, PayloadError, OpenError) as error:
                    text = f"venue account {self.venue_account!r}: the new key does not work: {error}"
                    raise VenueSettingsError(text) from None
            self._credentials = fresh

    async def _refuse_anothers(self, uid: int) -> None:
        if problem := await self._sinks.owner(self.venue_account, str(uid)):
            raise VenueSettingsError(problem)

    # Orders

    def place(self, intent: PlaceIntent) -> None:
        """Send a new order, once."""
        now_ms = self._clock.clock_ms()
        refusal = self._limits.refuses_place(now_ms, Use.NEW if intent.leg == 1 else Use.REPLACE)
        if refusal is not None:
            self._reporter.refuse(intent, Operation.PLACE, refusal, OrdRejReason.EXCEEDS_LIMIT)
            return
        connection = self._stream.connection
        if connection is None:
            # Even over REST: without a stream, what becomes of the order would not be heard.
            self._reporter.refuse(intent, Operation.PLACE, f"{UNAVAILABLE} not connected")
            return
        if not self._is_checked:
            self._reporter.refuse(intent, Operation.PLACE, f"{UNAVAILABLE} {_UNCHECKED}")
            return
        try:
            params = place_params(intent, self._settings.self_trade_prevention)
        except UnsupportedOrderError as error:
            self._reporter.refuse(intent, Operation.PLACE, str(error), OrdRejReason.UNSUPPORTED)
            return
        self._limits.spend(now_ms, PLACE_WEIGHT, order=True)
        call = PlaceCall(self._reporter, intent, self._silence)
        if self._settings.order_entry is OrderEntry.REST:
            self._over_rest("POST", params, call)
        else:
            self._over_ws(connection, "order.place", params, call)

    def cancel(self, intent: CancelIntent) -> None:
        """Send a cancel; on the other channel when this one is down, and after a ban when it still can be."""
        self._cancels.cancel(intent)

    def cancel_all(self, intents: Sequence[CancelIntent]) -> None:
        """Send one request for cancels of all that is open in a symbol."""
        self._cancels.cancel_all(intents)

    def amend(self, intent: AmendIntent) -> None:
        """Reduce a quantity in place.

        Over the WebSocket API alone: the HTTP client repeats a PUT by itself when a kept connection turns out dead,
        and the second would be refused for what the first did.
        """
        connection = self._stream.connection
        if connection is None:
            self._reporter.refuse(intent, Operation.AMEND, f"{UNAVAILABLE} not connected", may_retry=True)
            return
        refusal = self._limits.refuses_order(self._clock.clock_ms(), _AMEND_WEIGHT, Use.REPLACE)
        if refusal is not None:
            self._reporter.refuse(intent, Operation.AMEND, refusal, may_retry=True)
            return
        self._limits.spend(self._clock.clock_ms(), _AMEND_WEIGHT)
        call = AmendCall(self._reporter, intent)
        self._over_ws(connection, "order.amend.keepPriority", amend_params(intent), call)

    def settle(self, intent: SettleIntent) -> None:
        """Find out what became of an order."""
        self._settlements.start(intent)

    async def _ask_of_order(self, queries: Queries, method: str, params: Params, intent: SettleIntent) -> Answer:
        """Another account would be told that there is no such order, and it would be taken for over."""
        if self._uid is None:
            raise RequestLostError("it is not known yet whether the key is of the orders' account")
        return await queries.ask(method, params, intent)

    async def snapshot(self, request: SnapshotRequest) -> VenueSnapshot:
        """Look at the whole account. Raises SnapshotError."""
        stream, stands = self._balances.stream, self._stream.connection is not None
        taken = await self._snapshots.take(request)
        if stands:  # else they would change unheard
            self._balances.shown(taken.balances, stream)
        return replace(taken, heard=stands)

    # Sending

    def _over_ws(self, connection: WsConnection, method: str, params: Params, call: OrderCall) -> None:
        body = msgspec.json.encode(params)
        self._reporter.record("out", call.operation, call.intent, f"{method} {body.decode()}")
        self._sending.over_ws(connection, method, params, body, call)

    def _over_rest(self, verb: str, params: Params, call: OrderCall) -> None:
        text = f"{verb} {ORDER_PATH} {msgspec.json.encode(params).decode()}"
        self._reporter.record("out", call.operation, call.intent, text)
        self._sending.over_rest(verb, ORDER_PATH, params, call)

    def _cancels_over(self) -> WsConnection | None:
        return None if self._settings.order_entry is OrderEntry.REST else self._stream.connection

    # What arrives

    def _event(self, raw: Raw) -> None:
        try:
            reports = parse.event(self.venue_account, raw)
            if reports == ACCOUNT_POSITION:
                self._balances.told(raw)
        except PayloadError as error:
            # It may have been a fill: settling everything is the only way to know.
            self._reporter.note("in", "event", raw)
            self._unreadable(str(error))
            self._stream.rebuild("an event could not be read")
            return
        self._reporter.note("in", "event", raw, reports[0].client_id if isinstance(reports, tuple) else "")
        if isinstance(reports, tuple):
            self._silence.heard((reports[0].symbol, reports[0].venue_order_id or ""))
            self._reporter.tell(reports)
        elif reports == "eventStreamTerminated":
            self._stream.rebuild("the venue ended the event stream")
        elif reports == "serverShutdown":
            self._stream.renew()

    def _observe(self, limits: Iterable[RateLimit], in_flight: int, age_ms: int) -> None:
        self._limits.observe(limits, self._clock.clock_ms(), in_flight, age_ms)

    def _unreadable(self, text: str) -> None:
        now = asyncio.get_running_loop().time()
        if now >= self._quiet_until:  # one alert a second tells as much as a thousand
            self._quiet_until = now + 1
            self._sinks.alert("VENUE_FRAME_UNREADABLE", text)

    def _up(self) -> None:
        self._silence.forget()
        self._reporter.forget()
        if self._is_checked:
            self._available()
        else:
            self._sinks.availability(self.venue_account, available=False, reason=_UNCHECKED)

    def _available(self) -> None:
        self._ready.set()
        self._sinks.availability(self.venue_account, available=True, reason="")

    def _down(self, reason: str) -> None:
        self._silence.forget()
        self._balances.forget()
        self._sinks.availability(self.venue_account, available=False, reason=reason)

    def _stream_silent(self, text: str) -> None:
        self._sinks.alert("VENUE_STREAM_SILENT", f"venue account {self.venue_account}: {text}")
        self._stream.rebuild("the event stream is silent")

    # Tasks

    def _resync_clock(self) -> None:
        """Once for all that were refused meanwhile: each reading is several requests."""
        if self._resync is None or self._resync.done():
            self._clock.doubt()
            self._resync = self._spawn(self._upkeep.measure_clock())

    def _started_rest(self) -> RestClient:
        if self._rest is None:
            raise NotSentError("not started")
        return self._rest

    def _spawn(self, work: Coroutine[object, object, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._sinks.alert("VENUE_ADAPTER_DEFECT", f"venue account {self.venue_account}: {error!r}")
