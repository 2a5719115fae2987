"""What an order leaves in memory: behind its fence, nothing that is final."""

import trio

from adapters.service.orders_told import OrdersTold
from kernel.actors import Actors
from kernel.codes import Code, KeyKind, Side
from kernel.commands import CancelOrder, ReplaceOrder
from kernel.exchange import Exchange
from kernel.journal import MemoryJournal
from kernel.making_edges import MmControl
from tests.kernel.making.desk import Desk
from tests.kernel.making.scene import some_market
from tests.kernel.trading import Recorded


def cycles(count: int) -> Desk:
    """Each replaces two quotes, one of which is filled now and then."""
    desk = some_market()
    desk.market.open("cat", 1_000_000)
    desk.open()
    for number in range(count):
        lease = desk.lease()
        for quote in lease.orders:
            wish = CancelOrder(at=desk.at, user_id=lease.account, order_id=quote.order_id, fence=lease.fence)
            desk.market.do(wish)
        desk.quote(lease, 0, Side.YES, 49, 10)
        desk.quote(lease, 1, Side.NO, 49, 10)
        if number % 3 == 0:
            desk.market.play("cat buys 10 NO at 51")
        free = min(desk.order().holding(Side.YES).free, desk.order().holding(Side.NO).free)
        if free:
            desk.granted(desk.burn(lease, 0, free))
        desk.release(lease)
        desk.wait(10)
    return desk


def test_what_many_cycles_leave_is_what_one_leaves() -> None:
    desk = cycles(30)
    escrow = desk.order().escrow
    assert len(escrow.orders) <= 4
    own = [order for order in desk.market.exchange.orders.values() if order.account is escrow]
    assert own == list(escrow.orders.values())
    assert desk.market.exchange.audit(desk.market.history) == []
    assert len(desk.order().leash.burn_keys) == len(
        [key for key in desk.market.exchange.keys.uses[KeyKind.BURN] if key.startswith("mmb:")]
    )


def test_a_pause_lets_go_of_all_and_a_cancel_or_replacement_of_one_finds_nothing() -> None:
    desk = some_market()
    desk.open()
    lease = desk.lease()
    placed = desk.quote(lease, 0)
    desk.tell(MmControl.PAUSE)
    assert desk.order().escrow.orders == {}
    assert placed.order.order.id not in desk.market.exchange.orders
    desk.tell(MmControl.RESUME)
    desk.wait(10)
    later = desk.lease()
    gone = placed.order.order.id
    wish = CancelOrder(at=desk.at, user_id=later.account, order_id=gone, fence=later.fence)
    assert desk.market.refused(wish).code is Code.ORDER_NOT_FOUND
    replacement = ReplaceOrder(
        at=desk.at,
        user_id=later.account,
        client_order_id=f"mm_{later.order_id.replace('-', '')}_{later.fence}_0",
        market_id="M",
        terms=placed.order.terms,
        nonce=1,
        old_order_id=gone,
        fence=later.fence,
    )
    assert desk.market.refused(replacement).code is Code.REPLACE_NOT_FOUND


def test_what_is_live_stays_with_its_name() -> None:
    desk = some_market()
    desk.open()
    lease = desk.lease()
    live, over = desk.quote(lease, 0, Side.YES, 40), desk.quote(lease, 1, Side.YES, 41)
    wish = CancelOrder(at=desk.at, user_id=lease.account, order_id=over.order.order.id, fence=lease.fence)
    desk.market.do(wish)
    assert len(desk.order().escrow.orders) == 2
    desk.release(lease)
    desk.wait(10)
    desk.lease()
    assert list(desk.order().escrow.orders.values()) == [live.order.order]


async def test_what_is_let_go_is_kept_aside_until_it_was_told() -> None:
    """A listener that tells of a pause finds the quotes that it cancelled; afterwards nobody does."""
    recorded = Recorded(ann=1_000_000)
    desk = Desk(recorded)
    desk.open()
    placed = desk.quote(desk.lease(), 0)
    desk.tell(MmControl.PAUSE)
    *before, pause = recorded.asked
    exchange = Exchange()
    actors = Actors(exchange, MemoryJournal())
    async with trio.open_nursery() as nursery:
        await nursery.start(actors.run)
        for command in before:
            await actors.ask(command)
        found: list[bool] = []
        actors.listeners.append(lambda _: found.append(placed.order.order.id in OrdersTold(exchange)))
        await actors.ask(pause)
        actors.close()
    assert found == [True]
    assert placed.order.order.id not in OrdersTold(exchange)
