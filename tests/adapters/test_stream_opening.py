"""Opening a command connection, and every way of being sent off."""

import sys
import traceback
from typing import Any

import msgspec
import pytest
import trio
import trio_websocket
from hypercorn.config import Config
from hypercorn.trio.worker_context import WorkerContext
from trio.testing import MockClock

from adapters.access.tokens import TokenType
from adapters.runtime.clock import Clock
from adapters.runtime.settings import Settings
from adapters.sockets.listener import HttpConnection
from adapters.sockets.websocket import FRAME_MAX, Upgrade
from adapters.stream.hub import CONNECTIONS_MAX
from adapters.wire.user_responses import WORKER_ID
from kernel.codes import AMM_ID
from tests.adapters.streaming import ANN, BEN, ROOT, Refused, running, wish


@pytest.fixture
def jumping() -> MockClock:
    """A clock that jumps ahead when nothing happens for a moment; sockets on this machine need less."""
    return MockClock(autojump_threshold=0.05)


async def test_a_token_in_the_header_is_greeted_at_once() -> None:
    async with running("M") as venue, venue.client() as ann:
        assert ann.hello["user_id"] == ANN
        assert ann.hello["protocol"] == "pm.v1"
        assert ann.hello["account_type"] == "USER"
        assert ann.hello["seq"] == venue.durable
        assert ann.hello["limits"] == {
            "max_in_flight": 256,
            "max_batch": 256,
            "max_frame_bytes": 1_048_576,
            "heartbeat_ms": 15_000,
        }


async def test_the_market_maker_may_have_more_in_flight() -> None:
    async with running("M") as venue, venue.client(AMM_ID, kind=TokenType.SERVICE) as amm:
        assert amm.hello["limits"]["max_in_flight"] == 1024
        assert amm.hello["account_type"] == "SYSTEM_BOT"


async def test_a_worker_may_have_as_much_and_is_not_let_into_what_is_for_users() -> None:
    async with running("M") as venue, venue.client(WORKER_ID, kind=TokenType.SERVICE) as worker:
        assert worker.hello["limits"]["max_in_flight"] == 1024
        assert worker.hello["account_type"] == "MM_WORKER"
        members: dict[str, dict[str, Any]] = {
            "place": wish(),
            "sync": {"market_id": "M"},
            "guard": {"grace_ms": 1000},
            "cancel_all": {"market_id": "M"},
            "batch": {"market_id": "M", "commands": []},
            "mint": {"market_id": "M", "quantity": 1, "idempotency_key": "k"},
        }
        for op, given in members.items():
            assert (await worker.do(op, **given))["code"] == 1007, op
        assert (await worker.do("ping"))["code"] == 0
        assert (await worker.do("subscribe", topics=["market_events"]))["code"] == 0


async def test_a_token_in_the_query_does_as_well() -> None:
    async with (
        running("M") as venue,
        venue.connected(f"/ws/v1/commands?token={venue.token(ANN)}") as ann,
    ):
        assert (await ann.receive())["user_id"] == ANN


async def test_a_fault_is_logged_without_the_token_of_the_query() -> None:
    """Python tells of whatever was being handled when something failed."""
    faults: list[Exception] = []

    class Faulty:
        async def serve(self, stream: trio.SocketStream, upgrade: Upgrade) -> None:
            try:
                raise RuntimeError("a fault")
            except RuntimeError as fault:
                faults.append(fault)
                raise

        async def drain(self) -> None:
            """Nobody is here."""

    nobody: Any = None
    """No application: nothing but this is asked."""

    async def visit(stream: trio.SocketStream) -> None:
        await HttpConnection(nobody, Config(), WorkerContext(None), {}, Faulty(), Clock(), stream).run()

    asked = (
        b"GET /ws/v1/commands?token=SECRET HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
        b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: x\r\n\r\n"
    )
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.serve_listeners, visit, [listener])
        async with await trio.open_tcp_stream(*listener.socket.getsockname()) as stream:
            await stream.send_all(asked)
            with trio.fail_after(10):
                assert await stream.receive_some() == b""
        nursery.cancel_scope.cancel()
    (fault,) = faults
    assert "SECRET" not in "".join(traceback.format_exception(fault))


