"""Frames that are too large, too many, too slow or not a stranger's to send: each has its end."""

import struct
from typing import Any

import msgspec
import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from adapters.sockets.websocket import EVENTS_AFTER_CLOSE, FRAME_MAX
from adapters.stream.connection import AUTH_FRAME_MAX
from tests.adapters.streaming import ANN, Client, Venue, running, wish
from tests.holding import longest_hold

TEXT, BINARY, CONTINUATION, LAST = 0x1, 0x2, 0x0, 0x80
MASK = bytes(4)
EMPTY = bytes((CONTINUATION, 0x80)) + MASK
"""A fragment with nothing in it, of a message that goes on."""
HANDSHAKE = (
    b"GET /ws/v1/commands HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


@pytest.fixture
def jumping() -> MockClock:
    """A clock that jumps ahead when nothing happens for a moment; sockets on this machine need less."""
    return MockClock(autojump_threshold=0.05)


def fragment(first: int, payload: bytes = b"") -> bytes:
    """As a client sends it: masked, with nothing."""
    size = len(payload)
    if size < 126:
        head = bytes((first, 0x80 | size))
    elif size < 65_536:
        head = struct.pack("!BBH", first, 0x80 | 126, size)
    else:
        head = struct.pack("!BBQ", first, 0x80 | 127, size)
    return head + MASK + payload


async def send_raw(client: Client, *frames: bytes) -> None:
    await client.connection._stream.send_all(b"".join(frames))


# Strangers


def auth(venue: Venue, **more: Any) -> dict[str, Any]:
    return {"cid": 1, "op": "auth", "token": venue.token(ANN)} | more


async def test_a_stranger_may_send_its_token_in_a_frame_of_so_many_bytes() -> None:
    async with running("M") as venue:
        for size, is_read in ((AUTH_FRAME_MAX, True), (AUTH_FRAME_MAX + 1, False)):
            async with venue.connected("/ws/v1/commands") as client:
                await client.send_text(msgspec.json.encode(auth(venue)).ljust(size))
                if is_read:
                    assert (await client.receive())["ok"]
                    assert (await client.receive())["t"] == "hello"
                    await client.send_text(b'{"cid":1,"op":"ping"}'.ljust(FRAME_MAX))
                    assert (await client.receive())["ok"], "who is known may send more"
                else:
                    assert (await client.closing())[0] == 4413


async def test_a_strangers_frame_may_be_packed_or_a_batch_of_one() -> None:
    async with running("M") as venue:
        for is_packed in (False, True):
            async with venue.connected("/ws/v1/commands") as client:
                if is_packed:
                    await client.send_packed([auth(venue)])
                else:
                    await client.send_text(msgspec.json.encode([auth(venue)]))
                assert (await client.receive())["ok"]
                assert (await client.receive())["t"] == "hello"


async def test_anything_else_of_a_stranger_ends_the_connection() -> None:
    async with running("M") as venue:
        for value in (
            {"cid": 1, "op": "ping"},
            {"cid": 1, "op": "place", **wish()},
            [auth(venue), {"cid": 2, "op": "ping"}],
            [{"cid": 2, "op": "ping"}, auth(venue)],
            auth(venue, cid="1"),
            auth(venue, token=5),
            [],
            5,
            [0] * 2000,
        ):
            async with venue.connected("/ws/v1/commands") as client:
                await client.send_text(msgspec.json.encode(value))
                message = await client.receive()
                assert (message["t"], message["code"]) == ("error", 7005), value
                assert (await client.closing())[0] == 4401
        for bytes_ in (fragment(LAST | TEXT, b"{"), fragment(LAST | TEXT, b"\xff")):
            async with venue.connected("/ws/v1/commands") as client:
                await send_raw(client, bytes_)
                assert (await client.receive())["code"] == 7005
                assert (await client.closing())[0] == 4401


async def test_a_stranger_for_whom_there_is_no_room_is_sent_off() -> None:
    async with running("M") as venue, trio.open_nursery() as nursery:

        async def hold(task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
            async with venue.client(ANN):
                task_status.started()
                await trio.sleep_forever()

        for _ in range(8):
            await nursery.start(hold)
        async with venue.connected("/ws/v1/commands") as client:
            await client.send(auth(venue))
            assert (await client.receive())["code"] == 9001
            assert (await client.closing())[0] == 4401
        nursery.cancel_scope.cancel()


# Beyond the bounds


@pytest.mark.parametrize(
    ("extra", "code"),
    [([{"cid": 300, "op": "ping"}], 7006), ([{"cid": 0, "op": "ping", "x": [0] * 8000}], 7009)],
)
async def test_of_a_frame_beyond_the_bounds_nothing_is_carried_out(extra: list[Any], code: int) -> None:
    async with running("M") as venue:
        for is_packed in (False, True):
            async with venue.client() as ann:
                count = 256 if code == 7006 else 100
                batch = [{"cid": cid, "op": "place", **wish()} for cid in range(1, count + 1)] + extra
                await (ann.send_packed(batch) if is_packed else ann.send(*batch))
                message = await ann.receive()
                assert (message["t"], message["code"]) == ("error", code)
                assert (await ann.closing())[0] == 4400
        assert not venue.exchange.orders


# Messages in pieces


async def test_a_message_in_fragments_is_one_frame() -> None:
    """Cut within a letter, with nothing between some pieces, in both kinds."""
    async with running("M") as venue, venue.client() as ann:
        text = '{"cid":1,"op":"ping","x":"é"}'.encode()
        cut = text.index(b"\xa9")
        await send_raw(
            ann,
            fragment(TEXT, text[:cut]),
            EMPTY,
            fragment(CONTINUATION, text[cut:]),
            EMPTY,
            fragment(LAST | CONTINUATION),
        )
        assert (await ann.receive())["ok"]
        packed = msgspec.msgpack.encode({"cid": 1, "op": "ping"})
        await send_raw(ann, fragment(BINARY), *(fragment(CONTINUATION, bytes((each,))) for each in packed))
        await send_raw(ann, fragment(LAST | CONTINUATION))
        assert (await ann.receive())["ok"]


async def test_the_bytes_of_fragments_count_as_they_come() -> None:
    async with running("M") as venue:
        async with venue.client() as ann:
            await send_raw(ann, fragment(TEXT, b" " * 65_536))
            for _ in range(FRAME_MAX // 65_536 - 1):
                await send_raw(ann, fragment(CONTINUATION, b" " * 65_536))
            await send_raw(ann, fragment(CONTINUATION, b" "))
            assert (await ann.closing())[0] == 4413
        async with venue.client() as ann:
            await send_raw(ann, fragment(TEXT, "é".encode() * (FRAME_MAX // 2)), fragment(CONTINUATION, b" "))
            assert (await ann.closing())[0] == 4413, "in bytes, not in characters"


@pytest.mark.parametrize("path", ["/ws/v1/commands", "/ws/v1/orderbook/M", "/ws/v1/trades/M"])
async def test_a_message_that_is_not_whole_in_time_ends_the_connection(path: str, jumping: MockClock) -> None:
    """Whether nothing more comes or more and more of nothing."""
    async with running("M") as venue:
        for goes_on in (False, True):
            async with venue.connected(path, venue.token(ANN)) as client, trio.open_nursery() as nursery:
                await client.receive() if "trades" not in path else None
                await send_raw(client, fragment(TEXT, b"{"))
                began = trio.current_time()

                async def go_on() -> None:
                    while True:
                        await trio.sleep(1)
                        await send_raw(client, EMPTY)

                if goes_on:
                    nursery.start_soon(go_on)
                assert (await client.closing())[0] == 4408
                assert 10 <= trio.current_time() - began < 12
                nursery.cancel_scope.cancel()


async def test_a_message_that_came_whole_is_not_timed(jumping: MockClock) -> None:
    async with running("M") as venue, venue.client() as ann:
        await send_raw(ann, fragment(TEXT, b'{"cid":1,'), fragment(LAST | CONTINUATION, b'"op":"ping"}'))
        assert (await ann.receive())["ok"]
        await trio.sleep(14)
        assert (await ann.do("ping"))["ok"]


async def test_empty_fragments_hold_nothing_and_grow_nothing() -> None:
    async with running("M") as venue, venue.client() as ann:
        (connection,) = venue.websockets.hub._connections
        await send_raw(ann, fragment(TEXT, b'{"cid":1,'))

        async def flood() -> None:
            await send_raw(ann, EMPTY * 20_000)
            await wait_all_tasks_blocked()

        ms, by = await longest_hold(flood, 20)
        assert ms < 20, by
        assert len(connection.socket._partial) == 9
        await send_raw(ann, fragment(LAST | CONTINUATION, b'"op":"ping"}'))
        assert (await ann.receive())["ok"]


async def test_after_its_end_a_connections_flood_holds_nothing() -> None:
    """A stranger is sent off and goes on sending: others have their turn all the same."""
    async with running("M") as venue:

        async def flood() -> None:
            stream = await trio.open_tcp_stream("127.0.0.1", venue.port)
            async with stream:
                await stream.send_all(HANDSHAKE)
                await stream.send_all(fragment(LAST | TEXT, b"5") + fragment(TEXT) + EMPTY * 100_000)
                await wait_all_tasks_blocked()

        ms, by = await longest_hold(flood, 20)
        assert ms < 20, by


async def test_a_goodbye_is_heard_behind_what_was_under_way() -> None:
    async with running("M") as venue:
        async with venue.connected("/ws/v1/commands") as client:
            under_way = fragment(LAST | TEXT, b"5") * (EVENTS_AFTER_CLOSE // 2)
            await send_raw(client, under_way)
            assert (await client.closing())[0] == 4401
        with trio.fail_after(20):
            while venue.websockets.hub.connections:
                await trio.sleep(0.01)


# Feeds


@pytest.mark.parametrize("path", ["/ws/v1/orderbook/M", "/ws/v1/trades/M"])
async def test_a_readers_frame_has_four_kibibytes_at_most(path: str) -> None:
    async with running("M") as venue, venue.feed(path) as eve:
        if "orderbook" in path:
            await eve.connection.get_message()
        await eve.send_text(b"x".ljust(4096))
        assert (await eve.receive())["code"] == 9004
        await eve.send_text(b"x".ljust(4097))
        assert (await eve.closing())[0] == 4413
