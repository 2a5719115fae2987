"""Commands over the stream: each answered once, when durable, in order, whatever it is mixed with."""

import itertools
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import wait_all_tasks_blocked

from adapters.access.tokens import TokenType
from adapters.stream.bounds import UnreadableFrameError
from adapters.stream.lanes import TOGETHER
from adapters.stream.messages import Unreadable, read_frame
from adapters.wire.status import RefusedError
from kernel.actors import INBOX, Actors, Request
from kernel.codes import AMM_ID, Direction
from kernel.commands import AnyCommand, CreateMarket, MarketTerms
from kernel.journal import MemoryJournal
from tests.adapters.streaming import ANN, BEN, EVE, MESSAGES, ROOT, Client, a_place, running, wish


def stalled(journal: Any) -> trio.Event:
    assert isinstance(journal, MemoryJournal)
    gate = journal.stall = trio.Event()
    return gate


async def test_a_result_has_the_data_of_rest_without_what_is_for_people() -> None:
    async with running("M") as venue, venue.client() as ann:
        result = await ann.place(client_order_id="mine")
        assert (result["ok"], result["status"], result["code"]) == (True, 201, 0)
        assert result["seq"] == venue.durable
        assert "message" not in result
        order = result["data"]["order"]
        assert (order["client_order_id"], order["status"], order["frozen_amount"]) == ("mine", "OPEN", 401)
        assert result["data"]["trades"] == []
        assert result["data"]["netting_result"] is None
        assert not [name for name in order if name.endswith("_display")]


async def test_nothing_is_answered_before_it_is_durable() -> None:
    async with running("M") as venue, venue.client() as ann:
        gate = stalled(venue.journal)
        await ann.send({"cid": 100, "op": "place", **wish()})
        assert (await ann.do("ping"))["ok"]
        assert len(venue.exchange.orders) == 1
        with trio.move_on_after(0.2) as waiting:
            await ann.receive()
        assert waiting.cancelled_caught
        gate.set()
        assert (await ann.results(1))[0]["cid"] == 100


async def test_a_batch_runs_back_to_back_and_is_answered_in_its_order() -> None:
    """Two connections send batches at once; in the journal each batch is a neighbourhood."""
    async with running("M") as venue, venue.client(ANN) as ann, venue.client(BEN) as ben:
        for client in (ann, ben):
            await client.send(*[{"cid": cid, "op": "place", **wish(price_cents=30)} for cid in range(100)])
        for client in (ann, ben):
            results = await client.results(100)
            assert [result["cid"] for result in results] == list(range(100))
            first = results[0]["seq"]
            assert [result["seq"] for result in results] == list(range(first, first + 100))


async def test_pipelined_single_commands_keep_their_order() -> None:
    async with running("M") as venue, venue.client() as ann:
        for cid in range(200):
            await ann.send({"cid": cid, "op": "place", **wish(price_cents=30)})
        assert [result["cid"] for result in await ann.results(200)] == list(range(200))
        created = [order.client_order_id for order in venue.exchange.orders.values()]
        assert created == sorted(created, key=lambda name: int(name.partition("-")[2]))


async def test_commands_of_one_batch_for_several_markets_keep_each_markets_order() -> None:
    async with running("A", "B") as venue, venue.client() as ann:
        markets = ["A", "A", "B", "A", "B", "B", "A"]
        await ann.send(
            *[
                {"cid": cid, "op": "place", **wish(market_id=market_id)}
                for cid, market_id in enumerate(markets)
            ]
        )
        results = await ann.results(len(markets))
        for market_id in ("A", "B"):
            answered = [
                result["cid"] for result in results if result["data"]["order"]["market_id"] == market_id
            ]
            assert answered == [cid for cid, name in enumerate(markets) if name == market_id]


