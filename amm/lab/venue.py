"""The exchange in process: the maker's commands become the kernel's, its facts become private events.

It says what the command stream would say, without the wire. It has no clock: whoever calls
says when.
"""

from collections.abc import Iterable

import attrs

from amm.brain import commands as maker_commands
from amm.brain import wire
from amm.brain.arithmetic import Cents, Ms, Shares, read_epoch_ms
from amm.brain.inputs import Answer, Book, Frame
from amm.brain.quoting import ladder
from amm.lab.scenario import START_MS, Scenario
from kernel import commands
from kernel.answers import (
    BatchCancelled,
    Burned,
    Cancelled,
    GroupIs,
    Minted,
    OrderNow,
    Outcome,
    Placed,
    Refusal,
    Replaced,
    Unfinished,
)
from kernel.codes import AMM_ID, CancelScope, Code, Direction, GroupState, OrderStatus, Side, TimeInForce
from kernel.events import (
    Fact,
    Fill,
    MarketStatusChanged,
    OrderAccepted,
    OrderAfter,
    OrderCancelled,
    OrderGroupTriggered,
    trade_name,
)
from kernel.exchange import Exchange
from kernel.limits import DEPOSIT_MAX, VOLUME_MAX
from kernel.market import Market, Order, Position
from kernel.orders import order_now

MARKET = "MKT-LAB"
DEPOSITS = 100
"""Of the largest amount, for each trader: nobody but the maker is meant to run out of money."""
BY = "laboratory"

OUTCOMES = {side: ladder.Outcome(side.value) for side in Side}
SIDES = {outcome: side for side, outcome in OUTCOMES.items()}
DIRECTIONS = {direction: wire.Direction(direction.value) for direction in Direction}
STATUSES = {status: wire.OrderStatus(status.value) for status in OrderStatus}
NEW, OPEN = OrderStatus.NEW, OrderStatus.OPEN
PARTIALLY_FILLED, CANCELLED = OrderStatus.PARTIALLY_FILLED, OrderStatus.CANCELLED


@attrs.frozen
class Met:
    """A fill the maker took part in: what it sold, at the price of YES, to whom, and the fee it paid.

    Whoever buys YES has what he had if he sold NO: one YES more than NO, at the same price.
    """

    side: Side
    yes_price: Cents
    quantity: Shares
    fee: Cents
    with_user: str


