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
from makers.venues.simulated import Call, Conduct, SimulatedVenue
from makers.venues.venue import Asset
from tests.adapters.serving import ROOT, Caller, Venue, database_for, serving, tokens, until, venue
from tests.processes import children_of

LEASE_SECONDS = 5.0
POLICY = {
    "VERDICT_MM_LEASE_MS": "5000",
    "VERDICT_MM_CYCLE_DEADLINE_MS": "2900",
    "VERDICT_MM_WITHDRAW_TO_EXCHANGE_ENABLED": "1",
    "VERDICT_MM_VENUES": "simulated",
}


thorough = pytest.mark.skipif(
    os.environ.get("HYPOTHESIS_PROFILE") != "thorough", reason="takes its time: only in the thorough profile"
)


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
def working(address: str, folder: Path, *options: str) -> Iterator["subprocess.Popen[bytes]"]:
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
            [sys.executable, "-m", "adapters.cli", "makers", *options],
            env=others | own,
            stdout=told,
            stderr=told,
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
    def at(cls, exchange: Venue, /, **terms: Any) -> "Paid":
        """Others bid 48 and offer at 53 in a market of its own."""
        market_id, others, owner = exchange.market(), exchange.user(1_000_000), exchange.user(200_000)
        others.placed(market_id, "BUY YES 500 @48")
        others.placed(market_id, "BUY NO 500 @47")
        return cls.beside(owner, market_id, **terms)

    @classmethod
    def beside(cls, owner: Caller, market_id: str, **terms: Any) -> "Paid":
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
        until(lambda: paid.quotes == WISHED and len(paid.cycles) > 1)
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


def elsewhere(folder: Path) -> tuple[SimulatedVenue, tuple[str, ...]]:
    """A venue elsewhere, and what a worker is told of it: it does not wait long."""
    venue = SimulatedVenue(folder / "venue.json")
    venue.rest(bids=[(48, 5)], asks=[(53, 5)])
    there = ("--venue", "simulated", "--venue-at", str(folder / "venue.json"))
    return venue, (*there, "--query-ms", "200", "--quiet-ms", "500", "--sweep-ms", "100")


def test_an_order_quotes_elsewhere_and_comes_back(the_venue: Venue, tmp_path: Path) -> None:
    """Its money is sent there and asked back by two workers, each leg once."""
    venue, there = elsewhere(tmp_path)
    paid = Paid.at(the_venue, venue="simulated")
    with working(the_venue.address, tmp_path, *there), working(the_venue.address, tmp_path, *there):
        until(lambda: bool(venue.state.resting.get(paid.order_id)))
        now = paid.now
        assert (now["state"], now["location"], now["quotes"]) == ("running", "venue", [])
        assert (now["equity_cents"], now["escrow"]["cash_cents"]) == (100_000, 0)
        assert paid.tell("stop").status == 202
        until(lambda: paid.now["location"] == "escrow")
        assert venue.state.resting == {}
        assert paid.tell("withdraw", all=True).code == 0
    assert paid.owner.data("/account/balance")["available_balance_cents"] == 200_000
    assert sorted(key.split(":")[0] for _, key in venue.state.called) == ["mmi", "mmw"]


@thorough
@pytest.mark.parametrize("direction", [Call.SEND, Call.BRING_BACK])
def test_a_worker_killed_while_it_calls_a_venue_is_followed_by_questions(
    the_venue: Venue, tmp_path: Path, direction: Call
) -> None:
    """The claim of the dead one has to end first, after a minute; nobody calls a second time."""
    venue, there = elsewhere(tmp_path)
    venue.behave(direction, Asset.CASH, Conduct(after=25))
    paid = Paid.at(the_venue, venue="simulated")
    with working(the_venue.address, tmp_path, *there) as first:
        if direction is Call.BRING_BACK:
            until(lambda: paid.now["state"] == "running")
            assert paid.tell("stop").status == 202
        until(lambda: direction in [call for call, _ in venue.state.called])
        first.kill()
    with working(the_venue.address, tmp_path, *there), working(the_venue.address, tmp_path, *there):
        if direction is Call.SEND:
            until(lambda: paid.now["state"] == "running", 90)
            assert paid.tell("stop").status == 202
        until(lambda: paid.now["location"] == "escrow", 90)
        assert paid.tell("withdraw", all=True).code == 0
    assert paid.owner.data("/account/balance")["available_balance_cents"] == 200_000
    assert len(venue.state.called) == len(set(venue.state.called)) == 2


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
