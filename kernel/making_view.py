"""What can be seen of a market-making order: the order as a value, and what may be done with it now."""

from typing import Final

from kernel.campaign_view import can_join_any
from kernel.codes import Side
from kernel.making_answers import (
    MmAway,
    MmCycle,
    MmFailure,
    MmFunds,
    MmLeg,
    MmOrderNow,
    MmPaid,
    MmPart,
    MmQuote,
    MmVenueIs,
)
from kernel.making_edges import (
    OWNER_OR_ADMIN,
    UNDER_WAY,
    MmActor,
    MmAsset,
    MmControl,
    MmDirection,
    MmLocation,
    MmState,
    MmTrigger,
    ends,
)
from kernel.making_order import MmOrder, newest_legs

YES, NO = Side.YES, Side.NO
USER, ADMIN = MmActor.USER, MmActor.ADMIN


def order_now(order: MmOrder) -> MmOrderNow:
    """The order as it is at this moment, for an answer that stays as it is."""
    equity = order.equity
    return MmOrderNow(
        order_id=order.id,
        user_id=order.owner.id,
        market_id=order.market.id,
        state=order.state,
        drained=order.is_drained,
        held=order.held,
        reason=order.reason,
        refund_due=order.refund_due,
        venue=order.venue,
        location=order.location,
        strategy=order.strategy,
        terms=order.terms,
        policy=order.policy,
        snapshot_hash=order.snapshot_hash,
        legs=tuple(MmLeg(leg.asset, leg.required, leg.received, leg.outstanding) for leg in order.legs),
        payments=tuple(payment(order, key) for key in order.payments),
        payment_deadline=order.payment_deadline,
        escrow=funds(order),
        away=MmAway(*order.away),
        equity_cents=equity,
        pnl_cents=order.paid_out_cents + equity - order.paid_in_cents - order.rewards_cents,
        rewards_cents=order.rewards_cents,
        fees_cents=order.fees_cents,
        quotes=quotes(order),
        campaign=part_of(order),
        failure=failure(order),
        pending_command=order.pending_command,
        seq=order.seq,
        version=order.version,
        last_cycle=last_cycle(order),
        next_cycle_at=order.next_cycle_at,
        created_at=order.created_at,
        updated_at=order.updated_at,
    )


def payment(order: MmOrder, key: str) -> MmPaid:
    paid = order.payments[key]
    return MmPaid(key, paid.asset, paid.amount, paid.at, paid.journal_id)


def funds(order: MmOrder) -> MmFunds:
    yes, no, escrow = order.holding(YES), order.holding(NO), order.escrow
    return MmFunds(escrow.id, escrow.available, escrow.frozen, yes.volume, no.volume, yes.free, no.free)


def quotes(order: MmOrder) -> tuple[MmQuote, ...]:
    position = order.position
    return tuple(
        MmQuote(
            live.id,
            live.client_order_id,
            live.terms.side,
            live.terms.direction,
            live.terms.price,
            live.terms.quantity,
            live.remaining,
        )
        for live in (position.live if position is not None else ())
    )


def failure(order: MmOrder) -> MmFailure | None:
    if order.failure_code is None:
        return None
    assert order.failed_from is not None
    return MmFailure(order.failure_code, order.failed_from, order.reconcile_required)


def part_of(order: MmOrder) -> MmPart | None:
    campaign, part = order.campaign, order.participation
    if campaign is None:
        return None
    contribution, reward = (part.contribution_cents, part.reward_cents) if part is not None else (0, 0)
    return MmPart(campaign.id, campaign.status, contribution, reward)


def last_cycle(order: MmOrder) -> MmCycle | None:
    """The newest that has ended. Where one is under way, that is the one before it."""
    if order.last_cycle_outcome is None:
        return None
    assert order.last_cycle_at is not None
    number = order.cycle_no - order.is_leased
    return MmCycle(
        number, order.last_cycle_at, order.last_cycle_outcome, order.last_cycle_skipped, order.lateness_ms
    )


def venue_now(
    order: MmOrder, direction: MmDirection, asset: MmAsset | None = None, *, repeated: bool = False
) -> MmVenueIs:
    """How far its money has come on its way to a venue, or back."""
    legs = newest_legs(order, direction)
    return MmVenueIs(
        order.id,
        order.market.id,
        order.venue,
        order.state,
        order.location,
        order.is_drained,
        order.pending_command,
        order.reconcile_required,
        order.venue_due_at,
        next((leg for leg in legs if leg.leg is asset), None),
        tuple(legs),
        repeated,
    )


# What may be done


def is_allowed(order: MmOrder, trigger: MmTrigger, actor: MmActor, at: int) -> bool:
    """Whether the table has an edge for it, and what it asks for besides is so. Some stops are remembered."""
    if trigger is MmTrigger.STOP and order.state in UNDER_WAY:
        return actor in OWNER_OR_ADMIN and order.pending_command is None
    if not ends(order.state, trigger, actor):
        return False
    match trigger:
        case MmTrigger.START:
            return order.market.is_trading(at)
        case MmTrigger.RESUME:
            return (
                order.market.is_trading(at) and order.is_drained and not (order.held and actor is not ADMIN)
            )
        case MmTrigger.PAY:
            return at < order.payment_deadline
        case MmTrigger.DELETE if order.state is MmState.FAILED:
            return order.is_empty and not order.reconcile_required
        case _:
            return True


WITHDRAWABLE: Final = (MmState.PAUSED, MmState.STOPPED, MmState.RUNNING)
CONTROLS: Final = {control: MmTrigger[control.name] for control in MmControl}


def allowed_commands(order: MmOrder, actor: MmActor, at: int) -> list[str]:
    """What this caller may tell it now, by the names of the commands."""
    allowed = []
    if is_allowed(order, MmTrigger.PAY, actor, at):
        allowed.append("pay")
    for control, trigger in CONTROLS.items():
        if is_allowed(order, trigger, actor, at):
            allowed.append(control.value.lower())
    if actor is USER and order.state in WITHDRAWABLE and order.location is MmLocation.ESCROW:
        allowed.append("withdraw")
    if actor is USER and can_join_any(order, at):
        allowed.append("join_campaign")
    return allowed
