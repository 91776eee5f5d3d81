"""User data: delivers the exchange's events to the subscriptions of each account, or not, as scripted."""

import asyncio
from dataclasses import dataclass

from gateway.simulator import events
from gateway.simulator.accounts import Account
from gateway.simulator.connection import Connection
from gateway.simulator.errors import ApiError
from gateway.simulator.events import ENCODE
from gateway.simulator.matching import Prevented
from gateway.simulator.orders import Order, Trade


@dataclass(slots=True, eq=False)
class Subscription:
    """One account's events on one connection. prefix: what each event is wrapped in, up to the event."""

    number: int
    account: Account
    connection: Connection
    prefix: bytes

    def deliver(self, event: bytes) -> None:
        self.connection.push(self.prefix + event + b"}")


class UserStream:
    """Listens to the exchange. Scripts can hold, delay, reorder, lose, double or silence the events."""

    def __init__(self) -> None:
        self._by_account: dict[Account, list[Subscription]] = {}
        self.lose = 0
        self.duplicate = 0
        self.silent = False
        self.delay_s = 0.0
        self.holding = False
        self.held: list[tuple[Account, bytes]] = []
        self._pumping: set[asyncio.Task[None]] = set()

    # -- subscriptions ------------------------------------------------------------------------------------

    def subscribe(self, account: Account, connection: Connection) -> Subscription:
        """Raises -2035 when the connection already has a subscription for the account."""
        taken = [one for subs in self._by_account.values() for one in subs if one.connection is connection]
        if any(one.account is account for one in taken):
            raise ApiError(-2035, "User Data Stream subscription already active.")
        number = max((one.number for one in taken), default=-1) + 1
        subscription = Subscription(number, account, connection, f'{{"subscriptionId":{number},"event":'.encode())
        self._by_account.setdefault(account, []).append(subscription)
        return subscription

    def of_connection(self, connection: Connection) -> list[Subscription]:
        return [one for subs in self._by_account.values() for one in subs if one.connection is connection]

    def unsubscribe(self, subscription: Subscription, now: int | None = None) -> None:
        """End it; with `now`, tell the client by eventStreamTerminated."""
        self._by_account[subscription.account].remove(subscription)
        if now is not None:
            subscription.deliver(ENCODE({"e": "eventStreamTerminated", "E": now}))

    def forget(self, connection: Connection) -> None:
        for subscription in self.of_connection(connection):
            self.unsubscribe(subscription)

    # -- what the exchange tells --------------------------------------------------------------------------

    def execution(
        self,
        order: Order,
        kind: str,
        now: int,
        execution_id: int,
        trade: Trade | None = None,
        orig_client_order_id: str = "",
        prevented: Prevented | None = None,
    ) -> None:
        if self._by_account.get(order.account):
            event = events.execution_report(order, kind, now, execution_id, trade, orig_client_order_id, prevented)
            self._emit(order.account, event)

    def balances(self, account: Account, now: int) -> None:
        if self._by_account.get(account):
            self._emit(account, events.account_position(account, now))

    def say(self, account: Account, event: bytes) -> None:
        """Deliver an event that is none of the exchange's own."""
        if self._by_account.get(account):
            self._emit(account, event)

    def shutdown(self, now: int) -> None:
        """Announce the end of the service on every subscription."""
        for subscriptions in self._by_account.values():
            for subscription in subscriptions:
                subscription.deliver(ENCODE({"e": "serverShutdown", "E": now}))

    # -- delivery -----------------------------------------------------------------------------------------

    def _emit(self, account: Account, event: bytes) -> None:
        if not (self.silent or self.lose or self.duplicate or self.holding or self.delay_s):
            for one in self._by_account[account]:
                one.connection.push(b"%b%b}" % (one.prefix, event))
            return
        if self.silent:
            return
        if self.lose:
            self.lose -= 1
            return
        copies = 1
        if self.duplicate:
            self.duplicate -= 1
            copies = 2
        for _ in range(copies):
            if self.holding:
                self.held.append((account, event))
            elif self.delay_s:
                asyncio.get_running_loop().call_later(self.delay_s, self._deliver_late, account, event)
            else:
                self._deliver(account, event)

    def _deliver_late(self, account: Account, event: bytes) -> None:
        self._deliver(account, event)
        for subscription in self._by_account.get(account, ()):
            task = asyncio.create_task(subscription.connection.pump())
            self._pumping.add(task)
            task.add_done_callback(self._pumping.discard)

    def _deliver(self, account: Account, event: bytes) -> None:
        for subscription in self._by_account.get(account, ()):
            subscription.deliver(event)

    def release(self, *, backwards: bool = False) -> int:
        """Let held events go, in order or the last one first; returns how many there were."""
        self.holding = False
        held, self.held = self.held[:: -1 if backwards else 1], []
        for account, event in held:
            self._deliver(account, event)
        return len(held)

    def reset(self) -> None:
        self.lose = self.duplicate = 0
        self.silent = self.holding = False
        self.delay_s = 0.0
        self.held.clear()
