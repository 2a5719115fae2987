"""The bridge between trio and PostgreSQL: statements, cancellation, lost connections, and clear refusals."""

import socket
import struct
import tempfile
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import trio

from persistence import DatabaseUnusableError
from persistence.postgres import connecting, database, embedded, packing
from persistence.postgres.database import Connection, ConnectionLostError, ConstraintError, Database
from persistence.postgres.hosts import Host


async def sessions(db: Database) -> int:
    """How many connections the server has to this database, beside the one that asks."""
    async with db.borrowed() as connection:
        count: int = await connection.fetch_value(
            "SELECT count(*) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        return count


async def numbers(connection: Connection) -> list[int]:
    return [row["n"] for row in await connection.fetch("SELECT n FROM numbers ORDER BY n")]


@pytest.fixture
async def table(connection: Connection) -> Connection:
    await connection.execute("CREATE TABLE numbers (n INT CONSTRAINT numbers_pkey PRIMARY KEY)")
    return connection


async def test_statements_take_values_and_give_rows(table: Connection) -> None:
    await table.execute("INSERT INTO numbers VALUES ($1)", 1)
    await table.execute_many("INSERT INTO numbers VALUES ($1)", [(2,), (3,)])
    assert await numbers(table) == [1, 2, 3]
    assert await table.fetch_row("SELECT n FROM numbers WHERE n = $1", 4) is None
    assert await table.fetch_value("SELECT sum(n) FROM numbers") == 6


async def test_a_transaction_is_all_or_nothing(table: Connection) -> None:
    async with table.transaction():
        await table.execute("INSERT INTO numbers VALUES (1)")

    async def fail_half_way() -> None:
        async with table.transaction():
            await table.execute("INSERT INTO numbers VALUES (2)")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail_half_way()
    assert await numbers(table) == [1]


async def test_a_broken_rule_is_named(table: Connection) -> None:
    """Callers turn the name into an answer; the connection goes on working."""
    await table.execute("INSERT INTO numbers VALUES (1)")
    with pytest.raises(ConstraintError) as refused:
        await table.execute("INSERT INTO numbers VALUES (1)")
    assert refused.value.constraint == "numbers_pkey"
    assert await numbers(table) == [1]


async def test_a_wrong_statement_is_an_error_and_no_lost_connection(connection: Connection) -> None:
    with pytest.raises(asyncpg.PostgresSyntaxError):
        await connection.execute("SELEC 1")
    assert connection.is_at_rest


async def test_a_connection_lost_as_soon_as_it_was_made_is_lost_like_any_other(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database that goes away in this very moment must not bring the exchange down."""
    reach = connecting.reach

    async def lost(url: str) -> "tuple[asyncpg.Connection[Any], Host]":
        raw, host = await reach(url)
        raw.terminate()
        return raw, host

    with monkeypatch.context() as moment:
        moment.setattr(connecting, "reach", lost)
        connection = await db.connect()
    with pytest.raises(ConnectionLostError):
        await connection.execute("SELECT 1")
    connection.abandon()


async def test_rows_packed_by_ourselves_are_copied_in(table: Connection) -> None:
    """Binary COPY: a head, for each row its number of columns and each column's length and bytes, an end."""
    rows = bytearray(b"PGCOPY\n\xff\r\n\0" + struct.pack(">ii", 0, 0))
    for n in (7, 8):
        rows += struct.pack(">hii", 1, 4, n)
    rows += struct.pack(">h", -1)
    await table.copy_in("numbers", ("n",), rows)
    assert await numbers(table) == [7, 8]


async def test_the_operating_system_takes_more_at_once_when_asked_to(connection: Connection) -> None:
    def taken() -> int:
        raw = connection._raw._transport.get_extra_info("socket")  # type: ignore[attr-defined]  # nothing public
        size: int = raw.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
        return size

    before = taken()
    connection.buffer_writes(8 << 20)
    assert taken() > before


async def test_a_result_comes_out_as_the_bytes_that_would_go_in(table: Connection) -> None:
    """Larger than what one read of the socket takes, so it has come in pieces."""
    await table.execute("INSERT INTO numbers SELECT n FROM generate_series(1, 100000) n")
    data = await table.copy_out("SELECT n FROM numbers ORDER BY n")
    assert data == packing.table(packing.header(1) + packing.int4(n) for n in range(1, 100_001))
    assert table.is_at_rest


async def test_a_statement_whose_caller_is_cancelled_closes_the_connection(
    connection: Connection, db: Database
) -> None:
    """Nobody knows how far it came, so nobody may go on with it; and the server does not sleep on."""
    with trio.move_on_after(0.1) as scope:
        await connection.execute("SELECT pg_sleep(30)")
    assert scope.cancelled_caught
    assert connection.is_closed
    with pytest.raises(ConnectionLostError):
        await connection.fetch_value("SELECT 1")
    with trio.fail_after(20):
        while await sessions(db):
            await trio.sleep(0.02)


async def test_a_transaction_whose_body_is_cancelled_is_rolled_back(table: Connection, db: Database) -> None:
    with trio.CancelScope() as scope:
        async with table.transaction():
            await table.execute("INSERT INTO numbers VALUES (1)")
            scope.cancel()
            await trio.sleep_forever()
    assert table.is_closed
    async with db.borrowed() as other:
        assert await numbers(other) == []


async def test_a_connection_cut_under_a_statement_is_told_as_lost(
    connection: Connection, db: Database
) -> None:
    """As when PostgreSQL is restarted: the caller learns that it must look what became of its statement."""
    pid = await connection.fetch_value("SELECT pg_backend_pid()")

    async def cut() -> None:
        async with db.borrowed() as other:
            await other.execute("SELECT pg_terminate_backend($1)", pid)

    with pytest.RaisesGroup(ConnectionLostError):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(connection.execute, "SELECT pg_sleep(30)")
            while not await db_is_sleeping(db):
                await trio.sleep(0.01)
            nursery.start_soon(cut)
    assert connection.is_closed


async def db_is_sleeping(db: Database) -> bool:
    async with db.borrowed() as connection:
        return bool(
            await connection.fetch_value(
                "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' "
                "AND datname = current_database()"
            )
        )


async def test_a_connection_cut_while_idle_is_told_as_lost_at_the_next_statement(db: Database) -> None:
    """Many times, because the server's farewell may come before, under or after the statement."""
    for _ in range(20):
        connection = await db.connect()
        pid = await connection.fetch_value("SELECT pg_backend_pid()")
        async with db.borrowed() as other:
            await other.execute("SELECT pg_terminate_backend($1, 5000)", pid)
        with pytest.raises(ConnectionLostError):
            await connection.fetch_value("SELECT 1")
        assert connection.is_closed


async def test_a_connection_that_has_ended_begins_no_transaction(db: Database) -> None:
    connection = await db.connect()
    connection.abandon()
    with pytest.raises(ConnectionLostError):
        async with connection.transaction():
            raise AssertionError("there is none")


async def test_borrowed_connections_are_used_again_and_bad_ones_are_not(db: Database) -> None:
    async with db.borrowed() as first:
        pass
    async with db.borrowed() as second:
        assert second is first
        second.abandon()
    async with db.borrowed() as third:
        assert third is not first
        await third.execute("BEGIN")  # and never ended
    async with db.borrowed() as fourth:
        assert fourth is not third
        assert fourth.is_at_rest


async def test_no_more_than_a_few_connections_are_ever_borrowed(db: Database) -> None:
    """The rest wait their turn here, and PostgreSQL keeps its places for others."""
    most = 0

    async def ask() -> None:
        nonlocal most
        async with db.borrowed() as connection:
            open_now = await connection.fetch_value(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            )
            most = max(most, open_now)

    async with trio.open_nursery() as nursery:
        for _ in range(3 * database.BORROWABLE):
            nursery.start_soon(ask)
    assert most <= database.BORROWABLE


async def test_a_notification_is_heard_and_many_are_one_hint(connection: Connection, db: Database) -> None:
    async with connection.listening("news") as hints, db.borrowed() as other:
        for _ in range(3):
            await other.execute("NOTIFY news")
        with trio.fail_after(20):
            await hints.receive()


async def test_listening_ends_when_the_connection_does(connection: Connection) -> None:
    """Else the listener would wait for ever for a server that is gone."""
    async with connection.listening("news") as hints:
        connection.abandon()
        with trio.fail_after(20), pytest.raises(trio.EndOfChannel):
            await hints.receive()


async def test_an_acknowledged_commit_is_on_disk_even_if_the_server_is_told_otherwise(
    db: Database, connection: Connection
) -> None:
    name = await connection.fetch_value("SELECT current_database()")
    await connection.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")
    async with db.borrowed() as fresh:
        assert await fresh.fetch_value("SHOW synchronous_commit") == "on"


async def test_an_error_in_the_body_arrives_as_itself(database_url: str) -> None:
    """Not inside a group: who opens a database opened no nursery."""
    with pytest.raises(ZeroDivisionError):
        async with database.opened(database_url):
            raise ZeroDivisionError


# What a caller is told when there is no database to talk to.


async def refusal(url: str) -> str:
    with pytest.raises(DatabaseUnusableError) as refused:
        async with database.opened(url) as unusable:
            await unusable.connect()
    message = str(refused.value)
    assert "\n" not in message
    assert "hidden" not in message, "a message must not show the password"
    return message


async def test_nobody_answers() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: it refuses
        port = taken.getsockname()[1]
        message = await refusal(f"postgresql://ann:hidden@127.0.0.1:{port}/verdict")
    assert f"no PostgreSQL answers at 127.0.0.1:{port}/verdict" in message
    assert "start it, or correct DATABASE_URL" in message


async def test_somebody_else_answers() -> None:
    """A web server, say. It is not waited for longer than a connection may take."""

    async def hang_up(stream: trio.SocketStream) -> None:
        await stream.aclose()

    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(trio.serve_tcp, hang_up, 0)
        port = listeners[0].socket.getsockname()[1]
        message = await refusal(f"postgresql://ann:hidden@127.0.0.1:{port}/verdict")
        nursery.cancel_scope.cancel()
    assert f"127.0.0.1:{port}" in message


@pytest.mark.parametrize(
    "url", ["mysql://ann:hidden@127.0.0.1/verdict", "postgresql://ann:hidden@127.0.0.1:port/verdict", "hello"]
)
async def test_a_url_that_is_none(url: str) -> None:
    assert "DATABASE_URL" in await refusal(url)


async def test_no_such_database(server_url: str) -> None:
    message = await refusal(server_url.replace("/postgres?", "/nowhere?"))
    assert 'database "nowhere" does not exist' in message
    assert "create it" in message


async def test_a_wrong_password() -> None:
    """With a server that asks for one: the embedded one does not."""
    with tempfile.TemporaryDirectory() as folder:
        async with embedded.running(Path(folder)) as url, database.opened(url) as db:
            connection = await db.connect()
            await connection.execute("CREATE ROLE ann LOGIN PASSWORD 'right'")
            rules = embedded.cluster_of(Path(folder)) / "pg_hba.conf"
            rules.write_text("local all all scram-sha-256\n")
            await connection.fetch_value("SELECT pg_reload_conf()")
            with trio.fail_after(20):
                while not (
                    message := await maybe_refusal(url.replace("user=verdict", "user=ann&password=hidden"))
                ):
                    await trio.sleep(0.02)
    assert "password authentication failed" in message
    assert "correct user and password in DATABASE_URL" in message


async def maybe_refusal(url: str) -> str:
    """The refusal once the server has read its new rules, until then another or none."""
    message = await refusal(url)
    return message if "password" in message.split("(")[1] else ""


async def test_a_server_that_is_too_old() -> None:
    """A little server that says hello like PostgreSQL 13, the one part of it that is needed here."""

    def message(kind: bytes, body: bytes) -> bytes:
        return kind + struct.pack(">i", len(body) + 4) + body

    async def say_hello(stream: trio.SocketStream) -> None:
        request = await stream.receive_some(1024)
        if len(request) == 8:  # first it asks for TLS
            await stream.send_all(b"N")
            await stream.receive_some(1024)
        await stream.send_all(
            message(b"R", struct.pack(">i", 0))
            + message(b"S", b"server_version\0" + b"13.9\0")
            + message(b"S", b"client_encoding\0UTF8\0")
            + message(b"K", struct.pack(">ii", 1, 1))
            + message(b"Z", b"I")
        )
        await stream.receive_some(1024)

    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(trio.serve_tcp, say_hello, 0)
        port = listeners[0].socket.getsockname()[1]
        text = await refusal(f"postgresql://ann:hidden@127.0.0.1:{port}/verdict")
        nursery.cancel_scope.cancel()
    assert "is version 13: 14 or newer is needed" in text


async def test_a_copy_that_is_cancelled_while_rows_arrive_costs_its_connection_only(db: Database) -> None:
    """At whatever moment: a reader who hangs up in the middle of the past must not stop the exchange."""

    async def hang_up(number: int) -> None:
        for moment in range(20):
            connection = await db.connect()
            with trio.move_on_after(0.003 + (20 * number + moment) / 20_000) as told:
                while True:
                    await connection.copy_out("SELECT n, repeat('x', 200) FROM generate_series(1, 500) n")
            assert told.cancelled_caught
            assert connection.is_closed

    async with trio.open_nursery() as nursery:
        for number in range(8):
            nursery.start_soon(hang_up, number)
    connection = await db.connect()
    assert await connection.fetch_value("SELECT 1") == 1
    connection.abandon()