@attrs.define(eq=False)
class Venue:
    exchange: Exchange
    market: Market
    maker: Position
    """The maker's own position."""
    frames: list[Frame] = attrs.field(factory=list)
    """What the maker's stream has to say, until somebody fetches it."""
    met: list[Met] = attrs.field(factory=list)
    prices: list[Cents] = attrs.field(factory=list)
    """Of all trades, until somebody fetches them."""
    facts: int = 0
    refused: int = 0
    pictures: int = 0
    asked: int = 0

    # What traders ask.

    def buy(self, user_id: str, side: Side, price: Cents, quantity: Shares, now_ms: Ms) -> None:
        """Take what is there up to a price, and leave nothing behind."""
        self.asked += 1
        self.execute(
            commands.PlaceOrder(
                at=now_ms * 1_000,
                user_id=user_id,
                client_order_id=f"t{self.asked}",
                market_id=MARKET,
                terms=commands.OrderTerms(side, Direction.BUY, price, quantity, TimeInForce.IOC),
                nonce=self.asked,
            )
        )

    def rest(self, user_id: str, side: Side, price: Cents, quantity: Shares, now_ms: Ms) -> str | None:
        """Offer to buy; return the order's id if it rests."""
        self.asked += 1
        outcome = self.execute(
            commands.PlaceOrder(
                at=now_ms * 1_000,
                user_id=user_id,
                client_order_id=f"t{self.asked}",
                market_id=MARKET,
                terms=commands.OrderTerms(side, Direction.BUY, price, quantity),
                nonce=self.asked,
            )
        )
        return outcome.answer.order.order.id if isinstance(outcome.answer, Placed) else None

    def withdraw(self, user_id: str, order_id: str, now_ms: Ms) -> None:
        """Take an offer back, unless it is gone already."""
        if self.exchange.orders[order_id].is_live:
            self.execute(commands.CancelOrder(at=now_ms * 1_000, user_id=user_id, order_id=order_id))

    def execute(self, command: commands.AnyCommand) -> Outcome:
        outcome = self.exchange.execute(command)
        self.facts += len(outcome.facts)
        self.refused += isinstance(outcome.answer, Refusal)
        for fact in outcome.facts:
            if events := self._told(fact):
                self.frames.append(Frame(fact.id, events))
        if isinstance(outcome.answer, Unfinished):
            return self.execute(outcome.answer.then)
        return outcome

    # What the maker is told.

    def _told(self, fact: Fact) -> tuple[wire.Event, ...]:
        event = fact.event
        match event:
            case Fill():
                return self._filled(fact, event)
            case OrderAccepted(user_id=user_id) if user_id == self.maker.account.id:
                order = self.exchange.orders[event.order_id]
                return (view(order, 0, OPEN, NEW, fact.at // 1_000),)
            case OrderCancelled(user_id=user_id) if user_id == self.maker.account.id:
                order = self.exchange.orders[event.order_id]
                filled = order.terms.quantity - event.remaining_qty
                before = PARTIALLY_FILLED if filled else OPEN
                return (view(order, filled, CANCELLED, before, fact.at // 1_000),)
            case OrderGroupTriggered(user_id=user_id, group_id=group_id):
                group = wire.GroupView(group_id, user_id, GroupState.TRIGGERED.value)
                return (wire.OrderGroupChanged(fact.at // 1_000, MARKET, group),)
            case MarketStatusChanged(new_status=status):
                return (
                    wire.MarketStatusChanged(fact.at // 1_000, MARKET, wire.MarketStatus(status.value), None),
                )
            case _:
                return ()

    def _filled(self, fact: Fact, fill: Fill) -> tuple[wire.Event, ...]:
        orders, now_ms = self.exchange.orders, fact.at // 1_000
        maker, taker = orders[fill.order_id], orders[fill.counterparty_order_id]
        trade = fill.trade
        of_maker = wire.Party(maker.account.id, maker.id, wire.Role.MAKER, trade.maker_fee)
        of_taker = wire.Party(taker.account.id, taker.id, wire.Role.TAKER, trade.taker_fee)
        buyer, seller = (of_maker, of_taker) if maker.is_bid else (of_taker, of_maker)
        views: list[wire.Event] = [
            wire.TradeExecuted(
                now_ms,
                MARKET,
                wire.Trade(trade_name(trade.trade_id), fill.trade_price, fill.fill_qty, buyer, seller),
            )
        ]
        self.prices.append(fill.trade_price)
        parties = ((maker, trade.maker_fee, taker), (taker, trade.taker_fee, maker))
        for (order, fee, other), after in zip(parties, fill.orders, strict=True):
            if order.account is self.maker.account:
                sold = Side.NO if order.is_bid else Side.YES
                self.met.append(Met(sold, fill.trade_price, fill.fill_qty, fee, other.account.id))
                views.append(self._filled_view(order, after, fill.fill_qty, now_ms))
        return tuple(views)

    @staticmethod
    def _filled_view(order: Order, after: OrderAfter, quantity: Shares, now_ms: Ms) -> wire.Event:
        before = PARTIALLY_FILLED if after.filled_quantity > quantity else OPEN
        return view(order, after.filled_quantity, after.status, before, now_ms)

    # What the maker asks.

    def carry_out(self, command: maker_commands.Command, now_ms: Ms) -> Answer:
        """Execute one command of the maker's and say what the stream would answer."""
        if isinstance(command, maker_commands.Sync):
            return Answer(command.ref, 0, self.exchange.head, self.synced())
        outcome = self.execute(self._command(command, now_ms * 1_000))
        code, data = said(outcome.answer)
        return Answer(command.ref, code, outcome.seen, data)

    def _command(self, command: maker_commands.Command, at: int) -> commands.AnyCommand:
        match command:
            case maker_commands.Place():
                return commands.PlaceOrder(
                    at=at,
                    user_id=AMM_ID,
                    client_order_id=command.client_order_id,
                    market_id=MARKET,
                    terms=terms_of(command),
                    valid_until=deadline_of(command),
                    nonce=command.ref,
                )
            case maker_commands.Replace(new_order=new):
                return commands.ReplaceOrder(
                    at=at,
                    user_id=AMM_ID,
                    old_order_id=command.old_order_id,
                    client_order_id=new.client_order_id,
                    market_id=MARKET,
                    terms=terms_of(new),
                    valid_until=deadline_of(new),
                    nonce=command.ref,
                )
            case maker_commands.Cancel(order_id=order_id):
                return commands.CancelOrder(at=at, user_id=AMM_ID, order_id=order_id)
            case maker_commands.BatchCancel(cancel_scope=scope):
                return commands.BatchCancel(at=at, user_id=AMM_ID, market_id=MARKET, scope=CancelScope(scope))
            case maker_commands.SetGroup(max_fill_quantity=most, window_ms=window_ms):
                return commands.SetGroup(
                    at=at,
                    user_id=AMM_ID,
                    market_id=MARKET,
                    group_id=command.group_id,
                    max_fill_quantity=most,
                    window_ms=window_ms,
                )
            case maker_commands.ResetGroup(group_id=group_id):
                return commands.ResetGroup(at=at, user_id=AMM_ID, market_id=MARKET, group_id=group_id)
            case maker_commands.Mint(quantity=quantity, idempotency_key=key):
                return commands.MintShares(
                    at=at,
                    user_id=AMM_ID,
                    market_id=MARKET,
                    quantity=quantity,
                    idempotency_key=key,
                    nonce=command.ref,
                )
            case maker_commands.Burn(quantity=quantity, idempotency_key=key):
                return commands.BurnShares(
                    at=at,
                    user_id=AMM_ID,
                    market_id=MARKET,
                    quantity=quantity,
                    idempotency_key=key,
                    nonce=command.ref,
                )
            case _:
                raise AssertionError(f"no command for {command}")

    def synced(self) -> wire.Synced:
        account, position, terms = self.maker.account, self.maker, self.market.terms
        return wire.Synced(
            self.exchange.head,
            wire.Balance(account.available, account.frozen),
            wire.Position(
                wire.Holding(position.yes.volume, position.yes.cost_sum),
                wire.Holding(position.no.volume, position.no.cost_sum),
            ),
            [shown(order_now(order)) for order in position.live],
            wire.Market(
                MARKET,
                wire.MarketStatus(self.market.status.value),
                terms.min_price_cents,
                terms.max_price_cents,
                terms.max_order_quantity,
                terms.maker_fee_bps,
                terms.taker_fee_bps,
            ),
        )

    def picture(self, now_ms: Ms) -> Book:
        """The public book, whole."""
        bids, asks = self.market.book.depth()
        self.pictures += 1
        return Book(
            wire.BookUpdate(
                wire.UpdateType.SNAPSHOT,
                self.pictures,
                MARKET,
                now_ms,
                wire.Levels([wire.BookLevel(*one) for one in bids], [wire.BookLevel(*one) for one in asks]),
            )
        )


def open_venue(scenario: Scenario, traders: list[str]) -> Venue:
    """An exchange with one market, traders with cash, and a market maker that has just been started."""
    start = commands.StartAmm(
        at=START_MS * 1_000,
        market_id=MARKET,
        initial_budget=scenario.funding,
        initial_price=scenario.price,
        nonce=0,
        by=BY,
    )
    exchange = open_exchange(scenario, traders, [start])
    market = exchange.markets[MARKET]
    return Venue(exchange, market, market.position(exchange.accounts[AMM_ID]))


def open_exchange(
    scenario: Scenario, traders: Iterable[str], beginning: Iterable[commands.AnyCommand]
) -> Exchange:
    """One market, traders with cash, and what brings the maker there."""
    exchange, at = Exchange(), START_MS * 1_000
    terms = commands.MarketTerms(
        title="Laboratory",
        max_order_quantity=1_000_000,
        max_position_per_user=VOLUME_MAX,
        max_order_amount_cents=10**9,
        max_open_orders=10_000,
        max_open_orders_total=100_000,
        maker_fee_bps=scenario.maker_fee_bps,
        taker_fee_bps=scenario.taker_fee_bps,
        collar_cents=scenario.collar_cents,
        trading_start_at=scenario.opened_ms * 1_000,
        trading_end_at=scenario.trading_end_ms * 1_000,
    )
    opening: list[commands.AnyCommand] = [commands.OpenJournal(at=at)]
    for user_id in traders:
        opening.append(commands.OpenAccount(at=at, user_id=user_id))
        opening += [commands.Deposit(at=at, user_id=user_id, amount=DEPOSIT_MAX) for _ in range(DEPOSITS)]
    opening += [
        commands.CreateMarket(at=at, market_id=MARKET, terms=terms, by=BY),
        commands.ActivateMarket(at=at, market_id=MARKET, by=BY),
        *beginning,
    ]
    for command in opening:
        answer = exchange.execute(command).answer
        assert not isinstance(answer, Refusal), f"{command}: {answer}"
    return exchange


def terms_of(wish: maker_commands.Place | maker_commands.NewOrder) -> commands.OrderTerms:
    return commands.OrderTerms(
        SIDES[wish.side],
        Direction.SELL,
        wish.price_cents,
        wish.quantity,
        post_only=wish.post_only,
        group_id=wish.group_id,
    )


def deadline_of(wish: maker_commands.Place | maker_commands.NewOrder) -> int | None:
    moment = read_epoch_ms(wish.valid_until)
    return None if moment is None else moment * 1_000


def view(
    order: Order, filled: Shares, status: OrderStatus, before: OrderStatus, now_ms: Ms
) -> wire.OrderStatusChanged:
    return wire.OrderStatusChanged(
        now_ms,
        MARKET,
        wire.OrderView(
            order.id,
            order.account.id,
            OUTCOMES[order.terms.side],
            DIRECTIONS[order.terms.direction],
            order.terms.price,
            order.terms.quantity,
            filled,
            order.terms.quantity - filled,
            STATUSES[status],
            STATUSES[before],
        ),
    )


def shown(now: OrderNow) -> wire.Order:
    order = now.order
    return wire.Order(
        order.id,
        order.client_order_id,
        MARKET,
        OUTCOMES[order.terms.side],
        DIRECTIONS[order.terms.direction],
        order.terms.price,
        order.terms.quantity,
        now.filled_quantity,
        now.remaining_quantity,
        STATUSES[now.status],
    )


def said(answer: object) -> tuple[int, wire.Data | None]:
    """The code and the data of an answer, as far as the maker reads them."""
    match answer:
        case Placed(order=order):
            return 0, wire.Placed(shown(order))
        case Replaced(old=old, new=new):
            return 0, wire.Replaced(old.order.id, shown(new))
        case Cancelled(order=order):
            return 0, wire.Cancelled(order.order.id, order.remaining_quantity)
        case BatchCancelled(cancelled_count=count):
            return 0, wire.BatchCancelled(MARKET, count)
        case GroupIs(group=group):
            return 0, wire.GroupStands(group.state.value)
        case Minted(quantity=quantity):
            return 0, wire.Minted(MARKET, quantity)
        case Burned(quantity=quantity):
            return 0, wire.Burned(MARKET, quantity)
        case Refusal(code=Code.REPLACE_PARTLY_FILLED, data=data):
            assert data is not None
            return Code.REPLACE_PARTLY_FILLED, wire.PartlyFilled(
                data["old_order_id"], data["filled_quantity"], data["remaining_quantity_cancelled"]
            )
        case Refusal(code=Code.REPLACE_FILLED, data=data):
            assert data is not None
            return Code.REPLACE_FILLED, wire.FullyFilled(data["old_order_id"], data["total_filled_quantity"])
        case Refusal(code=Code.OUTSIDE_COLLAR, data=data):
            assert data is not None
            return Code.OUTSIDE_COLLAR, wire.OutsideCollar(data["lowest_cents"], data["highest_cents"])
        case Refusal(code=code):
            return int(code), None
        case _:
            raise AssertionError(f"the maker asked for nothing that has this answer: {answer}")
