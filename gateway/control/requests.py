"""What arrives at the control socket, checked: a command's name and its JSON body."""

from dataclasses import fields
from typing import Any

import msgspec

from gateway.engine.operations import NEED_A_REASON, OPERATIONS, Operation

MAX_REASON = 500


class BadRequest(Exception):  # noqa: N818 -- says what it is
    """The request cannot be understood; the text says what is wrong and what is allowed."""


def read_request(name: str, body: bytes) -> tuple[Operation, str]:
    """The operation, and the reason that was given for it. Raises BadRequest."""
    kind = OPERATIONS.get(name)
    if kind is None:
        raise BadRequest(f"no command {name!r}; there are: {', '.join(OPERATIONS)}")
    try:
        given: Any = msgspec.json.decode(body or b"{}")
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadRequest(f"the body is not JSON: {error}") from error
    if not isinstance(given, dict):
        raise BadRequest("the body is not a JSON object")
    reason = given.pop("reason", "")
    if not isinstance(reason, str) or len(reason) > MAX_REASON:
        raise BadRequest(f"reason: a text of at most {MAX_REASON} characters")
    if name in NEED_A_REASON and not reason.strip():
        raise BadRequest(f"{name} needs a reason: it is kept with what is done")
    known = [field.name for field in fields(kind)]
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise BadRequest(f"{name}: unknown: {', '.join(map(repr, unknown))}; there are: {', '.join(known)}, reason")
    try:
        return msgspec.convert(given, kind), reason.strip()
    except msgspec.ValidationError as error:
        raise BadRequest(f"{name}: {error}") from error
