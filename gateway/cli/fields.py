"""Which fields of a FIX message a person wants to see, in which order, and how they are worded."""

from gateway.wire.readable import DescribedField, describe

# What a trader looks for in a report, in this order.
_REPORT_TAGS = (150, 39, 11, 41, 37, 55, 54, 38, 44, 99, 32, 31, 14, 151, 6, 12, 479, 851, 434, 102, 103, 58)
_REFUSAL_TAGS = (45, 372, 371, 373, 379, 380, 58)
_SHOWN_TAGS = {"8": _REPORT_TAGS, "9": _REPORT_TAGS, "3": _REFUSAL_TAGS, "j": _REFUSAL_TAGS}
_ENVELOPE = frozenset({8, 9, 10, 21, 34, 35, 49, 52, 56, 60, 98})
_REFUSALS = frozenset({"3", "9", "j"})
_STATUS_STYLES = {"2": "green", "1": "green", "8": "red", "4": "yellow", "C": "yellow"}
_LONGEST_VALUE = 200


def every_field(text: str) -> list[DescribedField]:
    """All but the envelope."""
    return [field for field in describe(text) if field.tag not in _ENVELOPE]


def shown_fields(msg_type: str, text: str) -> list[DescribedField]:
    """The fields that matter: of reports a choice, of requests all but the envelope."""
    fields = every_field(text)
    wanted = _SHOWN_TAGS.get(msg_type)
    if wanted is None:
        return fields
    return sorted((field for field in fields if field.tag in wanted), key=lambda field: wanted.index(field.tag))


def fields_by_name(text: str) -> dict[str, str | list[str]]:
    """For programs: values by name, by tag where it has none; a field that repeats becomes a list."""
    fields: dict[str, str | list[str]] = {}
    for field in describe(text):
        name = field.name or str(field.tag)
        before = fields.get(name)
        if before is None:
            fields[name] = field.value
        elif isinstance(before, list):
            before.append(field.value)
        else:
            fields[name] = [before, field.value]
    return fields


def short(field: DescribedField) -> str:
    """`OrdStatus=Filled(2)`, `LastPx=60000`."""
    name = field.name or str(field.tag)
    value = field.value if len(field.value) <= _LONGEST_VALUE else f"{field.value[:_LONGEST_VALUE]}…"
    return f"{name}={field.meaning}({value})" if field.meaning else f"{name}={value}"


def message_style(msg_type: str, ord_status: str | None) -> str:
    """The rich style of a message: green for fills, red for refusals, yellow for ends without a fill."""
    return "red" if msg_type in _REFUSALS else _STATUS_STYLES.get(ord_status or "", "")
