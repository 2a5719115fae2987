"""Closed orders leave memory: their names stay, and what is found of them decides as they themselves did."""

import itertools
import random
import sys

import msgspec
import pytest

from kernel.answers import Answer, AskThePast, Forgotten, Placed, Refusal
from kernel.codes import Code, Side
from kernel.commands import (
    AnyCommand,
    AtomicBatch,
    CancelByClientId,
    CancelOrder,
    ForgetOrders,
    ForgetPositions,
)
from kernel.exchange import Exchange
from kernel.forgetting import past_of
from kernel.names import PAGE, Names, fingerprint
from kernel.order_image import order_image
from kernel.past import OrderImage, Past
from kernel.portfolio import portfolio_of
from tests.kernel.making.scene import some_market
from tests.kernel.trading import Trading, busy_day


def some_names(count: int) -> tuple[Names, list[int]]:
    chance = random.Random(1)
    values = [chance.getrandbits(64) for _ in range(count)]
    names = Names()
    for value in values:
        names.add(value)
    return names, values


@pytest.mark.parametrize("count", [0, 1, PAGE, PAGE + 1, 20_000])
def test_what_was_given_is_known_and_nothing_else_is(count: int) -> None:
    names, values = some_names(count)
    assert all(value in names for value in values)
    assert not [value for value in values if value ^ 1 in names]
    assert 0 not in names
    assert 2**64 - 1 not in names
    assert names.count == count
    image = names.image()
    assert image == b"".join(value.to_bytes(8, "little") for value in sorted(values))
    again = Names()
    again.restore(image)
    assert all(value in again for value in values)
    for extra in (0, 2**64 - 1, 2**63):
        names.add(extra)
        again.add(extra)
        assert extra in names
        assert extra in again
    assert (again.count, again.image()) == (names.count, names.image())


def test_a_name_takes_fewer_than_twelve_bytes_and_no_page_outgrows_its_bound() -> None:
    for names in (some_names(200_000)[0], Names()):
        if not names.count:
            names.restore(some_names(200_000)[0].image())
        assert max(map(len, names._pages)) <= PAGE
        size = sum(map(sys.getsizeof, (names._first, names._pages, *names._pages)))
        assert size / names.count < 12


def test_neither_owner_nor_machine_changes_a_fingerprint_unseen() -> None:
    assert fingerprint("ann", "x") == 2_080_551_236_984_659_880
    assert len({fingerprint(owner, name) for owner in ("a", "aa") for name in ("b", "ab", "aab")}) == 6


def forgetful(**words: int) -> Trading:
    """Ann's "gone" was cancelled and has left, her "live" rests."""
    market = Trading(ann=10_000, ben=10_000, **words)
    market.play("ann buys 5 YES at 40 as gone", "ann cancels gone", "ann buys 5 YES at 30 as live")
    forget(market)
    return market


def forget(market: Trading, most: int = 500) -> int:
    answer = market.do(ForgetOrders(at=market.now, before=market.now + 1, most=most)).answer
    assert isinstance(answer, Forgotten)
    return answer.count


def asked(market: Trading, command: AnyCommand) -> AskThePast:
    answer = market.do(command).answer
    assert isinstance(answer, AskThePast), answer
    return answer


def again(market: Trading, command: AnyCommand, **past: object) -> Answer | Refusal:
    told = Past(**{"as_of": market.exchange.head} | past)  # type: ignore[arg-type]
    return market.do(msgspec.structs.replace(command, past=told)).answer


def test_what_is_live_or_was_closed_too_late_stays() -> None:
    market = Trading(ann=10_000)
    market.play("ann buys 5 YES at 40 as first", "ann buys 5 YES at 41 as second", "ann cancels second")
    closed_at = market.now
    market.play("ann cancels first")
    for before, most, count in ((closed_at, 9, 0), (closed_at + 1, 9, 1), (market.now + 1, 9, 1)):
        answer = market.do(ForgetOrders(at=market.now, before=before, most=most)).answer
        assert answer == Forgotten(count)
    assert market.exchange.orders == {}


def test_a_portion_is_bounded_and_the_next_goes_on_with_those_closed_next() -> None:
    market = Trading(ann=10_000)
    for number in range(5):
        market.play(f"ann buys 1 YES at 4{number} as o{number}")
    for number in (3, 1, 4):
        market.play(f"ann cancels o{number}")
    left = [set(market.exchange.accounts["ann"].orders)]
    for _ in range(2):
        market.exchange = Exchange.restore(market.exchange.snapshot())
        assert forget(market, most=1) == 1
        left.append(set(market.exchange.accounts["ann"].orders))
    assert [one - other for one, other in itertools.pairwise(left)] == [{"o3"}, {"o1"}]
    for most in (0, -1, 501):
        wish = ForgetOrders(at=market.now, before=market.now, most=most)
        assert market.refused(wish).code is Code.MALFORMED


