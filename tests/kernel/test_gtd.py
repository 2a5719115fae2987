"""GTD: an order that takes itself off the book at a stated moment, to the microsecond, whoever looks."""

from typing import Any, get_args

import msgspec
import pytest

from kernel.answers import Cancelled, MarketIs, Placed, Refusal, Unfinished
from kernel.codes import (
    AMM_ID,
    CancelReason,
    CircuitBreakerTrigger,
    Code,
    OrderStatus,
    ReferenceType,
    Side,
    TimeInForce,
    TradingMode,
)
from kernel.commands import (
    ActivateMarket,
    AmendByClientId,
    AmendOrder,
    AnyCommand,
    AtomicBatch,
    AuthorizeAmm,
    BatchCancel,
    BurnShares,
    CancelAll,
    CancelByClientId,
    CancelOrder,
    CloseMarket,
    CreateMarket,
    DeleteGroup,
    Deposit,
    FireGuard,
    ForgetPositions,
    HaltMarket,
    MintShares,
    PlaceOrder,
    ReplaceOrder,
    ResetGroup,
    ResolveMarket,
    ResumeMarket,
    SetGroup,
    SetGuard,
    SetMarketMode,
    SettleMarket,
    StartAmm,
    StopAmm,
    SuspendMarket,
    Tick,
    TransferShares,
    TriggerGroup,
    TripBreaker,
    VoidMarket,
)
from kernel.due import is_due
from kernel.events import Fact, MarketStatusChanged, NettingExecuted, OrderCancelled, event_type
from kernel.exchange import Exchange
from kernel.expiries import LEAST
from kernel.making_commands import AnyMmCommand
from kernel.state import NEVER
from tests.kernel.trading import SECOND, Trading

EXPIRED = CancelReason.EXPIRED


def expired(facts: list[Fact]) -> list[str]:
    """The names of the orders that expired, in the order in which they did."""
    return [
        fact.event.order_id
        for fact in facts
        if isinstance(fact.event, OrderCancelled) and fact.event.cancel_reason is EXPIRED
    ]


def waiting() -> Trading:
    """Ann bids for ten seconds from now on; others have what they need to trade with her."""
    market = Trading(AMM=1_000_000, ann=100_000, ben=100_000)
    market.escrow("mm:1", "ann")
    market.play("AMM mints 1000", "AMM sells 10 YES at 70 as quote", "ben buys 10 YES at 30 as low")
    market.play("ann buys 50 YES at 40 for 10 s as bid")
    return market


def end_of(market: Trading, name: str = "bid", who: str = "ann") -> int:
    expires_at = market.order(who, name).terms.expires_at
    assert expires_at is not None
    return expires_at


# To the microsecond


def test_a_microsecond_before_its_time_it_trades() -> None:
    market = waiting()
    market.now = end_of(market) - SECOND - 1  # a line comes a second later
    market.play("AMM sells 50 YES at 40")
    assert market.prints() == ["50@40"]


def test_at_its_time_it_has_gone_before_the_command_that_would_have_met_it() -> None:
    """2004 were frozen, and come back by the sell's own command; the sell rests."""
    market = waiting()
    assert market.holds("ann", frozen=2004)
    head = market.exchange.head
    market.now = end_of(market) - SECOND
    market.play("AMM sells 50 YES at 40 as late")
    assert market.told(head) == ["ORDER_CANCELLED", "ORDER_ACCEPTED"]
    gone = market.facts[head].event
    assert isinstance(gone, OrderCancelled)
    assert (gone.cancel_reason, gone.frozen_amount, gone.remaining_qty) == (EXPIRED, 2004, 50)
    assert market.holds("ann", available=100_000, frozen=0)
    assert market.order("AMM", "late").status is OrderStatus.OPEN
    bid = market.order("ann", "bid")
    assert (bid.status, bid.cancel_reason, bid.updated_at) == (OrderStatus.CANCELLED, EXPIRED, market.now)


def test_the_exchanges_time_counts_and_not_that_of_the_command() -> None:
    """An event elsewhere was at its time already: a command that was sent before that comes too late."""
    market = waiting()
    market.do(Deposit(at=end_of(market), user_id="ben", amount=1))
    sell = market.wish("AMM", direction=market.wish("x").terms.direction, price=20)
    market.do(msgspec.structs.replace(sell, at=end_of(market) - 5))
    assert market.order("ann", "bid").cancel_reason is EXPIRED


