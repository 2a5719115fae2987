"""A load of HTTP requests, sent by a process of its own that costs as little as it can.

Each connection sends its next request when the last is answered. Of an answer the client reads the status and
the length; an answer other than expected ends the measurement.
"""

import itertools
import multiprocessing
import select
import socket
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

import attrs

Request = Callable[[int], bytes]
"""The body of a connection's next request, by its number."""

WARM_SECONDS: Final = 0.4
CREATED: Final = b"HTTP/1.1 201"
LENGTH: Final = b"content-length: "


@attrs.frozen
class Caller:
    """One keep-alive connection."""

    token: str
    body: Request


@attrs.frozen
class Seen:
    """What the client saw."""

    asked: int
    """Also what was asked to warm up."""
    answers: int
    seconds: float
    p50_ms: float
    p99_ms: float

    @property
    def rate(self) -> float:
        return self.answers / self.seconds


class Connection:
    """A caller's socket, and when its request was sent."""

    def __init__(self, host: str, port: int, path: str, caller: Caller) -> None:
        self.socket = socket.create_connection((host, port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._head = (
            f"POST {path} HTTP/1.1\r\nhost: {host}:{port}\r\nauthorization: Bearer {caller.token}\r\n"
            f"content-type: application/json\r\ncontent-length: "
        ).encode()
        self._body = caller.body
        self._received = b""
        self.sent_at = 0.0

    def ask(self, number: int) -> None:
        body = self._body(number)
        self.sent_at = time.perf_counter()
        self.socket.sendall(b"%b%d\r\n\r\n%b" % (self._head, len(body), body))

    def is_answered(self) -> bool:
        """Take what has come; whether that was the whole answer."""
        came = self.socket.recv(65_536)
        assert came, "the server hung up"
        self._received += came
        head, found, body = self._received.partition(b"\r\n\r\n")
        if not found:
            return False
        assert head.startswith(CREATED), self._received.decode()
        start = head.index(LENGTH) + len(LENGTH)
        if len(body) < int(head[start:].partition(b"\r")[0]):
            return False
        self._received = b""
        return True


def load(host: str, port: int, path: str, callers: Sequence[Caller], seconds: float) -> Seen:
    """Have the callers ask for so long, in another process."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.Process(target=keep_asking, args=(host, port, path, callers, seconds, theirs))
    process.start()
    theirs.close()
    try:
        seen: Seen = ours.recv()
    finally:
        process.join()
    return seen


def keep_asking(
    host: str, port: int, path: str, callers: Sequence[Caller], seconds: float, told: Any
) -> None:
    connections = [Connection(host, port, path, caller) for caller in callers]
    by_number = {each.socket.fileno(): each for each in connections}
    poll, first = select.epoll(), time.time_ns()
    numbers = itertools.count(first)  # other than in any round before
    for number in by_number:
        poll.register(number, select.EPOLLIN)
    for connection in connections:
        connection.ask(next(numbers))
    waits: list[float] = []
    began = time.perf_counter() + WARM_SECONDS
    ends = began + seconds
    while (now := time.perf_counter()) < ends:
        for number, _ in poll.poll(1.0):
            connection = by_number[number]
            if connection.is_answered():
                if now >= began:
                    waits.append(time.perf_counter() - connection.sent_at)
                connection.ask(next(numbers))
    took = time.perf_counter() - began
    # What is under way is answered before anybody else is measured.
    waiting = set(by_number)
    while waiting:
        for number, _ in poll.poll(10.0):
            if by_number[number].is_answered():
                waiting.discard(number)
    waits.sort()
    p50, p99 = (waits[len(waits) * share // 100] * 1e3 for share in (50, 99))
    told.send(Seen(next(numbers) - first, len(waits), took, p50, p99))
