"""docs/OPERATING.md tells what each alert means: of every code that the program has, and of no other."""

import ast
import re
from collections.abc import Iterator

from gateway.domain.reconcile import BreakKind
from tests.fixtures.processes import ROOT

RAISES = re.compile(r"(alert|AlertRaised|AlertRow)$")
CODE = re.compile(r"[A-Z]+(_[A-Z]+)*")


def raised() -> Iterator[str]:
    """Codes that stand in a call which alerts, and those that are put together."""
    for path in (ROOT / "gateway").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and RAISES.search(ast.unparse(node.func)):
                yield from (
                    a.value
                    for a in node.args
                    if isinstance(a, ast.Constant) and isinstance(a.value, str) and CODE.fullmatch(a.value)
                )
    yield from (f"BREAK_{kind.upper()}" for kind in BreakKind)
    yield "UNKNOWN_VENUE_ORDER"  # what the desk says of a report
    yield "RESTORED"  # written by SQL


def told() -> list[str]:
    text = (ROOT / "docs" / "OPERATING.md").read_text(encoding="utf-8")
    rows = re.search(r"## Alerts\n.*?\|---\|---\|---\|\n(.*?)\n\n", text, re.DOTALL)
    assert rows is not None
    return re.findall(r"`([A-Z_]+)`", " ".join(row.split("|")[1] for row in rows[1].splitlines()))


def test_every_code_is_told_once() -> None:
    stops = {"REPEATED_EXECUTION"}  # a limit that stops orders alerts by its own code
    assert sorted(told()) == sorted({*raised(), *stops})
