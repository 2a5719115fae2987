"""More connections than there is room for: whoever is too many is told so, and the others notice nothing."""

import contextlib
import json
import socket
from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path

import httpx
import pytest

from adapters.sockets.connection_limits import ConnectionCounts, raise_file_limit
from adapters.stream.hub import UNAUTHENTICATED_MAX_EACH
from tests.adapters.serving import ServerProcess, database_for, serving, until, venue
from tests.adapters.streaming import ANN, Refused, running

PER_ADDRESS, IN_ALL = 8, 20


@pytest.fixture
def crowded(server_url: str, template: str, tmp_path: Path) -> Iterator[ServerProcess]:
    settings = {"VERDICT_CONNECTIONS": str(IN_ALL), "VERDICT_CONNECTIONS_PER_ADDRESS": str(PER_ADDRESS)}
    with database_for(server_url, template) as url, serving(url, tmp_path, **settings) as server:
        yield server


def come(server: ServerProcess, source: str) -> socket.socket:
    host, _, port = server.address.removeprefix("http://").rpartition(":")
    return socket.create_connection((host, int(port)), timeout=30, source_address=(source, 0))


def asked(connection: socket.socket) -> tuple[int, bytes]:
    """Status and answer of /health."""
    connection.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
    answer = connection.recv(65_536)
    return int(answer.split()[1]), answer


def test_one_address_cannot_take_all_the_room(crowded: ServerProcess) -> None:
    """The ninth from one address is told to come again later; another address is served meanwhile."""
    with contextlib.ExitStack() as open_ones:
        here = [open_ones.enter_context(come(crowded, "127.0.0.2")) for _ in range(PER_ADDRESS)]
        assert [asked(one)[0] for one in here] == [200] * PER_ADDRESS
        with come(crowded, "127.0.0.2") as too_many:
            status, answer = asked(too_many)
            assert status == 503
            head, _, body = answer.partition(b"\r\n\r\n")
            assert b"retry-after: 1" in head
            assert json.loads(body)["code"] == 9003
            assert too_many.recv(1) == b"", "and is hung up on"
        with come(crowded, "127.0.0.3") as neighbour:
            assert asked(neighbour)[0] == 200
        here[0].close()
        until(lambda: attempt(crowded, "127.0.0.2") == 200)


def attempt(server: ServerProcess, source: str) -> int:
    with come(server, source) as connection:
        return asked(connection)[0]


def test_when_all_the_room_is_taken_who_is_in_goes_on(crowded: ServerProcess) -> None:
    with httpx.Client(base_url=crowded.address, timeout=30) as http, contextlib.ExitStack() as open_ones:
        ann = venue(crowded.address, http).user(1000)
        for number in range(IN_ALL - 1):
            asked(open_ones.enter_context(come(crowded, f"127.0.1.{1 + number // PER_ADDRESS}")))
        assert attempt(crowded, "127.0.2.1") == 503
        for number in range(20):
            assert ann.placed("MKT-BTC-100K-2026", f"BUY YES 1 @{10 + number}")
        open_ones.close()
        until(lambda: attempt(crowded, "127.0.2.1") == 200)


def test_a_proxy_that_is_trusted_speaks_for_many() -> None:
    room = ConnectionCounts(4, 2, (ip_network("10.0.0.0/8"),))
    assert [room.enter("10.0.0.1") for _ in range(3)] == [True, True, True]
    assert room.enter("::ffff:10.0.0.1")
    assert not room.enter("10.0.0.2"), "there is no room for anybody"


def test_an_address_of_ipv6_is_a_network() -> None:
    room = ConnectionCounts(0, 2)
    assert room.enter("2001:db8::1")
    assert room.enter("2001:db8::2")
    assert not room.enter("2001:db8::3")
    room.leave("2001:db8::1")
    assert room.enter("2001:db8::3")


def test_there_is_never_more_room_than_the_system_has_sockets() -> None:
    assert raise_file_limit(100) == 100
    assert raise_file_limit(10**9) < 10**9


async def test_only_so_many_may_keep_to_themselves_who_they_are() -> None:
    """Each has five seconds to say it. Who says it makes room, and who says it at once needs none."""
    async with running("M") as venue, contextlib.AsyncExitStack() as open_ones:
        strangers = [
            await open_ones.enter_async_context(venue.connected("/ws/v1/commands"))
            for _ in range(UNAUTHENTICATED_MAX_EACH)
        ]
        with Refused() as refusal:
            async with venue.connected("/ws/v1/commands"):
                pass
        assert (refusal.status, refusal.body["code"]) == (503, 9003)
        assert refusal.headers["retry-after"] == "1"
        async with venue.client(ANN) as ann:
            assert (await ann.do("ping"))["ok"]
        assert (await strangers[0].do("auth", token=venue.token(ANN)))["ok"]
        async with venue.connected("/ws/v1/commands") as another:
            assert (await another.do("auth", token=venue.token(ANN)))["ok"]
