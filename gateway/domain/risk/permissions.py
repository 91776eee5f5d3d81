"""What an account or session may do at all: symbols, sides, order types and hours."""

import re
from typing import Any, NamedTuple

from gateway.domain.risk import parsing
from gateway.domain.risk.control import Control, Figures, forbids
from gateway.domain.risk.denial import Denial
from gateway.domain.risk.limit import BadLimitError, Limit
from gateway.domain.risk.terms import OrderTerms, Snapshot
from gateway.domain.values import OrdRejReason, OrdType, Side

_SECOND = 1_000_000_000
_DAY = 86_400
_WEEK = 7 * _DAY
_THURSDAY = 3  # 1970-01-01
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_HOURS = re.compile(
    r"(?:([A-Z][a-z]{2})(?:-([A-Z][a-z]{2}))? )?([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-4]):([0-5]\d)", re.ASCII
)


def _nothing(order: OrderTerms, source: None, snapshot: Snapshot, limit: Limit) -> Figures:  # noqa: ARG001 - one signature
    return ()


class Names(frozenset[Any]):
    """Sides or order types, written as in the configuration."""

    def __str__(self) -> str:
        return ",".join(sorted(member.name.lower() for member in self))


def sides(text: str) -> Names:
    """`buy` or `sell`."""
    return _names(text, {side.name.lower(): side for side in Side})


def ord_types(text: str) -> Names:
    """Order types: `market`, or several with commas between them."""
    return _names(text, {kind.name.lower(): kind for kind in OrdType})


def _names(text: str, allowed: dict[str, Any]) -> Names:
    unknown = [name for name in text.split(",") if name not in allowed]
    if unknown:
        raise BadLimitError(f"{unknown[0]!r} is none of {', '.join(allowed)}")
    return Names(allowed[name] for name in text.split(","))


class Hours(NamedTuple):
    """Parts of the week, each from its first second up to its end, seconds after Monday 00:00 UTC."""

    text: str
    parts: tuple[tuple[int, int], ...]

    def __str__(self) -> str:
        return self.text.replace(" ", "_")


def hours(text: str) -> Hours:
    """`Mon-Fri 08:00-17:30`, in UTC; several with a comma and a blank between them; without days: every day."""
    parts: list[tuple[int, int]] = []
    for one in text.split(", "):
        found = _HOURS.fullmatch(one)
        first, last, *clock = found.groups() if found is not None else ("", "")
        if found is None or (first and first not in _DAYS) or (last and last not in _DAYS):
            raise BadLimitError(f"{one!r} is not a time in UTC such as Mon-Fri 08:00-17:30")
        start, end = (int(h) * 3600 + int(m) * 60 for h, m in (clock[:2], clock[2:]))
        if end > _DAY:
            raise BadLimitError(f"{one!r} ends after 24:00")
        begin = _DAYS.index(first) if first else 0
        days = (_DAYS.index(last) - begin) % 7 + 1 if last else (1 if first else 7)
        length = end - start if end > start else end + _DAY - start  # over midnight
        parts += [((begin + day) % 7 * _DAY + start, (begin + day) % 7 * _DAY + start + length) for day in range(days)]
    return Hours(text, tuple(parts))


def _restricted(order: OrderTerms, limit: Limit, value: bool, figures: Figures) -> Denial | None:  # noqa: ARG001 - one signature
    return forbids(limit) if limit.scope.symbol else forbids(limit, symbol=order.symbol)


def _side(order: OrderTerms, limit: Limit, value: Names, figures: Figures) -> Denial | None:  # noqa: ARG001 - one signature
    return forbids(limit, side=order.side.name) if order.side in value else None


def _ord_type(order: OrderTerms, limit: Limit, value: Names, figures: Figures) -> Denial | None:  # noqa: ARG001 - one signature
    return forbids(limit, ord_type=order.ord_type.name) if order.ord_type in value else None


def _second(order: OrderTerms, source: None, snapshot: Snapshot, limit: Limit) -> Figures:  # noqa: ARG001 - one signature
    return ((snapshot.at // _SECOND + _THURSDAY * _DAY) % _WEEK,)


def _hours(order: OrderTerms, limit: Limit, value: Hours, figures: Figures) -> Denial | None:  # noqa: ARG001 - one signature
    second: Any = figures[0]
    if any(start <= second < end or start <= second + _WEEK < end for start, end in value.parts):
        return None
    day, rest = divmod(second, _DAY)
    now = f"{_DAYS[day]}_{rest // 3600:02}:{rest // 60 % 60:02}"
    return forbids(limit, OrdRejReason.EXCHANGE_CLOSED, open=value, now=now)


RESTRICTED_SYMBOL = Control(
    code="RESTRICTED_SYMBOL",
    about="yes: the scope may not trade (one symbol, where the scope names it)",
    value=parsing.flag,
    figures=(),
    measure=_nothing,
    judge=_restricted,
)
SIDE_NOT_ALLOWED = Control(
    code="SIDE_NOT_ALLOWED",
    about="the side that may not be traded, buy or sell",
    value=sides,
    figures=(),
    measure=_nothing,
    judge=_side,
)
ORDER_TYPE_NOT_ALLOWED = Control(
    code="ORDER_TYPE_NOT_ALLOWED",
    about="order types that may not be used, such as market,stop",
    value=ord_types,
    figures=(),
    measure=_nothing,
    judge=_ord_type,
)
MARKET_HOURS = Control(
    code="MARKET_HOURS",
    about="when orders are taken, in UTC, such as Mon-Fri 08:00-17:30",
    value=hours,
    figures=("second_of_week",),
    measure=_second,
    judge=_hours,
)
