"""What callers receive about campaigns."""

from adapters.wire.responses import Display, Id, Shape, Time
from kernel.making_commands import CampaignStatus


class CampaignShape(Shape, frozen=True, kw_only=True):
    """A reward for quoting a market."""

    campaign_id: Id
    name: str
    market_id: str
    status: CampaignStatus
    sponsor_id: str | None
    """The administrator who paid for it; null while it is a draft."""
    starts_at: Time
    ends_at: Time
    reward_pool_cents: int
    reward_pool_display: Display
    min_cash_cents: int
    min_cash_display: Display
    max_half_spread_cents: int
    max_participants: int
    """0: as many as any campaign may have."""
    participants: int
    """Orders that ever joined."""
    contribution_cents: int
    """Of all of them."""
    contribution_display: Display
    rewarded_cents: int
    rewarded_display: Display
    returned_cents: int
    """What of the pool went back to whoever paid for it."""
    returned_display: Display
    created_at: Time
    updated_at: Time


class MadeCampaignShape(CampaignShape, frozen=True, kw_only=True):
    """A campaign that was made, now or under this key before; as it is now."""

    repeated: bool


class ControlledCampaignShape(Shape, frozen=True):
    changed: bool
    """False: it was so already."""
    campaign: CampaignShape


class NotedShape(Shape, frozen=True):
    """An order whose part in a campaign a worker told somebody else of."""

    order_id: Id
    campaign_id: Id
