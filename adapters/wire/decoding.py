"""Decodes a request to its body, or to a refusal that names every wrong member and its problem.

A correct body is decoded at full speed. A wrong one is then checked again, member by member: the decoder
stops at the first mistake, and whoever fills in a form wants to know all of them.
"""

import functools
import json
import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, Final, TypeVar

import msgspec
from msgspec.structs import fields

from adapters.wire.requests import WORDS, StartAmmBody
from adapters.wire.status import RefusedError, malformed

Body = TypeVar("Body", bound=msgspec.Struct)
Problem = tuple[str, str]
"""A member, by its path, and what is wrong with it."""

WHERE: Final = re.compile(r" - at `\$\.?(.*)`$")
MISSING: Final = re.compile(r"Object missing required field `(.*)`$")
PATTERN: Final = re.compile(r"Expected `str` matching regex (.*)$", re.DOTALL)
SHOWN: Final = 64
"""Characters of an unknown member's name that are told."""
UNKNOWN_TOLD: Final = 20
"""Unknown members that are told of; there may be thousands."""
NAMED: Final = re.compile(r"(\w+): (.*)$", re.DOTALL)


@functools.cache
def decoder(body: type[Body]) -> msgspec.json.Decoder[Body]:
    return msgspec.json.Decoder(body)


def read_body(body: type[Body], data: bytes) -> Body:
    """Decode a body; no bytes at all stand for an empty object."""
    data = data or b"{}"
    try:
        if not data.isascii():
            data.decode()  # members that are ignored must be valid text, too
        read: Body = decoder(body).decode(data)
    except msgspec.ValidationError as trouble:
        raise explained(body, members_of(data), trouble) from None
    except (ValueError, RecursionError) as trouble:
        raise unreadable(trouble) from None
    if body is StartAmmBody:
        check_twins(data)
    return read


def check_twins(data: bytes) -> None:
    """Refuse an object with a member twice: free-form members are stored, and must come back as sent."""

    def once_each(members: list[tuple[str, Any]]) -> None:
        seen: set[str] = set()
        for name, _ in members:
            if name in seen:
                raise malformed((name, "is named twice"))
            seen.add(name)

    json.loads(data, object_pairs_hook=once_each)


def members_of(data: bytes) -> object:
    """Decode without a type."""
    try:
        return msgspec.json.decode(data)
    except (ValueError, RecursionError) as trouble:
        raise unreadable(trouble) from None


def read_members(body: type[Body], members: object, *, strict: bool = True) -> Body:
    """Read a body from an object that is decoded already; leniently, from a query string's texts."""
    try:
        converted: Body = msgspec.convert(members, body, strict=strict)
    except msgspec.ValidationError as trouble:
        raise explained(body, members, trouble, strict=strict) from None
    except (ValueError, RecursionError) as trouble:
        raise unreadable(trouble) from None
    return converted


def unreadable(trouble: Exception) -> RefusedError:
    return malformed(("", "is nested too deeply" if isinstance(trouble, RecursionError) else "is not JSON"))


def explained(
    body: type[msgspec.Struct], members: object, trouble: msgspec.ValidationError, *, strict: bool = True
) -> RefusedError:
    """The refusal with every wrong member; if each is right by itself, with what the body says as a whole."""
    found = list(wrong_members(body, members, strict)) if isinstance(members, Mapping) else []
    return malformed(*(found or problems_in(trouble)))


def wrong_members(body: type[msgspec.Struct], members: Mapping[str, Any], strict: bool) -> Iterator[Problem]:
    if body.__struct_config__.forbid_unknown_fields:
        known = {field.encode_name for field in fields(body)}
        unknown = (name for name in members if name not in known)
        yield from ((name[:SHOWN], "is not a member it has") for name in islice(unknown, UNKNOWN_TOLD))
    for field in fields(body):
        name = field.encode_name
        if name not in members:
            if field.required:
                yield name, "is required"
            continue
        value = members[name]
        if (
            isinstance(field.type, type)
            and issubclass(field.type, msgspec.Struct)
            and isinstance(value, dict)
        ):
            found = list(wrong_members(field.type, value, strict))
            yield from ((f"{name}.{inner}", problem) for inner, problem in found)
            if found:
                continue
        try:
            msgspec.convert(value, field.type, strict=strict)
        except msgspec.ValidationError as trouble:
            for inner, problem in problems_in(trouble):
                yield name + ("" if not inner or inner.startswith("[") else ".") + inner, problem


def problems_in(trouble: msgspec.ValidationError) -> Iterator[Problem]:
    """The problems in an error of the decoder, or of the body: there each line is `member: problem`."""
    said, path = str(trouble), ""
    if where := WHERE.search(said):
        path, said = where[1], said[: where.start()]
    if missing := MISSING.match(said):
        yield ".".join(filter(None, (path, missing[1]))), "is required"
        return
    if pattern := PATTERN.match(said):
        said = WORDS.get(pattern[1], said)
    for line in said.split("\n"):
        named = NAMED.match(line)
        yield (".".join(filter(None, (path, named[1]))), named[2]) if named else (path, line)
