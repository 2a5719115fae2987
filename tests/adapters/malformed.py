"""What broken and hostile clients send: requests and frames that are almost right, all of them from one seed.

A thing is made right first and then broken in one place or two, because what is wrong everywhere is refused
by the first check and never meets the others.
"""

import json
import random
import re
import struct
from collections.abc import Callable
from typing import Any, Final

import msgspec

from adapters.operations.table import BASE, ROUTES
from adapters.sockets.websocket import FRAME_MAX
from tests.adapters.streaming import MESSAGES

TEXT, BINARY, PING = 1, 2, 9

VALUES: Final[list[Any]] = [
    *(None, True, False, 0, 1, -1, 50, 99, 100, 2**31, 2**53, 2**63, -(2**63), 2**64 - 1, 0.5, 1e300, -0.0),
    *(
        "",
        "x",
        "YES",
        "BUY",
        "GTC",
        "ALL",
        "own",
        "market",
        "\0",
        "a\0b",
        "é",
        "\u2028",
        "\ud7ff",
        "😀",
        "' OR 1=1",
    ),
    *("x" * 64, "x" * 65, "x" * 5000, "0193f1c2-5a77-7c1e-9f10-000000000001", "2026-02-30T00:00:00Z"),
    *([], {}, [[]], {"": ""}, {"a": {"b": {}}}, [None] * 300, ["order_events"], [0, "a", None]),
]
TOKENS: Final[list[bytes]] = [
    *(
        b"",
        b" ",
        b"\t",
        b"\0",
        b"\x01",
        b"\x0b",
        b"\x7f",
        b"\x85",
        b"\xa0",
        b"\xff",
        b"\r",
        b"\n",
        b":",
        b";",
        b",",
    ),
    *(
        b"%",
        b"%00",
        b"%ff",
        b"..",
        b"//",
        b"?",
        b"#",
        b"&",
        b"=",
        b"\r\n",
        b"\r\n\r\n",
        b"A" * 300,
        b"A" * 20_000,
    ),
]
LASTING: Final = [route for route in ROUTES if route.path != "/account/logout-all"]
"""Without that which needs no body to end the very token that the rest is sent with."""
LENGTHS: Final = (
    b"-1",
    b"+1",
    b"0x10",
    b"1e3",
    b"",
    b"1,1",
    b"999999999999999999999",
    b"65537",
    b"3",
    b"\xb2",
)
CHUNKS: Final = (
    *(
        b"0\r\n\r\n",
        b"5\r\nhello\r\n",
        b"FFFFFFFFFFFFFFFFF\r\n",
        b"-1\r\n",
        b"5;x=y\r\nhello\r\n0\r\n\r\n",
        b"zz\r\n",
    ),
    *(
        b"2\r\n{}\r\n0\r\n\r\n",
        b"2\r\n{}\r\n0\r\nX: y\r\n\r\n",
        b"2\r\n{}",
        b"2\n{}\n0\n\n",
        b"2\r\n{}xx0\r\n\r\n",
    ),
)
WHOLE: Final = (
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 32,
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0",
    b"GET /health HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\nConnection: Upgrade\r\nHTTP2-Settings: AAMA\r\n\r\n",
    b"GET /api/v1/orders HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    b"GET / HTTP/0.9\r\n\r\n",
    b"GET /\r\n",
    b"*1\r\n$4\r\nPING\r\n",
    b"SSH-2.0-x\r\n",
    b"\r\n" * 50,
    b"\0" * 200,
    b"GET /docs HTTP/1.1\r\nHost: x\r\n\r\n" * 30,
)
"""Other protocols, and what hypercorn makes of offers that nobody takes up."""


