"""How much a frame may hold, counted over its bytes before anything is decoded.

A decoder may turn each byte into sixty or more, so a small frame is not necessarily a cheap one. Counting
must be cheap whatever is sent. JSON is counted by its separators, with a few passes at the speed of memory.
MessagePack states the size of each part in advance, so counting stops as soon as there are too many.
"""

from typing import Final

from adapters.wire.status import Fault

COMMANDS_MAX: Final = 256
MEMBERS_MAX: Final = 8192
"""Members of maps and elements of arrays, in all."""
DEPTH_MAX: Final = 16
"""Maps and arrays within each other, the batch among them."""


class UnreadableFrameError(Exception):
    """A frame that cannot be read, or holds too much. None of it is carried out."""

    def __init__(self, why: str, code: Fault = Fault.UNDECODABLE) -> None:
        super().__init__(why)
        self.code = code


def too_many_commands() -> UnreadableFrameError:
    return UnreadableFrameError(f"A batch of more than {COMMANDS_MAX} commands", Fault.BAD_BATCH)


def too_much(what: str) -> UnreadableFrameError:
    return UnreadableFrameError(f"Undecodable frame: more than {what}")


def too_many_members() -> UnreadableFrameError:
    return too_much(f"{MEMBERS_MAX} members and elements")


def too_deep() -> UnreadableFrameError:
    return too_much(f"{DEPTH_MAX} levels")


# JSON

SPACE: Final = b" \t\r\n"
COMMA: Final = ord(",")
QUOTES_MAX: Final = 4 * MEMBERS_MAX
"""A member has at most two strings."""
LOOKED_AT: Final = 16_384
"""Bytes that are searched for too many commands once a frame has too many members."""
NOT_BRACKETS: Final = bytes(each for each in range(256) if each not in b"[]{}")
SQUARE: Final = bytes.maketrans(b"{}", b"[]")


def check_json(text: bytes) -> None:
    """Refuse JSON with too many parts or levels. Text that is not JSON may pass: the decoder refuses it."""
    opens = text.count(b"[") + text.count(b"{")
    if opens <= DEPTH_MAX and opens + text.count(b",") <= MEMBERS_MAX:
        return  # even if all of these count, and none are inside strings
    bare = unescaped(text)
    if bare.count(b'"') > QUOTES_MAX:
        raise too_many_json(text)
    bare = without_strings(bare)
    opens = bare.count(b"[") + bare.count(b"{")
    members = opens + bare.count(b",") - bare.count(b"[]") - bare.count(b"{}")
    if members > MEMBERS_MAX or opens > MEMBERS_MAX:
        raise too_many_json(text)
    brackets = bare.translate(SQUARE, NOT_BRACKETS)
    if len(brackets) > 2 * opens:
        return  # it closes what was never opened, which the decoder refuses
    for _ in range(DEPTH_MAX):
        brackets = brackets.replace(b"[]", b"")  # the innermost level, everywhere
    if brackets:
        raise too_deep()


def unescaped(text: bytes) -> bytes:
    """The text without escaped quotes and backslashes: the quotes that are left begin and end strings."""
    return text.replace(b"\\\\", b"").replace(b'\\"', b"")


def without_strings(bare: bytes) -> bytes:
    """A quote for each string, and no space."""
    return b'"'.join(bare.split(b'"')[::2]).translate(None, SPACE)


def too_many_json(text: bytes) -> UnreadableFrameError:
    """The refusal of a text with too many parts; it names commands if too many show early in the text."""
    depth = commands = 0
    for each in without_strings(unescaped(text[:LOOKED_AT])):
        if each == COMMA:
            commands += depth == 1
        elif each in b"[{":
            depth += 1
        elif each in b"]}":
            depth -= 1
    if commands >= COMMANDS_MAX and text.lstrip(SPACE).startswith(b"["):
        return too_many_commands()
    return too_many_members()


# MessagePack


def _sizes() -> list[int]:
    """The size of a value by its first byte; 0 where more must be read to know, as for containers."""
    sizes = [1] * 0x80 + [0] * 0x20 + [1 + length for length in range(0x20)] + [0] * 0x20 + [1] * 0x20
    sizes[0xC0:0xC4] = [1, 1, 1, 1]
    sizes[0xCA:0xD4] = [5, 9, 2, 3, 5, 9, 2, 3, 5, 9]
    sizes[0xD4:0xD9] = [3, 4, 6, 10, 18]
    return sizes


SIZES: Final = _sizes()
LENGTHS: Final = {
    0xC4: (1, 0),
    0xC5: (2, 0),
    0xC6: (4, 0),
    0xC7: (1, 1),
    0xC8: (2, 1),
    0xC9: (4, 1),
    0xD9: (1, 0),
    0xDA: (2, 0),
    0xDB: (4, 0),
}
"""For binary, extensions and strings: how many bytes state the length, and how many follow besides."""
NO_CONTAINERS: Final = bytes(each for each in range(256) if not (0x80 <= each < 0xA0 or 0xDC <= each < 0xE0))


def commands_in(data: bytes) -> int | None:
    """How many elements the batch claims to have; None if it is not a batch."""
    first = data[0] if data else 0xC0
    if 0x90 <= first < 0xA0:
        return first - 0x90
    if first in (0xDC, 0xDD):
        return int.from_bytes(data[1 : 3 if first == 0xDC else 5])
    return None


def is_map(data: bytes) -> bool:
    return bool(data) and (0x80 <= data[0] < 0x90 or data[0] in (0xDE, 0xDF))


def check_msgpack(data: bytes) -> None:
    """Refuse a value with too many parts or levels. The value must be complete."""
    if len(data) <= MEMBERS_MAX and len(data.translate(None, NO_CONTAINERS)) <= DEPTH_MAX:
        return  # even if every byte were a part, and every byte that can open a container did so
    position, members, left = 0, 0, 1
    outer: list[int] = []
    """How many values are still missing in each enclosing container."""
    while True:
        while not left:
            if not outer:
                return
            left = outer.pop()
        left -= 1
        first = data[position]
        size = SIZES[first]
        if size:
            position += size
        elif first in LENGTHS:
            width, more = LENGTHS[first]
            position += 1 + width + more + int.from_bytes(data[position + 1 : position + 1 + width])
        else:
            count, width = (first & 15, 0) if first < 0xA0 else (0, 2 if first in (0xDC, 0xDE) else 4)
            if width:
                count = int.from_bytes(data[position + 1 : position + 1 + width])
            position += 1 + width
            members += count
            if members > MEMBERS_MAX:
                raise too_many_members()
            if len(outer) == DEPTH_MAX:
                raise too_deep()
            outer.append(left)
            left = count if 0x90 <= first < 0xDE else 2 * count
