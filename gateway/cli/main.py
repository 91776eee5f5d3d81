"""The fixgw command: every command group is one thin file beside this one."""

import inspect
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_command, get_group

_OVERVIEW = """A FIX order-routing gateway: FIX in, exchange APIs out, every step in SQL.

\b
Try it on this machine, in two terminals:
  fixgw sim
  FIXGW_SIM_MAIN_API_KEY=sim-main-key \\
  FIXGW_SIM_MAIN_API_SECRET=sim-main-secret fixgw run

\b
Then, as a desk would:
  fixgw send buy 0.1 BTCUSDT --market     an order over FIX, and its answers
  fixgw orders                            the orders as SQL has them
  fixgw order O1                          one order's story, step by step
  fixgw messages --tag 55=BTCUSDT         FIX messages, found by what is in them
  fixgw explain O1                        why it was accepted or refused, limit by limit
  fixgw limits show                       the limits in force
  fixgw sessions                          FIX sessions and their numbers
  fixgw wire --follow                     every FIX message on the wire, as it passes
  fixgw kill --reason "..."               stop trading: cancel what is open, refuse what is new

Each command explains itself, such as fixgw send --help.
How clients connect: fix_specs/RULES_OF_ENGAGEMENT.md
"""

_COMMANDS = {
    "run": "gateway.cli.run",
    "sim": "gateway.cli.sim",
    "send": "gateway.cli.send",
    "orders": "gateway.cli.orders",
    "order": "gateway.cli.order",
    "messages": "gateway.cli.messages",
    "explain": "gateway.cli.explain",
    "limits": "gateway.cli.limits",
    "positions": "gateway.cli.positions",
    "replay": "gateway.cli.replay",
    "audit": "gateway.cli.audit",
    "export": "gateway.cli.export",
    "sessions": "gateway.cli.sessions",
    "session": "gateway.cli.session",
    "wire": "gateway.cli.wire",
    "reconcile": "gateway.cli.reconcile",
    "kill": "gateway.cli.kill",
    "arm": "gateway.cli.arm",
    "halts": "gateway.cli.halts",
    "drain": "gateway.cli.drain",
    "keys": "gateway.cli.keys",
    "db": "gateway.cli.db",
    "user": "gateway.cli.user",
    "engine": "gateway.cli.engine",
    "front": "gateway.cli.front",
    "watchdog": "gateway.cli.watchdog",
}
"""Where each command is, under its own name, in the order of the help."""

_HIDDEN = ("engine", "front", "watchdog")


class _Commands(TyperGroup):
    """Loads a command when it is asked for: `fixgw run` starts others of these, which need not know all the rest."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002  # Typer's signature
        return list(_COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002  # Typer's signature
        if cmd_name not in _COMMANDS:
            return None
        found = getattr(import_module(_COMMANDS[cmd_name]), cmd_name)
        command = get_group(found) if isinstance(found, typer.Typer) else _single(cmd_name, found)
        command.name = cmd_name
        return command


def _single(name: str, function: Any) -> Any:
    """A command with its docstring as help. Typer keeps the lines of a paragraph that starts with a backspace, which a
    docstring, being raw text, spells out.
    """
    alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    text = inspect.cleandoc(function.__doc__ or "").replace("\\b", "\b")
    alone.command(name, help=text, hidden=name in _HIDDEN)(function)
    return get_command(alone)


app = typer.Typer(
    name="fixgw", cls=_Commands, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
)


@app.callback(help=_OVERVIEW)
def main() -> None:
    """Stands for the program; the commands do the work."""
