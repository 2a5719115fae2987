"""A real server process for the tests, and the few words they use to talk with it."""

import contextlib
import itertools
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import attrs
import httpx
import trio

from adapters.access.tokens import Tokens, TokenType
from adapters.runtime.clock import Clock
from kernel.codes import AMM_ID
from persistence.postgres import database
from tests.database import create, drop, url_of

ROOT: Final = Path(__file__).resolve().parents[2]
SECRET: Final = "a secret that only these tests know, 32 bytes and more"
ADMIN: Final = "the_admin"
PASSWORD: Final = "Correct1horse"
START_SECONDS: Final = 60.0

_numbers = itertools.count(1)
tokens: Final = Tokens(SECRET, Clock())


@contextlib.contextmanager
def database_for(server_url: str, template: str) -> Iterator[str]:
    """The URL of a fresh database, for a test that is not a coroutine itself."""
    name = trio.run(create, server_url, template)
    try:
        yield url_of(server_url, name)
    finally:
        trio.run(drop, server_url, name)


def on(url: str, statement: str, *values: object) -> Any:
    """The value of the first row that the database answers with."""

    async def ask() -> Any:
        async with database.opened(url) as db, db.borrowed() as connection:
            return await connection.fetch_value(statement, *values)

    return trio.run(ask)


@attrs.frozen
class ServerProcess:
    """`verdict serve`, started as an operator would."""

    process: "subprocess.Popen[str]"
    address: str
    metrics: str
    """The address of its metrics."""
    log: Path

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(how)
        return self.process.wait(timeout=30)