async def test_one_bad_command_of_a_batch_leaves_the_others_alone() -> None:
    async with running("M") as venue, venue.client() as ann:
        await ann.send(
            {"cid": 1, "op": "place", **wish()},
            {"cid": 2, "op": "place", **wish(price_cents=40.0)},
            {"cid": 3, "op": "dance"},
            {"cid": 4, "op": "place", **wish(quantity="10")},
            {"cid": 5, "op": "place", **wish(price_cents=0)},
            {"cid": 6, "op": "cancel", "order_id": "x", "market_id": "M", "client_order_id": "y"},
            {"cid": 7, "op": "place", **wish(quantity=2**70)},
            {"cid": 8, "op": "mint", "market_id": "M", "quantity": 1, "idempotency_key": "k"},
            {"cid": 9, "op": "place", **wish()},
        )
        codes = {result["cid"]: (result["status"], result["code"]) for result in await ann.results(9)}
        assert codes == {
            1: (201, 0),
            2: (400, 9004),
            3: (400, 7003),
            4: (400, 9004),
            5: (422, 4001),
            6: (400, 9004),
            7: (400, 9004),
            8: (403, 6099),
            9: (201, 0),
        }
        assert len(venue.exchange.orders) == 2


@pytest.mark.parametrize("cid", [None, -1, 2**53, 1.0, "1", True, [1]])
async def test_what_cannot_be_answered_ends_the_connection_behind_what_came_ahead_of_it(cid: Any) -> None:
    """The commands ahead of it are carried out, those behind it are not."""
    async with running("M") as venue, venue.client() as ann:
        await ann.send(
            {"cid": 7, "op": "ping"},
            {"cid": 8, "op": "place", **wish()},
            {"cid": cid, "op": "place", **wish()},
            {"cid": 9, "op": "place", **wish()},
        )
        messages = [await ann.receive() for _ in range(2)]
        assert [(message["t"], message["code"]) for message in messages] == [("result", 0), ("error", 7002)]
        assert (await ann.closing())[0] == 4400
        assert len(venue.exchange.orders) == 1


@pytest.mark.parametrize("junk", [5, "x", None, [], [{"cid": 1, "op": "ping"}]])
async def test_an_element_that_is_no_command_does_so_too(junk: Any) -> None:
    async with running("M") as venue, venue.client() as ann:
        await ann.send({"cid": 7, "op": "ping"}, junk, {"cid": 8, "op": "ping"})
        messages = [await ann.receive() for _ in range(2)]
        assert [(message["t"], message["code"]) for message in messages] == [("result", 0), ("error", 7002)]
        assert (await ann.closing())[0] == 4400


async def test_a_cid_in_flight_cannot_be_used_again_until_it_is_answered() -> None:
    async with running("M") as venue, venue.client() as ann:
        gate = stalled(venue.journal)
        await ann.send({"cid": 1, "op": "place", **wish()}, {"cid": 1, "op": "place", **wish()})
        assert (await ann.receive())["code"] == 7002
        gate.set()
        assert (await ann.receive())["cid"] == 1
        await ann.send({"cid": 1, "op": "place", **wish()})
        assert (await ann.receive())["ok"]
        assert len(venue.exchange.orders) == 2


async def test_past_the_limit_in_flight_commands_are_refused_and_the_rest_is_carried_out() -> None:
    """256 may be under way; the 257th to the 260th come too many."""
    async with running("M") as venue, venue.client() as ann:
        gate = stalled(venue.journal)
        for start in (0, 130):
            await ann.send(
                *[{"cid": cid, "op": "place", **wish(quantity=1)} for cid in range(start, start + 130)]
            )
        refused = await ann.results(4)
        assert [(one["cid"], one["status"], one["code"]) for one in refused] == [
            (cid, 429, 7001) for cid in range(256, 260)
        ]
        gate.set()
        assert [one["cid"] for one in await ann.results(256)] == list(range(256))
        assert len(venue.exchange.orders) == 256


async def test_an_empty_batch_is_an_error() -> None:
    async with running("M") as venue, venue.client() as ann:
        await ann.send_text(b"[]")
        message = await ann.receive()
        assert (message["t"], message["code"]) == ("error", 7006)
        await ann.send(*[{"cid": cid, "op": "ping"} for cid in range(256)])
        assert all(one["ok"] for one in await ann.results(256))


async def test_a_full_inbox_refuses_at_once() -> None:
    """The journal stands still, the backlog and the inbox are full of somebody else's requests."""
    async with running("M") as venue, venue.client() as ann:
        gate = stalled(venue.journal)
        actors = venue.server.actors
        for user_id in itertools.cycle([BEN, EVE, ROOT, AMM_ID]):
            if actors.submit([a_place(user_id, quantity=1)]) is None:
                await wait_all_tasks_blocked()
                if actors.depths()["M"] == INBOX:
                    break
        result = await ann.place()
        assert (result["status"], result["code"]) == (503, 9003)
        gate.set()


