"""What the exchange is at one moment: accounts, positions, orders, markets. It decides nothing.

Everything here is changed from two places only: decisions (accounts, orders, markets, privileged, clearing)
and replay (apply). The methods below keep what is derived (indexes, totals per level) with what it is
derived from, so that both places keep it the same way.

These are dataclasses, and not attrs as elsewhere, because mypyc makes native classes of them (decision 0101).

What refers to others prints as its type alone: each leads to all the rest, and a log line or a failed
assertion about one order would otherwise spell out the whole exchange.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any, Final

from msgspec.structs import replace

from kernel.amounts import fee, released_cost
from kernel.book import Book, Resting
from kernel.brakes import Group
from kernel.codes import (
    AMM_ID,
    FEES_ID,
    PAIR_CENTS,
    RESERVE_ID,
    AdminAction,
    AmmStatus,
    BookType,
    CancelReason,
    Direction,
    FrozenAssetType,
    MarketStatus,
    OrderStatus,
    ResolutionResult,
    Side,
    StatusReason,
    StopMode,
    TradeScenario,
    TradingMode,
)
from kernel.commands import MarketTerms, OrderTerms
from kernel.events import (
    AdminProposed,
    Fact,
    MarketAfter,
    MarketCreated,
    OrderAccepted,
    OrderAfter,
    OrderAmended,
    OrderGroupSet,
    PositionAfter,
    View,
)
from kernel.expiries import Expiries
from kernel.ids import Sequence
from kernel.roll import Roll
from kernel.windows import (
    RECENT_SLOTS,
    VOID_SLOTS,
    AverageWindow,
    Prices,
    RecentWindow,
    TradeRange,
    slot_length,
    spot_of,
)

YES, NO = Side.YES, Side.NO
BUY, SELL = Direction.BUY, Direction.SELL
NATIVE_BUY, NATIVE_SELL = BookType.NATIVE_BUY, BookType.NATIVE_SELL
SYNTHETIC_BUY, SYNTHETIC_SELL = BookType.SYNTHETIC_BUY, BookType.SYNTHETIC_SELL
OPEN, PARTIALLY_FILLED = OrderStatus.OPEN, OrderStatus.PARTIALLY_FILLED
ACTIVE, RESOLVED = MarketStatus.ACTIVE, MarketStatus.RESOLVED

NEVER: Final = 2**63 - 1
"""A time that does not come."""
PORTION: Final = 200
"""Orders to cancel, or holders to pay, in one step: some 8 ms with all that follows."""


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
    """A sub-account: commanded only by the layer that holds its fence."""
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
    """Every order it ever placed, by client_order_id: what makes that id unique for ever."""
    positions: dict[str, "Position"] = field(default_factory=dict)
    open_orders: Tally = field(default_factory=Tally)
    """Live orders of the beneficial owner in all markets: one count for all its accounts."""

    def __post_init__(self) -> None:
        self.is_system = self.id in (RESERVE_ID, FEES_ID)
        self.is_amm = self.id == AMM_ID
        self.is_escrow = self.owner_id != self.id

    @property
    def has_held(self) -> bool:
        """Whether it ever had a cent or a share."""
        return self.version > 0 or any(p.updated_at is not None for p in self.positions.values())

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
        return self.status is OPEN or self.status is PARTIALLY_FILLED

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


@dataclass(slots=True, eq=False)
class AmmRun:
    """The record that the market maker runs, or ran, in a market."""

    status: AmmStatus
    start_count: int
    initial_budget: int
    initial_price: int
    config_override: dict[str, Any]
    first_started_at: int
    """When start number 1 was; the market maker's first idea of the price fades from then on."""
    started_at: int
    stopped_at: int | None = None
    stop_mode: StopMode | None = None

    def stop(self, at: int, stop_mode: StopMode | None) -> None:
        self.status = AmmStatus.STOPPED
        self.stopped_at = at
        self.stop_mode = stop_mode


@dataclass(slots=True, eq=False)
class Closing:
    """What has been done of a settlement, or of a resolution too large for one step, that is under way."""

    settles: bool
    """Whether holders are paid, too, or orders cancelled only."""
    paid: int = 0
    """Cents that have left the reserve account; the market's own reserve stays until all is paid."""
    winners: int = 0
    costs: int = 0
    """What had been paid for the shares that are settled."""
    void_price: int | None = None
    """By which the last of them was paid."""

    def count(self, payout: int, cost: int, void_price: int | None) -> None:
        """One more holder is settled."""
        self.void_price = void_price
        self.paid += payout
        self.winners += payout > 0
        self.costs += cost


class Keeper:
    """Is told of an order before it changes, joins its queue or leaves it, so that this can be undone."""

    def keep(self, order: Order) -> None:
        raise NotImplementedError

    def keep_expiries(self) -> None:
        """An order is about to come that ends by itself."""
        raise NotImplementedError

    def keep_group(self, group: Group) -> None:
        """The same of a group, before it counts or brakes."""
        raise NotImplementedError


