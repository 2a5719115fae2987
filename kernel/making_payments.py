"""A market-making order comes to be, and is paid.

Its money lies in an account of its own from the first cent, and nothing but the order itself moves it.
"""

from typing import Any

from kernel.accounts import open_one
from kernel.answers import Answer, Refusal
from kernel.campaign_view import why_not
from kernel.codes import Code, MarketStatus, ReferenceType, Side
from kernel.draft import Draft
from kernel.ids import uuid7
from kernel.limits import SUB_ACCOUNTS_MAX
from kernel.making import Cause, advance, job_of, take, tell
from kernel.making_answers import MmOrderIs, MmPaymentMade
from kernel.making_commands import INTERNAL, CreateMmOrder, PayMmOrder
from kernel.making_edges import PAYING, MmActor, MmAsset, MmKind, MmReason, MmState, MmTrigger, ends
from kernel.making_events import MmOrderCreated, MmPayment
from kernel.making_order import ESCROW_PREFIX, RESERVED_MAX, MmOrder, value_in
from kernel.making_refusals import (
    check_changes,
    find_order,
    key_used,
    limit_reached,
    not_in_this_state,
    not_joinable,
    payment_wrong,
)
from kernel.making_state import MmOwner
from kernel.making_terms import STRATEGY, check_configuration, fingerprint, resolved
from kernel.making_view import order_now, payment
from kernel.market import Account, Market
from kernel.moving import move_cash, move_shares
from kernel.refusals import (
    account_not_found,
    insufficient_balance,
    insufficient_shares,
    market_not_found,
    market_not_open,
)

USER = MmActor.USER
CASH, YES, NO = MmAsset.CASH, MmAsset.YES, MmAsset.NO
PAYMENTS_MAX = 100
"""Of one order."""
SECOND = 1_000_000
MINUTE = 60 * SECOND
BPS = 10_000


# Creating


def create_mm_order(draft: Draft, command: CreateMmOrder) -> Answer | Refusal:
    state = draft.state
    owner = state.traders.get(command.user_id)
    if owner is None or owner.is_escrow or owner.is_amm:
        return account_not_found(command.user_id)
    own = state.making.owners.get(owner.id) or MmOwner()
    terms = resolved(command.terms, command.required_cash_cents)
    request = fingerprint(asked_for(command, terms))
    earlier = own.keys.get(command.key) if command.key is not None else None
    if earlier is not None:
        same = earlier.request == request
        return (
            MmOrderIs(order_now(earlier), changed=False, repeated=True)
            if same
            else key_used(command.key or "")
        )
    if command.venue != INTERNAL and not command.venue_rules.enabled:
        return Refusal(Code.FEATURE_DISABLED, "Making markets elsewhere is switched off")
    market = state.markets.get(command.market_id)
    if (refusal := check_configuration(command, market)) is not None:
        return refusal
    if market is None or market.status is MarketStatus.DRAFT:
        return market_not_found(command.market_id)
    if (refusal := check_market(market, command, draft.at)) is not None:
        return refusal
    if (refusal := check_limits(draft, command, own, market)) is not None:
        return refusal
    if command.campaign_id is not None:
        cash, campaign = command.required_cash_cents, state.making.campaigns.get(command.campaign_id)
        problem = why_not(campaign, market.id, cash, terms, draft.at)
        if problem is not None:
            return not_joinable(command.campaign_id, problem)
    # Nothing above has changed anything. Nothing below can refuse.
    state.order_ids.step(draft.at)
    order_id = uuid7(state.order_ids, command.nonce)
    escrow_id = f"{ESCROW_PREFIX}{order_id}"
    open_one(draft, escrow_id, owner.id, auto_netting=False)
    policy = command.policy
    event = MmOrderCreated(
        order_id=order_id,
        user_id=owner.id,
        escrow_id=escrow_id,
        strategy=STRATEGY,
        terms=terms,
        policy=policy,
        snapshot_hash=fingerprint({"strategy": STRATEGY, "terms": terms, "policy": policy}),
        required_cash_cents=command.required_cash_cents,
        required_yes_shares=command.required_yes_shares,
        required_no_shares=command.required_no_shares,
        venue=command.venue,
        campaign_id=command.campaign_id,
        payment_deadline=draft.at + 1000 * policy.payment_timeout_ms,
        idempotency_key=command.key,
        request=request if command.key is not None else None,
    )
    state.make(draft.record(market.id, event), event)
    order = state.making.orders[order_id]
    name = f"new:{owner.id}:{command.key}" if command.key is not None else f"new:{owner.id}:{order_id}"
    cause = Cause(job_of(command), name, USER, owner.id, MmReason.USER_REQUEST)
    take(draft, order, MmTrigger.CREATE, MmState.PAYMENT_PENDING, cause)
    return MmOrderIs(order_now(order))


def asked_for(command: CreateMmOrder, terms: Any) -> dict[str, Any]:
    """What makes two requests the same, with what they left open filled in."""
    members = {name: getattr(command, name) for name in ASKED}
    return members | {"terms": terms}


ASKED = (
    "market_id",
    "required_cash_cents",
    "required_yes_shares",
    "required_no_shares",
    "venue",
    "campaign_id",
)


def check_market(market: Market, command: CreateMmOrder, at: int) -> Refusal | None:
    """It trades, and for long enough to be worth it."""
    if not market.is_trading(at):
        return Refusal(Code.MARKET_NOT_ELIGIBLE, f"Market {market.id} does not trade now")
    end, least = market.terms.trading_end_at, command.limits.min_minutes_left
    if end is not None and end - at < least * MINUTE:
        return Refusal(Code.MARKET_NOT_ELIGIBLE, f"Market {market.id} trades for less than {least} minutes")
    return None


