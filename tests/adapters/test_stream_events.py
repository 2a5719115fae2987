"""Private events: whose, in which order, once each; and told again after a break without gap or overlap."""

from typing import Any

import msgspec
import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.access.tokens import TokenType
from adapters.wire.render import time_or_null
from kernel.codes import AMM_ID, Direction, MarketStatus, TradingMode
from kernel.commands import (
    ActivateMarket,
    CreateMarket,
    HaltMarket,
    MarketTerms,
    ResolveMarket,
    ResumeMarket,
    SetMarketMode,
    StartAmm,
    StopAmm,
    SuspendMarket,
)
from kernel.exchange import Exchange
from kernel.journal import MemoryJournal
from tests.adapters.streaming import (
    ANN,
    AT,
    BEN,
    ROOT,
    Client,
    Venue,
    a_place,
    founded,
    replayed,
    running,
    seqs,
    wish,
)

ALL = ["order_events", "trade_events", "market_events"]
SELL = Direction.SELL


async def test_a_trade_tells_each_party_its_own_side() -> None:
    """The maker (ann) buys at 60; ben, the taker, sells her NO by buying it at 40: a mint."""
    async with running("M") as venue, venue.client(ANN) as ann, venue.client(BEN) as ben:
        for client in (ann, ben):
            answer = await client.do("subscribe", topics=ALL)
            assert answer["data"] == {"from": venue.durable + 1}
        await ann.place(price_cents=60, quantity=10)
        await ann.events(1)
        await ben.place(side="NO", price_cents=40, quantity=4)
        trade, order = await ann.events(2)
        assert trade["topic"] == "trade_events"
        assert trade["seq"] == order["seq"] == venue.durable
        assert [trade["n"], order["n"]] == [2, 3]
        detail = trade["data"]["trade"]
        assert (detail["scenario"], detail["price_cents"], detail["quantity"]) == ("MINT", 60, 4)
        assert detail["buyer"]["user_id"] == ANN
        assert detail["buyer"]["role"] == "MAKER"
        assert detail["seller"] == {
            "user_id": None,
            "order_id": None,
            "role": "TAKER",
            "fee_cents": 1,
            "is_amm": False,
        }
        assert order["data"]["order"]["status"] == "PARTIALLY_FILLED"
        assert order["data"]["order"]["previous_status"] == "OPEN"
        accepted, bens_trade, bens_order = await ben.events(3)
        assert accepted["data"]["order"]["previous_status"] == "NEW"
        assert bens_trade["data"]["trade"]["seller"]["user_id"] == BEN
        assert bens_trade["data"]["trade"]["buyer"]["user_id"] is None
        assert bens_trade["data"]["event_id"] == trade["data"]["event_id"]
        assert bens_order["data"]["event_id"] == order["data"]["event_id"][:-1] + "1"


async def test_only_administrators_hear_what_happens_to_a_draft() -> None:
    """Not even that there is one; neither at once nor when it is told again."""

    def mode(mode: TradingMode) -> SetMarketMode:
        return SetMarketMode(at=AT, market_id="secret", mode=mode, by=ROOT, reason="merger")

    topics = ["market_events", "mode_events"]
    async with running("M") as venue, venue.client(ANN) as ann, venue.client(ROOT) as root:
        for client in (ann, root):
            await client.do("subscribe", topics=topics)
        before = venue.durable
        await venue.ask(CreateMarket(at=AT, market_id="secret", terms=MarketTerms(title="?"), by=ROOT))
        await venue.ask(mode(TradingMode.POST_ONLY))
        await venue.ask(SuspendMarket(at=AT, market_id="M", by=ROOT))
        async with venue.client(BEN) as ben:
            await ben.do("resume", topics=topics, after=before)
            for client in (ann, ben):
                (first,) = await client.events(1)
                assert first["data"]["market_id"] == "M"
            hidden, _ = await root.events(2)
            assert hidden["data"]["market_id"] == "secret"
            await venue.ask(ActivateMarket(at=AT, market_id="secret", by=ROOT))
            for client in (ann, ben, root):
                (activated,) = await client.events(1)
                assert activated["data"]["market_id"] == "secret"


