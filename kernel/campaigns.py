"""Campaigns: rewards for orders that quote a market, from the draft to the last cent of the pool.

Whoever activates one pays for it at once, into an account of its own, so the reward is there before anybody
joins. Its time being over, one tick divides all of it by what each order contributed.
"""

from typing import Any, Final

from kernel.accounts import open_one
from kernel.answers import Answer, Refusal
from kernel.campaign import NOTES_MAX, PARTICIPANTS_MAX, Campaign, shares_of
from kernel.campaign_view import campaign_now, controls, why_not_joinable
from kernel.codes import Code, MarketStatus, ReferenceType
from kernel.draft import Draft
from kernel.ids import uuid7
from kernel.life import UNRESOLVED
from kernel.limits import SUB_ACCOUNTS_MAX
from kernel.making import Cause, change_part, job_of, take_part, tell
from kernel.making_answers import MmCampaignIs, MmOrderIs
from kernel.making_commands import (
    CampaignControl,
    CampaignStatus,
    CampaignTerms,
    ControlMmCampaign,
    CreateMmCampaign,
    JoinMmCampaign,
    NoteMmCampaign,
)
from kernel.making_edges import READY, MmActor, MmKind, MmReason, MmState
from kernel.making_events import MmCampaignChanged, MmCampaignCreated
from kernel.making_order import MmOrder
from kernel.making_refusals import (
    campaign_not_found,
    check_changes,
    find_order,
    key_used,
    limit_reached,
    not_in_this_state,
    not_joinable,
)
from kernel.making_terms import CASH_MAX, fingerprint, invalid_configuration
from kernel.making_view import order_now
from kernel.market import Market
from kernel.moving import move_cash
from kernel.refusals import account_not_found, insufficient_balance, malformed, market_not_found

ACTIVE, ENDED, SETTLED = CampaignStatus.ACTIVE, CampaignStatus.ENDED, CampaignStatus.SETTLED
CANCELLED = CampaignStatus.CANCELLED
RANGES: Final = {
    "reward_pool_cents": (1, CASH_MAX),
    "min_cash_cents": (0, CASH_MAX),
    "max_half_spread_cents": (1, 99),
    "max_participants": (0, PARTICIPANTS_MAX),
}
SATISFIED: Final = {CampaignControl.ACTIVATE: ACTIVE, CampaignControl.CANCEL: CANCELLED}
"""Where what is wished for is so already."""
AWAY: Final = (MmState.FAILED, MmState.REFUNDED, MmState.DELETED)
"""Nothing comes into the account of such an order any more: its owner is paid."""


# What administrators ask


def create_mm_campaign(draft: Draft, command: CreateMmCampaign) -> Answer | Refusal:
    state = draft.state
    request = fingerprint({"market_id": command.market_id, "terms": command.terms})
    earlier = earlier_campaign(draft, command)
    if earlier is not None:
        same = earlier.request == request
        answer = MmCampaignIs(campaign_now(earlier), changed=False, repeated=True)
        return answer if same else key_used(command.key or "")
    if (refusal := check_terms(command.terms, draft.at)) is not None:
        return refusal
    market = state.markets.get(command.market_id)
    if market is None or market.status is MarketStatus.DRAFT:
        return market_not_found(command.market_id)
    if (refusal := check_market(market)) is not None:
        return refusal
    # Nothing above has changed anything. Nothing below can refuse.
    state.order_ids.step(draft.at)
    event = MmCampaignCreated(
        campaign_id=uuid7(state.order_ids, command.nonce),
        terms=command.terms,
        by=command.by,
        by_id=command.by_id,
        idempotency_key=command.key,
        request=request if command.key is not None else None,
    )
    state.make(draft.record(market.id, event), event)
    return MmCampaignIs(campaign_now(state.making.campaigns[event.campaign_id]))


def earlier_campaign(draft: Draft, command: CreateMmCampaign) -> Campaign | None:
    """What the administrator has made under the same key."""
    if command.key is None:
        return None
    for campaign in draft.state.making.campaigns.values():
        if (campaign.by_id, campaign.idempotency_key) == (command.by_id, command.key):
            return campaign
    return None


def check_terms(terms: CampaignTerms, at: int) -> Refusal | None:
    """Everything that is wrong with it, at once."""
    problems = {
        name: f"must be {low} to {high}"
        for name, (low, high) in RANGES.items()
        if not low <= getattr(terms, name) <= high
    }
    if terms.ends_at <= terms.starts_at:
        problems["ends_at"] = "must be after starts_at"
    elif terms.ends_at <= at:
        problems["ends_at"] = "must be in the future"
    return invalid_configuration(problems) if problems else None


