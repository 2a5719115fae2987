"""What an owner takes out of a market-making order: a part, or all that there is."""

from typing import Final, NamedTuple

from kernel.answers import Answer, Refusal
from kernel.codes import PAIR_CENTS, Code, MarketStatus, ReferenceType, Side
from kernel.draft import Draft
from kernel.making import Cause, job_of, pause, pay_out, stop, take, tell
from kernel.making_answers import MmWithdrawn
from kernel.making_commands import WithdrawMmOrder
from kernel.making_edges import MmActor, MmKind, MmLocation, MmReason, MmState, MmTrigger
from kernel.making_events import MmWithdrawal
from kernel.making_order import MmOrder, Withdrawn
from kernel.making_refusals import check_changes, find_order, key_used, limit_reached, not_in_this_state
from kernel.making_terms import fingerprint
from kernel.making_view import order_now
from kernel.orders import netting_of
from kernel.privileged import burn_pairs
from kernel.refusals import malformed, market_not_open

YES, NO = Side.YES, Side.NO
RUNNING, PAUSED, STOPPED = MmState.RUNNING, MmState.PAUSED, MmState.STOPPED
USER = MmActor.USER
WITHDRAWALS_MAX: Final = 100
"""Of one order."""
AMOUNTS: Final = ("amount_cents", "yes_shares", "no_shares")


class Most(NamedTuple):
    """What can be taken out, once pairs are burned if they are to be."""

    cash: int
    yes: int
    no: int
    pairs: int
    """That are burned first."""


def withdraw_mm_order(draft: Draft, command: WithdrawMmOrder) -> Answer | Refusal:
    order = find_order(draft.state, command.order_id, command.user_id)
    if isinstance(order, Refusal):
        return order
    request = fingerprint({name: getattr(command, name) for name in ASKED})
    earlier = order.withdrawals.get(command.key)
    if earlier is not None:
        return (
            withdrawn(order, earlier, repeated=True) if earlier.request == request else key_used(command.key)
        )
    if (refusal := check_amounts(command) or check_state(order, command, draft.at)) is not None:
        return refusal
    if order.reconcile_required:
        return Refusal(Code.REFUND_UNSAFE, "Where all of its money is has yet to be found out")
    most = most_of(order, command)
    if (refusal := check_shares(order, command, most, draft.at)) is not None:
        return refusal
    if (refusal := check_free(order, command, most)) is not None:
        return refusal
    if len(order.withdrawals) >= WITHDRAWALS_MAX:
        return limit_reached("withdrawals", WITHDRAWALS_MAX)
    if (refusal := check_changes(order, draft.at)) is not None:
        return refusal
    # Nothing above has changed anything. Nothing below can refuse.
    cause = Cause(job_of(command), f"wd:{command.key}", USER, order.owner.id, MmReason.USER_REQUEST)
    cash, yes, no = wished(command, most)
    if order.state is RUNNING:
        pause(draft, order, cause)
    if command.all and order.state is PAUSED:
        stop(draft, order, cause)
    name = f"withdraw:{command.key}"
    if most.pairs:
        position = order.position
        assert position is not None
        burn_pairs(draft, position, most.pairs, f"{order.escrow.id}:{name}:BURN", command.nonce)
    paid = pay_out(draft, order, cash, yes, no, ReferenceType.MM_WITHDRAW, name)
    netting = netting_of(draft, order.owner)
    netted = netting.pairs_netted if netting is not None else 0
    out = MmWithdrawal(command.key, cash, yes, no, most.pairs, netted, request)
    after = {"paid_out_cents": order.paid_out_cents + paid}
    data = {"cash_cents": cash, "yes": yes, "no": no, "burned_pairs": most.pairs}
    if order.state is STOPPED and order.is_empty:
        left = Cause(cause.job, cause.trigger_id, USER, order.owner.id, MmReason.WITHDRAWN)
        take(
            draft,
            order,
            MmTrigger.WITHDRAW,
            MmState.REFUNDED,
            left,
            after=after,
            data=data,
            withdrawal=out,
        )
    else:
        tell(draft, order, MmKind.WITHDRAWAL, cause, after=after, data=data, withdrawal=out)
    return withdrawn(order, order.withdrawals[command.key])


