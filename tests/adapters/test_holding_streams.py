"""No frame of anybody holds the loop: a walk over every command of the stream, and over the feeds.

Each command is sent as often, as large and as wrong as a frame can hold it, in both kinds of frames, by who
may do the most with it. What is measured is the longest step of any task of the exchange.
"""

import base64
import contextlib
import gc
import itertools
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from typing import Any, Final

import msgspec
import pytest
import trio
import trio_websocket

from adapters.access.tokens import TokenType
from adapters.sockets.websocket import BAD_TOKEN, FRAME_MAX
from adapters.stream.bounds import COMMANDS_MAX, DEPTH_MAX, MEMBERS_MAX
from adapters.stream.connection import AUTH_FRAME_MAX
from adapters.wire.topics import Topic
from kernel.codes import AMM_ID, Side
from tests.adapters.streaming import ANN, BEN, MESSAGES, Client, Venue, a_place, running, wish
from tests.holding import longest_hold

HOLD_MAX: Final = 20
"""Milliseconds that a step may take."""
KIB, MIB = 1024, 1_048_576
MARKETS: Final = [f"M{number}" for number in range(COMMANDS_MAX)]
ALL: Final = [f"M{number}" for number in range(2_000)]
TOPICS: Final = [topic.value for topic in Topic]
STRANGE: Final = "\x01é\u2028"
"""Letters that take more bytes in an answer, or in its making, than in a frame."""

Command = dict[str, Any]
_keys = itertools.count(1)


def key() -> str:
    return f"k-{next(_keys)}"


