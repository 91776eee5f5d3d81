"""The fixgw command: every command group is one thin file beside this one."""

import gc
from difflib import get_close_matches
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_command, get_group

from gateway.cli.help_text import tidy

_OVERVIEW = """A FIX order-routing gateway: FIX in, exchange APIs out, every step in SQL.

\b
Try it on this machine, in two terminals:
  fixgw sim
  FIXGW_SIM_MAIN_API_KEY=sim-main-key \\
  FIXGW_SIM_MAIN_API_SECRET=sim-main-secret fixgw run

\b
Then, as a desk would:
  fixgw send buy 0.1 BTCUSDT --market   an order over FIX, and its answers
  fixgw orders                          the orders as SQL has them
  fixgw order O1                        one order's story, step by step
  fixgw explain O1                      the limits that let it pass, or not
  fixgw messages --tag 55=BTCUSDT       FIX messages, by what is in them
  fixgw sessions                        FIX sessions and their numbers
  fixgw limits show                     the limits in force
  fixgw alerts --follow                 what a person should look at
  fixgw wire --follow                   what passes on the wire, as it does
  fixgw kill --reason "..."             stop trading, cancel what is open

Each command explains itself, such as fixgw send --help.
How clients connect: fix_specs/RULES_OF_ENGAGEMENT.md
"""

_GROUPS = {
    "Start": ("run", "sim"),
    "Orders": ("send", "orders", "order", "explain"),
    "Risk": ("limits", "positions", "kill", "arm", "halts"),
    "Sessions and messages": ("sessions", "session", "messages", "wire"),
    "Operate": ("alerts", "reconcile", "keys", "drain", "db", "user"),
    "Compliance": ("replay", "audit", "export", "retention"),
}
"""The commands in the order of the help. Each is in the module of its name, and is called like it there."""

_HIDDEN = ("engine", "front", "watchdog")
"""What `fixgw run` starts."""

_GROUP_OF = {name: group for group, names in _GROUPS.items() for name in names}


class _Commands(TyperGroup):
    """Loads a command when it is asked for: `fixgw run` starts others of these, which need not know all the rest."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002  # Typer's signature
        return [*_GROUP_OF, *_HIDDEN]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in self.list_commands(ctx):
            near = get_close_matches(cmd_name, _GROUP_OF)
            ctx.fail(f"no command {cmd_name!r}" + (f"; did you mean {' or '.join(near)}?" if near else ""))
        found = getattr(import_module(f"gateway.cli.{cmd_name}"), cmd_name)
        command = get_group(found) if isinstance(found, typer.Typer) else _single(cmd_name, found)
        command.name = cmd_name
        command.rich_help_panel = _GROUP_OF.get(cmd_name)
        tidy(command)
        if not gc.isenabled():  # __main__.py has stopped it
            gc.freeze()
            gc.enable()
        return command


def _single(name: str, function: Any) -> Any:
    """A command of its own, with its docstring as help."""
    alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    alone.command(name, hidden=name in _HIDDEN)(function)
    return get_command(alone)


app = typer.Typer(
    name="fixgw", cls=_Commands, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
)


@app.callback(help=_OVERVIEW)
def main() -> None:
    """Stands for the program; the commands do the work."""
