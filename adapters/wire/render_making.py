"""Renders market-making orders for callers."""

from typing import Any

import msgspec

from adapters.wire import making_responses as shapes
from adapters.wire import responses
from adapters.wire.render import balance, dollars, gain, time, time_or_null
from adapters.wire.render_leases import venue_leg
from kernel.codes import PAIR_CENTS
from kernel.making_answers import MmOrderNow, MmPaid, MmWithdrawn
from kernel.making_edges import MmActor
from kernel.making_events import MmCase
from kernel.making_order import MmOrder
from kernel.making_state import MmOwner
from kernel.making_view import allowed_commands, order_now
from kernel.market import Account


def order(found: MmOrder, at: int) -> shapes.MakingOrderShape:
    """As its owner sees it, who may do this much now."""
    return shapes.MakingOrderShape(**members(order_now(found), allowed_commands(found, MmActor.USER, at)))


def admin_order(found: MmOrder, at: int) -> shapes.AdminMakingOrderShape:
    now = order_now(found)
    allowed = allowed_commands(found, MmActor.ADMIN, at)
    return shapes.AdminMakingOrderShape(
        **members(now, allowed),
        user_id=now.user_id,
        movements=[venue_leg(leg) for leg in found.venue_legs],
        cases=[case(each) for each in found.cases],
    )


def away(cash: int, yes: int, no: int) -> shapes.AwayShape:
    return shapes.AwayShape(cash, dollars(cash), yes, no)


def case(found: MmCase) -> shapes.CaseShape:
    seen = found.observed
    return shapes.CaseShape(
        number=found.number,
        reason=found.reason,
        expected=[venue_leg(leg) for leg in found.legs],
        clearing=away(found.cash_cents, found.yes, found.no),
        outcome=found.outcome,
        observed=None if seen is None else away(seen.cash_cents, seen.yes, seen.no),
        evidence=found.evidence,
        proposed_by=found.proposed_by,
        proposed_at=time_or_null(found.proposed_at),
        opened_at=time(found.opened_at),
        closed_by=found.closed_by,
        closed_at=time_or_null(found.closed_at),
    )


def members(now: MmOrderNow, allowed: list[str]) -> dict[str, Any]:
    held, failure, cycle = now.escrow, now.failure, now.last_cycle
    return {
        "order_id": now.order_id,
        "market_id": now.market_id,
        "state": now.state,
        "drained": now.drained,
        "allowed_commands": allowed,
        "held": now.held,
        "reason": now.reason,
        "refund_due": now.refund_due,
        "venue": now.venue,
        "location": now.location,
        "strategy": shapes.StrategyShape(now.strategy, msgspec.to_builtins(now.terms), now.snapshot_hash),
        "legs": legs(now),
        "payment_deadline": time(now.payment_deadline),
        "escrow": shapes.EscrowShape(
            held.account,
            held.cash_cents,
            dollars(held.cash_cents),
            held.frozen_cents,
            dollars(held.frozen_cents),
            held.yes,
            held.no,
            held.yes_free,
            held.no_free,
        ),
        "away": away(now.away.cash_cents, now.away.yes, now.away.no),
        "equity_cents": now.equity_cents,
        "equity_display": dollars(now.equity_cents),
        "pnl_cents": now.pnl_cents,
        "pnl_display": gain(now.pnl_cents),
        "rewards_cents": now.rewards_cents,
        "rewards_display": dollars(now.rewards_cents),
        "fees_cents": now.fees_cents,
        "fees_display": dollars(now.fees_cents),
        "quotes": [
            shapes.QuoteShape(
                quote.order_id, quote.side, quote.direction, quote.price_cents, quote.remaining_quantity
            )
            for quote in now.quotes
        ],
        "campaign": campaign(now),
        "failure": None
        if failure is None
        else shapes.FailureShape(failure.code, failure.failed_from, failure.reconcile_required),
        "pending_command": now.pending_command,
        "version": now.version,
        "last_cycle": None
        if cycle is None
        else shapes.CycleShape(cycle.number, time(cycle.at), cycle.outcome, cycle.skipped, cycle.lateness_ms),
        "next_cycle_at": time_or_null(now.next_cycle_at),
        "created_at": time(now.created_at),
        "updated_at": time(now.updated_at),
    }


def campaign(now: MmOrderNow) -> shapes.PartShape | None:
    part = now.campaign
    if part is None:
        return None
    contribution, reward = part.contribution_cents, part.reward_cents
    return shapes.PartShape(
        part.campaign_id, part.status, contribution, dollars(contribution), reward, dollars(reward)
    )


def legs(now: MmOrderNow) -> list[shapes.LegShape]:
    return [shapes.LegShape(leg.asset, leg.required, leg.received, leg.outstanding) for leg in now.legs]


def payment(paid: MmPaid) -> shapes.PaymentShape:
    return shapes.PaymentShape(paid.asset, paid.amount, paid.key, time(paid.at))


def payment_state(found: MmOrder) -> shapes.PaymentStateShape:
    now = order_now(found)
    return shapes.PaymentStateShape(
        now.order_id,
        now.state,
        time(now.payment_deadline),
        legs(now),
        [payment(paid) for paid in now.payments],
    )


def moved(out: MmWithdrawn) -> shapes.MovedShape:
    return shapes.MovedShape(out.cash_cents, dollars(out.cash_cents), out.yes, out.no, out.burned_pairs)


def netting(out: MmWithdrawn) -> responses.NettingShape | None:
    pairs = out.netted_pairs
    released = PAIR_CENTS * pairs
    return responses.NettingShape(pairs, released, dollars(released)) if pairs else None


def whole_balance(account: Account, owner: MmOwner | None) -> shapes.WholeBalanceShape:
    """One's own cash, and beside it what is in market-making orders."""
    cash = sum(each.cash for each in owner.orders) if owner is not None else 0
    elsewhere = sum(each.away.cash for each in owner.orders) if owner is not None else 0
    active = owner.active if owner is not None else 0
    members = msgspec.structs.asdict(balance(account))
    in_orders = shapes.InOrdersShape(active, cash, dollars(cash), elsewhere, dollars(elsewhere))
    return shapes.WholeBalanceShape(**members, market_making=in_orders)
