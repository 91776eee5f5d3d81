"""`fixgw session`: what an operator does to a FIX session of the running engine."""

from typing import Annotated

import typer

from gateway.cli.operate import operate, show
from gateway.cli.options import DEFAULT_CONFIG, ConfigOption

Name = Annotated[str, typer.Argument(help="The client's CompID, such as DESK, or the whole SessionID.")]
Reason = Annotated[str, typer.Option(help="Why; kept with who did it.")]
AsJson = Annotated[bool, typer.Option("--json", help="The answer as a JSON object.")]

session = typer.Typer(
    no_args_is_help=True,
    help="Log a FIX session out, disconnect or disable it, or change its numbers. The gateway must run; all is kept.",
)


@session.command()
def reset(name: Name, *, reason: Reason, config: ConfigOption = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Log the session out and begin a new epoch, both numbers at 1. The client has to reset its own numbers as well.

    Reports that the client is not proven to have are sent again, marked PossResend(97).

    Example: fixgw session reset DESK --reason "agreed with the desk by phone"
    """
    show(operate(config, "session.reset", {"session": name, "reason": reason}), as_json=as_json)


@session.command("set-seq")
def set_seq(
    name: Name,
    *,
    reason: Reason,
    next_in: Annotated[int | None, typer.Option("--in", help="The number expected next from the client.")] = None,
    next_out: Annotated[int | None, typer.Option("--out", help="The number sent next to the client.")] = None,
    new_epoch: Annotated[
        bool, typer.Option("--new-epoch", help="Begin a new epoch with them: they may be lower; what is left out is 1.")
    ] = False,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Log the session out and set its next sequence numbers.

    Within an epoch numbers only go up, since no number may be used twice. What is skipped outwards is gap-filled, what
    is skipped inwards is never asked for.

    Example: fixgw session set-seq DESK --in 120 --reason "the desk lost its store"
    """
    arguments = {"session": name, "next_in": next_in, "next_out": next_out, "new_epoch": new_epoch, "reason": reason}
    show(operate(config, "session.set-seq", arguments), as_json=as_json)


@session.command()
def disconnect(name: Name, *, reason: Reason, config: ConfigOption = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Cut the client's connection at once, without a Logout. It may connect again; see disable.

    Example: fixgw session disconnect DESK --reason "certificate revoked"
    """
    show(operate(config, "session.disconnect", {"session": name, "reason": reason}), as_json=as_json)


@session.command()
def disable(name: Name, *, reason: Reason, config: ConfigOption = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Log the session out, and let nobody log on to it until it is enabled again, restarts or not. Its orders stay.

    Example: fixgw session disable DESK --reason "contract ended"
    """
    show(operate(config, "session.disable", {"session": name, "reason": reason}), as_json=as_json)


@session.command()
def enable(name: Name, *, reason: Reason, config: ConfigOption = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Let a disabled session log on again.

    Example: fixgw session enable DESK --reason "contract renewed"
    """
    show(operate(config, "session.enable", {"session": name, "reason": reason}), as_json=as_json)


@session.command()
def logout(
    name: Name,
    *,
    reason: Annotated[str | None, typer.Option(help="Why; kept with who did it.")] = None,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Log the session out. The client may log on again at once.

    Example: fixgw session logout DESK
    """
    show(operate(config, "session.logout", {"session": name, "reason": reason}), as_json=as_json)
