"""A market-making order comes to be and is paid: to the cent, once per key, and never half."""

import hashlib
import json
from typing import Any

import msgspec
import pytest

from kernel.answers import Answer, Refusal
from kernel.codes import Code, ReferenceType
from kernel.commands import Deposit, RaiseFence, SetGuard, TransferFunds, Withdraw
from kernel.events import FundsTransferred
from kernel.exchange import Exchange
from kernel.making_answers import MmOrderIs, MmPaymentMade
from kernel.making_commands import INTERNAL, CreateMmOrder, MmTerms, PayMmOrder
from kernel.making_edges import MmAsset, MmControl, MmState
from kernel.making_events import MmOrderCreated
from tests.kernel.making.desk import FORBIDDEN, Desk, code
from tests.kernel.making.scene import some_market
from tests.kernel.trading import Trading, ledger

PENDING, INCOMPLETE, RUNNING = MmState.PAYMENT_PENDING, MmState.PAYMENT_INCOMPLETE, MmState.RUNNING
YES, NO = MmAsset.YES, MmAsset.NO


def outstanding(answer: Answer | Refusal) -> int:
    assert isinstance(answer, Refusal)
    assert answer.code is Code.PAYMENT_WRONG
    assert answer.data is not None
    found = answer.data["outstanding"]
    assert isinstance(found, int)
    return found


# The life that most have


def test_one_payment_of_all_of_it_sets_the_order_running() -> None:
    desk = some_market()
    desk.ask_for()
    assert desk.steps() == ["payment_pending USER_REQUEST"]
    desk.pay()
    assert desk.steps() == [
        "payment_pending USER_REQUEST",
        "payment_complete PAYMENT",
        "created AUTO",
        "running AUTO",
    ]
    assert [event.seq for event in desk.trail()] == [1, 2, 3, 4]
    assert [event.version for event in desk.trail()] == [1, 2, 3, 4]
    assert desk.market.holds("ann", available=900_000)
    assert desk.market.holds(desk.order().escrow.id, available=100_000, frozen=0)


def test_the_published_example_of_a_payment_in_parts() -> None:
    desk = some_market()
    desk.ask_for()
    desk.pay(amount=40_000)
    assert desk.state() is INCOMPLETE
    assert desk.order().legs[0].outstanding == 60_000
    assert outstanding(desk.pay(amount=60_001)) == 60_000
    desk.pay(amount=60_000)
    assert desk.steps()[1:] == [
        "payment_incomplete PAYMENT",
        "payment_complete PAYMENT",
        "created AUTO",
        "running AUTO",
    ]


def test_the_published_example_of_one_that_is_never_paid_in_full() -> None:
    desk = some_market()
    desk.ask_for()
    desk.pay(amount=40_000)
    assert desk.tick(599.999) == []
    desk.tick(0.001)
    assert desk.steps() == [
        "payment_pending USER_REQUEST",
        "payment_incomplete PAYMENT",
        "failed PAYMENT_TIMEOUT",
        "refunded REFUND",
    ]
    assert [event.seq for event in desk.trail()] == [1, 2, 3, 4]
    assert desk.market.holds("ann", available=1_000_000)
    assert desk.order().is_empty


def test_one_that_nobody_pays_ends_as_refunded_too() -> None:
    desk = some_market()
    desk.ask_for()
    desk.tick(600)
    assert desk.steps()[1:] == ["failed PAYMENT_TIMEOUT", "refunded REFUND"]
    assert {event.trigger_id for event in desk.trail()[1:]} == {
        f"timer:payment:{desk.order().payment_deadline}"
    }


def test_at_its_deadline_nothing_can_be_paid_though_no_tick_has_come() -> None:
    desk = some_market()
    desk.ask_for()
    desk.wait(600)
    assert code(desk.pay()) == 7102
    assert desk.state() is PENDING


