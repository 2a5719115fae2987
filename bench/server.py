"""The server: orders over HTTP beside what the framework can do, how fast it starts, what it costs at rest.

    verdict bench server [http] [start] [idle]      all three, or some
    verdict bench server --beside-fastapi           and the same orders as FastAPI and SQLAlchemy place them

Every server is a process of its own, and so is the client. Orders come over 16 keep-alive connections of 16
users, of whom half buy YES at 50 and half NO, so that every second order trades. Servers take turns in each
round: what counts is the ratio.
"""

import argparse
import contextlib
import http.client
import secrets
import statistics
import subprocess
from collections.abc import Callable, Iterator, Sequence
from typing import Final

import attrs
import jwt

from bench import measure
from bench.beside import WORKERS, ceiling, environment, ordinary
from bench.ceilings import PATH, Answer
from bench.exchange import MARKET, Served, cpu_of, deposit, descendants, registered, serving
from bench.http_load import Caller, Request, Seen, load
from bench.server_life import IDLE_SECONDS, at_rest, starts
from persistence.postgres import embedded

CONNECTIONS: Final = 16
ROUNDS: Final = 5
SECONDS: Final = 2.5
DEPOSITS: Final = 2
PARTS: Final = ("http", "start", "idle")


def main() -> None:
    asked = argparse.ArgumentParser(
        prog="verdict bench server", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    asked.add_argument("parts", nargs="*", metavar="part", help=", ".join(PARTS))
    asked.add_argument("--beside-fastapi", action="store_true", help="needs the package registry")
    asked.add_argument("--rounds", type=int, default=ROUNDS)
    asked.add_argument("--seconds", type=float, default=SECONDS, help="of one server in one round")
    asked.add_argument("--idle-seconds", type=float, default=IDLE_SECONDS)
    arguments = asked.parse_args()
    parts = arguments.parts or PARTS
    if strangers := set(parts) - set(PARTS):
        asked.error(f"there is no part {', '.join(strangers)}; there are {', '.join(PARTS)}")
    print(f"server on {measure.machine()}")
    if "http" in parts:
        over_http(arguments.rounds, arguments.seconds, beside_fastapi=arguments.beside_fastapi)
    if "start" in parts:
        starts()
    if "idle" in parts:
        at_rest(arguments.idle_seconds)


@attrs.frozen
class Contender:
    """A server that takes turns with others."""

    name: str
    port: int
    callers: Sequence[Caller]
    cpu: Callable[[], float]
    seen: list[Seen] = attrs.field(factory=list)
    cpu_ms: list[float] = attrs.field(factory=list)
    """Of one request, in each round."""

    def take_turn(self, seconds: float) -> None:
        before = self.cpu()
        seen = load("127.0.0.1", self.port, PATH, self.callers, seconds)
        self.seen.append(seen)
        self.cpu_ms.append((self.cpu() - before) / seen.asked * 1e3)

    def median(self, what: Callable[[Seen], float]) -> float:
        return statistics.median(map(what, self.seen))


def over_http(rounds: int, seconds: float, *, beside_fastapi: bool) -> None:
    with contextlib.ExitStack() as stack:
        served = stack.enter_context(serving())
        tokens = [registered(served, f"trader_{number}") for number in range(CONNECTIONS)]
        for token in tokens:
            deposit(served, token, DEPOSITS)
        callers = [Caller(token, buying("YES" if n % 2 else "NO")) for n, token in enumerate(tokens)]
        answer = answer_to(served, callers[0])
        contenders = [
            Contender("verdict, durable", served.port, callers, lambda: cpu_of(served.pid)),
            *(stack.enter_context(empty(kind, answer, callers)) for kind in ("quart-trio", "asgi")),
        ]
        if beside_fastapi:
            contenders += stack.enter_context(fastapi(served, tokens, callers))
        for _ in range(rounds):
            for contender in contenders:
                contender.take_turn(seconds)
    tell(contenders, rounds, seconds)


def tell(contenders: Sequence[Contender], rounds: int, seconds: float) -> None:
    measure.section(
        f"orders over HTTP, {CONNECTIONS} connections kept open; medians of {rounds} rounds of {seconds:g} s"
    )
    verdict = contenders[0].median(lambda seen: seen.rate)
    print(f"  {'':<40}{'orders/s':>9}{'p50 ms':>9}{'p99 ms':>9}{'CPU ms':>9}{'verdict is':>13}")
    for each in contenders:
        rate = each.median(lambda seen: seen.rate)
        ratio = f"{verdict / rate:.0%}" if rate > verdict / 2 else f"{verdict / rate:.1f} times"
        print(
            f"  {each.name:<40}{rate:>9,.0f}{each.median(lambda seen: seen.p50_ms):>9.1f}"
            f"{each.median(lambda seen: seen.p99_ms):>9.1f}{statistics.median(each.cpu_ms):>9.2f}"
            f"{ratio if each is not contenders[0] else '':>13}"
        )
    print("  CPU: of the server's processes for one order, without PostgreSQL")


def buying(side: str) -> Request:
    """Orders of one user, each under a name of its own."""
    run = secrets.token_hex(4)

    def body(number: int) -> bytes:
        return (
            f'{{"client_order_id":"{run}-{number}","market_id":"{MARKET}","side":"{side}",'
            f'"direction":"BUY","price_cents":50,"quantity":1}}'
        ).encode()

    return body


def answer_to(served: Served, caller: Caller) -> Answer:
    """What the exchange answers to an order."""
    connection = http.client.HTTPConnection(served.host, served.port)
    headers = {"authorization": f"Bearer {caller.token}", "content-type": "application/json"}
    connection.request("POST", PATH, caller.body(0), headers)
    response = connection.getresponse()
    body = response.read()
    assert response.status == 201, body
    # The server writes the date by itself.
    kept = [(name, value) for name, value in response.getheaders() if name.lower() != "date"]
    return Answer(response.status, kept, body)


@contextlib.contextmanager
def empty(kind: str, answer: Answer, callers: Sequence[Caller]) -> Iterator[Contender]:
    name = {"quart-trio": "quart-trio on hypercorn, empty handler", "asgi": "hypercorn, bare ASGI"}[kind]
    with ceiling(kind, answer) as (port, pid):
        yield Contender(name, port, callers, lambda: cpu_of(pid))


@contextlib.contextmanager
def fastapi(served: Served, tokens: Sequence[str], callers: Sequence[Caller]) -> Iterator[list[Contender]]:
    """The ordinary server, if its packages can be had; it keeps a database beside the exchange's."""
    with environment() as python:
        if python is None:
            print("  FastAPI and SQLAlchemy are left out: the package registry cannot be reached")
            yield []
            return
        sockets = embedded.cluster_of(served.data)
        subprocess.run(
            [str(embedded.programs() / "createdb"), "-h", str(sockets), "-U", embedded.ROLE, "ordinary"],
            check=True,
        )
        database = f"postgresql+asyncpg://{embedded.ROLE}@/ordinary?host={sockets}"
        with ordinary(python, database, served.secret, [user_of(token) for token in tokens]) as (port, pid):
            name = f"FastAPI and SQLAlchemy, {WORKERS} workers"
            yield [Contender(name, port, callers, lambda: sum(map(cpu_of, descendants(pid))))]


def user_of(token: str) -> str:
    return str(jwt.decode(token, options={"verify_signature": False})["sub"])


if __name__ == "__main__":
    main()
