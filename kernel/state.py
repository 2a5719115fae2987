"""What the exchange is at one moment: accounts, markets, orders, and what was asked once. It decides nothing.

Everything here and in what it is made of (`market.py`, `question.py`) is changed from two places only:
decisions (accounts, orders, markets, privileged, clearing) and replay (apply). The methods keep what is
derived (indexes, totals per level) with what it is derived from, so that both places keep it the same way.

These are dataclasses, and not attrs as elsewhere, because mypyc makes native classes of them (decision 0101).
"""

from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from kernel.campaign import POOL_PREFIX
from kernel.closed import Closed
from kernel.codes import FEES_ID, RESERVE_ID, WRITE_OFF_ID, AdminAction, Direction, KeyKind
from kernel.commands import OrderTerms
from kernel.events import AdminProposed, Fact, MarketCreated, OrderAccepted
from kernel.expiries import Expiries
from kernel.ids import Sequence
from kernel.keys import Keys, use_told_by
from kernel.leash import Leash
from kernel.making_events import (
    AnyMmEvent,
    MmCampaignChanged,
    MmCampaignCreated,
    MmCaseChanged,
    MmLeaseAcquired,
    MmLeaseRenewed,
    MmOrderChanged,
    MmOrderCreated,
    MmParticipationChanged,
    MmVenueChanged,
)
from kernel.making_order import CLEARING_PREFIX, MmOrder
from kernel.making_state import Making
from kernel.market import Account, Market, Order, Position, Tally
from kernel.names import Names, fingerprint
from kernel.past import KeyUse

BUY = Direction.BUY

