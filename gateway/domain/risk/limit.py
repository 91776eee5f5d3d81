"""A limit as it is set: for which scope, how much, since when and until when."""

from dataclasses import dataclass, field
from typing import Any

from gateway.domain.totals import Scope


class BadLimitError(ValueError):
    """A limit that nobody can apply; the text says which, what is wrong and what is allowed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """One version of one limit. Of the versions that are valid at a moment the newest applies.

    limit_id: grows with every version of any limit. value: as the control's `parse` made it from text; None: from here
    on there is no limit. valid_from, valid_to: nanoseconds UTC, the end not included; a version with an end is an
    override, after which the one before applies again. warn_percent: a part of the limit whose use is alerted.
    """

    limit_id: int
    code: str
    scope: Scope
    text: str
    value: Any
    warn_percent: int | None = None
    soft: Any = None  # the value at which to warn
    valid_from: int = 0
    valid_to: int | None = None
    where: dict[str, str] = field(init=False, compare=False)

    def __post_init__(self) -> None:
        names = {k: v for k, v in zip(("account", "session", "symbol"), self.scope, strict=True) if v}
        object.__setattr__(self, "where", names or {"scope": "firm"})

    def is_valid(self, at: int) -> bool:
        """Whether the version may apply at this time."""
        return self.valid_from <= at and (self.valid_to is None or at < self.valid_to)
