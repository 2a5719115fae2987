"""The end of a market: the question is answered, orders are cancelled, and the reserve is paid out."""

from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

from kernel.answers import Answer, Refusal, Resolved, Settlement, Unfinished
from kernel.audit import TOLD, Violation, audit_shares, audit_sums, audit_totals
from kernel.breaker import trip
from kernel.clearing import net
from kernel.codes import (
    PAIR_CENTS,
    AdminAction,
    AmmStatus,
    AmmStopCause,
    CancelReason,
    CircuitBreakerTrigger,
    ClosingStage,
    Code,
    LedgerEntryType,
    MarketStatus,
    ResolutionResult,
    StatusReason,
)
from kernel.commands import CloseMarket, GraveCommand, ResolveMarket, SettleMarket, VoidMarket
from kernel.draft import Draft
from kernel.events import MarketClosing, MarketSettled, PositionSettled
from kernel.life import because, change_status, may, refuse
from kernel.markets import resolve_breakers
from kernel.money import post
from kernel.orders import cancel
from kernel.privileged import record_stop
from kernel.proposals import check_interest, confirm, wait_for_second
from kernel.refusals import market_not_found
from kernel.state import Closing, Market, Position

YES, NO, VOID = ResolutionResult.YES, ResolutionResult.NO, ResolutionResult.VOID
PAYOUT_ENTRY: Final = {
    YES: LedgerEntryType.SETTLEMENT_PAYOUT,
    NO: LedgerEntryType.SETTLEMENT_PAYOUT,
    VOID: LedgerEntryType.SETTLEMENT_VOID,
}
LOOKS: Final = 10
"""Holders that may be looked at in the time in which one can be paid."""


def resolve_market(draft: Draft, command: ResolveMarket) -> Answer | Refusal:
    if command.result not in ResolutionResult.__members__:
        return Refusal(
            Code.INVALID_RESULT, f"Resolution result must be YES, NO or VOID, not {command.result[:20]}"
        )
    return resolve(
        draft,
        command,
        ResolutionResult(command.result),
        StatusReason.RESOLUTION.value,
        AdminAction.RESOLVE,
        {"resolution_result": command.result, "settle": command.settle},
        settles=command.settle,
    )


def void_market(draft: Draft, command: VoidMarket) -> Answer | Refusal:
    reason = because(StatusReason.RESOLUTION, command.reason)
    request = {"reason": command.reason}
    return resolve(draft, command, VOID, reason, AdminAction.VOID, request, settles=True)


def resolve(
    draft: Draft,
    command: GraveCommand,
    result: ResolutionResult,
    reason: str,
    action: AdminAction,
    request: dict[str, Any],
    *,
    settles: bool,
) -> Answer | Refusal:
    """Status, then every live order cancelled in acceptance order, then the payout if asked for now."""
    market_id, by = command.market_id, command.by
    market = draft.state.markets.get(market_id)
    if market is None:
        return market_not_found(market_id)
    if (refusal := check_interest(market, command.by_id)) is not None:
        return refusal
    if (refusal := refuse(market, type(command), MarketStatus.RESOLVED, draft.at)) is not None:
        return refusal
    in_portions = market.has_more_than(draft.state.portion, holders=settles)
    if settles and (refusal := check_payable(draft, market, totals_only=in_portions)) is not None:
        return refusal
    if (waits := wait_for_second(draft, market, command, action, request)) is not None:
        return waits
    # Nothing above has changed anything. Nothing below can refuse.
    confirm(draft, market, command, action)
    if market.open_breakers:
        resolve_breakers(draft, market, by, "market resolved", MarketStatus.RESOLVED)
    market.resolution_result = result
    market.resolved_at = draft.at
    change_status(draft, market, MarketStatus.RESOLVED, reason, by)
    if in_portions:
        return begin_closing(draft, market, settles=settles)
    for order in market.book.oldest(draft.state.portion):
        cancel(draft, order, CancelReason.MARKET_RESOLVED)
    return settle(draft, market) if settles else resolved(market, None)


