"""What a person who trades by the page does with the ticket, in a few words."""

from typing import Any, Final

import attrs
from playwright.sync_api import Locator, expect

from tests.adapters.serving import Caller, Venue
from tests.web.visiting import Visitor

OPEN: Final = "OPEN,PARTIALLY_FILLED"


@attrs.frozen
class Trader:
    """Somebody signed in on a market's screen."""

    visitor: Visitor
    caller: Caller
    market: str

    @property
    def ticket(self) -> Locator:
        return self.visitor.page.get_by_role("region", name="Ticket")

    @property
    def orders(self) -> Locator:
        return self.visitor.page.get_by_role("table", name="Open orders")

    @property
    def book(self) -> Locator:
        return self.visitor.page.get_by_role("region", name="Order book")

    def choose(self, *names: str) -> None:
        for name in names:
            self.ticket.get_by_role("button", name=name, exact=name not in ("YES", "NO")).first.click()

    def fill(self, **fields: str) -> None:
        """By the names that the fields have in the form."""
        for name, value in fields.items():
            self.ticket.locator(f"[name={name}]").fill(value)

    def kind(self, time_in_force: str) -> None:
        self.ticket.get_by_label("How long").select_option(time_in_force)

    def enter(self) -> None:
        self.ticket.locator("[name=amount]").press("Enter")

    def says(self, text: str) -> None:
        expect(self.ticket).to_contain_text(text)

    def line(self, name: str) -> Locator:
        """A line of what would happen, by its name."""
        return self.ticket.locator("dl > div").filter(has_text=name).locator("dd")

    def placed(self, **filters: Any) -> list[Any]:
        """Own orders in this market, as the exchange has them, newest first."""
        items = self.caller.data("/orders", market_id=self.market, **filters)["items"]
        assert isinstance(items, list)
        return items


def trading(visitor: Visitor, venue: Venue, market: str, cents: int = 100_000) -> Trader:
    """A new user who has signed in, and is where the book is live."""
    caller = venue.user(cents)
    visitor.remembered(caller.name)
    visitor.open(f"/markets/{market}")
    trader = Trader(visitor, caller, market)
    expect(trader.ticket.locator("#ticket-reason")).to_have_text("Enter a price")
    return trader