@dataclass(slots=True, eq=False, repr=False)
class Market:
    """One yes/no question, its book and its reserve."""

    id: str
    terms: MarketTerms
    amm_authorized: bool
    created_at: int
    created_seq: int
    """The journal id of its creation."""
    updated_at: int
    freeze_bps: int
    """The larger of the two fee rates: what a buy must be able to pay, whichever role it ends up in."""
    status: MarketStatus = MarketStatus.DRAFT
    trading_mode: TradingMode = TradingMode.NORMAL
    mode_until: int | None = None
    """When the mode ends by itself."""
    is_paused: bool = False
    """By a volatility halt; the newest of its open breakers is the record of that."""
    pause_until: int | None = None
    """When the pause ends by itself."""
    reserve: int = 0
    pnl_pool: int = 0
    yes_shares: int = 0
    no_shares: int = 0
    resolution_result: ResolutionResult | None = None
    void_price_cents: int | None = None
    """What a YES share is paid in a void market; a NO share is paid the rest of 100."""
    resolved_at: int | None = None
    settled_at: int | None = None
    cancelled_at_resolution: int = 0
    unfrozen_at_resolution: int = 0
    closing: Closing | None = None
    """Set from the first portion of its end to the last: it is RESOLVED, and orders or holders are left."""
    amm: AmmRun | None = None
    open_breakers: list[int] = field(default_factory=list)
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
    last_trade_price: int | None = None
    trades: dict[TradeScenario, int] = field(default_factory=lambda: dict.fromkeys(TradeScenario, 0))
    traded_volume: int = 0
    fees: int = 0
    groups: dict[str, dict[str, Group]] = field(default_factory=dict)
    """By account, and then by name; who has none is not in it."""
    prices: Prices = field(init=False)
    least_room: int = field(init=False)
    """Whoever has fewer live orders than this, in all markets together, is far from every bound of them."""
    trade_range: TradeRange | None = field(init=False)
    """Only of a market with a volatility halt."""

    def __post_init__(self) -> None:
        terms = self.terms
        self.least_room = min(terms.max_open_orders, terms.max_open_orders_total, terms.max_open_orders_amm)
        window = AverageWindow(slot_length(terms.void_window_ms, VOID_SLOTS))
        recent = None
        if terms.collar_cents:
            recent = RecentWindow(slot_length(terms.collar_window_ms, RECENT_SLOTS))
        self.prices = Prices(self.created_at, terms.trading_start_at, terms.trading_end_at, window, recent)
        self.trade_range = None
        if terms.halt_move_cents:
            self.trade_range = TradeRange(slot_length(terms.halt_window_ms, RECENT_SLOTS))

    @property
    def is_sound(self) -> bool:
        """The cheap half of the audit: pairs in balance, and a reserve that pays each of them."""
        shares = self.yes_shares
        return shares == self.no_shares and self.reserve == PAIR_CENTS * shares and shares >= 0

    def is_trading(self, at: int) -> bool:
        """ACTIVE, and within the trading window."""
        terms = self.terms
        return (
            self.status is ACTIVE
            and (terms.trading_start_at is None or terms.trading_start_at <= at)
            and (terms.trading_end_at is None or at < terms.trading_end_at)
        )

    def has_ended(self, at: int) -> bool:
        return self.terms.trading_end_at is not None and at >= self.terms.trading_end_at

    @property
    def spot(self) -> int:
        """Its price at this moment, in half cents of YES."""
        return spot_of(self.book.best_bid, self.book.best_ask, self.last_trade_price)

    def book_changed(self, at: int) -> None:
        """Orders came to rest, left or traded, and with them the price may be another."""
        self.book_changed_at = at
        book, prices = self.book, self.prices
        best_bid, best_ask = book.bids.best, book.asks.best
        if (
            best_bid != prices.best_bid
            or best_ask != prices.best_ask
            or (not prices.is_two_sided and self.last_trade_price != prices.last_trade)
        ):
            prices.change(at, best_bid, best_ask, self.last_trade_price)

    def become(self, status: MarketStatus, at: int, reason: str, until: int | None) -> None:
        """The one way to another status, but for the last; until when, if it ends by itself."""
        # Every other fault halts it.
        self.is_paused = status is MarketStatus.SUSPENDED and reason == StatusReason.CIRCUIT_BREAKER
        if status is ACTIVE and self.trade_range is not None:
            self.trade_range.slots = {}
        self.pause_until = until
        self.prices.switch(at, is_active=status is ACTIVE)
        self.status = status
        self.updated_at = at
        if status is RESOLVED:
            self.groups = {}

    def position(self, account: Account) -> Position:
        """The account's position here, made on first need."""
        position = self.positions.get(account.id)
        if position is None:
            position = Position(account, self)
            self.owners.setdefault(account.owner_id, []).append(position)
            self.positions[account.id] = account.positions[self.id] = position
            self.holders.add(account.id)
        return position

    def group(self, user_id: str, group_id: str | None) -> Group | None:
        return None if group_id is None else self.groups.get(user_id, {}).get(group_id)

    def group_of(self, order: Order) -> Group | None:
        """The group whose limit holds for it."""
        return self.group(order.account.id, order.terms.group_id)

    def set_group(self, fact: Fact, event: OrderGroupSet) -> Group:
        """A group comes to be, or has other bounds."""
        group = self.group(event.user_id, event.group_id)
        if group is None:
            group = Group(event.group_id, event.max_fill_quantity, event.window_ms, fact.at, fact.at)
            self.groups.setdefault(event.user_id, {})[group.group_id] = group
        else:
            group.limit(event.max_fill_quantity, event.window_ms, fact.at)
        return group

    def drop_group(self, user_id: str, group_id: str) -> None:
        """It is gone."""
        del self.groups[user_id][group_id]
        if not self.groups[user_id]:
            del self.groups[user_id]

    def has_more_than(self, portion: int, *, holders: bool) -> bool:
        """Whether orders, or where they are to be paid holders, are more than one step may end."""
        return self.book.count > portion or (holders and len(self.positions) > portion)

    @property
    def reserved(self) -> int:
        """What the reserve account holds for it: a settlement under way has paid out some already."""
        return self.reserve - (self.closing.paid if self.closing is not None else 0)

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

    def rest(self, order: Order) -> None:
        """A live order joins the back of the queue at its price.

        Among the live, one that moved keeps its place. Spelled out, as `leave`: nothing happens as often.
        """
        if self.keeper is not None:
            self.keeper.keep(order)
        book, position, price = self.book, order.position, order.book_price
        if order.is_bid:
            book.bids.add(order)
            own = position.bids
        else:
            book.asks.add(order)
            own = position.asks
        own[price] = own.get(price, 0) + 1
        if order.opens:
            order.holding.opening += order.remaining
        book.live[order] = position.live[order] = None
        order.account.open_orders.count += 1

    def leave(self, order: Order, *, moves: bool = False) -> None:
        """A resting order leaves its queue, with what remains; one that only moves stays among the live."""
        if self.keeper is not None:
            self.keeper.keep(order)
        book, position, price = self.book, order.position, order.book_price
        if order.is_bid:
            book.bids.remove(order)
            own = position.bids
        else:
            book.asks.remove(order)
            own = position.asks
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

    def delist(self, order: Order) -> None:
        """One that moved ended before it could rest again: it is no longer one of the live."""
        del self.book.live[order]
        del order.position.live[order]

    def amend(self, order: Order, fact: Fact, event: OrderAmended) -> None:
        """A live order has other terms: it is smaller where it stands, or out of its queue."""
        if event.kept_priority:
            self.shrink(order, order.remaining - event.remaining_qty)
            self.book_changed(fact.at)
        else:
            self.leave(order, moves=True)
            order.remaining = event.remaining_qty
            order.book_price = event.book_price
            order.priority_seq = fact.id
        order.terms = replace(order.terms, price=event.original_price, quantity=event.quantity)
        order.frozen = event.frozen_amount
        order.amend_count += 1
        order.updated_at = fact.at

    def shrink(self, maker: Order, quantity: int) -> None:
        """A resting order is smaller by `quantity`; with nothing left it leaves the book."""
        assert 0 < quantity <= maker.remaining
        if quantity == maker.remaining:
            self.leave(maker)
        else:
            if self.keeper is not None:
                self.keeper.keep(maker)
            (self.book.bids if maker.is_bid else self.book.asks).totals[maker.book_price] -= quantity
            if maker.opens:
                maker.holding.opening -= quantity
        maker.remaining -= quantity

    def count_trade(self, scenario: TradeScenario, price: int, quantity: int, fees: int) -> None:
        self.last_trade_price = price
        self.trades[scenario] += 1
        self.traded_volume += quantity
        self.fees += fees

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

    def after(self) -> MarketAfter:
        return MarketAfter(self.reserve, self.pnl_pool, self.yes_shares, self.no_shares)


