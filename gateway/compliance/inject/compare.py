"""Two accounts of the same orders, tag by tag: the reports that are recorded, and those that were made again."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from difflib import SequenceMatcher
from typing import NamedTuple

from gateway.compliance.inject.steps import Told
from gateway.domain.session_names import session_name
from gateway.wire.field_names import NAMES
from gateway.wire.raw import split_fields

OTHER_EACH_TIME = frozenset({9, 10, 17, 19, 34, 37, 45, 52, 60, 122})
"""Ids of the gateway's own, numbers of messages, and times."""

_SECONDARY_ORDER_ID, _EXEC_TYPE, _ORDER_STATUS = 198, 150, "I"

_TEXT = 58
_OTHER_IN_TEXTS = (
    (re.compile(r"\bO\d+\b"), "O#"),
    (re.compile(r"\b(again_in|age)=[\d.]+m?s\b"), r"\1=#"),
    (re.compile(r"^outcome unknown: .*"), "outcome unknown"),
)
"""In Text(58): ids and times, and how an answer was lost, which is not repeated."""

Fields = tuple[tuple[int, str], ...]


class ReportDifference(NamedTuple):
    """where: session, order and report. text: what is recorded and what came now."""

    where: str
    text: str

    def __str__(self) -> str:
        return f"{self.where}: {self.text}"


def compare(recorded: Iterable[Told], made: Iterable[Told], order_ids: Mapping[str, str]) -> Iterator[ReportDifference]:
    """Each difference. order_ids: OrderID(37) of the order made again, by the recorded one's.

    Reports of one order to one session are held against each other in their order; those of different orders may
    come in another one.
    """
    recorded_ids = {now: then for then, now in order_ids.items()}
    then, now = _grouped(recorded, {}), _grouped(made, recorded_ids)
    for key in dict.fromkeys((*then, *now)):
        yield from _differences(" ".join(part for part in key if part), then.get(key, []), now.get(key, []))


def _grouped(reports: Iterable[Told], recorded_ids: Mapping[str, str]) -> dict[tuple[str, str], list[Fields]]:
    groups: dict[tuple[str, str], list[Fields]] = defaultdict(list)
    for report in reports:
        fields = split_fields(report.body)
        if report.order_id is None:
            values = dict(reversed(fields))
            about = next((f"id {values[tag]}" for tag in (11, 584, 320, 379) if tag in values), "")
        else:
            about = f"order {recorded_ids.get(report.order_id, report.order_id)}"
        groups[session_name(report.session), about].append(_comparable(fields))
    return groups


def _comparable(fields: list[tuple[int, str]]) -> Fields:
    """A status that is told between an order at the venue and the next one for it has the id of one or of none: it
    leaves no event, so that its place among those of its batch is not recorded.
    """
    left_out = OTHER_EACH_TIME
    if (_EXEC_TYPE, _ORDER_STATUS) in fields:
        left_out |= {_SECONDARY_ORDER_ID}
    return tuple((tag, _text(value) if tag == _TEXT else value) for tag, value in fields if tag not in left_out)


def _text(value: str) -> str:
    for pattern, instead in _OTHER_IN_TEXTS:
        value = pattern.sub(instead, value)
    return value


def _differences(where: str, then: list[Fields], now: list[Fields]) -> Iterator[ReportDifference]:
    for kind, a, b, c, d in SequenceMatcher(None, then, now, autojunk=False).get_opcodes():
        if kind == "equal":
            continue
        both = min(b - a, d - c)
        for index in range(both):
            text = _tags_that_differ(then[a + index], now[c + index])
            yield ReportDifference(f"{where} report {a + index + 1}", text)
        for index in range(a + both, b):
            yield ReportDifference(f"{where} report {index + 1}", f"recorded, and not made now: {_shown(then[index])}")
        for index in range(c + both, d):
            yield ReportDifference(f"{where} report {index + 1}", f"made now, and not recorded: {_shown(now[index])}")


def _tags_that_differ(then: Fields, now: Fields) -> str:
    tags = dict.fromkeys(tag for tag, _ in (*then, *now))
    differ = []
    for tag in tags:
        ours, theirs = (" ".join(v for t, v in fields if t == tag) or "absent" for fields in (then, now))
        if ours != theirs:
            differ.append(f"{_name(tag)}: recorded {ours}, now {theirs}")
    return "; ".join(differ) or "the same fields in another order"


def _shown(fields: Fields) -> str:
    return " ".join(f"{_name(tag)}={value}" for tag, value in fields if tag in (35, 11, 150, 39, 32, 31, 14, 151, 58))


def _name(tag: int) -> str:
    return f"{NAMES[tag]}({tag})" if tag in NAMES else str(tag)
