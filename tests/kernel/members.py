"""What has members, with something else in some of them.

They are taken as they are found: nobody who adds one has to tell it here.
"""

from collections.abc import Iterator
from typing import Any, Final, TypeVar

import msgspec
from msgspec.structs import FieldInfo, fields

from kernel.bounds import misfit
from kernel.codes import Direction, SelfTradeMode, Side, TimeInForce
from kernel.commands import Command, OrderTerms
from kernel.limits import EARLIEST, LAST_TIME

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
    """Terms that differ from these in one member, and in what that one needs, for each of them."""
    for name in OrderTerms.__struct_fields__:
        for value in other_values(name, getattr(terms, name)):
            other = msgspec.structs.replace(terms, **{name: value, **NEEDED.get(name, {})})
            if misfit(other) is None:
                yield other


NEEDED: Final[dict[str, dict[str, Any]]] = {
    "expires_at": {"time_in_force": TimeInForce.GTD},
    "max_cost_cents": {"time_in_force": TimeInForce.IOC},
}


def other_values(name: str, value: Any) -> list[Any]:
    match value:
        case bool():
            return [not value]
        case int():
            return [value + 1]
        case Side() | Direction() | TimeInForce() | SelfTradeMode():
            return [other for other in type(value) if other is not value]
        case None:
            return ["g"] if name == "group_id" else [LAST_TIME if name == "expires_at" else EARLIEST]
        case _:
            raise AssertionError(f"how could {name} be other than {value!r}?")
