"""The model's front door: one command in, the answer out as plain values, the facts left in the world."""

from collections.abc import Callable
from typing import Any

from kernel import commands
from tests.kernel.reference import amm, cash, lifecycle, trading
from tests.kernel.reference.bounds import check_bounds
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
    commands.SetGuard: cash.set_guard,
    commands.FireGuard: trading.fire_guard,
    commands.PlaceOrder: trading.place,
    commands.ReplaceOrder: trading.replace,
    commands.CancelOrder: trading.cancel_order,
    commands.CancelByClientId: trading.cancel_by_client_id,
    commands.BatchCancel: trading.batch_cancel,
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
    commands.ResolveMarket: lifecycle.resolve_market,
    commands.VoidMarket: lifecycle.void_market,
    commands.SettleMarket: lifecycle.settle_market,
    commands.CloseMarket: lifecycle.close_market,
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
        books = {market_id: self._book(market_id) for market_id in world.markets}
        try:
            check_bounds(command, world.at)
            answer = RULES[type(command)](world, command)
        except Refused as refused:
            assert len(world.facts) == first
            return {"kind": "Refusal", "code": refused.code, "data": refused.data}
        for market_id, before in books.items():
            if self._book(market_id) != before:
                world.markets[market_id].book_changed_at = world.at
        return answer

    def _book(self, market_id: str) -> list[tuple[str, int]]:
        return [(o.order_id, o.remaining) for o in self.world.live_orders(market_id)]
