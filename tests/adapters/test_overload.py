"""The disk stands still under a real server: what waits is bounded, the rest is refused, then all goes on."""

import contextlib
import os
import re
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
import trio

from adapters.access.tokens import TokenType
from kernel.actors import BACKLOG, INBOX, SHARE
from kernel.codes import AMM_ID
from persistence.postgres import embedded
from tests.adapters.serving import Caller, Venue, serving, tokens, venue
from tests.adapters.streaming import Client, connected, wish
from tests.processes import children_of

MARKET = "STORMED"


@pytest.fixture
def folder() -> Iterator[Path]:
    """Short, and open to the user who runs the PostgreSQL."""
    path = Path(tempfile.mkdtemp(prefix="verdict-tests-"))
    yield path
    shutil.rmtree(path)


@contextlib.contextmanager
def standing_still(postmaster: int) -> Iterator[None]:
    """PostgreSQL answers nobody while the body runs."""
    stopped = [postmaster, *children_of(postmaster)]
    assert len(stopped) > 1
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in stopped:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def order(cid: int) -> dict[str, Any]:
    named = {"client_order_id": f"o-{cid}", "market_id": MARKET, "price_cents": 1, "quantity": 1}
    return {"cid": cid, "op": "place"} | wish(**named)


def backlog(there: Venue) -> int:
    page = there.told()
    (found,) = re.findall(r"^verdict_journal_backlog_turns (\S+)$", page, re.MULTILINE)
    return int(float(found))


async def overload(there: Venue, ann: Caller, crowd: list[Caller], postmaster: int) -> None:
    """Fill the writer's backlog with turns of one order each, then the market's inbox, then ask for more.

    It takes four to fill an inbox: nobody gets more than a quarter of it.
    """
    port = int(there.address.rpartition(":")[2])
    token = tokens.issue(AMM_ID, TokenType.SERVICE, "SYSTEM_BOT")
    results: dict[int, dict[str, Any]] = {}
    told = trio.Event()

    async def listen(client: Client, count: int) -> None:
        for _ in range(count):
            (result,) = await client.results(1)
            assert result["cid"] not in results, "each command has one result"
            results[result["cid"]] = result
            if result["code"] == 9003:
                told.set()

    slowly, quickly = range(BACKLOG + 2), range(BACKLOG + 2, BACKLOG + 2 + INBOX)
    too_many = range(quickly.stop, quickly.stop + 50)
    quarters = [range(start, start + SHARE) for start in range(quickly.start, quickly.stop, SHARE)]
    async with contextlib.AsyncExitStack() as open_ones:
        first, *others = [
            await open_ones.enter_async_context(connected(port, token=each))
            for each in (token, *(one.token for one in crowd))
        ]
        nursery = await open_ones.enter_async_context(trio.open_nursery())
        nursery.start_soon(listen, first, len(slowly) + len(too_many))
        for other in others:
            nursery.start_soon(listen, other, SHARE)
        with standing_still(postmaster), trio.fail_after(60):
            for turn in slowly:
                await first.send(order(turn))
                while await trio.to_thread.run_sync(backlog, there) < min(turn, BACKLOG):
                    pass
            for other, quarter in zip(others, quarters, strict=True):
                for cid in quarter:
                    await other.send(order(cid))
                await other.connection.ping()  # answered when all of them have been read
            for cid in too_many:
                await first.send(order(cid))
            await told.wait()
            full = await trio.to_thread.run_sync(ann.place, MARKET, "BUY YES 1 @2", "over-http")
            assert full.verdict == (503, 9003)
            assert full.headers["Retry-After"] == "1"
            assert there.http.get("/health").status_code == 200, "others are served meanwhile"
            assert not any(result["ok"] for result in results.values()), "nothing is told that is not durable"
        # From here on the disk turns again: everything that was let in is decided and told.
    assert results.keys() == {*slowly, *quickly, *too_many}
    carried_out = {cid for cid, result in results.items() if result["status"] == 201}
    refused = {cid for cid, result in results.items() if result["code"] == 9003}
    assert carried_out | refused == results.keys()
    assert len(carried_out) >= INBOX
    # Refused is not carried out: the name is free. What was carried out is known by its name.
    async with connected(port, token=token) as client:
        for cid, status in ((min(refused), 201), (min(carried_out), 200)):
            await client.send(order(cid))
            (result,) = await client.results(1)
            assert result["status"] == status


def test_a_disk_that_stands_still_is_told_at_once_and_forgotten_when_it_turns(folder: Path) -> None:
    """Over HTTP and over the stream: 503 with 9003 for what finds no room, and a result for all that did."""
    with (
        serving("", folder) as server,
        httpx.Client(base_url=server.address, timeout=60) as http,
    ):
        postmaster = embedded.postmaster_pid(folder / "data")
        assert postmaster is not None
        there = venue(server.address, http, server.metrics)
        crowd = [there.user(10_000) for _ in range(INBOX // SHARE)]
        ann = there.user(1000)  # the last to register: she is remembered when nobody can be looked up
        there.amm.deposit(10_000_000)
        wide = {"max_open_orders": 10_000, "max_open_orders_total": 100_000, "max_open_orders_amm": 100_000}
        assert there.admin.post("/admin/markets", id=MARKET, title="Will it hold?", **wide).status == 201
        assert there.admin.post(f"/admin/markets/{MARKET}/activate").code == 0
        trio.run(overload, there, ann, crowd, postmaster)
        again = ann.place(MARKET, "BUY YES 1 @2", "over-http")
        assert again.status == 201
        assert there.admin.post("/admin/verify-invariants").data["all_passed"] is True
        assert msgspec.json.decode(http.get("/ready").content)["status"] == "ready"
        assert '"level":"error"' not in server.log.read_text()
        assert server.stop() == 0
