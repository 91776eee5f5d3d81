"""`fixgw arm`: trading again, when two users want it."""

from typing import Annotated

import typer

from gateway.cli.kill import Account, Session, Symbol, Venue, VenueAccount, scope_arguments
from gateway.cli.operate import operate, show
from gateway.cli.options import DEFAULT_CONFIG, ConfigOption


def arm(
    *,
    reason: Annotated[str, typer.Option(help="Why; kept with who did it.")],
    account: Account = "",
    session: Session = "",
    symbol: Symbol = "",
    venue_account: VenueAccount = "",
    venue: Venue = "",
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: Annotated[bool, typer.Option("--json", help="The answer as a JSON object.")] = False,
) -> None:
    """Take orders again in exactly the scope that was halted. Two different users of this host have to ask for it.

    Example: fixgw arm --session DESK --reason "algorithm fixed"
    """
    scope = scope_arguments(account, session, symbol, venue_account, venue)
    show(operate(config, "arm", {**scope, "reason": reason}), as_json=as_json)
