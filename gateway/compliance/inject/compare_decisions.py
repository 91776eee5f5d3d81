"""The figures of decisions: those that are recorded, and those that were reckoned again."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from gateway.compliance.inject.compare import ReportDifference
from gateway.compliance.inject.given import Asked, Given
from gateway.domain.risk.controls import CONTROLS
from gateway.domain.risk.derive import as_figures
from gateway.domain.session_names import session_name


def compare_decisions(
    recorded: Iterable[tuple[Asked, Given]], made: Mapping[Asked, Given], *, time_stands: bool
) -> Iterator[ReportDifference]:
    """Each decision with other figures. recorded: of what was sent again, in its order.

    A decision that only one of them has shows in the reports. time_stands: while a step is taken; where it goes on,
    figures that are times are others.
    """
    for (session, name, at), then in recorded:
        now = made.get((session, name, at)) if time_stands else _only(made, session, name)
        if now is None:
            continue
        text = "; ".join(_differences(then.figures, now.figures, time_stands=time_stands))
        if text:
            yield ReportDifference(f"{session_name(session)} decision on {name}", text)


def _only(made: Mapping[Asked, Given], session: str, name: str) -> Given | None:
    """Of an id that was used twice nothing is said."""
    found = [given for asked, given in made.items() if asked[:2] == (session, name)]
    return found[0] if len(found) == 1 else None


def _differences(then: Mapping[str, list[Any]], now: Mapping[str, list[Any]], *, time_stands: bool) -> Iterator[str]:
    for limit, figures in then.items():
        if limit not in now:
            continue  # it was set in between, and the reports show what came of that
        control = CONTROLS[limit.partition(" ")[0]]
        named = zip(control.figures, as_figures(figures), as_figures(now[limit]), strict=True)
        differ = [one for one in named if one[1] != one[2] and (time_stands or one[0] not in control.times)]
        if differ:
            yield f"{control.code}: " + " ".join(f"{name} recorded {then}, now {now}" for name, then, now in differ)