class Mill:
    """Grinds out malformed things."""

    def __init__(self, seed: int, market_id: str) -> None:
        self.luck = random.Random(seed)
        order = {
            "client_order_id": "o",
            "market_id": market_id,
            "side": "YES",
            "direction": "BUY",
            "price_cents": 50,
            "quantity": 1,
            "time_in_force": "GTC",
        }
        group = {"market_id": market_id, "group_id": "g"}
        topics = {"topics": ["order_events"], "markets": [market_id], "scope": "own"}
        self.members: dict[str, dict[str, Any]] = {
            "place": order,
            "cancel": {"order_id": "0193f1c2-5a77-7c1e-9f10-000000000001"},
            "amend": {"market_id": market_id, "client_order_id": "o", "price_cents": 51, "quantity": 2},
            "batch": {"market_id": market_id, "atomic": True, "commands": [{"op": "place"} | order]},
            "cancel_all": {"market_id": market_id, "side": "YES", "direction": "BUY"},
            "group_set": group | {"max_fill_quantity": 5, "window_ms": 1_000},
            **dict.fromkeys(("group_reset", "group_trigger", "group_delete"), group),
            "replace": {"old_order_id": "0193f1c2-5a77-7c1e-9f10-000000000001", "new_order": order},
            "batch_cancel": {"market_id": market_id, "cancel_scope": "ALL"},
            "mint": {"market_id": market_id, "quantity": 1, "idempotency_key": "k"},
            "burn": {"market_id": market_id, "quantity": 1, "idempotency_key": "k"},
            "guard": {"grace_ms": 600_000, "markets": [market_id]},
            "ping": {},
            "mm_due": {},
            "mm_acquire": {"market_id": market_id, "worker_id": "w", "strategies": ["quoter.1"], "limit": 1},
            "mm_renew": {"order_id": "o", "fence": 1, "token": "t"},
            "mm_note": {"order_id": "o", "external_ref": "e"},
            "mm_release": {"order_id": "o", "fence": 1, "token": "t", "outcome": "DONE", "counts": {}},
            "mm_venue_due": {"venue": "elsewhere", "after": "o"},
            "mm_venue": {
                "order_id": "o",
                "worker_id": "w",
                "direction": "OUT",
                "step": "ACCEPTED",
                "leg": "CASH",
                "attempt": 1,
                "tx_id": "tx",
            },
            "auth": {"token": "x.y.z"},
            "sync": {"market_id": market_id},
            "subscribe": topics,
            "unsubscribe": topics,
            "resume": {"after": 0} | topics,
        }
        assert self.members.keys() == MESSAGES.keys()
        body: dict[str, Any] = {
            "amount_cents": 1,
            "is_active": True,
            "settle": True,
            "reason": "r",
            "mode": "POST_ONLY",
            "until": "2030-01-01T00:00:00Z",
            "valid_until": "2999-01-01T00:00:00Z",
            "title": "t",
        }
        for members in self.members.values():
            body |= members
        self.body = body | {
            "initial_budget_cents": 1,
            "initial_price_cents": 50,
            "config_override": {"a": [1]},
            "resolution_result": "YES",
            "id": "M-1",
            "username": "ann",
            "email": "ann@example.org",
            "password": "Correct1horse",
            "trading_end_at": "2030-01-01T00:00:00Z",
        }
        """Every member that any body has: a route takes its own and ignores the others."""

    # HTTP

    def request(self, token: str) -> bytes:
        """The bytes of a request, whole or cut short."""
        luck = self.luck
        if luck.random() < 0.05:
            return luck.choice(WHOLE)
        route = luck.choice(LASTING)
        # Switching a user off, or a market, would turn what follows into one refusal after the other.
        path = BASE + re.sub(r"{\w+}", "x", route.path)
        line = f"{route.method} {path}".encode() + (self.query() if route.method == "GET" else b"")
        headers = [(b"Host", b"x"), (b"Authorization", f"Bearer {token}".encode()), (b"Connection", b"close")]
        body = self.encoded(dict(self.body)) if route.method == "POST" else b""
        framing = b"Content-Length"
        length, sent = str(len(body)).encode(), body
        for part in luck.sample(("line", "headers", "body", "framing"), luck.choice((1, 1, 2))):
            match part:
                case "line":
                    line = self.spoiled(line)
                case "headers":
                    headers = self.spoiled_headers(headers)
                case "body":
                    sent = self.spoiled_body()
                    length = str(len(sent)).encode()
                case "framing" if luck.random() < 0.5:
                    length = luck.choice(LENGTHS)
                case "framing":
                    framing, length = (
                        b"Transfer-Encoding",
                        luck.choice((b"chunked", b"gzip", b"chunked, x", b"")),
                    )
                    sent = b"".join(luck.choices(CHUNKS, k=luck.randrange(1, 4)))
        version = luck.choice((b"HTTP/1.1",) * 8 + (b"HTTP/1.0", b"HTTP/9.9", b"HTTP/1.1 ", b"FTP/1"))
        if sent or framing != b"Content-Length":
            headers.append((framing, length))
        head = b"\r\n".join([line + b" " + version, *(name + b": " + value for name, value in headers)])
        return self.cut(self.flipped(head + b"\r\n\r\n" + sent))

    def handshake(self, path: str, token: str) -> bytes:
        """A request for a websocket that is not quite one."""
        headers = [
            (b"Host", b"x"),
            (b"Authorization", f"Bearer {token}".encode()),
            (b"Upgrade", b"websocket"),
            (b"Connection", b"Upgrade"),
            (b"Sec-WebSocket-Key", b"AAAAAAAAAAAAAAAAAAAAAA=="),
            (b"Sec-WebSocket-Version", b"13"),
            (b"Sec-WebSocket-Protocol", b"pm.v1.json"),
        ]
        head = b"\r\n".join(
            [
                b"GET " + self.spoiled(path.encode()) + b" HTTP/1.1",
                *(name + b": " + value for name, value in self.spoiled_headers(headers)),
            ]
        )
        return self.cut(self.flipped(head + b"\r\n\r\n" + self.junk(20)))

    def query(self) -> bytes:
        names = ("limit", "cursor", "status", "since", "market_id", "levels", "has_volume", "side", "token")
        values = [str(value).encode("utf-8") for value in VALUES] + [
            b"eyJpZCI6IngifQ",
            b"%zz",
            b"%ff%00",
            b"a+b",
        ]
        members = [
            self.luck.choice(names).encode()
            + b"="
            + re.sub(rb"[^!-~]|[#&]", b"%20", self.luck.choice(values)[:300])
            for _ in range(self.luck.randrange(3))
        ]
        return b"?" + b"&".join(members) if members else b""

    def spoiled(self, text: bytes) -> bytes:
        """A token put in, or a piece taken out."""
        place = self.luck.randrange(len(text) + 1)
        if self.luck.random() < 0.3:
            return text[:place] + text[place + self.luck.randrange(1, 8) :]
        return text[:place] + self.luck.choice(TOKENS) + text[place:]

    def spoiled_headers(self, headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        luck, spoiled = self.luck, list(headers)
        place = luck.randrange(len(spoiled))
        name, value = spoiled[place]
        match luck.randrange(6):
            case 0:
                spoiled[place] = self.spoiled(name), value
            case 1 | 2:
                spoiled[place] = name, self.spoiled(value)
            case 3:
                del spoiled[place]
            case 4:
                spoiled.append((name, luck.choice((value, b"other", b""))))
            case _:
                spoiled += [(b"X-%d" % number, b"y" * 100) for number in range(luck.choice((50, 500)))]
        return spoiled

    def spoiled_body(self) -> bytes:
        luck = self.luck
        match luck.randrange(8):
            case 0:
                return luck.choice(
                    (b"[" * 60_000, b'{"a":' * 10_000, b'{"config_override":' * 40 + b"1" + b"}" * 40)
                )
            case 1:
                return (
                    b'{"amount_cents":'
                    + luck.choice((b"9" * 5000, b"1e999999", b"-0", b"01", b"NaN", b"1.0"))
                    + b"}"
                )
            case 2:
                return self.junk(300)
            case 3:
                return luck.choice(
                    (b"a=b&c=d", b"<x/>", b"\xef\xbb\xbf{}", b"null", b"[]", b"{}{}", b"\x82\xa1a\x01")
                )
            case _:
                return self.encoded(self.changed(self.body))

    # Commands

    def changed(self, members: dict[str, Any]) -> dict[str, Any]:
        """Members dropped, and values in place of others, at any depth of objects."""
        luck, changed = self.luck, dict(members)
        for name, value in members.items():
            chance = luck.random()
            if chance < 0.15:
                changed[name] = luck.choice(VALUES)
            elif chance < 0.2:
                del changed[name]
            elif isinstance(value, dict):
                changed[name] = self.changed(value)
        return changed

    def command(self, number: int) -> dict[str, Any]:
        """A command with one wrong member at least as often as not."""
        luck = self.luck
        name = luck.choice(list(self.members))
        command: dict[str, Any] = {"cid": number, "op": name} | self.members[name]
        if "client_order_id" in command:
            command["client_order_id"] = f"f-{number}"
        return self.changed(command) if luck.random() < 0.8 else command

    def encoded(self, value: Any) -> bytes:
        return json.dumps(value, ensure_ascii=self.luck.random() < 0.5).encode("utf-8", "replace")

    # Frames

    def frame(self, number: int) -> bytes:
        """One frame of a websocket, or several that belong together."""
        ways: list[Callable[[int], bytes]] = [
            *(self.told,) * 6,
            *(self.packed,) * 4,
            self.unreadable,
            self.in_pieces,
            self.against_the_protocol,
            self.goodbye,
        ]
        return self.luck.choice(ways)(number)

    def told(self, number: int) -> bytes:
        """Commands as JSON, one or a batch, whole or with bytes turned."""
        return framed(TEXT, self.flipped(self.encoded(self.wishes(number)), 0.1))

    def packed(self, number: int) -> bytes:
        """Commands as MessagePack."""
        try:
            payload = msgspec.msgpack.encode(self.wishes(number))
        except (OverflowError, ValueError):  # an integer that MessagePack cannot say
            payload = b"\xcf" + b"\xff" * 8
        return framed(BINARY, self.flipped(payload, 0.2))

    def wishes(self, number: int) -> Any:
        luck = self.luck
        match luck.randrange(10):
            case 0:
                return [self.command(number * 1000 + each) for each in range(luck.choice((0, 2, 30, 257)))]
            case 1:
                return luck.choice(VALUES)
            case _:
                return self.command(number)

    def unreadable(self, number: int) -> bytes:
        luck = self.luck
        payload = luck.choice(
            (
                self.junk(200),
                b"[" * 5000,
                b'{"cid":1,"op":"ping","x":' + b"[" * 2000 + b"]" * 2000 + b"}",
                b"\xc1",
                b"\xdf\xff\xff\xff\xff",
                b"\xdd\xff\xff\xff\xff",
                b"\x81\xa3cid\xcf" + b"\xff" * 8,
                b"\xd6\xff\0\0\0\0",
                b"\x91" * 3000,
                b'{"cid":' + b"9" * 5000 + b"}",
                b'{"cid":1,"cid":2,"op":"ping"}',
                b"\xed\xa0\x80",
                b"x" * (FRAME_MAX + 1),
                b" " * FRAME_MAX,
            )
        )
        return framed(luck.choice((TEXT, BINARY)), payload)

    def in_pieces(self, number: int) -> bytes:
        """A message in fragments, some of them out of place."""
        luck, payload = self.luck, self.encoded(self.wishes(number))
        places = sorted(luck.randrange(len(payload) + 1) for _ in range(luck.randrange(1, 6)))
        pieces = [
            payload[start:end] for start, end in zip([0, *places], [*places, len(payload)], strict=True)
        ]
        frames = [framed(TEXT if not at else 0, piece, final=False) for at, piece in enumerate(pieces[:-1])]
        frames.append(framed(0, pieces[-1]))
        match luck.randrange(6):
            case 0:
                frames.insert(luck.randrange(len(frames)), framed(TEXT, b"{}"))
            case 1:
                frames.insert(luck.randrange(len(frames)), framed(PING, b"between"))
            case 2:
                frames = [framed(0, b"of nothing")]
            case 3:
                frames = [framed(TEXT, b"", final=False), *(framed(0, b"", final=False) for _ in range(500))]
            case _:
                pass
        return b"".join(frames)

    def against_the_protocol(self, number: int) -> bytes:
        luck = self.luck
        ping = b'{"cid":%d,"op":"ping"}' % number
        return luck.choice(
            (
                bytes((0x81, len(ping))) + ping,  # not masked
                framed(TEXT, ping, reserved=luck.choice((0x40, 0x20, 0x10))),
                framed(luck.choice((3, 4, 7, 11, 15)), ping),
                framed(PING, b"x" * 126),
                framed(PING, b"", final=False),
                bytes((0x81, 0x80 | 126)) + struct.pack("!H", 5) + b"\0" * 9,  # a longer length than needed
                bytes((0x82, 0xFF)) + struct.pack("!Q", 2**63 + 1) + b"\0" * 40,
                bytes((0x82, 0xFF)) + struct.pack("!Q", 2**40) + b"\0" * 40,
                bytes((0x81, 0x80 | 100)) + b"\0" * 40,  # less than was announced
                framed(PING, b"") * 300,
                self.junk(60),
            )
        )

    def goodbye(self, number: int) -> bytes:
        codes = (0, 999, 1000, 1001, 1004, 1005, 1006, 1015, 2999, 3000, 4999, 5000, 65_535)
        code = struct.pack("!H", self.luck.choice(codes))
        return framed(
            8, self.luck.choice((b"", b"\x03", code, code + b"why", code + b"\xff\xfe", code + b"x" * 124))
        )

    # Bytes

    def junk(self, size: int) -> bytes:
        return self.luck.randbytes(self.luck.randrange(size))

    def flipped(self, data: bytes, chance: float = 0.15) -> bytes:
        if self.luck.random() >= chance or not data:
            return data
        turned = bytearray(data)
        for _ in range(self.luck.randrange(1, 5)):
            turned[self.luck.randrange(len(turned))] = self.luck.randrange(256)
        return bytes(turned)

    def cut(self, data: bytes) -> bytes:
        return data[: self.luck.randrange(len(data))] if self.luck.random() < 0.1 else data


def framed(opcode: int, payload: bytes, *, final: bool = True, reserved: int = 0) -> bytes:
    """A client's frame; the mask of zeros leaves the payload as it is."""
    first, size = (0x80 if final else 0) | reserved | opcode, len(payload)
    if size < 126:
        head = bytes((first, 0x80 | size))
    elif size < 65_536:
        head = struct.pack("!BBH", first, 0x80 | 126, size)
    else:
        head = struct.pack("!BBQ", first, 0xFF, size)
    return head + b"\0\0\0\0" + payload
