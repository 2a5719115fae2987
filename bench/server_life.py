"""How soon a server is ready, and what it costs while nobody wants anything."""

import contextlib
import http.client
import itertools
import secrets
import signal
import statistics
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import attrs

from bench.beside import free_port
from bench.exchange import (
    MARKET,
    ROOT,
    Served,
    amm_token,
    cpu_of,
    deposit,
    descendants,
    environment,
    folder,
    read,
    registered,
    serving,
)
from bench.measure import line, section
from bench.stream import Stream, commands, masked

SECRET: Final = secrets.token_hex(32)
STARTS: Final = 5
READY_WITHIN: Final = 60.0
EVENTS: Final = 100_000
BATCH: Final = 100
UNDER_WAY: Final = 8
IDLE_SECONDS: Final = 15.0
SETTLED: Final = 4.0
"""Seconds after which a server has done what it does at its start."""


# Starting


def starts() -> None:
    section(f"from the command to ready; medians of {STARTS}")
    with folder() as place:
        data = place / "data"
        with started(data) as first:
            pass
        line("with an empty folder, once", first.seconds, "s")
        line("with an existing folder", again(data), "s", "aim: below 3")
        with started(data) as served:
            file_events(served.server)
        line(f"with {EVENTS:,} more events in its journal", again(data), "s", "aim: below 3")
        with started(data) as served:
            file_events(served.server)
            served.kill()
        line(f"after a kill, {EVENTS:,} events since a snapshot, once", again(data, times=1), "s")


@attrs.frozen
class Started:
    """A server that was started like a user would, and when it was ready."""

    seconds: float
    server: Served
    process: subprocess.Popen[bytes]

    def kill(self) -> None:
        """Its PostgreSQL stays behind; the next server of the same folder takes care of that."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


@contextlib.contextmanager
def started(data: Path, **settings: str) -> Iterator[Started]:
    port = free_port()
    began = time.perf_counter()
    process = subprocess.Popen(
        [str(ROOT / "verdict"), "serve"],
        env=environment(data, VERDICT_PORT=str(port), VERDICT_JWT_SECRET=SECRET, **settings),
        stdout=subprocess.DEVNULL,
    )
    try:
        await_ready(port)
        took = time.perf_counter() - began
        yield Started(took, Served("127.0.0.1", port, process.pid, data, SECRET, amm_token(SECRET)), process)
    finally:
        process.terminate()
        process.wait()


def await_ready(port: int) -> None:
    """Ask until it says so; before it listens nobody answers, and then it does as soon as it can."""
    deadline = time.monotonic() + READY_WITHIN
    while time.monotonic() < deadline:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=READY_WITHIN)
        with contextlib.suppress(ConnectionError), contextlib.closing(connection):
            connection.request("GET", "/ready")
            if connection.getresponse().status == 200:
                return
        time.sleep(0.005)
    raise TimeoutError(f"not ready within {READY_WITHIN} s")


def again(data: Path, times: int = STARTS) -> float:
    """Seconds that a start took, each after a stop that was asked for."""
    took = []
    for _ in range(times):
        with started(data) as served:
            took.append(served.seconds)
    return statistics.median(took)


def file_events(served: Served) -> None:
    """Orders that rest and their cancellation, through the command stream: an event for each."""
    deposit(served, served.amm_token)
    stream = Stream(served.host, served.port, served.amm_token)
    source, answered = commands(), 0
    for sent in range(1, EVENTS // BATCH + 1):
        stream.socket.sendall(masked(b"[" + b",".join(itertools.islice(source, BATCH)) + b"]"))
        while answered <= (sent - UNDER_WAY) * BATCH:
            answered += results(stream)
    while answered < EVENTS:
        answered += results(stream)
    stream.socket.close()


def results(stream: Stream) -> int:
    frames = stream.frames()
    assert not any(b'"ok":false' in each for each in frames), frames
    return sum(each.count(b'"t":"result"') for each in frames)


# At rest


def at_rest(seconds: float) -> None:
    section(f"a server at rest, over {seconds:g} s, of one core (aim: below 1%)")
    with serving() as served:
        token = registered(served, "reader")
        time.sleep(SETTLED)
        tell_rest("nobody is connected", served.pid, seconds)
        reader = Stream(served.host, served.port, token, f"/ws/v1/orderbook/{MARKET}")
        reader.frames()
        tell_rest("one reader of a quiet book", served.pid, seconds)
        reader.socket.close()


def tell_rest(who: str, server: int, seconds: float) -> None:
    before, began = spent(server), time.perf_counter()
    time.sleep(seconds)
    after, took = spent(server), time.perf_counter() - began
    used = {name: (after[name] - before[name]) / took * 100 for name in before}
    line(who, sum(used.values()), "%", ", ".join(f"{name} {percent:.2f}%" for name, percent in used.items()))


def spent(server: int) -> dict[str, float]:
    """CPU seconds of the server's processes. PostgreSQL's come and go: who reaps them has their time."""
    processes = {pid: read(Path(f"/proc/{pid}/cmdline")) for pid in descendants(server)[1:]}
    projector = [pid for pid, command in processes.items() if "persistence.tables.projector" in command]
    return {
        "server": cpu_of(server),
        "projector": sum(map(cpu_of, projector)),
        "PostgreSQL": sum(cpu_of(pid, reaped=True) for pid in processes if pid not in projector),
    }
