"""Atomic batches: all of it at one moment, or nothing, and nothing means nothing at all."""

import random
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from kernel.answers import Batched, Cancelled, OrderIs, Placed, Refusal, Unfinished
from kernel.codes import (
    AMM_ID,
    RESTING_KINDS,
    CancelReason,
    Code,
    Direction,
    MarketStatus,
    OrderStatus,
    ReferenceType,
    SelfTradeMode,
    Side,
    TimeInForce,
)
from kernel.commands import (
    ActivateMarket,
    AmendOrder,
    AnyCommand,
    AtomicBatch,
    Batchable,
    CancelByClientId,
    CancelOrder,
    CreateMarket,
    Deposit,
    MarketTerms,
    MintShares,
    OpenAccount,
    OpenJournal,
    OrderTerms,
    PlaceOrder,
    ResolveMarket,
    Tick,
    TransferFunds,
)
from kernel.events import event_type
from kernel.exchange import Exchange
from kernel.expiries import LEAST
from kernel.journal import Decided
from kernel.limits import BATCH_MAX
from kernel.market import Order
from tests.kernel.test_actors import AT, place, running
from tests.kernel.trading import NOON, Trading
from tests.kernel.walking import differences, everything

IOC = TimeInForce.IOC
PEOPLE = ("ann", "ben", "cat", "mm:1", AMM_ID)


# What a batch is


def batch(market: Trading, who: str, *commands: Batchable, **more: Any) -> AtomicBatch:
    return AtomicBatch(at=market.now, user_id=who, market_id="M", commands=commands, **more)


def cancel(market: Trading, who: str, name: str, market_id: str = "M") -> CancelByClientId:
    return CancelByClientId(at=market.now, user_id=who, market_id=market_id, client_order_id=name)


def scene() -> Trading:
    """Ann bids 10 at 50, named X; the best ask is 53."""
    market = Trading(ann=1_000, ben=100_000)
    market.play("ann buys 10 YES at 50 as X", "ben buys 20 NO at 47 as ask")
    return market


def done(market: Trading, *commands: Batchable, **more: Any) -> Batched:
    answer = market.do(batch(market, "ann", *commands, **more)).answer
    assert isinstance(answer, Batched), answer
    return answer


def refused(market: Trading, *commands: Batchable, **more: Any) -> tuple[int, int]:
    """The index and the code of the command for which a batch of ann's was refused."""
    before = everything(market.exchange)
    refusal = market.refused(batch(market, "ann", *commands, **more))
    assert differences(before, everything(market.exchange)) == []
    assert refusal.code is Code.BATCH_REFUSED
    assert refusal.data is not None
    return refusal.data["index"], refusal.data["code"]


def test_the_cash_of_a_cancelled_order_backs_the_next() -> None:
    """Of 1000 cents 501 back X, and 521 are needed: only without it they are there."""
    market = scene()
    wish = market.wish("ann", price=52, quantity=10, client_order_id="Y")
    assert market.refused(wish).code is Code.INSUFFICIENT_BALANCE
    head = market.exchange.head
    answer = done(market, cancel(market, "ann", "X"), wish)
    assert market.told(head) == ["ORDER_CANCELLED", "ORDER_ACCEPTED"]
    first, second = answer.done
    assert isinstance(first.answer, Cancelled)
    assert isinstance(second.answer, Placed)
    assert (first.answer.order.status, first.answer.unfrozen_amount) == (OrderStatus.CANCELLED, 501)
    assert (second.answer.order.order.client_order_id, second.answer.order.frozen_amount) == ("Y", 522)
    assert [(each.after, each.upto) for each in answer.done] == [(head, head + 1), (head + 1, head + 2)]


def test_with_one_refusal_nothing_of_it_stands_and_the_first_is_named() -> None:
    market = scene()
    order = market.order("ann", "X")
    too_dear = market.wish("ann", price=99, quantity=1_000)
    below = market.wish("ann", price=0)
    assert refused(market, cancel(market, "ann", "X"), too_dear, below) == (1, Code.INSUFFICIENT_BALANCE)
    assert order.is_live
    assert market.exchange.markets["M"].book.bids.first[50] is order
    refusal = market.refused(batch(market, "ann", below))
    assert refusal.data == {
        "index": 0,
        "code": Code.PRICE_OUT_OF_RANGE,
        "message": "Price out of range: 0, allowed 1 to 99",
        "data": None,
    }


