"""Values that nobody changes and that are made many times for every order: commands, events, reports, intents."""

from dataclasses import dataclass
from typing import TypeVar, dataclass_transform

_T = TypeVar("_T")


@dataclass_transform(frozen_default=True, kw_only_default=True)
def frozen(cls: type[_T]) -> type[_T]:
    """A dataclass with slots, made by keywords. Its fields are read-only to the type checker, which sees all our code.

    `dataclass(frozen=True)` would refuse at run time too, and for that sets each field by a call: *measured* five times
    what it takes to make one of these, and an order makes some twenty of them.
    """
    return dataclass(slots=True, kw_only=True, unsafe_hash=True)(cls)