def test_the_published_example_of_the_ledger() -> None:
    """A fee of 50 basis points on 100,000 is 500; it leaves the escrow in the same command."""
    market = Trading(ann=250_000)
    desk = Desk(market)
    desk.ask_for(policy={"service_fee_bps": 50})
    entry = market.exchange.ledger_head + 1
    desk.pay(key="k1")
    escrow = desk.order().escrow.id
    assert market.entries(entry) == ledger(
        f"""
        | {entry}     | ann          | TRANSFER_PAYMENT | -100000 | 150000 |
        | {entry + 1} | {escrow}     | TRANSFER_RECEIPT | +100000 | 100000 |
        | {entry + 2} | {escrow}     | TRANSFER_PAYMENT | -500    | 99500  |
        | {entry + 3} | PLATFORM_FEE | TRANSFER_RECEIPT | +500    | 500    |
        """
    )
    moved = [fact.event for fact in market.facts if isinstance(fact.event, FundsTransferred)]
    assert [(event.reference_type, event.idempotency_key) for event in moved] == [
        ("MM_PAYMENT", f"{escrow}:pay:k1:CASH"),
        ("MM_FEE", f"{escrow}:fee:start:CASH"),
    ]
    assert desk.order().fees_cents == 500


@pytest.mark.parametrize(
    ("cash", "bps", "fee"), [(10_000, 1, 1), (10_001, 1, 2), (10_001, 0, 0), (99_999, 1000, 10_000)]
)
def test_the_service_fee_is_rounded_up(cash: int, bps: int, fee: int) -> None:
    desk = some_market()
    desk.open(cash=cash, policy={"service_fee_bps": bps})
    assert desk.order().fees_cents == fee


def test_shares_are_legs_of_their_own_and_take_their_cost_along() -> None:
    """Ann's 4 YES cost 200; they count for what they are worth at the book's 50.5: 202."""
    desk = some_market()
    desk.market.play("ann buys 4 YES at 50", "ben buys 4 NO at 50")
    desk.ask_for(cash=10_000, yes=4)
    assert outstanding(desk.pay(amount=1, asset=NO)) == 0
    assert outstanding(desk.pay(amount=5, asset=YES)) == 4
    desk.pay(amount=4, asset=YES)
    assert desk.state() is INCOMPLETE
    assert desk.order().paid_in_cents == 202
    assert desk.market.holds(desk.order().escrow.id, yes=4, yes_cost=200)
    desk.pay(amount=10_000)
    assert desk.state() is RUNNING


def test_no_more_payments_than_a_hundred() -> None:
    desk = some_market()
    desk.ask_for(policy={"changes_per_hour": 1_000})
    for _ in range(100):
        desk.granted(desk.pay(amount=1))
    assert code(desk.pay(amount=1)) == 7104


def test_a_hundred_payments_of_1000_against_60000_are_taken_sixty_times() -> None:
    desk = some_market()
    desk.ask_for(cash=60_000)
    answers = [desk.pay(amount=1_000) for _ in range(100)]
    assert sum(isinstance(answer, MmPaymentMade) for answer in answers) == 60
    assert desk.state() is RUNNING


# Keys


def test_a_payment_under_the_same_key_is_made_once() -> None:
    desk = some_market()
    desk.ask_for()
    first = desk.pay(amount=40_000, key="k")
    assert isinstance(first, MmPaymentMade)
    head = desk.market.exchange.head
    for _ in range(20):
        again = desk.pay(amount=40_000, key="k")
        assert isinstance(again, MmPaymentMade)
        assert (again.repeated, again.payment) == (True, first.payment)
    assert desk.market.exchange.head == head
    assert code(desk.pay(amount=40_001, key="k")) == 7107
    assert code(desk.pay(amount=1, asset=YES, key="k")) == 7107


def test_a_key_makes_one_order_of_each_user() -> None:
    desk = some_market()
    desk.ask_for("one", key="k")
    again = desk.ask_for("one", key="k", max_loss_cents=20_000)  # the fifth that it is by default
    assert isinstance(again, MmOrderIs)
    assert (again.repeated, again.changed) == (True, False)
    assert code(desk.ask_for("two", key="k", levels=2)) == 7107
    desk.ask_for("two", "ben", key="k")
    assert desk.ids["one"] != desk.ids["two"]


@pytest.mark.parametrize("key", ["", "x" * 65, "two words", "é"])
def test_a_key_is_a_short_word(key: str) -> None:
    desk = some_market()
    desk.ask_for()
    assert code(desk.market.do(msgspec.structs.replace(pay_of(desk), key=key)).answer) == 9004


def pay_of(desk: Desk) -> PayMmOrder:
    return PayMmOrder(
        at=desk.at, order_id=desk.ids["one"], user_id="ann", asset=MmAsset.CASH, amount=1, key="k"
    )


