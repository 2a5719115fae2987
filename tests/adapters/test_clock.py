"""The time of commands: it runs with the machine's clock, and is not pushed by it."""

from pathlib import Path

import httpx
import pytest
from structlog.testing import capture_logs

from adapters.cli.serve import running
from adapters.runtime.clock import LEAP, PACE, Clock
from adapters.runtime.settings import load_settings
from adapters.runtime.times import DAY
from kernel.codes import AMM_ID
from kernel.commands import Deposit
from tests.adapters.serving import PASSWORD
from tests.database import fresh

SECOND = 1_000_000
NOON = 1_795_176_000 * SECOND
YEAR = 365 * DAY * SECOND


class ByHand(Clock):
    """Both of the machine's clocks, set by hand."""

    def __init__(self) -> None:
        self.set = NOON
        self.passed = 0
        super().__init__()

    def wall(self) -> int:
        return self.set

    def real(self) -> int:
        return self.passed

    def wait(self, microseconds: int) -> int:
        """Time goes by, as both clocks see it; returns what it is then."""
        self.set += microseconds
        self.passed += microseconds
        return self.now()


def test_it_runs_with_the_machines_clock() -> None:
    clock = ByHand()
    for microseconds in (0, 1, SECOND, 60 * SECOND, DAY * SECOND):
        assert clock.wait(microseconds) == clock.set
    assert (clock.trouble, clock.off) == ("", 0)
    assert clock.jumps == {"forwards": 0, "backwards": 0}


def test_small_corrections_ahead_are_followed_at_once() -> None:
    clock = ByHand()
    clock.set += LEAP
    assert clock.now() == NOON + LEAP
    assert clock.jumps["forwards"] == 0


def test_a_jump_ahead_is_followed_at_five_seconds_a_second() -> None:
    """Two years ahead for a minute, then set right: the exchange is five minutes ahead, and waits."""
    clock = ByHand()
    clock.set += 2 * YEAR
    assert clock.now() == NOON
    for seconds in range(1, 61):
        assert clock.wait(SECOND) == NOON + PACE * seconds * SECOND
        assert clock.now() == NOON + PACE * seconds * SECOND, "asking does not push it"
        assert "jumped ahead" in clock.trouble
    clock.set -= 2 * YEAR
    ahead = clock.now()
    assert ahead == NOON + 300 * SECOND
    assert "240 seconds" in clock.trouble
    assert clock.wait(239 * SECOND) == ahead
    assert clock.wait(SECOND) == ahead
    assert clock.wait(SECOND) == clock.set == ahead + SECOND
    assert clock.trouble == ""
    assert clock.jumps == {"forwards": 1, "backwards": 1}


def test_a_jump_ahead_that_stays_is_arrived_at() -> None:
    """A hundred seconds ahead are made good in 25, of which each is followed by five."""
    clock = ByHand()
    clock.set += 100 * SECOND
    clock.now()
    for _ in range(24):
        assert clock.wait(SECOND) < clock.set
    assert clock.wait(SECOND) == clock.set
    assert clock.trouble == ""
    assert clock.wait(SECOND) == clock.set


@pytest.mark.parametrize("back", [1, SECOND, 3_600 * SECOND])
def test_a_clock_that_goes_back_is_waited_for(back: int) -> None:
    clock = ByHand()
    clock.set -= back
    assert clock.now() == NOON
    assert clock.jumps["backwards"] == 1
    assert "went back" in clock.trouble
    assert clock.wait(back) == NOON
    assert clock.wait(1) == NOON + 1
    assert clock.jumps["backwards"] == 1
    assert clock.trouble == ""


def test_a_jump_is_logged_once_and_not_at_every_request() -> None:
    clock = ByHand()
    with capture_logs() as logged:
        clock.set += YEAR
        for _ in range(10):
            clock.wait(1_000)
        clock.set -= 2 * YEAR
        for _ in range(10):
            clock.wait(1_000)
    assert [(line["direction"], line["log_level"]) for line in logged] == [
        ("forwards", "warning"),
        ("backwards", "warning"),
    ]
    assert logged[0]["seconds"] == YEAR / SECOND


def test_a_clock_that_jumps_at_every_look_is_held_all_the_same() -> None:
    clock = ByHand()
    for seconds in range(1, 20):
        clock.set += YEAR
        assert clock.wait(SECOND) <= NOON + PACE * seconds * SECOND


def test_tokens_end_by_the_machines_clock() -> None:
    """Were they to wait with the time of commands, a stolen one would live for as long as that waits."""
    clock = ByHand()
    clock.now()
    clock.set -= YEAR
    assert clock.seconds() == clock.set // SECOND


def test_a_journal_that_is_ahead_is_waited_for() -> None:
    clock = ByHand()
    with capture_logs() as logged:
        clock.start_after(NOON + 90 * SECOND)
    assert [line["seconds"] for line in logged] == [90]
    assert clock.now() == NOON + 90 * SECOND
    assert "90 seconds" in clock.trouble
    assert clock.wait(91 * SECOND) == clock.set


def test_a_journal_that_is_old_is_told_of_and_gone_on_from() -> None:
    """It may have been at rest for two years, or the clock may be wrong by them: who starts it knows."""
    clock = ByHand()
    with capture_logs() as logged:
        clock.start_after(NOON - 2 * YEAR)
    assert [line["days"] for line in logged] == [730]
    assert clock.now() == NOON
    with capture_logs() as logged:
        clock.start_after(0)
        clock.start_after(NOON - DAY * SECOND)
        clock.start_after(NOON)
    assert logged == []


class Shifted(Clock):
    """The machine's clock, set wrong."""

    def __init__(self) -> None:
        self.by = 0
        super().__init__()

    def wall(self) -> int:
        return super().wall() + self.by


async def test_a_server_whose_clock_jumps_says_so_and_goes_on_in_its_own_time(
    server_url: str, template: str, tmp_path: Path
) -> None:
    """After a restart, too: then the journal says what time it is."""
    async with fresh(server_url, like=template) as url:
        values = {
            "DATABASE_URL": url,
            "VERDICT_PORT": "0",
            "VERDICT_METRICS_PORT": "0",
            "VERDICT_MAKERS": "0",
            "VERDICT_DATA": str(tmp_path),
        }
        settings = load_settings(values | {"VERDICT_ADMIN_PASSWORD": PASSWORD})
        clock = Shifted()
        async with running(settings, clock) as exchange, httpx.AsyncClient() as http:
            actors, kept = exchange.server.actors, exchange.server.exchange
            ready = await http.get(f"{exchange.address}/ready")
            assert ready.json()["clock"] == "steady"
            before = kept.now
            clock.by = 2 * YEAR
            await actors.ask(Deposit(at=clock.now(), user_id=AMM_ID, amount=1))
            assert kept.now - before < 600 * SECOND
            ready = await http.get(f"{exchange.address}/ready")
            assert "jumped ahead" in ready.json()["clock"]
            assert clock.jumps["forwards"] == 1
        clock = Shifted()
        clock.by = -YEAR
        async with running(settings, clock) as exchange, httpx.AsyncClient() as http:
            actors, kept = exchange.server.actors, exchange.server.exchange
            before = kept.now
            await actors.ask(Deposit(at=clock.now(), user_id=AMM_ID, amount=1))
            assert kept.now == before
            ready = await http.get(f"{exchange.address}/ready")
            assert "went back" in ready.json()["clock"]
