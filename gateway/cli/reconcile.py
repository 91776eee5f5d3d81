"""`fixgw reconcile`: books and venue compared now; and balances that differ taken for right."""

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from gateway.cli.operate import EXIT_REFUSED, operate
from gateway.cli.operate import show as show_answer
from gateway.cli.options import DEFAULT_CONFIG, ConfigOption
from gateway.cli.times import utc_text
from gateway.domain.reconcile import BreakKind

_POLL_S = 0.1

reconcile = typer.Typer(help="Compare books and venue, and accept what differs in a balance.", no_args_is_help=False)


@reconcile.command()
def accept(
    break_id: Annotated[list[int], typer.Argument(help="Of balances that differ, as fixgw reconcile shows them.")],
    *,
    reason: Annotated[str, typer.Option(help="Why; kept with who did it.")],
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: Annotated[bool, typer.Option("--json", help="The answer as a JSON object.")] = False,
) -> None:
    """Take balances that differ for right: a deposit that nobody told of, an order placed by hand.

    From then on that much more, or less, is expected. All of the breaks are accepted, or none.

    Example: fixgw reconcile accept 3 --reason "withdrawal of 2 BTC on Monday, while we were not connected"
    """
    show_answer(operate(config, "reconcile.accept", {"break_ids": break_id, "reason": reason}), as_json=as_json)


@reconcile.callback(invoke_without_command=True)
def compare(
    context: typer.Context,
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    venue_account: Annotated[str | None, typer.Option(help="Only this one; all when left out.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what differs; change nothing.")] = False,
    wait: Annotated[float, typer.Option(min=0, help="Seconds to wait for breaks to end.")] = 10.0,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a break, times in UTC.")] = False,
) -> None:
    r"""Compare the books of the running engine with the venue, and show every break: both sides, and how it ended.

    A balance that differs is looked at twice before it is a break; --dry-run tells what one look shows.

    \b
    fixgw reconcile --dry-run
    fixgw reconcile --venue-account main --json

    Exit code 1: a venue account could not be compared. A break that stands is not an error of the command.
    """
    if context.invoked_subcommand is not None:
        return
    answer = operate(config, "reconcile", {"venue_account": venue_account, "dry_run": dry_run})
    breaks: list[dict[str, Any]] = answer.result.get("breaks", [])
    if not dry_run and breaks:
        breaks = _when_ended(config, [row["break_id"] for row in breaks], wait)
    for row in breaks:
        typer.echo(json.dumps(_object(row)) if as_json else _text(row))
    if not as_json or not answer.done:
        typer.echo(answer.text, err=not answer.done)
    if not answer.done:
        raise typer.Exit(EXIT_REFUSED)


def _when_ended(config: Path, break_ids: Sequence[int], seconds: float) -> list[dict[str, Any]]:
    """The breaks from SQL, when all have ended that can by themselves, or so many seconds are over."""
    # They load SQL, which takes as long as all the rest and is not needed where nothing differs.
    from gateway.cli.database import reading  # noqa: PLC0415
    from gateway.store.queries import find_breaks  # noqa: PLC0415

    deadline = time.monotonic() + seconds
    while True:
        with reading(config) as connection:
            rows = [dict(row._mapping) for row in find_breaks(connection, break_ids)]  # noqa: SLF001 - public name
        ended = (row["resolved_at"] is not None or row["kind"] == BreakKind.BALANCE_DIFFERS for row in rows)
        if all(ended) or time.monotonic() >= deadline:
            return rows
        time.sleep(_POLL_S)


def _object(row: dict[str, Any]) -> dict[str, Any]:
    sides = {"ours": json.loads(row["ours"]), "theirs": json.loads(row["theirs"])}
    return row | sides | {name: utc_text(row[name]) for name in ("at", "resolved_at")}


def _text(row: dict[str, Any]) -> str:
    order = row["order_id"] or row["client_id"]
    stands = "stands"
    if row["kind"] == BreakKind.BALANCE_DIFFERS:
        stands += f"; if it is as it should be: fixgw reconcile accept {row['break_id']} --reason ..."
    ended = "nothing was done: a dry run" if row["break_id"] == 0 else row["resolution"] or stands
    return "\n".join(
        [
            f"{row['kind']} {order} at {row['venue_account']}",
            f"  books: {_side(row['ours'])}",
            f"  venue: {_side(row['theirs'])}",
            f"  {ended}",
        ]
    )


def _side(text: str) -> str:
    side = json.loads(text)
    return "nothing" if side is None else " ".join(f"{name}={value}" for name, value in side.items() if value != "")
