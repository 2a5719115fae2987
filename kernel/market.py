"""A market and who is in it: accounts, their positions and orders. See `state.py` on who changes them.

They are in one file because each leads to all the others. So they print as their type alone: a log line or a
failed assertion about one order would otherwise spell out the whole exchange.
"""

from abc import ABC, abstractmethod
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Final

from msgspec.structs import replace

from kernel.amounts import fee, released_cost
from kernel.book import Book, Resting
from kernel.brakes import Group
from kernel.codes import (
    AMM_ID,
    FEES_ID,
    RESERVE_ID,
    WRITE_OFF_ID,
    BookType,
    CancelReason,
    Direction,
    FrozenAssetType,
    OrderStatus,
    Side,
    TradeScenario,
)
from kernel.commands import OrderTerms
from kernel.events import Fact, OrderAfter, OrderAmended, PositionAfter, View
from kernel.expiries import Expiries
from kernel.leash import Leash
from kernel.making_desk import Desk
from kernel.question import Question
from kernel.roll import Roll
from kernel.windows import spot_of

YES, NO = Side.YES, Side.NO
BUY, SELL = Direction.BUY, Direction.SELL
NATIVE_BUY, NATIVE_SELL = BookType.NATIVE_BUY, BookType.NATIVE_SELL
SYNTHETIC_BUY, SYNTHETIC_SELL = BookType.SYNTHETIC_BUY, BookType.SYNTHETIC_SELL
OPEN = OrderStatus.OPEN
LIVE: Final = (OPEN, OrderStatus.PARTIALLY_FILLED)
"""Of an order that rests, or is about to."""


@dataclass(slots=True, eq=False)
class Tally:
    """A count that several share."""

    count: int = 0


@dataclass(slots=True, eq=False, repr=False)
class Account:
    """Cash, and the way to everything else its holder has."""

    id: str
    owner_id: str
    """The beneficial owner: the account itself, unless it is a sub-account."""
    auto_netting: bool
    opened_at: int
    is_system: bool = field(init=False)
    """The exchange's own purses: they hold no shares and place no orders."""
    is_amm: bool = field(init=False)
    is_escrow: bool = field(init=False)
    """A sub-account, or the purse of what was lost: commanded only by the layer that holds its fence."""
    available: int = 0
    frozen: int = 0
    version: int = 0
    """How many ledger entries it ever had."""
    net_deposits: int = 0
    """What was paid in, less what was paid out."""
    net_transfers: int = 0
    """Cash, and the cost of shares, that came from other accounts, less what went to them."""
    fence: int = 0
    """Commands for a sub-account that carry a lower number come too late."""
    orders: dict[str, "Order"] = field(default_factory=dict)
    """Its orders that memory holds, by client_order_id."""
    positions: dict[str, "Position"] = field(default_factory=dict)
    open_orders: Tally = field(default_factory=Tally)
    """Live orders of the beneficial owner in all markets: one count for all its accounts."""
    past_positions: int = 0
    """Those that held something, in markets that are over, and that memory has let go of."""
    past_realized: int = 0
    """What they realized, and the fees that they paid."""
    past_fees: int = 0
    leash: Leash | None = None
    """Only of an account of a market-making order, which nothing else may move."""

    def __post_init__(self) -> None:
        self.is_system = self.id in (RESERVE_ID, FEES_ID)
        self.is_amm = self.id == AMM_ID
        self.is_escrow = self.owner_id != self.id or self.id == WRITE_OFF_ID

    @property
    def has_held(self) -> bool:
        """Whether it ever had a cent or a share."""
        return (
            self.version > 0
            or self.past_positions > 0
            or any(p.updated_at is not None for p in self.positions.values())
        )

    def hand_over(self, taker: "Account", worth: int) -> None:
        """Cash, or shares that cost so much, go to another account."""
        self.net_transfers -= worth
        taker.net_transfers += worth


@dataclass(slots=True, eq=False)
class Holding:
    """The shares of one side that one account holds in one market."""

    volume: int = 0
    cost_sum: int = 0
    """What was paid for the shares still held; never an average."""
    pending_sell: int = 0
    """Shares set aside for own open sells."""
    opening: int = 0
    """What own open buys may still add."""

    @property
    def free(self) -> int:
        return self.volume - self.pending_sell

    def take(self, quantity: int) -> int:
        """Let `quantity` shares go, with the cost that belongs to them, which is returned."""
        assert 0 < quantity <= self.volume
        cost = released_cost(self.cost_sum, self.volume, quantity)
        self.volume -= quantity
        self.cost_sum -= cost
        return cost

    def clear(self) -> None:
        """The market is over: nothing is held any more."""
        self.volume = self.cost_sum = self.pending_sell = 0