async def test_who_hears_that_a_market_pauses_hears_until_when() -> None:
    """At once, and told again; when it goes on nothing is announced any more."""
    pausing = MarketTerms(title="?", halt_move_cents=8, halt_pause_ms=2_000)
    async with running("M") as venue, venue.client(ANN) as ann, venue.client(BEN) as ben:
        await venue.ask(CreateMarket(at=AT, market_id="P", terms=pausing, by=ROOT))
        await venue.ask(ActivateMarket(at=AT, market_id="P", by=ROOT))
        before = venue.durable
        await ann.do("subscribe", topics=["market_events"])
        for price in (50, 58):
            await ann.place(market_id="P", price_cents=price, quantity=1)
            await ben.place(market_id="P", side="NO", price_cents=100 - price, quantity=1)
        (paused,) = await ann.events(1)
        until = paused["data"]["until"]
        assert paused["data"]["new_status"] == "SUSPENDED"
        assert until is not None
        assert until == time_or_null(venue.exchange.markets["P"].pause_until)
        await venue.ask(ResumeMarket(at=AT, market_id="P", target_status=MarketStatus.ACTIVE, by=ROOT))
        (resumed,) = await ann.events(1)
        assert (resumed["data"]["new_status"], resumed["data"]["until"]) == ("ACTIVE", None)
        await ben.do("resume", topics=["market_events"], after=before)
        again = await ben.events(2)
        assert [event["data"] for event in again] == [paused["data"], resumed["data"]]


async def test_the_result_comes_ahead_of_what_its_command_caused_and_one_id_in_one_frame() -> None:
    async with running("M") as venue, venue.client(AMM_ID) as amm:
        await amm.do("subscribe", topics=ALL, scope="market")
        await amm.place(price_cents=60, quantity=10)
        await amm.events(1)
        await amm.send({"cid": 500, "op": "place", **wish(direction="SELL", price_cents=60, quantity=4)})
        seen: list[dict[str, Any]] = []
        frames: list[list[dict[str, Any]]] = []
        while len(seen) < 5:
            frames.append(await amm.receive_frame())
            seen += frames[-1]
        assert [message["t"] for message in seen] == ["result", *["event"] * 4]
        assert seqs(seen[1:]) == [venue.durable - 1] + [venue.durable] * 3
        for frame in frames:
            ids = set(seqs([message for message in frame if message["t"] == "event"]))
            others = {
                message["seq"]
                for other in frames
                if other is not frame
                for message in other
                if message["t"] == "event"
            }
            assert not ids & others


async def test_scope_market_is_for_the_privileged_and_shows_both_parties() -> None:
    async with running("M") as venue, venue.client(ROOT) as root, venue.client(ANN) as ann:
        refused = await ann.do("subscribe", topics=ALL, scope="market")
        assert (refused["status"], refused["code"]) == (403, 1007)
        assert (await root.do("subscribe", topics=ALL, scope="market", markets=["M"]))["ok"]
        await venue.ask(a_place(BEN, price=60), a_place(AMM_ID, direction=SELL, price=60))
        events = await root.events(5)
        trade = next(event for event in events if event["topic"] == "trade_events")["data"]["trade"]
        assert (trade["buyer"]["user_id"], trade["seller"]["user_id"]) == (BEN, AMM_ID)
        assert trade["seller"]["is_amm"]


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"topics": []}, 7007),
        ({"topics": ["weather"]}, 7007),
        ({"topics": ALL, "markets": ["X"]}, 7007),
        ({"topics": ALL, "markets": []}, 7007),
        ({"topics": ALL, "scope": "all"}, 7007),
        ({"topics": ["amm_events"]}, 1007),
        ({"topics": "order_events"}, 9004),
        ({}, 9004),
    ],
)
async def test_bad_subscriptions(members: dict[str, Any], code: int) -> None:
    async with running("M") as venue, venue.client() as ann:
        assert (await ann.do("subscribe", **members))["code"] == code
        await ann.place()
        with trio.move_on_after(0.1):
            pytest.fail(f"nothing was subscribed, and yet {await ann.receive()}")


async def test_a_name_that_nobody_has_is_not_told_back_in_full() -> None:
    async with running("M") as venue, venue.client() as ann:
        long = "\x01" * 150_000
        for members in (
            {"topics": [long]},
            {"topics": ALL, "markets": [long]},
            {"topics": ALL, "scope": long},
        ):
            refused = await ann.do("subscribe", **members)
            assert refused["code"] == 7007
            assert len(refused["message"]) < 500


