"""The part of the configuration about the wire log."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from gateway.config_section import Section


class WireLogConfig(Section):
    """Every byte that clients send and get, secrets masked, in segments that only grow; `fixgw wire` reads it.

    directory: left out: `wire` in engine.directory. Nothing in it is ever deleted by the gateway.
    on_full: while it cannot be written, refuse_logons lets those that are logged on go on and nobody else in;
    continue lets clients in unrecorded.
    keep_free_mb: of the file system, left to others; below it the log counts as full.
    segment_mb: when a new file is begun, which it is at 00:00 UTC as well.
    max_queued_mb: what may wait in memory for a slow disk. Beyond it records are dropped, counted, and the loss is
    recorded.
    """

    enabled: bool = True
    directory: Path | None = None
    on_full: Literal["refuse_logons", "continue"] = "refuse_logons"
    keep_free_mb: Annotated[int, Field(ge=0, le=1 << 20)] = 256
    segment_mb: Annotated[int, Field(ge=1, le=4096)] = 64
    max_queued_mb: Annotated[int, Field(ge=8, le=4096)] = 32
