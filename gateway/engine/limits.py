"""Limits while the engine runs: setting them, and stopping what a control found to run in circles."""

from gateway.domain.risk import RuleBook
from gateway.domain.totals import Scope
from gateway.store.batch import Batch
from gateway.store.limits import limit_of
from gateway.store.rows import AlertRow, LimitRow

GATEWAY = "gateway"
"""Who set what no person did."""


def set_limit(
    risk: RuleBook,
    batch: Batch,
    code: str,
    scope: Scope,
    text: str | None,
    *,
    at: int,
    who: str,
    why: str,
    warn_percent: int | None = None,
    valid_from: int | None = None,
    valid_to: int | None = None,
) -> LimitRow:
    """A new version of a limit, in force from the next order on and committed with this batch.

    text None: no limit from here on. Times are nanoseconds UTC; valid_to makes it temporary. Raises BadLimitError.
    """
    if not who or not why:
        raise ValueError("who set a limit, and why, must be said")
    begins = at if valid_from is None else valid_from
    row = LimitRow(risk.last_limit_id + 1, code, *scope, text, warn_percent, begins, valid_to, who, why, at)
    risk.change([limit_of(row)])
    batch.limits.append(row)
    return row


def keep_stops(risk: RuleBook, batch: Batch, at: int) -> None:
    """Make what a control has stopped outlive a restart: as a version of its limit, until a person sets another."""
    for limit, pattern in risk.take_stops():
        text = f"stopped:{pattern}"
        set_limit(risk, batch, limit.code, limit.scope, text, at=at, who=GATEWAY, why=f"reached {limit.text}")
        where = " ".join(f"{name}={part}" for name, part in limit.where.items())
        batch.alerts.append(AlertRow(at, "critical", limit.code, f"pattern={pattern} limit={limit.text} {where}"))
