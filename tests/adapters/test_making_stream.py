"""What workers of market-making orders say on the command stream, what they may not, and who hears of it."""

from typing import Any

import attrs
import pytest

from adapters.access.tokens import TokenType
from adapters.wire.user_responses import WORKER_ID
from kernel.codes import AMM_ID, Direction, Side
from kernel.making_commands import ControlMmOrder
from kernel.making_edges import MmControl
from tests.adapters.streaming import (
    ANN,
    AT,
    BEN,
    ELSEWHERE,
    EVE,
    ROOT,
    VENUES_ON,
    Client,
    Venue,
    a_place,
    making_order,
    running,
    wish,
)

STRATEGIES = ["quoter.1"]


async def lease_of(worker: Client, market_id: str = "M") -> dict[str, Any]:
    answer = await worker.do("mm_acquire", market_id=market_id, worker_id="w1", strategies=STRATEGIES)
    (lease,) = answer["data"]["leases"]
    assert isinstance(lease, dict)
    return lease


def under(lease: dict[str, Any]) -> dict[str, Any]:
    return {"account": lease["account"], "fence": lease["fence"]}


def quote(lease: dict[str, Any], number: int, **members: Any) -> dict[str, Any]:
    name = f"mm_{lease['order_id'].replace('-', '')}_{lease['fence']}_{number}"
    return wish(client_order_id=name, price_cents=40, quantity=5, **members)


def held(lease: dict[str, Any]) -> dict[str, Any]:
    return {"order_id": lease["order_id"], "fence": lease["fence"], "token": lease["token"]}


async def told(venue: Venue, order_id: str, control: MmControl, user_id: str = ANN) -> None:
    command = ControlMmOrder(at=AT, order_id=order_id, control=control, user_id=user_id, key=f"{control}")
    await venue.ask(command)


def worker_of(venue: Venue) -> Any:
    return venue.client(WORKER_ID, kind=TokenType.SERVICE)


async def test_a_worker_runs_a_cycle() -> None:
    """Due, leased with all that it needs to know, quoted, renewed, released; and then due again later."""
    async with running("M") as venue, worker_of(venue) as worker:
        await venue.ask(a_place(BEN, price=30), a_place(BEN, side=Side.NO, price=35))
        order_id = await making_order(venue, refresh_interval_ms=60_000)
        (due,) = (await worker.do("mm_due"))["data"]["items"]
        assert (due["market_id"], due["due"]) == ("M", 1)
        lease = await lease_of(worker)
        assert (lease["order_id"], lease["cycle_no"], lease["fence"]) == (order_id, 1, 1)
        assert (lease["account"], lease["cash_cents"]) == (f"mm:{order_id}", 100_000)
        assert lease["book"] == {"bids": [[30, 10]], "asks": [[65, 10]]}
        assert lease["terms"]["refresh_interval_ms"] == 60_000
        again = await worker.do("mm_acquire", market_id="M", worker_id="w2", strategies=STRATEGIES)
        assert again["data"]["leases"] == []
        placed = await worker.do("place", **quote(lease, 0), **under(lease))
        assert (placed["status"], placed["data"]["order"]["status"]) == (201, "OPEN")
        renewed = await worker.do("mm_renew", **held(lease))
        assert renewed["data"]["until_ms"] > 0
        released = await worker.do(
            "mm_release", **held(lease), outcome="DONE", counts={"placed": 1}, worker_id="w1"
        )
        assert released["data"]["until_ms"] is None
        repeated = await worker.do("mm_release", **held(lease), outcome="DONE")
        assert repeated["data"]["repeated"] is True
        (due,) = (await worker.do("mm_due"))["data"]["items"]
        assert due["due"] == 0
        assert due["next_due_at_ms"] == released["data"]["next_cycle_at_ms"]


async def test_what_was_sent_under_a_lease_that_is_over_is_refused() -> None:
    """A pause takes effect the instant it is decided, also in the middle of a cycle."""
    async with running("M") as venue, worker_of(venue) as worker:
        order_id = await making_order(venue)
        lease = await lease_of(worker)
        placed = await worker.do("place", **quote(lease, 0), **under(lease))
        await told(venue, order_id, MmControl.PAUSE)
        order = placed["data"]["order"]["id"]
        commands: dict[str, dict[str, Any]] = {
            "place": quote(lease, 1),
            "replace": {"old_order_id": order, "new_order": quote(lease, 2)},
            "cancel": {"order_id": order},
            "batch_cancel": {"market_id": "M"},
            "burn": {"market_id": "M", "quantity": 1, "idempotency_key": f"mmb:{order_id}:1:0"},
        }
        for op, members in commands.items():
            assert (await worker.do(op, **members, **under(lease)))["code"] == 7105, op
        for op, members in {"mm_renew": {}, "mm_release": {"outcome": "DONE"}}.items():
            assert (await worker.do(op, **held(lease), **members))["code"] == 7105, op
        assert not venue.exchange.making.orders[order_id].position.live  # type: ignore[union-attr]


