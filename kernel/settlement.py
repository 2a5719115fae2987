"""The end of a market: the question is answered, orders are cancelled, and the reserve is paid out."""

from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

from msgspec.structs import asdict, replace

from kernel.answers import Answer, Refusal, Resolved, Settlement, Unfinished
from kernel.audit import audit_shares, audit_sums, audit_totals
from kernel.breaker import resolve_breakers, trip
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
    VoidSource,
)
from kernel.commands import CloseMarket, ResolveMarket, SettleMarket, VoidBasis, VoidMarket
from kernel.draft import Draft
from kernel.ending import cancel
from kernel.events import MarketClosing, MarketSettled, PositionSettled
from kernel.invariants import TOLD, Violation
from kernel.life import because, change_status, may, refuse
from kernel.market import Market, Position
from kernel.money import post
from kernel.privileged import record_stop
from kernel.proposals import check_interest, confirm, wait_for_second
from kernel.question import Closing
from kernel.refusals import malformed, market_not_found
from kernel.windows import Reference

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
    if command.result != VOID and command.void_price_cents is not None:
        return malformed("void_price_cents", "is for VOID only")
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
    command: ResolveMarket | VoidMarket,
    result: ResolutionResult,
    reason: str,
    action: AdminAction,
    request: dict[str, Any],
    *,
    settles: bool,
) -> Answer | Refusal:
    """Status, then every live order cancelled in acceptance order, then the payout if asked for now."""
    market_id, by, wished = command.market_id, command.by, command.void_price_cents
    if wished is not None and not 1 <= wished <= 99:
        return malformed("void_price_cents", "must be 1 to 99")
    market = draft.state.markets.get(market_id)
    if market is None:
        return market_not_found(market_id)
    if (refusal := check_interest(market, command.by_id)) is not None:
        return refusal
    if (refusal := refuse(market, type(command), MarketStatus.RESOLVED, draft.at)) is not None:
        return refusal
    basis = basis_of(market, wished, draft.at) if result is VOID else None
    if basis is not None and basis.source is VoidSource.REFERENCE and basis.reference.is_thin:
        return no_void_price(market, basis.reference)
    in_portions = market.has_more_than(draft.state.portion, holders=settles)
    if settles and (refusal := check_payable(draft, market, totals_only=in_portions)) is not None:
        return refusal
    if wished is not None:
        request = request | {"void_price_cents": wished}
    if (waits := wait_for_second(draft, market, command, action, request)) is not None:
        return waits
    # Nothing above has changed anything. Nothing below can refuse.
    confirm(draft, market, command, action)
    if market.open_breakers:
        resolve_breakers(draft, market, by, "market resolved", MarketStatus.RESOLVED)
    market.resolution_result = result
    market.resolved_at = draft.at
    if basis is not None:
        market.void_price_cents = basis.reference.reference_price_cents if wished is None else wished
    change_status(draft, market, MarketStatus.RESOLVED, reason, by)
    if in_portions:
        return begin_closing(draft, market, basis, settles=settles)
    for order in market.book.oldest(draft.state.portion):
        cancel(draft, order, CancelReason.MARKET_RESOLVED)
    return settle(draft, market, basis) if settles else resolved(market, None, basis)


def basis_of(market: Market, wished: int | None, at: int) -> VoidBasis:
    source = VoidSource.REFERENCE if wished is None else VoidSource.ADMIN
    return VoidBasis(source, market.prices.reference(at))


def no_void_price(market: Market, reference: Reference) -> Refusal:
    return Refusal(
        Code.NO_VOID_PRICE,
        f"Both sides of {market.id} hardly ever stood: say with void_price_cents what a YES share is paid",
        asdict(reference),
    )


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
    return begin_closing(draft, market, None, settles=True) if in_portions else settle(draft, market, None)


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


def settle(draft: Draft, market: Market, basis: VoidBasis | None) -> Resolved:
    """Pay every holder, in ascending order of user ids, and close the market for good."""
    closing = market.closing = Closing(settles=True)
    for user_id in market.holders.after(""):
        pay_out(draft, closing, market.positions[user_id])
    return finish(draft, market, closing, basis)


# The same in portions, for what would take too long in one step


