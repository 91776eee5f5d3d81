"""How fixgw send shows a FIX conversation: a line a message for people, a JSON object a line for programs."""

import json
from typing import Any, Literal

from rich.console import Console
from rich.text import Text

from gateway.cli.fields import every_field, fields_by_name, message_style, short, shown_fields
from gateway.cli.times import duration, local_time, utc_text
from gateway.client import FixMessage
from gateway.wire.readable import DescribedField, describe, message_name

_SESSION_TYPES = frozenset({"0", "1", "2", "4", "5", "A"})
_REQUESTS = frozenset({"D", "F", "G", "H"})


class Conversation:
    """Prints messages as they pass, with the time since the request that an answer belongs to."""

    def __init__(self, *, as_json: bool = False, verbose: bool = False) -> None:
        self._as_json, self._verbose = as_json, verbose
        self._console = Console(highlight=False, soft_wrap=True)
        self._asked_at: dict[str, int] = {}

    def show(self, direction: Literal["in", "out"], message: FixMessage) -> None:
        """Print a message; the session layer's own only when asked for."""
        elapsed = self._elapsed(direction, message)
        if message.type in _SESSION_TYPES and not self._verbose:
            return
        if self._as_json:
            self._print_json(_as_object(direction, message, elapsed))
        else:
            self._console.print(self._line(direction, message, elapsed))

    def note(self, text: str) -> None:
        """A remark that is no message; programs do not get it."""
        if not self._as_json:
            self._console.print(Text(text, style="dim"))

    def result(self, outcome: str, cl_ord_id: str | None, report: FixMessage | None) -> None:
        """The last line: how the order stands."""
        status = _field(report, 39)
        if self._as_json:
            summary = {"result": outcome, "cl_ord_id": cl_ord_id, "ord_status": status and status.meaning}
            self._print_json(summary)
        elif cl_ord_id is not None:
            standing = f", order is {status.meaning or status.value}" if status else ""
            self._console.print(Text(f"{outcome}: {cl_ord_id}{standing}", style="bold"))

    def _elapsed(self, direction: str, message: FixMessage) -> int | None:
        """Nanoseconds since the request with this ClOrdID(11) left, None for what answers no request."""
        cl_ord_id = message.get(11)
        if cl_ord_id is None:
            return None
        if direction == "out" and message.type in _REQUESTS:
            self._asked_at[cl_ord_id] = message.at
            return None
        asked_at = self._asked_at.get(cl_ord_id)
        return None if asked_at is None else message.at - asked_at

    def _line(self, direction: str, message: FixMessage, elapsed: int | None) -> Text:
        arrow = "──▶" if direction == "out" else "◀──"
        took = "" if elapsed is None else f"  +{duration(elapsed)}"
        fields = every_field(message.text) if self._verbose else shown_fields(message.type, message.text)
        shown = "  ".join(short(field) for field in fields)
        line = f"{local_time(message.at)} {arrow} {message_name(message.type)}  {shown}{took}"
        style = message_style(message.type, message.get(39))
        return Text(line, style=style)

    @staticmethod
    def _print_json(content: dict[str, Any]) -> None:
        print(json.dumps(content), flush=True)


def _as_object(direction: str, message: FixMessage, elapsed: int | None) -> dict[str, Any]:
    return {
        "direction": direction,
        "at": utc_text(message.at),
        "message": message_name(message.type),
        "elapsed_us": None if elapsed is None else elapsed // 1000,
        "fields": fields_by_name(message.text),
    }


def _field(message: FixMessage | None, tag: int) -> DescribedField | None:
    if message is None:
        return None
    return next((field for field in describe(message.text) if field.tag == tag), None)
