#!/usr/bin/env python3
"""Generate the FIX dictionaries, the tag modules and the tables of the rules of engagement.

    scripts/generate_fix_specs.py            write the files
    scripts/generate_fix_specs.py --check    write nothing; exit 1 and name the files that are out of date

Everything comes from fix_specs/source: fields.toml (tags and types), values.toml (enumerations),
messages.toml (what each message carries) and rules.md (the prose, with marks where tables go).
"""

from __future__ import annotations

import re
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "fix_specs" / "source"
VERSIONS = ("4.2", "4.4")
ADMIN = frozenset("A012345")  # session messages; the rest are application messages
WIDTH = 106


@dataclass(frozen=True)
class Item:
    """One word of a field list: a field, group or component as a message carries it."""

    name: str
    is_component: bool
    required: bool  # insisted on by the session layer
    expected: bool  # required by the standard, insisted on or not
    version: str | None  # None: in both


@dataclass(frozen=True)
class Field:
    tag: int
    name: str  # as in FIX 4.4
    fix_type: str
    name_in_42: str
    values: tuple[tuple[str, str, str | None], ...]  # (value, meaning, version or None for both)
    open_because: str  # not empty: listed values do not bind


@dataclass(frozen=True)
class Spec:
    fields: dict[str, Field]  # by name
    header: list[Item]
    trailer: list[Item]
    messages: dict[str, tuple[str, list[Item]]]  # MsgType -> (name, items)
    unsupported: tuple[tuple[str, str, str | None], ...]  # (MsgType, name, version or None)
    components: dict[str, list[Item]]
    groups: dict[str, list[Item]]
    defined_only: list[Item]

    def members(self, items: list[Item], version: str) -> list[Item]:
        return [item for item in items if item.version in (None, version)]

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

        for items in (self.header, self.trailer, self.defined_only, *(i for _, i in self.messages.values())):
            walk(items)
        return sorted(found.values(), key=lambda field: field.tag)


# --- reading the source ------------------------------------------------------------------------------


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


def _toml(name: str) -> dict[str, Any]:
    return tomllib.loads((SOURCE / name).read_text(encoding="utf-8"))


def load() -> Spec:
    """Reads fix_specs/source. Raises KeyError or ValueError where the files contradict each other."""
    field_file, value_file, message_file = _toml("fields.toml"), _toml("values.toml"), _toml("messages.toml")
    values, open_fields = value_file["values"], value_file["open"]
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
        )
    strangers = (values.keys() | open_fields.keys() | field_file["names_in_42"].keys()) - fields.keys()
    if strangers:
        raise ValueError(f"not in fields.toml: {sorted(strangers)}")
    spec = Spec(
        fields=fields,
        header=_items(message_file["header"]["fields"]),
        trailer=_items(message_file["trailer"]["fields"]),
        messages={m: (e["name"], _items(e["fields"])) for m, e in message_file["messages"].items()},
        unsupported=_pairs(message_file["unsupported"]["messages"]),
        components={name: _items(text) for name, text in message_file["components"].items()},
        groups={name: _items(text) for name, text in message_file["groups"].items()},
        defined_only=_items(message_file["defined_only"]["fields"]),
    )
    unused = fields.keys() - {f.name for v in VERSIONS for f in spec.used(v)}
    if unused:
        raise ValueError(f"in fields.toml, but in no message: {sorted(unused)}")
    return spec


# --- data dictionaries -------------------------------------------------------------------------------


def dictionary(spec: Spec, version: str) -> str:
    """The QuickFIX data dictionary of one FIX version, as XML."""

    def name_of(item: Item) -> str:
        field = spec.fields[item.name]
        return field.name_in_42 if version == "4.2" else field.name

    def body(items: list[Item], indent: str) -> list[str]:
        lines = []
        for item in spec.members(items, version):
            required = f'required="{"Y" if item.required else "N"}"'
            if item.is_component:
                lines.append(f'{indent}<component name="{item.name}" {required}/>')
            elif item.name in spec.groups:
                lines.append(f'{indent}<group name="{name_of(item)}" {required}>')
                lines += body(spec.groups[item.name], indent + " ")
                lines.append(f"{indent}</group>")
            else:
                lines.append(f'{indent}<field name="{name_of(item)}" {required}/>')
        return lines

    major, minor = version.split(".")
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        "<!-- Generated by scripts/generate_fix_specs.py from fix_specs/source. Do not edit. -->",
        f'<fix type="FIX" major="{major}" minor="{minor}" servicepack="0">',
        " <header>",
        *body(spec.header, "  "),
        " </header>",
        " <messages>",
    ]
    for msg_type, (name, items) in spec.messages.items():
        category = "admin" if msg_type in ADMIN else "app"
        lines.append(f'  <message name="{name}" msgtype="{msg_type}" msgcat="{category}">')
        lines += body(items, "   ")
        lines.append("  </message>")
    for msg_type, name, only in spec.unsupported:
        if only in (None, version):
            lines.append(f'  <message name="{name}" msgtype="{msg_type}" msgcat="app"/>')
    lines += [" </messages>", " <trailer>", *body(spec.trailer, "  "), " </trailer>", " <components>"]
    for name in sorted(_components_used(spec, version)):
        lines += [f'  <component name="{name}">', *body(spec.components[name], "   "), "  </component>"]
    lines += [" </components>", " <fields>"]
    for field in spec.used(version):
        lines += _field_definition(field, version)
    lines += [" </fields>", "</fix>", ""]
    return "\n".join(lines)