def test_an_order_of_the_batch_can_be_cancelled_in_it() -> None:
    """By its name: its id is not known before."""
    market = scene()
    answer = done(market, market.wish("ann", price=1, client_order_id="Y"), cancel(market, "ann", "Y"))
    placed, cancelled = (each.answer for each in answer.done)
    assert isinstance(placed, Placed)
    assert isinstance(cancelled, Cancelled)
    assert (placed.order.status, cancelled.order.status) == (OrderStatus.OPEN, OrderStatus.CANCELLED)


def test_each_answer_tells_of_its_own_netting() -> None:
    """Ann buys 2 and 3 NO against her 5 YES: 2 pairs with the first, 3 with the second."""
    market = Trading(ann=100_000, ben=100_000)
    market.play("ann buys 5 YES at 50", "ben buys 5 NO at 50", "ben buys 5 YES at 60")
    wishes = [market.wish("ann", Side.NO, price=40, quantity=quantity) for quantity in (2, 3)]
    placed = [each.answer for each in done(market, *wishes).done]
    assert [each.netting.pairs_netted for each in placed if isinstance(each, Placed) and each.netting] == [
        2,
        3,
    ]


def test_an_order_that_a_refused_batch_cancelled_still_ends_at_its_time() -> None:
    """Also if the batch has meanwhile cleared away those that were gone."""
    market = scene()
    exchange, end = Exchange.restore(market.exchange.snapshot()), market.now + 5

    def wish(name: str) -> PlaceOrder:
        kind = TimeInForce.GTD
        return market.wish("ann", price=1, client_order_id=name, time_in_force=kind, expires_at=end)

    exchange.execute(wish("Z"))
    for number in range(LEAST - 1):
        exchange.execute(wish(f"z{number}"))
        exchange.execute(cancel(market, "ann", f"z{number}"))
    before = everything(exchange)
    assert len(exchange.expiries.entries) == LEAST
    spoiled = cancel(market, "ann", "Z"), wish("Y"), market.wish("ann", price=0)
    assert isinstance(exchange.execute(batch(market, "ann", *spoiled)).answer, Refusal)
    assert differences(before, everything(exchange)) == []
    assert len(exchange.execute(Tick(at=end, market_id="M")).facts) == 1


# What fits into one


def test_a_command_for_another_market_does_not() -> None:
    market = scene()
    market.create("N")
    market.play("ann buys 1 YES at 1 as far in N", "ben buys 1 YES at 1 as his in N")
    far, his = market.order("ann", "far"), market.order("ben", "his")
    one = market.wish("ann", price=1)

    def by_id(order_id: str) -> CancelOrder:
        return CancelOrder(at=market.now, user_id="ann", order_id=order_id)

    other = Code.BATCH_OTHER_MARKET
    assert refused(market, one, market.wish("ann", price=1, market_id="N")) == (1, other)
    assert refused(market, one, market.wish("ann", price=1, market_id="NOWHERE")) == (1, other)
    assert refused(market, one, by_id(far.id)) == (1, other)
    assert refused(market, one, cancel(market, "ann", "far", "N")) == (1, other)
    # Whose it is comes first, and whether there is one.
    assert refused(market, by_id(his.id)) == (0, Code.NOT_ALLOWED)
    assert refused(market, cancel(market, "ann", "his", "N")) == (0, Code.ORDER_NOT_FOUND)
    assert refused(market, cancel(market, "ann", "far")) == (0, Code.ORDER_NOT_FOUND)
    assert refused(market, by_id("none")) == (0, Code.ORDER_NOT_FOUND)


def test_its_own_checks_come_in_their_order() -> None:
    market = scene()
    market.escrow("mm:1", "ann", fence=5)
    market.create("D", activate=False)

    def told(**more: Any) -> Code:
        wish = market.wish("mm:1", price=0, fence=more.get("fence"))
        return market.refused(msgspec.structs.replace(batch(market, "mm:1", wish), **more)).code

    assert told(fence=4, market_id="NOWHERE") is Code.STALE_FENCE
    assert told(fence=5, market_id="NOWHERE") is Code.MARKET_NOT_FOUND
    assert told(fence=5, market_id="D") is Code.MARKET_NOT_FOUND
    assert told(fence=5) is Code.BATCH_REFUSED


