"""What has members, with something else in some of them.

They are taken as they are found: nobody who adds one has to tell it here.
"""

from collections.abc import Iterator
from typing import Any, TypeVar

import msgspec
from msgspec.structs import FieldInfo, fields

from kernel.codes import Direction, Side, TimeInForce
from kernel.commands import Command, OrderTerms

C = TypeVar("C", bound=Command)


def altered(command: C, **changes: object) -> C:
    """The same command but for some members, be they its own or those of its terms."""
    terms = getattr(command, "terms", None)
    if terms is not None:
        inner = {name: changes.pop(name) for name in terms.__struct_fields__ if name in changes}
        changes["terms"] = msgspec.structs.replace(terms, **inner)
    return msgspec.structs.replace(command, **changes)


def members_of(kind: type[Command]) -> list[str]:
    """Their names, those of the terms among them."""
    return [field.name for field in fields_of(kind)]


def fields_of(kind: type[Command]) -> list[FieldInfo]:
    found: list[FieldInfo] = []
    for field in fields(kind):
        found += fields(field.type) if field.name == "terms" else [field]
    return found


def others(terms: OrderTerms) -> Iterator[OrderTerms]:
    """Terms that differ from these in one member, for each of them."""
    for name in OrderTerms.__struct_fields__:
        for value in other_values(name, getattr(terms, name)):
            yield msgspec.structs.replace(terms, **{name: value})


def other_values(name: str, value: Any) -> list[Any]:
    match value:
        case bool():
            return [not value]
        case int():
            return [value + 1]
        case Side() | Direction() | TimeInForce():
            return [other for other in type(value) if other is not value]
        case _:
            raise AssertionError(f"how could {name} be other than {value!r}?")
