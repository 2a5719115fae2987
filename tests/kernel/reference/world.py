"""Everything that ever happened, as lists, and every number recomputed from them."""

import uuid
from typing import Any

import attrs

from tests.kernel.reference.order import Order
from tests.kernel.reference.records import (
    Account,
    AmmRun,
    Breaker,
    Entry,
    Fact,
    Group,
    Market,
    Once,
    Proposal,
    Realized,
    ShareMove,
    Stood,
    Trade,
)

ABOUT_A_MARKET = (
    "ORDER_MATCHED",
    "ORDER_PARTIALLY_FILLED",
    "CIRCUIT_BREAKER_TRIGGERED",
    "CIRCUIT_BREAKER_RESOLVED",
    "MARKET_MODE_CHANGED",
)
"""What touches the row of a market even if no figure in it happens to change."""
TRADE_EPOCH_MS = 1_700_000_000_000


@attrs.define(eq=False)
class World:
    at: int = 0
    """The time of the command in hand: never before that of the newest fact."""
    accounts: dict[str, Account] = attrs.field(factory=dict)
    markets: dict[str, Market] = attrs.field(factory=dict)
    orders: list[Order] = attrs.field(factory=list)
    entries: list[Entry] = attrs.field(factory=list)
    moves: list[ShareMove] = attrs.field(factory=list)
    realized: list[Realized] = attrs.field(factory=list)
    trades: list[Trade] = attrs.field(factory=list)
    facts: list[Fact] = attrs.field(factory=list)
    runs: dict[str, AmmRun] = attrs.field(factory=dict)
    groups: dict[tuple[str, str, str], Group] = attrs.field(factory=dict)
    breakers: list[Breaker] = attrs.field(factory=list)
    stood: list[Stood] = attrs.field(factory=list)
    """Every stretch of trading time up to the newest fact of its market, with the spot that stood."""
    running: dict[str, Stood] = attrs.field(factory=dict)
    """The stretch from there to the command in hand, where it is trading time."""
    last_fact_at: dict[str, int] = attrs.field(factory=dict)
    spot2_after_due: int = 0
    """Of the market of the command in hand."""
    proposals: list[Proposal] = attrs.field(factory=list)
    """Every one that was neither confirmed nor superseded, however old."""
    guards: dict[str, tuple[int, tuple[str, ...] | None]] = attrs.field(factory=dict)
    mints: dict[str, Once] = attrs.field(factory=dict)
    burns: dict[str, Once] = attrs.field(factory=dict)
    transfers: dict[str, Once] = attrs.field(factory=dict)
    position_changed_at: dict[tuple[str, str], int] = attrs.field(factory=dict)
    portion: int = 200
    """More orders or holders than these end in portions: here at once, but for the fact that says so."""
    last_trade_number: tuple[int, int] = (0, 0)
    last_order_number: tuple[int, int] = (0, 0)
    # What the rows looked like when the newest fact was written: what differs, the next fact has changed.
    rows: dict[Any, Any] = attrs.field(factory=dict)

    # Money

    def available(self, user_id: str) -> int:
        return sum(entry.amount for entry in self.entries if entry.user_id == user_id)

    def frozen(self, user_id: str) -> int:
        return sum(o.frozen_amount for o in self.orders if o.user_id == user_id and o.opens)

    def pay(
        self,
        user_id: str,
        entry_type: str,
        amount: int,
        reference: tuple[str, str | None],
        market_id: str | None,
    ) -> None:
        """Write a line of the ledger. Nothing moves without one, and what moves nothing gets none."""
        if amount == 0:
            return
        freezes = sum(
            e.amount
            for e in self.entries
            if e.user_id == user_id and e.entry_type in ("ORDER_FREEZE", "ORDER_UNFREEZE")
        )
        if entry_type in ("ORDER_FREEZE", "ORDER_UNFREEZE"):
            freezes += amount
        self.entries.append(
            Entry(
                len(self.entries) + 1,
                user_id,
                entry_type,
                amount,
                self.available(user_id) + amount,
                -freezes,
                *reference,
                market_id,
                self.at,
            )
        )

    def net_transfers(self, user_id: str) -> int:
        """Cash, and the cost of shares, that came from other accounts, less what went to them."""
        total = 0
        for fact in self.facts:
            if fact.event_type in ("FUNDS_TRANSFERRED", "SHARES_TRANSFERRED"):
                worth = fact.fields[
                    "amount_cents" if fact.event_type == "FUNDS_TRANSFERRED" else "cost_cents"
                ]
                total += worth if fact.fields["to_user_id"] == user_id else 0
                total -= worth if fact.fields["from_user_id"] == user_id else 0
        return total

    # Shares

    def volume(self, user_id: str, market_id: str, side: str) -> int:
        return sum(m.quantity for m in self._moves(user_id, market_id, side))

    def cost(self, user_id: str, market_id: str, side: str) -> int:
        return sum(m.cost for m in self._moves(user_id, market_id, side))

    def _moves(self, user_id: str, market_id: str, side: str) -> list[ShareMove]:
        return [m for m in self.moves if m.user_id == user_id and m.market_id == market_id and m.side == side]

    def pending(self, user_id: str, market_id: str, side: str) -> int:
        return sum(
            o.remaining
            for o in self.live_orders(market_id)
            if o.user_id == user_id and not o.opens and o.side == side
        )

    def free(self, user_id: str, market_id: str, side: str) -> int:
        return self.volume(user_id, market_id, side) - self.pending(user_id, market_id, side)

    def released_cost(self, user_id: str, market_id: str, side: str, quantity: int) -> int:
        """The cost that leaves with so many shares: with all of them all of it, else a part, rounded down."""
        volume = self.volume(user_id, market_id, side)
        cost = self.cost(user_id, market_id, side)
        return cost if quantity == volume else cost * quantity // volume

    def move(self, user_id: str, market_id: str, side: str, quantity: int, cost: int) -> None:
        self.moves.append(ShareMove(user_id, market_id, side, quantity, cost))

    def realize(self, market_id: str, user_id: str, pnl: int) -> None:
        self.realized.append(Realized(market_id, user_id, pnl))

    def realized_pnl(self, user_id: str, market_id: str) -> int:
        return sum(r.pnl for r in self.realized if (r.user_id, r.market_id) == (user_id, market_id))

    def fees_paid(self, user_id: str, market_id: str) -> int:
        fees = 0
        for trade in self.trades:
            if trade.market_id == market_id and not trade.is_audit:
                buys = trade.maker_order_id == trade.buy_order_id
                maker, taker = (trade.buy_user_id, trade.sell_user_id)[:: 1 if buys else -1]
                fees += trade.maker_fee if maker == user_id else 0
                fees += trade.taker_fee if taker == user_id else 0
        return fees

    def holders(self, market_id: str) -> list[str]:
        return sorted({m.user_id for m in self.moves if m.market_id == market_id}, key=str.encode)

    def known(self, market_id: str) -> set[str]:
        """Whoever ever had an order or a share here."""
        return {o.user_id for o in self.orders if o.market.market_id == market_id} | set(
            self.holders(market_id)
        )

    def position(self, user_id: str, market_id: str) -> tuple[int, ...]:
        return tuple(
            count(user_id, market_id, side)
            for side in ("YES", "NO")
            for count in (self.volume, self.cost, self.pending)
        )

    def positions(self, market_id: str) -> dict[str, tuple[int, ...]]:
        return {user_id: self.position(user_id, market_id) for user_id in self.holders(market_id)}

    def totals(self, market_id: str) -> tuple[int, int, int, int]:
        """Reserve, pool, YES shares, NO shares: by definition a hundred cents for every pair there is."""
        yes = sum(m.quantity for m in self.moves if m.market_id == market_id and m.side == "YES")
        no = sum(m.quantity for m in self.moves if m.market_id == market_id and m.side == "NO")
        pool = sum(r.pnl for r in self.realized if r.market_id == market_id)
        return 100 * yes, pool, yes, no

    # Prices

    def spot2(self, market: Market) -> int:
        """The price of the moment in half cents: what stands counts before what was."""
        last = 50 if market.last_trade_price is None else market.last_trade_price
        bids, asks = self.levels(market.market_id, "BUY"), self.levels(market.market_id, "SELL")
        if bids and asks:
            return bids[0][0] + asks[0][0]
        if bids:
            return 2 * max(bids[0][0], last)
        if asks:
            return 2 * min(asks[0][0], last)
        return 2 * last

    def look_at_spots(self) -> None:
        """Before a command: what has stood in each market since its newest fact."""
        self.running = {}
        for market in self.markets.values():
            market_id, since, until = market.market_id, self.last_fact_at[market.market_id], self.at
            opening, end = market.terms.trading_start_at, market.terms.trading_end_at
            since = since if opening is None else max(since, opening)
            until = until if end is None else min(until, end)
            if market.status == "ACTIVE" and since < until:
                sides = self.queue(market_id, "BUY"), self.queue(market_id, "SELL")
                self.running[market_id] = Stood(market_id, since, until, self.spot2(market), all(sides))

    def note_spots(self, first: int) -> None:
        """After it: the stretch has ended where something was written down."""
        for market_id in {fact.market_id for fact in self.facts[first:] if fact.market_id is not None}:
            if market_id in self.running:
                self.stood.append(self.running[market_id])
            self.last_fact_at[market_id] = self.at

    # Orders

    def owner(self, user_id: str) -> str:
        account = self.accounts.get(user_id)
        return user_id if account is None else account.owner_id

    def family(self, user_id: str) -> list[str]:
        """All accounts of the same owner."""
        return [a.user_id for a in self.accounts.values() if a.owner_id == self.owner(user_id)]

    def live_orders(self, market_id: str) -> list[Order]:
        """In the order in which they were accepted."""
        return [o for o in self.orders if o.is_live and o.market.market_id == market_id]

    def queue(self, market_id: str, book_direction: str) -> list[Order]:
        """One side of the book: the best price first, and at one price whoever came first."""
        better = -1 if book_direction == "BUY" else 1
        side = [o for o in self.live_orders(market_id) if o.book_direction == book_direction]
        return sorted(side, key=lambda o: (better * o.book_price, o.priority_seq))

    def levels(self, market_id: str, book_direction: str) -> list[tuple[int, int]]:
        queue = self.queue(market_id, book_direction)
        prices = dict.fromkeys(o.book_price for o in queue)
        return [(price, sum(o.remaining for o in queue if o.book_price == price)) for price in prices]

    def order(self, order_id: str) -> Order | None:
        return next((o for o in self.orders if o.order_id == order_id), None)

    def order_named(self, user_id: str, client_order_id: str) -> Order | None:
        named = (o for o in self.orders if (o.user_id, o.client_order_id) == (user_id, client_order_id))
        return next(named, None)

    # Names

    def new_trade_id(self) -> int:
        """41 bits of milliseconds, 10 of machine, 12 of sequence, always growing."""
        self.last_trade_number = self._next(self.last_trade_number)
        ms, sequence = self.last_trade_number
        return ((ms - TRADE_EPOCH_MS) << 22) + sequence

    def new_order_id(self, nonce: int) -> str:
        """A UUID of version 7 that sorts as orders were accepted."""
        self.last_order_number = self._next(self.last_order_number)
        ms, sequence = self.last_order_number
        return str(uuid.UUID(int=(ms << 80) | (0x7 << 76) | (sequence << 64) | (0b10 << 62) | nonce))

    def _next(self, last: tuple[int, int]) -> tuple[int, int]:
        ms, sequence = last
        if self.at // 1000 > ms:
            return self.at // 1000, 0
        return (ms, sequence + 1) if sequence < 4095 else (ms + 1, 0)

    # Facts

    def record(self, event_type: str, market_id: str | None, **fields: Any) -> Fact:
        """Close a fact: to it belong the ledger entries since the last one, and what now looks different."""
        written = sum(len(fact.entries) for fact in self.facts)
        positions: dict[str, tuple[int, ...]] = {}
        totals: tuple[int, ...] | None = None
        if market_id is not None:
            positions = {
                user_id: after
                for user_id, after in self.positions(market_id).items()
                if self._is_new(("position", user_id, market_id), after, (0,) * 6)
            }
            for user_id in positions:
                self.position_changed_at[user_id, market_id] = self.at
            after = self.totals(market_id)
            if self._is_new(("totals", market_id), after, (0,) * 4):
                totals = after
            self._touch(self.markets[market_id], event_type, after)
        fact = Fact(
            len(self.facts) + 1,
            self.at,
            market_id,
            event_type,
            fields,
            self.entries[written:],
            positions,
            totals,
        )
        self.facts.append(fact)
        return fact

    def _is_new(self, key: tuple[str, ...], row: Any, default: Any) -> bool:
        """Whether a row has changed since it was last looked at; looks at it."""
        before = self.rows.get(key, default)
        self.rows[key] = row
        return bool(before != row)

    def _touch(self, market: Market, event_type: str, totals: tuple[int, ...]) -> None:
        row = (totals, market.status, market.amm_authorized, market.resolution_result, market.settled_at)
        if self._is_new(("market", market.market_id), row, None) or event_type in ABOUT_A_MARKET:
            market.updated_at = self.at
