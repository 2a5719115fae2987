"""Leases: one worker's right to run one cycle of one order, for a while.

The order is its own schedule, so no cycle can be lost, doubled or out of date. A lease makes it unlikely that
two work at once, the fence makes it harmless: it rises with every lease, and an older one comes too late.
"""

import hashlib
from typing import Final

from kernel.answers import Answer, Refusal
from kernel.codes import Code, MarketStatus, Side
from kernel.draft import Draft
from kernel.limits import TOKEN_LENGTH
from kernel.making import Cause, by_itself, end_lease, job_of, pause, stop, tell
from kernel.making_answers import MmAway, MmHeld, MmLease, MmLeaseIs, MmLeases
from kernel.making_commands import AcquireMmLeases, MmLeaseCommand, ReleaseMmLease, RenewMmLease
from kernel.making_edges import MmActor, MmKind, MmLocation, MmOutcome, MmReason, MmState
from kernel.making_events import MmLeaseAcquired, MmLeaseRenewed
from kernel.making_order import MmOrder
from kernel.making_refusals import find_order
from kernel.making_state import BY_WORKER, HOUR, STREAKS_MAX
from kernel.making_view import quotes
from kernel.market import Market
from kernel.refusals import malformed, market_not_found
from kernel.state import State

YES, NO = Side.YES, Side.NO
RUNNING = MmState.RUNNING
LEASES_MAX: Final = 32
"""In one answer."""
LEVELS: Final = 20
"""Of each side of the book that a view shows."""
RETRY_MAX_MS: Final = 60_000
"""The longest an order waits after an error."""


# Acquiring


def acquire_mm_leases(draft: Draft, command: AcquireMmLeases) -> Answer | Refusal:
    state = draft.state
    market = state.markets.get(command.market_id)
    if market is None or market.status is MarketStatus.DRAFT:
        return market_not_found(command.market_id)
    if not 1 <= command.limit <= LEASES_MAX:
        return malformed("limit", f"must be 1 to {LEASES_MAX}")
    if not market.is_trading(draft.at):
        return MmLeases(market.id, (), more=False, next_due_at=None)
    # Nothing above has changed anything. Nothing below can refuse.
    for order in due_orders(state, market, draft.at):
        if order.is_leased:
            trigger_id = f"timer:lease:{order.lease_until}"
            expire_lease(
                draft,
                order,
                Cause(job_of(command), trigger_id, MmActor.SYSTEM, None, MmReason.CYCLE_ERRORS),
            )
    taken: list[MmLease] = []
    for order in due_orders(state, market, draft.at):
        if len(taken) == command.limit:
            break
        if order.strategy not in command.strategies:
            continue
        if order.is_external and order.venue not in command.venues:
            continue
        if has_lost_too_much(order):
            name = f"cycle:{order.cycle_no + 1}"
            stop(draft, order, Cause(job_of(command), name, MmActor.SYSTEM, None, MmReason.KILL_MAX_LOSS))
            continue
        taken.append(lease(draft, order, command))
    next_due_at = market.desk.cycles.first()
    more = next_due_at is not None and next_due_at <= draft.at
    return MmLeases(market.id, tuple(taken), more, next_due_at)


def due_orders(state: State, market: Market, at: int) -> list[MmOrder]:
    """Whose next cycle may begin: who waits longest is first, whoever owns it."""
    orders, desk = state.making.orders, market.desk
    return [orders[order_id] for order_id in desk.cycles.until(at, len(desk.order_ids))]


def has_lost_too_much(order: MmOrder) -> bool:
    return loses_too_much(order, order.loss)


def loses_too_much(order: MmOrder, loss: int) -> bool:
    most = order.terms.max_loss_cents
    assert most is not None
    return loss >= most


def lease(draft: Draft, order: MmOrder, command: AcquireMmLeases) -> MmLease:
    cycle_no, due_at = order.cycle_no + 1, order.next_cycle_at
    assert due_at is not None
    seed = f"{command.nonce}:{order.id}:{cycle_no}"
    event = MmLeaseAcquired(
        order_id=order.id,
        user_id=order.owner.id,
        cycle_no=cycle_no,
        fence=order.fence + 1,
        token=hashlib.sha256(seed.encode()).hexdigest()[:TOKEN_LENGTH],
        worker_id=command.worker_id,
        until=draft.at + 1000 * order.policy.lease_ms,
        lateness_ms=(draft.at - due_at) // 1000,
    )
    draft.state.make(draft.record(order.market.id, event), event)
    return view_of(order, event)


def view_of(order: MmOrder, event: MmLeaseAcquired) -> MmLease:
    """All that a cycle needs, exactly as the lease left it."""
    market, terms = order.market, order.market.terms
    yes, no = order.holding(YES), order.holding(NO)
    return MmLease(
        order_id=order.id,
        account=order.escrow.id,
        cycle_no=event.cycle_no,
        fence=event.fence,
        token=event.token,
        lease_ms=order.policy.lease_ms,
        lateness_ms=event.lateness_ms,
        strategy=order.strategy,
        terms=order.terms,
        cash_cents=order.escrow.available,
        yes=MmHeld(yes.volume, yes.free),
        no=MmHeld(no.volume, no.free),
        room_yes=room(order, YES),
        room_no=room(order, NO),
        orders=quotes(order),
        market_id=market.id,
        min_price_cents=terms.min_price_cents,
        max_price_cents=terms.max_price_cents,
        max_order_quantity=terms.max_order_quantity,
        max_order_amount_cents=terms.max_order_amount_cents,
        freeze_bps=market.freeze_bps,
        bids=levels(market, is_bid=True),
        asks=levels(market, is_bid=False),
        last_trade_price_cents=market.last_trade_price,
        venue=order.venue,
        away=MmAway(*order.away),
    )


