"""Whoever leads may be killed, or hang: another process leads, and nobody who is connected to it notices."""

import contextlib
import itertools
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import attrs
import httpx
import pytest
import trio

from tests.adapters import serving
from tests.adapters.serving import Caller, ServerProcess, on, until
from tests.adapters.streaming import connected, wish
from tests.adapters.test_follow import calling, elsewhere, node, told
from tests.adapters.test_stream_restart import ALL, port_of

BATCH = 10


@attrs.define
class Trader:
    """Places one order after the other at one process, and remembers what it was told."""

    caller: Caller
    market: str
    acknowledged: dict[str, str] = attrs.field(factory=dict)
    """The order's id, by the name that it was given."""
    others: list[object] = attrs.field(factory=list)
    _stop: threading.Event = attrs.field(factory=threading.Event)

    def trade(self) -> None:
        while not self._stop.is_set():
            name = f"{self.caller.name}-{len(self.acknowledged)}"
            answer = self.caller.place(self.market, "BUY YES 1 @40", name)
            if answer.verdict == (201, 0):
                self.acknowledged[name] = answer.data["order"]["id"]
            else:
                self.others.append(answer.envelope)

    @contextlib.contextmanager
    def trading(self) -> Iterator[None]:
        thread = threading.Thread(target=self.trade)
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join()


def who_leads(processes: list[ServerProcess]) -> ServerProcess | None:
    leading = [one for one in processes if one.process.poll() is None and told(one, "verdict_leads")]
    assert len(leading) <= 1, "one writer"
    return leading[0] if leading else None


async def converse(port: int, token: str, market: str, until_over: threading.Event) -> list[list[int]]:
    """Trade on a stream all the while; the numbers of results and the ids of events, as they came."""
    results: list[int] = []
    events: list[int] = []
    async with connected(port, token=token) as client:
        await client.do("subscribe", topics=ALL)
        for number in itertools.count():
            if until_over.is_set():
                break
            batch = [
                {"cid": 1000 + number * BATCH + n, "op": "place", **wish(market_id=market, quantity=1)}
                for n in range(BATCH)
            ]
            await client.send(*batch)
            while len(results) < (number + 1) * BATCH:
                message = await client.receive()
                if message["t"] == "event":
                    events.append(message["seq"])
                elif message["t"] == "result":
                    assert message["status"] == 201, message
                    results.append(message["cid"])
        while len(events) < len(results):
            events.append((await client.events(1))[0]["seq"])
    return [results, events]


def test_leaders_are_killed_and_nothing_is_lost_or_done_twice_or_refused(
    server_url: str, template: str, tmp_path: Path
) -> None:
    """Three begin at once, on an exchange that nobody has opened; twice whoever leads is killed."""
    with serving.database_for(server_url, template) as url, contextlib.ExitStack() as stack:
        with ThreadPoolExecutor() as together:
            processes = [*together.map(lambda _: stack.enter_context(node(url, tmp_path)), range(3))]
        leader = who_leads(processes)
        assert leader is not None
        last, victims = next(one for one in processes if one is not leader), 0
        venue = stack.enter_context(calling(last))
        ann, ben = venue.user(5_000_000), venue.user(5_000_000)
        market = venue.market(max_open_orders=10_000, max_open_orders_total=100_000)
        trader, over = Trader(ann, market), threading.Event()
        talk: list[list[int]] = []
        talker = threading.Thread(
            target=lambda: talk.extend(trio.run(converse, port_of(last), ben.token or "", market, over))
        )
        with trader.trading():
            talker.start()
            while victims < 2:
                before = len(trader.acknowledged)
                until(lambda before=before: len(trader.acknowledged) > before + 20)
                leader = who_leads(processes)
                assert leader is not None
                if leader is last:
                    break
                leader.stop(signal.SIGKILL)
                victims += 1
                until(lambda: who_leads([one for one in processes if one.process.poll() is None]) is not None)
            before = len(trader.acknowledged)
            until(lambda: len(trader.acknowledged) > before + 20)
        over.set()
        talker.join()
        assert trader.others == []
        results, events = talk
        assert results == list(range(1000, 1000 + len(results))), "each command has its one result, in order"
        assert events == sorted(set(events)), "each event came once, in order"
        accepted = on(url, "SELECT count(*) FROM wal_events WHERE event_type = 'ORDER_ACCEPTED'")
        assert accepted == len(trader.acknowledged) + len(results)
        for name, order_id in trader.acknowledged.items():
            assert ann.place(market, "BUY YES 1 @40", name).data["order"]["id"] == order_id
        assert last.stop() == 0


@pytest.mark.alone
def test_a_leader_that_hangs_is_deposed_and_answers_nothing_when_it_wakes_up(
    server_url: str, template: str, tmp_path: Path
) -> None:
    """Meanwhile reads go on until they are too old, and then again once somebody leads."""
    how = {"VERDICT_TAKEOVER_MS": "3000", "VERDICT_STALE_SECONDS": "1"}
    with (
        serving.database_for(server_url, template) as url,
        node(url, tmp_path, "serve", **how) as leader,
        node(url, tmp_path, **how) as follower,
        calling(leader) as at_leader,
        calling(follower, at_leader) as at_follower,
        ThreadPoolExecutor() as meanwhile,
    ):
        ann = at_leader.user(100_000)
        market = at_leader.market()
        there = elsewhere(ann, at_follower)
        leader.process.send_signal(signal.SIGSTOP)
        begun = time.monotonic()
        assert there.get("/account/balance").code == 0
        own = {"Authorization": f"Bearer {ann.token}"}
        asleep = meanwhile.submit(at_leader.http.get, "/api/v1/account/balance", headers=own)
        until(lambda: httpx.get(f"{follower.address}/ready").status_code == 503, 2.5)
        assert there.get("/account/balance").verdict == (503, 9003)
        assert there.place(market, "BUY YES 10 @40").verdict == (201, 0)
        assert time.monotonic() - begun < 6
        leader.process.send_signal(signal.SIGCONT)
        with contextlib.suppress(httpx.HTTPError):  # it ended first
            assert asleep.result().status_code >= 500, "it does not know what happened meanwhile"
        assert leader.process.wait(timeout=30) == 1
        assert "another server took the journal over" in leader.log.read_text()
        assert there.data("/account/balance")["frozen_balance_cents"] > 0
        assert httpx.get(f"{follower.address}/ready").status_code == 200
