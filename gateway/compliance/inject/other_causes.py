"""What moved orders besides clients and the venue's words, as steps: operators, sessions, venue connections."""

from collections import defaultdict
from collections.abc import Collection
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, func, select

from gateway.compliance.derive.stored import stream
from gateway.compliance.derive.window import Window, rows_of
from gateway.compliance.inject.steps import Asked, Connected, Present, Reply, Restarted
from gateway.compliance.inject.venue_words import answer_in, method_of
from gateway.store.readers import RECONCILE
from gateway.store.tables import admin_actions, state_changes, venue_calls

_LIMITS = frozenset({"limits.set", "limits.remove"})
AGAIN = frozenset({"kill", "arm", "session.logout", "session.disable", "session.enable"}) | _LIMITS
"""Operators' requests that are made again."""

_HARMLESS = AGAIN | {"keys.reload", "reconcile"}
_SNAPSHOT = "snapshot"
_COMPARED_WITHIN_NS = 30_000_000_000
"""How long after a connection came the venue may be asked about orders because of that."""


def asked_of(
    connection: Connection, window: Window, missing: Collection[str], *, with_history: bool
) -> tuple[list[Asked], list[str]]:
    """What operators asked for, and what had stopped trading before the span; what was refused did nothing. And what
    changed something and is not asked for again, by name.

    missing: limits that the scratch gateway does not have. with_history: it knows what is held.
    """
    found = []
    others = set()
    for row in connection.execute(select(admin_actions).order_by(admin_actions.c.action_id)):
        was_before = row.action in ("kill", "arm") and row.at < window.since
        if window.holds(row.at) and row.action not in _HARMLESS:
            others.add(row.action)
        if row.action == "kill" and not with_history and msgspec.json.decode(row.arguments).get("reduce_only"):
            if was_before or window.holds(row.at):
                others.add("kill --reduce-only")
            continue
        if row.action in _LIMITS and msgspec.json.decode(row.arguments).get("limit", "").upper() in missing:
            continue
        if row.action in AGAIN and (was_before or window.holds(row.at)) and not row.outcome.startswith("refused"):
            found.append(Asked(row.at, row.uid, row.pid, row.who, row.action, row.arguments, row.reason))
    return found, sorted(others)


class Comings(NamedTuple):
    """away: when venue accounts were not connected, though the engine ran. begun: when it began, not for the first
    time, and they were not yet.
    """

    sessions: list[Present]
    connections: list[Connected | Restarted]
    away: dict[str, list[tuple[int, int]]]
    begun: dict[str, list[tuple[int, int]]]

    def was_away(self, venue_account: str, at: int) -> bool:
        """Whether the account was away then."""
        return any(left <= at <= back for left, back in self.away.get(venue_account, ()))

    def is_compared(self, venue_account: str, at: int) -> bool:
        """Whether the account is looked at then, because it was away or the engine was."""
        times = (*self.away.get(venue_account, ()), *self.begun.get(venue_account, ()))
        return any(left <= at <= back + _COMPARED_WITHIN_NS for left, back in times)


def comings_of(connection: Connection, window: Window, sessions: Collection[str], *, venues: bool) -> Comings:
    """How these sessions came and went, and venue accounts, if they are asked for."""
    numbers = rows_of(connection, state_changes.c.id, state_changes.c.at, window)
    present: list[Present] = []
    left: dict[str, int] = {}
    away: dict[str, list[tuple[int, int]]] = defaultdict(list)
    begun: dict[str, list[tuple[int, int]]] = defaultdict(list)
    began_first = connection.execute(select(func.min(state_changes.c.id))).scalar()
    began: int | None = None
    for row in stream(connection, state_changes, "id", *numbers):
        if not window.holds(row.at):
            continue
        if row.what == "engine":
            left.clear()
            began = row.at if row.state == "started" and row.id != began_first else None
        elif row.what == "session" and row.name in sessions and row.state in ("on", "off"):
            present.append(Present(row.at, row.name, row.state == "on", row.text == "logout"))
        elif row.what != "venue" or not venues:
            continue
        elif row.state == "unavailable":
            left.setdefault(row.name, row.at)
        elif row.name in left:
            away[row.name].append((left.pop(row.name), row.at))
        elif began is not None and row.state == "available":
            begun[row.name].append((began, row.at))
            began = None
    looks = _looks(connection, window) if away or begun else {}

    def shown(account: str, back: int) -> tuple[Reply, ...]:
        return next((replies for at, replies in looks.get(account, ()) if at >= back), ())

    connected: list[Connected | Restarted] = []
    for account, times in away.items():
        for gone, back in times:
            connected += [Connected(gone, account, False), Connected(back, account, True, shown(account, back))]
    for account, times in begun.items():
        connected += [Restarted(at, account, shown(account, back)) for at, back in times]
    return Comings(present, sorted(connected, key=lambda step: step.at), dict(away), dict(begun))


def _looks(connection: Connection, window: Window) -> dict[str, list[tuple[int, tuple[Reply, ...]]]]:
    """When venue accounts were looked at as a whole, and what they showed."""
    numbers = rows_of(connection, venue_calls.c.id, venue_calls.c.at, window)
    found: dict[str, list[tuple[int, tuple[Reply, ...]]]] = defaultdict(list)
    begun: dict[str, tuple[int, list[Reply]]] = {}
    method: dict[str, str] = {}
    for row in stream(connection, venue_calls, "id", *numbers):
        account = row.venue_account
        if row.operation == RECONCILE and account in begun:
            at, replies = begun.pop(account)
            found[account].append((at, tuple(replies)))
        elif row.operation == _SNAPSHOT and row.direction == "out":
            method[account] = method_of(row.text)
            if method[account] == "openOrders.status":
                begun[account] = row.at, []
        elif row.operation == _SNAPSHOT and account in begun and (answer := answer_in(row.text)) is not None:
            begun[account][1].append(Reply(method[account], "", *answer))
    return found


def trades_shown(connected: Collection[Connected | Restarted]) -> set[str]:
    """Ids of the executions in what accounts showed."""
    shown: set[str] = set()
    for reply in (reply for step in connected for reply in step.replies if reply.method == "myTrades"):
        trades: Any = msgspec.json.decode(reply.body) if reply.status == 200 else []
        shown.update(str(trade.get("id")) for trade in trades if isinstance(trade, dict))
    return shown