@dataclass(slots=True, eq=False, repr=False)
class Position:
    """One account in one market, YES and NO side by side."""

    account: Account
    market: "Market"
    yes: Holding = field(default_factory=Holding)
    no: Holding = field(default_factory=Holding)
    live: dict["Order", None] = field(default_factory=dict)
    """Own live orders, in acceptance order."""
    bids: dict[int, int] = field(default_factory=dict)
    """How many of them rest on the buying side of the book, by price."""
    asks: dict[int, int] = field(default_factory=dict)
    has_traded: bool = False
    realized_pnl: int = 0
    """What trades, nettings, burns and the settlement brought in beyond the cost of the shares they took."""
    fees_paid: int = 0
    updated_at: int | None = None
    """When its shares or pendings last changed; null while it never held anything."""

    def holding(self, side: Side) -> Holding:
        return self.yes if side is YES else self.no

    def meets(self, is_bid: bool, book_price: int, without: "Order | None") -> bool:
        """Would an order at this price cross one of these, `without` not counted?"""
        others = self.asks if is_bid else self.bids
        prices: Collection[int] = others
        if without is not None and without.position is self and without.is_bid != is_bid:
            leaving = without.book_price
            prices = others if others[leaving] > 1 else others.keys() - {leaving}
        if not prices:
            return False
        return min(prices) <= book_price if is_bid else max(prices) >= book_price

    def begin_to_trade(self) -> None:
        self.has_traded = True
        self.market.traders.add(self.account.owner_id)

    def after(self) -> PositionAfter:
        yes, no = self.yes, self.no
        return PositionAfter(
            self.account.id,
            yes.volume,
            yes.cost_sum,
            yes.pending_sell,
            no.volume,
            no.cost_sum,
            no.pending_sell,
        )


@dataclass(slots=True, eq=False, repr=False, init=False)
class Order(Resting):
    """A limit order: the user's view of it, and the book's."""

    opens: bool
    """A buy: it set cash aside. Otherwise it set shares aside."""
    eligible: bool
    """Whether what it trades as a maker counts for the campaign that its account takes part in."""
    id: str
    client_order_id: str
    account: Account
    market: "Market"
    position: Position
    holding: Holding
    """The shares it opens or closes: those of its original side, bought or sold."""
    terms: OrderTerms
    """What is asked for now; an amend puts other terms in their place."""
    accepted_terms: OrderTerms
    """What was asked for first. The command that asked for it holds the very same."""
    frozen: int
    replaces: str | None
    accepted_seq: int
    """The journal id of its acceptance."""
    created_at: int
    updated_at: int
    status: OrderStatus
    cancel_reason: CancelReason | None
    amend_count: int

    def __init__(
        self,
        position: Position,
        terms: OrderTerms,
        order_id: str,
        client_order_id: str,
        is_bid: bool,
        book_price: int,
        frozen: int,
        replaces: str | None,
        accepted_seq: int,
        at: int,
    ) -> None:
        """As it is accepted. Spelled out, for it is the most frequent thing of all, and mypyc compiles it."""
        self.book_price = book_price
        self.remaining = terms.quantity
        self.priority_seq = self.accepted_seq = accepted_seq
        self.ahead = self.behind = None
        self.is_bid = is_bid
        self.opens = terms.direction is BUY
        self.eligible = False
        self.id = order_id
        self.client_order_id = client_order_id
        self.account = position.account
        self.market = position.market
        self.position = position
        self.holding = position.yes if terms.side is YES else position.no
        self.terms = self.accepted_terms = terms
        self.frozen = frozen
        self.replaces = replaces
        self.created_at = self.updated_at = at
        self.status = OPEN
        self.cancel_reason = None
        self.amend_count = 0

    @property
    def is_live(self) -> bool:
        return self.status in LIVE

    @property
    def filled(self) -> int:
        return self.terms.quantity - self.remaining

    @property
    def view(self) -> View | None:
        """Its price and quantity, if they are no longer those that its acceptance tells."""
        return (self.terms.price, self.terms.quantity) if self.amend_count else None

    @property
    def book_type(self) -> BookType:
        if self.is_bid:
            return NATIVE_BUY if self.opens else SYNTHETIC_BUY
        return SYNTHETIC_SELL if self.opens else NATIVE_SELL

    @property
    def book_direction(self) -> Direction:
        return BUY if self.is_bid else SELL

    @property
    def frozen_asset_type(self) -> FrozenAssetType:
        if self.opens:
            return FrozenAssetType.FUNDS
        return FrozenAssetType.YES_SHARES if self.terms.side is YES else FrozenAssetType.NO_SHARES

    def need(self, remaining: int) -> int:
        """What so much of it must set aside: cents, with the largest fee that could be due; or shares."""
        return needed(self.market, self.terms.price, remaining) if self.opens else remaining

    def after(self) -> OrderAfter:
        return OrderAfter(self.status, self.terms.quantity - self.remaining, self.remaining, self.frozen)


