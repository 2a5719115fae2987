"""What single steps cost: a token, a look at bounds, the witness, a market's end, telling listeners.

Each stands somewhere as a figure that a bound or a decision was made by; here it can be measured again.
"""

import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import trio
import trio_websocket

from adapters.access.api_keys import fresh_key, hash_of_key
from adapters.access.identity import Identities
from adapters.access.tokens import Tokens, TokenType
from adapters.cli.serve import running
from adapters.runtime.clock import Clock
from adapters.runtime.settings import load_settings
from adapters.runtime.times import to_datetime
from adapters.service.server import Server
from adapters.wire.scopes import Scope, stored
from bench.measure import RUNS, heading, line, section, settle
from bench.workload import TAKERS, USERS, Flow, market, opening, order, user
from kernel import bounds
from kernel.actors import TOLD_AT_ONCE, TURN, Actors, Request
from kernel.answers import Resolved, Unfinished
from kernel.commands import AnyCommand, CloseMarket, OpenJournal, PlaceOrder, ResolveMarket
from kernel.events import encode_event
from kernel.exchange import Exchange
from kernel.journal import Decided
from persistence.journal.witness_file import WitnessFile

TIMES: Final = 20_000
HOLDERS: Final = 20_000
RESTING: Final = 25_000
STREAMS: Final = 4
READERS: Final = 2
TURNS: Final = 16
"""Of so many commands as are told at once: a backlog that is full when a slow commit ends."""


def main() -> None:
    heading("steps")
    section("for each request or command")
    tokens_checked()
    bounds_looked_at()
    witness_written()
    section(f"a market's end: {RESTING:,} orders, {HOLDERS:,} holders, in portions")
    market_ended()
    trio.run(beside_a_server)


def each(what: str, work: Callable[[int], object]) -> None:
    """Microseconds of one, by the median of several runs."""
    settle()
    runs = []
    for _ in range(RUNS):
        begun = time.process_time()
        for number in range(TIMES):
            work(number)
        runs.append((time.process_time() - begun) / TIMES * 1e6)
    print(f"  {what:<52}{statistics.median(runs):>12,.2f} us", flush=True)


def tokens_checked() -> None:
    tokens = Tokens("only this benchmark knows it, 32 bytes and more", Clock())
    token = tokens.issue(user(0), TokenType.ACCESS, "USER")
    each("a token that was seen before", lambda _: tokens.read(token, TokenType.ACCESS))
    each("a token that was not: its signature", lambda _: tokens._verify(token))


def bounds_looked_at() -> None:
    wishes = [one for one in Flow().commands(1_000) if isinstance(one, PlaceOrder)]
    count = len(wishes)
    each("a look at the bounds of an order", lambda number: bounds.wish_out_of_bounds(wishes[number % count]))


def witness_written() -> None:
    with tempfile.TemporaryDirectory(prefix="verdict-bench-") as folder:
        witness = WitnessFile(Path(folder) / "witness")
        each(
            "a write of the witness file, once a commit",
            lambda number: witness.acknowledge(number, bytes(32)),
        )
        witness.close()


# A market's end


def market_ended() -> None:
    exchange, at = Exchange(), 0
    for command in opening(markets=1, users=max(HOLDERS, USERS)):
        exchange.execute(command)
        at = command.at
    wishes = [
        order(at + number, user(number), f"h-{number}", market(0), bid=number % 2 == 0, price=50, quantity=1)
        for number in range(HOLDERS)
    ]
    wishes += [
        order(
            at + HOLDERS + number,
            user(number % HOLDERS),
            f"r-{number}",
            market(0),
            bid=number % 2 == 0,
            price=20 if number % 2 == 0 else 80,
            quantity=1,
        )
        for number in range(RESTING)
    ]
    for wish in wishes:
        assert exchange.execute(wish).facts
    settle()
    steps = defaultdict[str, list[float]](list)
    then: AnyCommand = ResolveMarket(at=at + HOLDERS + RESTING, market_id=market(0), result="YES", by="bench")
    while True:
        stage = then.stage.value if isinstance(then, CloseMarket) else "the first"
        begun = time.process_time()
        outcome = exchange.execute(then)
        for fact in outcome.facts:
            encode_event(fact.event)
        answer = outcome.answer
        steps[stage].append((time.process_time() - begun) * 1e3)
        if not isinstance(answer, Unfinished):
            assert isinstance(answer, Resolved), answer
            break
        then = answer.then
    for stage, took in steps.items():
        line(f"{stage}: {len(took)} portions", statistics.median(took), "ms", f"{max(took):,.1f} ms at most")


# In a server


