"""The exchange: which decision answers which command, and the four things one can do with the state.

It decides and remembers nothing else: no clock, no randomness, no file, no network. The same commands give
the same state, and the same digest, on every machine.
"""

from collections.abc import Callable
from typing import Any, Final

from kernel import (
    accounts,
    amending,
    batches,
    breaker,
    campaigns,
    cancelling,
    commands,
    due,
    following,
    forgetting,
    groups,
    halting,
    leases,
    making_cases,
    making_commands,
    making_controls,
    making_payments,
    making_withdrawals,
    markets,
    modes,
    orders,
    privileged,
    refusals,
    replacing,
    settlement,
    snapshot,
    venues,
)
from kernel.answers import Answer, Outcome, Refusal
from kernel.apply import apply
from kernel.audit import audit
from kernel.bounds import OUT_OF_BOUNDS
from kernel.codes import Code
from kernel.draft import Draft
from kernel.events import Fact
from kernel.history import History
from kernel.invariants import Violation
from kernel.limits import LATEST
from kernel.state import State

DECISIONS: Final[dict[type[commands.Command], Callable[[Draft, Any], Answer | Refusal]]] = {
    commands.PlaceOrder: orders.place_order,
    commands.CancelOrder: orders.cancel_order,
    commands.CancelByClientId: orders.cancel_by_client_id,
    commands.ReplaceOrder: replacing.replace_order,
    commands.BatchCancel: cancelling.batch_cancel,
    commands.CancelAll: cancelling.cancel_all,
    commands.AtomicBatch: batches.atomic_batch,
    commands.SetGroup: groups.set_group,
    commands.ResetGroup: groups.reset_group,
    commands.TriggerGroup: groups.trigger_group,
    commands.DeleteGroup: groups.delete_group,
    commands.FireGuard: cancelling.fire_guard,
    commands.AmendOrder: amending.amend_order,
    commands.AmendByClientId: amending.amend_by_client_id,
    commands.MintShares: privileged.mint_shares,
    commands.BurnShares: privileged.burn_shares,
    commands.StartAmm: privileged.start_amm,
    commands.StopAmm: privileged.stop_amm,
    commands.AuthorizeAmm: privileged.authorize_amm,
    commands.OpenJournal: accounts.open_journal,
    commands.OpenAccount: accounts.open_account,
    commands.Deposit: accounts.deposit,
    commands.Withdraw: accounts.withdraw,
    commands.TransferFunds: accounts.transfer_funds,
    commands.TransferShares: accounts.transfer_shares,
    commands.RaiseFence: accounts.raise_fence,
    commands.AcceptJournal: accounts.accept_journal,
    commands.ForgetOrders: forgetting.forget_orders,
    commands.ForgetKeys: forgetting.forget_keys,
    commands.ForgetPositions: forgetting.forget_positions,
    commands.SetGuard: accounts.set_guard,
    commands.CreateMarket: markets.create_market,
    commands.ActivateMarket: markets.activate_market,
    commands.SuspendMarket: markets.suspend_market,
    commands.HaltMarket: markets.halt_market,
    commands.ResumeMarket: markets.resume_market,
    commands.SetMarketMode: modes.set_market_mode,
    commands.Tick: due.tick,
    commands.TripBreaker: breaker.trip_breaker,
    commands.ResolveMarket: settlement.resolve_market,
    commands.VoidMarket: settlement.void_market,
    commands.SettleMarket: settlement.settle_market,
    commands.CloseMarket: settlement.close_market,
    making_commands.CreateMmOrder: making_payments.create_mm_order,
    making_commands.PayMmOrder: making_payments.pay_mm_order,
    making_commands.ControlMmOrder: making_controls.control_mm_order,
    making_commands.WithdrawMmOrder: making_withdrawals.withdraw_mm_order,
    making_commands.AcquireMmLeases: leases.acquire_mm_leases,
    making_commands.RenewMmLease: leases.renew_mm_lease,
    making_commands.ReleaseMmLease: leases.release_mm_lease,
    making_commands.CreateMmCampaign: campaigns.create_mm_campaign,
    making_commands.ControlMmCampaign: campaigns.control_mm_campaign,
    making_commands.JoinMmCampaign: campaigns.join_mm_campaign,
    making_commands.NoteMmCampaign: campaigns.note_mm_campaign,
    making_commands.StepMmVenue: venues.step_mm_venue,
    making_commands.ReconcileMmOrder: making_cases.reconcile_mm_order,
}
"""Which decision answers which command."""

WITH_FACTS: Final = (Code.REPLACE_PARTLY_FILLED, Code.INTERNAL)
"""The two refusals that change something: see `Outcome`."""

FORM: Final = "interpreted" if __file__.endswith(".py") else "compiled"
"""Whether these very files run, or what `verdict compile` made of them: the same but for the speed."""


class Exchange(State):
    """The state, and the four things one can do with it: decide, replay, check, copy."""

    def execute(self, command: commands.AnyCommand) -> Outcome:
        """Decide one command: all of it, or a refusal and nothing but what was overdue before."""
        draft = Draft(self, command.at)
        kind = type(command)
        answer: Answer | Refusal | None = (
            refusals.too_late() if draft.at > LATEST else OUT_OF_BOUNDS[kind](command)
        )
        lent: forgetting.Lent | None = None
        if answer is None and self.has_forgotten:
            if command.past is not None:
                lent = forgetting.lend(self, command.past)
            answer = forgetting.question(self, command)
        if answer is None and draft.at >= self.next_expiry:
            answer = due.expire_first(draft, command)
        if answer is None:
            answer = DECISIONS[kind](draft, command)
        if lent is not None:
            forgetting.take_back(self, lent)
        if draft.moved is not None:
            halting.halt_if_moved(draft, draft.moved)
        if draft.turns is not None:
            following.follow(draft, draft.turns, command)
        assert not draft.postings, "money moved, and no fact says so"
        assert type(answer) is not Refusal or len(draft.facts) == draft.expired or answer.code in WITH_FACTS
        return Outcome(answer, draft.facts, self.head)

    def apply(self, fact: Fact) -> None:
        """Replay one fact of the past."""
        apply(self, fact)

    def audit(self, history: History | None = None) -> list[Violation]:
        """Every invariant that does not hold; empty when all is well."""
        return audit(self, history)

    def digest(self) -> str:
        """A hash of the whole state: equal states, and only those, have equal digests."""
        return snapshot.digest(self)

    def snapshot(self) -> bytes:
        return snapshot.dump(self)

    @classmethod
    def restore(cls, data: bytes) -> "Exchange":
        """The exchange that `snapshot` wrote; raises `SnapshotError` if the bytes are not whole."""
        exchange = cls()
        snapshot.load(data, exchange)
        return exchange
