"""How far clocks may be off, as the configuration says it."""

from typing import Annotated

from pydantic import Field

from gateway.config_section import Section


class ClockConfig(Section):
    """How far the host's clock is from UTC, and each venue's from the host's, is recorded; beyond these it is alerted.

    every_seconds: how often the host's clock is read. max_utc_offset_us: offset and error bound together, microseconds;
    left out: however far. max_venue_offset_ms: milliseconds.
    """

    every_seconds: Annotated[int, Field(ge=1, le=86_400)] = 60
    max_utc_offset_us: Annotated[int, Field(ge=1)] | None = None
    max_venue_offset_ms: Annotated[int, Field(ge=1)] = 1_000

    @property
    def limits_ns(self) -> tuple[int | None, int]:
        """Of UTC and of venues, nanoseconds."""
        utc = self.max_utc_offset_us
        return None if utc is None else utc * 1_000, self.max_venue_offset_ms * 1_000_000
