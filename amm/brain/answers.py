"""The answer to a place, replace or cancel: what it changes in our orders, and what it warns of.

No answer changes the inventory, not even one that lists trades: those arrive as events and count there.
"""

from amm.brain import group
from amm.brain.arithmetic import Ms
from amm.brain.commands import AlertKind, RenewToken, Severity
from amm.brain.defence import Reason
from amm.brain.inputs import Answer
from amm.brain.memory import Collar
from amm.brain.orders import PendingCommand
from amm.brain.state import MarketState
from amm.brain.wire import (
    Cancelled,
    FullyFilled,
    OutsideCollar,
    PartlyFilled,
    Placed,
    RateLimited,
    Replaced,
)

UNKNOWN_RETRY_MS: tuple[Ms, ...] = (250, 500, 1_000)
"""When a command whose outcome is unknown is sent again; after the last, only a resync helps."""
MINUTE_MS: Ms = 60_000
FEWER_LEVELS_MS: Ms = 300_000
LIMITS_TOO_OFTEN = 3

COLLAR_MS: Ms = 5_000
"""How long a band that the exchange has named is kept to: it follows from an average over a minute."""

MODE_FORBIDS = 3008
WOULD_TAKE = 4007
TOO_LATE = 4010
OUTSIDE_COLLAR = 4011
GROUP_TRIGGERED = 4017
PARTLY_FILLED = 6001
NOT_FOUND = frozenset({4004, 6002})
FULLY_FILLED = 6003
FINAL_STATE = 4006
RATE_LIMITED = 9001
TOO_MANY_IN_FLIGHT = 7001
SHUTTING_DOWN = 7008
UNKNOWN_OUTCOME = frozenset({9002, 9003})
NOT_RECOGNISED = frozenset({1006, 6099})
OUR_MISTAKE = frozenset({4001, 4002, 4005, 6004, 6005, 9004})
TOO_LITTLE = frozenset({2001, 5001})
EXPECTED = frozenset(
    {
        *(MODE_FORBIDS, WOULD_TAKE, OUTSIDE_COLLAR, group.NOT_FOUND, GROUP_TRIGGERED),
        *(PARTLY_FILLED, FULLY_FILLED, FINAL_STATE, RATE_LIMITED),
    }
)
"""Part of the game, and no sign of trouble with the exchange."""


def command_answered(state: MarketState, answer: Answer, now_ms: Ms) -> None:
    pending = state.orders.pending.get(answer.ref)
    if pending is None:
        return  # a sweep has already settled what it was about
    state.health.latencies.append((now_ms, now_ms - pending.sent_ms))
    state.health.outcomes.append((now_ms, _is_trouble(pending, answer)))
    state.cycle.wake = True
    if answer.code in UNKNOWN_OUTCOME:
        _unknown(state, pending, now_ms)
        return
    state.orders.release(answer.ref)
    state.risk.latched.discard(Reason.NOT_RECOGNISED)
    if answer.ok:
        _succeeded(state, answer, now_ms)
    else:
        _refused(state, pending, answer, now_ms)


def _is_trouble(pending: PendingCommand, answer: Answer) -> bool:
    if answer.code == TOO_LATE:
        return pending.attempts == 1  # the way there took too long, or the clocks differ
    return not answer.ok and answer.code not in EXPECTED


def cancel_only(state: MarketState, now_ms: Ms) -> None:
    """The market's mode allows cancels and no more: for us it is suspended until the next refresh."""
    state.life.cancel_only_until_ms = now_ms + state.refresh_ms
    state.counts["cancel only"] += 1


def _unknown(state: MarketState, pending: PendingCommand, now_ms: Ms) -> None:
    """Ask again: the client's own id makes a repetition harmless."""
    if pending.attempts > len(UNKNOWN_RETRY_MS):
        state.risk.resyncing = True
        return
    pending.retry_at_ms = now_ms + UNKNOWN_RETRY_MS[pending.attempts - 1]


