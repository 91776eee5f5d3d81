"""Options that several commands have."""

from pathlib import Path
from typing import Annotated

import typer

ConfigOption = Annotated[
    Path, typer.Option(envvar="FIXGW_CONFIG", help="The gateway's configuration file; it names the database.")
]
ImportedOption = Annotated[
    Path | None,
    typer.Option(
        "--database", metavar="FILE", help="Read what fixgw retention open or replay import made, not the gateway's."
    ),
]
OpenedOption = Annotated[
    Path | None,
    typer.Option("--database", metavar="FILE", help="Read what fixgw retention open made, not the gateway's."),
]
LimitOption = Annotated[int, typer.Option(min=1, max=1_000_000_000, help="At most so many, the newest.")]
DEFAULT_CONFIG = Path("config/sandbox.toml")
