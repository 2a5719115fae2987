"""A price from outside: a real little HTTP feed that a live market maker follows, and what it makes of it."""

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import attrs
import httpx
import pytest
import trio

from amm.brain.config import Oracle
from amm.live.reference import ReportedPrice, follow
from tests.adapters.serving import Venue, database_for, serving, until, venue
from tests.amm.parts import NOON, config
from tests.amm.venue import playing
from tests.end_to_end.making import CONFIG, MakerProcess, Quoted, making, quoted


@attrs.define(eq=False)
class OutsideFeed:
    """Answers every question with the same words until it is given others."""

    words: str = '{"price_cents": 50}'
    status: int = 200
    asked: list[str] = attrs.field(factory=list)
    address: str = ""

    def says(self, price: Any) -> None:
        self.words = json.dumps({"price_cents": price})


@pytest.fixture
def outside() -> Iterator[OutsideFeed]:
    feed = OutsideFeed()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            feed.asked.append(self.path)
            self.send_response(feed.status)
            self.end_headers()
            self.wfile.write(feed.words.encode())

        def log_message(self, *_words: object) -> None:
            """Nobody reads it."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        feed.address = f"http://127.0.0.1:{server.server_port}"
        yield feed
        server.shutdown()


@pytest.fixture(scope="module")
def exchange(server_url: str, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Venue]:
    with (
        database_for(server_url, template) as url,
        serving(url, tmp_path_factory.mktemp("exchange")) as server,
        httpx.Client(base_url=server.address, timeout=30) as http,
    ):
        yield venue(server.address, http)


def reasons(maker: MakerProcess, market: Quoted) -> list[str]:
    return list(maker.state(market.market_id)["defense_reasons"])


def test_the_anchor_follows_the_feed_and_the_guard_watches_it(
    exchange: Venue, tmp_path: Path, outside: OutsideFeed
) -> None:
    """51.5 is followed; a jump to 57 leaves the asks stale, so only bids are quoted; silence widens."""
    config = f"""{CONFIG}
[oracle]
enabled = true
url = "{outside.address}/{{market_id}}"
max_oracle_lag_ms = 900
min_deviation_threshold_cents = 30

[pricing]
anchor_initial_weight = 0.8
"""
    outside.says(51.5)
    with making(exchange.address, tmp_path, config) as maker:
        market = quoted(exchange, maker)
        until(lambda: maker.state(market.market_id)["layer1_anchor_cents"] == "51.500000")
        assert outside.asked[-1] == f"/{market.market_id}"
        assert maker.state(market.market_id)["defense_level"] == "NORMAL"
        until(lambda: market.book()["asks"][0][0] == 57)
        outside.says(57)
        until(lambda: "ORACLE_GAP" in reasons(maker, market))
        until(lambda: (book := market.book())["asks"] == [] and book["bids"] != [])
        outside.status = 500
        until(lambda: "ORACLE_STALE" in reasons(maker, market))
        outside.status = 200
        until(lambda: "ORACLE_STALE" not in reasons(maker, market))
        assert sum("no price from outside" in line for line in maker.log.read_text().splitlines()) == 1


def test_a_quote_that_strays_from_the_feed_pauses_and_goes_on_when_it_is_back(
    exchange: Venue, tmp_path: Path, outside: OutsideFeed
) -> None:
    """The anchor has little weight here, so the fair price stays near 50 while the feed says 56."""
    config = f"""{CONFIG}
defense_cooldown_cycles = 1

[oracle]
enabled = true
url = "{outside.address}"
gap_threshold_cents = 20

[pricing]
anchor_initial_weight = 0.1
"""
    with making(exchange.address, tmp_path, config) as maker:
        market = quoted(exchange, maker)
        exchange.user(100_000).placed(market.market_id, "BUY YES 1 @55")  # the posterior leaves the anchor
        until(lambda: maker.state(market.market_id)["layer3_posterior_cents"] != "50.000000")
        outside.says(56)
        until(lambda: "ORACLE_DEVIATION" in reasons(maker, market))
        until(lambda: not market.own_orders())
        outside.says(50)
        until(market.is_quoted)


def test_a_feed_that_never_answered_is_stale(exchange: Venue, tmp_path: Path, outside: OutsideFeed) -> None:
    """Nonsense is no answer: no price of a share lies outside 0 to 100."""
    outside.says(100)
    config = f'{CONFIG}\n[oracle]\nenabled = true\nmax_oracle_lag_ms = 600\nurl = "{outside.address}"\n'
    with making(exchange.address, tmp_path, config) as maker:
        market = quoted(exchange, maker)
        until(lambda: "ORACLE_STALE" in reasons(maker, market))
        outside.says("NaN")
        asked = len(outside.asked)
        until(lambda: len(outside.asked) > asked + 2)
        assert maker.state(market.market_id)["task_restarts"] == 0
        assert maker.state(market.market_id)["layer1_anchor_cents"] == "50.000000"


def test_an_answer_that_says_it_is_old_is_old() -> None:
    """With a lag of three seconds at most, what was true three seconds ago is fresh and nothing before it."""
    noon = datetime(2026, 11, 20, 12, tzinfo=UTC)
    answer, now_ms = ReportedPrice(price_cents=Decimal(50), updated_at=noon), int(noon.timestamp() * 1_000)
    assert answer.is_fresh(Oracle(), now_ms + 3_000)
    assert not answer.is_fresh(Oracle(), now_ms + 3_001)
    assert ReportedPrice(price_cents=Decimal(50)).is_fresh(Oracle(), now_ms + 3_001)


async def test_an_address_that_is_none_is_a_feed_that_does_not_answer() -> None:
    """It costs the quote its reference, and not the market its task."""
    play = playing()
    play.state.config = config(
        oracle__enabled=True, oracle__url="http://nobody:port", oracle__max_oracle_lag_ms=500
    )
    with trio.move_on_after(0.5) as waited:
        await follow(play.state, lambda: NOON, lambda _news: None)
    assert waited.cancelled_caught
