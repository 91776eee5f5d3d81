"""The fixgw command: every command group is one thin file beside this one."""

import typer

from gateway.cli.engine import engine
from gateway.cli.front import front
from gateway.cli.run import run
from gateway.cli.send import send
from gateway.cli.sim import sim

app = typer.Typer(name="fixgw", no_args_is_help=True, help="A FIX order-routing gateway.")


@app.callback()
def main() -> None:
    """FIX order-routing gateway."""


app.command()(run)
app.command(hidden=True)(engine)
app.command(hidden=True)(front)
app.command()(sim)
app.add_typer(send, name="send")
