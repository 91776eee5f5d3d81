"""How many may be connected: in all, from one address, and without a Logon."""

from collections import Counter

from gateway.front.addresses import Address, Network, site
from gateway.front.refused import Refused


class Door:
    """Counts connections and refuses those beyond the limits."""

    def __init__(self, max_connections: int, max_per_address: int, max_half_open: int) -> None:
        self._max_connections, self._max_per_address, self._max_half_open = (
            max_connections,
            max_per_address,
            max_half_open,
        )
        self.open = 0
        self.half_open = 0
        self.by_site: Counter[Network] = Counter()

    @property
    def max_per_address(self) -> int:
        return self._max_per_address

    def enter(self) -> "Place":
        """A place for a new connection. Raises Refused when there is none."""
        if self.open >= self._max_connections:
            raise Refused(f"{self._max_connections} connections are open")
        if self.half_open >= self._max_half_open:
            raise Refused(f"{self._max_half_open} connections are open without a Logon")
        return Place(self)


class Place:
    """One connection's place. It must be left again."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._site: Network | None = None
        self._half_open, self._left = True, False
        door.open += 1
        door.half_open += 1

    def belongs_to(self, address: Address) -> None:
        """Say who it is for. Raises Refused when this client has too many."""
        client = site(address)
        if self._door.by_site[client] >= self._door.max_per_address:
            raise Refused(f"{self._door.max_per_address} connections from {client} are open")
        self._site = client
        self._door.by_site[client] += 1

    def logon_complete(self) -> None:
        """No longer half-open."""
        if self._half_open:
            self._half_open = False
            self._door.half_open -= 1

    def leave(self) -> None:
        """Repeated calls do nothing."""
        if self._left:
            return
        self._left = True
        self.logon_complete()
        self._door.open -= 1
        if self._site is not None:
            self._door.by_site[self._site] -= 1
            if not self._door.by_site[self._site]:
                del self._door.by_site[self._site]  # or every address that was ever seen would stay
