"""Candles over HTTP: what is shown to whom, which intervals there are, and what is too much or no time."""

from datetime import UTC, datetime, timedelta

import pytest
import trio

from kernel.journal import MemoryJournal
from tests.adapters.serving import Venue
from tests.adapters.streaming import ANN, AT, a_place, running

DAY = timedelta(days=1)


def spelled(time: datetime) -> str:
    return time.isoformat(timespec="microseconds").replace("+00:00", "Z")


def test_what_was_traded_and_how_the_market_stands(the_venue: Venue) -> None:
    market = the_venue.market()
    ann, ben = the_venue.user(100_000), the_venue.user(100_000)
    ann.placed(market, "BUY YES 40 @65")
    ben.placed(market, "BUY NO 30 @35")
    ben.placed(market, "BUY NO 20 @38")
    ben.placed(market, "BUY NO 5 @30")
    asked = {"interval": "1d", "start": spelled(datetime.now(UTC) - 3 * DAY)}
    shown = the_venue.nobody.data(f"/markets/{market}/candles", **asked)
    assert (shown["market_id"], shown["interval"]) == (market, "1d")
    candle = shown["items"][-1]
    assert datetime.fromisoformat(candle["start"]).timetuple()[3:6] == (0, 0, 0)
    assert candle == {
        "start": candle["start"],
        "open_cents": 65,
        "high_cents": 65,
        "low_cents": 65,
        "close_cents": 65,
        "bid_close_cents": None,
        "ask_close_cents": 62,
        "volume": 40,
        "trades": 2,
        "open_interest": 40,
        "is_final": False,
    }
    for interval in ("1m", "5m", "1h"):
        items = the_venue.nobody.data(f"/markets/{market}/candles", interval=interval)["items"]
        assert (items[-1]["is_final"], sum(item["volume"] for item in items)) == (False, 40)
        assert all(item["is_final"] for item in items[:-1])


def test_nothing_before_the_activation_and_nothing_after_the_resolution(the_venue: Venue) -> None:
    market = the_venue.market(active=False)
    path, late = f"/markets/{market}/candles", spelled(datetime.now(UTC) + 30 * DAY)
    assert the_venue.admin.data(path, interval="1m")["items"] == []
    assert the_venue.nobody.get(path, interval="1m").verdict == (404, 3001)
    the_venue.admin.post(f"/admin/markets/{market}/activate")
    start = spelled(datetime.now(UTC) - 30 * DAY)
    for _ in range(2):
        (candle,) = the_venue.nobody.data(path, interval="1d", start=start, end=late)["items"]
        assert (candle["volume"], candle["open_cents"], candle["open_interest"]) == (0, None, 0)
        the_venue.admin.post(f"/admin/markets/{market}/resolve", resolution_result="NO")
    assert the_venue.nobody.data(f"/markets/{market}")["status"] == "SETTLED"
    after = spelled(datetime.now(UTC) + 40 * DAY)
    assert the_venue.nobody.data(path, interval="1d", start=late, end=after)["items"] == []


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({}, "interval"),
        ({"interval": "2m"}, "interval"),
        ({"interval": ""}, "interval"),
        ({"interval": "1m", "start": "2026-11-20T10:00:00"}, "start"),
        ({"interval": "1m", "start": "1795168800"}, "start"),
        ({"interval": "1m", "start": "null"}, "start"),
        ({"interval": "1m", "start": ""}, "start"),
        ({"interval": "1m", "end": "2026-11-31T10:00:00Z"}, "end"),
        ({"interval": "1m", "end": "9" * 3_000}, "end"),
        ({"interval": "1m", "start": "2999-01-01T00:00:00Z"}, "start"),
        ({"interval": "1h", "start": "2026-11-20T10:00:00Z", "end": "2026-11-20T10:00:00Z"}, "start"),
        ({"interval": "1m", "start": "2026-11-20T00:00:00.000001Z", "end": "2026-11-21T01:00:01Z"}, "start"),
        ({"interval": "1d", "start": "0001-01-01T00:00:00Z", "end": "9999-12-31T23:59:59Z"}, "start"),
    ],
)
def test_what_is_no_period(the_venue: Venue, asked: dict[str, str], field: str) -> None:
    refused = the_venue.nobody.get("/markets/MKT-BTC-100K-2026/candles", **asked)
    assert refused.verdict == (400, 9004), refused.envelope
    assert field in {error["field"] for error in refused.data["errors"]}


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2026-11-20T00:00:00.999999Z", "2026-11-21T01:00:00Z"),
        ("0001-01-01T00:00:00Z", "0001-01-02T00:00:00Z"),
        ("9999-12-31T00:00:00Z", "9999-12-31T23:59:59.999999Z"),
        ("2026-11-20T02:00:00%2B02:00", "2026-11-20T00:00:01Z"),
    ],
)
def test_a_period_of_fifteen_hundred_intervals_at_any_time(the_venue: Venue, start: str, end: str) -> None:
    path = f"/markets/MKT-BTC-100K-2026/candles?interval=1m&start={start}&end={end}"
    assert the_venue.nobody.request("GET", path).code == 0