def test_what_it_holds_is_bounded() -> None:
    market = scene()
    one = market.wish("ann", price=1)
    foreign = market.wish("ben", price=1)
    for commands in ((), (one,) * (BATCH_MAX + 1), (one, foreign), (msgspec.structs.replace(one, nonce=-1),)):
        assert market.refused(batch(market, "ann", *commands)).code is Code.MALFORMED


def test_somebody_without_an_account_is_refused_like_alone() -> None:
    market = scene()
    for each, code in ((market.wish("nobody"), 2002), (cancel(market, "nobody", "X"), 4004)):
        refusal = market.refused(batch(market, "nobody", each))
        assert refusal.data is not None
        assert refusal.data["code"] == code


# Again


def test_a_repeated_batch_is_told_how_all_of_it_is_now() -> None:
    market = scene()
    commands = (cancel(market, "ann", "X"), market.wish("ann", price=53, quantity=5, client_order_id="Y"))
    done(market, *commands)
    before = market.exchange.digest()
    answer = done(market, *commands, cancel(market, "ann", "never"))
    assert answer.repeated
    assert market.exchange.digest() == before
    gone, placed, none = (each.answer for each in answer.done)
    assert isinstance(gone, OrderIs)
    assert gone.order is not None
    assert gone.order.status is OrderStatus.CANCELLED
    assert isinstance(placed, Placed)
    assert (placed.repeated, placed.order.status) == (True, OrderStatus.FILLED)
    assert none == OrderIs(None)


def test_a_known_placement_in_another_batch_is_refused_whether_or_not_it_is_the_same() -> None:
    market = scene()
    known = market.wish("ann", price=1, client_order_id="Y")
    new = market.wish("ann", price=1, client_order_id="Z")
    done(market, known)
    assert refused(market, new, known) == (1, Code.CLIENT_ORDER_ID_USED)
    assert refused(market, new, new) == (1, Code.CLIENT_ORDER_ID_USED)
    altered = msgspec.structs.replace(known, terms=msgspec.structs.replace(known.terms, quantity=2))
    assert refused(market, altered) == (0, Code.CLIENT_ORDER_ID_USED)
    # Without a placement there is no repetition.
    done(market, cancel(market, "ann", "X"))
    assert refused(market, cancel(market, "ann", "X")) == (0, Code.ORDER_CLOSED)


# What befalls a market


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("root suspends", Code.MARKET_NOT_OPEN),
        ("root halts", Code.MARKET_NOT_OPEN),
        ("root resolves YES without settling", Code.MARKET_NOT_OPEN),
    ],
)
def test_in_a_market_that_does_not_trade_it_may_still_cancel(line: str, code: Code) -> None:
    market = scene()
    market.play(line)
    is_live = market.order("ann", "X").is_live and line != "root halts"
    commands = [cancel(market, "ann", "X")] if is_live else []
    assert refused(market, *commands, market.wish("ann", price=1)) == (len(commands), code)
    if is_live:
        done(market, *commands)


def test_in_a_market_that_is_being_closed_its_orders_are_left_to_the_closing() -> None:
    market = scene()
    market.exchange.portion = 1
    market.play("ann buys 1 YES at 1 as low")
    step = market.step(ResolveMarket(at=market.now, market_id="M", result="YES", by="root"))
    assert isinstance(step.answer, Unfinished)
    name = next(name for name in ("X", "low") if market.order("ann", name).is_live)
    assert refused(market, cancel(market, "ann", name)) == (0, Code.ORDER_CLOSED)
    assert refused(market, market.wish("ann", price=1)) == (0, Code.MARKET_NOT_OPEN)
    market.do(step.answer.then)
    assert market.order("ann", name).cancel_reason is CancelReason.MARKET_RESOLVED


def test_a_broken_market_is_halted_and_nothing_of_the_batch_stands() -> None:
    """Found in the midst of it: the halt stands, what the batch had done by then does not."""
    market = scene()
    order = market.order("ann", "X")
    market.market().reserve += 1
    exchange = market.exchange
    head = exchange.head
    outcome = exchange.execute(batch(market, "ann", cancel(market, "ann", "X"), market.wish("ann", price=1)))
    assert isinstance(outcome.answer, Refusal)
    assert outcome.answer.code is Code.INTERNAL
    assert [event_type(fact.event) for fact in outcome.facts] == [
        "CIRCUIT_BREAKER_TRIGGERED",
        "MARKET_STATUS_CHANGED",
    ]
    assert (outcome.facts[0].id, exchange.head) == (head + 1, head + 2)
    assert market.status is MarketStatus.HALTED
    assert order.is_live
    assert market.market().book.bids.first[50] is order


