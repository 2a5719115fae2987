"""All markets together: their cash compared with the account's ledger, and one limit for their losses.

It only reads and compares. The supervisor acts on a loss, the market on a difference.
"""

from collections.abc import Callable, Iterator

import attrs
import structlog
import trio

from amm.brain.arithmetic import DAY_MS, Cents, Ms
from amm.brain.inputs import CashRead, Refunded
from amm.brain.memory import Lifecycle
from amm.brain.reconcile import cash_difference
from amm.live.cash import read_tally
from amm.live.rest import ExchangeClient, RefusedError, UnreachableError
from amm.live.run import Run
from amm.live.state_store import StateStore, StateStoreError

log = structlog.get_logger(__name__)

CASH_EVERY = 60.0
CASH_AGAIN = 5.0
"""While a market is in doubt of its cash, or waits for what it is paid."""


@attrs.define(eq=False)
class Account:
    exchange: ExchangeClient
    store: StateStore
    clock: Callable[[], Ms]
    runs: dict[str, Run]
    unallocated: Cents = 0
    """The account's cash that belongs to no market."""

    @property
    def cash(self) -> Cents:
        """All the cash of the account. None of it is ever frozen, because we never buy."""
        return self.unallocated + sum(self._market_cash())

    @property
    def lost_too_much(self) -> bool:
        """Whether all markets together have lost more today than the strictest of them allows."""
        limits = [
            limit
            for run in self._alive()
            if run.state is not None and (limit := run.state.config.defense.global_daily_loss_limit_cents)
        ]
        return bool(limits) and self.lost_today() >= min(limits)

    def lost_today(self) -> Cents:
        """What all markets lost today; one that has ended counts as it stood at its last cycle."""
        today = self.clock() // DAY_MS
        states = [run.state for run in self.runs.values() if run.state is not None]
        decisions = [state.cycle.decision for state in states if state.cycle.decision is not None]
        return -sum(one.day_pnl for one in decisions if one.at_ms // DAY_MS == today)

    async def watch(self) -> None:
        """Compare every market's cash with the ledger, and their sum with the account."""
        read_at = float("-inf")
        while True:
            urgent = any(run.market.is_in_doubt for run in self._alive() if run.market is not None)
            if urgent or trio.current_time() >= read_at + CASH_EVERY:
                read_at = trio.current_time()
                try:
                    await self.read_cash()
                except (UnreachableError, RefusedError, StateStoreError) as trouble:
                    log.warning("the ledger could not be compared", why=str(trouble))
            await trio.sleep(CASH_AGAIN)

    async def read_cash(self) -> None:
        for run in list(self._alive()):
            market = run.market
            if market is None:
                continue
            is_void = (
                market.state.reconciliation.refund_awaited
            )  # before we ask: so the answer holds what was paid
            if not is_void and market.state.life.lifecycle not in (Lifecycle.RUNNING, Lifecycle.EMERGENCY):
                continue
            tally, seq = await read_tally(self.exchange, run.market_id, market.stored.tally)
            if tally.start_key != market.stored.tally_key:
                continue  # a newer start: this one is about to end
            if tally != market.stored.tally:
                market.stored.note(tally)
                self.store.write(market.stored)
            cash = run.line.initial_budget_cents + tally.sum_cents
            if is_void:
                run.tell(Refunded(cash))
            else:
                run.tell(CashRead(seq, cash), wake=False)
        await self.read_account()

    async def read_account(self) -> None:
        total, _seq = await self.exchange.account_total()
        self.unallocated = cash_difference(total, self._market_cash(), 0)

    def _market_cash(self) -> list[Cents]:
        return [run.state.ledger.inventory.cash for run in self._alive() if run.state is not None]

    def _alive(self) -> Iterator[Run]:
        return (run for run in self.runs.values() if not run.over)