def test_what_would_be_over_at_once_is_refused() -> None:
    """It does not become an order that takes at once, and its name stays free."""
    market = waiting()
    for late in (-SECOND, -1, 0):
        wish = market.wish(
            "ben", time_in_force=TimeInForce.GTD, expires_at=market.now + late, client_order_id="x", price=75
        )
        assert market.refused(wish).code is Code.EXPIRY_PASSED
    wish = market.wish(
        "ben", time_in_force=TimeInForce.GTD, expires_at=market.now + 1, client_order_id="x", price=75
    )
    assert isinstance(market.do(wish).answer, Placed)
    assert market.prints() == ["1@70"]


def test_a_replacement_is_refused_too_and_its_old_order_stays() -> None:
    market = waiting()
    wish: Any = market.wish("AMM", direction=market.order("AMM", "quote").terms.direction, price=71)
    terms = msgspec.structs.replace(wish.terms, time_in_force=TimeInForce.GTD, expires_at=market.now)
    old = market.order("AMM", "quote")
    members = msgspec.structs.asdict(wish) | {"terms": terms}
    assert market.refused(ReplaceOrder(**members, old_order_id=old.id)).code is Code.EXPIRY_PASSED
    assert old.is_live
    later = msgspec.structs.replace(terms, expires_at=market.now + 1)
    market.do(ReplaceOrder(**members | {"terms": later}, old_order_id=old.id))
    assert not old.is_live


# What it does besides is what any cancel does


def test_the_first_whose_time_is_over_goes_first_and_of_one_time_the_oldest() -> None:
    market = Trading(ann=100_000)
    market.play("ann buys 1 YES at 10 for 30 s as second", "ann buys 1 YES at 11 for 28 s as first")
    at = end_of(market, "second")
    for name in ("third", "fourth"):
        market.do(
            market.wish("ann", price=12, time_in_force=TimeInForce.GTD, expires_at=at, client_order_id=name)
        )
    market.play("ann buys 1 YES at 13 for 300 s as later", "ann buys 1 YES at 13 as ever")
    market.now = at
    facts = market.do(Tick(at=at, market_id="M")).facts
    names = ("first", "second", "third", "fourth")
    assert expired(facts) == [market.order("ann", name).id for name in names]
    assert market.order("ann", "later").is_live


def test_pairs_that_it_sets_free_are_netted_and_are_no_part_of_the_answer() -> None:
    """Ann offers the YES shares of her pairs; once the offer is over they turn back into cash."""
    market = Trading(ann=100_000, ben=100_000, maker_fee_bps=0, taker_fee_bps=0)
    market.play("ann buys 10 YES at 50", "ben buys 10 NO at 50", "ann sells 10 YES at 90 for 5 s as offer")
    market.play("ann buys 10 NO at 50", "ben buys 10 YES at 50")
    market.now = end_of(market, "offer")
    outcome = market.do(market.wish("ann", price=20))
    assert [event_type(fact.event) for fact in outcome.facts] == [
        "ORDER_CANCELLED",
        "NETTING_EXECUTED",
        "ORDER_ACCEPTED",
    ]
    netted = outcome.facts[1].event
    assert isinstance(netted, NettingExecuted)
    assert netted.quantity == 10
    assert isinstance(outcome.answer, Placed)
    assert outcome.answer.netting is None


def test_it_rests_and_is_filled_in_part_like_any_other() -> None:
    market = waiting()
    market.play("AMM sells 20 YES at 40")
    bid = market.order("ann", "bid")
    assert (bid.status, bid.filled) == (OrderStatus.PARTIALLY_FILLED, 20)
    market.now = end_of(market)
    market.do(Tick(at=market.now, market_id="M"))
    assert (bid.status, bid.filled, bid.remaining) == (OrderStatus.CANCELLED, 20, 30)


def test_what_ended_otherwise_does_not_end_again() -> None:
    market = waiting()
    market.play("ann buys 1 YES at 41 for 5 s as taken", "AMM sells 1 YES at 41", "ann cancels bid")
    market.now += 60 * SECOND
    assert not is_due(market.market(), market.now)
    assert market.do(Tick(at=market.now, market_id="M")).facts == []


