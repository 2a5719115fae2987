"""What the journal itself says must be true, folded fact by fact.

The state keeps no ledger and no list of trades; some invariants speak of nothing else. Whoever has the facts
at hand (a test, a replay, the projector's check) feeds them here and gives the result to the audit.
"""

from collections import defaultdict

import attrs

from kernel.codes import LedgerEntryType, MarketStatus
from kernel.events import Fact, Fill, MarketCreated, MarketStatusChanged, NettingExecuted, SharesBurned

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

    def change(self, at: int, *, is_active: bool) -> None:
        self.time = self.until(at)
        self.since = at if is_active else None

    def until(self, at: int) -> int:
        if self.since is None:
            return self.time
        start = self.since if self.opens is None else max(self.since, self.opens)
        end = at if self.ends is None else min(at, self.ends)
        return self.time + max(0, end - start)


@attrs.define(eq=False)
class History:
    """Sums over every fact so far, and whatever was wrong with one of them."""

    accounts: dict[str, AccountHistory] = attrs.field(factory=lambda: defaultdict(AccountHistory))
    external: int = 0
    fees: int = 0
    order_fills: dict[str, int] = attrs.field(factory=lambda: defaultdict(int))
    realized_pnl: dict[str, int] = attrs.field(factory=lambda: defaultdict(int))
    sessions: dict[str, Sessions] = attrs.field(factory=dict)
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
        market_id = fact.market_id or ""
        match event:
            case Fill(order_id=maker, counterparty_order_id=taker, fill_qty=quantity, trade=trade):
                self.order_fills[maker] += quantity
                self.order_fills[taker] += quantity
                self.fees += trade.maker_fee + trade.taker_fee
                self.realized_pnl[market_id] += (trade.buy_realized_pnl or 0) + (trade.sell_realized_pnl or 0)
            case NettingExecuted():
                self.realized_pnl[market_id] += (
                    event.released_cents - event.yes_cost_released - event.no_cost_released
                )
            case MarketCreated(terms=terms):
                self.sessions[market_id] = Sessions(terms.trading_start_at, terms.trading_end_at)
            case MarketStatusChanged(new_status=status):
                self.sessions[market_id].change(fact.at, is_active=status is MarketStatus.ACTIVE)
            case SharesBurned(trade=audit_trade):
                self.realized_pnl[market_id] += audit_trade.realized_pnl or 0
            case _:
                pass

    def trading_time(self, market_id: str, at: int) -> int:
        """For how many microseconds the market has been trading."""
        return self.sessions[market_id].until(at)