def check_market(market: Market) -> Refusal | None:
    if market.status in UNRESOLVED:
        return None
    return Refusal(Code.MARKET_NOT_ELIGIBLE, f"Market {market.id} is over")


def control_mm_campaign(draft: Draft, command: ControlMmCampaign) -> Answer | Refusal:
    state, control = draft.state, command.control
    campaign = state.making.campaigns.get(command.campaign_id)
    if campaign is None:
        return campaign_not_found(command.campaign_id)
    if campaign.status is SATISFIED[control]:
        return MmCampaignIs(campaign_now(campaign), changed=False)
    if control not in controls(campaign, draft.at):
        return not_now(campaign, draft.at)
    if control is CampaignControl.ACTIVATE:
        refusal = check_activation(draft, campaign, command.by_id)
        if refusal is not None:
            return refusal
    # Nothing above has changed anything. Nothing below can refuse.
    if control is CampaignControl.ACTIVATE:
        activate(draft, campaign, command)
    else:
        call_off(draft, campaign, command)
    return MmCampaignIs(campaign_now(campaign))


def not_now(campaign: Campaign, at: int) -> Refusal:
    allowed = [control.value.lower() for control in controls(campaign, at)]
    data = {"state": campaign.status.value, "reason": None, "allowed_commands": allowed}
    return Refusal(Code.NOT_IN_THIS_STATE, f"Not while the campaign is {campaign.status}", data)


def check_activation(draft: Draft, campaign: Campaign, sponsor_id: str) -> Refusal | None:
    """It still makes sense, and whoever says so can pay for it."""
    state, pool = draft.state, campaign.terms.reward_pool_cents
    refusal = check_terms(campaign.terms, draft.at) or check_market(state.markets[campaign.market_id])
    if refusal is not None:
        return refusal
    sponsor = state.traders.get(sponsor_id)
    if sponsor is None or sponsor.is_escrow:
        return account_not_found(sponsor_id)
    if len(state.sub_accounts.get(sponsor_id, ())) >= SUB_ACCOUNTS_MAX:
        return limit_reached("sub_accounts", SUB_ACCOUNTS_MAX)
    return insufficient_balance(pool, sponsor.available) if pool > sponsor.available else None


def activate(draft: Draft, campaign: Campaign, command: ControlMmCampaign) -> None:
    accounts = draft.state.accounts
    open_one(draft, campaign.pool_id, command.by_id, auto_netting=False)
    sponsor, pool = accounts[command.by_id], accounts[campaign.pool_id]
    key = f"{pool.id}:in"
    move_cash(draft, sponsor, pool, campaign.terms.reward_pool_cents, ReferenceType.MM_POOL, key)
    change(draft, campaign, ACTIVE, sponsor_id=sponsor.id, by=command.by, by_id=command.by_id)


def call_off(draft: Draft, campaign: Campaign, command: ControlMmCampaign) -> None:
    """The pool goes back, and nobody is paid. Whoever took part is told."""
    returned = give_back(draft, campaign) if campaign.status is ACTIVE else 0
    change(draft, campaign, CANCELLED, returned_cents=returned, by=command.by, by_id=command.by_id)
    name = f"campaign:{campaign.id}"
    cause = Cause(job_of(command), name, MmActor.ADMIN, command.by_id, MmReason.CAMPAIGN_CLOSED)
    for part in campaign.participations.values():
        if part.left_at is None:
            order = draft.state.making.orders[part.order_id]
            tell(draft, order, MmKind.CAMPAIGN, cause, data={"campaign_id": campaign.id})


def change(draft: Draft, campaign: Campaign, status: CampaignStatus, **more: Any) -> None:
    members = {"sponsor_id": campaign.sponsor_id} | more
    event = MmCampaignChanged(
        campaign_id=campaign.id, previous_status=campaign.status, new_status=status, **members
    )
    draft.state.make(draft.record(campaign.market_id, event), event)


def give_back(draft: Draft, campaign: Campaign) -> int:
    """The whole pool, to whoever paid for it."""
    assert campaign.sponsor_id is not None
    accounts = draft.state.accounts
    pool, sponsor = accounts[campaign.pool_id], accounts[campaign.sponsor_id]
    amount = pool.available
    move_cash(draft, pool, sponsor, amount, ReferenceType.MM_POOL, f"{pool.id}:back")
    return amount


