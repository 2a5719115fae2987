"""The command stream of the real server on a real PostgreSQL, killed in the middle of a conversation."""

import signal
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import trio
import trio_websocket

from tests.adapters.serving import Caller, ServerProcess, database_for, serving, until, venue
from tests.adapters.streaming import Client, connected, wish

ALL = ["order_events", "trade_events", "market_events"]
BATCH = 40


def port_of(server: ServerProcess) -> int:
    port = urlsplit(server.address).port
    assert port is not None
    return port


class Conversation:
    """What a client was told, as long as somebody told it anything."""

    def __init__(self) -> None:
        self.start = 0
        self.results: list[dict[str, Any]] = []
        self.events: list[dict[str, Any]] = []

    async def hold(self, port: int, token: str, market_id: str, server: ServerProcess) -> None:
        """Trade in batches, always three under way, until the server is killed after some of them."""
        async with connected(port, token=token) as client:
            self.start = (await client.receive())["seq"]
            await client.do("subscribe", topics=ALL)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._listen, client, nursery.cancel_scope)
                for number in range(10_000):
                    while number * BATCH > len(self.results) + 3 * BATCH:
                        await trio.sleep(0.001)
                    if number == 12:
                        server.process.send_signal(signal.SIGKILL)
                    with suppress(trio_websocket.ConnectionClosed):  # which the other hears as well
                        await client.send(*[self._command(market_id, number, n) for n in range(BATCH)])

    def _command(self, market_id: str, number: int, n: int) -> dict[str, Any]:
        cid = 1_000 + number * BATCH + n
        side = "YES" if n % 2 else "NO"
        members = wish(market_id=market_id, client_order_id=f"c-{cid}", side=side, price_cents=49, quantity=1)
        return {"cid": cid, "op": "place", **members}

    async def _listen(self, client: Client, over: trio.CancelScope) -> None:
        try:
            while True:
                for message in await client.receive_frame():
                    if message["t"] == "result" and message["cid"] >= 1_000:
                        self.results.append(message)
                    elif message["t"] == "event":
                        self.events.append(message)
        except trio_websocket.ConnectionClosed:
            over.cancel()


async def told_again(port: int, token: str, after: int) -> list[dict[str, Any]]:
    """All events of a resumption: up to its head, and nothing is happening since."""
    async with connected(port, token=token) as client:
        await client.receive()
        head = (await client.do("resume", after=after, topics=ALL))["data"]["head"]
        events: list[dict[str, Any]] = []
        while not events or events[-1]["seq"] < head:
            events += [message for message in await client.receive_frame() if message["t"] == "event"]
        return events


def trader(server: ServerProcess, http: httpx.Client) -> tuple[Caller, str]:
    there = venue(server.address, http)
    user, market_id = (
        there.user(5_000_000),
        there.market(max_open_orders=10_000, max_open_orders_total=100_000),
    )
    assert user.token is not None
    return user, market_id


def test_what_was_told_before_a_kill_is_told_again_and_what_was_acknowledged_is_there(
    server_url: str, template: str, tmp_path: Path
) -> None:
    """Killed in mid-batch: the resumption begins with all that was heard, the same to the byte."""
    talk = Conversation()
    with database_for(server_url, template) as url:
        with serving(url, tmp_path) as server, httpx.Client(base_url=server.address, timeout=30) as http:
            user, market_id = trader(server, http)
            token = user.token or ""
            with_patience(talk.hold, port_of(server), token, market_id, server)
        assert talk.results
        with serving(url, tmp_path) as server:
            again = with_patience(told_again, port_of(server), token, talk.start)
            heard = [(event["seq"], event["data"]) for event in talk.events]
            assert [(event["seq"], event["data"]) for event in again][: len(heard)] == heard
            assert [event["n"] for event in again] == list(range(1, len(again) + 1))
            placed = {
                event["data"]["order"]["order_id"]
                for event in again
                if event["topic"] == "order_events" and event["data"]["order"]["previous_status"] == "NEW"
            }
            assert {result["data"]["order"]["id"] for result in talk.results} <= placed
            middle = talk.events[len(talk.events) // 2]["seq"]
            rest = with_patience(told_again, port_of(server), token, middle)
            assert [event["data"] for event in rest] == [
                event["data"] for event in again if event["seq"] > middle
            ]


def test_a_stop_under_load_tells_what_was_done_and_then_goodbye(
    server_url: str, template: str, tmp_path: Path
) -> None:
    """What was carried out is there after the restart; what came too late was refused with 7008."""
    results: dict[int, dict[str, Any]] = {}

    async def hold(port: int, token: str, market_id: str, server: ServerProcess) -> int:
        async with connected(port, token=token) as client, trio.open_nursery() as nursery:
            await client.receive()

            async def send() -> None:
                try:
                    for number in range(10_000):
                        while number * BATCH > len(results) + 3 * BATCH:
                            await trio.sleep(0.001)
                        if number == 12:
                            server.process.send_signal(signal.SIGTERM)
                        batch = [Conversation()._command(market_id, number, n) for n in range(BATCH)]
                        await client.send(*batch)
                except trio_websocket.ConnectionClosed:
                    pass

            nursery.start_soon(send)
            try:
                while True:
                    for message in await client.receive_frame():
                        if message["t"] == "result":
                            assert message["cid"] not in results
                            results[message["cid"]] = message
            except trio_websocket.ConnectionClosed as closed:
                nursery.cancel_scope.cancel()
                reason = closed.reason
        return reason.code if reason is not None else 0

    with database_for(server_url, template) as url:
        with serving(url, tmp_path) as server, httpx.Client(base_url=server.address, timeout=30) as http:
            user, market_id = trader(server, http)
            token = user.token or ""
            assert with_patience(hold, port_of(server), token, market_id, server) == 1001
            assert server.process.wait(timeout=30) == 0
            assert "wrote a snapshot" in server.log.read_text()
        done = [cid for cid, result in results.items() if result["status"] == 201]
        assert len(done) >= 12 * BATCH - 3 * BATCH
        assert {result["code"] for result in results.values()} <= {0, 7008}
        with serving(url, tmp_path) as server, httpx.Client(base_url=server.address, timeout=30) as http:
            again = Caller(http, token)
            for cid in (done[0], done[len(done) // 2], done[-1]):
                side = "YES" if (cid - 1_000) % BATCH % 2 else "NO"
                wished = {"market_id": market_id, "side": side, "price_cents": 49, "quantity": 1}
                answer = again.post("/orders", client_order_id=f"c-{cid}", direction="BUY", **wished)
                assert answer.status == 200, "known by its name: it was carried out"
            until(lambda: http.get("/ready").json()["projector_lag"] == 0)
            assert {f"c-{cid}" for cid in done} <= placed_ids(again)


def placed_ids(caller: Caller) -> set[str]:
    """The names of all orders there are, page by page."""
    names: set[str] = set()
    cursor: dict[str, str] = {}
    while True:
        page = caller.data("/orders", limit=100, **cursor)
        names.update(order["client_order_id"] for order in page["items"])
        if not page["has_more"]:
            return names
        cursor = {"cursor": page["next_cursor"]}


def with_patience(what: Any, *arguments: Any) -> Any:
    async def patiently() -> Any:
        with trio.fail_after(30):
            return await what(*arguments)

    return trio.run(patiently)
