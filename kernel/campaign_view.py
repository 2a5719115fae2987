"""What can be seen of a campaign: the campaign as a value, what may be done with it, and who can join it."""

from typing import Final

from kernel.campaign import Campaign
from kernel.making_answers import MmCampaignNow
from kernel.making_commands import CampaignControl, CampaignStatus, MmTerms
from kernel.making_edges import READY
from kernel.making_order import MmOrder

ACTIVATE, CANCEL = CampaignControl.ACTIVATE, CampaignControl.CANCEL


def campaign_now(campaign: Campaign) -> MmCampaignNow:
    """The campaign as it is at this moment."""
    return MmCampaignNow(
        campaign_id=campaign.id,
        market_id=campaign.market_id,
        terms=campaign.terms,
        status=campaign.status,
        sponsor_id=campaign.sponsor_id,
        participants=len(campaign.participations),
        contribution_cents=campaign.contribution_cents,
        rewarded_cents=campaign.rewarded_cents,
        returned_cents=campaign.returned_cents,
        created_at=campaign.created_at,
        updated_at=campaign.updated_at,
    )


CONTROLS: Final = {CampaignStatus.DRAFT: (ACTIVATE, CANCEL), CampaignStatus.ACTIVE: (CANCEL,)}
"""What an administrator may tell a campaign that stands there; of any other, nothing."""


def controls(campaign: Campaign, at: int) -> tuple[CampaignControl, ...]:
    """Once its time is over, it is paid and no longer cancelled, whether a tick came or not."""
    if campaign.deadline is not None and at >= campaign.deadline:
        return ()
    return CONTROLS.get(campaign.status, ())


def why_not_joinable(campaign: Campaign | None, order: MmOrder, at: int) -> str | None:
    """What stands against it that this order, or one made like it, joins; in a word."""
    cash, terms = order.required_cash_cents, order.terms
    return why_not(campaign, order.market.id, cash, terms, at)


def why_not(campaign: Campaign | None, market_id: str, cash: int, terms: MmTerms, at: int) -> str | None:
    if campaign is None:
        return "UNKNOWN"
    wanted = campaign.terms
    if campaign.market_id != market_id:
        return "OTHER_MARKET"
    if campaign.status in (CampaignStatus.DRAFT, CampaignStatus.CANCELLED):
        return "NOT_ACTIVE"
    if at >= wanted.ends_at:
        return "ENDED"
    if campaign.is_full:
        return "FULL"
    widest = max(terms.bid_half_spread_cents, terms.ask_half_spread_cents)
    if cash < wanted.min_cash_cents or widest > wanted.max_half_spread_cents:
        return "NOT_ELIGIBLE"
    return None


def can_join_any(order: MmOrder, at: int) -> bool:
    """Whether it may choose a campaign, and there is one."""
    return (
        order.state in READY
        and order.campaign is None
        and any(why_not_joinable(each, order, at) is None for each in order.market.desk.campaigns.values())
    )