# What owners and workers ask


def join_mm_campaign(draft: Draft, command: JoinMmCampaign) -> Answer | Refusal:
    state = draft.state
    order = find_order(state, command.order_id, command.user_id)
    if isinstance(order, Refusal):
        return order
    request = f"JOIN:{command.campaign_id}"
    trigger_id = f"cmd:{command.user_id}:{command.key}"
    earlier = order.requests.get(trigger_id)
    if earlier is not None:
        same = earlier == request
        return MmOrderIs(order_now(order), changed=False, repeated=True) if same else key_used(command.key)
    if order.participation is not None and order.campaign_id == command.campaign_id:
        return MmOrderIs(order_now(order), changed=False)
    if order.state not in READY or order.campaign is not None:
        words = "" if order.campaign is None else "It has a campaign already"
        return not_in_this_state(order, MmActor.USER, draft.at, words)
    if (refusal := check_changes(order, draft.at)) is not None:
        return refusal
    campaign = state.making.campaigns.get(command.campaign_id)
    problem = why_not_joinable(campaign, order, draft.at)
    if campaign is None or problem is not None:
        return not_joinable(command.campaign_id, problem or "UNKNOWN")
    # Nothing above has changed anything. Nothing below can refuse.
    cause = Cause(job_of(command), trigger_id, MmActor.USER, command.user_id, MmReason.USER_REQUEST)
    take_part(draft, order, campaign, cause, request=request)
    return MmOrderIs(order_now(order))


def note_mm_campaign(draft: Draft, command: NoteMmCampaign) -> Answer | Refusal:
    order = find_order(draft.state, command.order_id, None)
    if isinstance(order, Refusal):
        return order
    if command.external_ref is None and command.error is None:
        return malformed("external_ref", "must be given, or error")
    part = order.participation
    if part is None:
        return not_in_this_state(order, MmActor.WORKER, draft.at, "It takes part in no campaign")
    if part.notes >= NOTES_MAX:
        return limit_reached("campaign_notes", NOTES_MAX)
    # Nothing above has changed anything. Nothing below can refuse.
    data = {"campaign_id": part.campaign_id, "external_ref": command.external_ref, "error": command.error}
    known = command.external_ref if command.external_ref is not None else part.external_ref
    change_part(draft, order, part, notes=part.notes + 1, external_ref=known)
    name = f"note:{part.campaign_id}:{part.notes}"
    cause = Cause(job_of(command), name, MmActor.WORKER, command.worker_id, MmReason.AUTO)
    tell(draft, order, MmKind.CAMPAIGN, cause, data=data)
    return MmOrderIs(order_now(order))


# Its end


def settle(draft: Draft, campaign: Campaign, job: str) -> None:
    """Its time is over: the whole pool is paid out, or goes back if nobody contributed."""
    assert campaign.deadline is not None
    cause = Cause(job, f"timer:campaign:{campaign.deadline}", MmActor.SYSTEM, None, MmReason.CAMPAIGN_ENDED)
    change(draft, campaign, ENDED)
    contributions = {part.order_id: part.contribution_cents for part in campaign.participations.values()}
    shares = shares_of(campaign.terms.reward_pool_cents, contributions)
    for order_id in sorted(shares):
        if shares[order_id]:
            reward(draft, campaign, draft.state.making.orders[order_id], shares[order_id], cause)
    change(draft, campaign, SETTLED, returned_cents=0 if shares else give_back(draft, campaign))


def reward(draft: Draft, campaign: Campaign, order: MmOrder, amount: int, cause: Cause) -> None:
    """One order's share, into its own account while that is in use."""
    part = order.participation
    assert part is not None
    taker = order.owner if order.state in AWAY else order.escrow
    key = f"mmr:{campaign.id}:{order.id}"
    move_cash(draft, draft.state.accounts[campaign.pool_id], taker, amount, ReferenceType.MM_REWARD, key)
    change_part(draft, order, part, reward_cents=amount)
    after = {"rewards_cents": order.rewards_cents + amount}
    if taker is order.owner:
        after["paid_out_cents"] = order.paid_out_cents + amount
    data = {"campaign_id": campaign.id, "reward_cents": amount, "account": taker.id}
    tell(draft, order, MmKind.CAMPAIGN, cause, after=after, data=data)
