"""Workers at the real server: what they quote, and what becomes of it when they die, sleep or are held up.

Some of them are processes; where a test needs one that fails at a given step, it works by hand.
"""

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import attrs
import httpx
import pytest
import trio

from adapters.access.tokens import SERVICES, TokenType
from adapters.wire.user_responses import WORKER_ID
from amm.live.credentials import Credentials
from makers.cycle.commands import Place
from makers.cycle.cycle import Counts, Cycle, Ending
from makers.cycle.lease import Lease
from makers.live.line import Line, to
from makers.live.program import Options, Program
from makers.live.wire import Acquire, Leases, Release
from makers.live.worker import Limits
from tests.adapters.serving import ROOT, Caller, Venue, database_for, serving, tokens, until, venue
from tests.processes import children_of

LEASE_SECONDS = 5.0
POLICY = {"VERDICT_MM_LEASE_MS": "5000", "VERDICT_MM_CYCLE_DEADLINE_MS": "2900"}


def worker_token() -> str:
    return tokens.issue(WORKER_ID, TokenType.SERVICE, SERVICES[WORKER_ID])


@pytest.fixture(scope="module")
def the_venue(server_url: str, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Venue]:
    folder = tmp_path_factory.mktemp("makers")
    with (
        database_for(server_url, template) as url,
        serving(url, folder, **POLICY) as served,
        httpx.Client(base_url=served.address, timeout=30) as http,
    ):
        yield venue(served.address, http, served.metrics)


