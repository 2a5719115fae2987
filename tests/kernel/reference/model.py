"""The model's front door: one command in, the answer out as plain values, the facts left in the world."""

from collections.abc import Callable
from typing import Any

from kernel import commands
from tests.kernel.reference import (
    amending,
    amm,
    batches,
    cancelling,
    cash,
    ending,
    forgetting,
    grouping,
    lifecycle,
    modes,
    trading,
)
from tests.kernel.reference.bounds import check_bounds
from tests.kernel.reference.due import due_step, market_of
from tests.kernel.reference.protections import pause_what_moved
from tests.kernel.reference.records import Refused
from tests.kernel.reference.world import World

RULES: dict[type[commands.Command], Callable[[World, Any], dict[str, Any]]] = {
    commands.OpenJournal: cash.open_journal,
    commands.OpenAccount: cash.open_account,
    commands.Deposit: cash.deposit,
    commands.Withdraw: cash.withdraw,
    commands.TransferFunds: cash.transfer_funds,
    commands.TransferShares: cash.transfer_shares,
    commands.RaiseFence: cash.raise_fence,
    commands.AcceptJournal: cash.accept_journal,
    commands.ForgetOrders: forgetting.forget_orders,
    commands.ForgetKeys: forgetting.forget_keys,
    commands.ForgetPositions: forgetting.forget_positions,
    commands.SetGuard: cash.set_guard,
    commands.FireGuard: cancelling.fire_guard,
    commands.PlaceOrder: trading.place,
    commands.ReplaceOrder: trading.replace,
    commands.CancelOrder: cancelling.cancel_order,
    commands.CancelByClientId: cancelling.cancel_by_client_id,
    commands.AmendOrder: amending.amend_order,
    commands.AmendByClientId: amending.amend_by_client_id,
    commands.BatchCancel: cancelling.batch_cancel,
    commands.CancelAll: cancelling.cancel_all,
    commands.AtomicBatch: batches.atomic_batch,
    commands.SetGroup: grouping.set_group,
    commands.ResetGroup: grouping.reset_group,
    commands.TriggerGroup: grouping.trigger_group,
    commands.DeleteGroup: grouping.delete_group,
    commands.MintShares: amm.mint_shares,
    commands.BurnShares: amm.burn_shares,
    commands.StartAmm: amm.start_amm,
    commands.StopAmm: amm.stop_amm,
    commands.AuthorizeAmm: amm.authorize_amm,
    commands.CreateMarket: lifecycle.create_market,
    commands.ActivateMarket: lifecycle.activate_market,
    commands.SuspendMarket: lifecycle.suspend_market,
    commands.HaltMarket: lifecycle.halt_market,
    commands.TripBreaker: lifecycle.trip_breaker,
    commands.ResumeMarket: lifecycle.resume_market,
    commands.ResolveMarket: ending.resolve_market,
    commands.VoidMarket: ending.void_market,
    commands.SettleMarket: ending.settle_market,
    commands.CloseMarket: ending.close_market,
    commands.SetMarketMode: modes.set_market_mode,
    commands.Tick: lifecycle.tick,
}


class Model:
    def __init__(self) -> None:
        self.world = World()

    def execute(self, command: commands.AnyCommand) -> dict[str, Any]:
        world = self.world
        newest = world.facts[-1].at if world.facts else 0
        world.at = max(newest, command.at)
        first = len(world.facts)
        world.look_at_spots()
        books = {market_id: self._book(market_id) for market_id in world.markets}
        answer = self._decide(command)
        for market_id, before in books.items():
            if self._book(market_id) != before or self._came_to_rest(market_id, first):
                world.markets[market_id].book_changed_at = world.at
        world.note_spots(first)
        return answer

    def _decide(self, command: commands.AnyCommand) -> dict[str, Any]:
        """What was due stands, whatever becomes of the command; of a refusal, nothing else does."""
        world = self.world
        decided_from = len(world.facts)
        try:
            check_bounds(command, world.at)
            market = market_of(world, command)
            if market is not None:
                due_step(world, market)
                world.spot2_after_due = world.spot2(market)
            decided_from = len(world.facts)
            answer = RULES[type(command)](world, command)
        except Refused as refused:
            assert len(world.facts) == decided_from
            return {"kind": "Refusal", "code": refused.code, "data": refused.data}
        pause_what_moved(world, decided_from)
        return answer

    def _came_to_rest(self, market_id: str, first: int) -> bool:
        """Whether an order came that may rest, even if it had to give way before it did."""
        return any(
            fact.market_id == market_id and fact.fields.get("time_in_force") in ("GTC", "GTD")
            for fact in self.world.facts[first:]
        )

    def _book(self, market_id: str) -> list[tuple[str, int, int, int]]:
        return [(o.order_id, o.remaining, o.price, o.priority_seq) for o in self.world.live_orders(market_id)]
