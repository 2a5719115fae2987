"""The screen of one market: what a person sees there is what the exchange has."""

from playwright.sync_api import expect

from tests.adapters.serving import Venue
from tests.web.visiting import Visitor


def test_trades_are_seen_as_they_happen(visitor: Visitor, the_venue: Venue) -> None:
    market = the_venue.market()
    ann, ben = the_venue.user(100_000), the_venue.user(100_000)
    visitor.open(f"/markets/{market}")
    visitor.see("Nobody has traded here yet")
    ann.placed(market, "BUY YES 40 @62")
    ben.placed(market, "BUY NO 30 @38")
    row = visitor.page.get_by_role("region", name="Trades").get_by_role("row").nth(1)
    expect(row).to_contain_text("▼ Sell")
    expect(row.get_by_role("cell")).to_have_text(
        [row.get_by_role("cell").first.inner_text(), "▼ Sell", "62¢", "30"]
    )
    assert [trade["quantity"] for trade in the_venue.nobody.data(f"/markets/{market}/trades")["items"]] == [
        30
    ]


def test_a_market_that_is_not_there_is_said_so(visitor: Visitor) -> None:
    visitor.open("/markets/MKT-NOWHERE")
    visitor.see("There is no such market")
    visitor.open("/login")  # by now the browser has told of the feeds, which were refused, too
    visitor.complaints.clear()


def test_markup_in_a_title_stays_text(visitor: Visitor, the_venue: Venue) -> None:
    title = '<img src=x onerror="document.title=1"> & <b>bold</b>'
    market = the_venue.market(active=False)
    answer = the_venue.admin.post("/admin/markets", id=f"{market}-X", title=title)
    assert answer.code == 0
    assert the_venue.admin.post(f"/admin/markets/{market}-X/activate").code == 0
    visitor.open(f"/markets/{market}-X")
    expect(visitor.page.get_by_role("heading", level=1)).to_have_text(title)
    assert visitor.page.locator("h1 *").count() == 0
