"""The list of markets: finding one, how it stands as it changes, and that nothing in it is more than text."""

import datetime
import secrets

import pytest
from playwright.sync_api import Locator, expect

from tests.adapters.serving import Venue
from tests.web.visiting import Visitor


@pytest.fixture
def topic() -> str:
    """A category of its own, so that a test finds its markets among those of others."""
    return f"topic {secrets.token_hex(3)}"


def market(venue: Venue, title: str, topic: str, *, ends: datetime.timedelta | None = None) -> str:
    """An open market with a question of its own."""
    market_id = f"LIST-{secrets.token_hex(4)}"
    end = None if ends is None else (datetime.datetime.now(datetime.UTC) + ends).isoformat()
    answer = venue.admin.post("/admin/markets", id=market_id, title=title, category=topic, trading_end_at=end)
    assert answer.status == 201, answer.envelope
    assert venue.admin.post(f"/admin/markets/{market_id}/activate").code == 0
    return market_id


def rows(visitor: Visitor) -> Locator:
    return visitor.page.locator("li.market:not(.pending)")


def row(visitor: Visitor, title: str) -> Locator:
    return rows(visitor).filter(has_text=title)


def trade(venue: Venue, market_id: str, price: int, quantity: int = 10) -> None:
    """Two people meet at this price, and leave quotes a cent beside it."""
    yes, no = venue.user(100_000), venue.user(100_000)
    yes.placed(market_id, f"BUY YES {quantity} @{price}")
    no.placed(market_id, f"BUY NO {quantity} @{100 - price}")
    yes.placed(market_id, f"BUY YES 1 @{price - 1}")
    no.placed(market_id, f"BUY NO 1 @{100 - price - 1}")


def test_a_search_leaves_what_matches_and_stays_in_the_address(
    visitor: Visitor, the_venue: Venue, topic: str
) -> None:
    market(the_venue, "Will it rain in München?", topic)
    market(the_venue, "Will it snow in Vienna?", topic)
    visitor.open(f"/?category={topic}")
    expect(rows(visitor)).to_have_count(2)
    visitor.page.keyboard.press("/")
    visitor.page.keyboard.type("munchen rain")
    expect(rows(visitor)).to_have_count(1)
    visitor.at(f"/?q=munchen+rain&category={topic.replace(' ', '+')}")
    visitor.page.reload()
    expect(visitor.field("Search markets")).to_have_value("munchen rain")
    expect(row(visitor, "München")).to_have_count(1)
    expect(rows(visitor)).to_have_count(1)


def test_the_way_back_from_a_market_leads_to_the_same_list(
    visitor: Visitor, the_venue: Venue, topic: str
) -> None:
    market(the_venue, "Will the bridge open?", topic)
    visitor.open(f"/?category={topic}&sort=newest")
    row(visitor, "Will the bridge open?").get_by_role("link").click()
    visitor.page.wait_for_url("**/markets/*")
    visitor.page.go_back()
    expect(visitor.button("Newest")).to_have_attribute("aria-pressed", "true")
    expect(rows(visitor)).to_have_count(1)


def test_each_order_of_the_list_puts_first_what_it_says(
    visitor: Visitor, the_venue: Venue, topic: str
) -> None:
    busy = market(the_venue, "Busy?", topic, ends=datetime.timedelta(days=9))
    moved = market(the_venue, "Moved?", topic, ends=datetime.timedelta(days=5))
    market(the_venue, "Soon?", topic, ends=datetime.timedelta(hours=1))
    market(the_venue, "Youngest?", topic)
    trade(the_venue, busy, 50, quantity=500)
    trade(the_venue, moved, 40)
    for seller in ("BUY YES 1 @70", "BUY NO 1 @30"):
        the_venue.user(100_000).placed(moved, seller)
    visitor.open(f"/?category={topic}")
    links = rows(visitor).get_by_role("link")
    expect(links.first).to_have_text("Busy?")
    for order, first in (("Closing soon", "Soon?"), ("Newest", "Youngest?"), ("Biggest move", "Moved?")):
        visitor.button(order).click()
        expect(links.first).to_have_text(first)
    expect(links).to_have_count(4)


