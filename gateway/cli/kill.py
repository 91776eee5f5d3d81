"""`fixgw kill`: the kill switch."""

from typing import Annotated

import typer

from gateway.cli.operate import operate, show
from gateway.cli.options import DEFAULT_CONFIG, ConfigOption

EXIT_NOT_CONFIRMED = 3
EXIT_NOT_FLAT = 4

Account = Annotated[str, typer.Option(help="Only this account.")]
Session = Annotated[str, typer.Option(help="Only this client, by its CompID.")]
Symbol = Annotated[str, typer.Option(help="Only this symbol.")]
VenueAccount = Annotated[str, typer.Option(help="Only what goes to this venue account, as the configuration names it.")]
Venue = Annotated[str, typer.Option(help="Only what goes to this venue, such as binance, by whichever account.")]


def scope_arguments(account: str, session: str, symbol: str, venue_account: str, venue: str) -> dict[str, str]:
    """What is to be stopped or armed, as the control socket has it."""
    return {"account": account, "session": session, "symbol": symbol, "venue_account": venue_account, "venue": venue}


def kill(
    *,
    reason: Annotated[str, typer.Option(help="Why; kept with who did it.")],
    account: Account = "",
    session: Session = "",
    symbol: Symbol = "",
    venue_account: VenueAccount = "",
    venue: Venue = "",
    reduce_only: Annotated[
        bool, typer.Option("--reduce-only", help="Let pass what can only reduce a position; cancel nothing.")
    ] = False,
    flatten: Annotated[
        bool, typer.Option("--flatten", help="Then close what is held, by orders inside the collar.")
    ] = False,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: Annotated[bool, typer.Option("--json", help="The answer as a JSON object.")] = False,
) -> None:
    r"""Stop trading: refuse new orders and replaces, cancel what is open, and ask the venue until nothing is left.

    \b
    fixgw kill --reason "runaway algorithm"
    fixgw kill --session DESK --symbol BTCUSDT --reason "wrong price"
    fixgw kill --account TRADING --flatten --reason "desk closed"

    What is halted stays so, also over restarts, until two users arm it again (fixgw arm). Cancels always pass.

    Exit code 3: halted, but the venue did not confirm that nothing is open; what is missing is named, and nothing is
    flattened. Exit code 4: a position is left, and it is told why.
    """
    scope = scope_arguments(account, session, symbol, venue_account, venue)
    answer = operate(config, "kill", {**scope, "reduce_only": reduce_only, "flatten": flatten, "reason": reason})
    show(answer, as_json=as_json)
    if answer.result.get("confirmed") is False:
        raise typer.Exit(EXIT_NOT_CONFIRMED)
    if answer.result.get("flat") is False:
        raise typer.Exit(EXIT_NOT_FLAT)