async def test_it_is_one_page_of_the_journal_so_a_crash_leaves_all_of_it_or_nothing() -> None:
    async with running("M") as (actors, journal):
        wishes = tuple(place("M", number) for number in range(3))
        batch = AtomicBatch(at=AT, user_id="ann", market_id="M", commands=wishes)
        (outcome,) = await actors.ask(batch)
        assert isinstance(outcome.answer, Batched)
        page = journal.pack([Decided(batch, "", outcome)])
        assert (page.first, page.facts, page.commands) == (outcome.facts[0].id, 3, 1)
        # What it asked for stands in the journal once, before the first of its facts.
        assert [command for command, _ in journal.commands.values()].count(batch) == 1


# By chance


class Chance:
    """An exchange in which much has happened, and batches for it."""

    def __init__(self, seed: int) -> None:
        self.luck = random.Random(seed)
        self.cancels = 0.1
        self.exchange = Exchange()
        self.names = 0
        self.do(OpenJournal(at=NOON))
        for user_id in ("ann", "ben", "cat"):
            self.do(OpenAccount(at=NOON, user_id=user_id))
        self.do(OpenAccount(at=NOON, user_id="mm:1", owner_id="ann", auto_netting=False))
        for user_id in ("ann", "ben", "cat", AMM_ID):
            self.do(Deposit(at=NOON, user_id=user_id, amount=200_000))
        self.do(
            TransferFunds(
                at=NOON,
                from_id="ann",
                to_id="mm:1",
                amount=100_000,
                reference_type=ReferenceType.MM_PAYMENT,
                idempotency_key="k",
            )
        )
        for market_id in ("M", "N"):
            terms = MarketTerms(title="?", max_position_per_user=500)
            self.do(CreateMarket(at=NOON, market_id=market_id, terms=terms, by="root"))
            self.do(ActivateMarket(at=NOON, market_id=market_id, by="root"))
        self.do(
            MintShares(at=NOON, user_id=AMM_ID, market_id="M", quantity=200, idempotency_key="k", nonce=1)
        )
        for _ in range(self.luck.choice((0, 3, 150, 150))):
            self.exchange.execute(self.command(self.luck.choice(PEOPLE)))
        self.cancels = 0.5

    def do(self, command: AnyCommand) -> None:
        answer = self.exchange.execute(command).answer
        assert not isinstance(answer, Refusal), answer

    def command(self, user_id: str) -> Batchable:
        """One that may well be granted."""
        own = [o for o in self.exchange.orders.values() if o.account.id == user_id and o.market.id == "M"]
        live = [order for order in own if order.is_live]
        if live and self.luck.random() < self.cancels:
            order = self.luck.choice(live)
            if self.luck.random() < 0.5:
                return self.amend(order)
            if self.luck.random() < 0.5:
                return CancelOrder(at=NOON, user_id=user_id, order_id=order.id, fence=0)
            return CancelByClientId(
                at=NOON, user_id=user_id, market_id="M", client_order_id=order.client_order_id, fence=0
            )
        return self.place(user_id)

    def amend(self, order: Order) -> AmendOrder:
        """Less of it, more of it, or another price."""
        terms = order.terms
        return AmendOrder(
            at=NOON,
            user_id=order.account.id,
            order_id=order.id,
            price=self.luck.choice((None, None, terms.price + 1, terms.price - 1, 100 - terms.price)),
            quantity=self.luck.choice((None, terms.quantity - 1, terms.quantity + 1)),
            fence=0,
        )

    def place(self, user_id: str) -> PlaceOrder:
        self.names += 1
        luck = self.luck
        side, direction = luck.choice(list(Side)), luck.choice(list(Direction))
        # Few prices, so that queues grow long; and now and then one that crosses.
        is_bid = (side is Side.YES) == (direction is Direction.BUY)
        price = luck.choice((44, 45) if is_bid else (54, 55))
        price = 100 - price if luck.random() < 0.08 else price
        kind = luck.choice(KINDS)
        rests = kind in RESTING_KINDS
        terms = OrderTerms(
            side,
            direction,
            price if side is Side.YES else 100 - price,
            luck.randint(1, 30),
            kind,
            expires_at=NOON + luck.randint(1, 3) if kind is TimeInForce.GTD else None,
            post_only=rests and luck.random() < 0.2,
            max_cost_cents=None if rests or direction is Direction.SELL else luck.choice((None, 300)),
            self_trade_mode=luck.choice(list(SelfTradeMode)),
        )
        return PlaceOrder(
            at=NOON,
            user_id=user_id,
            client_order_id=f"o-{self.names}",
            market_id="M",
            terms=terms,
            nonce=self.names,
            fence=0,
        )

    def granted(self, user_id: str, count: int) -> list[Batchable]:
        """So many commands that are granted one after the other, or fewer; tried out on a copy."""
        copy = Exchange.restore(self.exchange.snapshot())
        found: list[Batchable] = []
        for _ in range(4 * count):
            command = self.command(user_id)
            if len(found) < count and not isinstance(copy.execute(command).answer, Refusal):
                found.append(command)
        return found

    def batch(self, user_id: str, commands: list[Batchable]) -> AtomicBatch:
        return AtomicBatch(at=NOON, user_id=user_id, market_id="M", commands=tuple(commands), fence=0)