async def test_one_market_is_heard_and_the_other_not_until_it_is_unsubscribed() -> None:
    async with running("A", "B") as venue, venue.client() as ann:
        await ann.do("subscribe", topics=ALL, markets=["A"])
        await ann.place(market_id="B")
        await ann.place(market_id="A")
        (event,) = await ann.events(1)
        assert event["data"]["market_id"] == "A"
        assert (await ann.do("unsubscribe", topics=ALL, markets=["A"]))["data"] is None
        await ann.place(market_id="A")
        assert (await ann.do("ping"))["ok"]
        with trio.move_on_after(0.1):
            pytest.fail(f"nothing is subscribed, and yet {await ann.receive()}")


async def test_single_markets_cannot_be_taken_out_of_all() -> None:
    async with running("M") as venue, venue.client() as ann:
        await ann.do("subscribe", topics=ALL)
        assert (await ann.do("unsubscribe", topics=ALL, markets=["M"]))["code"] == 7007
        await ann.place()
        assert (await ann.events(1))[0]["n"] == 1


async def test_markets_are_public_and_the_market_maker_is_not() -> None:
    async with running("M") as venue, venue.client(ANN) as ann, venue.client(ROOT) as root:
        await ann.do("subscribe", topics=["market_events"])
        await root.do("subscribe", topics=["amm_events", "market_events"])
        await venue.ask(
            StartAmm(
                at=AT,
                market_id="M",
                initial_budget=1000,
                initial_price=50,
                config_override={"x": 1.5},
                nonce=1,
                by=ROOT,
            ),
            StopAmm(at=AT, market_id="M", by=ROOT),
            HaltMarket(at=AT, market_id="M", reason="look", by=ROOT),
            ResumeMarket(at=AT, market_id="M", resolution_note="fine", by=ROOT),
            ResolveMarket(at=AT, market_id="M", result="YES", by=ROOT),
        )
        changes = [event["data"] for event in await ann.events(4)]
        assert [(one["previous_status"], one["new_status"]) for one in changes] == [
            ("ACTIVE", "HALTED"),
            ("HALTED", "ACTIVE"),
            ("ACTIVE", "RESOLVED"),
            ("RESOLVED", "SETTLED"),
        ]
        assert changes[0]["resolution_result"] is None
        assert changes[2]["resolution_result"] == changes[3]["resolution_result"] == "YES"
        assert changes[2]["resolved_at"].endswith("Z")
        started, stopped = [event["data"] for event in await root.events(6) if event["topic"] == "amm_events"]
        assert (started["event_type"], started["initial_budget_cents"]) == ("AMM_STARTED", 1000)
        assert started["config_override"] == {"x": 1.5}
        assert started["stop_mode"] is None
        assert (stopped["event_type"], stopped["stop_mode"]) == ("AMM_STOPPED", "GRACEFUL")
        assert stopped["initial_budget_cents"] is stopped["config_override"] is None


async def test_a_sync_then_a_resume_misses_nothing_and_repeats_nothing() -> None:
    async with running("M") as venue, venue.client(ANN) as ann:
        await venue.ask(*[a_place(ANN) for _ in range(20)])
        synced = (await ann.do("sync", market_id="M"))["data"]
        await venue.ask(*[a_place(ANN) for _ in range(20)])
        resumed = await ann.do("resume", after=synced["as_of_seq"], topics=ALL)
        assert resumed["data"] == {"from": synced["as_of_seq"] + 1, "head": venue.durable}
        await venue.ask(*[a_place(ANN) for _ in range(20)])
        events = await ann.events(40)
        assert seqs(events) == list(range(synced["as_of_seq"] + 1, venue.durable + 1))
        assert [event["n"] for event in events] == list(range(1, 41))
        await venue.ask(a_place(ANN))  # long after the past was told
        assert seqs(await ann.events(1)) == [venue.durable]


async def test_what_cannot_be_resumed() -> None:
    async with running("M", resume_span=10) as venue, venue.client(ANN) as ann:
        head = venue.durable
        for after in (head + 1, head - 11):
            refused = await ann.do("resume", after=after, topics=ALL)
            assert (refused["status"], refused["code"]) == (410, 7004)
            assert refused["data"] == {"head": head, "max_span": 10}
        assert (await ann.do("resume", after=head - 10, topics=ALL))["ok"]
        assert (await ann.do("resume", after=head, topics=ALL))["code"] == 7007
        assert (await ann.do("subscribe", topics=ALL))["ok"]
        async with venue.client(BEN) as ben:
            await ben.do("subscribe", topics=ALL)
            assert (await ben.do("resume", after=head, topics=ALL))["code"] == 7007


