"""Everything an exchange holds, attribute by attribute, so that two moments of it can be compared.

It is taken as it is found: which attributes there are is not told here, nor what they mean. Chains of the
book, masks, totals, the order of every dict: all of it counts. Objects are known by their identity.
"""

import enum
from collections.abc import Iterator
from typing import Any

import msgspec

from kernel.exchange import Exchange
from kernel.roll import Roll

Seen = dict[int, tuple[Any, Any]]


def everything(exchange: Exchange) -> Seen:
    """By object: the object itself, so that nothing takes its identity, and what its attributes hold."""
    seen: Seen = {}
    waiting: list[Any] = [exchange]
    while waiting:
        thing = waiting.pop()
        if id(thing) in seen:
            continue
        found: list[Any] = []
        seen[id(thing)] = thing, {name: told(value, found) for name, value in attributes(thing)}
        waiting += found
    return seen


def attributes(thing: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(thing, Roll):  # how it is cut into runs is its own affair
        yield "names", [*thing.after("")]
        return
    for kind in type(thing).__mro__:
        for name in getattr(kind, "__slots__", ()):
            yield name, getattr(thing, name)
    yield from getattr(thing, "__dict__", {}).items()


def told(value: Any, found: list[Any]) -> Any:
    """A value as something that can be compared; the objects it leads to are added to what was found."""
    match value:
        case None | bool() | int() | str() | bytes() | enum.Enum() | msgspec.Struct():
            return value
        case list() | tuple():
            return [told(each, found) for each in value]
        case dict():
            return [(told(key, found), told(each, found)) for key, each in value.items()]
        case set():
            return sorted(value)
        case _:
            found.append(value)
            return type(value).__name__, id(value)


def differences(before: Seen, after: Seen) -> list[str]:
    """Where two moments of one exchange differ; empty if nowhere."""
    lost = [f"{before[each][0]!r} is gone" for each in before.keys() - after.keys()]
    new = [f"{after[each][0]!r} is new" for each in after.keys() - before.keys()]
    changed = [
        f"{type(thing).__name__}.{name}: {values[name]!r} became {after[each][1].get(name)!r}"
        for each, (thing, values) in before.items()
        if each in after
        for name in values
        if values[name] != after[each][1].get(name)
    ]
    return lost + new + changed