def _succeeded(state: MarketState, answer: Answer, now_ms: Ms) -> None:
    orders = state.orders
    match answer.data:
        case Placed(order=order):
            orders.add(order, answer.seq, now_ms)
        case Replaced(old_order_id=old, new_order=order):
            orders.live.pop(old, None)
            orders.add(order, answer.seq, now_ms)
        case Cancelled(order_id=order_id, remaining_quantity_cancelled=rest):
            order_or_none = orders.live.get(order_id)
            if order_or_none is not None:
                orders.close(order_id, order_or_none.quantity - rest, now_ms)
        case _:
            raise AssertionError(f"an answer of another command: {answer.data}")


def _refused(state: MarketState, pending: PendingCommand, answer: Answer, now_ms: Ms) -> None:
    state.cycle.refresh = True
    match answer.data:
        case PartlyFilled(old_order_id=old, filled_quantity=filled):
            # Its rest is cancelled and nothing replaces it. The fills themselves come as events.
            state.orders.close(old, filled, now_ms)
            return
        case FullyFilled(old_order_id=old, total_filled_quantity=filled):
            state.orders.close(old, filled, now_ms)
            return
        case RateLimited(reset=reset):
            _slow_down(state, reset * 1_000, now_ms)
            return
        case OutsideCollar(lowest_cents=lowest, highest_cents=highest):
            state.cycle.collar = Collar(lowest, highest, now_ms + COLLAR_MS)
            state.counts["outside collar"] += 1
            return
        case _:
            pass
    if answer.code == WOULD_TAKE:
        state.counts["would take"] += 1  # the book has moved: the next cycle looks at it anew
    elif answer.code == MODE_FORBIDS:
        cancel_only(state, now_ms)
    elif answer.code == GROUP_TRIGGERED:
        group.brake(state)
    elif answer.code == group.NOT_FOUND:
        state.counts["group not found"] += 1
        state.group.standing = None
    elif answer.code == TOO_LATE and pending.attempts > 1:
        pass  # it was asked again to learn what became of it: nothing, and nothing will
    elif answer.code in NOT_FOUND or answer.code == FINAL_STATE:
        _gone(state, pending, answer)
    elif answer.code in TOO_LITTLE:
        state.reconciliation.sync_wanted = True
    elif answer.code == TOO_MANY_IN_FLIGHT:
        state.health.half_window_until_ms = now_ms + MINUTE_MS
    elif answer.code in NOT_RECOGNISED:
        state.risk.latched.add(Reason.NOT_RECOGNISED)
        state.outbox.actions.append(RenewToken(state.market_id))
    elif answer.code in OUR_MISTAKE:
        state.risk.latched.add(Reason.PROGRAMMING_ERROR)
        state.alert(AlertKind.PROGRAMMING_ERROR, Severity.CRITICAL, f"code {answer.code}: {pending.command}")
    elif answer.code != SHUTTING_DOWN:
        state.alert(AlertKind.COMMAND_REFUSED, Severity.WARNING, f"code {answer.code}: {pending.command}")


def _gone(state: MarketState, pending: PendingCommand, answer: Answer) -> None:
    """The order is gone, and nobody knows how much of it was filled: reconcile before quoting its side."""
    assert pending.order_id is not None
    if pending.order_id not in state.orders.live:
        return  # its own events have told already
    if answer.code in NOT_FOUND:
        state.alert(AlertKind.GHOST_ORDER, Severity.WARNING, f"the exchange does not know {pending.order_id}")
    state.orders.live.pop(pending.order_id)
    state.reconciliation.blocked.add(pending.side)
    state.reconciliation.sync_wanted = True


def _slow_down(state: MarketState, reset_ms: Ms, now_ms: Ms) -> None:
    health = state.health
    health.limited_until_ms = reset_ms
    health.limit_answers.append(now_ms)
    state.counts["rate limited"] += 1
    if len(health.limit_answers) == LIMITS_TOO_OFTEN and now_ms - health.limit_answers[0] <= MINUTE_MS:
        health.fewer_levels_until_ms = now_ms + FEWER_LEVELS_MS