class Cases:
    """What one user may send of one command."""

    def __init__(self, venue: Venue, user_id: str = AMM_ID, kind: TokenType = TokenType.SERVICE) -> None:
        self.token = venue.token(user_id, kind)
        self.durable = venue.durable

    def plain(self, op: str, market_id: str = "M0") -> Command:
        """One that is carried out, or refused for reasons of business only."""
        order_id = "0193f1c2-5a77-7c1e-9f10-00000000ffff"
        pairs = {"market_id": market_id, "quantity": 1, "idempotency_key": key()}
        group = {"market_id": market_id, "group_id": "g"}
        members: dict[str, Command] = {
            "group_set": group | {"max_fill_quantity": next(_keys), "window_ms": 1_000},
            **dict.fromkeys(("group_reset", "group_trigger", "group_delete"), group),
            "place": wish(market_id=market_id, price_cents=40, quantity=1),
            "cancel": {"order_id": order_id},
            "amend": {"order_id": order_id, "price_cents": 41},
            "batch": {
                "market_id": market_id,
                "atomic": True,
                "commands": [{"op": "place"} | wish(market_id=market_id, price_cents=40, quantity=1)],
            },
            "cancel_all": {"market_id": market_id},
            "replace": {"old_order_id": order_id, "new_order": wish(market_id=market_id)},
            "batch_cancel": {"market_id": market_id},
            "mint": pairs,
            "burn": pairs,
            "guard": {"grace_ms": 500_000 + next(_keys) % 1000},
            "ping": {},
            "mm_due": {},
            "mm_acquire": {"market_id": market_id, "worker_id": "w", "strategies": ["quoter.1"]},
            "mm_renew": {"order_id": order_id, "fence": 1, "token": "t"},
            "mm_release": {"order_id": order_id, "fence": 1, "token": "t", "outcome": "DONE"},
            "mm_note": {"order_id": order_id, "external_ref": "there-7"},
            "mm_venue_due": {"venue": "elsewhere"},
            "mm_venue": {"order_id": order_id, "worker_id": "w", "direction": "OUT", "step": "BEGIN"},
            "auth": {"token": self.token},
            "sync": {"market_id": market_id},
            "subscribe": {"topics": TOPICS, "scope": "market"},
            "unsubscribe": {"topics": TOPICS},
            "resume": {"after": self.durable, "topics": TOPICS, "scope": "market"},
        }
        return {"op": op, **members[op]}

    def full(self, op: str) -> Iterator[tuple[str, list[Command]]]:
        """Frames that are as full of it as they may be; each has a name."""
        plain = self.plain(op)
        room = MEMBERS_MAX // COMMANDS_MAX - 3 - members_of(plain)
        yield "one by one in one market", [self.plain(op) for _ in range(COMMANDS_MAX)]
        yield "in as many markets", [self.plain(op, market_id) for market_id in MARKETS]
        yield "with members that nobody knows", [self.plain(op) | {"x": nested(room)} for _ in MARKETS]
        yield "with nothing", [{"op": op} for _ in MARKETS]
        yield (
            "with everything wrong",
            [{name: value if name == "op" else [[]] * 3 for name, value in plain.items()} for _ in MARKETS],
        )
        for letters in ("x", STRANGE):
            size = len(msgspec.json.encode(with_texts(plain, letters * 100))) // 100
            yield (
                f"with long texts of {letters!a}",
                [with_texts(plain, letters * (3_500 // (size + 1))) for _ in MARKETS],
            )
            yield (
                f"with very long texts of {letters!a}",
                [with_texts(plain, letters * (900 * KIB // (size + 1)))],
            )
        if op == "auth":
            header = b'{"alg":"HS256","x":[' + b"[]," * (200 * KIB) + b"0]}"
            long_to_read = base64.urlsafe_b64encode(header).decode() + ".e30.x"
            yield "with a token that is long to read", [plain | {"token": long_to_read}]
        if "topics" in MESSAGES[op].__struct_fields__:
            yield from self.wide(op)
        if "markets" in MESSAGES[op].__struct_fields__:
            yield from self.long(op)

    def long(self, op: str) -> Iterator[tuple[str, list[Command]]]:
        plain = self.plain(op)
        most = MEMBERS_MAX - 20
        many = (ALL * 5)[:most]
        yield "with as many markets", [plain | {"markets": many}]
        yield "with as many markets that are none", [plain | {"markets": [f"N{n}" for n in range(most)]}]
        yield "with as many markets and none", [plain | {"markets": [*many[:-1], "none"]}]
        yield "with markets that are wrong", [plain | {"markets": [0] * most}]
        few = MEMBERS_MAX // COMMANDS_MAX - 3 - members_of(plain)
        yield (
            "with some markets each",
            [self.plain(op) | {"markets": many[few * n : few * (n + 1)]} for n in range(COMMANDS_MAX)],
        )

    def wide(self, op: str) -> Iterator[tuple[str, list[Command]]]:
        """Topics and markets multiply."""
        plain = self.plain(op)
        half = MEMBERS_MAX // 2 - 10
        yield (
            "with as many topics as markets",
            [plain | {"topics": (TOPICS * half)[:half], "markets": (ALL * 3)[:half]}],
        )
        yield "with topics that are none", [plain | {"topics": ["x"] * (MEMBERS_MAX - 20)}]
        half = (MEMBERS_MAX // COMMANDS_MAX - 7) // 2
        yield (
            "with some topics and markets each",
            [plain | {"topics": (TOPICS * half)[:half], "markets": MARKETS[:half]} for _ in MARKETS],
        )
        other = {"subscribe": "unsubscribe"}.get(op, "subscribe")
        yield "and undone, in turn", [self.plain(op), self.plain(other)] * (COMMANDS_MAX // 2)


def members_of(value: Any) -> int:
    if not isinstance(value, (dict, list)):
        return 0
    return len(value) + sum(map(members_of, value.values() if isinstance(value, dict) else value))


def nested(members: int) -> Any:
    """So many, as deep as a command may hold them."""
    value: Any = []
    for level in range(min(members - 1, DEPTH_MAX - 4)):
        value = [value] if level % 2 else {"x": value}
    return {"x": value, **{f"y{number}": 0 for number in range(members - 1 - members_of(value))}}


def with_texts(members: Command, text: str) -> Command:
    """The same with every text that is not the command's name replaced."""

    def replaced(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: replaced(inner) for name, inner in value.items()}
        return [text] if isinstance(value, list) else text if isinstance(value, str) else value

    return {name: value if name == "op" else replaced(value) for name, value in members.items()}


def numbered(commands: list[Command]) -> list[Command]:
    return [{"cid": cid} | command for cid, command in enumerate(commands)]


async def send(client: Client, commands: list[Command], *, packed: bool) -> None:
    """One frame, and the result of each of its commands, unless one of them ends the connection."""
    batch = numbered(commands)
    encoded = (msgspec.msgpack if packed else msgspec.json).encode(batch)
    assert len(encoded) <= FRAME_MAX
    assert members_of(batch) <= MEMBERS_MAX
    await (client.send_packed(batch) if packed else client.send_text(encoded))
    try:
        await client.results(len(batch))
    except trio_websocket.ConnectionClosed as closed:
        if closed.reason is None or closed.reason.code != BAD_TOKEN or commands[0]["op"] != "auth":
            raise


@contextlib.asynccontextmanager
async def crowded(count: int) -> AsyncIterator[Venue]:
    """Markets in which there is somebody to trade with, and somebody who hears of everything in them."""
    async with running(*[f"M{number}" for number in range(count)]) as venue, trio.open_nursery() as nursery:
        await venue.ask(a_place(BEN, "M0", side=Side.NO, price=60, quantity=100_000))

        async def hear(task_status: trio.TaskStatus[None]) -> None:
            async with venue.client(AMM_ID, kind=TokenType.SERVICE) as client:
                await client.do("subscribe", topics=TOPICS, scope="market")
                task_status.started()
                while True:
                    await client.connection.get_message()

        await nursery.start(hear)
        yield venue
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("op", MESSAGES)
async def test_a_frame_full_of_one_command_holds_nobody(op: str, *, packed: bool) -> None:
    """A new op is among these, and fails for want of a plain command."""
    names_markets = "markets" in MESSAGES[op].__struct_fields__
    async with crowded(len(ALL) if names_markets else COMMANDS_MAX) as venue:
        cases = Cases(venue)
        too_long = []
        for position, (name, _) in enumerate(cases.full(op)):

            async def act(position: int = position) -> None:
                ((_, commands),) = itertools.islice(cases.full(op), position, position + 1)
                async with venue.client(AMM_ID, kind=TokenType.SERVICE) as client:
                    if op in ("subscribe", "unsubscribe"):
                        await client.do("subscribe", topics=TOPICS, markets=ALL)
                    await send(client, commands, packed=packed)

            ms, by = await longest_hold(act, HOLD_MAX)
            if ms >= HOLD_MAX:
                too_long.append(f"{name}: {ms:.1f} ms in {by}")
        assert not too_long, "\n".join(too_long)


async def test_what_a_stranger_may_send_holds_nobody() -> None:
    """As much as it may, and as much as it may not: each ends the connection but a good `auth`."""
    async with crowded(1) as venue:
        cases = Cases(venue)
        frames = [
            encode([{"cid": cid, **cases.plain(op), "x": "x" * fill} for cid in range(count)])
            for op in MESSAGES
            for count, fill in ((1, 3_500), (8, 0), (1, 700 * KIB), (COMMANDS_MAX, 2_000))
            for encode in (msgspec.json.encode, msgspec.msgpack.encode)
        ]
        frames += [
            b"[" * AUTH_FRAME_MAX,
            b"[" * MIB,
            b"\x91" * AUTH_FRAME_MAX,
            b"\xdd\x00\x0f" + bytes(MIB - 3),
        ]
        for frame in frames:

            async def act(frame: bytes = frame) -> None:
                async with venue.connected("/ws/v1/commands") as client:
                    await client.connection.send_message(frame if frame[0] >= 0x80 else frame.decode())
                    with contextlib.suppress(trio_websocket.ConnectionClosed):
                        while (await client.receive())["t"] != "hello":
                            pass

            ms, by = await longest_hold(act, HOLD_MAX)
            assert ms < HOLD_MAX, (frame[:80], by)


MASKED_PING: Final = b"\x89\x80\0\0\0\0"
ASKED: Final = b'{"action":"REQUEST_SNAPSHOT"}'
FEED_FRAMES: Final[dict[str, bytes]] = {
    "asked": ASKED,
    "asked and more": ASKED[:-1] + b',"x":' + b"[" * 1_000 + b"]" * 1_000 + b"}",
    "zeros": b"[" + b"0," * 2_000 + b"0]",
    "openings": b"[" * 4_096,
    "quotes": b'"' * 4_096,
}


@pytest.mark.parametrize("feed", ["orderbook", "trades"])
async def test_what_a_reader_may_send_holds_nobody(feed: str) -> None:
    """Messages by the hundred, each as large as it may be; and pings, which need no answer to be read."""
    async with crowded(1) as venue:
        await venue.ask(*[a_place(BEN, "M0", price=1 + n % 39, quantity=1) for n in range(200)])
        for name, payload in FEED_FRAMES.items():
            head = (
                b"\x81\xfe" + len(payload).to_bytes(2)
                if len(payload) > 125
                else bytes((0x81, 0x80 | len(payload)))
            )
            flood = (head + bytes(4) + payload) * 256

            async def act(flood: bytes = flood) -> None:
                async with venue.feed(f"/ws/v1/{feed}/M0") as reader, trio.open_nursery() as nursery:
                    nursery.start_soon(reader._read_on)
                    await reader.connection._stream.send_all(flood + MASKED_PING * 5_000)
                    await reader.connection.ping(b"the end")
                    nursery.cancel_scope.cancel()

            ms, by = await longest_hold(act, HOLD_MAX)
            assert ms < HOLD_MAX, (name, by)


OURS: Final = ("ping", "sync", "subscribe", "unsubscribe", "resume")
"""What leaves nothing in the journal."""
GROWTH_MAX: Final = 32 * KIB
PEAK_MAX: Final = 16 * MIB
"""What the frames of a connection may take while they are read and answered, those of the client among it."""


@pytest.mark.parametrize("op", MESSAGES)
async def test_frame_after_frame_grows_nothing(op: str) -> None:
    """Of whatever is not journaled, on one connection."""
    async with running(*MARKETS) as venue, venue.client() as ann:
        cases = Cases(venue, ANN, TokenType.ACCESS)

        async def send_all() -> None:
            for name, commands in cases.full(op):
                is_refused = "wrong" in name or "nothing" in name
                is_good = all(command.get("token") == cases.token for command in commands)
                if is_good if op == "auth" else is_refused or op in OURS:
                    await send(ann, commands, packed=False)

        await send_all()
        tracemalloc.start()
        try:
            await send_all()  # what takes the place of what was there before counts as well
            gc.collect()
            before = tracemalloc.get_traced_memory()[0]
            await send_all()
            gc.collect()
            after, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert after - before < GROWTH_MAX
        assert peak - before < PEAK_MAX
