"""`fixgw keys`: the keys of venue accounts."""

from typing import Annotated

import typer

from gateway.cli.operate import operate, show
from gateway.cli.options import DEFAULT_CONFIG, ConfigOption

keys = typer.Typer(no_args_is_help=True, help="The keys of venue accounts, which are never shown.")


@keys.callback()
def _group() -> None:
    """A group, however many commands it has."""


@keys.command("reload")
def reload_keys(
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    venue_account: Annotated[str | None, typer.Option(help="Only this one; all when left out.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Have the running engine read keys again, from where they came, and move to them without losing its stream.

    A key that cannot be read, may do too much, or is not taken by the exchange leaves the old one in use (exit code 1).

    Example: fixgw keys reload --venue-account main
    """
    show(operate(config, "keys.reload", {"venue_account": venue_account}), as_json=as_json)


@keys.command("accept")
def accept(
    venue_account: Annotated[str, typer.Argument(help="As the configuration names it.")],
    *,
    reason: Annotated[str, typer.Option(help="Why; kept with who did it.")],
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    r"""Go on with another account of the exchange, after a start that refused the key for being of that one.

    \b
    fixgw keys accept main --reason "moved to a sub-account"

    Whose account it is was recorded by the first start with this database. No order of ours may be open there.
    """
    show(operate(config, "keys.accept", {"venue_account": venue_account, "reason": reason}), as_json=as_json)
