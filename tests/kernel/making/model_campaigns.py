"""Campaigns once more, from the rules: who can join, which quotes count, and each cent of the pool.

It is told of orders by their names, of quotes by theirs, and of what was best in the book just before.
"""

from dataclasses import dataclass, field
from typing import NamedTuple


class Wish(NamedTuple):
    """What of an order matters here."""

    cash: int
    spread: int


@dataclass
class Part:
    left: int | None = None
    contributed: int = 0
    rewarded: int = 0


@dataclass
class Campaign:
    pool: int
    start: int
    end: int
    cash: int
    spread: int
    places: int
    status: str = "draft"
    sponsor: str = ""
    returned: int = 0
    parts: dict[str, Part] = field(default_factory=dict)


@dataclass
class Campaigns:
    all: dict[str, Campaign] = field(default_factory=dict)
    near: dict[str, str] = field(default_factory=dict)
    """Quotes that count when somebody takes them: whose they are."""
    purses: dict[str, int] = field(default_factory=dict)
    """What they gave to people, and to accounts of orders, less what they took."""

    def give(self, who: str, cents: int) -> None:
        self.purses[who] = self.purses.get(who, 0) + cents

    def of(self, order: str) -> tuple[Campaign, Part] | None:
        """The one that the order is in, while it counts there."""
        for campaign in self.all.values():
            part = campaign.parts.get(order)
            if part is not None and part.left is None and campaign.status == "active":
                return campaign, part
        return None

    # Before

    def why_not(self, name: str, wish: Wish, at: int) -> str | None:
        campaign = self.all[name]
        if campaign.status in ("draft", "cancelled"):
            return "NOT_ACTIVE"
        if at >= campaign.end:
            return "ENDED"
        if campaign.places and len(campaign.parts) == campaign.places:
            return "FULL"
        return "NOT_ELIGIBLE" if wish.cash < campaign.cash or wish.spread > campaign.spread else None

    def takes_part(self, name: str, order: str) -> bool:
        return order in self.all[name].parts

    def take_part(self, name: str, order: str) -> None:
        self.all[name].parts[order] = Part()

    def steer(
        self, name: str, who: str, what: str, has: int, is_open: bool, at: int
    ) -> tuple[int | None, list[str]]:
        """The refusal, and the orders that are told."""
        campaign = self.all[name]
        match what, campaign.status:
            case ("activate", "active") | ("cancel", "cancelled"):
                return None, []
            case "activate", "draft":
                if at >= campaign.end:
                    return 7112, []
                if not is_open:
                    return 7103, []
                if campaign.pool > has:
                    return 2001, []
                campaign.status, campaign.sponsor = "active", who
                self.give(who, -campaign.pool)
                return None, []
            case "cancel", "draft":
                campaign.status = "cancelled"
                return None, []
            case "cancel", "active" if at < campaign.end:
                campaign.status = "cancelled"
                self.pay_back(campaign)
                return None, [order for order, part in campaign.parts.items() if part.left is None]
            case _:
                return 7102, []

    def pay_back(self, campaign: Campaign) -> None:
        campaign.returned = campaign.pool
        self.give(campaign.sponsor, campaign.pool)

    # Meanwhile

    def leave(self, order: str, at: int) -> None:
        found = self.of(order)
        if found is not None:
            found[1].left = at

    def quoted(self, quote: str, order: str, price: int, bid: int | None, ask: int | None) -> None:
        """At this price of YES; what was best just before."""
        found = self.of(order)
        if found is None or bid is None or ask is None:
            return
        middle = (bid + ask) / 2
        if middle - found[0].spread <= price <= middle + found[0].spread:
            self.near[quote] = order

    def taken(self, quote: str, value: int, at: int) -> None:
        """Somebody took this much of it."""
        found = self.of(self.near.get(quote, ""))
        if found is not None and found[0].start <= at < found[0].end:
            found[1].contributed += value

    # After

    def due(self, at: int) -> list[tuple[int, str]]:
        return [(c.end, name) for name, c in self.all.items() if c.status == "active" and c.end <= at]

    def divide(self, name: str, over: list[str], owners: dict[str, str]) -> list[str]:
        """Cent by cent, each to whoever is furthest below his part; returns who got any."""
        campaign = self.all[name]
        campaign.status = "settled"
        total = sum(part.contributed for part in campaign.parts.values())
        if not total:
            self.pay_back(campaign)
            return []
        for part in campaign.parts.values():
            part.rewarded = campaign.pool * part.contributed // total
        for _ in range(campaign.pool - sum(part.rewarded for part in campaign.parts.values())):
            missing = {
                order: campaign.pool * part.contributed - total * part.rewarded
                for order, part in campaign.parts.items()
            }
            first = min(missing, key=lambda order: (-missing[order], order))
            campaign.parts[first].rewarded += 1
        winners = [order for order, part in campaign.parts.items() if part.rewarded]
        for order in winners:
            self.give(owners[order] if order in over else f"mm:{order}", campaign.parts[order].rewarded)
        return winners
