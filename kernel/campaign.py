"""A campaign as it is at one moment, and each order's part in it. Plain values: it knows no account.

A campaign rewards orders that quote its market while its time lasts, each by what it contributed: the value
of its own that others took from it, near enough to the middle of the book.
"""

from dataclasses import dataclass, field
from typing import Final

from kernel.making_commands import CampaignStatus, CampaignTerms

POOL_PREFIX: Final = "mmc:"
PARTICIPANTS_MAX: Final = 1_000
"""Of one campaign, ever: so many are paid in one step."""
NOTES_MAX: Final = 3
"""Of one order's part, by whoever tells others outside of it."""


@dataclass(slots=True, eq=False)
class Participation:
    """One order's part in a campaign."""

    campaign_id: str
    order_id: str
    terms: CampaignTerms
    """The campaign's."""
    joined_at: int
    left_at: int | None = None
    contribution_cents: int = 0
    reward_cents: int = 0
    external_ref: str | None = None
    notes: int = 0

    def is_near(self, book_price: int, best_bid: int | None, best_ask: int | None) -> bool:
        """Whether an order at this price counts, in a book with these prices just before it."""
        if best_bid is None or best_ask is None:
            return False
        return abs(2 * book_price - best_bid - best_ask) <= 2 * self.terms.max_half_spread_cents

    def is_counting(self, at: int) -> bool:
        return self.terms.starts_at <= at < self.terms.ends_at


@dataclass(slots=True, eq=False, repr=False)
class Campaign:
    """A reward for quoting one market."""

    id: str
    market_id: str
    terms: CampaignTerms
    by_id: str
    """The administrator who made it."""
    idempotency_key: str | None
    request: str | None
    """What was asked for under that key, as its fingerprint."""
    created_at: int
    updated_at: int
    status: CampaignStatus = CampaignStatus.DRAFT
    sponsor_id: str | None = None
    """The administrator who paid for it."""
    returned_cents: int = 0
    participations: dict[str, Participation] = field(default_factory=dict)
    """By order, in the order in which they joined."""

    @property
    def pool_id(self) -> str:
        """The account that holds the reward, from its activation to its end."""
        return f"{POOL_PREFIX}{self.id}"

    @property
    def is_full(self) -> bool:
        """Who has left keeps his place: what was contributed until then is paid."""
        return len(self.participations) >= (self.terms.max_participants or PARTICIPANTS_MAX)

    @property
    def deadline(self) -> int | None:
        """When time alone will end it."""
        return self.terms.ends_at if self.status is CampaignStatus.ACTIVE else None

    @property
    def contribution_cents(self) -> int:
        return sum(part.contribution_cents for part in self.participations.values())

    @property
    def rewarded_cents(self) -> int:
        return sum(part.reward_cents for part in self.participations.values())


def shares_of(pool: int, contributions: dict[str, int]) -> dict[str, int]:
    """What each gets of the pool: its part rounded down, then a cent each to the largest remainders.

    Where those are equal the smaller id is first. If anybody contributed anything, nothing is left.
    """
    total = sum(contributions.values())
    if total == 0:
        return {}
    shares = {name: pool * part // total for name, part in contributions.items()}
    by_remainder = sorted((-(pool * part % total), name) for name, part in contributions.items())
    for _, name in by_remainder[: pool - sum(shares.values())]:
        shares[name] += 1
    return shares