def test_the_longest_key_makes_references_that_fit() -> None:
    desk = some_market()
    desk.ask_for()
    desk.granted(desk.pay(key="k" * 64))
    (event,) = [fact.event for fact in desk.market.facts if isinstance(fact.event, FundsTransferred)]
    assert len(event.idempotency_key) == 3 + 36 + 5 + 64 + 5


# Who may, and when


def test_another_users_order_looks_like_none() -> None:
    desk = some_market()
    desk.ask_for()
    theirs, none = desk.pay(owner="ben"), desk.pay("nowhere", owner="ben")
    assert code(theirs) == code(none) == 7101
    assert isinstance(theirs, Refusal)
    assert isinstance(none, Refusal)
    assert theirs.data == none.data
    assert theirs.message.replace(desk.ids["one"], "") == none.message.replace("nowhere", "")


def test_who_has_too_little_pays_nothing() -> None:
    desk = some_market()
    desk.open("one", "ann", 950_000)
    desk.ask_for("two", yes=1)
    assert code(desk.pay("two")) == 2001
    assert code(desk.pay("two", 1, YES)) == 5001


def test_shares_wait_for_the_end_of_a_halt_and_cash_does_not() -> None:
    desk = some_market()
    desk.market.play("ann buys 4 YES at 50", "ben buys 4 NO at 50")
    desk.ask_for(yes=4)
    desk.market.play("root halts")
    assert code(desk.pay(amount=4, asset=YES)) == 3002
    desk.granted(desk.pay())
    desk.market.play("root resumes: looked")
    desk.granted(desk.pay(amount=4, asset=YES))


def test_once_paid_in_full_no_more_is_taken() -> None:
    desk = some_market()
    desk.open()
    assert code(desk.pay(amount=1)) == 7102


def test_nobody_else_moves_what_is_in_an_escrow() -> None:
    desk = some_market()
    escrow = desk.open().escrow.id
    moves: list[Any] = [
        TransferFunds(
            at=desk.at,
            from_id=giver,
            to_id=taker,
            amount=1,
            reference_type=ReferenceType.MM_REWARD,
            idempotency_key="k",
        )
        for giver, taker in (("ann", escrow), (escrow, "ann"), ("ben", escrow))
    ]
    for command in (
        *moves,
        RaiseFence(at=desk.at, user_id=escrow, fence=9),
        SetGuard(at=desk.at, user_id=escrow, grace_ms=1),
    ):
        assert desk.market.refused(command).code is Code.NOT_ALLOWED
    for command in (
        Deposit(at=desk.at, user_id=escrow, amount=1),
        Withdraw(at=desk.at, user_id=escrow, amount=1),
    ):
        assert desk.market.refused(command).code is Code.ACCOUNT_NOT_FOUND


# Creating


@pytest.mark.parametrize(
    ("field", "values", "wrong"),
    [
        ("bid_half_spread_cents", (1, 30), (0, 31)),
        ("ask_half_spread_cents", (1, 30), (0, 31)),
        ("order_qty", (1, 9_999), (0, 10_000)),
        ("levels", (1, 5), (0, 6)),
        ("level_step_cents", (1, 10), (0, 11)),
        ("amount_change_per_layer", (0, 10_000), (-1, 10_001)),
        ("refresh_interval_ms", (1_000, 300_000), (999, 300_001)),
        ("refresh_tolerance_cents", (0, 5), (-1, 6)),
        ("qty_tolerance_pct", (0, 100), (-1, 101)),
        ("floor_price_cents", (1, 98), (0, 99)),
        ("ceiling_price_cents", (2, 99), (1, 100)),
        ("max_loss_cents", (1, 100_000), (0, 100_001)),
        ("max_position_per_side", (1, 25_000), (0, 25_001)),
        ("auto_merge_min_pairs", (0, 10_000), (-1, 10_001, 2**70)),
        ("cash", (10_000, 1_000_000_000), (9_999, 1_000_000_001, 0, -1)),
        ("yes", (0, 25_000), (-1, 25_001)),
        ("no", (0, 25_000), (-1, 25_001)),
    ],
)
def test_each_member_has_its_range(field: str, values: tuple[int, ...], wrong: tuple[int, ...]) -> None:
    """At its ends, and beyond them; a market takes orders of up to 9,999 here."""
    desk = some_market(max_order_quantity=9_999)
    for value in values:
        more: dict[str, Any] = {field: value}
        desk.granted(desk.ask_for(**more))
    for value in wrong:
        more = {field: value}
        answer = desk.ask_for(**more)
        assert code(answer) == 7112
        assert isinstance(answer, Refusal)
        assert answer.data is not None
        named = {"cash": "required_cash_cents", "yes": "required_yes_shares", "no": "required_no_shares"}
        told = {error["field"] for error in answer.data["errors"]}
        assert told & {named.get(field, field), "floor_price_cents"}