def room(order: MmOrder, side: Side) -> int:
    """What the position limit leaves of all accounts of the owner: shares held, and those on order."""
    held = sum(
        position.holding(side).volume + position.holding(side).opening
        for position in order.market.owners.get(order.owner.id, ())
    )
    return max(0, order.market.terms.max_position_per_user - held)


def levels(market: Market, *, is_bid: bool) -> tuple[tuple[int, int], ...]:
    half = market.book.bids if is_bid else market.book.asks
    prices = range(99, 0, -1) if is_bid else range(1, 100)
    found = [(price, half.totals[price]) for price in prices if half.totals[price]]
    return tuple(found[:LEVELS])


# Keeping and ending


def renew_mm_lease(draft: Draft, command: RenewMmLease) -> Answer | Refusal:
    order = find_order(draft.state, command.order_id, None)
    if isinstance(order, Refusal):
        return order
    if not holds(order, command, draft.at):
        return no_lease(order)
    started = order.lease_started_at
    assert started is not None
    if draft.at >= started + 1000 * order.policy.cycle_deadline_ms:
        return Refusal(Code.STALE_FENCE, "The cycle has taken too long: stop, and send nothing more")
    # Nothing above has changed anything. Nothing below can refuse.
    until = draft.at + 1000 * order.policy.lease_ms
    event = MmLeaseRenewed(order.id, order.cycle_no, until)
    draft.state.make(draft.record(order.market.id, event), event)
    return lease_is(order)


def release_mm_lease(draft: Draft, command: ReleaseMmLease) -> Answer | Refusal:
    order = find_order(draft.state, command.order_id, None)
    if isinstance(order, Refusal):
        return order
    if (order.released_token, order.released_fence) == (command.token, command.fence):
        return lease_is(order, repeated=True)
    if command.outcome not in BY_WORKER:
        return malformed("outcome", "must be DONE, UNCHANGED or ERROR")
    if not holds(order, command, draft.at):
        return no_lease(order)
    # Nothing above has changed anything. Nothing below can refuse.
    cycle_no = order.cycle_no
    cause = Cause(
        job_of(command), f"cycle:{cycle_no}", MmActor.WORKER, command.worker_id, MmReason.CYCLE_ERRORS
    )
    failures = order.consecutive_failures
    if command.outcome is MmOutcome.ERROR:
        count_error(draft, order, cause, command)
    else:
        started = order.lease_started_at
        assert started is not None
        due_at = max(started + 1000 * order.terms.refresh_interval_ms, draft.at)
        end_lease(draft, order, command.outcome, due_at, 0, command.counts)
        if failures:
            tell_streak(draft, order, cause, "ends", failures)
    if (
        order.state is RUNNING
        and order.location is MmLocation.VENUE
        and command.equity_cents is not None
        and loses_too_much(order, order.loss + order.equity - command.equity_cents)
    ):
        # What it is worth elsewhere only its worker can tell.
        data = {"equity_cents": command.equity_cents}
        stop(draft, order, by_itself(cause, MmReason.KILL_MAX_LOSS), data=data)
    return lease_is(order)


def count_error(draft: Draft, order: MmOrder, cause: Cause, command: ReleaseMmLease) -> None:
    """The next cycle comes later with every error in a row."""
    failures = order.consecutive_failures + 1
    wait_ms = min(RETRY_MAX_MS, order.terms.refresh_interval_ms << min(failures, 16))
    due_at = draft.at + 1000 * wait_ms
    end_lease(draft, order, MmOutcome.ERROR, due_at, failures, command.counts, command.error)
    follow_errors(draft, order, cause)


def expire_lease(draft: Draft, order: MmOrder, cause: Cause) -> None:
    """Its time is over. It counts as an error: else an order that kills its worker would kill all of them."""
    end_lease(draft, order, MmOutcome.ABANDONED, draft.at, order.consecutive_failures + 1)
    follow_errors(draft, order, cause)


def follow_errors(draft: Draft, order: MmOrder, cause: Cause) -> None:
    failures = order.consecutive_failures
    if failures == 1:
        tell_streak(draft, order, cause, "begins", failures)
    if failures >= order.policy.max_cycle_failures:
        pause(draft, order, by_itself(cause, MmReason.CYCLE_ERRORS))


def tell_streak(draft: Draft, order: MmOrder, cause: Cause, what: str, failures: int) -> None:
    """So many an hour; of others how many there were."""
    if order.streaks_hour == draft.at // HOUR and order.streaks >= STREAKS_MAX:
        return
    data = {"streak": what, "failures": failures, "untold": order.streaks_untold - 1}
    tell(draft, order, MmKind.CYCLE, cause, data=data)


def holds(order: MmOrder, command: MmLeaseCommand, at: int) -> bool:
    until = order.lease_until
    return (
        until is not None
        and at < until
        and (order.lease_token, order.fence) == (command.token, command.fence)
    )


def no_lease(order: MmOrder) -> Refusal:
    return Refusal(Code.STALE_FENCE, f"No such lease of {order.id}: it is over, or was taken away")


def lease_is(order: MmOrder, *, repeated: bool = False) -> MmLeaseIs:
    return MmLeaseIs(order.id, order.cycle_no, order.lease_until, order.next_cycle_at, repeated)