@pytest.mark.parametrize("token", ["nonsense", "refresh", "expired", "disabled"])
async def test_a_bad_token_gets_no_websocket(token: str) -> None:
    async with running("M") as venue:
        match token:
            case "refresh":
                token = venue.token(ANN, TokenType.REFRESH)
            case "expired":
                token = venue.server.tokens.issue(ANN, TokenType.ACCESS, "USER")
                venue.server.clock.shift(31 * 60)  # type: ignore[attr-defined] # the test's own clock
            case "disabled":
                await venue.registry.set_active(ANN, False)
                token = venue.token(ANN)
        with Refused() as refusal:
            async with venue.connected("/ws/v1/commands", token):
                pass
        expected = (422, 1004) if "." in token and not venue.registry.rows[ANN].is_active else (401, 1006)
        assert (refusal.status, refusal.body["code"]) == expected
        assert refusal.body["data"] is None
        assert refusal.body["request_id"].startswith("req_")


async def test_without_a_token_auth_comes_first_and_hello_after_it() -> None:
    async with running("M") as venue, venue.connected("/ws/v1/commands") as ann:
        answer = await ann.do("auth", token=venue.token(ANN))
        assert answer["ok"]
        assert answer["data"]["user_id"] == ANN
        assert answer["data"]["expires_at_ms"] % 1000 == 0
        assert (await ann.receive())["t"] == "hello"
        assert (await ann.place())["status"] == 201


async def test_who_never_says_who_it_is_is_sent_off(jumping: MockClock) -> None:
    async with running("M") as venue, venue.connected("/ws/v1/commands") as client:
        began = trio.current_time()
        assert (await client.closing())[0] == 4401
        assert 5 <= trio.current_time() - began < 7


async def test_a_bad_token_in_auth_ends_the_connection() -> None:
    async with running("M") as venue, venue.connected("/ws/v1/commands") as client:
        await client.send({"cid": 1, "op": "auth", "token": "nonsense"})
        answer = await client.receive()
        assert (answer["status"], answer["code"]) == (401, 1006)
        assert (await client.closing())[0] == 4401


async def test_another_users_token_does_not_change_hands() -> None:
    async with running("M") as venue, venue.client(ANN) as ann:
        answer = await ann.do("auth", token=venue.token(BEN))
        assert (answer["status"], answer["code"]) == (403, 1007)
        assert (await ann.do("ping"))["ok"]


async def test_a_stream_does_not_change_its_role() -> None:
    """What an administrator subscribed to would go on being told to a user."""
    async with running("M") as venue, venue.client(ROOT) as admin:
        venue.registry.rows[ROOT].account_type = "USER"
        answer = await admin.do("auth", token=venue.token(ROOT))
        assert (answer["status"], answer["code"]) == (403, 1007)


async def test_the_connection_ends_with_its_token_unless_a_fresh_one_came(jumping: MockClock) -> None:
    """A token lives half an hour; one that is renewed after 20 minutes gives 30 more."""
    async with running("M") as venue, venue.client(ANN) as ann:
        with trio.move_on_after(20 * 60):
            await ann.events(sys.maxsize)  # heartbeats until then
        assert (await ann.do("auth", token=venue.token(ANN)))["ok"]
        began = trio.current_time()
        assert (await ann.closing())[0] == 4401
        assert 29 * 60 < trio.current_time() - began <= 30 * 60 + 5