async def test_a_repeated_placement_is_answered_with_its_trades_so_far() -> None:
    async with running("M") as venue, venue.client() as ann:
        members = wish(client_order_id="once", price_cents=60, quantity=10)
        assert (await ann.do("place", **members))["status"] == 201
        await venue.ask(a_place(AMM_ID, direction=Direction.SELL, price=60, quantity=4))
        again = await ann.do("place", **members)
        assert (again["status"], again["data"]["order"]["filled_quantity"]) == (200, 4)
        assert [(trade["quantity"], trade["role"]) for trade in again["data"]["trades"]] == [(4, "MAKER")]
        other = await ann.do("place", **members | {"quantity": 11})
        assert (other["status"], other["code"]) == (409, 4005)


async def test_what_follows_a_repeated_placement_is_answered_behind_it() -> None:
    """Its trades must be looked up; the order of the answers stays that of execution."""
    async with running("M") as venue, venue.client() as ann:
        members = wish(client_order_id="once", price_cents=60, quantity=10)
        await ann.do("place", **members)
        await venue.ask(a_place(AMM_ID, direction=Direction.SELL, price=60, quantity=4))
        await ann.send({"cid": 100, "op": "place", **members}, {"cid": 101, "op": "place", **wish()})
        assert [one["cid"] for one in await ann.results(2)] == [100, 101]


async def test_cancelling_by_id_and_by_name() -> None:
    async with running("M", "N") as venue, venue.client() as ann:
        first = (await ann.place(client_order_id="a"))["data"]["order"]["id"]
        await ann.place(client_order_id="b")
        done = await ann.do("cancel", order_id=first.upper())
        assert (done["status"], done["data"]["status"], done["data"]["unfrozen_amount"]) == (
            200,
            "CANCELLED",
            401,
        )
        assert (await ann.do("cancel", order_id=first))["code"] == 4006
        assert (await ann.do("cancel", market_id="N", client_order_id="b"))["code"] == 4004
        assert (await ann.do("cancel", market_id="M", client_order_id="b"))["ok"]
        assert (await ann.do("cancel", order_id="no uuid"))["code"] == 4004
        assert (await ann.do("cancel", market_id="M"))["code"] == 9004
        assert (await ann.do("cancel"))["code"] == 9004
        async with venue.client(BEN) as ben:
            mine = (await ann.place())["data"]["order"]["id"]
            assert (await ben.do("cancel", order_id=mine))["code"] == 1007


async def test_amending_by_id_and_by_name() -> None:
    async with running("M", "N") as venue, venue.client() as ann:
        mine = (await ann.place(client_order_id="a", price_cents=40, quantity=10))["data"]["order"]["id"]
        less = await ann.do("amend", order_id=mine.upper(), quantity=6)
        assert (less["status"], less["data"]["kept_priority"], less["data"]["netting_result"]) == (
            200,
            True,
            None,
        )
        moved = await ann.do("amend", market_id="M", client_order_id="a", price_cents=41)
        assert (moved["data"]["order"]["original_price_cents"], moved["data"]["order"]["quantity"]) == (41, 6)
        synced = (await ann.do("sync", market_id="M"))["data"]["orders"]
        assert synced == [moved["data"]["order"]]
        assert (await ann.do("amend", market_id="N", client_order_id="a", quantity=1))["code"] == 4004
        assert (await ann.do("amend", order_id=mine))["code"] == 9004
        assert (await ann.do("amend", quantity=1))["code"] == 9004
        both = await ann.do("amend", order_id=mine, market_id="M", client_order_id="a", quantity=1)
        assert both["code"] == 9004
        async with venue.client(BEN) as ben:
            assert (await ben.do("amend", order_id=mine, quantity=1))["code"] == 1007