def settle_market(draft: Draft, command: SettleMarket) -> Answer | Refusal:
    market = draft.state.markets.get(command.market_id)
    if market is None:
        return market_not_found(command.market_id)
    if (refusal := check_interest(market, command.by_id)) is not None:
        return refusal
    if (refusal := refuse(market, SettleMarket, end_of(market), draft.at)) is not None:
        return refusal
    in_portions = market.has_more_than(draft.state.portion, holders=True)
    if (refusal := check_payable(draft, market, totals_only=in_portions)) is not None:
        return refusal
    if (waits := wait_for_second(draft, market, command, AdminAction.SETTLE, {})) is not None:
        return waits
    # Nothing above has changed anything. Nothing below can refuse.
    confirm(draft, market, command, AdminAction.SETTLE)
    return begin_closing(draft, market, settles=True) if in_portions else settle(draft, market)


def end_of(market: Market) -> MarketStatus:
    """What it will be once everybody is paid."""
    return MarketStatus.VOIDED if market.resolution_result is VOID else MarketStatus.SETTLED


def check_payable(draft: Draft, market: Market, *, totals_only: bool) -> Refusal | None:
    """Every share must find its cents in the reserve; if not, nothing is applied but the fault recorded.

    With more holders than one step may look at, they are added up before the first of them is paid.
    """
    return refuse_to_pay(draft, market, [*audit_totals(market)] if totals_only else audit_shares(market))


def refuse_to_pay(draft: Draft, market: Market, violations: list[Violation]) -> Refusal | None:
    if not violations:
        return None
    trip(
        draft,
        market,
        CircuitBreakerTrigger.CLEARING_ERROR,
        {"violations": [v.told() for v in violations[:TOLD]]},
    )
    return Refusal(Code.INTERNAL, f"Market {market.id} cannot be paid out: {violations[0].invariant}")


def settle(draft: Draft, market: Market) -> Resolved:
    """Pay every holder, in ascending order of user ids, and close the market for good."""
    closing = market.closing = Closing(settles=True)
    positions = [market.positions[user_id] for user_id in market.holders.after("")]
    if market.resolution_result is VOID:
        for position in positions:
            net(draft, position, even_if_off=True)
    for position in positions:
        pay_out(draft, closing, position)
    return finish(draft, market, closing)


# The same in portions, for what would take too long in one step


def begin_closing(draft: Draft, market: Market, *, settles: bool) -> Answer | Refusal:
    """From now on the market is being closed, and whoever finds it so, be it after a crash, goes on."""
    market.closing = Closing(settles)
    draft.record(market.id, MarketClosing(settles=settles))
    return close_market(draft, CloseMarket(at=draft.at, market_id=market.id))


def close_market(draft: Draft, command: CloseMarket) -> Answer | Refusal:
    """One portion. What is left to do the market shows; the command says where to look for it."""
    market = draft.state.markets.get(command.market_id)
    if market is None:
        return market_not_found(command.market_id)
    if (refusal := refuse(market, CloseMarket, end_of(market), draft.at)) is not None:
        return refusal
    assert market.closing is not None
    return STAGES[command.stage](draft, market, market.closing, command)


def cancel_portion(draft: Draft, market: Market, closing: Closing, command: CloseMarket) -> Answer | Refusal:
    for order in market.book.oldest(draft.state.portion):
        cancel(draft, order, CancelReason.MARKET_RESOLVED)
    if market.closing is None:
        return resolved(market, None)
    return begin_stage(command, ClosingStage.CHECK if market.book.is_empty else ClosingStage.CANCEL)


def check_portion(draft: Draft, market: Market, closing: Closing, command: CloseMarket) -> Answer | Refusal:
    """Add up what the holders have. Nothing moves it any more: only nettings, and they keep the sums.

    Once somebody is paid this has been done, and what is left adds up to less.
    """
    if closing.costs:
        return begin_stage(command, ClosingStage.PAY)
    yes, no, costs = command.yes, command.no, command.costs
    last = ""
    for position in holders_after(market, command.after, LOOKS * draft.state.portion):
        yes += position.yes.volume
        no += position.no.volume
        costs += position.yes.cost_sum + position.no.cost_sum
        last = position.account.id
    if last:
        return Unfinished(
            CloseMarket(
                at=command.at,
                market_id=market.id,
                stage=ClosingStage.CHECK,
                after=last,
                yes=yes,
                no=no,
                costs=costs,
            )
        )
    if (refusal := refuse_to_pay(draft, market, audit_sums(market, yes, no, costs))) is not None:
        return refusal
    is_void = market.resolution_result is VOID
    return begin_stage(command, ClosingStage.NET if is_void else ClosingStage.PAY)