def test_what_is_overdue_can_no_longer_be_cancelled() -> None:
    market = waiting()
    market.now = end_of(market)
    outcome = market.do(CancelOrder(at=market.now, user_id="ann", order_id=market.order("ann", "bid").id))
    assert isinstance(outcome.answer, Refusal)
    assert outcome.answer.code is Code.ORDER_CLOSED
    assert len(expired(outcome.facts)) == 1


# Before each command of its market, whatever becomes of that


def commands(market: Trading) -> list[AnyCommand]:
    """One of each kind that a market decides, at the time at which ann's bid is over."""
    at = market.now
    root: dict[str, Any] = {"market_id": "M", "by": "root"}
    of_amm: dict[str, Any] = {"at": at, "user_id": AMM_ID, "market_id": "M"}
    wish = market.wish("ben", price=31)
    members = msgspec.structs.asdict(market.wish("AMM", price=20))
    return [
        wish,
        ReplaceOrder(**members, old_order_id=market.order("AMM", "quote").id),
        CancelOrder(at=at, user_id="ben", order_id=market.order("ben", "low").id),
        CancelByClientId(at=at, user_id="ben", market_id="M", client_order_id="low"),
        BatchCancel(**of_amm),
        CancelAll(at=at, user_id="ben", market_id="M"),
        FireGuard(at=at, user_id="ben", market_id="M"),
        MintShares(**of_amm, quantity=1, idempotency_key="k", nonce=1),
        BurnShares(**of_amm, quantity=1, idempotency_key="k", nonce=1),
        TransferShares(
            at=at,
            from_id="mm:1",
            to_id="ann",
            market_id="M",
            side=Side.YES,
            quantity=1,
            reference_type=ReferenceType.MM_REFUND,
            idempotency_key="k",
        ),
        SuspendMarket(at=at, **root),
        HaltMarket(at=at, **root, reason="smoke"),
        TripBreaker(at=at, market_id="M", trigger=CircuitBreakerTrigger.MANUAL, context={}),
        ResumeMarket(at=at, **root),
        SetMarketMode(at=at, **root, mode=TradingMode.CANCEL_ONLY),
        AuthorizeAmm(at=at, **root, authorized=False),
        StartAmm(at=at, **root, initial_budget=1_000, initial_price=50, nonce=1),
        StopAmm(at=at, **root),
        ResolveMarket(at=at, **root, result="YES"),
        VoidMarket(at=at, **root),
        Tick(at=at, market_id="M"),
        AmendOrder(at=at, user_id="ben", order_id=market.order("ben", "low").id, price=29),
        AmendByClientId(at=at, user_id="ben", market_id="M", client_order_id="low", price=29),
        AtomicBatch(at=at, user_id="ben", market_id="M", commands=(market.wish("ben", price=32),)),
        SetGroup(at=at, user_id="ben", market_id="M", group_id="g", max_fill_quantity=1, window_ms=100),
        ResetGroup(at=at, user_id="ben", market_id="M", group_id="g"),
        TriggerGroup(at=at, user_id="ben", market_id="M", group_id="g"),
        DeleteGroup(at=at, user_id="ben", market_id="M", group_id="g"),
    ]


@pytest.mark.parametrize("number", range(28))
def test_what_is_overdue_goes_before_any_command_of_its_market(number: int) -> None:
    """Granted, refused, or changing nothing: its first facts are the same."""
    market = waiting()
    market.now = end_of(market)
    command = commands(market)[number]
    (gone, *_) = market.do(command).facts
    assert expired([gone]) == [market.order("ann", "bid").id], command


def test_no_kind_of_command_is_forgotten_above() -> None:
    """But those for a market that is resolved or over, for one that is new, and for none."""
    tried = [type(command) for command in commands(waiting())]
    named = {kind for kind in get_args(AnyCommand) if {"market_id", "order_id"} & {*kind.__struct_fields__}}
    named -= {*get_args(AnyMmCommand)}
    assert {*tried} == named - {SettleMarket, CloseMarket, ForgetPositions, CreateMarket, ActivateMarket}
    assert len(tried) == 28


