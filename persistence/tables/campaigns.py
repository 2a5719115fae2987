"""The rows of campaigns and of those who take part in them, folded.

What an order contributed is added up here from the fills that say so. They name its account, and an order
takes part in one campaign in its life: so the account is enough to find the row.
"""

from collections import Counter
from typing import Final

import attrs

from kernel.events import Fact
from kernel.making_commands import CampaignStatus, CampaignTerms
from kernel.making_events import MmCampaignChanged, MmCampaignCreated, MmParticipationChanged
from kernel.making_order import ESCROW_PREFIX
from persistence.postgres.columns import Row
from persistence.postgres.database import Connection
from persistence.tables.columns import MM_CAMPAIGN, MM_PARTICIPATION

TERMS: Final = tuple(name for name in CampaignTerms.__struct_fields__ if name in MM_CAMPAIGN.written)
PART: Final = tuple(
    name for name in MmParticipationChanged.__struct_fields__ if name in MM_PARTICIPATION.written
)
CONTRIBUTED: Final = (
    "UPDATE mm_campaign_participation AS part SET contribution_cents = part.contribution_cents + now.cents"
    " FROM unnest($1::uuid[], $2::bigint[]) AS now (order_id, cents) WHERE part.order_id = now.order_id"
)


@attrs.define(eq=False)
class CampaignRows:
    """What a batch makes of these tables."""

    created: list[Row] = attrs.field(factory=list)
    changed: dict[str, Row] = attrs.field(factory=dict)
    """By campaign, what has become of it."""
    parts: dict[str, Row] = attrs.field(factory=dict)
    """By order, its part as it is now, but for what it contributed."""
    contributed: Counter[str] = attrs.field(factory=Counter)
    """By order, in this batch."""

    def create(self, fact: Fact, event: MmCampaignCreated) -> None:
        self.created.append(
            {
                "campaign_id": event.campaign_id,
                **{name: getattr(event.terms, name) for name in TERMS},
                "market_id": fact.market_id,
                "sponsor_id": None,
                "status": CampaignStatus.DRAFT,
                "created_at": fact.at,
                "updated_at": fact.at,
            }
        )

    def change(self, fact: Fact, event: MmCampaignChanged) -> None:
        self.changed[event.campaign_id] = {
            "campaign_id": event.campaign_id,
            "sponsor_id": event.sponsor_id,
            "status": event.new_status,
            "updated_at": fact.at,
        }

    def take_part(self, event: MmParticipationChanged) -> None:
        row = {name: getattr(event, name) for name in PART}
        self.parts[event.order_id] = row | {"contribution_cents": 0}

    def contribute(self, account: str, cents: int) -> None:
        self.contributed[account.removeprefix(ESCROW_PREFIX)] += cents

    async def write(self, connection: Connection) -> None:
        await MM_CAMPAIGN.insert(connection, self.created)
        await MM_CAMPAIGN.update(connection, list(self.changed.values()))
        await MM_PARTICIPATION.upsert(connection, list(self.parts.values()), once=("contribution_cents",))
        if self.contributed:
            await connection.execute(CONTRIBUTED, list(self.contributed), list(self.contributed.values()))
