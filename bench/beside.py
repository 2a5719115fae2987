"""Other servers to measure beside the exchange, each a process of its own that answers the same requests."""

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec

from bench.ceilings import Answer
from bench.exchange import MARKET, ROOT, folder

ORDINARY: Final = Path(__file__).with_name("ordinary")
STARTS_WITHIN: Final = 30.0
WORKERS: Final = 2
"""Processes of the ordinary server: as many as a machine of two cores would get."""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        return int(nobody.getsockname()[1])


@contextlib.contextmanager
def ceiling(kind: str, answer: Answer) -> Iterator[tuple[int, int]]:
    """A server that gives always the same answer; its port and process id."""
    port = free_port()
    program = "from bench.ceilings import main; main()"
    process = subprocess.Popen(
        [sys.executable, "-c", program, kind, "127.0.0.1", str(port)], cwd=ROOT, stdin=subprocess.PIPE
    )
    assert process.stdin is not None
    process.stdin.write(msgspec.json.encode(answer))
    process.stdin.close()
    with ending(process):
        await_port(port)
        yield port, process.pid


@contextlib.contextmanager
def environment() -> Iterator[Path | None]:
    """A Python with the ordinary server's packages, gone afterwards; nothing if they cannot be had."""
    with folder() as place:
        python = place / "bin" / "python"
        subprocess.run([sys.executable, "-m", "venv", str(place)], check=True)
        install = [str(python), "-m", "pip", "install", "--quiet", "--only-binary", ":all:"]
        done = subprocess.run(
            [*install, "-r", str(ORDINARY / "requirements.txt")], capture_output=True, text=True, check=False
        )
        yield python if done.returncode == 0 else None


@contextlib.contextmanager
def ordinary(python: Path, postgres: str, secret: str, users: Sequence[str]) -> Iterator[tuple[int, int]]:
    """The ordinary server, on a database of its own; its port and process id."""
    port = free_port()
    process = subprocess.Popen(
        [
            *(str(python), "-m", "uvicorn", "app:app", "--port", str(port), "--workers", str(WORKERS)),
            *("--log-level", "warning", "--no-access-log"),
        ],
        cwd=ORDINARY,
        env=os.environ
        | {
            "PYTHONDONTWRITEBYTECODE": "1",
            "ORDINARY_DATABASE": postgres,
            "ORDINARY_SECRET": secret,
            "ORDINARY_USERS": " ".join(users),
            "ORDINARY_MARKET": MARKET,
        },
    )
    with ending(process):
        await_port(port)
        yield port, process.pid


@contextlib.contextmanager
def ending(process: subprocess.Popen[bytes]) -> Iterator[None]:
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def await_port(port: int) -> None:
    deadline = time.monotonic() + STARTS_WITHIN
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