def test_a_name_that_only_looks_given_is_new() -> None:
    """As of one in a billion billions; here it is made up."""
    market = forgetful()
    for exchange in (market.exchange, market.replica):
        exchange.forgotten.add(fingerprint("ann", "new"))
    wish = msgspec.structs.replace(market.wish("ann"), client_order_id="new")
    assert asked(market, wish) == AskThePast("ann", ("new",), ())
    answer = again(market, wish, absent=("new",))
    assert isinstance(answer, Placed)
    assert (answer.repeated, answer.order.status) == (False, "OPEN")
    assert not isinstance(market.do(market.wish("ann")).answer, AskThePast)


def test_an_old_no_is_not_believed() -> None:
    """Between the question and the answer the order came, was closed and left: it must not come twice."""
    market = forgetful()
    for exchange in (market.exchange, market.replica):
        exchange.forgotten.add(fingerprint("ann", "new"))
    wish = msgspec.structs.replace(market.wish("ann"), client_order_id="new")
    asked(market, wish)
    long_ago = market.exchange.head
    assert isinstance(again(market, wish, absent=("new",)), Placed)
    market.play("ann cancels new")
    forget(market)
    assert again(market, wish, as_of=long_ago, absent=("new",)) == AskThePast("ann", ("new",), ())


def test_what_it_brings_covers_all_that_it_names() -> None:
    """An answer about one name is none about another that left meanwhile."""
    market = forgetful()
    gone = market.wish("ann")
    wish = msgspec.structs.replace(gone, client_order_id="gone")
    assert again(market, wish, absent=("other",)) == AskThePast("ann", ("gone",), ())


def test_an_order_may_be_called_like_an_id() -> None:
    """Of the same word the name is found and no order of that id is: both were looked for, once."""
    market = forgetful()
    cancel = CancelOrder(at=market.now, user_id="ann", order_id="gone")
    by_name = CancelByClientId(at=market.now, user_id="ann", market_id="M", client_order_id="gone")
    for commands, index, code in (
        ((by_name, cancel), 0, Code.ORDER_CLOSED),
        ((cancel, by_name), 0, Code.ORDER_NOT_FOUND),
    ):
        batch = AtomicBatch(at=market.now, user_id="ann", market_id="M", commands=commands)
        question = asked(market, batch)
        assert question == AskThePast("ann", ("gone",), ("gone",))
        past = past_of(question, market.exchange.head, [image_of_gone(market)])
        assert (past.absent, past.absent_ids) == ((), ("gone",))
        refusal = market.do(msgspec.structs.replace(batch, past=past)).answer
        assert isinstance(refusal, Refusal)
        assert refusal.data is not None
        assert (refusal.code, refusal.data["index"], refusal.data["code"]) == (
            Code.BATCH_REFUSED,
            index,
            code,
        )


def test_another_users_order_of_that_name_answers_for_nobody_else() -> None:
    """It was found by its id; that the asked name belongs to nobody has to be said all the same."""
    market = forgetful()
    theirs = msgspec.structs.replace(image_of_gone(market), user_id="ben", client_order_id="new")
    question = AskThePast("ann", ("new",), (theirs.id,))
    assert past_of(question, market.exchange.head, [theirs]).absent == ("new",)


def test_an_order_found_live_is_not_cancelled_again() -> None:
    """It was live when it was looked for, and was closed and left before the command was decided."""
    market = forgetful()
    market.play("ann buys 5 YES at 41 as late")
    live = order_image(market.exchange.accounts["ann"].orders["late"])
    as_of = market.exchange.head
    market.play("ann cancels late")
    forget(market)
    frozen = market.exchange.accounts["ann"].frozen
    assert frozen > 0, "there is something to be taken from"
    for wish in (
        CancelByClientId(at=market.now, user_id="ann", market_id="M", client_order_id="late"),
        CancelOrder(at=market.now, user_id="ann", order_id=live.id),
    ):
        assert isinstance(again(market, wish, as_of=as_of, orders=(live,)), AskThePast)
    assert market.exchange.accounts["ann"].frozen == frozen


def image_of_gone(market: Trading) -> OrderImage:
    """Ann's first order, as the tables have it."""
    other = Trading(ann=10_000, ben=10_000)
    other.play("ann buys 5 YES at 40 as gone", "ann cancels gone")
    image = order_image(other.exchange.accounts["ann"].orders["gone"])
    assert image.id not in market.exchange.orders
    return image


def test_nothing_is_asked_as_long_as_nothing_was_forgotten() -> None:
    market = Trading(ann=10_000)
    wish = CancelOrder(at=market.now, user_id="ann", order_id="none")
    assert market.refused(wish).code is Code.ORDER_NOT_FOUND


