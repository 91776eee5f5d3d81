"""The life of a connection: moves, new keys, silence."""

import asyncio

import pytest

from gateway.domain.reconcile import SnapshotRequest
from gateway.domain.venue_reports import (
    CloseReason,
    VenueAccepted,
    VenueClosed,
    VenueOrderMissing,
    VenueOrderWorking,
    VenueRefused,
    VenueTraded,
)
from gateway.venues.base import VenueSettingsError
from gateway.venues.binance import adapter, settlement
from gateway.venues.binance.adapter import BinanceVenue
from gateway.venues.binance.book_ticker import QUERY
from gateway.venues.binance.channel import RequestLostError
from gateway.venues.binance.environments import Credentials
from gateway.venues.binance.startup import judge_key
from tests.conformance.binance.support import Make, intents, renamed
from tests.conformance.binance_exchange import BinanceExchange
from tests.conformance.exchange import Desk, eventually


class TestConnectionLife:
    async def test_moves_to_a_new_connection_without_a_gap(
        self, make: Make, exchange: BinanceExchange, desk: Desk
    ) -> None:
        venue = make(connection_lifetime_s=1.1)
        await venue.start()
        first = venue._stream.connection
        order = intents(venue, exchange)
        venue.place(order.place())
        await desk.expect(VenueAccepted)
        assert first is not None
        await first.closed
        assert venue._stream.connection not in (None, first)
        await exchange.fill(order.client_id)
        await desk.expect(VenueClosed, reason=CloseReason.FILLED)
        assert desk.availabilities == [(True, "")]
        assert len(desk.of(VenueTraded)) == 1

    async def test_a_symbol_that_was_delisted_takes_no_other_along(
        self, make: Make, exchange: BinanceExchange, desk: Desk
    ) -> None:
        """The venue answers a question that names it with an error, also at every start."""
        venue = make(symbols=(exchange.symbol, "GONEUSDT"))
        async with asyncio.timeout(30):
            await venue.start()
        assert set(desk.known) == {exchange.symbol}
        assert [code for code, _ in desk.alerts] == ["VENUE_SYMBOLS_MISSING"]
        assert "GONEUSDT" in desk.alerts[0][1]

    async def test_nor_do_its_prices(self, make: Make, exchange: BinanceExchange, desk: Desk) -> None:
        """Symbols are known here, so that nothing sorted this one out at the start."""
        names = ("GONEUSDT", exchange.symbol)
        venue = make(symbols=(exchange.symbol,), reference_symbols=names, reference_refresh_s=0.1)
        await venue.start()
        await desk.until(lambda: "UNKNOWN_SYMBOL" in desk.alert_codes() and QUERY in desk.quoted[exchange.symbol])
        assert "GONEUSDT" in dict(desk.alerts)["UNKNOWN_SYMBOL"]

    async def test_many_orders_at_the_wrong_time_have_the_clock_read_few_times(
        self, make: Make, exchange: BinanceExchange, desk: Desk
    ) -> None:
        """Each reading takes of the budget that cancels need."""
        venue = make()
        await venue.start()
        usual = len(venue._tasks)
        await exchange.skew(10_000)
        for _ in range(100):
            venue.place(intents(venue, exchange).place())
        await desk.until(lambda: len(desk.of(VenueRefused)) == 100)
        await eventually(lambda: len(venue._tasks) == usual)
        assert 2 <= len(desk.clocks) < 20
        venue.place(intents(venue, exchange).place())
        await desk.expect(VenueAccepted)

    async def test_a_rotated_key_is_used_without_a_gap(self, make: Make, exchange: BinanceExchange, desk: Desk) -> None:
        environ = exchange.environ()
        venue = make(environ)
        await venue.start()
        first = venue._stream.connection
        environ.clear()
        exchange.ed25519 = True
        environ.update(exchange.environ())
        await venue.reload_keys()
        assert first is not None
        await first.closed
        order = intents(venue, exchange)
        venue.place(order.place())
        await desk.expect(VenueAccepted, client_id=order.client_id)
        assert desk.availabilities == [(True, "")]

    async def test_a_key_that_cannot_be_read_leaves_the_old_one(
        self, make: Make, exchange: BinanceExchange, desk: Desk
    ) -> None:
        environ = exchange.environ()
        venue = make(environ)
        await venue.start()
        environ.clear()
        with pytest.raises(VenueSettingsError, match="FIXGW_SIM_MAIN_API_KEY"):
            await venue.reload_keys()
        venue.place(intents(venue, exchange).place())
        await desk.expect(VenueAccepted)

    async def test_fills_while_keys_are_exchanged_are_neither_lost_nor_doubled(
        self, make: Make, exchange: BinanceExchange, desk: Desk
    ) -> None:
        environ = exchange.environ()
        venue = make(environ)
        await venue.start()
        orders = [intents(venue, exchange) for _ in range(40)]
        for order in orders:
            venue.place(order.place())
            await desk.expect(VenueAccepted, client_id=order.client_id)
        rotated = 0

        async def rotate() -> None:
            nonlocal rotated
            while True:
                exchange.ed25519 = not exchange.ed25519
                environ.clear()
                environ.update(exchange.environ())
                await venue.reload_keys()
                rotated += 1

        rotating = asyncio.create_task(rotate())
        for order in orders:
            await exchange.fill(order.client_id)
        for order in orders:
            await desk.expect(VenueClosed, client_id=order.client_id, reason=CloseReason.FILLED)
        await eventually(lambda: rotated > 2)
        rotating.cancel()
        await asyncio.wait({rotating})
        traded = [report.client_id for report in desk.of(VenueTraded)]
        assert sorted(traded) == sorted(order.client_id for order in orders)
        assert desk.availabilities == [(True, "")]

    @pytest.mark.parametrize("flaw", ["may withdraw", "unknown there", "another's", "of another account"])
    async def test_a_key_that_will_not_do_leaves_the_old_one(
        self, make: Make, exchange: BinanceExchange, desk: Desk, flaw: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        environ = exchange.environ()
        venue = make(environ)
        await venue.start()
        first = venue._stream.connection
        old = venue.identity
        asked: list[str] = []

        async def check_key(_rest: object, settings: object, credentials: Credentials, *_: object) -> None:
            asked.append(credentials.api_key)
            judge_key(b'{"ipRestrict":true,"enableWithdrawals":%s}' % rights, venue._settings, desk.alert)

        rights = b"true" if flaw == "may withdraw" else b"false"
        monkeypatch.setattr(adapter, "check_key", check_key)
        others: set[str] = set()
        if flaw == "unknown there":
            environ["FIXGW_SIM_MAIN_API_KEY"] = "a-key-nobody-knows"
        elif flaw == "of another account":
            environ["FIXGW_SIM_MAIN_API_KEY"] = "sim-second-key"
            environ["FIXGW_SIM_MAIN_API_SECRET"] = "sim-second-secret"
        else:
            exchange.ed25519 = True
            environ.clear()
            environ.update(exchange.environ())
        if flaw == "another's":
            others = {BinanceVenue("other", venue._settings.model_dump(), desk, environ=renamed(environ)).identity}
        says = {
            "may withdraw": "may withdraw funds",
            "unknown there": "does not work: .*-2015",
            "another's": "already",
            "of another account": "another account of the venue",
        }
        with pytest.raises(VenueSettingsError, match=says[flaw]):
            await venue.reload_keys(others)
        assert asked == ([] if others else [environ["FIXGW_SIM_MAIN_API_KEY"]]), "the new key is asked about"
        assert (venue.identity, venue._stream.connection) == (old, first)
        order = intents(venue, exchange)
        venue.place(order.place())
        accepted = await desk.expect(VenueAccepted)
        venue.cancel(order.cancel(accepted.venue_order_id))
        await desk.expect(VenueClosed)
        assert desk.availabilities == [(True, "")]

    async def test_fills_are_heard_while_it_is_not_known_what_the_key_may_do(
        self, make: Make, exchange: BinanceExchange, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """That is asked of another part of the venue, which may be away."""
        before = make()
        await before.start()
        filled, canceled = intents(before, exchange), intents(before, exchange)
        for order in (filled, canceled):
            before.place(order.place())
            await desk.expect(VenueAccepted, client_id=order.client_id)
        await before.stop()
        desk.availabilities.clear()
        says = [b"", b'{"ipRestrict":true,"enableWithdrawals":true}', b'{"ipRestrict":true,"enableWithdrawals":false}']
        away = asyncio.Event()

        async def check_key(*_: object) -> None:
            if not says[0]:
                away.set()
                raise RequestLostError("HTTP 503")
            judge_key(says[0], venue._settings, desk.alert)

        monkeypatch.setattr(adapter, "check_key", check_key)
        venue = make()
        starting = asyncio.create_task(venue.start())
        await desk.until(lambda: [up for up, _ in desk.availabilities] == [False])
        await away.wait()
        order = intents(venue, exchange)
        venue.place(order.place())
        refused = await desk.expect(VenueRefused, client_id=order.client_id)
        assert refused.text == "VENUE_UNAVAILABLE what its key may do is not known yet"
        await exchange.fill(filled.client_id)
        await desk.expect(VenueClosed, client_id=filled.client_id, reason=CloseReason.FILLED)
        venue.cancel(canceled.cancel())
        await desk.expect(VenueClosed, client_id=canceled.client_id, reason=CloseReason.CANCELED)
        request = SnapshotRequest(venue_account="main", request_id=1, trades_since_ms={})
        assert (await venue.snapshot(request)).heard, "what it shows may be on its way by the stream"

        del says[0]
        with pytest.raises(VenueSettingsError, match="may withdraw funds"):
            await starting
        again = intents(venue, exchange)
        venue.place(again.place())
        await desk.expect(VenueRefused, client_id=again.client_id)
        assert [up for up, _ in desk.availabilities] == [False]
        del says[0]
        await venue.reload_keys()
        await venue.start()
        assert [up for up, _ in desk.availabilities] == [False, True]
        last = intents(venue, exchange)
        venue.place(last.place())
        await desk.expect(VenueAccepted, client_id=last.client_id)

    async def test_nothing_is_settled_with_a_key_of_another_account(
        self, make: Make, exchange: BinanceExchange, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Which knows none of our orders: one that is open would be told as over."""
        monkeypatch.setattr(settlement, "backoff_s", lambda _attempt: 0.001)
        before = make()
        await before.start()
        order = intents(before, exchange)
        before.place(order.place())
        accepted = await desk.expect(VenueAccepted, client_id=order.client_id)
        await before.stop()
        environ = exchange.environ()
        right = dict(environ)
        environ["FIXGW_SIM_MAIN_API_KEY"] = "sim-second-key"
        environ["FIXGW_SIM_MAIN_API_SECRET"] = "sim-second-secret"

        async def owner(_account: str, uid: str) -> str:
            return "" if uid == "1" else "the key is of another account"

        monkeypatch.setattr(desk, "owner", owner)
        venue = make(environ)
        with pytest.raises(VenueSettingsError, match="of another account"):
            await venue.start()
        order.venue = venue
        venue.settle(order.settle(accepted.venue_order_id))
        await desk.until(lambda: "VENUE_SETTLEMENT_DELAYED" in desk.alert_codes() or bool(desk.of(VenueOrderMissing)))
        assert desk.of(VenueOrderMissing) == []
        environ.clear()
        environ.update(right)
        await venue.reload_keys()
        await venue.start()
        await desk.expect(VenueOrderWorking, client_id=order.client_id)

    async def test_an_account_without_a_stream_can_be_asked(
        self, make: Make, exchange: BinanceExchange, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(adapter, "_CONNECTS_WITHIN_S", 0.1)
        await exchange.post("ws_api", away=True)
        venue = make()
        starting = asyncio.create_task(venue.start())
        await desk.until(lambda: desk.availabilities == [(False, "no event stream yet")])
        await exchange.post("ws_api", away=False)
        await starting
        assert [up for up, _ in desk.availabilities] == [False, True]

    async def test_a_silent_stream_is_rebuilt(self, make: Make, exchange: BinanceExchange, desk: Desk) -> None:
        venue = make(event_timeout_ms=300)
        await venue.start()
        await exchange.silence(silent=True)
        order = intents(venue, exchange)
        venue.place(order.place())
        await desk.expect(VenueAccepted)
        await desk.until(lambda: [up for up, _ in desk.availabilities] == [True, False, True])
        assert "VENUE_STREAM_SILENT" in desk.alert_codes()
        await exchange.silence(silent=False)
        await exchange.fill(order.client_id)
        await desk.expect(VenueClosed, reason=CloseReason.FILLED)

    async def test_a_refused_subscription_is_tried_again(
        self, make: Make, exchange: BinanceExchange, desk: Desk
    ) -> None:
        await exchange.post("reject", op="userDataStream.subscribe.signature", code=-1022, msg="Bad.", count=2)
        venue = make()
        await venue.start()
        assert desk.availabilities == [(True, "")]
        assert desk.alert_codes() == {"VENUE_CONNECT_FAILED"}
