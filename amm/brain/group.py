"""The order group by which the exchange brakes us, where the configuration asks for one.

It is asked for ahead of the orders that name it, in the same batch, and so decided first. Once it was
triggered the market pauses until a person resumes it: whoever swept us may still be there.
"""

from typing import Final

from amm.brain.arithmetic import Ms
from amm.brain.commands import AlertKind, ResetGroup, SetGroup, Severity
from amm.brain.defence import Reason
from amm.brain.inputs import Answer
from amm.brain.state import MarketState
from amm.brain.wire import GroupStands, OrderGroupChanged

GROUP_ID: Final = "amm"
TRIGGERED: Final = "TRIGGERED"
NOT_FOUND: Final = 4016
RETRY_MS: Ms = 1_000
"""How long after a refusal it is asked for again."""


def name_of(state: MarketState) -> str | None:
    """The group that our orders name."""
    return GROUP_ID if state.config.group.max_fill_quantity else None


def see_to(state: MarketState, now_ms: Ms) -> None:
    """Ask for what orders are about to name, if the exchange does not have it as we want it."""
    memory, config = state.group, state.config.group
    if name_of(state) is None or memory.ref is not None or now_ms < memory.retry_at_ms:
        return
    wanted = config.max_fill_quantity, config.window_ms
    if memory.reset_wanted:
        memory.ref = state.fresh_ref()
        state.send(ResetGroup(ref=memory.ref, market_id=state.market_id, group_id=GROUP_ID))
    elif memory.standing != wanted:
        memory.ref, memory.asked = state.fresh_ref(), wanted
        most, window_ms = wanted
        state.send(
            SetGroup(
                ref=memory.ref,
                market_id=state.market_id,
                group_id=GROUP_ID,
                max_fill_quantity=most,
                window_ms=window_ms,
            )
        )


def answered(state: MarketState, answer: Answer, now_ms: Ms) -> bool:
    """Take an answer, if it belongs to the group."""
    memory = state.group
    if memory.ref is None or answer.ref != memory.ref:
        return False
    memory.ref = None
    if not isinstance(answer.data, GroupStands):
        memory.standing, memory.retry_at_ms = None, now_ms + RETRY_MS
        memory.reset_wanted = memory.reset_wanted and answer.code != NOT_FOUND
        state.counts["group refused"] += 1
        return True
    if memory.reset_wanted:
        memory.reset_wanted = False
    else:
        memory.standing = memory.asked
    if answer.data.state == TRIGGERED:
        brake(state)
    return True


def changed(state: MarketState, event: OrderGroupChanged) -> None:
    group = event.group
    is_ours = group.user_id == state.config.amm_user_id and group.group_id == GROUP_ID
    if is_ours and group.state == TRIGGERED:
        brake(state)


def brake(state: MarketState) -> None:
    """Pause until a person resumes."""
    state.cycle.wake = True
    if Reason.ORDER_GROUP not in state.risk.latched:
        state.risk.latched.add(Reason.ORDER_GROUP)
        most, window_ms = state.config.group.max_fill_quantity, state.config.group.window_ms
        detail = f"as many as {most} shares were taken within {window_ms} ms: resume when you know why"
        state.alert(AlertKind.ORDER_GROUP, Severity.CRITICAL, detail)


def forgive(state: MarketState) -> None:
    """A person resumes: the exchange is to take orders of the group again."""
    state.group.reset_wanted = Reason.ORDER_GROUP in state.risk.latched


def interrupted(state: MarketState) -> None:
    """What was asked for may have come about or not: ask again. Neither does any harm twice."""
    state.group.ref = state.group.standing = None
