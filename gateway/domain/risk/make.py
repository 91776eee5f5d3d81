"""Making a limit from its text."""

from gateway.domain.risk.controls import CONTROLS
from gateway.domain.risk.limit import BadLimitError, Limit
from gateway.domain.totals import Scope


def make_limit(
    limit_id: int,
    code: str,
    scope: Scope,
    text: str | None,
    *,
    warn_percent: int | None = None,
    valid_from: int = 0,
    valid_to: int | None = None,
) -> Limit:
    """A limit; text None: there is none from here on. Raises BadLimitError naming it and what is allowed."""
    control = CONTROLS.get(code)
    if control is None:
        raise BadLimitError(f"{code}: no such limit; there are {', '.join(CONTROLS)}")
    if scope.kind not in control.kinds:
        raise BadLimitError(f"{code}: not of such a scope; it is {control.about}")
    if valid_to is not None and valid_to <= valid_from:
        raise BadLimitError(f"{code}: it would end before it begins")
    if warn_percent is not None and (control.part is None or not 0 < warn_percent <= 100):
        raise BadLimitError(
            f"{code}: a warning at {warn_percent} percent" + ("" if control.part else " makes no sense")
        )
    try:
        value = None if text is None else control.value(text)
    except BadLimitError as error:
        raise BadLimitError(f"{code}: {error}; it is {control.about}") from None
    soft = None if value is None or warn_percent is None or control.part is None else control.part(value, warn_percent)
    return Limit(
        limit_id=limit_id,
        code=code,
        scope=scope,
        text=text or "",
        value=value,
        warn_percent=warn_percent,
        soft=soft,
        valid_from=valid_from,
        valid_to=valid_to,
    )
