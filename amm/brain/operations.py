"""Minting, burning and reconciling: commands that no event follows, only their own answer.

A mint or burn goes out with a sync right behind it in the same batch. Its own answer books it; the sync then
gives the exact volumes and cost sums, as the exchange rounded them.
"""

from amm.brain.answers import MODE_FORBIDS, UNKNOWN_OUTCOME, UNKNOWN_RETRY_MS, cancel_only
from amm.brain.arithmetic import Ms
from amm.brain.commands import AlertKind, Burn, Cancel, Mint, Severity, Sync
from amm.brain.defence import Reason
from amm.brain.inputs import Answer, CashRead, Refunded
from amm.brain.memory import PendingSync, RunningOperation
from amm.brain.orders import PendingCommand, side_of
from amm.brain.policy import Kind, PairOperation, idempotency_key
from amm.brain.reconcile import Comparison, compare, compare_orders, position_of
from amm.brain.state import MarketState
from amm.brain.sweep import CATCH_UP_MS, report_drift
from amm.brain.wire import Synced

REFUSED_SYNC_MS: Ms = 1_000
"""How long after a refused reconciliation the next one is asked for."""
KEY_REUSED = 6006
NOT_AUTHORISED = 6009


def begin(state: MarketState, operation: PairOperation) -> None:
    key = idempotency_key(state.market_id, operation, state.ledger.applied_seq)
    state.pairs.operation = RunningOperation(operation, key, state.fresh_ref(), state.fresh_ref())
    send(state, state.pairs.operation)


def send(state: MarketState, running: RunningOperation) -> None:
    """Send it, for the first time or again: the key makes it one operation however often it is sent."""
    kind = Mint if running.operation.kind is Kind.MINT else Burn
    quantity = running.operation.quantity
    state.send(
        kind(ref=running.ref, market_id=state.market_id, quantity=quantity, idempotency_key=running.key)
    )
    state.send(Sync(ref=running.sync_ref, market_id=state.market_id))
    state.reconciliation.sync = PendingSync(running.sync_ref, after_operation=True)
    running.retry_at_ms = None


def reconcile(state: MarketState) -> None:
    """Ask what the exchange thinks we have."""
    ref = state.fresh_ref()
    state.reconciliation.sync, state.reconciliation.sync_wanted = PendingSync(ref), False
    state.send(Sync(ref=ref, market_id=state.market_id))


def answered(state: MarketState, answer: Answer, now_ms: Ms) -> bool:
    """Take an answer, if it belongs to an operation or to a reconciliation."""
    if state.pairs.operation is not None and answer.ref == state.pairs.operation.ref:
        _operated(state, state.pairs.operation, answer, now_ms)
        return True
    if state.reconciliation.sync is not None and answer.ref == state.reconciliation.sync.ref:
        if isinstance(answer.data, Synced):
            state.reconciliation.sync.answered, state.reconciliation.sync.deadline_ms = (
                answer.data,
                now_ms + CATCH_UP_MS,
            )
            settle(state, now_ms)
        else:
            (
                state.reconciliation.sync,
                state.reconciliation.sync_wanted,
                state.reconciliation.sync_after_ms,
            ) = None, True, now_ms + REFUSED_SYNC_MS
            state.counts["reconcile refused"] += 1
            _finish(state)
        return True
    return False


def _operated(state: MarketState, running: RunningOperation, answer: Answer, now_ms: Ms) -> None:
    operation = running.operation
    if answer.ok:
        running.executed = True
        pairs = operation.quantity if operation.kind is Kind.MINT else -operation.quantity
        state.ledger.mint(answer.seq, pairs)
        state.pairs.operated_ms, state.pairs.set_aside = now_ms, 0
        state.counts[f"{operation.kind.value} pairs"] += operation.quantity
    elif answer.code in UNKNOWN_OUTCOME:
        if running.attempts > len(UNKNOWN_RETRY_MS):
            state.risk.resyncing = True
            return
        running.retry_at_ms = now_ms + UNKNOWN_RETRY_MS[running.attempts - 1]
        running.attempts += 1
    elif answer.code == NOT_AUTHORISED:
        state.pairs.no_mints = True
        state.alert(AlertKind.MARKET_UNAUTHORISED, Severity.WARNING, "the market is not authorised for mints")
    elif answer.code == MODE_FORBIDS:
        cancel_only(state, now_ms)
    elif answer.code == KEY_REUSED:
        state.risk.latched.add(Reason.PROGRAMMING_ERROR)
        state.alert(
            AlertKind.PROGRAMMING_ERROR, Severity.CRITICAL, f"{running.key} was used with other numbers"
        )
    else:
        state.pairs.operated_ms = now_ms  # refused: not again before the interval has passed
        state.alert(
            AlertKind.COMMAND_REFUSED, Severity.WARNING, f"{operation.kind.value}: code {answer.code}"
        )


