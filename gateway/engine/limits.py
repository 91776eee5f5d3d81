"""Limits while the engine runs: setting them, and stopping what a control found to run in circles."""

from collections.abc import Collection

from loguru import logger

from gateway.domain.risk import BadLimitError, RuleBook
from gateway.domain.totals import Scope
from gateway.engine.operations import OperationRefused, Outcome, RemoveLimit, SetLimit
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
        told = f"pattern={pattern} limit={limit.text} {where}"
        logger.critical("ALERT {} {}", limit.code, told)
        batch.alerts.append(AlertRow(at, "critical", limit.code, told))


class LimitSetter:
    """Sets limits for operators. accounts, sessions: the names that the configuration has."""

    def __init__(self, risk: RuleBook, batch: Batch, accounts: Collection[str], sessions: Collection[str]) -> None:
        self._risk = risk
        self._batch = batch
        self._known = {"account": accounts, "session": sessions}

    def set(self, asked: SetLimit | RemoveLimit, *, at: int, who: str, why: str) -> Outcome:
        """A new version, in force from the next order on. Raises OperationRefused."""
        for name, known in self._known.items():
            given = getattr(asked, name)
            if given and given not in known:
                raise OperationRefused(f"no {name} {given!r}; there are: {', '.join(sorted(known))}")
        if asked.valid_to is not None and asked.valid_to <= at:
            raise OperationRefused("it would be over already")
        scope = Scope(asked.account, asked.session, asked.symbol)
        where = " ".join(f"{name}={part}" for name, part in scope._asdict().items() if part) or "firm"
        if isinstance(asked, RemoveLimit) and not self._has(asked.limit.upper(), scope, at):
            raise OperationRefused(
                f"there is no {asked.limit.upper()} of exactly {where}; fixgw limits show has what is in force"
            )
        try:
            row = set_limit(
                self._risk,
                self._batch,
                asked.limit.upper(),
                scope,
                asked.value if isinstance(asked, SetLimit) else None,
                at=at,
                who=who,
                why=why,
                warn_percent=asked.warn_percent if isinstance(asked, SetLimit) else None,
                valid_from=asked.valid_from if isinstance(asked, SetLimit) else None,
                valid_to=asked.valid_to,
            )
        except BadLimitError as error:
            raise OperationRefused(str(error)) from error
        is_now = "none" if row.value is None else row.value
        return Outcome(
            done=True, text=f"{row.code} of {where} is {is_now}, version {row.limit_id}", result=row._asdict()
        )

    def _has(self, code: str, scope: Scope, at: int) -> bool:
        """Whether it is in force or will be: a version is a limit, down to the newest that is there for good."""
        for limit in reversed(self._risk.limits):
            if (limit.code, limit.scope) != (code, scope) or (limit.valid_to is not None and limit.valid_to <= at):
                continue
            if limit.value is not None:
                return True
            if limit.valid_to is None and limit.valid_from <= at:
                return False
        return False
