"""What one has in all over HTTP: now, with one's sub-accounts, and day by day."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import attrs
import httpx
import pytest
import trio

from adapters.access.tokens import TokenType
from adapters.cli.serve import running
from adapters.runtime.clock import Clock
from adapters.service.server import Server
from adapters.wire.paging import cursor_at
from kernel.codes import ReferenceType
from kernel.commands import AnyCommand, OpenAccount, TransferFunds
from tests.adapters.crowded import settings_of
from tests.adapters.serving import Caller, Venue, tokens, venue

DAY, SECOND, MICROSECOND = timedelta(days=1), timedelta(seconds=1), timedelta(microseconds=1)
NONE = timedelta()
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
FIGURES = {
    *("equity_cents", "positions_value_cents", "unrealized_pnl_cents", "realized_pnl_cents"),
    *("fees_paid_cents", "net_deposits_cents", "net_transfers_cents"),
}


class Calendar(Clock):
    """The machine's clocks, of which a test turns the pages; they begin at the noon to come."""

    def __init__(self) -> None:
        self.passed = DAY - (datetime.now(UTC) - NOON) % DAY
        """How much more time has gone by than really has."""
        self.wrong = timedelta()
        """By how much the wall clock is set ahead."""
        super().__init__()

    def wall(self) -> int:
        return super().wall() + (self.passed + self.wrong) // MICROSECOND

    def real(self) -> int:
        return super().real() + self.passed // MICROSECOND

    def turn(self, passed: timedelta, wrong: timedelta) -> None:
        self.passed, self.wrong = self.passed + passed, self.wrong + wrong


