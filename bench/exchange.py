"""A real server to measure: its own process, its own PostgreSQL, an empty exchange with nobody else in it."""

import contextlib
import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import attrs
import httpx

from adapters.access.tokens import Tokens, TokenType
from adapters.runtime.clock import Clock
from kernel.codes import AMM_ID

ROOT: Final = Path(__file__).resolve().parent.parent
SERVE: Final = (sys.executable, "-c", "from adapters.cli.main import main; main()", "serve")
PASSWORD: Final = "Benchmark-password-1"
MARKET: Final = "MKT-BTC-100K-2026"
"""One of the sample markets."""
TICKS: Final = os.sysconf("SC_CLK_TCK")


@attrs.frozen
class Served:
    """A server that runs."""

    host: str
    port: int
    pid: int
    data: Path
    secret: str
    """What signs its tokens."""
    amm_token: str
    """The market maker's, which may do all that a bot can want."""

    @property
    def address(self) -> str:
        return f"http://{self.host}:{self.port}"

    def client(self, token: str = "") -> httpx.Client:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return httpx.Client(base_url=f"{self.address}/api/v1/", headers=headers, timeout=30)


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """A place for a server's data, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="verdict-bench-") as name:
        os.chmod(name, 0o755)  # noqa: PTH101 - PostgreSQL may run as another user
        yield Path(name)


@contextlib.contextmanager
def serving(**settings: str) -> Iterator[Served]:
    """A server with an empty exchange and without limits; `settings` are its VERDICT_ ones."""
    secret = secrets.token_hex(32)
    with folder() as place:
        data = place / "data"
        server = subprocess.Popen(
            SERVE,
            cwd=ROOT,
            env=environment(data, VERDICT_PORT="0", VERDICT_JWT_SECRET=secret, **settings),
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert server.stdout is not None
            url = httpx.URL(next(line for line in server.stdout if line.startswith("API")).split()[1])
            yield Served(url.host, url.port or 80, server.pid, data, secret, amm_token(secret))
        finally:
            server.terminate()
            server.wait()


def environment(data: Path, **settings: str) -> dict[str, str]:
    """What a server is started with."""
    quiet = {
        "VERDICT_DATA": str(data),
        "VERDICT_METRICS_PORT": "0",
        "VERDICT_RATE_LIMITS": "0",
        "VERDICT_MAKERS": "0",
        "VERDICT_LOG": "error",
    }
    return os.environ | quiet | settings


def amm_token(secret: str) -> str:
    """A service token of the market maker's."""
    return Tokens(secret, Clock()).issue(AMM_ID, TokenType.SERVICE, "SYSTEM_BOT")


def registered(served: Served, name: str) -> str:
    """A token of a new user."""
    who = {"username": name, "password": PASSWORD}
    with served.client() as client:
        client.post("auth/register", json=who | {"email": f"{name}@example.org"}).raise_for_status()
    return logged_in(served, name)


def logged_in(served: Served, name: str) -> str:
    with served.client() as client:
        answer = client.post("auth/login", json={"username": name, "password": PASSWORD})
        return str(answer.raise_for_status().json()["data"]["access_token"])


def deposit(served: Served, token: str, times: int = 1) -> None:
    """As much as one deposit may be, so many times."""
    with served.client(token) as client:
        for _ in range(times):
            client.post("account/deposit", json={"amount_cents": 10_000_000}).raise_for_status()


def cpu_of(pid: int, *, reaped: bool = False) -> float:
    """CPU seconds of a process; of its children only those that have ended, and only if `reaped`."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return sum(map(int, fields[11 : 15 if reaped else 13])) / TICKS


def descendants(pid: int) -> list[int]:
    """A process, its children, theirs, and so on."""
    parents = {
        int(stat.parent.name): int(text.rpartition(") ")[2].split()[1])
        for stat in Path("/proc").glob("[0-9]*/stat")
        if (text := read(stat))
    }
    found = [pid]
    for each in found:
        found += [child for child, parent in parents.items() if parent == each]
    return found


def read(file: Path) -> str:
    """Of a process that may just have ended."""
    try:
        return file.read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""
