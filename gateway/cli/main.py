"""The fixgw command: every command group is one thin file beside this one."""

import inspect
from collections.abc import Callable

import typer

from gateway.cli.db import db
from gateway.cli.engine import engine
from gateway.cli.front import front
from gateway.cli.order import order
from gateway.cli.orders import orders
from gateway.cli.run import run
from gateway.cli.send import send
from gateway.cli.sessions import sessions
from gateway.cli.sim import sim

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
  fixgw sessions                          FIX sessions and their numbers

Each command explains itself, such as fixgw send --help.
How clients connect: fix_specs/RULES_OF_ENGAGEMENT.md
"""

app = typer.Typer(name="fixgw", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


@app.callback(help=_OVERVIEW)
def main() -> None:
    """Stands for the program; the commands do the work."""


def _add(command: Callable[..., None], *, hidden: bool = False) -> None:
    """A command with its docstring as help. Typer keeps the lines of a paragraph that starts with a backspace, which a
    docstring, being raw text, spells out.
    """
    app.command(help=inspect.cleandoc(command.__doc__ or "").replace("\\b", "\b"), hidden=hidden)(command)


_add(run)
_add(sim)
app.add_typer(send, name="send")
_add(orders)
_add(order)
_add(sessions)
app.add_typer(db, name="db")
_add(engine, hidden=True)
_add(front, hidden=True)