async def test_what_only_the_market_maker_may() -> None:
    async with running("M") as venue, venue.client(AMM_ID, kind=TokenType.SERVICE) as amm:
        minted = await amm.do("mint", market_id="M", quantity=5, idempotency_key="k")
        assert (minted["status"], minted["data"]["minted_quantity"]) == (201, 5)
        assert minted["data"].keys() == {
            *("market_id", "minted_quantity", "cost_cents"),
            *("new_yes_inventory", "new_no_inventory", "remaining_balance_cents", "idempotent_hit"),
        }
        again = await amm.do("mint", market_id="M", quantity=5, idempotency_key="k")
        assert (again["status"], again["data"]) == (200, minted["data"] | {"idempotent_hit": True})
        burned = await amm.do("burn", market_id="M", quantity=5, idempotency_key="k")
        again = await amm.do("burn", market_id="M", quantity=5, idempotency_key="k")
        assert (again["ok"], again["data"]) == (True, burned["data"] | {"idempotent_hit": True})
        nothing = await amm.do("replace", old_order_id="no uuid", new_order=wish())
        assert (nothing["status"], nothing["code"]) == (404, 6002)
        assert nothing["data"] == {"old_order_id": "no uuid"}
        old = (await amm.place(direction="SELL", price_cents=70, quantity=10))["data"]["order"]["id"]
        new = wish(direction="SELL", price_cents=71, quantity=10)
        replaced = await amm.do("replace", old_order_id=old, new_order=new)
        assert (replaced["status"], replaced["data"]["old_order_status"]) == (200, "CANCELLED")
        assert replaced["data"]["new_order"]["price_cents"] == 71
        await venue.ask(a_place(BEN, price=71, quantity=4))
        partly = await amm.do(
            "replace",
            old_order_id=replaced["data"]["new_order"]["id"],
            new_order=wish(direction="SELL", price_cents=72, quantity=10),
        )
        assert (partly["status"], partly["code"], partly["seq"]) == (422, 6001, venue.durable)
        assert partly["data"]["remaining_quantity_cancelled"] == 6
        swept = await amm.do("batch_cancel", market_id="M")
        assert (swept["status"], swept["data"]["cancelled_count"]) == (200, 0)


async def test_a_stream_cancels_everything_in_a_market_it_names() -> None:
    async with running("M", "N") as venue, venue.client(ANN) as ann:
        for market_id in ("M", "N"):
            await ann.place(market_id=market_id, price_cents=40, quantity=10)
        assert (await ann.do("cancel_all"))["code"] == 9004
        assert (await ann.do("cancel_all", market_id="M", side="NO"))["data"]["cancelled_count"] == 0
        swept = await ann.do("cancel_all", market_id="M", side="YES")
        assert (swept["status"], swept["data"]) == (
            200,
            {
                "market_id": "M",
                "code": 0,
                "cancelled_count": 1,
                "total_unfrozen_funds_cents": 401,
                "total_unfrozen_yes_shares": 0,
                "total_unfrozen_no_shares": 0,
                "netting_result": None,
            },
        )
        assert (await ann.do("cancel_all", market_id="nowhere"))["code"] == 3001


async def test_a_stream_takes_an_atomic_batch_and_no_other() -> None:
    async with running("M") as venue, venue.client(ANN) as ann:
        old = (await ann.place(price_cents=40, quantity=10))["data"]["order"]["id"]
        commands = [{"op": "cancel", "order_id": old}, {"op": "place"} | wish(price_cents=41)]
        for wrong in ({}, {"atomic": False}, {"atomic": True, "market_id": None}):
            refused = await ann.do("batch", **{"market_id": "M", "commands": commands} | wrong)
            assert (refused["status"], refused["code"]) == (400, 9004)
        spoiled = [*commands, {"op": "cancel", "order_id": "none"}]
        refused = await ann.do("batch", market_id="M", atomic=True, commands=spoiled)
        assert (refused["status"], refused["code"], refused["data"]["index"]) == (422, 4014, 2)
        assert venue.exchange.orders[old].is_live
        done = await ann.do("batch", market_id="M", atomic=True, commands=commands)
        assert (done["status"], done["seq"], done["data"]["repeated"]) == (200, venue.durable, False)
        assert [one["status"] for one in done["data"]["results"]] == [200, 201]
        again = await ann.do("batch", market_id="M", atomic=True, commands=commands)
        assert again["data"]["repeated"] is True
        assert [one["status"] for one in again["data"]["results"]] == [200, 200]


