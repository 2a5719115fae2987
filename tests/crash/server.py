"""An exchange as small as can be, to be killed: actors over the durable journal, commands over a socket.

    DATABASE_URL=... python -m tests.crash.server SOCKET        on a PostgreSQL that lives on
    python -m tests.crash.server SOCKET FOLDER                  with one of its own, which dies with it

A line is a request, a list of commands for one market, and its answer is a line, a list of `Told`. An empty
request asks for the digest.
"""

import os
import sys
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

import msgspec
import structlog
import trio

from kernel.actors import Actors
from kernel.answers import Outcome, Placed, Refusal
from kernel.commands import AnyCommand, OpenJournal
from kernel.events import encode_event
from persistence.journal import journal, witnesses
from persistence.journal.recovery import recover
from persistence.journal.seals import Sealer, SealKey
from persistence.journal.snapshotter import snapshotter_running
from persistence.journal.witness_file import WitnessFile
from persistence.postgres import database, embedded
from persistence.postgres.migrate import migrate

KEY = SealKey("the same after each death, 32 bytes and more")
SNAPSHOT_EVERY = 2_000


class Told(msgspec.Struct):
    """What a caller hears of one command."""

    answer: str
    order_id: str | None
    repeated: bool
    facts: dict[int, str]
    """The payload of each fact that came of it, by journal id."""


decode_request = msgspec.json.Decoder(list[AnyCommand]).decode


def told(outcome: Outcome) -> Told:
    facts = {fact.id: encode_event(fact.event).decode() for fact in outcome.facts}
    match outcome.answer:
        case Refusal(code=code):
            return Told(code.name, None, False, facts)
        case Placed(order=now, repeated=repeated):
            return Told("PLACED", now.order.id, repeated, facts)
        case answer:
            return Told(type(answer).__name__, None, False, facts)


async def answer(actors: Actors, stream: trio.abc.Stream) -> None:
    waiting = b""
    async for data in stream:
        *lines, waiting = (waiting + data).split(b"\n")
        for line in lines:
            if commands := decode_request(line):
                reply = msgspec.json.encode([told(one) for one in await actors.ask(*commands)])
            else:
                await actors.until_durable(actors.exchange.head)
                reply = msgspec.json.encode(actors.exchange.digest())
            await stream.send_all(reply + b"\n")


async def serve(socket: str, folder: str | None) -> None:
    async with AsyncExitStack() as stack:
        url = os.environ.get("DATABASE_URL")
        if folder is not None:
            url = await stack.enter_async_context(embedded.running(Path(folder)))
        assert url is not None
        db = await stack.enter_async_context(database.opened(url))
        connection = await db.connect()
        await migrate(connection)
        await connection.close()
        witness = WitnessFile(Path(f"{socket}.witness"))
        writer = await stack.enter_async_context(journal.opened(db, witness))
        async with db.borrowed() as asking:
            await witnesses.check(asking, KEY, witness.read())
        exchange = await recover(db, KEY)
        actors = Actors(exchange, writer)
        await stack.enter_async_context(snapshotter_running(db, KEY, lambda: actors.durable, SNAPSHOT_EVERY))
        nursery = await stack.enter_async_context(trio.open_nursery())
        await nursery.start(actors.run)
        nursery.start_soon(Sealer(db, writer, KEY, witness).run)
        if exchange.head == 0:
            await actors.ask(OpenJournal(at=1_795_168_800_000_000))
        listening = trio.socket.socket(trio.socket.AF_UNIX)
        await listening.bind(socket)
        listening.listen()
        await trio.serve_listeners(partial(answer, actors), [trio.SocketListener(listening)])


if __name__ == "__main__":
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    trio.run(serve, sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None)
