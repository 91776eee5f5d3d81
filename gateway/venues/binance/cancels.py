"""Cancels, one by one or all of a symbol at once: on the channel that stands, and after a ban when it still can be."""

import asyncio
from collections.abc import Callable, Sequence

import msgspec

from gateway.domain.intents import CancelIntent
from gateway.domain.venue_reports import Operation
from gateway.venues.binance.calls import CancelCall
from gateway.venues.binance.mass_cancel import METHOD, PATH, Ask, CancelAllCall, mass_cancel_params
from gateway.venues.binance.reporter import Reporter
from gateway.venues.binance.requests import ORDER_PATH, Params, cancel_params
from gateway.venues.binance.sending import Sending
from gateway.venues.binance.ws_api import WsConnection

_WEIGHT = 1


class Cancels:
    """One account's. Used from the adapters' loop only."""

    def __init__(
        self, reporter: Reporter, sending: Sending, ask: Ask, connection: Callable[[], WsConnection | None]
    ) -> None:
        """connection: what they go over; None where they have to go over REST."""
        self._reporter = reporter
        self._sending = sending
        self._ask = ask
        self._connection = connection
        self._held: list[tuple[CancelIntent, ...]] = []  # each to be sent by one request
        self._held_timer: asyncio.TimerHandle | None = None

    def cancel(self, intent: CancelIntent) -> None:
        """Send one."""
        if not self._has_to_wait((intent,)):
            connection = self._connection()
            if connection is None:
                self._one_over_rest(intent)
                return
            call = CancelCall(
                self._reporter, intent, otherwise=self._one_over_rest, hold=lambda one: self._hold((one,))
            )
            body = self._record_out((intent,), "order.cancel", params := cancel_params(intent))
            self._sending.over_ws(connection, "order.cancel", params, body, call)

    def cancel_all(self, intents: Sequence[CancelIntent]) -> None:
        """Send one request for all of these, which are of one symbol."""
        if not self._has_to_wait(intents):
            connection = self._connection()
            if connection is None:
                self._all_over_rest(intents)
                return
            params = mass_cancel_params(intents)
            body = self._record_out(intents, METHOD, params)
            self._sending.over_ws(connection, METHOD, params, body, self._call(intents, self._all_over_rest))

    def stop(self) -> None:
        """What is held back is not sent."""
        if self._held_timer is not None:
            self._held_timer.cancel()

    def _has_to_wait(self, intents: Sequence[CancelIntent]) -> bool:
        """Held back, or given back to be sent again, while the venue takes nothing; else the weight is spent."""
        limits, now_ms = self._reporter.limits, self._reporter.clock.clock_ms()
        wait_ms = limits.cancel_wait_ms(now_ms)
        if not wait_ms:
            limits.spend(now_ms, _WEIGHT)
            return False
        if not self._put_by(intents, now_ms, wait_ms):
            text = f"VENUE_RATE_LIMIT the venue takes nothing before {now_ms + wait_ms} (ms UTC)"
            for intent in intents:
                self._reporter.refuse(intent, Operation.CANCEL, text, may_retry=True)
        return True

    def _one_over_rest(self, intent: CancelIntent) -> None:
        call = CancelCall(self._reporter, intent, otherwise=None, hold=lambda one: self._hold((one,)))
        self._record_out((intent,), f"DELETE {ORDER_PATH}", params := cancel_params(intent))
        self._sending.over_rest("DELETE", ORDER_PATH, params, call)

    def _all_over_rest(self, intents: Sequence[CancelIntent]) -> None:
        params = mass_cancel_params(intents)
        self._record_out(intents, f"DELETE {PATH}", params)
        self._sending.over_rest("DELETE", PATH, params, self._call(intents, None))

    def _call(
        self, intents: Sequence[CancelIntent], otherwise: Callable[[Sequence[CancelIntent]], None] | None
    ) -> CancelAllCall:
        return CancelAllCall(
            self._reporter,
            intents,
            otherwise=otherwise,
            hold=self._hold,
            one_by_one=self.cancel,
            look=self._look,
        )

    def _look(self, call: CancelAllCall, why: str) -> None:
        task = self._sending.spawn(call.settle_doubt(self._ask, why))

        def over(done: "asyncio.Task[None]") -> None:
            if done.cancelled() or done.exception() is not None:
                call.all_in_doubt(why)

        task.add_done_callback(over)

    def _hold(self, intents: Sequence[CancelIntent]) -> bool:
        """The venue has just said that it takes nothing for a while."""
        now_ms = self._reporter.clock.clock_ms()
        return self._put_by(intents, now_ms, self._reporter.limits.cancel_wait_ms(now_ms))

    def _put_by(self, intents: Sequence[CancelIntent], now_ms: int, wait_ms: int) -> bool:
        """During a ban, keep cancels whose signed window outlasts it, to go out first when it ends."""
        valid_until_ms = min(intent.timestamp_ms + intent.recv_window_ms for intent in intents)
        if not wait_ms or now_ms + wait_ms >= valid_until_ms:
            return False
        if not self._held:
            self._held_timer = asyncio.get_running_loop().call_later(wait_ms / 1_000, self._send_held)
        self._held.append(tuple(intents))
        return True

    def _send_held(self) -> None:
        held, self._held = self._held, []
        for intents in held:
            if len(intents) == 1:
                self.cancel(intents[0])
            else:
                self.cancel_all(intents)

    def _record_out(self, intents: Sequence[CancelIntent], what: str, params: Params) -> bytes:
        """Returns the parameters as they are sent over the WebSocket API."""
        body = msgspec.json.encode(params)
        text = f"{what} {body.decode()}"
        for intent in intents:
            self._reporter.record("out", Operation.CANCEL, intent, text)
        return body
