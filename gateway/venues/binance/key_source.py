"""Where a key's text comes from: a variable of the environment, the file that one names, or a command's output.

No error here shows a value, nor a command's words: either may be, or quote, a secret.
"""

import os
import shlex
import signal
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from gateway.venues.binance.signing import KeyFileError

COMMAND_S = 10.0
"""How long a command may take."""


def value_of(name: str, environ: Mapping[str, str]) -> str:
    """Of the variable, or by the one with _FILE or _COMMAND; empty without any. Raises KeyFileError."""
    given = {kind: environ.get(name + kind, "").strip() for kind in ("", "_FILE", "_COMMAND")}
    if sum(map(bool, given.values())) > 1:
        raise KeyFileError(f"set one of {name}, {name}_FILE and {name}_COMMAND, not more")
    if given["_COMMAND"]:
        return _one_line(output_of(f"{name}_COMMAND", given["_COMMAND"], environ), f"{name}_COMMAND printed no key")
    if not given["_FILE"]:
        return given[""]
    file = Path(given["_FILE"])
    try:
        content = file.read_bytes()
    except OSError as error:
        raise KeyFileError(f"{name}_FILE: cannot read {file}: {error.strerror}") from None
    return _one_line(content, f"{name}_FILE: {file} holds no key")


def _one_line(content: bytes, problem: str) -> str:
    try:
        value = content.decode("ascii").strip()
    except UnicodeDecodeError:
        value = ""
    if not value or len(value.split()) != 1:
        raise KeyFileError(problem)
    return value


def output_of(name: str, command: str, environ: Mapping[str, str]) -> bytes:
    """What the command of this variable prints. No shell: its words are split as a shell would, and nothing more.

    It gets our environment without the gateway's own variables. Raises KeyFileError.
    """
    theirs = {variable: value for variable, value in environ.items() if not variable.startswith("FIXGW_")}
    try:
        process = subprocess.Popen(  # noqa: S603 - it is what whoever runs the gateway has asked for
            shlex.split(command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=theirs,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "its quotes do not match"
        raise KeyFileError(f"{name} cannot be run: {why}") from None
    try:
        output, _ = process.communicate(timeout=COMMAND_S)
    except subprocess.TimeoutExpired:
        raise KeyFileError(f"{name} did not end within {COMMAND_S:g} s") from None
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # what it has started, too
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
    if process.returncode != 0:
        raise KeyFileError(f"{name} failed: exit code {process.returncode}")
    return output
