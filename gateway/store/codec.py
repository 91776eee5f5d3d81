"""Events as the journal holds them: JSON with decimals as text, so that every digit comes back."""

import msgspec

from gateway.domain import events
from gateway.errors import JournalUnreadable

_ENCODER = msgspec.json.Encoder(decimal_format="string")

EVENT_TYPES: dict[str, type[events.Event]] = {
    name: kind
    for name, kind in vars(events).items()
    if isinstance(kind, type) and issubclass(kind, events.Event) and kind is not events.Event
}
"""Every kind of event by its event_type."""

_DECODERS = {name: msgspec.json.Decoder(kind) for name, kind in EVENT_TYPES.items()}


def encode_event(event: events.Event) -> str:
    """The payload of the event's journal row; its event_type is the name of its class.

    Raises ValueError for text that has no UTF-8 (half a surrogate pair).
    """
    return _ENCODER.encode(event).decode()


def decode_event(event_type: str, payload: str) -> events.Event:
    """The event that was encoded. Raises JournalUnreadable when this release does not know it."""
    decoder = _DECODERS.get(event_type)
    if decoder is None:
        raise JournalUnreadable(f"the journal holds an event of type {event_type!r}, which this release does not know")
    try:
        return decoder.decode(payload)
    except msgspec.DecodeError as error:
        raise JournalUnreadable(f"the journal holds a {event_type} that this release cannot read: {error}") from error


def encode_json(value: object) -> str:
    """What else is stored as JSON: intents, the inputs of decisions."""
    return _ENCODER.encode(value).decode()
