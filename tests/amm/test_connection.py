"""The command stream against a little server that says what a real one would not."""

from collections.abc import Callable
from typing import Any

import attrs
import msgspec
import trio
import trio_websocket

from amm.arithmetic import Ms
from amm.commands import Sync
from amm.connection import CommandStream
from amm.credentials import Credentials
from amm.inputs import Answer, Frame
from tests.amm.parts import MARKET, NOON
from tests.end_to_end.making import service_token


@attrs.define
class Noted:
    """Markets that only write down what they are told."""

    told: list[str] = attrs.field(factory=list)

    def frame(self, market_id: str, frame: Frame) -> None:
        self.told.append(f"frame {market_id} {frame.seq}")

    def answer(self, market_id: str, answer: Answer) -> None:
        self.told.append(f"answer {market_id} {answer.code}")

    def pong(self, round_trip_ms: Ms) -> None:
        """Of no interest here."""

    def lost(self) -> None:
        self.told.append("lost")

    def down(self) -> None:
        self.told.append("down")

    def up(self, blind_ms: Ms, *, resumed: bool) -> None:
        self.told.append(f"up {resumed}")


async def answering(
    data: Callable[[str], Any], task_status: trio.TaskStatus[int] = trio.TASK_STATUS_IGNORED
) -> None:
    """Say yes to every command, with the data that is given for its op."""

    async def talk(request: trio_websocket.WebSocketRequest) -> None:
        socket = await request.accept()
        while True:
            try:
                asked = msgspec.json.decode(await socket.get_message())
            except trio_websocket.ConnectionClosed:
                return
            for one in asked if isinstance(asked, list) else [asked]:
                result = {"t": "result", "cid": one["cid"], "ok": True, "code": 0, "seq": 1}
                await socket.send_message(msgspec.json.encode(result | {"data": data(one["op"])}).decode())

    async with trio.open_nursery() as nursery:
        server = await nursery.start(trio_websocket.serve_websocket, talk, "127.0.0.1", 0, None)
        task_status.started(server.port)


async def test_an_answer_that_makes_no_sense_costs_the_connection_and_not_the_program() -> None:
    """All markets live on this one line: what cannot be read ends it, and the next line goes on."""
    markets = Noted()

    async def told(words: str, times: int) -> None:
        with trio.fail_after(10):
            while markets.told.count(words) < times:
                await trio.sleep(0.01)

    async with trio.open_nursery() as nursery:
        port = await nursery.start(
            answering, lambda op: {"from": 1} if op == "subscribe" else {"no": "sense"}
        )
        stream = CommandStream(
            f"ws://127.0.0.1:{port}/", Credentials(service_token()), lambda: NOON, grace_ms=2_000
        )
        stream.markets = markets
        nursery.start_soon(stream.run)
        await told("up True", 1)
        stream.submit(MARKET, [Sync(ref=1, market_id=MARKET)])
        await told("up True", 2)
        nursery.cancel_scope.cancel()
    assert markets.told == ["up True", "down", "up True"]
