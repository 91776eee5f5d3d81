"""A desk session's memory between runs: sequence numbers and recent orders, in one small JSON file."""

import fcntl
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import IO, Any

from gateway.client.errors import ClientError

_ORDERS_KEPT = 500


@dataclass(frozen=True, slots=True)
class OrderTerms:
    """What a cancel, replace or status request must repeat of its order. Values are FIX text."""

    symbol: str
    side: str
    order_qty: str
    ord_type: str
    price: str | None = None
    stop_px: str | None = None
    time_in_force: str | None = None
    account: str | None = None
    exec_inst: str | None = None
    expire_time: str | None = None


class SessionStore:
    """Next sequence numbers both ways and recent orders by ClOrdID(11); in memory alone when path is None."""

    def __init__(self, path: Path | None) -> None:
        """Raises ClientError when the file is not one of ours."""
        self._path = path
        self._lock: IO[str] | None = None
        self._next_out = 1
        self._next_in = 1
        self.orders: dict[str, OrderTerms] = {}
        if path is not None and path.exists():
            self._load(path)

    @property
    def next_out(self) -> int:
        """MsgSeqNum(34) of the next message sent. Written to the file before the message leaves."""
        return self._next_out

    @next_out.setter
    def next_out(self, value: int) -> None:
        self._next_out = value
        self.save()

    @property
    def next_in(self) -> int:
        """MsgSeqNum(34) expected next."""
        return self._next_in

    @next_in.setter
    def next_in(self, value: int) -> None:
        self._next_in = value
        self.save()

    def remember(self, cl_ord_id: str, terms: OrderTerms) -> None:
        """Keep an order's terms for replaces, cancels and status requests; in a file, of the latest orders alone."""
        self.orders[cl_ord_id] = terms
        if self._path is not None:
            while len(self.orders) > _ORDERS_KEPT:
                del self.orders[next(iter(self.orders))]
            self.save()

    def acquire(self) -> None:
        """Keep other processes off the file. Raises ClientError if one uses it."""
        if self._path is None or self._lock is not None:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        lock = self._path.with_name(self._path.name + ".lock").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            raise ClientError(
                f"another program is logged on with this session (it holds {self._path}); "
                "end it first or use another SenderCompID"
            ) from None
        self._lock = lock
        if self._path.exists():
            self._load(self._path)  # it may have changed before the lock was ours

    def release(self) -> None:
        """Let other processes use the file."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def save(self) -> None:
        """Write the file, whole or not at all; without a file nothing."""
        if self._path is None:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        orders = {cl_ord_id: _present(asdict(terms)) for cl_ord_id, terms in self.orders.items()}
        content = {"next_out": self._next_out, "next_in": self._next_in, "orders": orders}
        unfinished = self._path.with_name(self._path.name + ".part")
        unfinished.write_text(json.dumps(content))
        unfinished.replace(self._path)

    def _load(self, path: Path) -> None:
        names = {field.name for field in fields(OrderTerms)}
        try:
            content = json.loads(path.read_text())
            self._next_out, self._next_in = int(content["next_out"]), int(content["next_in"])
            self.orders = {
                cl_ord_id: OrderTerms(**{name: terms[name] for name in names & terms.keys()})
                for cl_ord_id, terms in content["orders"].items()
            }
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ClientError(f"{path} is not a session file ({error!r}); move it away to start over") from error


def _present(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
