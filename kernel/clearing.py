"""Clearing: who pays whom when a maker and a taker meet.

A book quoted in YES has two kinds of buyers (those who buy YES, and those who sell NO) and two kinds of
sellers (those who sell YES, and those who buy NO), so there are four meetings and no more. Where both open,
a pair comes to be and the reserve takes its 100 cents; where both close, a pair ceases and the reserve pays
them; where one opens and one closes, a share changes hands.
"""

from typing import Final

from kernel.amounts import fee
from kernel.codes import (
    FEES_ID,
    PAIR_CENTS,
    RESERVE_ID,
    BookType,
    Direction,
    LedgerEntryType,
    OrderStatus,
    TradeScenario,
)
from kernel.draft import Draft
from kernel.events import NettingExecuted, OrderMatched, OrderPartiallyFilled, Trade
from kernel.ids import snowflake
from kernel.market import Market, Order, Position
from kernel.money import post
from kernel.walk import capped_cost

SCENARIOS: Final = {
    (True, True): TradeScenario.MINT,
    (True, False): TradeScenario.TRANSFER_YES,
    (False, True): TradeScenario.TRANSFER_NO,
    (False, False): TradeScenario.BURN,
}
"""Whether the buy side of the book opens, and whether the sell side does, to what their meeting is."""
PARTIES: Final = {
    scenario: (
        BookType.NATIVE_BUY if buy_opens else BookType.SYNTHETIC_BUY,
        BookType.SYNTHETIC_SELL if sell_opens else BookType.NATIVE_SELL,
    )
    for (buy_opens, sell_opens), scenario in SCENARIOS.items()
}
"""Which types of the book meet in each: buy, sell."""

PARTIALLY_FILLED, FILLED = OrderStatus.PARTIALLY_FILLED, OrderStatus.FILLED
BUY, SELL = Direction.BUY, Direction.SELL
UNFREEZE = LedgerEntryType.ORDER_UNFREEZE
MINT_COST, MINT_RESERVE_IN = LedgerEntryType.MINT_COST, LedgerEntryType.MINT_RESERVE_IN
BURN_REVENUE, BURN_RESERVE_OUT = LedgerEntryType.BURN_REVENUE, LedgerEntryType.BURN_RESERVE_OUT
PAYMENT, RECEIPT = LedgerEntryType.TRANSFER_PAYMENT, LedgerEntryType.TRANSFER_RECEIPT
FEE, FEE_REVENUE = LedgerEntryType.FEE, LedgerEntryType.FEE_REVENUE


class Leg:
    """One order's part in a fill: what it is worth, what it sets free, what it realizes."""

    __slots__ = ("order", "quantity", "rate", "realized", "released", "value")

    def __init__(self, order: Order, price: int, quantity: int, rate: int) -> None:
        self.order = order
        self.quantity = quantity
        self.rate = rate
        # An order trades shares of its own side; the price speaks of YES.
        self.value = quantity * (price if order.is_bid == order.opens else PAIR_CENTS - price)
        self.released = 0
        self.realized: int | None = None

    def release(self) -> None:
        """Set free what backed the filled part: `frozen = need(remaining)` always, never a running sum."""
        order = self.order
        frozen = order.need(order.remaining) if order.remaining else 0
        self.released = order.frozen - frozen
        assert self.released > 0, f"{order.id}: {self.quantity} filled, {self.released} set free"
        order.frozen = frozen
        order.status = PARTIALLY_FILLED if order.remaining else FILLED

    def release_cost(self) -> None:
        """Of an order that set aside just what its meetings cost: what this one does."""
        order = self.order
        before = order.remaining + self.quantity
        self.released = capped_cost(order.market, order.terms.price, self.value, before, self.quantity)
        assert self.released <= order.frozen
        order.frozen -= self.released
        order.status = PARTIALLY_FILLED if order.remaining else FILLED

    def close(self) -> None:
        """The shares leave, and with them their cost; the difference to what they bring is realized."""
        holding = self.order.holding
        holding.pending_sell -= self.quantity
        self.realized = self.value - holding.take(self.quantity)

    def open(self) -> None:
        holding = self.order.holding
        holding.volume += self.quantity
        holding.cost_sum += self.value

    def pay(self, draft: Draft, entry_type: LedgerEntryType) -> None:
        """From its freeze; what is left of that (price improvement, unused fee buffer) stays available."""
        account = self.order.account
        post(draft, account, UNFREEZE, self.released, -self.released, self.order.id)
        post(draft, account, entry_type, -self.value)

    def receive(self, draft: Draft, entry_type: LedgerEntryType) -> None:
        post(draft, self.order.account, entry_type, self.value)

    def fee(self) -> int:
        """On what it really pays or receives; a buy's never exceeds what its freeze has left.

        The freeze was rounded up once and the fees of several fills once each, so without this cap the
        last fill could find a cent missing.
        """
        due = fee(self.value, self.rate)
        return min(due, self.released - self.value) if self.order.opens else due


