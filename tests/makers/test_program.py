"""The worker as a program: its token, and what it tells of itself."""

import base64
import time

import httpx
import msgspec
import trio
from prometheus_client.parser import text_string_to_metric_families
from structlog.testing import capture_logs
from trio.testing import MockClock

from makers.live.metrics import Metrics
from makers.live.program import Options, Program
from makers.live.worker import Limits
from tests.adapters.serving import ROOT
from tests.makers.exchange import Exchange
from tests.makers.test_worker import Crew

PAGE = ROOT / "docs" / "operations" / "makers.md"


def token(begins: float, lifetime: int) -> str:
    claims = {"iat": int(begins), "exp": int(begins) + lifetime, "type": "service"}
    return f"x.{base64.urlsafe_b64encode(msgspec.json.encode(claims)).decode().rstrip('=')}.x"


async def test_a_token_that_cannot_be_renewed_is_tried_again_each_minute(autojump_clock: MockClock) -> None:
    """Nobody listens there; of a hundred seconds ninety are over."""
    program = Program(Options(url="http://127.0.0.1:1", token=token(time.time() - 90, 100), limits=Limits()))
    with capture_logs() as told, trio.move_on_after(130):
        await program.run(lambda _line: None)
    failed = [one for one in told if one["event"] == "the token could not be renewed"]
    assert len(failed) == 3


async def test_a_token_in_its_youth_is_left_alone(autojump_clock: MockClock) -> None:
    program = Program(Options(url="http://127.0.0.1:1", token=token(time.time(), 1_000), limits=Limits()))
    with capture_logs() as told, trio.move_on_after(700):
        await program.run(lambda _line: None)
    assert [one for one in told if "renewed" in one["event"]] == []


async def test_the_numbers_tell_what_the_worker_does(nursery: trio.Nursery) -> None:
    """And its health tells whether it has a line to the exchange."""
    exchange = Exchange(nursery)
    seat = exchange.seat(1, refresh=60.0)
    exchange.refusals["place"].append(4003)
    bad = exchange.seat(2, freeze_bps=-10_000)
    worker = Crew(exchange, nursery).hire("a")
    metrics = Metrics(worker)
    address = await nursery.start(metrics.serve, "127.0.0.1", 0)
    async with httpx.AsyncClient(base_url=address) as http:
        with trio.fail_after(20):
            while {one[0] for one in exchange.past.ends} != {seat.order_id, bad.order_id}:
                await trio.sleep(0.01)
            while worker.running:
                await trio.sleep(0.01)
        told = {
            sample.name: sample.value
            for family in text_string_to_metric_families((await http.get("/metrics")).text)
            for sample in family.samples
            if "le" not in sample.labels
        }
        assert told["verdict_makers_cycle_seconds_count"] == 2
        assert told["verdict_makers_in_flight"] == 0
        assert told["verdict_makers_skipped_total"] == 1
        assert told["verdict_makers_errors_total"] == 1
        assert told["verdict_makers_reconnects_total"] == 0
        assert (await http.get("/health")).status_code == 200
        await exchange.cut()
        with trio.fail_after(20):
            while worker.line.reconnects == 0:
                await trio.sleep(0.01)
        assert "verdict_makers_reconnects_total 1.0" in (await http.get("/metrics")).text
        exchange.is_closed = True
        await exchange.cut()
        with trio.fail_after(20):
            while (answer := await http.get("/health")).status_code != 503:
                await trio.sleep(0.01)
        assert answer.text == "no line to the exchange"
    nursery.cancel_scope.cancel()


async def test_the_page_explains_each_number(nursery: trio.Nursery) -> None:
    worker = Crew(Exchange(nursery), nursery).hire("a")
    page = PAGE.read_text()
    names = {
        f"{family.name}_total" if family.type == "counter" else family.name
        for family in Metrics(worker).registry.collect()
    }
    assert len(names) == 5
    assert [name for name in names if f"| `{name}` |" not in page] == []
    nursery.cancel_scope.cancel()
