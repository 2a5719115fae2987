"""What the journal itself says must be true, folded fact by fact.

The state keeps no ledger and no list of trades; some invariants speak of nothing else. Whoever has the facts
at hand (a test, a replay, the projector's check) feeds them here and gives the result to the audit.
"""

from collections import Counter, defaultdict, deque

import attrs

from kernel.campaign import POOL_PREFIX
from kernel.codes import FEES_ID, LedgerEntryType, MarketStatus, ReferenceType, Side
from kernel.events import (
    AccountOpened,
    AnyEvent,
    Fact,
    Fill,
    FundsTransferred,
    MarketCreated,
    MarketStatusChanged,
    NettingExecuted,
    OrderAccepted,
    OrderGroupDeleted,
    OrderGroupReset,
    OrderGroupSet,
    SharesBurned,
    SharesTransferred,
)
from kernel.making_edges import MmKind, MmState, is_edge
from kernel.making_events import MmOrderChanged, MmOrderCreated
from kernel.making_order import CLEARING_PREFIX
from kernel.windows import RECENT_SLOTS, slot_length

FREEZES = (LedgerEntryType.ORDER_FREEZE, LedgerEntryType.ORDER_UNFREEZE)
CROSS_BORDER = (LedgerEntryType.DEPOSIT, LedgerEntryType.WITHDRAW)


@attrs.define(eq=False)
class AccountHistory:
    entries: int = 0
    balance: int = 0
    frozen: int = 0


@attrs.define(eq=False)
class Sessions:
    """When a market may trade, and for how long it did."""

    opens: int | None
    ends: int | None
    since: int | None = None
    """While it is ACTIVE: since when."""
    time: int = 0
    began: int | None = None
    """When it last became ACTIVE, and when that was over, if it is."""
    stopped: int | None = None

    def change(self, at: int, *, is_active: bool) -> None:
        self.time = self.until(at)
        if is_active:
            self.began, self.stopped = at, None
        elif self.since is not None:
            self.stopped = at
        self.since = at if is_active else None

    def until(self, at: int) -> int:
        if self.since is None:
            return self.time
        start = self.since if self.opens is None else max(self.since, self.opens)
        end = at if self.ends is None else min(at, self.ends)
        return self.time + max(0, end - start)

    def newest_within(self, start: int, end: int, at: int) -> int:
        """For how much of that time it traded, counting from when it last became ACTIVE."""
        if self.began is None:
            return 0
        first = max(start, self.began, start if self.opens is None else self.opens)
        last = min(end, at if self.stopped is None else self.stopped, end if self.ends is None else self.ends)
        return max(0, last - first)