def begin_closing(
    draft: Draft, market: Market, basis: VoidBasis | None, *, settles: bool
) -> Answer | Refusal:
    """From now on the market is being closed, and whoever finds it so, be it after a crash, goes on."""
    market.closing = Closing(settles)
    draft.record(market.id, MarketClosing(settles=settles))
    return close_market(draft, CloseMarket(at=draft.at, market_id=market.id, void_basis=basis))


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
        draft.turn(market, market.status)
        return resolved(market, None, command.void_basis)
    return begin_stage(command, ClosingStage.CHECK if market.book.is_empty else ClosingStage.CANCEL)


def check_portion(draft: Draft, market: Market, closing: Closing, command: CloseMarket) -> Answer | Refusal:
    """Add up what the holders have. Nothing moves it any more.

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
        return Unfinished(replace(command, after=last, yes=yes, no=no, costs=costs))
    if (refusal := refuse_to_pay(draft, market, audit_sums(market, yes, no, costs))) is not None:
        return refusal
    return begin_stage(command, ClosingStage.PAY)


def pay_portion(draft: Draft, market: Market, closing: Closing, command: CloseMarket) -> Answer | Refusal:
    last = ""
    for position in holders_after(market, command.after, LOOKS * draft.state.portion):
        pay_out(draft, closing, position)
        last = position.account.id
        if len(draft.facts) >= draft.state.portion:
            break
    if last:
        return begin_stage(command, ClosingStage.PAY, last)
    return finish(draft, market, closing, command.void_basis)


STAGES: Final = {
    ClosingStage.CANCEL: cancel_portion,
    ClosingStage.CHECK: check_portion,
    ClosingStage.PAY: pay_portion,
}


def begin_stage(command: CloseMarket, stage: ClosingStage, after: str = "") -> Unfinished:
    return Unfinished(replace(command, stage=stage, after=after, yes=0, no=0, costs=0))


def holders_after(market: Market, user_id: str, count: int) -> Iterator[Position]:
    """The next so many holders; an empty position costs a look, and so is counted, too."""
    for name in islice(market.holders.after(user_id), count):
        yield market.positions[name]


# What is paid, and the end


def finish(draft: Draft, market: Market, closing: Closing, basis: VoidBasis | None) -> Resolved:
    """Nothing is held or owed any more, and the market maker has nothing left to do here."""
    assert closing.paid == market.reserve, f"{market.id}: {closing.paid} paid out of {market.reserve}"
    result = market.resolution_result
    assert result is not None
    assert may(market, CloseMarket, end_of(market), draft.at)
    market.void_price_cents = void_price_of(market, closing, draft.at)
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
            void_price_cents=market.void_price_cents,
            market=market.after(),
        ),
    )
    draft.turn(market, previous)
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
        basis,
    )


def resolved(market: Market, settlement: Settlement | None, basis: VoidBasis | None) -> Resolved:
    assert market.resolution_result is not None
    assert market.resolved_at is not None
    return Resolved(
        market.id, market.resolution_result, market.resolved_at, settlement, market.void_price_cents, basis
    )


def void_price_of(market: Market, closing: Closing, at: int) -> int | None:
    """What a void market pays for a YES share.

    Older versions resolved without a price: then it is the reference price. Where one of them has paid the
    first already, in proportion to what was paid, there is none, and all are paid so.
    """
    if market.resolution_result is not VOID or market.void_price_cents is not None:
        return market.void_price_cents
    return closing.void_price if closing.costs else market.prices.reference(at).reference_price_cents


def worth(result: ResolutionResult, yes: int, no: int, void_price: int) -> int:
    """100 cents for each share that won; of a void market, for each its price."""
    if result is YES:
        return PAIR_CENTS * yes
    if result is NO:
        return PAIR_CENTS * no
    return void_price * yes + (PAIR_CENTS - void_price) * no


def payout_of(position: Position, closing: Closing, result: ResolutionResult, void_price: int | None) -> int:
    yes, no, market = position.yes, position.no, position.market
    if result is not VOID:
        return worth(result, yes.volume, no.volume, 0)
    if void_price is not None:
        return worth(VOID, yes.volume, no.volume, void_price)
    # As an older version began. What the floors leave over goes to the last.
    cost, costs = yes.cost_sum + no.cost_sum, market.reserve + market.pnl_pool
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
    void_price = void_price_of(market, closing, draft.at)
    payout = payout_of(position, closing, result, void_price)
    cost = before.yes_cost_sum + before.no_cost_sum
    closing.count(payout, cost, void_price)
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
            void_price_cents=void_price,
            ledger_id=ledger_id,
            postings=postings,
            positions=[position.after()],
        ),
    )