def test_an_order_of_a_market_making_account_leaves_with_its_fence_and_only_so() -> None:
    """Behind the fence it is not found again, whatever the tables still say of it."""
    desk = some_market()
    desk.open()
    lease = desk.lease()
    quote = desk.quote(lease, 0, Side.YES, 40)
    order = quote.order.order
    cancel = CancelOrder(at=desk.at, user_id=lease.account, order_id=order.id, fence=lease.fence)
    desk.market.do(cancel)
    assert not order.is_live
    assert forget(desk.market) == 0
    assert order.id in desk.market.exchange.orders
    desk.release(lease)
    desk.wait(10)
    desk.lease()
    assert order.id not in desk.market.exchange.orders
    market = desk.market
    market.open("ann", 10_000)
    market.play("ann buys 1 YES at 3 as gone", "ann cancels gone")
    assert forget(market) == 1
    wish = CancelOrder(at=market.now, user_id="ann", order_id=order.id)
    assert asked(market, wish).order_ids == (order.id,)
    answer = again(market, wish, orders=(order_image(order),))
    assert isinstance(answer, Refusal)
    assert answer.code is Code.ORDER_NOT_FOUND


def over(result: str = "YES") -> Trading:
    """Ann bought YES of ben and paid a fee, cat only had an order; then the market was over."""
    market = Trading(ann=10_000, ben=10_000, cat=10_000)
    market.play("ann buys 10 YES at 60", "ben buys 10 NO at 40", "cat buys 1 YES at 2 as c")
    market.play("ann sells 3 YES at 50", "ben buys 3 YES at 50", f"root resolves {result}")
    return market


def forget_positions(market: Trading, most: int = 500, later: int = 1) -> int:
    settled_at = market.market().settled_at
    assert settled_at is not None
    wish = ForgetPositions(at=market.now, market_id="M", before=settled_at + later, most=most)
    answer = market.do(wish).answer
    assert isinstance(answer, Forgotten)
    return answer.count


def test_positions_of_a_market_that_is_over_leave_and_what_they_came_to_stays_counted() -> None:
    market = over()
    ann, before = market.exchange.accounts["ann"], market.market()
    worth, traders = portfolio_of(ann), len(before.traders)
    assert worth.realized
    assert worth.fees
    assert forget_positions(market, later=0) == 0
    counts = []
    while count := forget_positions(market, most=2):
        market.exchange = Exchange.restore(market.exchange.snapshot())
        counts.append(count)
    assert counts == [2, 1]
    place, ann = market.market(), market.exchange.accounts["ann"]
    assert (place.positions, place.owners, place.traders, list(place.holders.after(""))) == (
        {},
        {},
        set(),
        [],
    )
    assert place.let_go_traders == traders == 2
    assert ann.positions == {}
    assert (ann.past_positions, market.exchange.accounts["cat"].past_positions) == (1, 0)
    again = portfolio_of(ann)
    assert (again.realized, again.fees, again.equity) == (worth.realized, worth.fees, worth.equity)


def test_nobody_leaves_a_market_in_which_something_may_still_be_paid() -> None:
    market = Trading(ann=1_000)
    market.play("ann buys 1 YES at 2 as o")
    for line in (None, "ann cancels o", "root resolves YES without settling"):
        if line is not None:
            market.play(line)
        wish = ForgetPositions(at=market.now, market_id="M", before=market.now + 10, most=500)
        assert market.do(wish).answer == Forgotten(0)
    assert market.refused(msgspec.structs.replace(wish, market_id="X")).code is Code.MARKET_NOT_FOUND


def test_an_order_of_the_past_needs_no_position_and_makes_none() -> None:
    """It is asked for again once both have left: the answer is as ever, and nothing has come to be."""
    market = over()
    order = market.exchange.accounts["cat"].orders["c"]
    image = order_image(order)
    forget(market)
    forget_positions(market)
    wish = CancelOrder(at=market.now, user_id="cat", order_id=order.id)
    assert asked(market, wish).order_ids == (order.id,)
    answer = again(market, wish, orders=(image,))
    assert isinstance(answer, Refusal)
    assert answer.code is Code.ORDER_CLOSED
    assert market.exchange.accounts["cat"].positions == {}


def test_whoever_held_something_has_held_it_also_when_that_is_forgotten() -> None:
    """Shares that were given to somebody without a cent, and lost."""
    market = Trading(ann=10_000, ben=10_000)
    market.escrow("mm:1", "ann")
    market.play("ann buys 10 YES at 60", "ben buys 10 NO at 40", "ann gives mm:1 3 YES", "root resolves NO")
    held = market.exchange.accounts["mm:1"]
    assert (held.version, held.has_held) == (0, True)
    forget_positions(market)
    assert held.has_held


def test_a_busy_day_can_be_forgotten_to_the_last_closed_order() -> None:
    day = busy_day()
    exchange = day.exchange
    closed = {order.id for order in exchange.closed.orders()}
    guarded = {order.id for order in exchange.orders.values() if order.account.leash is not None}
    assert closed == {order.id for order in exchange.orders.values() if not order.is_live} - guarded
    assert len(closed) == exchange.closed.count > 5
    assert forget(day) == len(closed)
    assert (exchange.closed.first, exchange.closed.last, exchange.closed.count) == (None, None, 0)
    assert {order.id for order in exchange.orders.values() if order.is_live} == set(exchange.orders) - guarded