@contextlib.contextmanager
def serving(
    database_url: str, folder: Path, command: str = "serve", **settings: str
) -> Iterator[ServerProcess]:
    """A server on a free port; killed at the end if it still runs."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("VERDICT_")},
        "DATABASE_URL": database_url,
        "VERDICT_DATA": str(folder / "data"),
        "VERDICT_PORT": "0",
        "VERDICT_METRICS_PORT": "0",
        "VERDICT_JWT_SECRET": SECRET,
        "VERDICT_ADMIN_USERNAME": ADMIN,
        "VERDICT_ADMIN_PASSWORD": PASSWORD,
        "VERDICT_RATE_LIMITS": "0",
        "VERDICT_MAKERS": "0",
        "PYTHONPATH": str(ROOT),
        "PYTHONUNBUFFERED": "1",
    } | settings
    log = folder / f"server-{next(_numbers)}.log"
    with log.open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "adapters.cli", *command.split()],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    try:
        yield ServerProcess(process, *addresses_told_by(process, log), log)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def addresses_told_by(process: "subprocess.Popen[str]", log: Path) -> tuple[str, str]:
    """What the server prints when it serves: where its API is, and its metrics."""
    assert process.stdout is not None
    api = ""
    for line in process.stdout:
        if line.startswith("API"):
            api = line.split()[1].removesuffix("/api/v1")
        elif line.startswith("metrics"):
            return api, line.split()[1]
    raise AssertionError(f"the server ended: {log.read_text()[-2000:]}")


@attrs.frozen
class Answer:
    """What came back."""

    status: int
    headers: httpx.Headers
    envelope: dict[str, Any]

    @property
    def code(self) -> int:
        code = self.envelope["code"]
        assert isinstance(code, int)
        return code

    @property
    def data(self) -> Any:
        return self.envelope["data"]

    @property
    def verdict(self) -> tuple[int, int]:
        """Status and code: what most refusals come to."""
        return self.status, self.code


@attrs.frozen
class Caller:
    """Somebody with a token, or nobody."""

    http: httpx.Client
    token: str | None = None
    user_id: str = ""
    name: str = ""

    def request(self, method: str, path: str, **how: Any) -> Answer:
        headers = how.pop("headers", {})
        if self.token is not None:
            headers = {"Authorization": f"Bearer {self.token}"} | headers
        response = self.http.request(method, f"/api/v1{path}", headers=headers, **how)
        envelope = response.json()
        assert set(envelope) == {"code", "message", "data", "timestamp", "request_id"}, envelope
        assert response.headers["X-Request-Id"] == envelope["request_id"]
        assert (envelope["code"] == 0) == (response.status_code < 400)
        return Answer(response.status_code, response.headers, envelope)

    def get(self, path: str, **parameters: Any) -> Answer:
        return self.request("GET", path, params=parameters)

    def post(self, path: str, **members: Any) -> Answer:
        return self.request("POST", path, json=members)

    def data(self, path: str, **parameters: Any) -> Any:
        answer = self.get(path, **parameters)
        assert answer.code == 0, answer.envelope
        return answer.data

    def deposit(self, cents: int) -> None:
        while cents > 0:
            part = min(cents, 10_000_000)
            answer = self.post("/account/deposit", amount_cents=part)
            assert answer.code == 0, answer.envelope
            cents -= part

    def place(self, market_id: str, wish: str, client_order_id: str | None = None, **more: Any) -> Answer:
        """`BUY YES 100 @65`, as people say it."""
        direction, side, quantity, price = wish.split()
        return self.post(
            "/orders",
            client_order_id=client_order_id or f"o-{next(_numbers)}",
            market_id=market_id,
            side=side,
            direction=direction,
            price_cents=int(price.removeprefix("@")),
            quantity=int(quantity),
            **more,
        )

    def placed(self, market_id: str, wish: str, **more: Any) -> Any:
        """The data of an order that must be accepted."""
        answer = self.place(market_id, wish, **more)
        assert answer.verdict == (201, 0), answer.envelope
        return answer.data


@attrs.frozen
class Venue:
    """A running server and everybody who calls it."""

    address: str
    http: httpx.Client
    admin: Caller
    amm: Caller
    """With a service token."""
    nobody: Caller
    metrics: str = ""
    """The address of its metrics, where a test asks for them."""

    def told(self) -> str:
        """What a monitor reads."""
        return httpx.get(self.metrics).raise_for_status().text

    def user(self, cents: int = 0) -> Caller:
        """A newly registered user, with so much cash."""
        name = f"user_{next(_numbers)}_{secrets.token_hex(3)}"
        answer = self.nobody.post(
            "/auth/register", username=name, email=f"{name}@example.org", password=PASSWORD
        )
        assert answer.status == 201, answer.envelope
        user_id = answer.data["user_id"]
        caller = Caller(self.http, tokens.issue(user_id, TokenType.ACCESS, "USER"), user_id, name)
        caller.deposit(cents)
        return caller

    def market(self, *, active: bool = True, **terms: Any) -> str:
        """A new market's id."""
        market_id = f"MKT-{next(_numbers)}-{secrets.token_hex(2)}"
        answer = self.admin.post("/admin/markets", id=market_id, title=f"Will {market_id} be?", **terms)
        assert answer.verdict == (201, 0), answer.envelope
        if active:
            assert self.admin.post(f"/admin/markets/{market_id}/activate").code == 0
        return market_id


def venue(address: str, http: httpx.Client, metrics: str = "") -> Venue:
    nobody = Caller(http)
    answer = nobody.post("/auth/login", username=ADMIN, password=PASSWORD)
    assert answer.code == 0, answer.envelope
    admin = Caller(http, answer.data["access_token"], answer.data["user"]["user_id"])
    amm = Caller(http, tokens.issue(AMM_ID, TokenType.SERVICE, "SYSTEM_BOT"), AMM_ID)
    return Venue(address, http, admin, amm, nobody, metrics)


def until(condition: Any, seconds: float = 30.0, every: float = 0.01) -> None:
    """Look again until it holds; fail when it does not in time.

    Who tests a promise about time names it. The rest may take what a busy machine needs.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(every)
