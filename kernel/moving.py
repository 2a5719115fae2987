"""Moving cash and shares from one account to another. Whether they may go, others have asked."""

from kernel.clearing import net
from kernel.codes import LedgerEntryType, ReferenceType, Side
from kernel.draft import Draft
from kernel.events import Fact, FundsTransferred, SharesTransferred
from kernel.market import Account, Market
from kernel.money import post


def move_cash(
    draft: Draft, giver: Account, taker: Account, amount: int, kind: ReferenceType, key: str
) -> Fact:
    """Available cash changes its account."""
    post(draft, giver, LedgerEntryType.TRANSFER_PAYMENT, -amount)
    post(draft, taker, LedgerEntryType.TRANSFER_RECEIPT, amount)
    giver.hand_over(taker, amount)
    ledger_id, postings = draft.take_postings()
    fact = draft.record(
        None,
        FundsTransferred(
            from_user_id=giver.id,
            to_user_id=taker.id,
            amount_cents=amount,
            reference_type=kind,
            idempotency_key=key,
            ledger_id=ledger_id,
            postings=postings,
        ),
    )
    draft.state.keep_key(fact)
    return fact


def move_shares(
    draft: Draft,
    market: Market,
    giver: Account,
    taker: Account,
    side: Side,
    quantity: int,
    kind: ReferenceType,
    key: str,
) -> Fact:
    """Free shares change their account; their cost goes with them and nothing is realized."""
    source, target = market.position(giver), market.position(taker)
    cost = source.holding(side).take(quantity)
    receiving = target.holding(side)
    receiving.volume += quantity
    receiving.cost_sum += cost
    giver.hand_over(taker, cost)
    source.updated_at = target.updated_at = draft.at
    fact = draft.record(
        market.id,
        SharesTransferred(
            from_user_id=giver.id,
            to_user_id=taker.id,
            side=side,
            quantity=quantity,
            cost_cents=cost,
            reference_type=kind,
            idempotency_key=key,
            positions=[source.after(), target.after()],
        ),
    )
    draft.state.keep_key(fact)
    net(draft, target)
    return fact
