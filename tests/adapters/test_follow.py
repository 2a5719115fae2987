"""Processes that follow one that leads: each answers for all of them."""

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

import attrs
import httpx
import pytest

from tests.adapters import serving
from tests.adapters.serving import Caller, ServerProcess, Venue, until, venue
from tests.adapters.streaming import connected
from tests.adapters.test_stream_restart import port_of

PATIENT = {"VERDICT_TAKEOVER_MS": "60000", "VERDICT_STALE_SECONDS": "60"}
"""Nobody is deposed because the machine of the tests is busy: a leader counts as gone when its line ends."""


@contextlib.contextmanager
def node(url: str, folder: Path, command: str = "follow", **settings: str) -> Iterator[ServerProcess]:
    with serving.serving(url, folder, command, **PATIENT | settings) as process:
        yield process


@contextlib.contextmanager
def calling(process: ServerProcess, known: Venue | None = None) -> Iterator[Venue]:
    """Whoever is known at another process is known at this one."""
    with httpx.Client(base_url=process.address, timeout=60) as http:
        if known is None:
            yield venue(process.address, http, process.metrics)
        else:
            admin, amm, nobody = (
                attrs.evolve(each, http=http) for each in (known.admin, known.amm, known.nobody)
            )
            yield Venue(process.address, http, admin, amm, nobody, process.metrics)


def elsewhere(caller: Caller, other: Venue) -> Caller:
    """The same user at another process."""
    return attrs.evolve(caller, http=other.http)


def told(process: ServerProcess, name: str) -> float:
    page = httpx.get(process.metrics).raise_for_status().text
    return next(float(line.split()[1]) for line in page.splitlines() if line.startswith(f"{name} "))


@pytest.fixture(scope="module")
def url(server_url: str, template: str) -> Iterator[str]:
    with serving.database_for(server_url, template) as url:
        yield url


@attrs.frozen
class Three:
    leader: ServerProcess
    first: ServerProcess
    second: ServerProcess
    at_leader: Venue
    at_first: Venue
    at_second: Venue


@pytest.fixture(scope="module")
def three(url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Three]:
    folder = tmp_path_factory.mktemp("three")
    with (
        node(url, folder, "serve") as leader,
        node(url, folder) as first,
        node(url, folder) as second,
        calling(leader) as at_leader,
        calling(first, at_leader) as at_first,
        calling(second, at_leader) as at_second,
    ):
        yield Three(leader, first, second, at_leader, at_first, at_second)
        for process in (leader, first, second):
            assert '"level":"error"' not in process.log.read_text()


def test_what_one_process_has_acknowledged_every_other_shows_to_whoever_names_it(three: Three) -> None:
    ann = three.at_first.user(1_000_000)
    market = three.at_second.market()
    for other in (three.at_second, three.at_leader, three.at_first) * 10:
        order = elsewhere(ann, three.at_first).place(market, "BUY YES 10 @40")
        assert order.verdict == (201, 0), order.envelope
        seen = order.headers["X-Journal-Id"]
        found = elsewhere(ann, other).request(
            "GET", f"/orders/{order.data['order']['id']}", headers={"X-Journal-Id": seen}
        )
        assert found.data["order"]["id"] == order.data["order"]["id"]
        assert int(found.headers["X-Journal-Id"]) >= int(seen)
    own = ann.get("/account/balance")
    assert own.data["frozen_balance_cents"] > 0
    assert int(own.headers["X-Journal-Id"]) >= int(seen)
    bad = ann.request("GET", "/account/balance", headers={"X-Journal-Id": "-1"})
    assert bad.verdict == (400, 9004)


async def test_what_is_asked_of_one_is_told_by_another(three: Three) -> None:
    ann, ben = three.at_first.user(100_000), three.at_second.user(100_000)
    market = three.at_leader.market()
    async with (
        connected(port_of(three.first), token=ann.token) as asks,
        connected(port_of(three.second), token=ben.token) as hears,
        connected(port_of(three.second), f"/ws/v1/trades/{market}") as trades,
    ):
        await hears.do("subscribe", topics=["order_events", "trade_events"])
        assert (await asks.place(market_id=market, quantity=5))["status"] == 201
        taken = await hears.place(market_id=market, side="NO", price_cents=60, quantity=5)
        assert len(taken["data"]["trades"]) == 1
        assert {event["topic"] for event in await hears.events(2)} == {"order_events", "trade_events"}
        assert (await trades.receive())["quantity"] == 5
        await asks.place(market_id=market, price_cents=1)  # own writes show, and all that was ahead of them
        view = (await asks.do("sync", market_id=market))["data"]
        assert view["as_of_seq"] >= taken["seq"]
        assert view["position"]["yes"]["volume"] == 5
    (trade,) = ann.data("/trades")["items"]
    assert trade["quantity"] == 5, "so say the tables, which another process fills"


async def test_who_resumes_elsewhere_hears_on_from_where_it_was(three: Three) -> None:
    """Also where the other process has not heard of that moment itself: it waits for it."""
    ann = three.at_first.user(100_000)
    market = three.at_first.market()
    async with connected(port_of(three.first), token=ann.token) as here:
        for _ in range(20):
            seq = (await here.place(market_id=market))["seq"]
            async with connected(port_of(three.second), token=ann.token) as there:
                resumed = await there.do("resume", after=seq, topics=["order_events"])
                assert resumed["data"]["from"] == seq + 1


def test_each_says_what_it_is(three: Three) -> None:
    processes = (three.leader, three.first, three.second)
    assert [told(each, "verdict_leads") for each in processes] == [1, 0, 0]
    assert [told(each, "verdict_followers") for each in processes] == [2, 0, 0]
    until(lambda: told(three.first, "verdict_confirmed_seconds") < 5)
    for each in processes:
        until(lambda each=each: httpx.get(f"{each.address}/ready").json()["status"] == "ready")


def test_nobody_else_speaks_on_the_link(three: Three) -> None:
    """What is no frame, or too long a one, ends its line and nothing else."""
    place = Path(three.leader.log.parent) / "data" / "link"
    assert place.stat().st_mode & 0o777 == 0o600
    for noise in (b"\xff\xff\xff\xff", b"\x00\x00\x00\x02hi", b"\x00\x00\x00\x00"):
        with socket.socket(socket.AF_UNIX) as line:
            line.connect(str(place))
            line.sendall(noise)
            assert line.recv(100) == b""
    assert told(three.leader, "verdict_followers") == 2
