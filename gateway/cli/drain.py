"""`fixgw drain`: empty the running engine and stop the gateway, for a deployment."""

from typing import Annotated

import typer

from gateway.cli.operate import operate, show
from gateway.cli.options import DEFAULT_CONFIG, ConfigOption


def drain(
    *,
    reason: Annotated[str, typer.Option(help="Why; kept with who did it.")],
    within: Annotated[int, typer.Option(min=1, max=55, help="Seconds to wait for what is under way.")] = 45,
    resume: Annotated[bool, typer.Option("--resume", help="Take it back: logons and orders again.")] = False,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: Annotated[bool, typer.Option("--json", help="The answer as a JSON object.")] = False,
) -> None:
    r"""Take no logons and no new orders, wait until nothing is under way, log sessions out, and stop the gateway.

    \b
    fixgw drain --reason "release 1.4"
    fixgw drain --resume --reason "not today"

    Cancels are taken all the while; orders that rest stay at the exchange. What is still under way in the end is named
    (exit code 1), and orders stay refused until it is asked for again, or taken back.
    """
    arguments = {"within_seconds": within, "resume": resume, "reason": reason}
    show(operate(config, "drain", arguments), as_json=as_json)
