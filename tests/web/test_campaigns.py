"""Campaigns in the browser: what a sponsor pays, what an owner joins, and what both then have."""

from typing import Final

from playwright.sync_api import Locator, expect

from tests.adapters.serving import ADMIN, Venue
from tests.adapters.test_campaigns_api import offer
from tests.adapters.test_making_api import cash, running
from tests.web.test_making import order_of, quoted_market
from tests.web.visiting import Visitor

PARTS: Final = """
async () => {
  const { part } = await import("/web/making/part.js");
  const campaign = { contribution_cents: 10_000, reward_pool_cents: 9_999 };
  const own = [[0, "active", 0], [2_500, "active", 0], [2_500, "settled", 2_499]];
  return own.map(([contribution_cents, status, reward_cents]) =>
    part({ contribution_cents, status, reward_cents }, campaign));
}
"""


def row_of(visitor: Visitor, market: str) -> Locator:
    return visitor.page.get_by_role("table", name="Campaigns").get_by_role("row").filter(has_text=market)


def facts(visitor: Visitor) -> Locator:
    return visitor.page.get_by_role("region", name="Campaign", exact=True)


def test_an_administrator_makes_pays_for_and_calls_off_a_campaign(visitor: Visitor, the_venue: Venue) -> None:
    market, admin = the_venue.market(), the_venue.admin
    admin.deposit(25_000)
    before = cash(admin)
    visitor.remembered(ADMIN)
    visitor.open("/making")
    visitor.page.get_by_role("link", name="Campaigns").click()
    visitor.at("/making/campaigns")
    visitor.button("New campaign").click()
    expect(visitor.field("Name")).to_be_focused()
    visitor.button("Make the draft").click()
    visitor.see("By what do people know it?")
    visitor.field("Name").fill(f"Spring in {market}")
    visitor.field("Market").select_option(market)
    visitor.field("Until").fill("2031-06-01T12:00")
    visitor.field("Reward, in dollars").fill("250")
    visitor.field("Least budget").fill("500")
    visitor.field("Orders at most").fill("7")
    visitor.button("Make the draft").click()
    row = row_of(visitor, market)
    expect(row).to_contain_text("Draft")
    expect(row).to_contain_text("$250.00A budget of $500.00, quotes within 5¢ of the middle")
    expect(row).to_contain_text("0 orders of 7")
    (campaign,) = admin.data("/campaigns", market_id=market)["items"]
    assert campaign["ends_at"] == "2031-06-01T10:00:00.000000Z", "the browser is in Berlin"
    assert (campaign["status"], cash(admin)) == ("draft", before)

    visitor.button(f"Activate Spring in {market}").click()
    dialog = visitor.page.get_by_role("dialog")
    expect(dialog).to_contain_text("$250.00 are taken from your cash")
    assert cash(admin) == before
    dialog.get_by_role("button", name="Activate").click()
    expect(row).to_contain_text("Open")
    assert cash(admin) == before - 25_000

    visitor.button(f"Call off Spring in {market}").click()
    expect(dialog).to_contain_text("$250.00 go back to whoever paid for it")
    dialog.get_by_role("button", name="Call off").click()
    expect(row).to_contain_text("Called off")
    assert (admin.data(f"/campaigns/{campaign['campaign_id']}")["status"], cash(admin)) == (
        "cancelled",
        before,
    )


def test_an_owner_joins_with_an_order_and_sees_what_it_earns(visitor: Visitor, the_venue: Venue) -> None:
    ann, market = the_venue.user(250_000), quoted_market(the_venue)
    campaign = offer(the_venue, market, min_cash_cents=50_000)
    order = running(ann, market)
    visitor.sign_in(ann)
    visitor.open("/making/campaigns")
    row = row_of(visitor, market)
    expect(row).to_contain_text("$100.00A budget of $500.00, quotes within 30¢ of the middle")
    row.get_by_role("button", name="Join").click()
    dialog = visitor.page.get_by_role("dialog")
    expect(dialog.get_by_label("With the order")).to_contain_text("$1,000.00, running")
    expect(dialog).to_contain_text("It counts for ")
    dialog.get_by_role("button", name="Join").click()
    expect(row).to_contain_text("Nothing traded yet")
    expect(row.get_by_role("button")).to_have_count(0)
    assert order_of(ann, order)["campaign"]["id"] == campaign
    row.get_by_role("link", name="Nothing traded yet").click()
    visitor.at(f"/making/{order}")
    expect(facts(visitor)).to_contain_text("Tight quotesOpen")
    expect(visitor.button("Join a campaign")).to_have_count(0)


def test_an_order_is_made_for_a_campaign_and_joins_once_it_is_paid(
    visitor: Visitor, the_venue: Venue
) -> None:
    ann, market = the_venue.user(250_000), quoted_market(the_venue)
    campaign = offer(the_venue, market, min_cash_cents=50_000)
    visitor.sign_in(ann)
    visitor.open("/making/campaigns")
    row_of(visitor, market).get_by_role("link", name="Quote for it").click()
    expect(visitor.field("Campaign")).to_have_value(campaign)
    visitor.field("Budget").fill("400")
    visitor.button("Create, then pay").click()
    visitor.see("The order is not what the campaign asks for.")
    visitor.field("Budget").fill("600")
    visitor.button("Create, then pay").click()
    visitor.button("Pay $600.00").click()
    expect(facts(visitor)).to_contain_text("Nothing traded yet")
    expect(visitor.page.locator(".way .passed").filter(has_text="Joined")).to_be_visible()
    (made,) = ann.data("/market-making/orders")["items"]
    assert made["campaign"]["id"] == campaign


def test_from_its_order_an_owner_chooses_among_the_campaigns_of_its_market(
    visitor: Visitor, the_venue: Venue
) -> None:
    ann, market = the_venue.user(250_000), quoted_market(the_venue)
    order = running(ann, market)
    visitor.sign_in(ann)
    visitor.open(f"/making/{order}")
    visitor.see("What you can do")
    expect(visitor.button("Join a campaign")).to_have_count(0)
    offer(the_venue, market, name="The rich", min_cash_cents=500_000)
    open_to_all = offer(the_venue, market, name="Everybody's")
    visitor.button("Join a campaign").click()
    dialog = visitor.page.get_by_role("dialog")
    dialog.get_by_label("Campaign").select_option(label="The rich: $100.00")
    expect(dialog).to_contain_text("a budget of $5,000.00")
    dialog.get_by_role("button", name="Join").click()
    expect(dialog.get_by_role("alert")).to_have_text("The order is not what the campaign asks for.")
    dialog.get_by_label("Campaign").select_option(label="Everybody's: $100.00")
    dialog.get_by_role("button", name="Join").click()
    expect(dialog).to_have_count(0)
    expect(facts(visitor)).to_contain_text("Everybody'sOpen")
    assert order_of(ann, order)["campaign"]["id"] == open_to_all


def test_a_part_is_told_as_what_it_comes_to(visitor: Visitor) -> None:
    visitor.open("/login")
    assert visitor.page.evaluate(PARTS) == [
        "Nothing traded yet",
        "$25.00 traded, 25.0% of all: $24.99 as it stands",
        "Earned $24.99",
    ]
