"""A real PostgreSQL for the tests that need one: started once, and a fresh database for each test.

With DATABASE_URL it is that server (the user must be allowed to create databases), else an embedded one that
lives as long as the tests run; what an earlier run left behind when it was killed is cleared away. Fresh
databases are copies of a template that has the schema already, which is quicker than making it each time. The
fixtures are loaded once for all tests, by the conftest.py beside this file.
"""

import contextlib
import itertools
import os
import queue
import shutil
import tempfile
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import trio

from persistence.postgres import database, embedded
from persistence.postgres.migrate import migrate
from persistence.postgres.orphans import sweep

_numbers = itertools.count(1)

KINDS = ("bench", "crash", "embedded", "leftovers", "outage", "small", "surroundings", "tests")
"""The folders that tests and benchmarks make, by what stands between verdict- and chance."""


async def clear_away(place: Path) -> None:
    """Each kind by its name: verdict-anything may be somebody's exchange, which is stopped for tonight."""
    for kind in KINDS:
        await sweep(place, f"verdict-{kind}-")


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    """The URL of a server's administrative database, for one run of the tests."""
    if given := os.environ.get("DATABASE_URL"):
        yield given
        return
    trio.run(clear_away, Path(tempfile.gettempdir()))
    folder = Path(tempfile.mkdtemp(prefix="verdict-tests-"))
    started: queue.Queue[str | BaseException] = queue.Queue()
    finish = threading.Event()

    async def keep() -> None:
        async with embedded.running(folder) as url:
            started.put(url)
            await trio.to_thread.run_sync(finish.wait)

    def run() -> None:
        try:
            trio.run(keep)
        except BaseException as trouble:
            started.put(trouble)
            raise

    keeper = threading.Thread(target=run)
    keeper.start()
    try:
        url = started.get()
        if isinstance(url, BaseException):
            raise url
        yield url
    finally:
        finish.set()
        keeper.join()
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def template(server_url: str) -> Iterator[str]:
    """The name of a database that has the schema and nothing else, to be copied."""

    async def make() -> str:
        name = await create(server_url)
        async with database.opened(url_of(server_url, name)) as new:
            connection = await new.connect()
            await migrate(connection)
            await connection.close()
        return name

    name = trio.run(make)
    yield name
    trio.run(drop, server_url, name)


@pytest.fixture(scope="module")
def shared_url(server_url: str, template: str) -> Iterator[str]:
    """The URL of a database with the schema for all tests of a module that leave nothing in it."""
    name = trio.run(create, server_url, template)
    yield url_of(server_url, name)
    trio.run(drop, server_url, name)


@contextlib.asynccontextmanager
async def fresh(server_url: str, like: str = "template0") -> AsyncIterator[str]:
    """The URL of a database nobody has used, copied from the one called `like`."""
    name = await create(server_url, like)
    try:
        yield url_of(server_url, name)
    finally:
        with trio.CancelScope(shield=True):
            await drop(server_url, name)


@pytest.fixture
async def database_url(server_url: str, template: str) -> AsyncIterator[str]:
    """The URL of a database with the schema, for one test."""
    async with fresh(server_url, like=template) as url:
        yield url


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[database.Database]:
    async with database.opened(database_url) as opened:
        yield opened


@pytest.fixture
async def connection(db: database.Database) -> AsyncIterator[database.Connection]:
    connected = await db.connect()
    yield connected
    connected.abandon()


async def forge(connection: database.Connection, sql: str, *values: Any) -> str:
    """Change rows that nobody may change, as somebody can who owns the database and means to."""
    await connection.execute("SET session_replication_role = replica")
    try:
        return await connection.execute(sql, *values)
    finally:
        await connection.execute("RESET session_replication_role")


async def create(server_url: str, like: str = "template0") -> str:
    """Make a database, and return its name."""
    name = f"verdict_test_{os.getpid()}_{next(_numbers)}"
    await _administer(server_url, f"CREATE DATABASE {name} TEMPLATE {like}")
    return name


async def drop(server_url: str, name: str) -> None:
    await _administer(server_url, f"DROP DATABASE {name} WITH (FORCE)")


def url_of(server_url: str, name: str) -> str:
    """The URL of another database of the same server."""
    parts = urlsplit(server_url)
    return f"{parts.scheme}://{parts.netloc}/{name}?{parts.query}"


async def _administer(server_url: str, statement: str) -> None:
    async with database.opened(server_url) as administrative:
        connection = await administrative.connect()
        await connection.execute(statement)
        await connection.close()