async def test_a_replacement_waits_behind_what_was_sent_ahead_of_it_to_the_old_orders_market() -> None:
    """The market of the old order cannot decide just now; the one that the new order names is free."""
    async with running("M", "N") as venue, venue.client(AMM_ID, kind=TokenType.SERVICE) as amm:
        old = (await amm.place(direction="SELL", price_cents=70, quantity=10))["data"]["order"]["id"]
        await venue.ask(a_place(BEN, price=70, quantity=4))
        gate = stalled(venue.journal)
        with trio.fail_after(30):
            while venue.server.actors.depths()["M"] == 0:  # until the market waits for the journal
                venue.server.actors.submit([a_place(BEN)])
                await trio.sleep(0.01)  # a turn each
        replacement = wish(market_id="N", direction="SELL", price_cents=71, quantity=10)
        await amm.send(
            {"cid": 100, "op": "batch_cancel", "market_id": "M"},
            {"cid": 101, "op": "replace", "old_order_id": old, "new_order": replacement},
        )
        await trio.sleep(0.05)
        assert venue.exchange.orders[old].is_live, "its market has decided nothing, so it is as it was"
        gate.set()
        swept, late = await amm.results(2)
        assert (swept["cid"], swept["data"]["cancelled_count"]) == (100, 1)
        assert (late["cid"], late["code"], late["data"]["cancel_reason"]) == (101, 4006, "BATCH_CANCELLED")


