"""What is wrong with a configuration, in the words of its keys."""

import re
from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

_SECRET = re.compile(r"key|secret|password|database\.url", re.IGNORECASE)

_Place = tuple[str | int, ...]


def problems(error: ValidationError, model: type[BaseModel]) -> Iterator[str]:
    """A line each: the key, counted from 1 in arrays, what is wrong, and the value unless it could be a secret."""
    found = error.errors()
    places = [problem["loc"] for problem in found]
    for problem in found:
        place = problem["loc"]
        if problem["type"] == "too_short" and any(other[: len(place)] == place != other for other in places):
            continue  # pydantic counts the good entries alone, and what is wrong with the others is told
        yield _line(problem, model)


def _line(problem: Any, model: type[BaseModel]) -> str:
    place: _Place = problem["loc"]
    key = ".".join(str(part + 1) if isinstance(part, int) else part for part in place)
    if problem["type"] == "extra_forbidden":
        near = get_close_matches(str(place[-1]), _keys(model, place[:-1]), n=1)
        return f"{key}: unknown key" + (f"; is it {near[0]}?" if near else "")
    if problem["type"] == "missing":
        return f"{key}: is missing"
    if problem["type"] == "tuple_type":
        is_table = _section_at(model, place) is not None
        return f"{key}: " + (f"write it as [[{key}]], a table for each" if is_table else "write it as a list, in [ ]")
    given = problem["input"]
    shown = f" (given: {given!r})" if isinstance(given, str | int | bool) and not _SECRET.search(key) else ""
    if problem["type"] == "path_type":
        return f"{key}: write a path, in quotes{shown}"
    message = problem["msg"].removeprefix("Value error, ")
    return f"{key}: {message}{shown}" if key else message


def _keys(model: type[BaseModel], place: _Place) -> list[str]:
    """What the section at a place knows."""
    section = _section_at(model, place)
    return [] if section is None else list(section.model_fields)


def _section_at(model: type[BaseModel], place: _Place) -> type[BaseModel] | None:
    for part in place:
        if isinstance(part, str):
            field = model.model_fields.get(part)
            section = None if field is None else _section(field.annotation)
            if section is None:
                return None
            model = section
    return model


def _section(annotation: Any) -> type[BaseModel] | None:
    """The section in a type such as `tuple[SessionConfig, ...]` or `LogonConfig | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((section for part in get_args(annotation) if (section := _section(part))), None)