async def holder_judged(identities: Identities, token: str) -> float:
    """Microseconds from a token or an API key to who may do what, while the users' table tells of changes."""
    while not identities.is_current:
        await trio.sleep(0.01)
    await identities.authenticate(token)
    settle()
    runs = []
    for _ in range(RUNS):
        begun = time.process_time()
        for _ in range(TIMES):
            await identities.authenticate(token)
        runs.append((time.process_time() - begun) / TIMES * 1e6)
    return statistics.median(runs)


async def made_key(server: Server, user_id: str, token: str) -> str:
    """An API key of this user."""
    secret = fresh_key()
    key_hash = hash_of_key(secret)
    assert key_hash is not None
    generation = server.tokens.read(token, TokenType.ACCESS).gen
    added = await server.api_keys.add(
        user_id,
        generation,
        key_hash,
        name="bench",
        prefix="bench",
        scopes=stored([Scope.TRADE]),
        at=to_datetime(server.clock.wall()),
        expires_at=None,
    )
    assert not isinstance(added, str), added
    server.identities.forget(user_id)
    return secret


async def beside_a_server() -> None:
    """What one piece of a group costs, and what the whole would have cost in one step."""
    with tempfile.TemporaryDirectory(prefix="verdict-bench-") as folder:
        settings = load_settings(
            {
                "VERDICT_DATA": str(Path(folder) / "data"),
                "VERDICT_PORT": "0",
                "VERDICT_METRICS_PORT": "0",
                "VERDICT_ADMIN_USERNAME": "bench",
                "VERDICT_ADMIN_PASSWORD": "Correct1horse",
            }
        )
        async with running(settings, Clock()) as exchange, trio.open_nursery() as readers:
            server = exchange.server
            found = await server.users.find_login("bench")
            assert found is not None
            for command in opening(markets=1):
                if not isinstance(command, OpenJournal):
                    await server.actors.ask(command)
            token = server.tokens.issue(found[0].id, TokenType.ACCESS, "ADMIN")
            key = await made_key(server, found[0].id, token)
            judged = {
                "a token judged, its holder known": await holder_judged(server.identities, token),
                "an API key judged, its holder known": await holder_judged(server.identities, key),
            }
            for path, count in (("commands", STREAMS), (f"orderbook/{market(0)}", READERS)):
                for _ in range(count):
                    await readers.start(
                        listen, f"{exchange.address.replace('http', 'ws')}/ws/v1/{path}", token
                    )
            assert isinstance(server.actors, Actors)
            pieces = await told(server.actors)
            readers.cancel_scope.cancel()
    section("for each request")
    for what, microseconds in judged.items():
        print(f"  {what:<52}{microseconds:>12,.2f} us", flush=True)
    section(f"told after a slow commit, to {STREAMS} streams that hear of everything and {READERS} readers")
    line(f"a piece of {TOLD_AT_ONCE} commands and facts", statistics.median(pieces), "ms")
    line(f"all {len(pieces)} pieces together", sum(pieces), "ms", f"{max(pieces):,.1f} ms at most")


async def listen(url: str, token: str, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
    """Read whatever comes; of the command stream, whatever there is to hear."""
    headers = [(b"authorization", f"Bearer {token}".encode())]
    async with trio_websocket.open_websocket_url(
        url, extra_headers=headers, max_message_size=1 << 26
    ) as socket:
        if "commands" in url:
            await socket.send_message(
                '{"cid": 1, "op": "subscribe", "scope": "market", "topics": ["order_events", "trade_events"]}'
            )
            while '"cid":1' not in str(await socket.get_message()):
                pass
        else:
            await socket.get_message()
        task_status.started()
        while True:
            await socket.get_message()


async def told(actors: Actors) -> list[float]:
    """Milliseconds of each piece when so many turns have become durable at once."""
    at = actors.exchange.now
    pieces: list[float] = []
    tell = actors._tell

    def timed(decided: Sequence[Decided], answered: Sequence[Request]) -> None:
        begun = time.perf_counter()
        tell(decided, answered)
        pieces.append((time.perf_counter() - begun) * 1e3)

    actors._tell = timed  # type: ignore[method-assign]  # nobody else has a reason to look there
    commands = [
        order(
            at + number,
            user(TAKERS + number % 500),
            f"t-{number}",
            market(0),
            bid=number % 2 == 0,
            price=20 + number % 20 if number % 2 == 0 else 60 + number % 20,
            quantity=1,
        )
        for number in range(TURNS * TURN)
    ]
    async with trio.open_nursery() as asking:
        for start in range(0, len(commands), TURN):
            asking.start_soon(actors.ask, *commands[start : start + TURN])
    return pieces


if __name__ == "__main__":
    main()