KINDS = (*[TimeInForce.GTC] * 5, TimeInForce.GTD, TimeInForce.IOC, TimeInForce.FOK)
SPOILERS: list[Callable[[Chance, str], Batchable]] = [
    lambda chance, user_id: msgspec.structs.replace(chance.place(user_id), market_id="N"),
    lambda chance, user_id: CancelOrder(at=NOON, user_id=user_id, order_id="none", fence=0),
    lambda chance, user_id: dear(chance.place(user_id)),
]
"""What is refused wherever it stands."""


def dear(wish: PlaceOrder) -> PlaceOrder:
    return msgspec.structs.replace(wish, terms=msgspec.structs.replace(wish.terms, quantity=10_001))


@pytest.mark.parametrize("seed", range(40))
def test_refused_at_any_index_a_batch_has_left_no_trace(seed: int) -> None:
    chance = Chance(seed)
    user_id = PEOPLE[seed % len(PEOPLE)]
    commands = chance.granted(user_id, 12)
    before, digest = everything(chance.exchange), chance.exchange.digest()
    for index in range(len(commands) + 1):
        spoiler = chance.luck.choice(SPOILERS)(chance, user_id)
        spoiled = [*commands[:index], spoiler, *commands[index:]]
        outcome = chance.exchange.execute(chance.batch(user_id, spoiled))
        assert isinstance(outcome.answer, Refusal)
        assert outcome.answer.data is not None
        assert outcome.answer.data["index"] == index
        assert outcome.facts == []
        assert differences(before, everything(chance.exchange)) == []
        assert chance.exchange.digest() == digest
    assert chance.exchange.audit() == []


@pytest.mark.parametrize("seed", range(40))
def test_a_batch_does_what_its_commands_do_alone(seed: int) -> None:
    """At the same time, and after a refused one: fact by fact, id by id."""
    chance = Chance(seed)
    user_id = PEOPLE[seed % len(PEOPLE)]
    commands = chance.granted(user_id, 12)
    alone = Exchange.restore(chance.exchange.snapshot())
    singly = [alone.execute(each) for each in commands]
    chance.exchange.execute(chance.batch(user_id, [*commands, SPOILERS[0](chance, user_id)]))
    together = chance.exchange.execute(chance.batch(user_id, commands))
    assert together.facts == [fact for outcome in singly for fact in outcome.facts]
    assert chance.exchange.digest() == alone.digest()
    assert chance.exchange.audit() == []
    if commands:
        assert isinstance(together.answer, Batched)
        assert [same(each.answer) for each in together.answer.done] == [same(one.answer) for one in singly]


def same(answer: Any) -> Any:
    """An answer but for its order, which is of another exchange."""
    members = {name: getattr(answer, name) for name in answer.__struct_fields__}
    return type(answer), members | {"order": msgspec.structs.astuple(answer.order)[1:]}