@attrs.define(eq=False)
class RecentTrades:
    """What a market traded since it last became ACTIVE, as far back as a volatility halt looks."""

    slot: int
    prices: deque[tuple[int, int]] = attrs.field(factory=deque)
    """When, and at which price."""

    def add(self, at: int, price: int) -> None:
        self.prices.append((at, price))
        while not self.counts(self.prices[0][0], at):
            self.prices.popleft()

    def counts(self, traded_at: int, at: int) -> bool:
        return at // self.slot - traded_at // self.slot < RECENT_SLOTS

    def ranges(self, at: int) -> list[tuple[int, int, int]]:
        """The slots that count at this moment: the number of each, its lowest and its highest price."""
        slots: dict[int, list[int]] = {}
        for traded_at, price in self.prices:
            if self.counts(traded_at, at):
                slots.setdefault(traded_at // self.slot, []).append(price)
        return [(number, min(prices), max(prices)) for number, prices in slots.items()]


GroupKey = tuple[str, str, str]
"""Market, account and name."""


@attrs.define(eq=False)
class GroupHistory:
    """The fills of a group's orders since it began to count, as far back as one may still count."""

    window: int
    """Microseconds."""
    fills: deque[tuple[int, int]] = attrs.field(factory=deque)

    def add(self, at: int, quantity: int) -> None:
        self.fills.append((at, quantity))
        while self.fills[0][0] < at - 2 * self.window:
            self.fills.popleft()

    def filled(self, slot_length: int, at: int) -> int:
        """What was traded in the slot of this time and in the sixty before it."""
        return sum(quantity for when, quantity in self.fills if at // slot_length - when // slot_length <= 60)


@attrs.define(eq=False)
class Trail:
    """How a market-making order came to where it is, by the entries of its trail."""

    seq: int = 0
    version: int = 0
    state: MmState | None = None
    problems: list[dict[str, object]] = attrs.field(factory=list)

    def add(self, fact: Fact, event: MmOrderChanged) -> None:
        is_transition = event.kind is MmKind.TRANSITION
        fits = event.from_state is self.state and event.seq == self.seq + 1
        if is_transition:
            fits = fits and is_edge(event.from_state, event.to_state)
        else:
            fits = fits and event.to_state is event.from_state
        self.version += is_transition
        if not fits or event.version != self.version:
            self.problems.append({"journal_id": fact.id, "seq": event.seq, "after": self.seq})
        self.seq, self.state = event.seq, event.to_state


@attrs.define(eq=False)
class MmMoves:
    """What has come and gone in the account of a market-making order."""

    cash: Counter[str] = attrs.field(factory=Counter)
    """By what its transfers were for; what went out counts less."""
    other: int = 0
    """By everything else: trades, burns, payouts, fees of trades."""
    shares: Counter[Side] = attrs.field(factory=Counter)
    paid_shares: Counter[Side] = attrs.field(factory=Counter)


@attrs.define(eq=False)
class History:
    """Sums over every fact so far, and whatever was wrong with one of them."""

    accounts: dict[str, AccountHistory] = attrs.field(factory=lambda: defaultdict(AccountHistory))
    external: int = 0
    fees: int = 0
    order_fills: dict[str, int] = attrs.field(factory=lambda: defaultdict(int))
    realized_pnl: dict[str, int] = attrs.field(factory=lambda: defaultdict(int))
    sessions: dict[str, Sessions] = attrs.field(factory=dict)
    trades: dict[str, RecentTrades] = attrs.field(factory=dict)
    """Of the markets that have a volatility halt."""
    groups: dict[GroupKey, GroupHistory] = attrs.field(factory=dict)
    grouped: dict[str, GroupKey] = attrs.field(factory=dict)
    """The group that an order names, of those that do."""
    trails: dict[str, Trail] = attrs.field(factory=lambda: defaultdict(Trail))
    making: dict[str, MmMoves] = attrs.field(factory=lambda: defaultdict(MmMoves))
    """By account; of those that belong to a market-making order."""
    contributions: Counter[str] = attrs.field(factory=Counter)
    """What each account's fills say that it contributed to its campaign."""
    pools: dict[str, Counter[str]] = attrs.field(factory=lambda: defaultdict(Counter))
    """What came into the account of each campaign, by what it was for; what went out counts less."""
    broken_chains: list[dict[str, object]] = attrs.field(factory=list)
    unbalanced: list[dict[str, object]] = attrs.field(factory=list)

    def add(self, fact: Fact) -> None:
        event = fact.event
        total = 0
        for posting in event.postings:
            account = self.accounts[posting.user_id]
            if account.balance + posting.amount != posting.balance_after:
                self.broken_chains.append(
                    {
                        "journal_id": fact.id,
                        "user_id": posting.user_id,
                        "before": account.balance,
                        "amount": posting.amount,
                        "balance_after": posting.balance_after,
                    }
                )
            account.entries += 1
            account.balance = posting.balance_after
            if posting.entry_type in FREEZES:
                account.frozen -= posting.amount
            elif posting.entry_type in CROSS_BORDER:
                self.external += posting.amount
            else:
                total += posting.amount
        if total:
            self.unbalanced.append({"journal_id": fact.id, "sum": total})
        self.add_making(fact)
        self.add_campaigns(event)
        market_id = fact.market_id or ""
        match event:
            case Fill(order_id=maker, counterparty_order_id=taker, fill_qty=quantity, trade=trade):
                self.order_fills[maker] += quantity
                self.order_fills[taker] += quantity
                self.fees += trade.maker_fee + trade.taker_fee
                self.realized_pnl[market_id] += (trade.buy_realized_pnl or 0) + (trade.sell_realized_pnl or 0)
                if market_id in self.trades:
                    self.trades[market_id].add(fact.at, event.trade_price)
                for key in {self.grouped.get(maker), self.grouped.get(taker)}:
                    if key is not None:
                        self.groups[key].add(fact.at, quantity)
            case OrderAccepted(order_id=order_id, user_id=user_id, group_id=group_id):
                if group_id is not None:
                    self.grouped[order_id] = market_id, user_id, group_id
            case OrderGroupSet(user_id=user_id, group_id=group_id, window_ms=window_ms):
                group_key, window = (market_id, user_id, group_id), window_ms * 1000
                if event.previous_state is None or self.groups[group_key].window != window:
                    self.groups[group_key] = GroupHistory(window)
            case OrderGroupReset(user_id=user_id, group_id=group_id):
                self.groups[market_id, user_id, group_id].fills.clear()
            case OrderGroupDeleted(user_id=user_id, group_id=group_id):
                del self.groups[market_id, user_id, group_id]
            case NettingExecuted():
                self.realized_pnl[market_id] += (
                    event.released_cents - event.yes_cost_released - event.no_cost_released
                )
            case MarketCreated(terms=terms):
                self.sessions[market_id] = Sessions(terms.trading_start_at, terms.trading_end_at)
                if terms.halt_move_cents:
                    self.trades[market_id] = RecentTrades(slot_length(terms.halt_window_ms, RECENT_SLOTS))
            case MarketStatusChanged(new_status=status):
                self.sessions[market_id].change(fact.at, is_active=status is MarketStatus.ACTIVE)
                if status is MarketStatus.ACTIVE and market_id in self.trades:
                    self.trades[market_id].prices.clear()
            case SharesBurned(trade=audit_trade):
                self.realized_pnl[market_id] += audit_trade.realized_pnl or 0
            case _:
                pass

    def add_making(self, fact: Fact) -> None:
        """The same once more for market-making orders alone."""
        event = fact.event
        match event:
            case MmOrderCreated(escrow_id=escrow_id):
                self.making[escrow_id] = MmMoves()
            case AccountOpened(user_id=user_id) if user_id.startswith(CLEARING_PREFIX):
                self.making[user_id] = MmMoves()
            case MmOrderChanged(order_id=order_id):
                self.trails[order_id].add(fact, event)
            case FundsTransferred(reference_type=kind):
                if kind is ReferenceType.MM_FEE and event.to_user_id == FEES_ID:
                    self.fees += event.amount_cents
            case SharesTransferred(side=side, quantity=quantity):
                for user_id, change in ((event.from_user_id, -quantity), (event.to_user_id, quantity)):
                    if user_id in self.making:
                        self.making[user_id].shares[side] += change
                        if event.reference_type is ReferenceType.MM_PAYMENT:
                            self.making[user_id].paid_shares[side] += change
            case _:
                for after in event.positions:
                    if after.user_id in self.making:
                        moves = self.making[after.user_id]
                        moves.shares = Counter({Side.YES: after.yes_volume, Side.NO: after.no_volume})
        for posting in event.postings:
            if posting.user_id in self.making and posting.entry_type not in FREEZES:
                moves = self.making[posting.user_id]
                if isinstance(event, FundsTransferred):
                    moves.cash[event.reference_type] += posting.amount
                else:
                    moves.other += posting.amount

    def add_campaigns(self, event: AnyEvent) -> None:
        match event:
            case Fill(contribution=cents, positions=positions):
                if cents:
                    self.contributions[positions[0].user_id] += cents  # the maker's
            case FundsTransferred(reference_type=kind, amount_cents=amount):
                for user_id, change in ((event.from_user_id, -amount), (event.to_user_id, amount)):
                    if user_id.startswith(POOL_PREFIX):
                        self.pools[user_id][kind] += change
            case _:
                pass

    def trading_time(self, market_id: str, at: int) -> int:
        """For how many microseconds the market has been trading."""
        return self.sessions[market_id].until(at)

    def traded_within(self, market_id: str, start: int, length: int, at: int) -> int:
        """For how much of that time the market traded, since it last became ACTIVE."""
        return self.sessions[market_id].newest_within(start, start + length, at)
