"""Real servers of NATS with JetStream: one, or three that keep each stream together."""

import asyncio
import contextlib
import signal
import socket
import subprocess
import sysconfig
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import nats
import nats.errors

PROGRAM = Path(sysconfig.get_path("scripts")) / "nats-server"


@attrs.define
class Node:
    name: str
    port: int
    arguments: list[str]
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        self.process = subprocess.Popen(
            [PROGRAM, *self.arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def kill(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process = None


@attrs.frozen
class Brokers:
    nodes: list[Node]

    @property
    def url(self) -> str:
        return "nats://" + ",".join(f"127.0.0.1:{node.port}" for node in self.nodes)

    def ask(self, question: Callable[[Any], Any]) -> Any:
        """What a client of its own finds: an `async def` that takes the context of JetStream.

        It is asked again while the nodes choose who leads.
        """

        async def heard(trouble: Exception) -> None:
            """Told by the error of the question, too."""

        async def ask() -> Any:
            servers = [f"nats://127.0.0.1:{node.port}" for node in self.nodes]
            client = await nats.connect(servers, connect_timeout=5, error_cb=heard)
            try:
                return await question(client.jetstream(timeout=5))
            finally:
                await client.close()

        deadline = time.monotonic() + 90
        while True:
            try:
                return asyncio.run(ask())
            except (nats.errors.Error, TimeoutError):
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)

    def named(self, name: str) -> Node:
        (found,) = [node for node in self.nodes if node.name == name]
        return found


@contextlib.contextmanager
def brokers(folder: Path, count: int = 1) -> Iterator[Brokers]:
    ports = free_ports(2 * count)
    clients, routes = ports[:count], ports[count:]
    nodes = []
    for number in range(count):
        store = folder / f"node{number}"
        arguments = ["-a", "127.0.0.1", "-p", str(clients[number]), "-js", "-sd", str(store)]
        arguments += ["--name", f"node{number}"]
        if count > 1:
            others = ",".join(f"nats://127.0.0.1:{route}" for route in routes)
            arguments += ["--cluster", f"nats://127.0.0.1:{routes[number]}", "--cluster_name", "verdict"]
            arguments += ["--routes", others]
        nodes.append(Node(f"node{number}", clients[number], arguments))
    try:
        for node in nodes:
            node.start()
        for port in clients:
            until_open(port)
        yield Brokers(nodes)
    finally:
        for node in nodes:
            node.kill()


def free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [each.getsockname()[1] for each in sockets]


def until_open(port: int) -> None:
    deadline = time.monotonic() + 30
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        assert time.monotonic() < deadline
        time.sleep(0.02)
