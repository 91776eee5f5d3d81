"""One order's story as entries in time order: what came, what was decided, what was said to whom."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, fields
from decimal import Decimal
from enum import Enum
from typing import Any, Literal

import msgspec
from sqlalchemy import Row

from gateway.cli.explain import check_line, findings_of
from gateway.cli.fields import fields_by_name, message_style, short, shown_fields
from gateway.cli.times import utc_text
from gateway.domain.events import Event
from gateway.domain.money import text_of, trim
from gateway.domain.order import Order
from gateway.domain.transitions import evolve
from gateway.store.queries import OrderStory, Rows
from gateway.store.rows import LimitRow
from gateway.wire.raw import mask_fields, mask_secrets
from gateway.wire.readable import describe, meaning, message_name, printable
from gateway.wire.tags import ORD_STATUS

Kind = Literal["FIX in", "decision", "event", "venue out", "venue in", "FIX out", "alert"]

# What happens in the same nanosecond, in the order of cause and effect.
_RANKS: dict[str, int] = {
    "FIX in": 0,
    "venue in": 1,
    "decision": 2,
    "event": 3,
    "alert": 4,
    "venue out": 5,
    "FIX out": 6,
}
_TIMES = frozenset({"expire_time", "transact_time"})
_KNOWN_ANYWAY = frozenset({"order_id", "at", "echo"})


@dataclass(frozen=True, slots=True)
class Entry:
    """at: nanoseconds UTC. notes: what a page shows below it, fields or checks. details: the same for programs."""

    at: int
    kind: Kind
    text: str
    style: str
    details: dict[str, Any]
    notes: tuple[str, ...] = ()


def entries(story: OrderStory, limits: Mapping[int, LimitRow], hidden: Collection[int] = ()) -> list[Entry]:
    """Everything stored of the order, the earliest first. limits: every version, by its number.

    hidden: tags whose values no FIX message shows.
    """
    parts = (
        entries_of_messages(story.messages, hidden),
        _decisions(story, limits),
        _events(story),
        _venue_calls(story),
        _alerts(story),
    )
    everything = [entry for part in parts for entry in part]
    return sorted(everything, key=lambda entry: (entry.at, _RANKS[entry.kind]))  # stable: parts keep their order


def entries_of_messages(rows: Rows, hidden: Collection[int] = ()) -> Iterator[Entry]:
    """FIX messages, each with all its fields in its details. hidden: tags whose values are asterisks."""
    for row in rows:
        text = mask_fields(mask_secrets(row.raw.decode("utf-8", "surrogateescape")), hidden)
        values = {field.tag: field.value for field in describe(text)}
        words = [message_name(row.msg_type), *(short(field) for field in shown_fields(row.msg_type, text))]
        if row.poss_dup:
            words.insert(1, "(sent again)")
        yield Entry(
            row.at,
            "FIX in" if row.direction == "in" else "FIX out",
            " ".join(words),
            message_style(row.msg_type, values.get(39)),
            {
                "msg_type": row.msg_type,
                "msg_seq_num": row.msg_seq_num,
                "poss_dup": row.poss_dup,
                "fields": fields_by_name(text),
            },
            (" ".join(str(field) for field in describe(text)),),
        )


def _decisions(story: OrderStory, limits: Mapping[int, LimitRow]) -> Iterator[Entry]:
    for row in story.decisions:
        inputs = msgspec.json.decode(row.inputs)
        denied = row.outcome == "deny"
        checked = len(inputs.get("limits", ()))
        words = f"denied: {row.text}" if denied else f"risk passes ({checked} limit{'s' if checked != 1 else ''})"
        yield Entry(
            row.at,
            "decision",
            words,
            "red" if denied else "cyan",
            {"outcome": row.outcome, "code": row.code, "text": row.text, "inputs": inputs},
            _checks(story, row, limits, inputs),
        )


def _checks(
    story: OrderStory, row: Row[Any], limits: Mapping[int, LimitRow], inputs: Mapping[str, Any]
) -> tuple[str, ...]:
    """Each limit with the figures that it was held against, and what it said."""
    try:
        return tuple(check_line(finding) for finding in findings_of(story, row, limits))
    except Exception:  # what an older release stored, or a limit that is gone: the figures as they stand
        return tuple(f"limit {number}: {figures}" for number, figures in inputs.get("limits", {}).items())


def _events(story: OrderStory) -> Iterator[Entry]:
    order: Order | None = None
    before: dict[str, str] = {}
    for position, event in story.events:
        values = _event_values(event)
        words = " ".join(f"{name}={value}" for name, value in values.items())
        name = type(event).__name__
        with suppress(Exception):  # a journal whose beginning is gone: its events are told all the same
            order = evolve(order, event)
        state = _state(order)
        became = " → {ord_status} CumQty={cum_qty} LeavesQty={leaves_qty}".format(**state) if state != before else ""
        details = {"position": position, "event": name, **values, "state": state}
        yield Entry(event.at, "event", printable(f"{name} {words}{became}"), "bold", details)
        before = state


def _state(order: Order | None) -> dict[str, str]:
    """How the order stands: OrdStatus(39) by name, and what is filled of what was ordered."""
    if order is None:
        return {}
    status = meaning(ORD_STATUS, order.ord_status) + (" (outcome unknown)" if order.is_unknown else "")
    return {
        "ord_status": status,
        "cum_qty": text_of(trim(order.cum_qty)),
        "leaves_qty": text_of(trim(order.leaves_qty)),
    }


def _event_values(event: Event) -> dict[str, str]:
    values = {field.name: getattr(event, field.name) for field in fields(event) if field.name not in _KNOWN_ANYWAY}
    return {n: _value(n, value) for n, value in values.items() if value is not None and value not in ("", False)}


def _value(name: str, value: object) -> str:
    if name in _TIMES and isinstance(value, int):
        return utc_text(value) or ""
    if isinstance(value, Enum):
        return value.name
    return text_of(value) if isinstance(value, Decimal) else str(value)


def _venue_calls(story: OrderStory) -> Iterator[Entry]:
    for row in story.venue_calls:
        yield Entry(
            row.at,
            "venue out" if row.direction == "out" else "venue in",
            printable(row.text.replace(',"', ", ").replace('"', "")),  # JSON, easier on the eyes
            "magenta",
            {"venue_account": row.venue_account, "operation": row.operation, "text": row.text},
        )


def _alerts(story: OrderStory) -> Iterator[Entry]:
    for row in story.alerts:
        yield Entry(row.at, "alert", printable(f"{row.code} {row.text}"), "bold red", _plain(row))


def _plain(row: Row[Any]) -> dict[str, Any]:
    return {"severity": row.severity, "code": row.code, "text": row.text}
