"""Which servers a URL names, and that one of them which is silent keeps nobody from the others."""

import functools
import socket

import pytest
import trio

from persistence.postgres import connecting, database
from persistence.postgres.hosts import hosts, place


@pytest.mark.parametrize(
    ("url", "named"),
    [
        ("postgresql://db/verdict", "db:5432"),
        ("postgresql://ann:secret@db:5433/verdict?sslmode=require", "db:5433"),
        ("postgresql://ann:secret@pg1,pg2:5433,pg3/verdict", "pg1:5432 pg2:5433 pg3:5432"),
        ("postgresql://[::1]:5433,[fe80::1]/verdict", "[::1]:5433 [fe80::1]:5432"),
        ("postgresql://%2Frun%2FPg/verdict", "/run/Pg:5432"),
        ("postgresql:///verdict", "localhost:5432"),
        ("postgresql:///verdict?host=/run/a,/run/b", "/run/a:5432 /run/b:5432"),
        ("postgresql:///verdict?host=pg1,pg2&port=5433", "pg1:5433 pg2:5433"),
        ("postgresql:///verdict?host=pg1,pg2&port=5433,5434", "pg1:5433 pg2:5434"),
    ],
)
def test_servers_are_named_as_libpq_names_them(url: str, named: str) -> None:
    assert " ".join(map(str, hosts(url))) == named
    assert place(url) == named.replace(" ", ",") + "/verdict"
    assert "secret" not in place(url)


@pytest.mark.parametrize(
    "url", ["postgresql://db:port/v", "postgresql://pg1,pg2:x/v", "postgresql:///v?host=a,b,c&port=1,2"]
)
def test_servers_that_cannot_be_read_are_none(url: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        hosts(url)
    assert place(url) == "a URL without a valid port"


async def test_a_server_that_swallows_what_it_is_sent_is_not_waited_for(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connecting, "HOST_TIMEOUT", 600.0)
    folder = database_url.partition("host=")[2].partition("&")[0]
    with socket.create_server(("127.0.0.1", 0)) as silent:  # it takes connections, and says nothing
        port = silent.getsockname()[1]
        url = database_url.replace(f"host={folder}", f"host=127.0.0.1,{folder}&port={port},5432")
        async with database.opened(url) as db:
            with trio.fail_after(60):
                async with db.borrowed() as connection:
                    assert await connection.fetch_value("SELECT 1") == 1


async def test_a_machine_that_says_nothing_any_more_is_noticed(database_url: str) -> None:
    """Over a network the system ends such a connection, as it was told to."""
    folder = database_url.partition("host=")[2].partition("&")[0]

    async def pass_on(client: trio.SocketStream) -> None:
        async with (
            await trio.open_unix_socket(f"{folder}/.s.PGSQL.5432") as server,
            trio.open_nursery() as both,
        ):
            both.start_soon(copied, client, server)
            await copied(server, client)
            both.cancel_scope.cancel()

    async with trio.open_nursery() as nursery:
        (listener,) = await nursery.start(functools.partial(trio.serve_tcp, pass_on, 0, host="127.0.0.1"))
        port = listener.socket.getsockname()[1]
        url = database_url.replace(f"host={folder}", f"host=127.0.0.1&port={port}")
        async with database.opened(url) as db, db.borrowed() as connection:
            over = connecting.socket_of(connection._raw)
            assert over.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            for option, value in connecting.SILENCE.items():
                assert over.getsockopt(socket.IPPROTO_TCP, getattr(socket, option)) == value
        nursery.cancel_scope.cancel()


async def copied(source: trio.abc.Stream, target: trio.abc.Stream) -> None:
    while data := await source.receive_some():
        await target.send_all(data)