def expires_at(proposal: Fact) -> int:
    """Until when it waits for a second administrator."""
    assert isinstance(proposal.event, AdminProposed)
    return proposal.event.expires_at


@dataclass(slots=True, eq=False)
class Guard:
    """A user's wish to have its orders cancelled when it stays disconnected."""

    grace_ms: int
    markets: tuple[str, ...] | None

    def covers(self, market_id: str) -> bool:
        return self.markets is None or market_id in self.markets


@dataclass(slots=True, eq=False, repr=False)
class State:
    """The whole exchange."""

    now: int = 0
    """The time of the newest fact."""
    head: int = 0
    """The newest journal id."""
    ledger_head: int = 0
    """The newest ledger entry id."""
    breaker_head: int = 0
    portion: int = PORTION
    """Orders or holders that one step may end. A setting and no fact: it is in no snapshot."""
    external: int = 0
    """Deposits less withdrawals, ever: what all accounts together must hold."""
    trade_ids: Sequence = field(default_factory=Sequence)
    order_ids: Sequence = field(default_factory=Sequence)
    accounts: dict[str, Account] = field(default_factory=dict)
    traders: dict[str, Account] = field(default_factory=dict)
    """Those of them that may hold shares: all but the exchange's own purses."""
    sub_accounts: dict[str, list[Account]] = field(default_factory=dict)
    """Those of each beneficial owner."""
    open_orders: dict[str, Tally] = field(default_factory=dict)
    """By beneficial owner: its live orders in all markets."""
    markets: dict[str, Market] = field(default_factory=dict)
    orders: dict[str, Order] = field(default_factory=dict)
    """Every order ever accepted: the answer to a repeated request must be given for ever."""
    expiries: Expiries[Order] = field(default_factory=lambda: Expiries[Order]())
    """The same as each market keeps, of all markets."""
    next_expiry: int = NEVER
    """No live order is overdue before this time, in no market: until then nobody looks."""
    guards: dict[str, Guard] = field(default_factory=dict)
    mints: dict[str, Fact] = field(default_factory=dict)
    """What each idempotency key did, for ever; mints, burns and transfers have keys of their own."""
    burns: dict[str, Fact] = field(default_factory=dict)
    transfers: dict[str, Fact] = field(default_factory=dict)
    proposals: dict[tuple[AdminAction, str], Fact] = field(default_factory=dict)
    """What waits, or waited in vain, for a second administrator: one for each action and market."""

    @property
    def reserve_account(self) -> Account:
        return self.accounts[RESERVE_ID]

    @property
    def fee_account(self) -> Account:
        return self.accounts[FEES_ID]

    def open_account(self, account: Account) -> None:
        """An account comes to be."""
        self.accounts[account.id] = account
        if not account.is_system:
            self.traders[account.id] = account
        account.open_orders = self.open_orders.setdefault(account.owner_id, account.open_orders)
        if account.is_escrow:
            self.sub_accounts.setdefault(account.owner_id, []).append(account)

    def guard(self, user_id: str, grace_ms: int | None, markets: tuple[str, ...] | None) -> None:
        """Put a user's guard in place, or take it off."""
        if grace_ms is None:
            self.guards.pop(user_id, None)
        else:
            self.guards[user_id] = Guard(grace_ms, markets)

    def propose(self, fact: Fact, event: AdminProposed) -> None:
        """It takes the place of another for the same action and market; what waited in vain is forgotten."""
        assert fact.market_id is not None
        waiting = {key: each for key, each in self.proposals.items() if fact.at < expires_at(each)}
        waiting.pop((event.action, fact.market_id), None)
        waiting[event.action, fact.market_id] = fact
        self.proposals = waiting

    def open_market(self, fact: Fact, event: MarketCreated) -> None:
        """A market comes to be, as a draft."""
        assert fact.market_id is not None
        terms = event.terms
        self.markets[fact.market_id] = Market(
            fact.market_id,
            terms,
            event.amm_authorized,
            fact.at,
            fact.id,
            fact.at,
            max(terms.maker_fee_bps, terms.taker_fee_bps),
            book_changed_at=fact.at,
        )

    def open_order(self, position: Position, fact: Fact, event: OrderAccepted, terms: OrderTerms) -> Order:
        """An accepted order comes to be; it does not rest yet."""
        account = position.account
        assert event.client_order_id not in account.orders
        order = Order(
            position,
            terms,
            event.order_id,
            event.client_order_id,
            event.book_direction is BUY,
            event.book_price,
            event.frozen_amount,
            event.replaces_order_id,
            fact.id,
            fact.at,
        )
        self.orders[order.id] = order
        account.orders[order.client_order_id] = order
        if terms.expires_at is not None:
            self.expire_later(order, terms.expires_at)
        return order

    def expire_later(self, order: Order, at: int) -> None:
        """It will end by itself, unless it has ended before."""
        market = order.market
        if market.keeper is not None:
            market.keeper.keep_expiries()
        market.expiries.add(at, order.accepted_seq, order)
        self.expiries.add(at, order.accepted_seq, order)
        self.next_expiry = min(self.next_expiry, at)

    def look_ahead(self) -> None:
        """What has ended no longer says when to look next."""
        first = self.expiries.first()
        self.next_expiry = first[0] if first is not None else NEVER