def test_everything_wrong_is_told_at_once() -> None:
    answer = some_market().ask_for(cash=1, levels=9, order_qty=0)
    assert isinstance(answer, Refusal)
    assert answer.data is not None
    assert {error["field"] for error in answer.data["errors"]} == {
        "required_cash_cents",
        "levels",
        "order_qty",
    }


def test_the_checks_come_in_their_order() -> None:
    """Each with everything wrong that is asked later."""
    desk = some_market(trading_end_at=some_market().at + 59 * 60_000_000)
    desk.market.create("D", activate=False)
    assert code(desk.ask_for(venue="x", cash=1, market_id="D", venue_rules=FORBIDDEN)) == 7110
    assert code(desk.ask_for(cash=1, market_id="D")) == 7112
    assert code(desk.ask_for(market_id="D")) == 3001
    assert code(desk.ask_for(market_id="NOWHERE")) == 3001
    assert code(desk.ask_for(limits={"active_per_user": 0})) == 7103
    assert code(desk.ask_for(limits={"active_per_user": 0, "min_minutes_left": 58})) == 7104
    assert code(desk.ask_for(limits={"min_minutes_left": 58}, campaign_id="c")) == 7111
    desk.granted(desk.ask_for(limits={"min_minutes_left": 58}))


def test_only_a_market_that_trades_is_made() -> None:
    desk = some_market()
    desk.market.play("root suspends")
    assert code(desk.ask_for()) == 7103


@pytest.mark.parametrize(
    ("limit", "count", "more"),
    [
        ("active_per_user", 2, {}),
        ("active_per_user_market", 2, {}),
        ("active_per_market", 2, {}),
        ("orders_per_user", 2, {}),
        ("cycles_per_second", 2, {"refresh_interval_ms": 1_000}),
        ("cycles_per_second_per_user", 2, {"refresh_interval_ms": 1_000}),
    ],
)
def test_each_limit_is_met_and_not_exceeded(limit: str, count: int, more: dict[str, Any]) -> None:
    desk = some_market()
    limits = {limit: count}
    for number in range(count):
        desk.granted(desk.ask_for(str(number), limits=limits, **more))
    answer = desk.ask_for("more", limits=limits, **more)
    assert code(answer) == 7104
    assert isinstance(answer, Refusal)
    assert answer.data == {"limit": limit, "value": count}
    desk.granted(desk.tell(MmControl.DELETE, "0"))
    again = desk.ask_for("more", limits=limits, **more)
    assert isinstance(again, Refusal) is (limit == "orders_per_user")


def test_who_has_no_account_makes_no_order() -> None:
    desk = some_market()
    escrow = desk.open().escrow.id
    for owner in ("nobody", escrow, "PLATFORM_FEE"):
        assert code(desk.ask_for("more", owner)) == 2002


def test_what_is_pinned_has_a_fingerprint_that_others_can_take() -> None:
    """SHA-256 over JSON with sorted keys and no spaces."""
    desk = some_market()
    desk.ask_for()
    (event,) = [fact.event for fact in desk.market.facts if isinstance(fact.event, MmOrderCreated)]
    assert event.terms == MmTerms(max_loss_cents=20_000)
    pinned = {"strategy": event.strategy, "terms": event.terms, "policy": event.policy}
    plain = json.dumps(msgspec.to_builtins(pinned), sort_keys=True, separators=(",", ":"))
    assert event.snapshot_hash == hashlib.sha256(plain.encode()).hexdigest()
    assert event.venue == INTERNAL


def test_a_request_is_decided_the_same_by_whoever_restored_it() -> None:
    desk = some_market()
    desk.ask_for(key="k")
    exchange = Exchange.restore(desk.market.exchange.snapshot())
    command = CreateMmOrder(
        at=desk.at, user_id="ann", market_id="M", required_cash_cents=100_000, key="k", nonce=99
    )
    answer = exchange.execute(command).answer
    assert isinstance(answer, MmOrderIs)
    assert (answer.repeated, answer.order.order_id) == (True, desk.ids["one"])
