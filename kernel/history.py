"""What the journal itself says must be true, folded fact by fact.

The state keeps no ledger and no list of trades; some invariants speak of nothing else. Whoever has the facts
at hand (a test, a replay, the projector's check) feeds them here and gives the result to the audit.
"""

from collections import defaultdict

import attrs

from kernel.codes import LedgerEntryType
from kernel.events import Fact, Fill, NettingExecuted, SharesBurned

FREEZES = (LedgerEntryType.ORDER_FREEZE, LedgerEntryType.ORDER_UNFREEZE)
CROSS_BORDER = (LedgerEntryType.DEPOSIT, LedgerEntryType.WITHDRAW)


@attrs.define(eq=False)
class AccountHistory:
    entries: int = 0
    balance: int = 0
    frozen: int = 0


@attrs.define(eq=False)
class History:
    """Sums over every fact so far, and whatever was wrong with one of them."""

    accounts: dict[str, AccountHistory] = attrs.field(factory=lambda: defaultdict(AccountHistory))
    external: int = 0
    fees: int = 0
    order_fills: dict[str, int] = attrs.field(factory=lambda: defaultdict(int))
    realized_pnl: dict[str, int] = attrs.field(factory=lambda: defaultdict(int))
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
            case SharesBurned(trade=audit_trade):
                self.realized_pnl[market_id] += audit_trade.realized_pnl or 0
            case _:
                pass