def mint(draft: Draft, market: Market, buy: Leg, sell: Leg) -> None:
    """Both open: their payments together are the 100 cents of each new pair."""
    buy.open()
    sell.open()
    buy.pay(draft, MINT_COST)
    sell.pay(draft, MINT_COST)
    change_pairs(draft, market, buy.quantity, MINT_RESERVE_IN)


def transfer_yes(draft: Draft, market: Market, buy: Leg, sell: Leg) -> None:
    """The buyer of YES pays the seller of YES."""
    sell.close()
    buy.open()
    buy.pay(draft, PAYMENT)
    sell.receive(draft, RECEIPT)


def transfer_no(draft: Draft, market: Market, buy: Leg, sell: Leg) -> None:
    """On the sell side of the book stands who buys NO, and pays who sells it."""
    buy.close()
    sell.open()
    sell.pay(draft, PAYMENT)
    buy.receive(draft, RECEIPT)


def burn(draft: Draft, market: Market, buy: Leg, sell: Leg) -> None:
    """Both close: the reserve pays out the 100 cents of each pair that ceases."""
    buy.close()
    sell.close()
    buy.receive(draft, BURN_REVENUE)
    sell.receive(draft, BURN_REVENUE)
    change_pairs(draft, market, -buy.quantity, BURN_RESERVE_OUT)


CLEAR: Final = {
    TradeScenario.MINT: mint,
    TradeScenario.TRANSFER_YES: transfer_yes,
    TradeScenario.TRANSFER_NO: transfer_no,
    TradeScenario.BURN: burn,
}


def change_pairs(draft: Draft, market: Market, pairs: int, entry_type: LedgerEntryType) -> None:
    """Pairs come to be, or cease, against 100 cents each in the reserve."""
    market.yes_shares += pairs
    market.no_shares += pairs
    market.reserve += PAIR_CENTS * pairs
    assert market.is_sound(), (
        f"{market.id}: reserve {market.reserve} for {market.yes_shares}/{market.no_shares} shares"
    )
    post(draft, draft.state.accounts[RESERVE_ID], entry_type, PAIR_CENTS * pairs)