def net_portion(draft: Draft, market: Market, closing: Closing, command: CloseMarket) -> Answer | Refusal:
    last = ""
    for position in holders_after(market, command.after, LOOKS * draft.state.portion):
        net(draft, position, even_if_off=True)
        last = position.account.id
        if len(draft.facts) >= draft.state.portion:
            break
    return begin_stage(command, ClosingStage.NET, last) if last else begin_stage(command, ClosingStage.PAY)


def pay_portion(draft: Draft, market: Market, closing: Closing, command: CloseMarket) -> Answer | Refusal:
    last = ""
    for position in holders_after(market, command.after, LOOKS * draft.state.portion):
        pay_out(draft, closing, position)
        last = position.account.id
        if len(draft.facts) >= draft.state.portion:
            break
    return begin_stage(command, ClosingStage.PAY, last) if last else finish(draft, market, closing)


STAGES: Final = {
    ClosingStage.CANCEL: cancel_portion,
    ClosingStage.CHECK: check_portion,
    ClosingStage.NET: net_portion,
    ClosingStage.PAY: pay_portion,
}


def begin_stage(command: CloseMarket, stage: ClosingStage, after: str = "") -> Unfinished:
    return Unfinished(CloseMarket(at=command.at, market_id=command.market_id, stage=stage, after=after))


def holders_after(market: Market, user_id: str, count: int) -> Iterator[Position]:
    """The next so many holders; an empty position costs a look, and so is counted, too."""
    for name in islice(market.holders.after(user_id), count):
        yield market.positions[name]


# What is paid, and the end


def finish(draft: Draft, market: Market, closing: Closing) -> Resolved:
    """Nothing is held or owed any more, and the market maker has nothing left to do here."""
    assert closing.paid == market.reserve, f"{market.id}: {closing.paid} paid out of {market.reserve}"
    result = market.resolution_result
    assert result is not None
    assert may(market, CloseMarket, end_of(market), draft.at)
    previous = market.status
    market.status = end_of(market)
    market.reserve = market.pnl_pool = market.yes_shares = market.no_shares = 0
    market.closing = None
    market.settled_at = market.updated_at = draft.at
    draft.record(
        market.id,
        MarketSettled(
            previous_status=previous,
            new_status=market.status,
            resolution_result=result,
            settled_at=draft.at,
            total_payout_cents=closing.paid,
            winners_count=closing.winners,
            market=market.after(),
        ),
    )
    if market.amm is not None and market.amm.status is AmmStatus.RUNNING:
        record_stop(draft, market, None, AmmStopCause.MARKET_SETTLED, 0, None)
    return resolved(
        market,
        Settlement(
            draft.at,
            closing.paid,
            closing.winners,
            market.cancelled_at_resolution,
            market.unfrozen_at_resolution,
        ),
    )


def resolved(market: Market, settlement: Settlement | None) -> Resolved:
    assert market.resolution_result is not None
    assert market.resolved_at is not None
    return Resolved(market.id, market.resolution_result, market.resolved_at, settlement)


def payout_of(position: Position, closing: Closing, result: ResolutionResult) -> int:
    """100 cents for each share that won; of a void market the reserve, in proportion to what was paid.

    All costs together are reserve and pool. What the floors leave over goes to the last.
    """
    if result is YES:
        return PAIR_CENTS * position.yes.volume
    if result is NO:
        return PAIR_CENTS * position.no.volume
    market = position.market
    cost, costs = position.yes.cost_sum + position.no.cost_sum, market.reserve + market.pnl_pool
    if closing.costs + cost == costs:
        return market.reserve - closing.paid
    return market.reserve * cost // costs


def pay_out(draft: Draft, closing: Closing, position: Position) -> None:
    """One holder gets its cents, and its shares are gone."""
    if not (position.yes.volume or position.no.volume):
        return
    account, market = position.account, position.market
    result = market.resolution_result
    assert result is not None
    before = position.after()
    payout = payout_of(position, closing, result)
    cost = before.yes_cost_sum + before.no_cost_sum
    closing.count(payout, cost)
    position.realized_pnl += payout - cost
    assert 0 <= payout <= closing.paid <= market.reserve, f"{market.id}: {closing.paid} of {market.reserve}"
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