async def test_no_candle_is_final_while_a_command_from_its_time_is_under_way() -> None:
    """It waits, or is decided and not durable: what it does may still belong to the interval."""
    async with running("M") as venue:
        assert isinstance(venue.journal, MemoryJournal)
        market = venue.exchange.markets["M"]
        while not venue.server.actors.is_idle("M"):
            await trio.sleep(0)
        assert venue.server.earliest_news(market) > AT
        venue.server.actors.submit([a_place(ANN)])
        assert venue.server.earliest_news(market) == venue.exchange.now == AT
        await venue.ask(a_place(ANN, price=30))
        while not venue.server.actors.is_idle("M"):
            await trio.sleep(0)
        assert venue.server.earliest_news(market) > AT


# Several markets


def test_several_markets_are_told_as_each_alone(the_venue: Venue) -> None:
    first, second = the_venue.market(), the_venue.market()
    ann, ben = the_venue.user(10_000), the_venue.user(10_000)
    ann.placed(first, "BUY YES 1 @60")
    ben.placed(first, "BUY NO 1 @40")
    ann.placed(second, "BUY YES 1 @30")
    end = spelled(datetime.now(UTC) + timedelta(hours=1))
    told = the_venue.nobody.data("/candles", markets=f"{second},{first},{second}", interval="1h", end=end)
    alone = [
        the_venue.nobody.data(f"/markets/{market}/candles", interval="1h", end=end)
        for market in (second, first)
    ]
    assert told["items"] == alone
    assert [each["items"][-1]["volume"] for each in alone] == [0, 1]


def test_together_they_have_as_many_intervals_as_one(the_venue: Venue) -> None:
    ids = ",".join(the_venue.market() for _ in range(3))
    most = {"markets": ids, "interval": "1h", "end": "2026-11-20T20:00:00Z"}
    assert the_venue.nobody.get("/candles", **most, start="2026-10-31T00:00:00Z").code == 0, "500 hours"
    refused = the_venue.nobody.get("/candles", **most, start="2026-10-30T23:00:00Z")
    assert refused.data["errors"] == [
        {"field": "start", "problem": "is more than 500 intervals before the end"}
    ]
    assert the_venue.nobody.get("/candles", markets=",".join(map(str, range(51))), interval="1h").verdict == (
        400,
        9004,
    )


def test_several_markets_are_refused_for_one_that_is_not_there(the_venue: Venue) -> None:
    market, draft = the_venue.market(), the_venue.market(active=False)
    for other in ("nowhere", draft, ""):
        answer = the_venue.nobody.get("/candles", markets=f"{market},{other}", interval="1h")
        assert answer.verdict == (404, 3001), other
    assert the_venue.admin.get("/candles", markets=f"{market},{draft}", interval="1h").code == 0
    assert the_venue.nobody.get("/candles", interval="1h").verdict == (400, 9004)


def test_without_a_beginning_so_many_have_fewer_intervals_each(the_venue: Venue) -> None:
    ids = [the_venue.market() for _ in range(16)]
    assert the_venue.nobody.get("/candles", markets=",".join(ids), interval="1m").code == 0