def fill(draft: Draft, maker: Order, taker: Order, quantity: int) -> None:
    """One meeting, cleared: at the maker's price."""
    market = maker.market
    price = maker.book_price
    made = Leg(maker, price, quantity, market.terms.maker_fee_bps)
    took = Leg(taker, price, quantity, market.terms.taker_fee_bps)
    buy, sell = (made, took) if maker.is_bid else (took, made)
    scenario = SCENARIOS[buy.order.opens, sell.order.opens]

    market.shrink(maker, quantity, draft.at)
    taker.remaining -= quantity
    made.release()
    if taker.terms.max_cost_cents is None:
        took.release()
    else:
        took.release_cost()
    CLEAR[scenario](draft, market, buy, sell)
    maker_fee, taker_fee = made.fee(), took.fee()
    post(draft, maker.account, FEE, -maker_fee)
    post(draft, taker.account, FEE, -taker_fee)
    post(draft, draft.state.accounts[FEES_ID], FEE_REVENUE, maker_fee + taker_fee)
    maker.position.fees_paid += maker_fee
    taker.position.fees_paid += taker_fee
    # The pool keeps the difference between what shares cost and what the reserve holds for them.
    if buy.realized is not None:
        buy.order.position.realized_pnl += buy.realized
        market.pnl_pool += buy.realized
    if sell.realized is not None:
        sell.order.position.realized_pnl += sell.realized
        market.pnl_pool += sell.realized
    market.count_trade(scenario, price, quantity, maker_fee + taker_fee, draft.at)
    if market.trade_range is not None:
        market.trade_range.note(draft.at, price)
        draft.moved = market

    draft.state.trade_ids.step(draft.at)
    trade = Trade(
        snowflake(draft.state.trade_ids),
        scenario,
        BUY if maker.is_bid else SELL,
        maker_fee,
        taker_fee,
        buy.realized,
        sell.realized,
    )
    contribution = contribute(maker, taker, made.value, draft.at) if maker.eligible else 0
    record_fill(draft, maker, taker, quantity, trade, contribution)
    net(draft, buy.order.position)
    if sell.order.position is not buy.order.position:
        net(draft, sell.order.position)


def contribute(maker: Order, taker: Order, value: int, at: int) -> int:
    """What others took from a quote counts for the campaign of its account, while that lasts; how much."""
    assert maker.account.owner_id != taker.account.owner_id  # or rewards would pay for it
    leash = maker.account.leash
    assert leash is not None
    part = leash.participation
    if part is None or not part.is_counting(at):
        return 0
    part.contribution_cents += value
    return value


def record_fill(
    draft: Draft, maker: Order, taker: Order, quantity: int, trade: Trade, contribution: int
) -> None:
    """The fact of a fill: it tells the maker's story and carries the trade."""
    market = maker.market
    market.updated_at = maker.updated_at = taker.updated_at = draft.at
    positions = [maker.position] if maker.position is taker.position else [maker.position, taker.position]
    after = []
    for position in positions:
        position.updated_at = draft.at
        if not position.has_traded:
            position.begin_to_trade()
        after.append(position.after())
    ledger_id, postings = draft.take_postings()
    event = OrderPartiallyFilled if maker.remaining else OrderMatched
    draft.record(
        market.id,
        event(
            maker.id,
            quantity,
            maker.book_price,
            maker.remaining,
            taker.id,
            trade,
            (maker.after(), taker.after()),
            maker.view if maker.amend_count else None,
            taker.view if taker.amend_count else None,
            contribution,
            ledger_id=ledger_id,
            postings=postings,
            positions=after,
            market=market.after(),
        ),
    )
    if not maker.remaining:
        draft.state.closed.add(maker)
    if not taker.remaining:
        draft.state.closed.add(taker)


def net(draft: Draft, position: Position) -> None:
    """Turn the free pairs of one holder back into cash, unless it keeps them on purpose."""
    yes, no = position.yes, position.no
    if not (yes.volume and no.volume and position.account.auto_netting):
        return
    pairs = min(yes.free, no.free)
    if pairs == 0:
        return
    market = position.market
    yes_cost, no_cost = yes.take(pairs), no.take(pairs)
    cents = PAIR_CENTS * pairs
    market.pnl_pool += cents - yes_cost - no_cost
    position.realized_pnl += cents - yes_cost - no_cost
    post(draft, position.account, LedgerEntryType.NETTING, cents)
    change_pairs(draft, market, -pairs, LedgerEntryType.NETTING_RESERVE_OUT)
    market.updated_at = position.updated_at = draft.at
    ledger_id, postings = draft.take_postings()
    draft.record(
        market.id,
        NettingExecuted(
            user_id=position.account.id,
            quantity=pairs,
            released_cents=cents,
            yes_cost_released=yes_cost,
            no_cost_released=no_cost,
            ledger_id=ledger_id,
            postings=postings,
            positions=[position.after()],
            market=market.after(),
        ),
    )
