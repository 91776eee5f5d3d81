"""fixgw explain: why an order was accepted or refused, derived again from what was stored with the decision."""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any

import msgspec
import typer
from rich.table import Table
from sqlalchemy import Row

from gateway.cli.access import record_reading
from gateway.cli.archived import missing_of
from gateway.cli.database import reading
from gateway.cli.exits import refuse
from gateway.cli.options import DEFAULT_CONFIG, ConfigOption, OpenedOption
from gateway.cli.tables import Column, build_table, console
from gateway.cli.times import local_date_time, utc_text
from gateway.domain.events import OrderReceived
from gateway.domain.money import text_of, trim
from gateway.domain.risk.control import Figure
from gateway.domain.risk.controls import CONTROLS
from gateway.domain.risk.derive import Finding, derive, new_terms, stored_terms
from gateway.store.limits import limit_of, load_limits
from gateway.store.queries import OrderStory, find_order_ids, order_story
from gateway.store.rows import LimitRow


def explain(
    order_id: Annotated[str, typer.Argument(metavar="ID", help="OrderID(37), or ClOrdID(11) of it or a request.")],
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    database: OpenedOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a decision, times in UTC.")] = False,
) -> None:
    r"""Derive again why an order, and each replace of it, was accepted or refused: every limit with its figures.

    \b
    fixgw explain O4
    fixgw explain 0131093000-a1b2-1 --json
    """
    with reading(config, database) as connection:
        record_reading(connection, config, "explain", database, order_id=order_id)
        found = find_order_ids(connection, order_id)
        story = order_story(connection, found[0]) if found else None
        limits = {row.limit_id: row for row in load_limits(connection)}
        missing = missing_of(connection, story, ("orders", "decisions")) if story is not None else ""
    if story is None:
        refuse(f"no order has the OrderID or ClOrdID {order_id!r}; fixgw orders lists them")
    if missing and not (story.decisions and any(isinstance(event, OrderReceived) for _, event in story.events)):
        refuse(missing)
    same = True
    for number, decision in enumerate(story.decisions):
        findings = findings_of(story, decision, limits)
        agrees = _agrees(decision, findings)
        same = same and agrees
        if as_json:
            typer.echo(json.dumps(_object(decision, findings, limits, agrees=agrees)))
        else:
            typer.echo("\n" * (number > 0), nl=False)
            _print(decision, findings, limits, agrees=agrees)
    if missing:
        typer.echo(missing, err=True)
    if not same:
        raise typer.Exit(1)


def findings_of(story: OrderStory, decision: Row[Any], limits: Mapping[int, LimitRow]) -> list[Finding]:
    """What each limit says of the order or replace on the figures that were stored."""
    inputs = msgspec.json.decode(decision.inputs)
    looked_at = inputs.get("limits", {})
    if not looked_at:
        return []
    if "order" in inputs:
        terms = stored_terms(inputs["order"])
    else:
        terms = new_terms(next(event for _, event in story.events if isinstance(event, OrderReceived)))
    return derive(terms, looked_at, {int(n): limit_of(limits[int(n)]) for n in looked_at})


def _agrees(decision: Row[Any], findings: list[Finding]) -> bool:
    """Whether the limits say what was decided. What no limit decided has its figures in its text alone."""
    refusals = [f.denial.text for f in findings if f.refuses and f.denial is not None]
    if decision.outcome == "accept":
        return not refusals
    return refusals == [decision.text] or not findings


def _print(decision: Row[Any], findings: list[Finding], limits: Mapping[int, LimitRow], *, agrees: bool) -> None:
    screen = console()
    verdict = "accepted" if decision.outcome == "accept" else f"refused: {decision.text}"
    screen.print(f"{decision.cl_ord_id} {local_date_time(decision.at)} {verdict}", style="bold", soft_wrap=True)
    if findings:
        screen.print(_table(findings, limits, screen.width))
        word = "derived again from these figures: the same" if agrees else "THE FIGURES SAY OTHERWISE"
        screen.print(word, style="green" if agrees else "bold red")
    elif decision.outcome == "accept" and "flatten" in (inputs := msgspec.json.decode(decision.inputs)):
        figures = " ".join(f"{name}={_shown(value)}" for name, value in inputs["flatten"].items())
        screen.print(f"the gateway's own, which closes a position and meets no limit: {figures}", soft_wrap=True)
    elif decision.outcome == "accept":
        screen.print("no limit applied")
    else:
        screen.print("by the order's own fields, the venue's filters or state, or a halt; no limit was looked at")


def _table(findings: list[Finding], limits: Mapping[int, LimitRow], width: int) -> Table:
    columns = (
        Column("Limit", lambda f: f.limit.code),
        Column("Version", lambda f: str(f.limit.limit_id), right=True),
        Column("Scope", lambda f: " ".join(f"{name}={part}" for name, part in f.limit.where.items())),
        Column("Value", lambda f: f.limit.text, right=True),
        Column("Figures", lambda f: " ".join(_figures(f))),
        Column("Says", _says),
        Column("Set by", lambda f: limits[f.limit.limit_id].who, spare=True),
        Column("Why", lambda f: limits[f.limit.limit_id].why, spare=True),
    )
    return build_table(columns, findings, width, lambda f: "red" if f.refuses else "")


def _shown(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def check_line(finding: Finding) -> str:
    """`MAX_ORDER_QTY 5 account=ACME: order_qty=0.1 passes`."""
    limit = finding.limit
    scope = "".join(f" {name}={part}" for name, part in limit.where.items())
    return f"{limit.code} {limit.text}{scope}: {' '.join([*_figures(finding), _says(finding)])}"


def _figures(finding: Finding) -> list[str]:
    times = CONTROLS[finding.limit.code].times
    return [f"{name}={_seconds(value) if name in times else _text(value)}" for name, value in finding.figures.items()]


def _seconds(nanoseconds: Figure) -> str:
    return f"{trim(Decimal(nanoseconds).scaleb(-9)):f}s" if nanoseconds is not None else _text(nanoseconds)


def _says(finding: Finding) -> str:
    return "passes" if finding.denial is None else "refuses" if finding.refuses else "alerts"


def _text(value: Figure) -> str:
    if value is None:
        return "-"
    return text_of(trim(value)) if isinstance(value, Decimal) else str(value)


def _object(
    decision: Row[Any], findings: list[Finding], limits: Mapping[int, LimitRow], *, agrees: bool
) -> dict[str, Any]:
    return {
        "cl_ord_id": decision.cl_ord_id,
        "at": utc_text(decision.at),
        "outcome": decision.outcome,
        "text": decision.text,
        "derived_again": agrees,
        "limits": [
            {
                "code": f.limit.code,
                "version": f.limit.limit_id,
                "scope": f.limit.where,
                "value": f.limit.text,
                "figures": {name: None if value is None else _text(value) for name, value in f.figures.items()},
                "denial": f.denial.text if f.denial is not None else None,
                "who": limits[f.limit.limit_id].who,
                "why": limits[f.limit.limit_id].why,
            }
            for f in findings
        ],
    }