async def test_events_go_on_while_the_past_is_told() -> None:
    """Thousands of old events are on their way while new ones happen: none is lost, none comes twice."""
    async with running("M") as venue, venue.client(ANN) as ann, trio.open_nursery() as nursery:
        for _ in range(10):
            await venue.ask(*[a_place(ANN, quantity=1) for _ in range(200)])
        start = venue.durable - 2000

        async def go_on() -> None:
            for _ in range(30):
                await venue.ask(*[a_place(ANN, quantity=1) for _ in range(10)])

        await ann.send({"cid": 1, "op": "resume", "after": start, "topics": ALL})
        nursery.start_soon(go_on)
        events = await ann.events(2300)
        assert seqs(events) == list(range(start + 1, start + 2301))
        assert [event["n"] for event in events] == list(range(1, 2301))


async def play(venue: Venue) -> None:
    """A little of everything that makes events."""
    await venue.ask(
        *[a_place(ANN, price=price, quantity=3) for price in (40, 41, 42)],
        a_place(AMM_ID, direction=SELL, price=41, quantity=5),
        a_place(BEN, price=70, quantity=2),
        a_place(AMM_ID, direction=SELL, price=60, quantity=9),
        a_place(ANN, price=60, quantity=1),
        HaltMarket(at=AT, market_id="M", reason="look", by=ROOT),
        ResumeMarket(at=AT, market_id="M", resolution_note="fine", by=ROOT),
        ResolveMarket(at=AT, market_id="M", result="NO", by=ROOT),
    )


async def listen(client: Client, count: int) -> list[dict[str, Any]]:
    return [{"seq": event["seq"], "data": event["data"]} for event in await client.events(count)]


@pytest.mark.parametrize("user_id", [ANN, AMM_ID])
async def test_a_resumption_from_every_position_tells_what_was_told_the_first_time(user_id: str) -> None:
    """Also by another server that knows the exchange from the journal alone."""
    journal = MemoryJournal()
    async with running("M", journal=journal) as venue, venue.client(user_id, kind=TokenType.ACCESS) as client:
        start = venue.durable
        scope = "market" if user_id == AMM_ID else "own"
        await client.do("subscribe", topics=ALL, scope=scope)
        await play(venue)
        first: list[dict[str, Any]] = []
        while not first or first[-1]["data"].get("new_status") != "SETTLED":
            first += await listen(client, 1)
        head = venue.durable
    again: Exchange = await replayed(journal)
    async with running(journal=journal, exchange=again) as venue:
        for after in range(start, head + 1):
            async with venue.client(user_id) as client:
                await client.do("resume", after=after, topics=ALL, scope=scope)
                expected = [event for event in first if event["seq"] > after]
                assert await listen(client, len(expected)) == expected


@settings(max_examples=10)
@given(cuts=st.lists(st.integers(0, 60), min_size=1, max_size=4), seed=st.integers(0, 5))
def test_whoever_reconnects_with_resume_hears_everything_once(cuts: list[int], seed: int) -> None:
    """Breaks the connection after so many events, and goes on where the last whole frame ended."""

    async def check() -> None:
        journal = MemoryJournal()
        exchange = await founded(journal, "M")
        async with running(journal=journal, exchange=exchange) as venue, trio.open_nursery() as nursery:
            start = last = venue.durable

            async def trade() -> None:
                for number in range(30):
                    user_id = ANN if (number + seed) % 3 else BEN
                    await venue.ask(
                        a_place(user_id, price=50 + number % 3), a_place(AMM_ID, direction=SELL, price=50)
                    )

            nursery.start_soon(trade)
            heard: list[dict[str, Any]] = []
            for cut in [*cuts, 10_000]:
                async with venue.client(ROOT) as client:
                    await client.do("resume", after=last, topics=ALL, scope="market")
                    until = len(heard) + cut
                    while len(heard) < until:
                        with trio.move_on_after(0.25) as waiting:
                            for message in await client.receive_frame():
                                if message["t"] == "event":
                                    heard.append(message["data"])
                                    last = message["seq"]
                        if waiting.cancelled_caught:
                            break
            async with venue.client(ROOT) as client:
                await client.do("resume", after=start, topics=ALL, scope="market")
                whole = [event["data"] for event in await client.events(len(heard))]
            assert msgspec.json.encode(heard) == msgspec.json.encode(whole)
            assert last == venue.durable

    trio.run(check)
