"""The end of a market: the question is answered, orders are cancelled, and the reserve is paid out."""

from typing import Final

from kernel.answers import Answer, Refusal, Resolved, Settlement
from kernel.audit import audit_shares
from kernel.breaker import because, change_status, trip
from kernel.clearing import net
from kernel.codes import (
    PAIR_CENTS,
    AmmStatus,
    AmmStopCause,
    CancelReason,
    CircuitBreakerTrigger,
    Code,
    LedgerEntryType,
    MarketStatus,
    ResolutionResult,
    StatusReason,
)
from kernel.commands import ResolveMarket, SettleMarket, VoidMarket
from kernel.draft import Draft
from kernel.events import MarketSettled, PositionSettled
from kernel.markets import resolve_breakers
from kernel.money import post
from kernel.orders import cancel
from kernel.privileged import record_stop
from kernel.refusals import market_not_found
from kernel.state import Holding, Market, Position

YES, NO, VOID = ResolutionResult.YES, ResolutionResult.NO, ResolutionResult.VOID
PAYOUT_ENTRY: Final = {
    YES: LedgerEntryType.SETTLEMENT_PAYOUT,
    NO: LedgerEntryType.SETTLEMENT_PAYOUT,
    VOID: LedgerEntryType.SETTLEMENT_VOID,
}
RESOLVABLE: Final = (MarketStatus.ACTIVE, MarketStatus.SUSPENDED, MarketStatus.HALTED)


def resolve_market(draft: Draft, command: ResolveMarket) -> Answer | Refusal:
    if command.result not in ResolutionResult.__members__:
        return Refusal(
            Code.INVALID_RESULT, f"Resolution result must be YES, NO or VOID, not {command.result[:20]}"
        )
    return resolve(
        draft,
        command.market_id,
        ResolutionResult(command.result),
        StatusReason.RESOLUTION.value,
        command.by,
        settles=command.settle,
    )


def void_market(draft: Draft, command: VoidMarket) -> Answer | Refusal:
    reason = because(StatusReason.RESOLUTION, command.reason)
    return resolve(draft, command.market_id, VOID, reason, command.by, settles=True)


def resolve(
    draft: Draft, market_id: str, result: ResolutionResult, reason: str, by: str, *, settles: bool
) -> Answer | Refusal:
    """Status, then every live order cancelled in acceptance order, then the payout if asked for now."""
    market = draft.state.markets.get(market_id)
    if market is None:
        return market_not_found(market_id)
    if market.status not in RESOLVABLE:
        return Refusal(Code.NOT_RESOLVABLE, f"Market {market_id} is {market.status}: it cannot be resolved")
    if settles and (refusal := check_payable(draft, market)) is not None:
        return refusal
    if market.open_breakers:
        resolve_breakers(draft, market, by, "market resolved", MarketStatus.RESOLVED)
    market.resolution_result = result
    market.resolved_at = draft.at
    change_status(draft, market, MarketStatus.RESOLVED, reason, by)
    for order in market.live_orders():
        cancel(draft, order, CancelReason.MARKET_RESOLVED)
    return Resolved(market.id, result, draft.at, settle(draft, market) if settles else None)


def settle_market(draft: Draft, command: SettleMarket) -> Answer | Refusal:
    market = draft.state.markets.get(command.market_id)
    if market is None:
        return market_not_found(command.market_id)
    if market.status is not MarketStatus.RESOLVED:
        return Refusal(
            Code.TRANSITION_NOT_ALLOWED,
            f"Market {market.id} is {market.status}: only a resolved one is settled",
        )
    if (refusal := check_payable(draft, market)) is not None:
        return refusal
    assert market.resolution_result is not None
    assert market.resolved_at is not None
    return Resolved(market.id, market.resolution_result, market.resolved_at, settle(draft, market))


def check_payable(draft: Draft, market: Market) -> Refusal | None:
    """Every share must find its cents in the reserve; if not, nothing is applied but the fault recorded."""
    violations = audit_shares(market)
    if not violations:
        return None
    trip(draft, market, CircuitBreakerTrigger.CLEARING_ERROR, {"violations": [v.told() for v in violations]})
    return Refusal(Code.INTERNAL, f"Market {market.id} cannot be paid out: {violations[0].invariant}")


def settle(draft: Draft, market: Market) -> Settlement:
    """Pay every holder, in ascending order of user ids, and close the market for good."""
    result = market.resolution_result
    assert result is not None
    positions = [market.positions[user_id] for user_id in sorted(market.positions)]
    if result is VOID:
        for position in positions:
            net(draft, position, even_if_off=True)
        payouts = void_payouts(market, positions)
    else:
        payouts = [PAIR_CENTS * winning(position, result).volume for position in positions]
    assert sum(payouts) == market.reserve, f"{market.id}: {sum(payouts)} to pay out of {market.reserve}"
    for position, payout in zip(positions, payouts, strict=True):
        if position.yes.volume or position.no.volume:
            pay_out(draft, market, position, payout, result)
    winners = sum(payout > 0 for payout in payouts)
    finish(draft, market, result, sum(payouts), winners)
    return Settlement(
        draft.at, sum(payouts), winners, market.cancelled_at_resolution, market.unfrozen_at_resolution
    )


def finish(draft: Draft, market: Market, result: ResolutionResult, total_payout: int, winners: int) -> None:
    """Nothing is held or owed any more, and the market maker has nothing left to do here."""
    previous = market.status
    market.status = MarketStatus.VOIDED if result is VOID else MarketStatus.SETTLED
    market.reserve = market.pnl_pool = market.yes_shares = market.no_shares = 0
    market.settled_at = market.updated_at = draft.at
    draft.record(
        market.id,
        MarketSettled(
            previous_status=previous,
            new_status=market.status,
            resolution_result=result,
            settled_at=draft.at,
            total_payout_cents=total_payout,
            winners_count=winners,
            market=market.after(),
        ),
    )
    if market.amm is not None and market.amm.status is AmmStatus.RUNNING:
        record_stop(draft, market, None, AmmStopCause.MARKET_SETTLED, 0, None)


def winning(position: Position, result: ResolutionResult) -> Holding:
    return position.yes if result is YES else position.no


def void_payouts(market: Market, positions: list[Position]) -> list[int]:
    """The reserve, shared in proportion to what was paid; what the floors leave over goes to the last."""
    costs = [position.yes.cost_sum + position.no.cost_sum for position in positions]
    paid = sum(costs)
    payouts = [market.reserve * cost // paid if cost else 0 for cost in costs]
    if paid:
        last = max(i for i, cost in enumerate(costs) if cost)
        payouts[last] += market.reserve - sum(payouts)
    return payouts


def pay_out(draft: Draft, market: Market, position: Position, payout: int, result: ResolutionResult) -> None:
    """One holder gets its cents, and its shares are gone."""
    account = position.account
    before = position.after()
    position.yes.clear()
    position.no.clear()
    position.updated_at = draft.at
    post(draft, account, PAYOUT_ENTRY[result], payout)
    post(draft, draft.state.reserve_account, LedgerEntryType.BURN_RESERVE_OUT, -payout)
    ledger_id, postings = draft.take_postings()
    draft.record(
        market.id,
        PositionSettled(
            user_id=account.id,
            resolution_result=result,
            yes_volume=before.yes_volume,
            no_volume=before.no_volume,
            yes_cost_sum=before.yes_cost_sum,
            no_cost_sum=before.no_cost_sum,
            payout_cents=payout,
            ledger_id=ledger_id,
            postings=postings,
            positions=[position.after()],
        ),
    )