ASKED: Final = (*AMOUNTS, "all", "merge_pairs", "pause_first")


def check_amounts(command: WithdrawMmOrder) -> Refusal | None:
    amounts = [getattr(command, name) for name in AMOUNTS]
    for name, amount in zip(AMOUNTS, amounts, strict=True):
        if amount < 0:
            return malformed(name, "must be 0 or more")
    if command.all and any(amounts):
        return malformed("all", "must not be true where amounts are given")
    if not command.all and not any(amounts):
        return malformed("amount_cents", "must be given, or yes_shares, no_shares, or all")
    return None


def check_state(order: MmOrder, command: WithdrawMmOrder, at: int) -> Refusal | None:
    if order.market.closing is not None:
        return market_not_open(order.market)
    if order.state in (PAUSED, STOPPED) or (order.state is RUNNING and command.pause_first):
        return None
    problem = "Pause it first, or say pause_first" if order.state is RUNNING else ""
    return not_in_this_state(order, USER, at, problem)


def most_of(order: MmOrder, command: WithdrawMmOrder) -> Most:
    """Of one that runs its orders go first, which sets free all that they hold."""
    yes, no, escrow = order.holding(YES), order.holding(NO), order.escrow
    if order.state is RUNNING:
        cash, free_yes, free_no = order.cash, yes.volume, no.volume
    else:
        cash, free_yes, free_no = escrow.available, yes.free, no.free
    pairs = min(free_yes, free_no) if command.merge_pairs else 0
    return Most(cash + PAIR_CENTS * pairs, free_yes - pairs, free_no - pairs, pairs)


def wished(command: WithdrawMmOrder, most: Most) -> tuple[int, int, int]:
    if command.all:
        return most.cash, most.yes, most.no
    return command.amount_cents, command.yes_shares, command.no_shares


def check_shares(order: MmOrder, command: WithdrawMmOrder, most: Most, at: int) -> Refusal | None:
    """Shares follow the market; pairs are burned only where it trades."""
    market = order.market
    _, yes, no = wished(command, most)
    if (yes or no) and market.status is MarketStatus.HALTED:
        return market_not_open(market)
    if command.merge_pairs and not market.is_trading(at):
        return market_not_open(market)
    return None


def check_free(order: MmOrder, command: WithdrawMmOrder, most: Most) -> Refusal | None:
    """As much as is free; and all of it only where nothing stays behind."""
    cash, yes, no = wished(command, most)
    if cash > most.cash or yes > most.yes or no > most.no:
        return funds_locked(most, "more than is free")
    if order.location is not MmLocation.ESCROW:
        return funds_locked(most, "what it has is elsewhere; stop it, and it comes back")
    if command.all:
        is_bound = order.state is not RUNNING and not order.is_drained
        return funds_locked(most, "its orders still rest in a halted market") if is_bound else None
    if order.state is STOPPED:
        return None
    mark, least = order.market.spot, order.policy.min_cash_cents
    yes_left = order.holding(YES).volume - most.pairs - yes
    no_left = order.holding(NO).volume - most.pairs - no
    cash_left = order.cash + PAIR_CENTS * most.pairs - cash
    if cash_left + (yes_left * mark + no_left * (200 - mark)) // 2 < least:
        return funds_locked(most, f"less than {least} cents would be left; take all, or stop it")
    return None


def funds_locked(most: Most, problem: str) -> Refusal:
    return Refusal(
        Code.FUNDS_LOCKED,
        f"Cannot be withdrawn: {problem}",
        {"max_cash_cents": most.cash, "max_yes": most.yes, "max_no": most.no},
    )


def withdrawn(order: MmOrder, out: Withdrawn, *, repeated: bool = False) -> MmWithdrawn:
    return MmWithdrawn(
        out.cash_cents, out.yes, out.no, out.burned_pairs, out.netted_pairs, order_now(order), repeated
    )
