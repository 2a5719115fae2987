"""What must be true of every state, by name, and what a violation of each brings about.

How one finds out is said where it is looked for: in `audit.py`, and where the record is at hand in
`audit_record.py`.
"""

from typing import Any, Final

import msgspec

from kernel.codes import CircuitBreakerTrigger

INVARIANTS: Final = {
    "shares_balanced": "total_yes_shares = total_no_shares",
    "reserve_consistency": "reserve_balance = 100 * total_yes_shares >= 0",
    "cost_conservation": "reserve_balance + pnl_pool = all cost sums of the market",
    "positions_sum": "the volumes of all positions add up to the market's shares, on each side",
    "position_bounds": "0 <= pending_sell <= volume; cost_sum >= volume where shares are held, else 0",
    "global_zero_sum": "all balances together = deposits less withdrawals",
    "reserve_account_consistency": "SYSTEM_RESERVE holds the reserves of all markets",
    "non_negative": "no balance is below 0; the system's accounts have nothing frozen",
    "frozen_funds": "each account's frozen balance = what its live buy orders froze",
    "pending_shares": "each pending_sell = the remaining quantities of the live sell orders of that side",
    "order_freeze": "a live order has set aside exactly what its remainder needs, a final one nothing",
    "order_quantities": "filled + remaining = quantity, and the status fits them",
    "order_mapping": "book type, direction and price follow from the user's view",
    "book_matches_orders": "the book holds exactly the live orders, at each price by priority",
    "book_not_crossed": "best bid < best ask",
    "netting_complete": "nobody with netting on holds free pairs",
    "ledger_chain": "each account's entries form a chain that ends at its balances and count its version",
    "ledger_double_entry": "apart from deposits, withdrawals and freezes, entries sum to 0",
    "fee_account": "PLATFORM_FEE holds the fees of all trades",
    "trades_sum": "what an order traded = its filled quantity",
    "price_bounds": "every price is 1 to 99",
    "pnl_sum": "pnl_pool = what trades, burns and nettings realized",
    "realized_sum": "what all positions of a market realized = pnl_pool, and 0 once all are paid",
    "fees_sum": "the fees that all positions of a market paid = its fees",
    "nothing_overdue": "no live order was due when something else happened in its market",
    "groups": "an ACTIVE group has room left, a TRIGGERED one no live orders; what it counted was traded",
    "windows": "slots average 1 to 99 cents and hold what is recorded; the price that counts is the book's",
    "resting_kinds": "a live order is GTC or GTD; GTD exactly when it has a time to expire",
    "equity": "an account's cash and the cost of its shares = what came in and was realized, less its fees",
    "mm_cash": "a market-making order's cash = what was paid in, less what was taken out, and its trades",
    "mm_shares": "its shares = those paid in, less those taken out, and its trades",
    "mm_place": "money is where the order's state says; only one that runs has orders on the book",
    "mm_fence": "only one that runs has a lease; what it has on the book was placed under one of its leases",
    "mm_trail": "its trail has no hole, each transition is an edge and begins where the last one ended",
    "mm_campaign": "a campaign's pool = its reward less what was paid and returned; what counts was traded",
    "mm_index": "what is looked up by time, and what is counted against limits, follows from the orders",
}
"""Name to statement, in the order in which they came."""

TRIGGERS: Final = {
    "shares_balanced": CircuitBreakerTrigger.INVARIANT_SHARES,
    "positions_sum": CircuitBreakerTrigger.INVARIANT_SHARES,
    "reserve_consistency": CircuitBreakerTrigger.INVARIANT_RESERVE,
    "cost_conservation": CircuitBreakerTrigger.INVARIANT_COST_SUM,
    "pnl_sum": CircuitBreakerTrigger.INVARIANT_COST_SUM,
    "realized_sum": CircuitBreakerTrigger.INVARIANT_COST_SUM,
    "global_zero_sum": CircuitBreakerTrigger.INVARIANT_BALANCE,
    "reserve_account_consistency": CircuitBreakerTrigger.INVARIANT_BALANCE,
    "frozen_funds": CircuitBreakerTrigger.INVARIANT_BALANCE,
    "ledger_chain": CircuitBreakerTrigger.INVARIANT_BALANCE,
    "mm_cash": CircuitBreakerTrigger.INVARIANT_BALANCE,
    "mm_shares": CircuitBreakerTrigger.INVARIANT_SHARES,
    "mm_campaign": CircuitBreakerTrigger.INVARIANT_BALANCE,
    "equity": CircuitBreakerTrigger.INVARIANT_BALANCE,
    "non_negative": CircuitBreakerTrigger.NEGATIVE_BALANCE,
    "book_matches_orders": CircuitBreakerTrigger.ORDERBOOK_DESYNC,
    "book_not_crossed": CircuitBreakerTrigger.ORDERBOOK_DESYNC,
}
"""What a violation trips; whatever is not named here is a fault of clearing."""

TOLD: Final = 100
"""Violations that are told one by one; of more, how many there are."""


class Violation(msgspec.Struct, frozen=True):
    """One invariant that does not hold: where, and by which numbers."""

    invariant: str
    market_id: str | None
    numbers: dict[str, Any]

    @property
    def trigger(self) -> CircuitBreakerTrigger:
        return TRIGGERS.get(self.invariant, CircuitBreakerTrigger.CLEARING_ERROR)

    def told(self) -> dict[str, Any]:
        return {"invariant": self.invariant, "market_id": self.market_id} | self.numbers
