"""The market maker hears of its trades from Kafka: server, relay, brokers and maker are processes each."""

import contextlib
import signal
from collections.abc import Iterator
from pathlib import Path

import attrs
import httpx
import pytest

from tests.adapters.relaying import relay
from tests.adapters.serving import Venue, database_for, serving, until, venue
from tests.end_to_end.making import CONFIG, LADDER, MakerProcess, making, quoted
from tests.kafka_mock import Kafka, kafka


@attrs.frozen
class Exchange:
    venue: Venue
    database_url: str
    brokers: Kafka
    folder: Path

    @contextlib.contextmanager
    def relay(self) -> Iterator[None]:
        with relay(self.database_url, self.folder, self.brokers.url):
            yield

    @contextlib.contextmanager
    def maker(self, config: str = CONFIG) -> Iterator[MakerProcess]:
        settings = {"FEED": "kafka", "KAFKA_URL": self.brokers.url}
        with making(self.venue.address, self.folder, config, **settings) as maker:
            yield maker


@pytest.fixture
def exchange(server_url: str, template: str, tmp_path: Path) -> Iterator[Exchange]:
    with (
        database_for(server_url, template) as url,
        serving(url, tmp_path) as server,
        kafka() as brokers,
        httpx.Client(base_url=server.address, timeout=30) as http,
    ):
        yield Exchange(venue(server.address, http), url, brokers, tmp_path)


def test_the_maker_quotes_by_what_kafka_tells_and_not_at_all_when_it_is_silent(exchange: Exchange) -> None:
    """Without the relay it is blind; and one that is started again goes on from what the exchange shows."""
    with contextlib.ExitStack() as stack:
        relay = stack.enter_context(contextlib.ExitStack())
        relay.enter_context(exchange.relay())
        maker = stack.enter_context(exchange.maker())
        market = quoted(exchange.venue)
        until(lambda: market.book() == LADDER)
        ann = exchange.venue.user(100_000)
        ann.placed(market.market_id, "BUY YES 10 @55")
        ann.placed(market.market_id, "BUY NO 7 @55")
        until(lambda: market.agrees(maker))
        assert market.position()[:2] == (2_490, 2_493)
        until(lambda: maker.state(market.market_id)["layer3_posterior_cents"] != "50.000000")
        market.admin("suspend")
        until(lambda: not market.own_orders())
        market.admin("resume")
        until(market.is_quoted)

        relay.close()
        ann.placed(market.market_id, "BUY YES 3 @60")
        until(lambda: not market.own_orders())
        assert not market.agrees(maker)
        until(lambda: "kafka has told events up to" in maker.log.read_text())

        relay.enter_context(exchange.relay())
        until(lambda: market.is_quoted() and market.agrees(maker))
        ann.placed(market.market_id, "BUY NO 5 @60")
        until(lambda: market.agrees(maker))
        market.assert_sane(maker)
        assert wrong(maker) == []

        maker.stop(signal.SIGKILL)
        ann.placed(market.market_id, "BUY YES 4 @60")
        again = stack.enter_context(exchange.maker())
        until(lambda: "yes_volume" in again.state(market.market_id))
        until(lambda: market.is_quoted() and market.agrees(again))
        ann.placed(market.market_id, "BUY YES 6 @60")
        until(lambda: market.agrees(again))
        assert market.position()[0] == 2_477
        assert wrong(again) == []
        assert again.stop() == 0
        assert not market.own_orders()


def wrong(maker: MakerProcess) -> list[str]:
    return [alert for alert in maker.alerts() if "DRIFT" in alert or "PROGRAMMING" in alert]