def _components_used(spec: Spec, version: str) -> set[str]:
    used: set[str] = set()

    def walk(items: list[Item]) -> None:
        for item in spec.members(items, version):
            if item.is_component:
                used.add(item.name)
                walk(spec.components[item.name])
            elif item.name in spec.groups:
                walk(spec.groups[item.name])

    for _, items in spec.messages.values():
        walk(items)
    return used


def _field_definition(field: Field, version: str) -> list[str]:
    name = field.name_in_42 if version == "4.2" else field.name
    opening = f'  <field number="{field.tag}" name="{name}" type="{field.fix_type}"'
    values = [(v, meaning) for v, meaning, only in field.values if only in (None, version)]
    if field.open_because or not values:
        return [opening + "/>"]
    lines = [f"   <value enum={quoteattr(v)} description={quoteattr(meaning)}/>" for v, meaning in values]
    return [opening + ">", *lines, "  </field>"]


# --- tag modules -------------------------------------------------------------------------------------

_GENERATED = "Generated by scripts/generate_fix_specs.py from fix_specs/source. Do not edit."
# Fields of legs, underlyings and nested parties are carried and never touched by name in the code.
_NO_CONSTANT = re.compile(r"(Encoded|No)?(Leg|Underlying|Nested)(?!$)")


def constant_name(field_name: str) -> str:
    """ClOrdID -> CL_ORD_ID, NoPartyIDs -> NO_PARTY_IDS."""
    name = re.sub(r"IDs$", "Ids", field_name)
    name = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name)
    return re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", name).upper()


def _all_fields(spec: Spec) -> list[Field]:
    return sorted(spec.fields.values(), key=lambda field: field.tag)


def data_fields(spec: Spec) -> dict[int, int]:
    """LENGTH tag -> the DATA tag it measures, found by name (RawDataLength, EncodedTextLen, ...)."""
    data = {f.name: f.tag for f in _all_fields(spec) if f.fix_type == "DATA"}
    lengths = {f.tag: re.sub(r"Len(gth)?$", "", f.name) for f in _all_fields(spec) if f.fix_type == "LENGTH"}
    return {tag: data[name] for tag, name in lengths.items() if name in data}


def tags_module(spec: Spec) -> str:
    lines = [f'"""FIX tag numbers by name. {_GENERATED}"""', ""]
    named = [f for f in _all_fields(spec) if not _NO_CONSTANT.match(f.name)]
    lines += [f"{constant_name(field.name)} = {field.tag}" for field in named]
    lines += [
        "",
        "# Length field -> the data field it measures. A data field may contain the delimiter.",
        "DATA_FIELDS: dict[int, int] = {",
        *(f"    {length}: {data}," for length, data in data_fields(spec).items()),
        "}",
        "",
    ]
    return "\n".join(lines)


def _filled(words: list[str]) -> list[str]:
    lines, line = [], ""
    for word in words:
        if line and len(line) + 1 + len(word) > WIDTH:
            lines.append(line)
            line = ""
        line = f"{line} {word}" if line else word
    return [*lines, line]


def names_module(spec: Spec) -> str:
    msg_types = [f"{m}={name}" for m, (name, _) in spec.messages.items()]
    msg_types += [f"{m}={name}" for m, name, _ in spec.unsupported]
    value_lines = []
    for field in _all_fields(spec):
        words = [f"{v}={meaning}" for v, meaning, _ in field.values]
        if field.name in ("MsgType", "RefMsgType"):
            words = msg_types
        if words:
            value_lines += _filled([f"{field.tag}:", *words])
    return "\n".join(
        [
            '"""Names of FIX fields and of their values, to print conversations.',
            "",
            _GENERATED,
            '"""',
            "",
            '_NAMES = """',
            *_filled([f"{field.tag}={field.name}" for field in _all_fields(spec)]),
            '"""',
            "",
            '_VALUES = """',
            *value_lines,
            '"""',
            "",
            "",
            "def _values() -> dict[int, dict[str, str]]:",
            "    table: dict[int, dict[str, str]] = {}",
            "    names: dict[str, str] = {}",
            "    for word in _VALUES.split():",
            '        if word.endswith(":"):',
            "            names = table[int(word[:-1])] = {}",
            "        else:",
            '            value, _, meaning = word.partition("=")',
            "            names[value] = meaning",
            "    return table",
            "",
            "",
            "# Tag -> field name, as in FIX 4.4.",
            'NAMES: dict[int, str] = {int(tag): name for tag, name in (w.split("=") for w in _NAMES.split())}',
            "# Tag -> value -> its meaning; a value of one version only is listed too.",
            "VALUE_NAMES: dict[int, dict[str, str]] = _values()",
            "",
        ]
    )


# --- files -------------------------------------------------------------------------------------------


def outputs() -> dict[Path, str]:
    """Every generated file, relative to the top of the tree, with the text it should hold."""
    spec = load()
    return {
        Path("fix_specs/FIX42.xml"): dictionary(spec, "4.2"),
        Path("fix_specs/FIX44.xml"): dictionary(spec, "4.4"),
        Path("gateway/fix/tags.py"): tags_module(spec),
        Path("gateway/fix/field_names.py"): names_module(spec),
    }


def main() -> int:
    stale = []
    for path, text in outputs().items():
        target = ROOT / path
        if not target.exists() or target.read_text(encoding="utf-8") != text:
            stale.append(str(path))
            if "--check" not in sys.argv[1:]:
                target.write_text(text, encoding="utf-8")
    if "--check" in sys.argv[1:]:
        print("out of date: " + ", ".join(stale) if stale else "up to date")
        return 1 if stale else 0
    print("wrote " + ", ".join(stale) if stale else "nothing to do")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
