"""Renders campaigns for callers."""

from typing import Any

from adapters.wire import campaign_responses as shapes
from adapters.wire.render import dollars, time
from kernel.making_answers import MmCampaignNow


def campaign(now: MmCampaignNow) -> shapes.CampaignShape:
    return shapes.CampaignShape(**members(now))


def members(now: MmCampaignNow) -> dict[str, Any]:
    terms = now.terms
    return {
        "campaign_id": now.campaign_id,
        "name": terms.name,
        "market_id": now.market_id,
        "status": now.status,
        "sponsor_id": now.sponsor_id,
        "starts_at": time(terms.starts_at),
        "ends_at": time(terms.ends_at),
        "reward_pool_cents": terms.reward_pool_cents,
        "reward_pool_display": dollars(terms.reward_pool_cents),
        "min_cash_cents": terms.min_cash_cents,
        "min_cash_display": dollars(terms.min_cash_cents),
        "max_half_spread_cents": terms.max_half_spread_cents,
        "max_participants": terms.max_participants,
        "participants": now.participants,
        "contribution_cents": now.contribution_cents,
        "contribution_display": dollars(now.contribution_cents),
        "rewarded_cents": now.rewarded_cents,
        "rewarded_display": dollars(now.rewarded_cents),
        "returned_cents": now.returned_cents,
        "returned_display": dollars(now.returned_cents),
        "created_at": time(now.created_at),
        "updated_at": time(now.updated_at),
    }