def test_commands_for_another_market_and_for_none_let_it_be() -> None:
    market = waiting()
    market.create("N")
    market.now = end_of(market)
    market.do(market.wish("ben", market_id="N"))
    market.do(Deposit(at=market.now, user_id="ben", amount=1))
    market.do(SetGuard(at=market.now, user_id="ben", grace_ms=5, markets=("M",)))
    assert market.order("ann", "bid").is_live


def test_of_two_markets_that_of_the_old_order_counts_for_a_replacement() -> None:
    market = waiting()
    market.create("N")
    market.play("ann buys 1 YES at 20 for 8 s as there in N")
    market.now = max(end_of(market), end_of(market, "there"))
    members = msgspec.structs.asdict(market.wish("AMM", market_id="N"))
    facts = market.do(ReplaceOrder(**members, old_order_id=market.order("AMM", "quote").id)).facts
    assert expired(facts) == [market.order("ann", "bid").id]
    unknown = msgspec.structs.asdict(market.wish("AMM", market_id="N"))
    assert market.do(ReplaceOrder(**unknown, old_order_id="none")).facts == []


def test_it_goes_also_where_the_command_is_a_repetition() -> None:
    market = waiting()
    market.play("ben buys 1 YES at 20 as known")
    known = market.order("ben", "known")
    market.now = end_of(market)
    again = PlaceOrder(
        at=market.now, user_id="ben", client_order_id="known", market_id="M", terms=known.terms, nonce=77
    )
    outcome = market.do(again)
    assert isinstance(outcome.answer, Placed)
    assert outcome.answer.repeated
    assert len(expired(outcome.facts)) == 1


# Halts, suspensions, ends


def test_while_suspended_it_expires() -> None:
    market = waiting()
    market.play("root suspends")
    market.now = end_of(market)
    assert is_due(market.market(), market.now)
    assert len(expired(market.do(Tick(at=market.now, market_id="M")).facts)) == 1


@pytest.mark.parametrize("target", ["ACTIVE", "SUSPENDED"])
def test_while_halted_nothing_expires_and_the_end_of_the_halt_makes_up_for_it(target: str) -> None:
    market = waiting()
    market.play("root halts")
    market.now = end_of(market)
    assert not is_due(market.market(), market.now)
    assert market.do(Tick(at=market.now, market_id="M")).facts == []
    refused = market.do(CancelOrder(at=market.now, user_id="ann", order_id=market.order("ann", "bid").id))
    assert isinstance(refused.answer, Refusal)
    assert refused.answer.code is Code.MARKET_NOT_OPEN
    head = market.exchange.head
    market.play(f"root resumes to {target}: fine")
    assert market.told(head) == ["CIRCUIT_BREAKER_RESOLVED", "MARKET_STATUS_CHANGED", "ORDER_CANCELLED"]
    assert market.order("ann", "bid").cancel_reason is EXPIRED


def test_the_resolution_of_a_halted_market_cancels_everything_for_its_own_reason() -> None:
    market = waiting()
    market.play("root halts")
    market.now = end_of(market)
    market.play("root resolves YES")
    assert market.order("ann", "bid").cancel_reason is CancelReason.MARKET_RESOLVED


def test_before_a_resolution_it_expires() -> None:
    market = waiting()
    market.now = end_of(market)
    market.play("root resolves YES")
    assert market.order("ann", "bid").cancel_reason is EXPIRED
    assert market.order("ben", "low").cancel_reason is CancelReason.MARKET_RESOLVED


def test_a_tick_lets_orders_expire_before_it_ends_anything_else() -> None:
    market = Trading(ann=10_000)
    end = market.now + 60 * SECOND
    market.create("T", terms={"trading_end_at": end})
    wish = market.wish("ann", market_id="T", time_in_force=TimeInForce.GTD, expires_at=end)
    market.do(wish)
    mode = SetMarketMode(at=market.now, market_id="T", mode=TradingMode.CANCEL_ONLY, until=end, by="root")
    market.do(mode)
    head = market.exchange.head
    market.do(Tick(at=end, market_id="T"))
    assert market.told(head) == ["ORDER_CANCELLED", "MARKET_STATUS_CHANGED", "MARKET_MODE_CHANGED"]


# Many, and after a restart


def crowd(orders: int) -> Trading:
    """So many bids that are over at one moment."""
    market = Trading(ann=1_000_000)
    at = market.now + SECOND
    for _ in range(orders):
        market.exchange.execute(market.wish("ann", price=10, time_in_force=TimeInForce.GTD, expires_at=at))
    market.now = at
    return market