async def test_a_worker_acts_for_the_accounts_of_market_making_orders_alone() -> None:
    """Whoever it names else, and whoever else names such an account, is refused the same."""
    async with running("M") as venue, worker_of(venue) as worker, venue.client() as ann:
        await making_order(venue)
        lease = await lease_of(worker)
        for account in (None, ANN, AMM_ID, "mm:none", ""):
            named = {} if account is None else {"account": account}
            assert (await worker.do("place", **quote(lease, 0), **named, fence=1))["code"] == 1007
        assert (await worker.do("place", **quote(lease, 0), account=lease["account"]))["code"] == 1007
        assert (await worker.do("place", **wish(), **under(lease)))["code"] == 9004, "a name of its own"
        for op in ("sync", "cancel_all"):
            assert (await worker.do(op, market_id="M"))["code"] == 1007
        batch = [{"op": "place"} | quote(lease, 0)]
        assert (await worker.do("batch", market_id="M", atomic=True, commands=batch))["code"] == 1007
        for members in (under(lease), {"fence": 1}, {"account": ANN}):
            assert (await ann.do("place", **wish(), **members))["code"] == 1007
        assert (await ann.do("cancel", order_id="x", **under(lease)))["code"] == 1007


@pytest.mark.parametrize("user_id", [ANN, ROOT, AMM_ID])
async def test_what_is_for_workers_is_for_nobody_else(user_id: str) -> None:
    async with running("M") as venue, venue.client(user_id) as client:
        order_id = await making_order(venue)
        some = {"order_id": order_id, "fence": 1, "token": "t"}
        assert (await client.do("mm_due"))["code"] == 1007
        acquire = await client.do("mm_acquire", market_id="M", worker_id="w", strategies=STRATEGIES)
        assert acquire["code"] == 1007
        assert (await client.do("mm_renew", **some))["code"] == 1007
        assert (await client.do("mm_release", **some, outcome="DONE"))["code"] == 1007
        step = {"order_id": order_id, "worker_id": "w", "direction": "OUT", "step": "BEGIN"}
        assert (await client.do("mm_venue", **step))["code"] == 1007
        assert (await client.do("mm_venue_due", venue=ELSEWHERE))["code"] == 1007
        assert (await client.do("subscribe", topics=["mm_work_events"]))["code"] == 1007
        assert venue.exchange.making.orders[order_id].cycle_no == 0


async def test_an_owner_hears_what_becomes_of_an_order_and_what_it_trades() -> None:
    async with (
        running("M") as venue,
        worker_of(venue) as worker,
        venue.client() as ann,
        venue.client(EVE) as eve,
        venue.client(ROOT) as root,
    ):
        topics = ["mm_events", "mm_trade_events", "order_events", "trade_events"]
        for client in (ann, eve):
            await client.do("subscribe", topics=topics)
        await root.do("subscribe", topics=["mm_events"], scope="market")
        await worker.do("subscribe", topics=["mm_work_events"])
        assert (await worker.do("subscribe", topics=["mm_events"]))["code"] == 1007
        order_id = await making_order(venue)
        events = await ann.events(4)
        assert [event["data"]["order"]["to_state"] for event in events] == [
            *("payment_pending", "payment_complete", "created", "running")
        ]
        assert [event["data"]["order"]["seq"] for event in events] == [1, 2, 3, 4]
        assert {event["topic"] for event in events} == {"mm_events"}
        allowed = [event["data"]["order"]["allowed_commands"] for event in events]
        assert allowed == [
            ["pay", "stop", "delete"],
            ["stop"],
            ["start", "stop"],
            ["pause", "stop", "withdraw"],
        ]
        assert [event["data"] for event in await root.events(4)] == [event["data"] for event in events]
        (hint,) = await worker.events(1)
        assert (hint["data"]["event_type"], hint["data"]["order_id"]) == ("MM_DUE", order_id)
        lease = await lease_of(worker)
        await worker.do("place", **quote(lease, 0), **under(lease))
        await venue.ask(a_place(EVE, direction=Direction.BUY, side=Side.NO, price=60, quantity=2))
        (traded,) = await ann.events(1)
        assert (traded["topic"], traded["data"]["mm_order_id"]) == ("mm_trade_events", order_id)
        trade = traded["data"]["trade"]
        assert (trade["quantity"], trade["buyer"]["user_id"]) == (2, lease["account"])
        assert trade["seller"]["user_id"] is None
        hers = await eve.events(3)
        assert {event["topic"] for event in hers} == {"order_events", "trade_events"}
        await worker.do("mm_release", **held(lease), outcome="DONE")
        assert (await worker.events(1))[0]["data"]["event_type"] == "MM_DUE"


