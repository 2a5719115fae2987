"""What callers may send about campaigns. As with market-making orders, an unknown member is refused."""

import uuid
from typing import Annotated

from msgspec import Meta

from adapters.runtime.clock import Clock
from adapters.runtime.times import to_microseconds
from adapters.wire.making_requests import StrictBody
from adapters.wire.requests import Int64, MarketId, Text, Time
from kernel.limits import CAMPAIGN_NAME_MAX
from kernel.making_commands import CampaignTerms, CreateMmCampaign, JoinMmCampaign


class CampaignBody(StrictBody, frozen=True, kw_only=True):
    """What is paid, when, and for what."""

    market_id: MarketId
    name: Annotated[Text, Meta(min_length=1, max_length=CAMPAIGN_NAME_MAX)]
    starts_at: Time
    """From then on what is traded counts. Orders join from the activation on."""
    ends_at: Time
    """From then on it counts no longer, and the pool is divided."""
    reward_pool_cents: Int64
    min_cash_cents: Int64 | None = None
    """So much cash an order requires that takes part; 0, if it is not said."""
    max_half_spread_cents: Int64 | None = None
    """How far from the middle its quotes may be; 30, if it is not said."""
    max_participants: Int64 | None = None
    """0, or not said: as many as any campaign may have."""

    def to_command(self, by: str, by_id: str, clock: Clock, key: str | None) -> CreateMmCampaign:
        left_out = {name: getattr(self, name) for name in LEFT_OUT if getattr(self, name) is not None}
        return CreateMmCampaign(
            at=clock.now(),
            market_id=self.market_id,
            terms=CampaignTerms(
                name=self.name,
                starts_at=to_microseconds(self.starts_at),
                ends_at=to_microseconds(self.ends_at),
                reward_pool_cents=self.reward_pool_cents,
                **left_out,
            ),
            by=by,
            by_id=by_id,
            key=key,
            nonce=clock.nonce(),
        )


LEFT_OUT = ("min_cash_cents", "max_half_spread_cents", "max_participants")


class JoinBody(StrictBody, frozen=True, kw_only=True):
    campaign_id: uuid.UUID

    def to_command(self, order_id: str, user_id: str, clock: Clock, key: str) -> JoinMmCampaign:
        return JoinMmCampaign(
            at=clock.now(), order_id=order_id, user_id=user_id, campaign_id=str(self.campaign_id), key=key
        )
