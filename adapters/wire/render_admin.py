"""Renders what administrators see: the ends of markets, proposals, statistics, the market maker's runs."""

from collections.abc import Iterable

from msgspec.structs import astuple

from adapters.wire import admin_responses, render
from kernel.answers import AmmRunning, AmmStoppedNow, Proposed, Resolved
from kernel.codes import AMM_ID, ResolutionResult
from kernel.market import Market
from kernel.windows import Reference


def amm_running(answer: AmmRunning) -> admin_responses.AmmRunningShape:
    return admin_responses.AmmRunningShape(
        answer.market_id,
        AMM_ID,
        answer.initial_budget,
        answer.initial_mint_quantity,
        "EXPLORATION",
        render.time(answer.started_at),
    )


def amm_stopped(answer: AmmStoppedNow) -> admin_responses.AmmStoppedShape:
    return admin_responses.AmmStoppedShape(
        answer.market_id,
        answer.stop_mode,
        answer.cancelled_orders_count,
        answer.remaining_yes_inventory,
        answer.remaining_no_inventory,
        answer.remaining_balance,
        render.time(answer.stopped_at),
    )


def resolved(
    answer: Resolved, *, is_settlement: bool
) -> admin_responses.SettledShape | admin_responses.ResolvedShape:
    """A settlement chooses no price, so it does not say where one came from."""
    paid = answer.settlement
    settlement = None
    if paid is not None:
        settlement = admin_responses.SettlementShape(
            "COMPLETED",
            render.time(paid.settled_at),
            paid.total_payout,
            render.dollars(paid.total_payout),
            paid.winners_count,
            paid.cancelled_orders_count,
            paid.cancelled_orders_unfrozen,
        )
    members = (
        answer.market_id,
        answer.result,
        render.time(answer.resolved_at),
        settlement,
        answer.void_price_cents,
    )
    if is_settlement:
        return admin_responses.SettledShape(*members)
    basis = answer.void_basis
    return admin_responses.ResolvedShape(
        *members,
        None if basis is None else admin_responses.VoidBasisShape(basis.source, *astuple(basis.reference)),
    )


def proposed(answer: Proposed) -> admin_responses.ProposedShape:
    return admin_responses.ProposedShape(proposal(answer))


def proposal(waiting: Proposed) -> admin_responses.ProposalShape:
    return admin_responses.ProposalShape(
        waiting.proposal_id,
        waiting.action,
        waiting.market_id,
        waiting.request,
        waiting.by,
        render.time(waiting.created_at),
        render.time(waiting.expires_at),
    )


def admin_market(market: Market) -> admin_responses.AdminMarketShape:
    maker = market.positions.get(AMM_ID)
    return admin_responses.AdminMarketShape(
        **render.market_members(market, display=True),
        amm_authorized=market.amm_authorized,
        amm_orders_count=0 if maker is None else len(maker.live),
    )


def stats(market: Market, at: int) -> admin_responses.StatsShape:
    return admin_responses.StatsShape(
        market.id,
        market.status,
        market.reserve,
        market.pnl_pool,
        market.yes_shares,
        market.no_shares,
        market.book.count,
        sum(market.trades.values()),
        market.traded_volume,
        dict(market.trades),
        market.fees,
        len(market.traders) + market.let_go_traders,
        reference(market.prices.reference(at)),
    )


def reference(average: Reference) -> admin_responses.ReferenceShape:
    return admin_responses.ReferenceShape(*astuple(average))


def foreseen(
    result: ResolutionResult, void_price: int, payout: int, winners: int, gained: int, lost: int
) -> admin_responses.ForeseenResultShape:
    return admin_responses.ForeseenResultShape(
        result,
        void_price if result is ResolutionResult.VOID else None,
        payout,
        render.dollars(payout),
        winners,
        gained,
        render.dollars(gained),
        lost,
        render.dollars(lost),
    )


def amm_markets(markets: Iterable[Market]) -> admin_responses.AmmMarketsShape:
    return admin_responses.AmmMarketsShape(
        [
            admin_responses.AmmMarketShape(
                each.id,
                run.status.value,
                run.initial_budget,
                run.initial_price,
                run.config_override,
                render.time(run.first_started_at),
                render.time(run.started_at),
                render.time_or_null(run.stopped_at),
                run.stop_mode,
            )
            for each in markets
            if (run := each.amm) is not None
        ]
    )
