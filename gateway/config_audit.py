"""How the record is sealed, as the configuration says it."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from gateway.config_section import Section


class AuditConfig(Section):
    """seal_seconds: how often new records are sealed, where there is a key (FIXGW_AUDIT_KEY_FILE); until then a record
    can be altered unseen. directory: where copies of the seals go; left out: `audit` in engine.directory.
    """

    seal_seconds: Annotated[int, Field(ge=1, le=86_400)] = 10
    directory: Path | None = None
