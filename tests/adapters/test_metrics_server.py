"""The metrics have an address of their own, tell of nothing that might not have been, and of no draft."""

import re
import select
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import trio

from adapters.cli.serve import Running, running
from adapters.http.metrics_server import CONNECTIONS_MAX
from adapters.runtime.clock import Clock
from adapters.runtime.settings import load_settings
from kernel.codes import AMM_ID, Direction, Side
from kernel.commands import Deposit, OrderTerms, PlaceOrder
from tests.adapters.serving import PASSWORD, ServerProcess, Venue, database_for, serving, until
from tests.database import fresh
from tests.proxy import Proxy, proxied

MARKET = "MKT-BTC-100K-2026"
TOKEN = "for-the-monitor-alone"


def number(page: str, series: str) -> float:
    (found,) = re.findall(rf"^{re.escape(series)} (\S+)$", page, re.MULTILINE)
    return float(found)


def test_they_are_not_beside_the_api(the_venue: Venue) -> None:
    """In no spelling, for nobody; and nothing of the API is beside them."""
    for path in ("/metrics", "//metrics", "/%6detrics", "/metrics/", "/api/v1/metrics", "/./metrics"):
        answer = the_venue.http.get(httpx.URL(the_venue.address, raw_path=path.encode()))
        assert (answer.status_code, answer.json()["code"]) == (404, 9005), path
    assert the_venue.admin.get("/metrics").verdict == (404, 9005)
    there = the_venue.metrics.removesuffix("/metrics")
    for path in ("/", "/health", "/api/v1/markets", "//metrics", "/%6Detrics", "/metrics/", "/docs"):
        answer = httpx.get(httpx.URL(there, raw_path=path.encode()))
        assert (answer.status_code, answer.json()["code"]) == (404, 9005), path
    assert httpx.post(the_venue.metrics).status_code == 404
    assert httpx.get(f"{the_venue.metrics}?name=x").status_code == 200


def test_a_draft_is_not_told_of(the_venue: Venue) -> None:
    draft, open_one = the_venue.market(active=False), the_venue.market()
    page = the_venue.told()
    assert draft not in page
    for series in ("verdict_book_shares", "verdict_inbox_requests"):
        assert re.search(rf'^{series}{{market="{open_one}"', page, re.MULTILINE), series
    assert the_venue.admin.post(f"/admin/markets/{draft}/activate").code == 0
    assert f'verdict_book_shares{{market="{draft}",side="ask"}} 0.0' in the_venue.told()


def test_a_market_that_stops_is_counted_by_why(the_venue: Venue) -> None:
    """Also the first time: each trigger is told before."""
    series = [f'verdict_circuit_breakers_total{{trigger="{name}"}}' for name in ("VOLATILITY", "MANUAL")]
    before = [number(the_venue.told(), one) for one in series]
    ann, ben = the_venue.user(1_000), the_venue.user(1_000)
    paused, halted = the_venue.market(halt_move_cents=8, halt_pause_ms=0), the_venue.market()
    for price in (50, 58):
        ann.placed(paused, f"BUY YES 1 @{price}")
        ben.placed(paused, f"BUY NO 1 @{100 - price}")
    assert [number(the_venue.told(), one) for one in series] == [before[0] + 1, before[1]]
    assert the_venue.admin.post(f"/admin/markets/{halted}/halt", reason="smoke").code == 0
    assert [number(the_venue.told(), one) for one in series] == [before[0] + 1, before[1] + 1]


@pytest.fixture(scope="module")
def guarded(
    server_url: str, template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServerProcess]:
    """A server whose metrics need a token."""
    folder = tmp_path_factory.mktemp("guarded")
    with (
        database_for(server_url, template) as url,
        serving(url, folder, VERDICT_METRICS_TOKEN=TOKEN) as server,
    ):
        yield server
        assert '"level":"error"' not in server.log.read_text()
        assert TOKEN not in server.log.read_text()