@attrs.frozen
class Stage:
    """An exchange in this process, seen from another thread, and its clock."""

    venue: Venue
    server: Server
    clock: Calendar

    def do(self, command: AnyCommand) -> None:
        trio.from_thread.run(self.server.actors.ask, command)

    def now(self) -> int:
        return trio.from_thread.run_sync(self.clock.now)

    def turn(self, *, passed: timedelta = NONE, wrong: timedelta = NONE) -> None:
        """Let time go by, or the wall clock be set wrong; not while somebody is reading it."""
        trio.from_thread.run_sync(self.clock.turn, passed, wrong)

    def user(self, cents: int) -> Caller:
        """Whose token outlives the days that pass here."""
        caller = self.venue.user()
        token = tokens.issue(caller.user_id, TokenType.ACCESS, "USER", 30 * DAY // SECOND)
        caller = attrs.evolve(caller, token=token)
        caller.deposit(cents)
        return caller


async def play(url: str, folder: Path, story: Callable[[Stage], None]) -> None:
    clock = Calendar()
    async with running(settings_of(url, folder), clock) as there:
        with httpx.Client(base_url=there.address, timeout=30) as http:
            await trio.to_thread.run_sync(
                lambda: story(Stage(venue(there.address, http), there.server, clock))
            )


def test_what_one_has_in_all_and_where_it_came_from(the_venue: Venue) -> None:
    """Ann pays 6 for 10 YES, and sells 4 of them for 5 each; the price falls to 50 where nobody stands."""
    ann, ben, market = the_venue.user(100_000), the_venue.user(100_000), the_venue.market()
    ann.placed(market, "BUY YES 10 @60")
    ben.placed(market, "BUY NO 10 @40")
    ben.placed(market, "BUY YES 4 @50")
    seen = ann.placed(market, "SELL YES 4 @50")
    own = ann.get("/account/portfolio")
    assert int(own.headers["x-journal-id"]) == own.data["as_of_seq"] > 0
    assert seen["order"]["status"] == "FILLED"
    cents = {name: value for name, value in own.data.items() if name.endswith("_cents")}
    assert cents == {
        "available_balance_cents": 99_598,
        "frozen_balance_cents": 0,
        "positions_value_cents": 300,
        "cost_cents": 360,
        "unrealized_pnl_cents": -60,
        "realized_pnl_cents": -40,
        "fees_paid_cents": 2,
        "net_deposits_cents": 100_000,
        "net_transfers_cents": 0,
        "equity_cents": 99_898,
        "sub_accounts_equity_cents": 0,
        "total_equity_cents": 99_898,
    }
    assert own.data["realized_pnl_display"] == "-$0.40"
    assert own.data["positions"] == [
        {
            "market_id": market,
            "status": "ACTIVE",
            "spot_half_cents": 100,
            "yes_volume": 6,
            "no_volume": 0,
            "value_cents": 300,
            "value_display": "$3.00",
            "cost_cents": 360,
            "cost_display": "$3.60",
            "unrealized_pnl_cents": -60,
            "unrealized_pnl_display": "-$0.60",
            "realized_pnl_cents": -40,
            "realized_pnl_display": "-$0.40",
            "fees_paid_cents": 2,
            "fees_paid_display": "$0.02",
        }
    ]
    stranger = the_venue.user().data("/account/portfolio")
    assert (stranger["positions"], stranger["total_equity_cents"]) == ([], 0)


def test_the_running_day_is_told_as_of_now(the_venue: Venue) -> None:
    ann = the_venue.user(1_000)
    now = ann.data("/account/portfolio")
    told = ann.data("/account/portfolio/history")
    (today,) = told["items"]
    assert today.pop("date") == str(datetime.now(tz=UTC).date())
    assert today == {
        "equity_cents": 1_000,
        "cash_cents": 1_000,
        "positions_value_cents": 0,
        "unrealized_pnl_cents": 0,
        "realized_pnl_cents": 0,
        "fees_paid_cents": 0,
        "net_deposits_cents": 1_000,
        "net_transfers_cents": 0,
    }
    assert now["equity_cents"] == 1_000
    assert the_venue.user().data("/account/portfolio/history")["items"] == []


@pytest.mark.parametrize("day", ["0001-01-01", "yesterday", "2026-13-01", ""])
def test_a_day_that_no_page_showed_is_no_cursor(the_venue: Venue, day: str) -> None:
    answer = the_venue.user(1_000).get("/account/portfolio/history", cursor=cursor_at(day))
    assert answer.verdict == (400, 9004)


async def test_each_day_stands_in_the_history_as_it_ended(database_url: str, tmp_path: Path) -> None:
    """Days on which nothing happened, too: between two that the tables know, and since the newest event."""

    def story(stage: Stage) -> None:
        ann, ben, market = stage.user(1_000), stage.user(1_000), stage.venue.market()
        ann.placed(market, "BUY YES 10 @60")
        ben.placed(market, "BUY NO 10 @40")
        ends = [as_of_now(stage, ann)]
        for number in range(1, 5):
            stage.turn(passed=DAY)
            if number == 2:
                ann.deposit(500)
                ben.placed(market, "BUY YES 1 @55")
            ends.append(as_of_now(stage, ann))
        first = date.fromisoformat(ends[0]["date"])
        assert [end["date"] for end in ends] == [str(first + n * DAY) for n in range(5)]
        amounts = [{**end, "date": ""} for end in ends]
        assert amounts[0] == amounts[1] != amounts[2] == amounts[3] == amounts[4]
        path = "/account/portfolio/history"
        whole = ann.data(path)
        assert (whole["items"], whole["next_cursor"]) == (ends[::-1], None)
        for limit in (1, 2, 4):
            assert list(pages(ann, limit)) == ends[::-1]
        assert ann.data(path, cursor=cursor_at("9999-12-31"))["items"] == ends[::-1]
        assert ann.data(path, cursor=cursor_at(ends[0]["date"]))["items"] == []
        # A clock that was set ahead brings no days that nobody has lived through.
        stage.turn(wrong=3 * DAY)
        assert ann.data(path)["items"] == ends[::-1]

    await play(database_url, tmp_path, story)


def as_of_now(stage: Stage, user: Caller) -> dict[str, Any]:
    """The day as its portfolio says it would end."""
    had = user.data("/account/portfolio")
    cash = had["available_balance_cents"] + had["frozen_balance_cents"]
    day = (EPOCH + stage.now() * MICROSECOND).date()
    return {"date": str(day), "cash_cents": cash, **{name: had[name] for name in FIGURES}}


def pages(user: Caller, limit: int) -> Iterator[dict[str, Any]]:
    cursor: dict[str, str] = {}
    while True:
        page = user.data("/account/portfolio/history", limit=limit, **cursor)
        assert len(page["items"]) <= limit
        assert page["next_cursor"] != cursor.get("cursor", ""), "a page that is followed by itself"
        yield from page["items"]
        if page["next_cursor"] is None:
            return
        cursor = {"cursor": page["next_cursor"]}


async def test_what_the_sub_accounts_have_is_told_beside_ones_own(database_url: str, tmp_path: Path) -> None:
    def story(stage: Stage) -> None:
        ann, ben = stage.user(1_000), stage.user(1_000)
        for name, cents in (("first", 300), ("second", 25)):
            sub_id = f"{ann.user_id}:{name}"
            at = stage.now()
            stage.do(OpenAccount(at=at, user_id=sub_id, owner_id=ann.user_id, auto_netting=False))
            stage.do(
                TransferFunds(
                    at=at,
                    from_id=ann.user_id,
                    to_id=sub_id,
                    amount=cents,
                    reference_type=ReferenceType.MM_PAYMENT,
                    idempotency_key=name,
                )
            )
        own = ann.data("/account/portfolio")
        amounts = {name: own[f"{name}_cents"] for name in ("equity", "sub_accounts_equity", "total_equity")}
        assert amounts == {"equity": 675, "sub_accounts_equity": 325, "total_equity": 1_000}
        assert own["net_transfers_cents"] == -325
        assert (own["sub_accounts_equity_display"], own["total_equity_display"]) == ("$3.25", "$10.00")
        assert ben.data("/account/portfolio")["sub_accounts_equity_cents"] == 0

    await play(database_url, tmp_path, story)
