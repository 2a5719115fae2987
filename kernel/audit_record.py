"""The record against the state: what every ledger entry and every trade together must come to.

The state keeps no ledger and no list of trades, so this can be asked only where somebody has read them.
"""

from collections.abc import Iterator

from kernel.history import History
from kernel.invariants import Violation
from kernel.life import OVER
from kernel.market import Market
from kernel.state import State
from kernel.windows import RECENT_SLOTS


def audit_history(state: State, history: History) -> Iterator[Violation]:
    for chain in history.broken_chains:
        yield Violation("ledger_chain", None, chain)
    for account in state.accounts.values():
        told = history.accounts[account.id]
        if (told.balance, told.frozen, told.entries) != (account.available, account.frozen, account.version):
            yield Violation(
                "ledger_chain",
                None,
                {
                    "user_id": account.id,
                    "available": account.available,
                    "last_balance_after": told.balance,
                    "frozen": account.frozen,
                    "freezes": told.frozen,
                    "version": account.version,
                    "entries": told.entries,
                },
            )
    for event in history.unbalanced:
        yield Violation("ledger_double_entry", None, event)
    if history.external != state.external:
        yield Violation("global_zero_sum", None, {"ledger": history.external, "state": state.external})
    if history.fees != state.fee_account.available:
        yield Violation("fee_account", None, {"account": state.fee_account.available, "record": history.fees})
    for order in state.orders.values():
        if history.order_fills[order.id] != order.filled:
            yield Violation(
                "trades_sum",
                order.market.id,
                {
                    "order_id": order.id,
                    "filled_quantity": order.filled,
                    "traded": history.order_fills[order.id],
                },
            )
    for market in state.markets.values():
        counted, recorded = market.prices.time, history.trading_time(market.id, market.prices.at)
        if counted != recorded:
            yield Violation("windows", market.id, {"trading_time": counted, "recorded": recorded})
        yield from audit_recent_windows(market, history, state.now)
        yield from audit_group_records(market, history)
        if market.status not in OVER and history.realized_pnl[market.id] != market.pnl_pool:
            yield Violation(
                "pnl_sum",
                market.id,
                {"pnl_pool": market.pnl_pool, "realized": history.realized_pnl[market.id]},
            )


def audit_recent_windows(market: Market, history: History, at: int) -> Iterator[Violation]:
    """What a collar and a volatility halt go by, slot by slot, against what was traded when."""
    if market.prices.recent is not None:
        recent = market.prices.as_of(at).recent
        assert recent is not None
        counted = [(number, time) for number, _, time in recent.kept(at)]
        newest = at // recent.slot
        recorded = [
            (number, time)
            for number in range(newest - RECENT_SLOTS + 1, newest + 1)
            if (time := history.traded_within(market.id, number * recent.slot, recent.slot, at))
        ]
        if counted != recorded:
            yield Violation("windows", market.id, {"times": counted, "recorded": recorded})
    if market.trade_range is not None:
        noted, traded = market.trade_range.kept(at), history.trades[market.id].ranges(at)
        if noted != traded:
            yield Violation("windows", market.id, {"traded": noted, "recorded": traded})


def audit_group_records(market: Market, history: History) -> Iterator[Violation]:
    """What a group has counted is what its orders traded."""
    for user_id, groups in market.groups.items():
        for group in groups.values():
            at, recorded = group.last_counted, history.groups.get((market.id, user_id, group.group_id))
            filled = group.filled(at)
            traded = None if recorded is None else recorded.filled(group.slot_length, at)
            if filled != traded:
                numbers = {"user_id": user_id, "group_id": group.group_id, "filled": filled, "traded": traded}
                yield Violation("groups", market.id, numbers)
