"""One order's story as entries in time order: what came, what was decided, what was said to whom."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from decimal import Decimal
from enum import Enum
from typing import Any, Literal

import msgspec
from sqlalchemy import Row

from gateway.cli.fields import message_style, short, shown_fields
from gateway.cli.times import utc_text
from gateway.domain.events import Event
from gateway.domain.money import text_of
from gateway.store.queries import OrderStory
from gateway.wire.raw import mask_secrets
from gateway.wire.readable import describe, message_name

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
    """at: nanoseconds UTC. details: the same for programs."""

    at: int
    kind: Kind
    text: str
    style: str
    details: dict[str, Any]


def entries(story: OrderStory) -> list[Entry]:
    """Everything stored of the order, the earliest first."""
    everything = [*_messages(story), *_decisions(story), *_events(story), *_venue_calls(story), *_alerts(story)]
    return sorted(everything, key=lambda entry: (entry.at, _RANKS[entry.kind]))  # stable: parts keep their order


def _messages(story: OrderStory) -> Iterator[Entry]:
    for row in story.messages:
        text = mask_secrets(row.raw.decode("utf-8", "surrogateescape"))
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
                "fields": {field.name or str(field.tag): field.value for field in describe(text)},
            },
        )


def _decisions(story: OrderStory) -> Iterator[Entry]:
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
        )


def _events(story: OrderStory) -> Iterator[Entry]:
    for position, event in story.events:
        values = _event_values(event)
        words = " ".join(f"{name}={value}" for name, value in values.items())
        name = type(event).__name__
        yield Entry(event.at, "event", f"{name} {words}", "bold", {"position": position, "event": name, **values})


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
            row.text.replace(',"', ", ").replace('"', ""),  # JSON, easier on the eyes
            "magenta",
            {"venue_account": row.venue_account, "operation": row.operation, "text": row.text},
        )


def _alerts(story: OrderStory) -> Iterator[Entry]:
    for row in story.alerts:
        yield Entry(row.at, "alert", f"{row.code} {row.text}", "bold red", _plain(row))


def _plain(row: Row[Any]) -> dict[str, Any]:
    return {"severity": row.severity, "code": row.code, "text": row.text}
