"""Reads fix_specs/source into one model, from which everything else is generated."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "fix_specs" / "source"
VERSIONS = ("4.2", "4.4", "5.0")
"""5.0 is FIX 5.0 SP2, its session layer FIXT 1.1 included."""
_LATER = {"4.4": ("4.4", "5.0")}


def is_in(mark: str | None, version: str) -> bool:
    """Whether what is so marked exists in a version. What 4.4 has, 5.0 has too; nothing of 4.2 alone came back."""
    return mark is None or version in _LATER.get(mark, (mark,))


@dataclass(frozen=True)
class Item:
    """One word of a field list: a field, group or component as a message carries it."""

    name: str
    is_component: bool
    required: bool  # insisted on by the session layer
    expected: bool  # required by the standard, insisted on or not
    version: str | None  # None: in all


@dataclass(frozen=True)
class Field:
    tag: int
    name: str  # as in FIX 4.4 and later
    fix_type: str
    name_in_42: str
    values: tuple[tuple[str, str, str | None], ...]  # (value, meaning, version or None for all)
    open_because: str  # not empty: listed values do not bind
    open_in_50: bool  # they do not in 5.0
    type_in_50: str


@dataclass(frozen=True)
class Spec:
    fields: dict[str, Field]  # by name
    header: list[Item]
    trailer: list[Item]
    messages: dict[str, tuple[str, list[Item]]]  # MsgType -> (name, items)
    not_in: dict[str, str]  # MsgType -> the version that has no such message
    unsupported: tuple[tuple[str, str, str | None], ...]  # (MsgType, name, version or None)
    components: dict[str, list[Item]]
    groups: dict[str, list[Item]]
    defined_only: list[Item]

    def members(self, items: list[Item], version: str) -> list[Item]:
        return [item for item in items if is_in(item.version, version)]

    def spoken(self, version: str) -> dict[str, tuple[str, list[Item]]]:
        """The messages of this version."""
        return {m: entry for m, entry in self.messages.items() if self.not_in.get(m) != version}

    def used(self, version: str) -> list[Field]:
        """The fields that any message, component or group of this version carries, by tag."""
        found: dict[str, Field] = {}

        def walk(items: list[Item]) -> None:
            for item in self.members(items, version):
                if item.is_component:
                    walk(self.components[item.name])
                    continue
                found[item.name] = self.fields[item.name]
                if item.name in self.groups:
                    walk(self.groups[item.name])

        for items in (self.header, self.trailer, self.defined_only, *(i for _, i in self.spoken(version).values())):
            walk(items)
        return sorted(found.values(), key=lambda field: field.tag)


def _items(text: str) -> list[Item]:
    items = []
    for word in text.split():
        body, _, version = word.partition("@")
        name = body.strip("+!~")
        items.append(Item(name, body.startswith("+"), body.endswith("!"), body[-1] in "!~", version or None))
    return items


def _pairs(text: str) -> tuple[tuple[str, str, str | None], ...]:
    """Parses "1 Market, 5 MarketOnClose@4.2" into (value, meaning, version) triples."""
    pairs = []
    for part in text.split(","):
        value, meaning = part.split()
        meaning, _, version = meaning.partition("@")
        pairs.append((value, meaning, version or None))
    return tuple(pairs)


def toml(name: str) -> dict[str, Any]:
    return tomllib.loads((SOURCE / name).read_text(encoding="utf-8"))


def load() -> Spec:
    """Reads fix_specs/source. Raises KeyError or ValueError where the files contradict each other."""
    field_file, value_file, message_file = toml("fields.toml"), toml("values.toml"), toml("messages.toml")
    values, open_fields = value_file["values"], value_file["open"]
    extended = set(value_file["open_in_50"]["fields"].split())
    fields = {}
    for tag, text in field_file["fields"].items():
        name, fix_type = text.split()
        fields[name] = Field(
            tag=int(tag),
            name=name,
            fix_type=fix_type,
            name_in_42=field_file["names_in_42"].get(name, name),
            values=_pairs(values[name]) if name in values else (),
            open_because=open_fields.get(name, ""),
            open_in_50=name in extended,
            type_in_50=field_file["types_in_50"].get(name, fix_type),
        )
    strangers = (values.keys() | open_fields.keys() | field_file["names_in_42"].keys() | extended) - fields.keys()
    if strangers:
        raise ValueError(f"not in fields.toml: {sorted(strangers)}")
    spec = Spec(
        fields=fields,
        header=_items(message_file["header"]["fields"]),
        trailer=_items(message_file["trailer"]["fields"]),
        messages={m: (e["name"], _items(e["fields"])) for m, e in message_file["messages"].items()},
        not_in={m: e["not_in"] for m, e in message_file["messages"].items() if "not_in" in e},
        unsupported=_pairs(message_file["unsupported"]["messages"]),
        components={name: _items(text) for name, text in message_file["components"].items()},
        groups={name: _items(text) for name, text in message_file["groups"].items()},
        defined_only=_items(message_file["defined_only"]["fields"]),
    )
    unused = fields.keys() - {f.name for v in VERSIONS for f in spec.used(v)}
    if unused:
        raise ValueError(f"in fields.toml, but in no message: {sorted(unused)}")
    return spec