def check_limits(draft: Draft, command: CreateMmOrder, own: MmOwner, market: Market) -> Refusal | None:
    """So that one user cannot exhaust memory, processor or journal."""
    state, limits = draft.state, command.limits
    reserved = RESERVED_MAX // command.terms.refresh_interval_ms
    for name, most, would_be in (
        ("active_per_user", limits.active_per_user, own.active + 1),
        ("active_per_user_market", limits.active_per_user_market, own.active_in.get(market.id, 0) + 1),
        ("active_per_market", limits.active_per_market, market.desk.active + 1),
        ("orders_per_user", limits.orders_per_user, len(own.orders) + 1),
        ("sub_accounts", SUB_ACCOUNTS_MAX, len(state.sub_accounts.get(command.user_id, ())) + 1),
    ):
        if would_be > most:
            return limit_reached(name, most)
    for name, most, would_be in (
        ("cycles_per_second", limits.cycles_per_second, state.making.reserved + reserved),
        ("cycles_per_second_per_user", limits.cycles_per_second_per_user, own.reserved + reserved),
    ):
        if would_be > SECOND * most:
            return limit_reached(name, most)
    return None


# Paying


def pay_mm_order(draft: Draft, command: PayMmOrder) -> Answer | Refusal:
    state = draft.state
    order = find_order(state, command.order_id, command.user_id)
    if isinstance(order, Refusal):
        return order
    earlier = order.payments.get(command.key)
    if earlier is not None:
        if (earlier.asset, earlier.amount) != (command.asset, command.amount):
            return key_used(command.key)
        return MmPaymentMade(payment(order, command.key), order_now(order), repeated=True)
    if order.state not in PAYING or draft.at >= order.payment_deadline:
        return not_in_this_state(order, USER, draft.at)
    if len(order.payments) >= PAYMENTS_MAX:
        return limit_reached("payments", PAYMENTS_MAX)
    if (refusal := check_changes(order, draft.at) or check_payment(order, command)) is not None:
        return refusal
    # Nothing above has changed anything. Nothing below can refuse.
    cause = Cause(job_of(command), f"pay:{command.key}", USER, order.owner.id, MmReason.PAYMENT)
    after = receive(draft, order, command)
    paid = MmPayment(command.key, command.asset, command.amount)
    data = {"asset": command.asset.value, "amount": command.amount}
    end = MmState.PAYMENT_INCOMPLETE
    if is_complete(order, after):
        end = MmState.PAYMENT_COMPLETE
        after |= charge(draft, order)
    if end in ends(order.state, MmTrigger.PAY, USER):
        take(draft, order, MmTrigger.PAY, end, cause, after=after, data=data, payment=paid)
        advance(draft, order, cause)
    else:
        tell(draft, order, MmKind.PAYMENT, cause, after=after, data=data, payment=paid)
    return MmPaymentMade(payment(order, command.key), order_now(order))


def check_payment(order: MmOrder, command: PayMmOrder) -> Refusal | None:
    outstanding = {leg.asset: leg.outstanding for leg in order.legs}.get(command.asset, 0)
    if not 1 <= command.amount <= outstanding:
        return payment_wrong(outstanding, f"{command.amount} {command.asset}, {outstanding} outstanding")
    market, owner = order.market, order.owner
    if command.asset is CASH:
        return (
            insufficient_balance(command.amount, owner.available)
            if command.amount > owner.available
            else None
        )
    if market.status is MarketStatus.HALTED or market.closing is not None:
        return market_not_open(market)
    side = Side[command.asset.value]
    free = free_shares(market, owner, side)
    return insufficient_shares(side, command.amount, free) if command.amount > free else None


def free_shares(market: Market, account: Account, side: Side) -> int:
    position = market.positions.get(account.id)
    return position.holding(side).free if position is not None else 0


def receive(draft: Draft, order: MmOrder, command: PayMmOrder) -> dict[str, Any]:
    """The payment arrives; returns what the order has received then."""
    asset, amount, market = command.asset, command.amount, order.market
    key = f"{order.escrow.id}:pay:{command.key}:{asset.value}"
    if asset is CASH:
        worth = amount
        move_cash(draft, order.owner, order.escrow, amount, ReferenceType.MM_PAYMENT, key)
    else:
        side = Side[asset.value]
        worth = value_in(market.spot, amount, 0) if asset is YES else value_in(market.spot, 0, amount)
        move_shares(draft, market, order.owner, order.escrow, side, amount, ReferenceType.MM_PAYMENT, key)
    name = RECEIVED[asset]
    return {name: getattr(order, name) + amount, "paid_in_cents": order.paid_in_cents + worth}


RECEIVED = {CASH: "received_cash_cents", YES: "received_yes_shares", NO: "received_no_shares"}


def is_complete(order: MmOrder, after: dict[str, Any]) -> bool:
    return all(after.get(RECEIVED[leg.asset], leg.received) == leg.required for leg in order.legs)


def charge(draft: Draft, order: MmOrder) -> dict[str, Any]:
    """The service fee leaves the cash that was paid; rounded up."""
    fee = (order.required_cash_cents * order.policy.service_fee_bps + BPS - 1) // BPS
    if fee == 0:
        return {}
    key = f"{order.escrow.id}:fee:start:{CASH.value}"
    move_cash(draft, order.escrow, draft.state.fee_account, fee, ReferenceType.MM_FEE, key)
    return {"fees_cents": order.fees_cents + fee}