@contextlib.contextmanager
def working(address: str, folder: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """`verdict makers`, started as an operator would."""
    others = {name: value for name, value in os.environ.items() if not name.startswith("VERDICT_")}
    own = {
        "MAKERS_URL": address,
        "MAKERS_TOKEN": worker_token(),
        "MAKERS_PORT": "0",
        "PYTHONPATH": str(ROOT),
    }
    log = folder / f"worker-{len(list(folder.glob('worker-*')))}.log"
    with log.open("w") as told:
        process = subprocess.Popen(
            [sys.executable, "-m", "adapters.cli", "makers"], env=others | own, stdout=told, stderr=told
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@attrs.frozen
class Paid:
    """An order that runs, and the market around it."""

    owner: Caller
    order_id: str
    market_id: str

    @classmethod
    def at(cls, venue: Venue, **terms: Any) -> "Paid":
        """Others bid 48 and offer at 53 in a market of its own."""
        market_id, others, owner = venue.market(), venue.user(1_000_000), venue.user(200_000)
        others.placed(market_id, "BUY YES 500 @48")
        others.placed(market_id, "BUY NO 500 @47")
        return cls.beside(venue, owner, market_id, **terms)

    @classmethod
    def beside(cls, venue: Venue, owner: Caller, market_id: str, **terms: Any) -> "Paid":
        wish = {"market_id": market_id, "required_cash_cents": 100_000, "refresh_interval_ms": 1_000} | terms
        answer = owner.post("/market-making/orders", **wish)
        assert answer.status == 201, answer.envelope
        order_id = answer.data["order_id"]
        paid = cls(owner, order_id, market_id)
        answer = paid.tell("payments", asset="CASH", amount=100_000)
        assert answer.code == 0, answer.envelope
        return paid

    def tell(self, what: str, **members: Any) -> Any:
        return self.owner.request(
            "POST",
            f"/market-making/orders/{self.order_id}/{what}",
            json=members,
            headers={"Idempotency-Key": f"k{random.getrandbits(60)}"},
        )

    @property
    def now(self) -> dict[str, Any]:
        order = self.owner.data(f"/market-making/orders/{self.order_id}")
        assert isinstance(order, dict)
        return order

    @property
    def quotes(self) -> list[tuple[str, str, int, int]]:
        return [
            (one["direction"], one["side"], one["price_cents"], one["remaining_quantity"])
            for one in self.now["quotes"]
        ]

    @property
    def cycles(self) -> list[dict[str, Any]]:
        """Those that have ended, oldest first."""
        items = self.owner.data(f"/market-making/orders/{self.order_id}/executions", limit=100)["items"]
        return list(reversed(items))


WISHED = [("BUY", "YES", 48, 10), ("BUY", "NO", 47, 10)]


@contextlib.asynccontextmanager
async def by_hand(venue: Venue) -> AsyncIterator[Line]:
    credentials = Credentials(worker_token(), system_id=None)
    line = Line(to(venue.address, credentials), credentials)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(line.run)
        await line.up.wait()
        yield line
        nursery.cancel_scope.cancel()


async def lease_of(line: Line, paid: Paid) -> Lease:
    found = await line.ask_for(Acquire(market_id=paid.market_id, worker_id="by-hand", limit=8), Leases)
    (lease,) = (one for one in found.leases if one.order_id == paid.order_id)
    return lease


async def hold(line: Line, paid: Paid) -> Lease:
    """Its next cycle, when it is due."""
    while True:
        with contextlib.suppress(ValueError):
            return await lease_of(line, paid)
        await trio.sleep(0.05)


def release_of(lease: Lease) -> Release:
    return Release(
        order_id=lease.order_id,
        worker_id="by-hand",
        fence=lease.fence,
        token=lease.token,
        outcome=Ending.DONE,
        counts=Counts(),
    )


def test_a_cycle_places_the_quotes_that_are_wanted(the_venue: Venue, tmp_path: Path) -> None:
    """48 x 53: 481 and 471 cents are set aside of 100,000. Told to end, the worker ends with 0."""
    paid = Paid.at(the_venue)
    with working(the_venue.address, tmp_path) as worker:
        until(lambda: len(paid.cycles) >= 2)
        assert paid.quotes == WISHED
        assert paid.now["escrow"]["cash_cents"] == 99_048
        first, second, *_ = paid.cycles
        assert (first["outcome"], first["placed"], second["outcome"]) == ("DONE", 2, "UNCHANGED")
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(timeout=20) == 0
    assert paid.quotes == WISHED
    assert paid.tell("stop").code == 0


def test_pairs_that_were_bought_turn_into_cash(the_venue: Venue, tmp_path: Path) -> None:
    """Both quotes fill as makers, a cent of fees each: 100,048 in the end, of which 952 rest again."""
    paid = Paid.at(the_venue)
    taker = the_venue.user(100_000)
    with working(the_venue.address, tmp_path):
        until(lambda: paid.quotes == WISHED)
        # Others stand at the same prices, but came first.
        taker.placed(paid.market_id, "BUY NO 510 @52")
        taker.placed(paid.market_id, "BUY YES 510 @53")
        until(lambda: sum(cycle["burned"] for cycle in paid.cycles) == 10)
        until(lambda: paid.now["escrow"]["yes"] == 0)
    assert paid.now["equity_cents"] == 100_048
    assert paid.tell("stop").code == 0


async def test_a_workers_order_is_taken_over_when_it_dies_and_nothing_is_done_twice(
    the_venue: Venue, tmp_path: Path
) -> None:
    """It dies between its two quotes."""
    paid = Paid.at(the_venue)
    async with by_hand(the_venue) as line:
        lease = await lease_of(line, paid)
        begun = time.monotonic()
        (placed, *_) = await line.ask([Cycle(lease).begin()[0]])
        assert placed.ok
    with working(the_venue.address, tmp_path):
        until(lambda: len(paid.quotes) == 2)
        assert time.monotonic() - begun <= LEASE_SECONDS + 2
    assert sorted(paid.quotes) == sorted(WISHED)
    first, second, *_ = paid.cycles
    assert (first["outcome"], second["outcome"], second["placed"]) == ("ABANDONED", "DONE", 1)
    assert paid.tell("stop").code == 0


def test_workers_that_are_killed_leave_no_hole(the_venue: Venue, tmp_path: Path) -> None:
    """Three times one of two is killed and another begins: each cycle is there once, and no two at a time."""
    paid = [Paid.at(the_venue) for _ in range(4)]
    with contextlib.ExitStack() as stack:
        workers = [stack.enter_context(working(the_venue.address, tmp_path)) for _ in range(2)]
        for round_ in range(3):
            seen = [len(one.cycles) for one in paid]
            until(lambda seen=seen: all(len(one.cycles) > n for one, n in zip(paid, seen, strict=True)))
            workers[round_].kill()
            workers.append(stack.enter_context(working(the_venue.address, tmp_path)))
        seen = [len(one.cycles) for one in paid]
        until(lambda: all(len(one.cycles) > n for one, n in zip(paid, seen, strict=True)))
        for one in paid:
            assert one.tell("pause").code == 0
    for one in paid:
        cycles = one.cycles
        assert [cycle["cycle_no"] for cycle in cycles] == list(range(1, len(cycles) + 1))
        for before, after in pairwise(cycles):
            assert before["ended_at"] <= after["started_at"]
        assert sum(cycle["placed"] for cycle in cycles) == 2
        assert one.tell("stop").code == 0


async def test_a_pause_in_mid_cycle_takes_effect_at_once(the_venue: Venue) -> None:
    paid = Paid.at(the_venue)
    async with by_hand(the_venue) as line:
        lease = await lease_of(line, paid)
        first, second = Cycle(lease).begin()
        assert (await line.ask([first]))[0].ok
        assert len(paid.quotes) == 1
        assert paid.tell("pause").data["order"]["drained"] is True
        assert paid.quotes == []
        results = await line.ask([first, second, release_of(lease)])
        assert [one.code for one in results] == [7105, 7105, 7105]
    assert paid.quotes == []
    assert paid.tell("stop").code == 0


def test_an_order_that_is_paused_again_and_again_keeps_its_pace(the_venue: Venue, tmp_path: Path) -> None:
    paid = Paid.at(the_venue)
    with working(the_venue.address, tmp_path):
        until(lambda: paid.quotes == WISHED)
        for _ in range(10):
            assert paid.tell("pause").code == 0
            assert paid.quotes == []
            assert paid.tell("resume").code == 0
            time.sleep(random.uniform(0, 0.2))
        until(lambda: paid.quotes == WISHED)
        starts = [cycle["started_at"] for cycle in paid.cycles]
    moments = [float(start[17:-1]) + 60 * int(start[14:16]) for start in starts]
    gaps = [(after - before) % 3_600 for before, after in pairwise(moments)]
    assert min(gaps) >= 0.999
    assert paid.tell("stop").code == 0


async def test_a_worker_that_slept_changes_nothing(the_venue: Venue, tmp_path: Path) -> None:
    """It wakes when another has quoted under a later lease: every command it sends is too late."""
    paid = Paid.at(the_venue)
    async with by_hand(the_venue) as line:
        lease = await lease_of(line, paid)
        late = Cycle(lease).begin()
        with working(the_venue.address, tmp_path):
            await trio.to_thread.run_sync(lambda: until(lambda: paid.quotes == WISHED))
            before = paid.now["quotes"]
            results = await line.ask([*late, release_of(lease)])
            assert [one.code for one in results] == [7105, 7105, 7105]
            assert isinstance(late[0], Place)
            assert paid.now["quotes"] == before
    assert paid.tell("stop").code == 0


async def test_a_token_is_renewed_before_it_ends_without_a_new_connection(the_venue: Venue) -> None:
    """Of thirty seconds all but six are over; when they are, the worker's line goes on."""
    paid = await trio.to_thread.run_sync(Paid.at, the_venue)
    begins = int(time.time()) - 24
    brief = tokens.issue(WORKER_ID, TokenType.SERVICE, SERVICES[WORKER_ID], 30, at=begins)
    program = Program(Options(url=the_venue.address, token=brief, limits=Limits()))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(program.run, lambda _line: None)
        await program.worker.line.up.wait()
        await trio.sleep(begins + 30 + 1 - time.time())
        assert program.credentials.token != brief
        async with httpx.AsyncClient(base_url=f"{the_venue.address}/api/v1") as http:
            for token, status in ((brief, 401), (program.credentials.token, 200)):
                headers = {"Authorization": f"Bearer {token}"}
                answer = await http.post("market-making/token/renew", headers=headers, json={})
                assert answer.status_code == status
        seen = await trio.to_thread.run_sync(lambda: len(paid.cycles))
        await trio.to_thread.run_sync(lambda: until(lambda: len(paid.cycles) > seen))
        assert program.worker.line.reconnects == 0
        program.worker.stop.set()
    assert paid.tell("stop").code == 0


def test_a_server_has_a_worker_beside_it_and_starts_it_again(
    server_url: str, template: str, tmp_path: Path
) -> None:
    """It gets its token through a pipe, is started again when it is killed, and ends with the server."""
    with (
        database_for(server_url, template) as url,
        serving(url, tmp_path, VERDICT_MAKERS="1") as served,
        httpx.Client(base_url=served.address, timeout=30) as http,
    ):
        the_venue = venue(served.address, http)
        paid = Paid.at(the_venue)
        until(lambda: paid.quotes == WISHED)
        (worker,) = workers_of(served.process.pid)
        os.kill(worker, signal.SIGKILL)
        until(lambda: [one for one in workers_of(served.process.pid) if one != worker])
        seen = len(paid.cycles)
        until(lambda: len(paid.cycles) > seen + 1)
        (worker,) = workers_of(served.process.pid)
        served.stop()
        until(lambda: not Path(f"/proc/{worker}").exists())


def workers_of(pid: int) -> list[int]:
    found = []
    for child in children_of(pid):
        with contextlib.suppress(OSError):
            if b"makers" in Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0"):
                found.append(child)
    return found