def test_the_token_is_asked_for_where_there_is_one(guarded: ServerProcess) -> None:
    def asked(authorization: str) -> httpx.Response:
        return httpx.get(guarded.metrics, headers={"Authorization": authorization})

    assert asked(f"Bearer {TOKEN}").text.startswith("# HELP")
    assert asked(f"bearer {TOKEN}").status_code == 200
    for wrong in (
        "",
        TOKEN,
        f"Bearer {TOKEN}x",
        f"Bearer {TOKEN[:-1]}",
        f"Bearer  {TOKEN}",
        f"Basic {TOKEN}",
    ):
        answer = asked(wrong)
        assert (answer.status_code, answer.json()["code"]) == (401, 1006), wrong
        assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert httpx.get(guarded.metrics).status_code == 401
    twice = [("Authorization", "Bearer x"), ("Authorization", f"Bearer {TOKEN}")]
    assert httpx.get(guarded.metrics, headers=twice).status_code == 401


def test_nonsense_is_told_so(guarded: ServerProcess) -> None:
    """As strictly as beside the API; and whoever has gone away harms nobody."""
    url = httpx.URL(guarded.metrics)
    for sent, status in (
        (b"GET /metrics HTTP/1.1\nHost: x\n\n", b"400"),
        (b"\x16\x03\x01\x02", b"400"),
        (b"GET /metrics HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 17_000, b"431"),
        (b"GET /metrics HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", b"501"),
    ):
        with socket.create_connection((url.host, url.port), timeout=5) as connection:
            connection.sendall(sent)
            received = b""
            while data := connection.recv(65_536):
                received += data
        assert received.split()[1] == status
        assert b'"code":9004' in received
    for sent in (b"", b"GET /met"):
        for _ in range(CONNECTIONS_MAX + 1):
            with socket.create_connection((url.host, url.port), timeout=5) as connection:
                connection.sendall(sent)


def hung_up_on(waiting: list[socket.socket]) -> list[socket.socket]:
    """Those of whom the server wants nothing more, nor has said anything."""
    heard, _, _ = select.select(waiting, [], [], 0)
    assert all(connection.recv(1, socket.MSG_PEEK) == b"" for connection in heard)
    return heard


def test_one_visitor_too_many_is_hung_up_on(guarded: ServerProcess) -> None:
    """So that nobody who reaches the address can take what connections of users need."""
    url = httpx.URL(guarded.metrics)
    waiting = [socket.create_connection((url.host, url.port), timeout=5) for _ in range(CONNECTIONS_MAX + 8)]
    try:
        until(lambda: len(hung_up_on(waiting)) >= 8)
        assert httpx.get(f"{guarded.address}/health").status_code == 200
        assert len(hung_up_on(waiting)) == 8
    finally:
        for connection in waiting:
            connection.close()


async def told_by(exchange: Running) -> dict[str, float]:
    async with httpx.AsyncClient() as http:
        page = (await http.get(exchange.metrics)).text
    return {
        "shares": number(page, f'verdict_book_shares{{market="{MARKET}",side="bid"}}'),
        "orders": number(page, "verdict_orders"),
        "writable": number(page, "verdict_journal_writable"),
    }


async def order_in_an_outage(exchange: Running, proxy: Proxy) -> None:
    at, actors = Clock().now(), exchange.server.actors
    await actors.ask(Deposit(at=at, user_id=AMM_ID, amount=1000))
    proxy.is_open = False
    await proxy.cut_all()
    wish = PlaceOrder(
        at=at,
        user_id=AMM_ID,
        market_id=MARKET,
        client_order_id="o",
        terms=OrderTerms(Side.YES, Direction.BUY, 5, 7),
        nonce=1,
    )
    assert actors.submit([wish]) is not None
    while not actors.exchange.orders:
        await trio.sleep(0.01)
    while (told := await told_by(exchange))["writable"]:
        assert told["orders"] == 0
    assert told == {"shares": 0, "orders": 0, "writable": 0}
    proxy.is_open = True
    await actors.until_durable(actors.exchange.head)
    assert await told_by(exchange) == {"shares": 7, "orders": 1, "writable": 1}


async def test_only_what_is_durable_is_told(server_url: str, tmp_path: Path) -> None:
    """An order that rests in memory may be gone after a crash; then no monitor has seen it."""
    async with fresh(server_url) as url, proxied(url, tmp_path) as proxy:
        settings = load_settings(
            {
                "DATABASE_URL": proxy.url,
                "VERDICT_DATA": str(tmp_path),
                "VERDICT_ADMIN_PASSWORD": PASSWORD,
                "VERDICT_PORT": "0",
                "VERDICT_METRICS_PORT": "0",
            }
        )
        with trio.fail_after(60):
            async with running(settings, Clock()) as exchange:
                await order_in_an_outage(exchange, proxy)