async def test_a_large_frame_is_decided_in_several_steps_and_in_its_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each of its commands may trade, so all of them in one step would hold up everybody else."""
    sizes: list[int] = []
    submit = Actors.submit

    def noted(actors: Actors, commands: Sequence[AnyCommand], correlation_id: str) -> Request | None:
        sizes.append(len(commands))
        return submit(actors, commands, correlation_id)

    async with running("M") as venue, venue.client() as ann:
        monkeypatch.setattr(Actors, "submit", noted)
        await ann.send(*[{"cid": cid, "op": "place", **wish(client_order_id=f"{cid}")} for cid in range(200)])
        assert [result["cid"] for result in await ann.results(200)] == list(range(200))
    assert sizes == [TOGETHER, 200 - TOGETHER]


async def test_a_broken_connection_does_not_stop_what_was_received() -> None:
    async with running("M") as venue:
        gate = stalled(venue.journal)
        async with venue.client() as ann:
            await ann.send(*[{"cid": cid, "op": "place", **wish()} for cid in range(100, 150)])
            await ann.do("ping")
        gate.set()
        await venue.ask(a_place(BEN))
        assert sum(order.account.id == ANN for order in venue.exchange.orders.values()) == 50


# Sync


async def test_sync_shows_everything_at_one_journal_id() -> None:
    async with running("M") as venue, venue.client() as ann:
        await ann.place(client_order_id="a", price_cents=60, quantity=10)
        await ann.place(client_order_id="b", price_cents=30, quantity=10)
        await venue.ask(a_place(AMM_ID, direction=Direction.SELL, price=60, quantity=4))
        data = (await ann.do("sync", market_id="M"))["data"]
        assert data["as_of_seq"] == venue.durable
        assert data["position"]["yes"]["volume"] == 4
        assert [order["client_order_id"] for order in data["orders"]] == ["a", "b"]
        assert data["balance"]["total_balance_cents"] == 10_000_000 - 240 - 1
        assert data["market"]["id"] == "M"


async def test_sync_sees_what_was_sent_ahead_of_it_and_nothing_behind_it() -> None:
    async with running("M") as venue, venue.client() as ann:
        gate = stalled(venue.journal)
        await ann.send(
            *[{"cid": cid, "op": "place", **wish()} for cid in range(3)],
            {"cid": 3, "op": "sync", "market_id": "M"},
            *[{"cid": cid, "op": "place", **wish()} for cid in range(4, 6)],
            {"cid": 6, "op": "sync", "market_id": "M"},
        )
        gate.set()
        results = await ann.results(7)
        assert [result["cid"] for result in results] == list(range(7))
        assert len(results[3]["data"]["orders"]) == 3
        assert len(results[6]["data"]["orders"]) == 5
        assert results[3]["data"]["as_of_seq"] == results[2]["seq"]


async def test_sync_does_not_tell_what_is_not_durable() -> None:
    async with running("M") as venue, venue.client(ANN) as ann:
        gate = stalled(venue.journal)
        venue.server.actors.submit([a_place(BEN)])
        while not venue.exchange.orders:
            await trio.sleep(0.01)
        await ann.send({"cid": 1, "op": "sync", "market_id": "M"})
        with trio.move_on_after(0.2) as waiting:
            await ann.receive()
        assert waiting.cancelled_caught
        gate.set()
        (result,) = await ann.results(1)
        assert result["data"]["as_of_seq"] == venue.durable == result["seq"]


async def test_sync_of_a_market_nobody_knows() -> None:
    async with running("M") as venue, venue.client() as ann, venue.client(ROOT) as root:
        assert (await ann.do("sync", market_id="X"))["code"] == 3001
        await venue.ask(CreateMarket(at=0, market_id="D", terms=MarketTerms(title="D"), by="root"))
        assert (await ann.do("sync", market_id="D"))["code"] == 3001
        assert (await root.do("sync", market_id="D"))["ok"]


# Whatever is sent

junk = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
members = st.sampled_from(
    [
        *("cid", "order_id", "market_id", "client_order_id", "side", "direction", "price_cents", "quantity"),
        *("time_in_force", "topics", "markets", "scope", "after", "grace_ms", "token", "idempotency_key"),
        *("old_order_id", "new_order", "cancel_scope"),
    ]
)
values = junk | st.sampled_from(["M", "YES", "BUY", 1, 10, 50, ["order_events"], "GTC"])
commands = st.fixed_dictionaries(
    {"cid": st.integers(0, 2**53 - 1), "op": st.sampled_from([*MESSAGES, "dance"])},
).flatmap(lambda head: st.dictionaries(members, values, max_size=8).map(lambda rest: rest | head))


@given(st.lists(commands | junk, max_size=6))
def test_any_frame_is_read_the_same_whole_and_in_pieces(batch: list[Any]) -> None:
    """Each command has one reading, whatever stands beside it, in JSON and in MessagePack."""
    alone = [next(read_frame(msgspec.json.encode([one]).decode())) for one in batch]
    together = read_frame(msgspec.json.encode(batch).decode())
    assert list(map(told, together)) == list(map(told, alone))
    packed = read_frame(msgspec.msgpack.encode(batch))
    assert list(map(told, packed)) == list(map(told, alone))


def told(read: Any) -> Any:
    if isinstance(read, Unreadable):
        return read.cid, read.refusal.code
    return read


@given(st.binary(max_size=64) | junk.map(msgspec.msgpack.encode))
def test_any_bytes_are_commands_or_undecodable(received: bytes) -> None:
    try:
        read = [*read_frame(received)]
    except UnreadableFrameError:
        return
    assert all(isinstance(one, Unreadable) or one.cid >= 0 for one in read)


@settings(max_examples=15)
@given(st.lists(st.lists(commands, min_size=1, max_size=5), min_size=1, max_size=5))
def test_whatever_is_sent_each_usable_cid_is_answered_once(frames: list[list[dict[str, Any]]]) -> None:
    numbers = itertools.count()
    batches = [
        [command | {"cid": next(numbers)} for command in frame if command["op"] not in ("auth", "guard")]
        for frame in frames
    ]
    batches = [batch for batch in batches if batch]

    async def check() -> None:
        async with running("M") as venue, venue.client() as ann:
            answered = await exchange_frames(ann, batches)
            assert sorted(answered) == sorted(command["cid"] for batch in batches for command in batch)
            assert venue.exchange.audit() == []

    trio.run(check)


async def exchange_frames(client: Client, batches: list[list[dict[str, Any]]]) -> list[int]:
    for batch in batches:
        await client.send_text(msgspec.json.encode(batch))
    count = sum(map(len, batches))
    return [result["cid"] for result in await client.results(count)]


def test_a_refusal_names_field_and_problem() -> None:
    (read,) = read_frame('{"cid":1,"op":"place"}')
    assert isinstance(read, Unreadable)
    assert isinstance(read.refusal, RefusedError)
    required = ("client_order_id", "market_id", "side", "direction", "price_cents", "quantity")
    assert read.refusal.data == {"errors": [{"field": name, "problem": "is required"} for name in required]}
