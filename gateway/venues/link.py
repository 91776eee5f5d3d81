"""The engine's end of the venues' process: hands it what is released, and keeps what it says of the market.

What is kept is read by the engine's thread while this object's replaces it, entry by entry where it is not all of it;
all else goes into the inbox.
"""

import itertools
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gateway.domain.funds import Balance
from gateway.domain.instruments import Capabilities, Instrument
from gateway.domain.intents import Request
from gateway.domain.prices import Quote
from gateway.domain.reconcile import SnapshotRequest
from gateway.engine import inbox as i
from gateway.errors import ConfigError, GatewayError, LeaseLost
from gateway.venues import words as w
from gateway.venues.fork import VenueProcess

_READ_BYTES = 1 << 18
_STOP_S = 15.0
_TURN_S = 2.0
_MS = 1_000_000  # ns
_ENDED = "the venues' process ended"


class VenueLink:
    """Every public method is for any thread, and returns at once."""

    def __init__(
        self,
        process: VenueProcess,
        put: Callable[[Any], None],
        *,
        owner: Callable[[str, str], str],
        on_death: Callable[[BaseException], None],
        deadline: Callable[[], int | None] = lambda: None,
    ) -> None:
        """Wait until it has built its adapters. put: into the engine's inbox. Raises ConfigError.

        owner: what is wrong with a venue account's owner. on_death: called when the process ends without being asked
        to, or did not send what it was given since the engine's lease, whose deadline this is, had run out.
        """
        self._process = process
        self._socket = process.socket
        self._put = put
        self._owner = owner
        self._on_death = on_death
        self._deadline = deadline
        self._unpacker = w.Unpacker()
        self._early: list[Any] = []  # what was said while adapters were built
        self._numbers = itertools.count()
        self._asked: dict[int, threading.Event] = {}
        self._stopping = False
        self._lock = threading.Condition()
        self._behind: deque[bytes] = deque()  # what the socket would not take yet
        self._reader = threading.Thread(target=self._read, name="venues", daemon=True)
        self._writer = threading.Thread(target=self._write, name="to the venues", daemon=True)
        self._handlers: dict[type[Any], Callable[[Any], None]] = {
            w.Here: self._here,
            w.OwnerAsked: self._owner_asked,
            w.LeaseOver: lambda _: self._on_death(LeaseLost("the lease had run out before requests were sent")),
            w.InstrumentsLearned: self._instruments_learned,
            w.QuotesHeard: lambda word: self._quotes[word.venue_account].update(word.quotes),
            w.BalancesHeard: self._balances_heard,
            i.AvailabilityChanged: self._availability_changed,
            i.ClockRead: self._clock_read,
        }
        self._capabilities = self._built()
        accounts = tuple(self._capabilities)
        self._available = dict.fromkeys(accounts, False)
        self._offset_ns = dict.fromkeys(accounts, 0)
        self._instruments: dict[str, Mapping[str, Instrument]] = {name: {} for name in accounts}
        self._quotes: dict[str, dict[str, Quote]] = {name: {} for name in accounts}
        self._balances: dict[str, dict[str, Balance] | None] = dict.fromkeys(accounts)

    def _built(self) -> Mapping[str, Capabilities]:
        built: w.Built | None = None
        while built is None and (data := self._socket.recv(_READ_BYTES)):
            for word in itertools.chain.from_iterable(self._unpacker.feed(data)):
                match word:
                    case w.Built():
                        built = word
                    case w.Refused(problem=problem):
                        self._process.end(_STOP_S)
                        raise ConfigError(problem)
                    case _:
                        self._early.append(word)
        if built is not None:
            return built.capabilities
        raise GatewayError("the venues' process did not start; the log says why")

    def start(self) -> None:
        """Connect every account. What is connected is told by `available`."""
        self._reader.start()
        self._writer.start()
        self._say(w.Start())

    def stop(self) -> None:
        """Close every connection and end the process: waits for that. Intents released from now on are not sent."""
        if self._stopping:
            return
        self._stopping = True
        until = time.monotonic() + _STOP_S
        self._send(w.Stop())
        if self._reader.is_alive():
            self._reader.join(_STOP_S)
        self._process.end(until - time.monotonic())

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    # What it is asked for

    def release(self, requests: Sequence[Request]) -> None:
        """Send a batch of committed intents, in order."""
        if self._stopping:  # they are committed, and the next start settles them
            text = f"{len(requests)} intents were released after the venues had stopped"
            self._put(i.AlertRaised("VENUES_STOPPED", text, time.time_ns()))
        self._say(w.Release(requests, self._deadline()))

    def snapshot(self, request: SnapshotRequest) -> None:
        """Have an account's snapshot taken; it comes to the inbox."""
        self._say(w.TakeSnapshot(request))

    def reload_keys(self, venue_account: str, request: int | None = None) -> None:
        """Have an account read its key again. With a request's number, how it went comes to the inbox."""
        if self._stopping and request is not None:
            self._put(i.KeysReloaded(request, venue_account, "the venues have stopped", unchanged=False))
        self._say(w.ReloadKeys(venue_account, request))

    def keep_timers(self) -> None:
        """The engine gets on: have no venue's dead-man timer run out."""
        if any(capabilities.dead_man_timer for capabilities in self._capabilities.values()):
            self._say(w.KeepTimers())

    def sign_of_life(self) -> threading.Event:
        """Set when the process has come by, and what it said was heard."""
        number, done = next(self._numbers), threading.Event()
        self._asked[number] = done
        self._say(w.AreYouThere(number))
        return done

    # What it told

    def clock_ms(self, venue_account: str) -> int:
        """The venue's time, ms UTC."""
        return (time.time_ns() + self._offset_ns[venue_account]) // _MS

    def instrument(self, venue_account: str, symbol: str) -> Instrument | None:
        """A symbol of a venue account; None while unknown or not loaded yet."""
        return self.instruments(venue_account).get(symbol)

    def instruments(self, venue_account: str) -> Mapping[str, Instrument]:
        """A venue account's symbols; none where it is not configured, or they are not loaded yet."""
        return self._instruments.get(venue_account, {})

    def symbols(self) -> frozenset[str]:
        """Those of all venue accounts; none while some account's are not loaded yet."""
        found = list(self._instruments.values())
        return frozenset().union(*found) if all(found) else frozenset()

    def quote(self, venue_account: str, symbol: str) -> Quote | None:
        """A symbol's best prices; None where it is not followed, or nothing was heard yet."""
        return self._quotes.get(venue_account, {}).get(symbol)

    def balances(self, venue_account: str) -> Mapping[str, Balance] | None:
        """What a venue account holds, by asset; None while that is not known."""
        return self._balances.get(venue_account)

    def capabilities(self, venue_account: str) -> Capabilities:
        """What the account's venue can do. Raises KeyError where the account is not configured."""
        return self._capabilities[venue_account]

    def available(self, venue_account: str) -> bool:
        """Whether new orders can be sent."""
        return self._available.get(venue_account, False)

    # Saying

    def _say(self, word: Any) -> None:
        if not self._stopping:
            self._send(word)

    def _send(self, word: Any) -> None:
        """Never waits: what the socket does not take at once is written by a thread that may."""
        data = w.packed([word])
        with self._lock:
            if not self._behind:
                data = data[self._sent(data) :]
            if data:
                self._behind.append(data)
                self._lock.notify()

    def _sent(self, data: bytes) -> int:
        try:
            return self._socket.send(data, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return 0
        except OSError:  # it is gone, of which the reader tells; what is committed, the next start settles
            return len(data)

    def _write(self) -> None:
        while True:
            with self._lock:
                self._lock.wait_for(lambda: self._behind)
                data = self._behind[0]
            try:
                self._socket.sendall(data)
            except OSError:
                return
            with self._lock:
                self._behind.popleft()

    # Hearing

    def _read(self) -> None:
        try:
            self._heard(self._early)
            while data := self._socket.recv(_READ_BYTES):
                for words in self._unpacker.feed(data):
                    self._heard(words)
            error: BaseException = GatewayError(_ENDED)
        except ConnectionError:  # it had not read all that we said
            error = GatewayError(_ENDED)
        except BaseException as raised:  # nobody else would hear of it on this thread
            error = raised
        if not self._stopping:
            self._died(error)

    def _heard(self, words: Sequence[Any]) -> None:
        for word in words:
            handler = self._handlers.get(type(word))
            if handler is not None:
                handler(word)
            else:
                self._put(word)

    def _died(self, error: BaseException) -> None:
        """Nothing can be sent or heard any more: no order may be taken."""
        now = time.time_ns()
        for name in self._available:
            self._available[name] = False
            self._put(i.AvailabilityChanged(name, False, f"the venues' process died: {error!r}", now))
        self._put(i.AlertRaised("VENUE_PROCESS_DIED", repr(error), now))
        turn = i.SignOfLife()
        self._put(turn)
        turn.done.wait(_TURN_S)  # the engine ends with this, and SQL and the log should have the reason
        self._on_death(error)

    def _here(self, word: w.Here) -> None:
        self._asked.pop(word.number).set()

    def _owner_asked(self, word: w.OwnerAsked) -> None:
        self._say(w.OwnerKnown(word.number, self._owner(word.venue_account, word.owner)))

    def _instruments_learned(self, word: w.InstrumentsLearned) -> None:
        self._instruments[word.venue_account] = word.instruments

    def _balances_heard(self, word: w.BalancesHeard) -> None:
        known = self._balances[word.venue_account]
        if word.whole or word.balances is None or known is None:
            self._balances[word.venue_account] = None if word.balances is None else dict(word.balances)
        else:
            known.update(word.balances)

    def _availability_changed(self, word: i.AvailabilityChanged) -> None:
        self._available[word.venue_account] = word.available
        self._put(word)

    def _clock_read(self, word: i.ClockRead) -> None:
        self._offset_ns[word.name] = word.offset_ns
        self._put(word)