def test_a_row_moves_as_its_market_does(visitor: Visitor, the_venue: Venue, topic: str) -> None:
    market_id = market(the_venue, "Will it move?", topic)
    visitor.open(f"/?category={topic}")
    moving = row(visitor, "Will it move?")
    # Nobody has said anything yet, so neither does the page.
    expect(moving.locator(".chance")).to_have_text("Chance: –")
    trade(the_venue, market_id, 40)
    expect(moving.locator(".chance")).to_have_text("Chance: 40%")
    trade(the_venue, market_id, 47)
    ticker = the_venue.nobody.data(f"/markets/{market_id}/ticker")
    bid, ask = ticker["best_bid_cents"], ticker["best_ask_cents"]
    chance = (bid + ask + 1) // 2
    assert chance != 40
    expect(moving.locator(".chance")).to_have_text(f"Chance: {chance}%")
    expect(moving.locator(".quotes")).to_have_text(f"Bid / ask: {bid}¢ / {ask}¢")
    expect(moving.locator(".by")).to_have_text(f"+{chance - 40}¢")
    expect(moving.locator(".volume")).to_contain_text(str(ticker["volume_24h"]))


def test_a_suspension_shows_at_once_and_an_end_takes_the_market_off_the_list(
    visitor: Visitor, the_venue: Venue, topic: str
) -> None:
    market_id = market(the_venue, "Will it last?", topic)
    visitor.open(f"/?category={topic}")
    assert the_venue.admin.post(f"/admin/markets/{market_id}/suspend").code == 0
    expect(row(visitor, "Will it last?")).to_contain_text("Suspended")
    assert the_venue.admin.post(f"/admin/markets/{market_id}/resolve", resolution_result="YES").code == 0
    visitor.see("There is no such market")
    visitor.button("Look among all markets").click()
    visitor.button(topic).click()
    expect(row(visitor, "Will it last?")).to_contain_text("Paid out")


def test_a_market_that_opens_appears_without_a_reload(visitor: Visitor, the_venue: Venue, topic: str) -> None:
    visitor.open(f"/?category={topic}")
    visitor.see("There is no such market")
    market(the_venue, "Is it new?", topic)
    expect(row(visitor, "Is it new?")).to_be_visible()


def test_a_title_with_markup_in_it_stays_text(visitor: Visitor, the_venue: Venue, topic: str) -> None:
    title = "Will <b id=bold>this</b> &amp; <img src=x onerror=alert(1)> be?"
    market(the_venue, title, topic)
    visitor.open(f"/?category={topic}")
    expect(rows(visitor).get_by_role("link")).to_have_text(title)
    assert visitor.page.locator("#bold, li.market img").count() == 0


def test_a_long_list_comes_in_pages_with_few_requests_for_their_pictures(
    visitor: Visitor, the_venue: Venue, topic: str
) -> None:
    for number in range(53):
        market(the_venue, f"Will number {number} be?", topic)
    asked: list[str] = []
    visitor.page.on("request", lambda request: asked.append(request.url))
    visitor.page.set_viewport_size({"width": 1280, "height": 300})
    visitor.open(f"/?category={topic}")
    expect(rows(visitor)).to_have_count(20)
    assert sum("/api/v1/candles?" in url for url in asked) == 1
    with visitor.page.expect_request("**/api/v1/candles?*"):
        visitor.button("Show 20 more").scroll_into_view_if_needed()
        expect(rows(visitor)).to_have_count(40)
        visitor.button("Show 13 more").scroll_into_view_if_needed()
        expect(rows(visitor)).to_have_count(53)
        visitor.see("That is all: 53 markets.")
    assert sum("/api/v1/candles?" in url for url in asked) <= 3


def test_who_is_new_reads_what_this_is_and_what_to_do(visitor: Visitor, the_venue: Venue) -> None:
    visitor.open("/")
    visitor.see("A share pays $1 if its answer comes true.")
    visitor.sign_in(the_venue.user())
    expect(visitor.page.get_by_text("A share pays $1")).to_have_count(0)