async def test_a_ninth_connection_of_a_user_is_refused() -> None:
    async with running("M") as venue, trio.open_nursery() as nursery:
        opened = []

        async def hold(task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
            async with venue.client(ANN) as client:
                opened.append(client)
                task_status.started()
                await trio.sleep_forever()

        for _ in range(8):
            await nursery.start(hold)
        with Refused() as refusal:
            async with venue.client(ANN):
                pass
        assert (refusal.status, refusal.body["code"]) == (429, 9001)
        async with venue.client(BEN) as ben:
            assert ben.hello["user_id"] == BEN
        nursery.cancel_scope.cancel()
    assert len(opened) == 8


async def test_a_place_is_free_again_when_a_connection_has_gone() -> None:
    async with running("M") as venue:
        for _ in range(20):
            async with venue.client(ANN):
                pass


async def test_an_unknown_path_is_told_in_the_envelope() -> None:
    async with running("M") as venue:
        with Refused() as refusal:
            async with venue.connected("/ws/v1/nothing", venue.token(ANN)):
                pass
        assert (refusal.status, refusal.body["code"]) == (404, 9005)


@pytest.mark.parametrize(
    "text", ["{", "5", '"text"', "[1,2", "null", '{"cid":1}}', "[" * 100_000, "\x00", ""]
)
async def test_an_undecodable_frame_ends_the_connection(text: str) -> None:
    async with running("M") as venue, venue.client() as ann:
        await ann.send_text(text)
        message = await ann.receive()
        assert (message["t"], message["code"]) == ("error", 7009)
        assert (await ann.closing())[0] == 4400


@pytest.mark.parametrize(
    "packed", [b"\xc1", b"\x91" * 100_000, b"\x91\xdd\xff\xff\xff\xff", b"\x07", b"", b"\x81\x81\x01\x02\x03"]
)
async def test_an_undecodable_binary_frame_ends_the_connection_too(packed: bytes) -> None:
    async with running("M") as venue, venue.client() as ann:
        await ann.connection.send_message(packed)
        message = await ann.receive()
        assert (message["t"], message["code"]) == ("error", 7009)
        assert (await ann.closing())[0] == 4400


async def test_text_that_is_not_utf8_is_undecodable() -> None:
    async with running("M") as venue, venue.client() as ann:
        stream = ann.connection._stream
        await stream.send_all(b"\x81\x82\x00\x00\x00\x00\xff\xfe")
        message = await ann.receive()
        assert (message["t"], message["code"]) == ("error", 7009)
        assert (await ann.closing())[0] == 4400


async def test_a_frame_of_exactly_the_limit_is_read_and_one_byte_more_is_not() -> None:
    """Spaces after a command make it as long as one likes."""
    async with running("M") as venue:
        async with venue.client() as ann:
            await ann.send_text(b'{"cid":1,"op":"ping"}'.ljust(FRAME_MAX))
            assert (await ann.receive())["ok"]
            await ann.send_text(b'{"cid":1,"op":"ping"}'.ljust(FRAME_MAX + 1))
            assert (await ann.closing())[0] == 4413
        async with venue.client() as ann:
            # In bytes, not in characters.
            await ann.send_text('{"cid":1,"op":"ping","x":"' + "é" * (FRAME_MAX // 2) + '"}')
            assert (await ann.closing())[0] == 4413


async def test_shutdown_refuses_what_is_new_answers_what_runs_and_says_goodbye() -> None:
    """The journal stalls, so that something is under way when the server is told to stop."""
    async with running("M") as venue, venue.client() as ann:
        stall = venue.journal.stall = trio.Event()  # type: ignore[attr-defined] # in memory, it can be told to
        await ann.send({"cid": 100, "op": "place", **wish()})
        await ann.do("ping")
        venue.stop.set()
        while not venue.websockets.hub.is_stopping:
            await trio.lowlevel.checkpoint()
        await ann.send({"cid": 200, "op": "place", **wish()})
        (late,) = await ann.results(1)
        assert (late["cid"], late["status"], late["code"]) == (200, 503, 7008)
        stall.set()
        (running_one,) = await ann.results(1)
        assert (running_one["cid"], running_one["status"]) == (100, 201)
        assert (await ann.closing())[0] == 1001


async def test_a_silent_client_is_sent_off_and_one_that_pongs_is_not(jumping: MockClock) -> None:
    """The client library answers pings by itself, as all do; so one is made that does not."""
    async with running("M") as venue:
        async with venue.client() as ann:
            with trio.move_on_after(200):
                await ann.events(1)
            assert (await ann.do("ping"))["ok"]
        stream = await trio.open_tcp_stream("127.0.0.1", venue.port)
        await stream.send_all(
            b"GET /ws/v1/commands HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
            b"Authorization: Bearer " + venue.token(BEN).encode() + b"\r\n\r\n"
        )
        began, received = trio.current_time(), b""
        while data := await stream.receive_some():
            received += data
        assert 60 <= trio.current_time() - began <= 95
        assert (4408).to_bytes(2, "big") in received[-64:]


async def test_heartbeats_come_when_nothing_else_does(jumping: MockClock) -> None:
    async with running("M") as venue, venue.client() as ann:
        began = trio.current_time()
        beat = await ann.receive()
        assert beat["t"] == "heartbeat"
        assert beat["seq"] == venue.durable
        assert 14.5 < trio.current_time() - began < 16.5


async def test_a_reader_that_does_not_read_is_sent_off_and_the_others_do_not_wait() -> None:
    """Results of large refused batches pile up; it never reads one of them."""
    async with running("M") as venue, venue.client(BEN) as ben:
        stream = await trio.open_tcp_stream("127.0.0.1", venue.port)
        await stream.send_all(
            b"GET /ws/v1/commands HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
            b"Authorization: Bearer " + venue.token(ANN).encode() + b"\r\n\r\n"
        )
        many = b"[" + b",".join(b'{"cid":%d,"op":"ping"}' % cid for cid in range(9000)) + b"]"
        frame = b"\x81\xff" + len(many).to_bytes(8, "big") + bytes(4) + many

        async def flood() -> None:
            while True:
                await stream.send_all(frame)
                assert (await ben.do("ping"))["ok"]

        with trio.fail_after(30), pytest.raises(trio.BrokenResourceError):
            await flood()
        with trio.fail_after(10):
            while venue.websockets.hub.connections > 1:
                await trio.sleep(0.01)


async def test_limits_of_rest_hold_per_command() -> None:
    settings = Settings(rate_orders=3)
    async with running("M", settings=settings) as venue, venue.client() as ann:
        await ann.send(*[{"cid": cid, "op": "place", **wish()} for cid in range(5)])
        results = {result["cid"]: result for result in await ann.results(5)}
        assert [results[cid]["code"] for cid in range(5)] == [0, 0, 0, 9001, 9001]
        assert results[3]["status"] == 429
        assert results[3]["data"].keys() == {"limit", "remaining", "reset"}
        assert results[3]["data"]["limit"] == 3
        assert (await ann.do("ping"))["ok"]


async def test_the_subprotocol_says_the_kind_of_what_is_unasked() -> None:
    async with running("M") as venue:
        async with venue.client(protocol="pm.v1.msgpack") as ann:
            assert ann.connection.subprotocol == "pm.v1.msgpack"
            # A result comes in the kind of its command all the same.
            await ann.send({"cid": 1, "op": "ping"})
            assert isinstance(received := await ann.connection.get_message(), str)
            assert msgspec.json.decode(received)["cid"] == 1
            await ann.send_packed({"cid": 2, "op": "ping"})
            assert isinstance(packed := await ann.connection.get_message(), bytes)
            assert msgspec.msgpack.decode(packed)["cid"] == 2
        async with venue.client() as ben:
            assert ben.connection.subprotocol is None


async def test_the_subprotocols_may_come_in_pieces() -> None:
    """A list may be sent as several headers; the first that is known counts, wherever it stands."""
    async with running("M") as venue, await trio.open_tcp_stream("127.0.0.1", venue.port) as stream:
        await stream.send_all(
            b"GET /ws/v1/commands HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Protocol: pm.v1.msgpack\r\nSec-WebSocket-Protocol: chat\r\n\r\n"
        )
        assert b"sec-websocket-protocol: pm.v1.msgpack\r\n" in await stream.receive_some()


async def test_http_is_served_beside_the_websockets() -> None:
    """The same port, and a connection that was used for HTTP may still ask for a websocket."""
    async with running("M") as venue:
        stream = await trio.open_tcp_stream("127.0.0.1", venue.port)
        await stream.send_all(b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n")
        received = b""
        while b"</p>" not in received:
            received += await stream.receive_some()
        assert received.startswith(b"HTTP/1.1 404")
        await stream.send_all(
            b"GET /ws/v1/commands HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
            b"Authorization: Bearer " + venue.token(ANN).encode() + b"\r\n\r\n"
        )
        received = b""
        while b'"hello"' not in received:
            received += await stream.receive_some()
        assert received.startswith(b"HTTP/1.1 101")


async def test_a_client_that_vanishes_leaves_nothing_behind() -> None:
    async with running("M") as venue:
        async with venue.client() as ann:
            await ann.send({"cid": 1, "op": "place", **wish()})
            await trio.aclose_forcefully(ann.connection._stream)
        while venue.websockets.hub.connections:
            await trio.lowlevel.checkpoint()
        with pytest.raises(trio_websocket.ConnectionClosed):
            await ann.do("ping")


async def test_an_odd_list_of_protocols_neither_fails_nor_takes_a_place() -> None:
    """More of them than a user may have connections; each opens one, in JSON, and goes."""
    async with running("M") as venue:
        for _ in range(CONNECTIONS_MAX + 1):
            stream = await trio.open_tcp_stream("127.0.0.1", venue.port)
            async with stream:
                await stream.send_all(
                    b"GET /ws/v1/commands HTTP/1.1\r\nHost: x\r\n"
                    b"Upgrade: websocket\r\nConnection: Upgrade\r\n"
                    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
                    b"Sec-WebSocket-Protocol: pm.v1\x85.json\r\n"
                    b"Authorization: Bearer " + venue.token(ANN).encode() + b"\r\n\r\n"
                )
                assert (await stream.receive_some()).startswith(b"HTTP/1.1 101")
            while venue.websockets.hub.connections:
                await trio.sleep(0.01)
