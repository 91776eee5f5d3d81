"""Cancels that go to a venue as one request: where all that rests there is ours and is to go.

A venue's request that cancels everything in a symbol takes other people's orders along. So it is used where the
configuration declares the venue account exclusive, no foreign order was ever seen there, and a kill under way covers
every account that trades the symbol there: then nothing else of ours can come to rest in between, either.
"""

from collections.abc import Callable, Collection, Iterable, Sequence

from gateway.domain.halts import Halts, HaltScope, TradingState
from gateway.domain.instruments import Capabilities
from gateway.domain.intents import CancelAll, CancelIntent, Intent, Request

AT_LEAST = 2
"""One cancel alone names its order."""

Alert = Callable[[str, str], None]
Place = tuple[str, str]
"""A venue account, and a symbol there."""


class Exclusive:
    """Venue accounts declared wholly ours. Only the engine's thread uses it."""

    def __init__(self, declared: Collection[str], prefix: str, alert: Alert) -> None:
        """prefix: what the client ids of this deployment begin with. alert: told code and text."""
        self._declared = frozenset(declared)
        self._prefix = prefix
        self._alert = alert
        self._seen: set[str] = set()
        self._disproved: set[str] = set()

    def seen(self, venue_account: str) -> None:
        """A snapshot of the account was looked through, and every foreign order in it told."""
        self._seen.add(venue_account)

    def lost(self, venue_account: str) -> None:
        """What others do there is not heard of until the next snapshot."""
        self._seen.discard(venue_account)

    def foreign(self, venue_account: str, symbol: str, client_id: str) -> None:
        """There is an order that is not in the books. Unless our prefix is on it, others trade there too."""
        if venue_account not in self._declared or client_id.startswith(self._prefix):
            return
        if venue_account not in self._disproved:
            self._disproved.add(venue_account)
            self._alert(
                "FOREIGN_ORDER",
                f"venue account {venue_account} is declared exclusive, and order {client_id!r} in {symbol} there is "
                "not ours: until the next start its orders are canceled one by one",
            )

    def holds(self, venue_account: str) -> bool:
        """Whether it is declared, and was looked at since it was connected, and nothing foreign was ever seen there."""
        return venue_account in self._seen and venue_account in self._declared - self._disproved


NONE_EXCLUSIVE = Exclusive((), "", lambda _code, _text: None)
"""For where no orders are canceled."""


class MassCancels:
    """What kills cover. Only the engine's thread uses it."""

    def __init__(
        self, exclusive: Exclusive, halts: Callable[[], Halts], capabilities: Callable[[str], Capabilities]
    ) -> None:
        """halts: as they are now. capabilities: of a venue account."""
        self.exclusive = exclusive
        self._halts = halts
        self._capabilities = capabilities
        self._covered: dict[int, tuple[HaltScope, frozenset[Place]]] = {}

    def begin(self, action_id: int, scope: HaltScope, places: Iterable[Place]) -> None:
        """A kill halts this scope, in which all is that we can have open at these places."""
        self._covered[action_id] = (scope, frozenset(places))

    def end(self, action_id: int) -> None:
        """The kill is over."""
        self._covered.pop(action_id, None)

    def gather(self, intents: Sequence[Intent]) -> Sequence[Request]:
        """The same requests, with cancels that may go as one gathered at the end: after what they are to cancel."""
        places = self.places() if self._covered else frozenset()
        if not places:
            return intents
        cancels: dict[Place, list[CancelIntent]] = {}
        for intent in intents:
            if isinstance(intent, CancelIntent) and (intent.venue_account, intent.symbol) in places:
                cancels.setdefault((intent.venue_account, intent.symbol), []).append(intent)
        gathered = [CancelAll(tuple(found)) for found in cancels.values() if len(found) >= AT_LEAST]
        inside = {intent.intent_id for request in gathered for intent in request.cancels}
        return [*(intent for intent in intents if intent.intent_id not in inside), *gathered]

    def places(self) -> frozenset[Place]:
        """Where cancels that are decided together go as one. A scope that was armed meanwhile takes orders again."""
        halts = self._halts()
        found: set[Place] = set()
        for scope, places in self._covered.values():
            halt = halts.get(scope)
            if halt is not None and halt.state is TradingState.HALTED:
                found |= places
        return frozenset(
            place for place in found if self.exclusive.holds(place[0]) and self._capabilities(place[0]).mass_cancel
        )