NEVER: Final = 2**63 - 1
"""A time that does not come."""
PORTION: Final = 200
"""Orders to cancel, or holders to pay, in one step: some 8 ms with all that follows."""


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
    """In the order of their acceptance: all that are live, and those that were closed not long ago."""
    closed: Closed = field(default_factory=Closed)
    """Those of them that are closed."""
    forgotten: Names = field(default_factory=Names)
    """The names of all others: an order's name is given once and for ever."""
    has_forgotten: bool = False
    """Whether that, or of a key, is anything at all: the most frequent of all questions."""
    forgotten_seq: int = 0
    """The newest order that memory has let go of, by the journal id of its acceptance."""
    expiries: Expiries[Order] = field(default_factory=lambda: Expiries[Order]())
    """The same as each market keeps, of all markets."""
    next_expiry: int = NEVER
    """No live order is overdue before this time, in no market: until then nobody looks."""
    guards: dict[str, Guard] = field(default_factory=dict)
    keys: Keys = field(default_factory=Keys)
    """Idempotency keys of mints, burns and transfers."""
    making: Making = field(default_factory=Making)
    """Every market-making order."""
    parted: dict[str, tuple[int, Order]] | None = None
    """Orders that were let go, for those who have yet to tell of them: with the journal id of the fact that
    did it. A convenience and no fact: it is in no snapshot. Null where nobody tells."""
    parted_positions: list[Position] | None = None
    """The same of positions."""
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
        if account.owner_id != account.id:
            self.sub_accounts.setdefault(account.owner_id, []).append(account)
        if account.id == WRITE_OFF_ID:
            account.leash = Leash(account.id)
        elif account.id.startswith(CLEARING_PREFIX):
            self.clear(account)

    def clear(self, account: Account) -> None:
        """It holds the money of one order that is not in its escrow. Nobody is ever given a lease of it."""
        order = self.making.orders.get(account.id.removeprefix(CLEARING_PREFIX))
        if order is not None:
            order.clearing = account
            account.leash = Leash(order.id)

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
        if account.leash is not None:
            account.leash.placements += 1
            order.eligible = event.eligible
        return order

    def market_acted_on(self, order_id: str) -> Market | None:
        """Where an order is: one of a book's, or one that makes a market; or where a campaign is."""
        order = self.orders.get(order_id)
        if order is not None:
            return order.market
        making = self.making.orders.get(order_id)
        if making is not None:
            return making.market
        campaign = self.making.campaigns.get(order_id)
        return self.markets[campaign.market_id] if campaign is not None else None

    def expire_later(self, order: Order, at: int) -> None:
        """It will end by itself, unless it has ended before."""
        market = order.market
        if market.keeper is not None:
            market.keeper.keep_expiries()
        market.expiries.add(at, order.accepted_seq, order)
        self.expiries.add(at, order.accepted_seq, order)
        self.next_expiry = min(self.next_expiry, at)

    # Market-making orders

    def make(self, fact: Fact, event: AnyMmEvent) -> None:
        """What an event of a market-making order changes: decisions have it done here, and so has replay."""
        assert fact.market_id is not None
        making = self.making
        if isinstance(event, MmOrderCreated):
            accounts = self.accounts
            self.order_ids.resume_order(event.order_id)
            making.open(
                fact, event, accounts[event.user_id], accounts[event.escrow_id], self.markets[fact.market_id]
            )
            return
        if isinstance(event, MmLeaseRenewed):
            making.renew(event)
            return
        if isinstance(event, MmCampaignCreated):
            self.order_ids.resume_order(event.campaign_id)
            making.open_campaign(fact, event)
            return
        if isinstance(event, MmCampaignChanged):
            pool = self.accounts.get(f"{POOL_PREFIX}{event.campaign_id}")
            making.change_campaign(fact, event, self.markets[fact.market_id], pool)
            return
        if isinstance(event, MmParticipationChanged):
            making.change_participation(event)
            return
        if isinstance(event, MmVenueChanged):
            making.move(event)
            return
        if isinstance(event, MmCaseChanged):
            making.judge(event)
            return
        order = making.orders[event.order_id]
        fence = order.escrow.fence
        match event:
            case MmOrderChanged():
                making.change(fact, event)
            case MmLeaseAcquired():
                making.lease(fact, event)
            case _:
                making.release(fact, event)
        if order.escrow.fence > fence:
            self.let_go(order)

    def keep_key(self, fact: Fact) -> KeyUse:
        """What its key did will be known; that of a market-making order's burn, until its fence rises."""
        use = use_told_by(fact)
        self.remember(use)
        return use

    def remember(self, use: KeyUse) -> None:
        leash = self.accounts[use.user_id].leash if use.kind is KeyKind.BURN else None
        if leash is not None:
            leash.burn_keys.append(use.idempotency_key)
        self.keys.keep(use, leaves=leash is None)

    def let_go(self, order: MmOrder) -> None:
        """Behind its fence no request is repeated: what is final of its escrow need not stay."""
        escrow, market = order.escrow, order.market
        for name in [name for name, placed in escrow.orders.items() if not placed.is_live]:
            placed = escrow.orders.pop(name)
            market.let_go_filled += placed.filled
            del self.orders[placed.id]
            if self.parted is not None:
                self.parted[placed.id] = self.head, placed
        for key in order.leash.burn_keys:
            del self.keys.uses[KeyKind.BURN][key]
        order.leash.burn_keys.clear()

    def forget(self, count: int, last_id: str, journal_id: int) -> None:
        """Those that have been closed for longest leave memory; that their names were given stays known."""
        self.has_forgotten = True
        order = self.closed.first
        for _ in range(count):
            order = self.closed.take()
            account = order.account
            del self.orders[order.id]
            del account.orders[order.client_order_id]
            order.market.let_go_filled += order.filled
            self.forgotten.add(fingerprint(account.id, order.client_order_id))
            self.forgotten_seq = max(self.forgotten_seq, order.accepted_seq)
            if self.parted is not None:
                self.parted[order.id] = journal_id, order
        assert order is not None
        assert order.id == last_id, f"{order.id} is the last of {count}, and not {last_id}"

    def forget_keys(self, uses: tuple[KeyUse, ...]) -> None:
        """What these keys did leaves memory."""
        self.has_forgotten = True
        self.keys.forget(uses)

    def forget_positions(self, market: Market, count: int, last_id: str) -> None:
        """Of a market that is over, the first of those who were in it leave memory."""
        name = ""
        for name in list(islice(market.holders.after(""), count)):
            position = market.let_go(name)
            if self.parted_positions is not None:
                self.parted_positions.append(position)
        assert name == last_id, f"{name} is the last of {count}, and not {last_id}"

    def look_ahead(self) -> None:
        """What has ended no longer says when to look next."""
        first = self.expiries.first()
        self.next_expiry = first[0] if first is not None else NEVER
