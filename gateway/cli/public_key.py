"""Which key signatures are held against."""

import os
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.exits import refuse
from gateway.compliance.audit.keys import KEY_VARIABLE, PublicKey, public_path, read_public_key

PublicKeyOption = Annotated[
    Path | None, typer.Option(help=f"The public key's file; left out: beside the one that {KEY_VARIABLE} names.")
]


def named_public_key(file: Path | None) -> PublicKey:
    """The one of this file, or of the private key that the environment names. Raises ConfigError."""
    if file is None:
        name = os.environ.get(KEY_VARIABLE)
        if not name:
            refuse(f"which key? give --public-key, or name the private one's file in {KEY_VARIABLE}")
        file = public_path(Path(name))
    return read_public_key(file)
