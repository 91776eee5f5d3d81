"""The days that seals have closed, and which records each of them has."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from gateway.compliance.audit.keys import PublicKey
from gateway.compliance.audit.seals import Reached, Seal, stored_seals
from gateway.compliance.retention.ledger import day_since
from gateway.engine.clock import DAY
from gateway.errors import ConfigError


@dataclass(slots=True)
class SealedDay:
    """A UTC day. ranges: by table, how far it was sealed before the day and at its end.

    wire: the wire log's record that the day's last seal names; 0: none.
    """

    day: str
    first_seal: int
    last_seal: int = 0
    is_closed: bool = False
    ranges: dict[str, tuple[Reached, Reached]] = field(default_factory=dict)
    wire: int = 0

    @property
    def since(self) -> int:
        """When it began, nanoseconds UTC."""
        return day_since(self.day)

    @property
    def until(self) -> int:
        """When it ended."""
        return self.since + DAY


def sealed_days(connection: Connection, key: PublicKey | None = None) -> Iterator[SealedDay]:
    """All, oldest first; the last may not be closed yet. key: whose signatures they must have; None: not looked at.

    Raises ConfigError where a seal cannot be believed.
    """
    reached: dict[str, Reached] = {}
    found: SealedDay | None = None
    last: Seal | None = None
    for seal in stored_seals(connection):
        content = _content(seal, last, key)
        if found is None or found.day != content["day"]:
            if found is not None:
                yield found
            found = SealedDay(content["day"], seal.number)
        for name, now in seal.reached.items():
            before = found.ranges[name][0] if name in found.ranges else reached.get(name, Reached())
            found.ranges[name] = (before, now)
            reached[name] = now
        found.last_seal = seal.number
        found.is_closed = bool(content["closes_day"])
        found.wire = int((content["wire"] or {}).get("record", 0))
        last = seal
    if found is not None:
        yield found


def _content(seal: Seal, last: Seal | None, key: PublicKey | None) -> dict[str, Any]:
    try:
        content = seal.fields
        is_next = content["previous"] == (last.hash if last is not None else "")
        is_signed = key is None or key.has_signed(seal.content.encode(), bytes.fromhex(seal.signature))
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"seal {seal.number} cannot be read: {error}; fixgw audit verify says more") from error
    if not is_signed or not is_next:
        raise ConfigError(f"seal {seal.number} is not what was signed; fixgw audit verify says more")
    return content
