"""What is handed on, and who looked, as the configuration says it."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, field_validator

from gateway.config_section import Section

_FRAME = frozenset({8, 9, 10, 35})


class ComplianceConfig(Section):
    """redact: tags whose values no export and no page of an order has, neither as columns nor in messages. Where there
    is one, Text(58), EncodedText(355) and the figures of decisions are left out too, since they quote other fields.
    access_log: where it is written who read the record; left out: access.jsonl in engine.directory.
    """

    redact: tuple[Annotated[int, Field(ge=1, le=999_999_999)], ...] = ()
    access_log: Path | None = None

    @field_validator("redact")
    @classmethod
    def _leaves_messages(cls, tags: tuple[int, ...]) -> tuple[int, ...]:
        if frame := sorted(_FRAME.intersection(tags)):
            raise ValueError(f"without {frame} nothing is a message; name other tags")
        return tags