async def test_what_memory_has_let_go_of_is_told_again_as_it_was_told_first() -> None:
    """Final orders are forgotten when the fence rises; whoever resumes hears of them all the same."""
    async with running("M") as venue, worker_of(venue) as worker, venue.client(ROOT) as root:
        topics = ["order_events", "trade_events", "mm_events", "mm_trade_events"]
        await root.do("subscribe", topics=topics, scope="market")
        before = venue.durable
        await making_order(venue, refresh_interval_ms=1_000)
        first = await lease_of(worker)
        order = (await worker.do("place", **quote(first, 0), **under(first)))["data"]["order"]
        await venue.ask(a_place(EVE, side=Side.NO, price=60, quantity=2))
        await worker.do("cancel", order_id=order["id"], **under(first))
        await told(venue, first["order_id"], MmControl.PAUSE)
        assert order["id"] not in venue.exchange.orders
        count = 4 + 1 + 5 + 1 + 1
        live = [event["data"] for event in await root.events(count)]
        async with venue.client(ROOT) as again:
            await again.do("resume", after=before, topics=topics, scope="market")
            assert [event["data"] for event in await again.events(count)] == live
        assert not venue.exchange.parted


ON = attrs.evolve(VENUES_ON, mm_venue_max_cents_per_day=150_000)


async def test_a_worker_takes_an_orders_money_to_a_venue_and_back() -> None:
    """Told what to do each time, by a hint and when it asks; and its owner hears of every step."""
    async with running("M", settings=ON) as venue, worker_of(venue) as worker, venue.client() as ann:
        await ann.do("subscribe", topics=["mm_events"])
        await worker.do("subscribe", topics=["mm_work_events"])
        order_id = await making_order(venue, where=ELSEWHERE)
        (hint,) = await worker.events(1)
        assert (hint["data"]["event_type"], hint["data"]["order_id"]) == ("MM_DUE", order_id)

        async def waits_for() -> str | None:
            found = (await worker.do("mm_venue_due", venue=ELSEWHERE))["data"]
            assert (await worker.do("mm_venue_due", venue="another"))["data"] == {"items": [], "more": False}
            return found["items"][0]["task"] if found["items"] else None

        async def step(name: str, direction: str = "OUT", leg: str | None = "CASH", **more: Any) -> Any:
            wish = {"order_id": order_id, "worker_id": "w", "direction": direction, "step": name}
            answer = await worker.do("mm_venue", **wish, leg=leg, **more)
            assert answer["status"] == 200, answer
            return answer["data"]

        assert await waits_for() == "OUT"
        began = await step("BEGIN", leg=None)
        assert (began["state"], began["location"], began["legs"][0]["status"]) == (
            *("withdrawing", "transit"),
            "INTENT",
        )
        called = await step("CALL")
        assert (called["leg"]["request_key"], called["leg"]["claimed_by"]) == (f"mmw:{order_id}:CASH:1", "w")
        assert (await step("CALL"))["repeated"]
        await step("ACCEPTED", tx_id="tx-1")
        await step("CONFIRMED")
        assert (await step("CREDITED", amount=100_000))["state"] == "running"
        assert await waits_for() is None
        empty = await worker.do("mm_acquire", market_id="M", worker_id="w", strategies=STRATEGIES)
        assert empty["data"]["leases"] == [], "it did not say that it quotes there"
        found = await worker.do(
            "mm_acquire", market_id="M", worker_id="w", strategies=STRATEGIES, venues=[ELSEWHERE]
        )
        (lease,) = found["data"]["leases"]
        assert (lease["venue"], lease["away"]) == (ELSEWHERE, {"cash_cents": 100_000, "yes": 0, "no": 0})
        lost = await worker.do("mm_release", **held(lease), outcome="DONE", equity_cents=5)
        assert lost["status"] == 200
        assert venue.exchange.making.orders[order_id].reason == "KILL_MAX_LOSS"
        assert await waits_for() == "DRAIN"
        assert (await step("DRAINED", "BACK", None))["drained"]
        assert await waits_for() == "BACK"
        await step("BEGIN", "BACK", None)
        await step("CALL", "BACK")
        await step("ACCEPTED", "BACK", tx_id="tx-2")
        await step("CONFIRMED", "BACK")
        assert (await step("CREDITED", "BACK", amount=100_000))["location"] == "escrow"
        events = [event["data"]["order"] for event in await ann.events(17)]
        assert [event["kind"] for event in events].count("VENUE") == 8
        assert events[-1]["allowed_commands"] == ["withdraw"]
        assert [event["drained"] for event in events[-7:]] == [False, True, True, True, True, True, True]


async def test_what_a_worker_may_send_on_a_day_the_server_says() -> None:
    async with running("M", settings=ON) as venue, worker_of(venue) as worker:
        codes = []
        for _ in range(2):
            order_id = await making_order(venue, where=ELSEWHERE)
            wish = {"order_id": order_id, "worker_id": "w", "direction": "OUT", "step": "BEGIN"}
            codes.append((await worker.do("mm_venue", **wish)).get("code", 0))
        assert codes == [0, 7104]
    async with running("M") as venue, worker_of(venue) as worker:
        order_id = await making_order(venue, where=ELSEWHERE)
        wish = {"order_id": order_id, "worker_id": "w", "direction": "OUT", "step": "BEGIN"}
        assert (await worker.do("mm_venue", **wish))["code"] == 7110