def test_many_at_once_go_in_steps_and_the_command_is_decided_after_the_last() -> None:
    """Of 7 orders 3 a step; the facts are those that one step would have given."""
    whole, parts = crowd(7), crowd(7)
    parts.exchange.portion = 3
    wish = whole.wish("ann", price=20)
    expected = whole.exchange.execute(wish)
    outcomes = [parts.exchange.execute(wish)]
    while isinstance(outcomes[-1].answer, Unfinished):
        assert outcomes[-1].answer.then is wish
        outcomes.append(parts.exchange.execute(outcomes[-1].answer.then))
    assert [len(outcome.facts) for outcome in outcomes] == [3, 3, 2]
    assert isinstance(outcomes[-1].answer, Placed)
    assert [fact for outcome in outcomes for fact in outcome.facts] == expected.facts
    assert parts.exchange.digest() == whole.exchange.digest()
    assert parts.exchange.audit() == []


def test_between_two_steps_the_books_are_in_order() -> None:
    market = crowd(3)
    market.exchange.portion = 1
    assert isinstance(market.exchange.execute(Tick(at=market.now, market_id="M")).answer, Unfinished)
    assert market.exchange.audit() == []


def test_the_end_of_a_halt_leaves_to_ticks_what_is_too_much_for_one_step() -> None:
    market = crowd(5)
    market.exchange.portion = 2
    market.exchange.execute(HaltMarket(at=market.now - 1, market_id="M", reason="smoke", by="root"))
    wish: AnyCommand = ResumeMarket(at=market.now, market_id="M", resolution_note="fine", by="root")
    steps = []
    while True:
        outcome = market.exchange.execute(wish)
        steps.append([type(fact.event) for fact in outcome.facts])
        if outcome.then is None:
            break
        wish = outcome.then
    assert steps[0][1:] == [MarketStatusChanged, OrderCancelled, OrderCancelled]
    assert [len(step) for step in steps] == [4, 2, 1]
    assert outcome.answer == MarketIs("M")


def test_who_is_restored_remembers_when_orders_end() -> None:
    market = waiting()
    restored = Exchange.restore(market.exchange.snapshot())
    at = end_of(market)
    assert is_due(restored.markets["M"], at)
    assert (
        restored.execute(Tick(at=at, market_id="M")).facts
        == market.exchange.execute(Tick(at=at, market_id="M")).facts
    )


def test_who_has_no_such_orders_never_looks() -> None:
    market = Trading(ann=1_000)
    market.play("ann buys 1 YES at 10")
    assert market.exchange.next_expiry == NEVER
    market.play("ann buys 1 YES at 10 for 5 s as bid", "ann cancels bid")
    market.now += 60 * SECOND
    market.play("ann buys 1 YES at 10")
    assert market.exchange.next_expiry == NEVER, "what has ended is looked for once"


def test_orders_that_are_gone_are_not_kept_until_their_time() -> None:
    """They would fill the memory, and one step, at the end of the one that all of them stand behind."""
    market = Trading(ann=100_000)
    market.play("ann buys 1 YES at 10 for 50 s as first")
    exchange, at, end = Exchange.restore(market.exchange.snapshot()), market.now, end_of(market, "first")
    for number in range(5 * LEAST):
        name, kind = f"later-{number}", TimeInForce.GTD
        wish = market.wish("ann", client_order_id=name, time_in_force=kind, expires_at=at + 90 * SECOND)
        assert isinstance(exchange.execute(wish).answer, Placed)
        gone = CancelByClientId(at=at, user_id=wish.user_id, market_id="M", client_order_id=name)
        assert isinstance(exchange.execute(gone).answer, Cancelled)
    for expiries in (exchange.expiries, exchange.markets["M"].expiries):
        assert len(expiries.entries) <= LEAST
    (fact,) = exchange.execute(Tick(at=end, market_id="M")).facts
    assert isinstance(fact.event, OrderCancelled)
    assert fact.event.order_id == market.order("ann", "first").id


def test_a_cancel_of_its_own_still_answers_what_it_released() -> None:
    market = waiting()
    answer = market.answer(Cancelled, "ann cancels bid")
    assert answer.unfrozen_amount == 2004
