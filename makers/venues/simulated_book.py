"""The simulated venue's market: others' prices that stand still, and one order's quotes among them.

It charges nothing. A quote rests until somebody is told to meet it.
"""

from collections.abc import Sequence

import attrs
import msgspec

from amm.brain.arithmetic import PAIR, Cents, Shares
from amm.brain.book import PricedLevel
from amm.brain.wire import Direction, Order, OrderStatus, Outcome
from makers.cycle.commands import Burn, Cancel, Command, NewOrder, Place, Replace
from makers.quoter.view import Book, Holding, MarketLimits, Room, View, is_bid, of_yes, yes_price
from makers.venues.venue import Asset

MAX_QUANTITY: Shares = 10_000
MAX_AMOUNT: Cents = 1_000_000
ROOM: Shares = 25_000
OF_OUTCOME = {Outcome.YES: Asset.YES, Outcome.NO: Asset.NO}


def view(
    market_id: str,
    holding: dict[Asset, int],
    resting: Sequence[Order],
    bids: Sequence[PricedLevel],
    asks: Sequence[PricedLevel],
) -> View:
    book = {True: dict(bids), False: dict(asks)}
    for order in resting:
        side, price = book[is_bid(order.original_side, order.original_direction)], yes_price(order)
        side[price] = side.get(price, 0) + order.remaining_quantity
    return View(
        cash_cents=free(holding, resting, Asset.CASH),
        yes=Holding(holding[Asset.YES], free(holding, resting, Asset.YES)),
        no=Holding(holding[Asset.NO], free(holding, resting, Asset.NO)),
        room=Room(*(ROOM - holding[asset] for asset in (Asset.YES, Asset.NO))),
        orders=list(resting),
        market=MarketLimits(market_id, 1, 99, MAX_QUANTITY, MAX_AMOUNT, freeze_bps=0),
        book=Book(sorted(book[True].items(), reverse=True), sorted(book[False].items())),
        last_trade_price_cents=None,
    )


def backing(order: Order, quantity: Shares) -> tuple[Asset, int]:
    """What an order needs, for so many shares."""
    if order.original_direction is Direction.BUY:
        return Asset.CASH, order.original_price_cents * quantity
    return OF_OUTCOME[order.original_side], quantity


def free(holding: dict[Asset, int], resting: Sequence[Order], asset: Asset) -> int:
    held = [backing(order, order.remaining_quantity) for order in resting]
    return holding[asset] - sum(amount for each, amount in held if each is asset)


def fill(holding: dict[Asset, int], resting: list[Order], client_order_id: str, quantity: Shares) -> None:
    (order,) = (one for one in resting if one.client_order_id == client_order_id)
    assert 0 < quantity <= order.remaining_quantity
    sign = 1 if order.original_direction is Direction.BUY else -1
    holding[Asset.CASH] -= sign * order.original_price_cents * quantity
    holding[OF_OUTCOME[order.original_side]] += sign * quantity
    resting.remove(order)
    if left := order.remaining_quantity - quantity:
        filled = order.filled_quantity + quantity
        resting.append(
            msgspec.structs.replace(
                order,
                filled_quantity=filled,
                remaining_quantity=left,
                status=OrderStatus.PARTIALLY_FILLED,
            )
        )


@attrs.frozen
class Counter:
    """Where one order's commands are carried out."""

    holding: dict[Asset, int]
    resting: list[Order]
    bids: Sequence[PricedLevel]
    asks: Sequence[PricedLevel]

    def carry_out(self, command: Command) -> int:
        match command:
            case Place():
                return self._place(command, beside=self.resting)
            case Replace(old_order_id=old_id, new_order=new):
                return self._replace(old_id, new)
            case Cancel(order_id=order_id):
                if (order := self._find(order_id)) is None:
                    return 4004
                self.resting.remove(order)
                return 0
            case Burn(quantity=pairs):
                return self._burn(pairs)

    def _replace(self, old_id: str, new: NewOrder) -> int:
        if (old := self._find(old_id)) is None:
            return 6002
        if old.filled_quantity:
            self.resting.remove(old)
            return 6001
        code = self._place(new, beside=[order for order in self.resting if order is not old])
        if code == 0:
            self.resting.remove(old)
        return code

    def _place(self, new: Place | NewOrder, beside: Sequence[Order]) -> int:
        order = Order(
            id=f"v-{new.client_order_id}",
            client_order_id=new.client_order_id,
            market_id=new.market_id,
            original_side=new.side,
            original_direction=new.direction,
            original_price_cents=new.price_cents,
            quantity=new.quantity,
            filled_quantity=0,
            remaining_quantity=new.quantity,
            status=OrderStatus.OPEN,
        )
        asset, needed = backing(order, order.quantity)
        if needed > free(self.holding, beside, asset):
            return 2001 if asset is Asset.CASH else 5001
        if self._meets(order, beside):
            return 4007
        self.resting.append(order)
        return 0

    def _meets(self, order: Order, beside: Sequence[Order]) -> bool:
        bids = [price for price, _ in self.bids]
        asks = [price for price, _ in self.asks]
        for one in beside:
            (bids if is_bid(one.original_side, one.original_direction) else asks).append(yes_price(one))
        price = of_yes(order.original_side, order.original_price_cents)
        if is_bid(order.original_side, order.original_direction):
            return any(price >= ask for ask in asks)
        return any(price <= bid for bid in bids)

    def _burn(self, pairs: Shares) -> int:
        if any(free(self.holding, self.resting, asset) < pairs for asset in OF_OUTCOME.values()):
            return 5001
        for asset in OF_OUTCOME.values():
            self.holding[asset] -= pairs
        self.holding[Asset.CASH] += pairs * PAIR
        return 0

    def _find(self, order_id: str) -> Order | None:
        return next((order for order in self.resting if order.id == order_id), None)