def needed(market: "Market", price: int, quantity: int) -> int:
    """Cash a buy of `quantity` at `price` sets aside: its cost, and the largest fee that could be due."""
    value = price * quantity
    return value + fee(value, market.freeze_bps)


class Keeper(ABC):
    """Is told of an order before it changes, joins its queue or leaves it, so that this can be undone."""

    @abstractmethod
    def keep(self, order: Order) -> None: ...

    @abstractmethod
    def keep_expiries(self) -> None:
        """An order is about to come that ends by itself."""

    @abstractmethod
    def keep_group(self, group: Group) -> None:
        """The same of a group, before it counts or brakes."""


@dataclass(slots=True, eq=False, repr=False)
class Market(Question):
    """A question with its book, and everybody who is in it."""

    book: Book[Order] = field(default_factory=lambda: Book[Order]())
    keeper: Keeper | None = None
    """While commands are decided that may all be undone."""
    book_changed_at: int = 0
    expiries: Expiries[Order] = field(default_factory=lambda: Expiries[Order]())
    """When its orders end by themselves."""
    positions: dict[str, Position] = field(default_factory=dict)
    holders: Roll = field(default_factory=Roll)
    """The names of these positions, sorted."""
    owners: dict[str, list[Position]] = field(default_factory=dict)
    """Every position of a beneficial owner: what self-trade and position limits look at."""
    traders: set[str] = field(default_factory=set)
    """Every beneficial owner who ever traded."""
    desk: Desk = field(default_factory=Desk)
    """Its market-making orders."""
    let_go_filled: int = 0
    """Shares that orders traded which are no longer in memory."""

    let_go_realized: int = 0
    """By positions that are no longer in memory; the fees are theirs, too."""
    let_go_fees: int = 0
    let_go_traders: int = 0
    """Of the owners who ever traded, those who have no position in memory that tells of it."""

    @property
    def spot(self) -> int:
        """Its price at this moment, in half cents of YES."""
        return spot_of(self.book.best_bid, self.book.best_ask, self.last_trade_price)

    def count_trade(self, scenario: TradeScenario, price: int, quantity: int, fees: int, at: int) -> None:
        """Two orders met, and have shrunk. With a side empty, the price follows the last trade."""
        self.last_trade_price = price
        if not self.prices.is_two_sided and price != self.prices.last_trade:
            self.prices.change(at, self.book.best_bid, self.book.best_ask, price)
        self.trades[scenario] += 1
        self.traded_volume += quantity
        self.fees += fees

    def position(self, account: Account) -> Position:
        """The account's position here, made on first need."""
        position = self.positions.get(account.id)
        if position is None:
            position = Position(account, self)
            self.owners.setdefault(account.owner_id, []).append(position)
            self.positions[account.id] = account.positions[self.id] = position
            self.holders.add(account.id)
        return position

    def let_go(self, user_id: str) -> Position:
        """One who was in it, and holds nothing any more, is no longer in memory."""
        position = self.positions.pop(user_id)
        account = position.account
        del account.positions[self.id]
        self.holders.remove(user_id)
        owned = self.owners[account.owner_id]
        owned.remove(position)
        if position.has_traded and not any(other.has_traded for other in owned):
            self.traders.remove(account.owner_id)
            self.let_go_traders += 1
        if not owned:
            del self.owners[account.owner_id]
        self.let_go_realized += position.realized_pnl
        self.let_go_fees += position.fees_paid
        account.past_realized += position.realized_pnl
        account.past_fees += position.fees_paid
        account.past_positions += position.updated_at is not None
        return position

    def group_of(self, order: Order) -> Group | None:
        """The group whose limit holds for it."""
        return self.group(order.account.id, order.terms.group_id)

    def has_more_than(self, portion: int, *, holders: bool) -> bool:
        """Whether orders, or where they are to be paid holders, are more than one step may end."""
        return self.book.count > portion or (holders and len(self.positions) > portion)

    def most_of(self, account: Account, side: Side) -> int:
        """The shares of one side the account holds, and those its open buys may add."""
        position = self.positions.get(account.id)
        if position is None:
            return 0
        holding = position.holding(side)
        return holding.volume + holding.opening

    def overdue(self, at: int) -> Order | None:
        """The live order whose time was over first, if there is one."""
        first = self.expiries.first()
        return first[2] if first is not None and first[0] <= at else None

    def rest(self, order: Order, at: int) -> None:
        """A live order joins the back of the queue at its price.

        Among the live, one that moved keeps its place. Spelled out, as `leave`: nothing happens as often.
        """
        if self.keeper is not None:
            self.keeper.keep(order)
        book, position, price = self.book, order.position, order.book_price
        if order.is_bid:
            half, own, best = book.bids, position.bids, self.prices.best_bid
        else:
            half, own, best = book.asks, position.asks, self.prices.best_ask
        half.add(order)
        own[price] = own.get(price, 0) + 1
        if order.opens:
            order.holding.opening += order.remaining
        book.live[order] = position.live[order] = None
        order.account.open_orders.count += 1
        self.book_changed_at = at
        if half.best != best:
            self.prices.change(at, book.bids.best, book.asks.best, self.last_trade_price)

    def leave(self, order: Order, at: int, moves: bool = False) -> None:
        """A resting order leaves its queue, with what remains; one that only moves stays among the live."""
        if self.keeper is not None:
            self.keeper.keep(order)
        book, position, price = self.book, order.position, order.book_price
        if order.is_bid:
            half, own, best = book.bids, position.bids, self.prices.best_bid
        else:
            half, own, best = book.asks, position.asks, self.prices.best_ask
        half.remove(order)
        if own[price] == 1:
            del own[price]
        else:
            own[price] -= 1
        if order.opens:
            order.holding.opening -= order.remaining
        order.account.open_orders.count -= 1
        if not moves:
            del book.live[order]
            del position.live[order]
        self.book_changed_at = at
        if half.best != best:
            self.prices.change(at, book.bids.best, book.asks.best, self.last_trade_price)

    def delist(self, order: Order) -> None:
        """One that moved ended before it could rest again: it is no longer one of the live."""
        del self.book.live[order]
        del order.position.live[order]

    def amend(self, order: Order, fact: Fact, event: OrderAmended) -> None:
        """A live order has other terms: it is smaller where it stands, or out of its queue."""
        if event.kept_priority:
            self.shrink(order, order.remaining - event.remaining_qty, fact.at)
        else:
            self.leave(order, fact.at, moves=True)
            order.remaining = event.remaining_qty
            order.book_price = event.book_price
            order.priority_seq = fact.id
        order.terms = replace(order.terms, price=event.original_price, quantity=event.quantity)
        order.frozen = event.frozen_amount
        order.amend_count += 1
        order.updated_at = fact.at

    def shrink(self, maker: Order, quantity: int, at: int) -> None:
        """A resting order is smaller by `quantity`; with nothing left it leaves the book."""
        assert 0 < quantity <= maker.remaining
        if quantity == maker.remaining:
            self.leave(maker, at)
        else:
            if self.keeper is not None:
                self.keeper.keep(maker)
            (self.book.bids if maker.is_bid else self.book.asks).totals[maker.book_price] -= quantity
            if maker.opens:
                maker.holding.opening -= quantity
            self.book_changed_at = at
        maker.remaining -= quantity

    def count_resolution_cancel(self, opens: bool, released: int) -> None:
        """The resolution answers how many orders it cancelled and how much cash that set free."""
        self.cancelled_at_resolution += 1
        if opens:
            self.unfrozen_at_resolution += released
        self.end_closing()

    def end_closing(self) -> None:
        """Where nothing is to be paid, the last order is the end."""
        if self.closing is not None and not self.closing.settles and self.book.is_empty:
            self.closing = None

    def open_breaker(self, breaker_id: int, at: int) -> None:
        """A fault was found. A settlement that has paid nobody yet is called off."""
        self.open_breakers.append(breaker_id)
        self.updated_at = at
        if self.closing is not None and not self.closing.costs:
            self.closing.settles = False
            self.end_closing()

    def close_breakers(self, breaker_ids: list[int], at: int) -> None:
        """Somebody has looked, or a pause is over."""
        self.updated_at = at
        self.open_breakers = [each for each in self.open_breakers if each not in breaker_ids]
        self.is_paused = False
        self.pause_until = None
