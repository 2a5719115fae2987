"""Who guesses passwords slows down itself, and crowds nobody else out; nobody registers for everybody."""

import ipaddress
from collections.abc import Iterator
from functools import partial
from typing import Any

import httpx
import pytest
import trio
import trio.testing
from trio.testing import MockClock

from adapters.access import login_delays, passwords
from adapters.access.addresses import caller_address
from adapters.access.login_delays import QUIET, LoginDelays, delay_after
from adapters.access.passwords import HASHING, WAITING_EACH, Turns
from adapters.wire.status import Fault, RefusedError
from kernel.codes import Code
from tests.adapters.serving import ADMIN, PASSWORD, Answer, Caller, Venue, database_for, serving, venue

WRONG = "Wrong1password"


def fail(delays: LoginDelays, name: str = "ann", address: str = "192.0.2.1") -> int:
    """One failed attempt; for how long it was refused instead, if it was."""
    try:
        delays.failed(delays.begin(name, address))
    except RefusedError as refusal:
        return (refusal.retry_after or 0) if refusal.code is Fault.RATE_LIMITED else -1
    return 0


PROXY = "10.0.0.1"
TOLD = {
    "192.0.2.1": "192.0.2.1",
    "192.0.2.1:5678": "192.0.2.1",
    "2001:db8::1": "2001:db8::1",
    "[2001:db8::1]": "2001:db8::1",
    "[2001:db8::1]:5678": "2001:db8::1",
    "198.51.100.7, 192.0.2.1:5678, 10.0.0.2:80": "192.0.2.1",
}


@pytest.mark.parametrize("forwarded_for", TOLD)
def test_a_port_makes_nobody_somebody_else(forwarded_for: str) -> None:
    """Else every connection through a proxy that tells it would have its own limits and delays."""
    proxies = (ipaddress.ip_network("10.0.0.0/8"),)
    assert caller_address(PROXY, forwarded_for, proxies) == TOLD[forwarded_for]


async def test_from_the_fifth_failure_on_each_doubles_the_delay(autojump_clock: MockClock) -> None:
    delays = LoginDelays()
    assert [fail(delays) for _ in range(5)] == [0] * 5
    for delay in (2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900):
        assert fail(delays) == delay
        await trio.sleep(delay - 0.5)
        assert fail(delays) == 1, "what came too soon moved nothing"
        await trio.sleep(0.5)
        assert fail(delays) == 0


async def test_many_at_once_are_not_each_the_first(autojump_clock: MockClock) -> None:
    """While an attempt is judged it counts as failed."""
    delays = LoginDelays()
    attempts = [delays.begin("ann", "192.0.2.1") for _ in range(5)]
    assert fail(delays) == 2
    delays.succeeded(attempts[0])
    assert fail(delays) == 0


async def test_an_attempt_that_was_not_judged_is_none(autojump_clock: MockClock) -> None:
    delays = LoginDelays()
    for _ in range(20):
        delays.not_judged(delays.begin("ann", "192.0.2.1"))
    assert fail(delays) == 0


async def test_quiet_forgets_and_other_names_and_addresses_are_others(autojump_clock: MockClock) -> None:
    delays = LoginDelays()
    for _ in range(5):
        fail(delays)
    assert fail(delays) == 2
    assert fail(delays, name="ben") == fail(delays, address="192.0.2.2") == 0
    await trio.sleep(QUIET)
    assert [fail(delays) for _ in range(5)] == [0] * 5


async def test_a_network_of_ipv6_counts_as_one_address(autojump_clock: MockClock) -> None:
    delays = LoginDelays()
    for number in range(5):
        fail(delays, address=f"2001:db8::{number}")
    assert fail(delays, address="2001:db8::ffff") == 2
    assert fail(delays, address="2001:db8:0:1::1") == 0


async def test_few_are_remembered_however_many_are_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(login_delays, "REMEMBERED", 100)
    delays = LoginDelays()
    for number in range(1_000):
        fail(delays, name=f"{number}" * 10_000)
    assert len(delays._known) <= 100
    assert max(len(name) for name, _ in delays._known) == 65
    assert delay_after(10**9) == 900


# Turns


