"""What a frame holds is counted exactly, before anything is built of it, and cheaply whatever it is."""

import contextlib
import statistics
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.stream import bounds
from adapters.stream.bounds import COMMANDS_MAX, DEPTH_MAX, MEMBERS_MAX, UnreadableFrameError
from adapters.stream.messages import Unreadable, read_frame

MIB = 1_048_576

tricky = st.text(alphabet='[]{},"\\ \x80é', max_size=6)
"""Strings that look like what they stand in."""
parts = st.recursive(
    st.none() | st.integers(-(2**40), 2**40) | st.floats(allow_nan=False) | tricky,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(tricky, inner, max_size=4),
    max_leaves=25,
)


def members_of(value: Any) -> int:
    if not isinstance(value, (dict, list)):
        return 0
    return len(value) + sum(map(members_of, value.values() if isinstance(value, dict) else value))


def depth_of(value: Any) -> int:
    if not isinstance(value, (dict, list)):
        return 0
    return 1 + max(map(depth_of, value.values() if isinstance(value, dict) else value), default=0)


def passes(check: Callable[[bytes], None], data: bytes) -> bool:
    try:
        check(data)
    except UnreadableFrameError:
        return False
    return True


@given(parts, st.integers(1, 12), st.integers(1, 6), st.booleans())
def test_what_is_counted_is_what_is_there(value: Any, most: int, deepest: int, is_spaced: bool) -> None:
    """With bounds as small as the values are."""
    within = members_of(value) <= most and depth_of(value) <= deepest
    text = msgspec.json.encode(value)
    if is_spaced:
        text = msgspec.json.format(text, indent=2)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(bounds, "MEMBERS_MAX", most)
        patched.setattr(bounds, "QUOTES_MAX", 4 * most)
        patched.setattr(bounds, "DEPTH_MAX", deepest)
        assert passes(bounds.check_json, text) is within
        assert passes(bounds.check_msgpack, msgspec.msgpack.encode(value)) is within


def command(**more: Any) -> dict[str, Any]:
    return {"cid": 1, "op": "ping"} | more


def nested(levels: int) -> Any:
    value: Any = 0
    for level in range(levels):
        value = [value] if level % 2 else {"x": value}
    return value


TEXTS = ',[]{}:"' * 20_000
LEGAL: dict[str, Any] = {
    "as many commands": [command()] * COMMANDS_MAX,
    "as many elements": command(x=[0] * (MEMBERS_MAX - 3)),
    "as many members": command(x={str(number): "," for number in range(MEMBERS_MAX - 3)}),
    "as deep": [command(x=nested(DEPTH_MAX - 2))] * 20,
    "text that looks like more": command(x=[TEXTS, TEXTS, "\\" * 1000, '\\"' * 1000]),
    "bytes that look like more": command(x="\u0700" * 100_000),
}
BEYOND: dict[str, tuple[Any, int]] = {
    "one command more": ([command()] * (COMMANDS_MAX + 1), 7006),
    "commands by the thousand": ([command()] * 20_000, 7006),
    "a million zeros": ([0] * (MIB // 2 - 10), 7006),
    "one element more": (command(x=[0] * (MEMBERS_MAX - 2)), 7009),
    "one member more": (command(x={str(number): "," for number in range(MEMBERS_MAX - 2)}), 7009),
    "many small lists": ([command(x=[[]] * 100)] * 100, 7009),
    "one level more": ([command(x=nested(DEPTH_MAX - 1))], 7009),
}


@pytest.mark.parametrize("encode", [msgspec.json.encode, msgspec.msgpack.encode])
@pytest.mark.parametrize("name", LEGAL)
def test_what_is_within_the_bounds_is_read(encode: Callable[[Any], bytes], name: str) -> None:
    data = encode(LEGAL[name])
    read = [*read_frame(data.decode() if encode is msgspec.json.encode else data)]
    assert not any(isinstance(one, Unreadable) for one in read)


@pytest.mark.parametrize("encode", [msgspec.json.encode, msgspec.msgpack.encode])
@pytest.mark.parametrize("name", BEYOND)
def test_what_is_beyond_them_is_refused_whole(encode: Callable[[Any], bytes], name: str) -> None:
    value, code = BEYOND[name]
    data = encode(value)
    with pytest.raises(UnreadableFrameError) as refused:
        next(read_frame(data.decode() if encode is msgspec.json.encode else data))
    assert refused.value.code == code


HOSTILE: dict[str, str | bytes] = {
    "zeros": "[" + "0," * (MIB // 2 - 2) + "0]",
    "openings": "[" * MIB,
    "closings": "[" * 17 + "]" * (MIB - 17),
    "pairs": "[" + "[]," * (MIB // 3 - 2) + "[]]",
    "maps": "[" + "{}," * (MIB // 3 - 2) + "{}]",
    "short strings": "[" + '"",' * (MIB // 3 - 2) + '""]',
    "escapes": '{"a":"' + '\\"' * (MIB // 2 - 10) + '"}',
    "backslashes in many strings": "[" + '"\\\\",' * (MIB // 5 - 2) + '""]',
    "quotes": '"' * MIB,
    "commas in a string": '{"a":"' + "," * (MIB - 20) + '"}',
    "unicode escapes": '{"a":"' + "\\u00e9" * (MIB // 6 - 20) + '"}',
    "digits": '{"a":' + "1" * (MIB - 20) + "}",
    "spaces": " " * MIB,
    "packed zeros": b"\xdd\x00\x0f\xff\xf0" + b"\0" * (MIB - 5),
    "packed zeros within": b"\x91\xdd\x00\x0f\xff\xf0" + b"\0" * (MIB - 6),
    "packed levels": b"\x91" * MIB,
    "packed lists": b"\x91\xdc\x40\x00" + b"\x90" * 0x4000,
    "packed nils in lists": b"\x91\xdc\x10\x00" + (b"\xdc\x00\xff" + b"\xc0" * 255) * 0x1000,
    "packed strings": b"\x91\xdc\x20\x00" + b"\xa1x" * 0x2000,
    "packed claim": b"\x81\xa1x\xdd\xff\xff\xff\xff",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_counting_is_cheap_whatever_is_sent(name: str) -> None:
    received = HOSTILE[name]
    took = []
    for _ in range(5):
        began = time.thread_time()
        with contextlib.suppress(UnreadableFrameError):
            next(read_frame(received), None)
        took.append(time.thread_time() - began)
    assert statistics.median(took) < 0.02


def test_the_memory_of_a_frame_is_bounded_by_what_it_may_hold() -> None:
    """A million zeros are refused before they are anything."""
    for received in (HOSTILE["zeros"], HOSTILE["pairs"], HOSTILE["packed zeros within"]):
        tracemalloc.start()
        with pytest.raises(UnreadableFrameError):
            next(read_frame(received))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 8 * MIB