def settle(state: MarketState, now_ms: Ms) -> None:
    """Judge an answered sync, once the events it contains have been seen."""
    sync = state.reconciliation.sync
    if sync is None or sync.answered is None:
        return
    synced = sync.answered
    verdict = compare(state.ledger, state.reconciliation.delivered_seq, synced, own_op=sync.after_operation)
    if verdict is Comparison.WAIT and now_ms < sync.deadline_ms:
        return
    state.reconciliation.sync = None
    state.reconciliation.synced_ms, state.cycle.wake = now_ms, True
    if verdict is Comparison.SAME:
        if sync.after_operation:
            state.ledger.adopt(synced.as_of_seq, position_of(synced), money_complete=True)
        state.reconciliation.drifted.clear()
        state.counts[f"reconcile {'ok' if _settle_orders(state, synced, now_ms) else 'orders'}"] += 1
    else:
        repeated = state.pairs.operation is not None and state.pairs.operation.attempts > 1
        if not repeated:
            # A repeated operation may have been in a position that we adopted meanwhile: that is no drift.
            report_drift(state, synced)
            state.risk.resyncing = True
        complete = verdict is Comparison.DIFFERENT
        state.ledger.adopt(synced.as_of_seq, position_of(synced), money_complete=complete)
    state.reconciliation.blocked.clear()
    state.cycle.refresh = True
    _finish(state)


def _finish(state: MarketState) -> None:
    """An operation ends with its sync, unless it has to be repeated."""
    if state.pairs.operation is not None and state.pairs.operation.retry_at_ms is None:
        state.pairs.operation = None


def _settle_orders(state: MarketState, synced: Synced, now_ms: Ms) -> bool:
    """Make the exchange's open orders ours. Return whether they were already."""
    differences = compare_orders(state.orders, synced)
    coming = {getattr(one.command, "client_order_id", None) for one in state.orders.pending.values()}
    for order in differences.orphans:
        if order.client_order_id in coming:
            continue
        state.alert(AlertKind.ORPHAN_ORDER, Severity.WARNING, f"{order.id} is ours but unknown: cancelled")
        state.orders.add(order, synced.as_of_seq, now_ms)
        state.orders.live[order.id].booked = order.filled_quantity
        command = Cancel(ref=state.fresh_ref(), order_id=order.id)
        price, side = order.original_price_cents, side_of(order.original_side)
        state.orders.enter(command.ref, PendingCommand(command, side, price, 0, order.id, now_ms))
        state.send(command)
    for order_id in differences.ghosts:
        state.orders.live.pop(order_id)
    if differences.ghosts:
        # Mostly one thing has taken them all off: whoever is called is called once.
        first, *others = differences.ghosts
        gone = first if not others else f"{first} and {len(others)} more"
        state.alert(AlertKind.GHOST_ORDER, Severity.WARNING, f"not at the exchange any more: {gone}")
    return not (differences.orphans or differences.ghosts)


def compare_cash(state: MarketState, read: CashRead) -> None:
    """Take the ledger's word for our cash, if it contradicts us twice by the same amount.

    Once proves nothing: a fill or an allocation may be booked on one side only yet.
    """
    oldest = state.ledger.checkpoints[0].seq if state.ledger.checkpoints else read.seq
    if read.seq < oldest or state.ledger.cash_seq < state.ledger.applied_seq:
        return  # from before what we remember, or money of adopted shares is still to come
    allocated = state.paid_in - state.config.initial_funding_cents
    difference = read.cash + allocated - state.ledger.as_of(read.seq).cash
    if difference != 0 and difference == state.reconciliation.cash_doubt:
        state.ledger.correct_cash(difference)
        state.alert(AlertKind.INVENTORY_DRIFT, Severity.CRITICAL, f"cash_cents {difference:+}")
        state.reconciliation.drifted["cash_cents"] = difference
        state.counts["reconcile drift"] += 1
        difference = 0
    state.reconciliation.cash_doubt = difference


def book_refund(state: MarketState, refunded: Refunded) -> None:
    """Book what a void market paid for our shares: what the ledger has now and we had not."""
    allocated = state.paid_in - state.config.initial_funding_cents
    state.ledger.refund(refunded.cash + allocated - state.ledger.inventory.cash)
    state.reconciliation.refund_awaited = False
    state.cycle.wake = True


def due_again(state: MarketState, now_ms: Ms) -> None:
    """Repeat an operation whose outcome is unknown."""
    running = state.pairs.operation
    if running is not None and running.retry_at_ms is not None and now_ms >= running.retry_at_ms:
        send(state, running)


def interrupted(state: MarketState, now_ms: Ms) -> None:
    """The connection is gone: an operation is repeated, a reconciliation asked for again."""
    if state.pairs.operation is not None:
        state.pairs.operation.retry_at_ms = now_ms
        state.pairs.operation.attempts += 1
    if state.reconciliation.sync is not None:
        state.reconciliation.sync_wanted = True
        if state.reconciliation.sync.answered is None:
            state.reconciliation.sync = None