class Crowd:
    """Callers who wait for their turns, and keep them until they are told to go on."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self.turns = Turns()
        self.served: list[str] = []
        self.refused: list[str] = []
        self._nursery = nursery
        self._step = trio.Event()

    async def add(self, address: str, count: int = 1) -> list[trio.CancelScope]:
        scopes = [trio.CancelScope() for _ in range(count)]
        for scope in scopes:
            self._nursery.start_soon(self._call, address, scope)
            await trio.testing.wait_all_tasks_blocked()
        return scopes

    async def _call(self, address: str, scope: trio.CancelScope) -> None:
        with scope:
            try:
                async with self.turns.turn(address):
                    self.served.append(address)
                    await self._step.wait()
            except RefusedError as refusal:
                self.refused.append(address if refusal.code is Code.OVERLOADED else refusal.message)

    async def go_on(self) -> None:
        """Whoever has a turn is finished."""
        step, self._step = self._step, trio.Event()
        step.set()
        await trio.testing.wait_all_tasks_blocked()


async def test_addresses_take_turns() -> None:
    async with trio.open_nursery() as nursery:
        crowd = Crowd(nursery)
        await crowd.add("a", HASHING + WAITING_EACH + 5)
        assert (len(crowd.served), len(crowd.refused)) == (HASHING, 5)
        await crowd.add("b")
        await crowd.add("c")
        await crowd.go_on()
        assert sorted(crowd.served[HASHING:]) == ["a", "b"]
        await crowd.go_on()
        assert sorted(crowd.served[HASHING + 2 :]) == ["a", "c"]
        nursery.cancel_scope.cancel()


async def test_with_everything_full_whoever_has_most_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "WAITING", 4)
    async with trio.open_nursery() as nursery:
        crowd = Crowd(nursery)
        await crowd.add("a", HASHING + 4)
        await crowd.add("b")
        assert crowd.refused == ["a"]
        await crowd.add("c")
        assert crowd.refused == ["a", "a"]
        await crowd.add("b")
        assert crowd.refused == ["a", "a", "b"], "it would have as many as the one that has most"
        nursery.cancel_scope.cancel()


async def test_who_leaves_the_queue_leaves_no_gap() -> None:
    async with trio.open_nursery() as nursery:
        crowd = Crowd(nursery)
        running = await crowd.add("a", HASHING)
        (left,) = await crowd.add("b")
        await crowd.add("c")
        left.cancel()
        await trio.testing.wait_all_tasks_blocked()
        running[0].cancel()
        await trio.testing.wait_all_tasks_blocked()
        assert crowd.served == ["a"] * HASHING + ["c"]
        for _ in range(3):
            await crowd.go_on()
        await crowd.add("d", HASHING)
        assert crowd.served[-HASHING:] == ["d"] * HASHING
        nursery.cancel_scope.cancel()


# On a server, from many addresses


@pytest.fixture(scope="module")
def here(server_url: str, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Venue]:
    settings = {
        "VERDICT_TRUSTED_PROXIES": "127.0.0.1",
        "VERDICT_RATE_LIMITS": "on",
        "VERDICT_RATE_AUTH": "0",
        "VERDICT_RATE_REGISTRATION": "3",
    }
    with (
        database_for(server_url, template) as url,
        serving(url, tmp_path_factory.mktemp("logins"), **settings) as server,
        httpx.Client(base_url=server.address, timeout=60) as http,
    ):
        yield venue(server.address, http)


def log_in(here: Venue, address: str, username: str = ADMIN, password: str = PASSWORD) -> Answer:
    body: dict[str, Any] = {"username": username, "password": password}
    return here.nobody.request("POST", "/auth/login", json=body, headers={"X-Forwarded-For": address})


@pytest.mark.parametrize("username", [ADMIN, "nobody_of_this_name"])
def test_the_right_password_too_soon_is_told_when_it_may_come(here: Venue, username: str) -> None:
    """Of a name that nobody has just the same is said, and the owner comes in from elsewhere."""
    address = f"198.51.100.{len(username)}"
    for _ in range(5):
        assert log_in(here, address, username, WRONG).verdict == (401, 1003)
    answer = log_in(here, address, username)
    assert answer.verdict == (429, 9001)
    assert 1 <= int(answer.headers["Retry-After"]) <= 2
    assert log_in(here, "198.51.100.99").verdict == (200, 0)


def test_one_address_does_not_crowd_the_others_out(here: Venue) -> None:
    guesses: list[tuple[int, int]] = []
    logins: list[tuple[int, int]] = []

    async def ask(
        into: list[tuple[int, int]], address: str, username: str = ADMIN, password: str = PASSWORD
    ) -> None:
        attempt = partial(log_in, here, address, username, password)
        into.append((await trio.to_thread.run_sync(attempt, limiter=trio.CapacityLimiter(1))).verdict)

    async def crowd() -> None:
        async with trio.open_nursery() as nursery:
            for number in range(40):
                nursery.start_soon(ask, guesses, "203.0.113.66", f"guessed_{number}", WRONG)
            for number in range(6):
                nursery.start_soon(ask, logins, f"203.0.113.{number}")

    trio.run(crowd)
    assert logins == [(200, 0)] * 6
    assert set(guesses) == {(401, 1003), (503, 9003)}


def test_registrations_are_counted_for_everybody_together(here: Venue) -> None:
    """Also those that come to nothing, before anything is looked at."""
    answers = [
        here.nobody.request(
            "POST", "/auth/register", json={}, headers={"X-Forwarded-For": f"192.0.2.{number}"}
        )
        for number in range(8)  # a minute may end in between
    ]
    verdicts = [answer.verdict for answer in answers]
    assert set(verdicts) == {(400, 9004), (429, 9001)}
    assert verdicts.count((400, 9004)) in (3, 4, 5, 6)
    assert answers[verdicts.index((429, 9001))].data["limit"] == 3
    assert Caller(here.http).post("/auth/login").verdict == (400, 9004), "others are not counted with them"
