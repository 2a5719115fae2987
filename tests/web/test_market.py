"""The screen of one market: what a person sees there is what the exchange has."""

import re
from typing import Any

from playwright.sync_api import expect

from tests.adapters.serving import Caller, Venue, until
from tests.web.visiting import Visitor


def trade(market: str, ann: Caller, ben: Caller, quantity: int, price: int) -> None:
    ann.placed(market, f"BUY YES {quantity} @{price}")
    ben.placed(market, f"BUY NO {quantity} @{100 - price}")


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


def told(price: int | None) -> str:
    return "–" if price is None else f"{price}¢"


def test_the_table_of_the_chart_is_what_the_exchange_sums_up(visitor: Visitor, the_venue: Venue) -> None:
    market = the_venue.market()
    ann, ben = the_venue.user(100_000), the_venue.user(100_000)
    visitor.open(f"/markets/{market}")
    visitor.see("No trades yet")
    trade(market, ann, ben, 40, 62)
    trade(market, ann, ben, 5, 65)
    ann.placed(market, "BUY YES 7 @60")
    chart = visitor.page.get_by_role("slider", name="Price of YES over time")
    expect(chart).to_have_attribute(
        "aria-valuetext", re.compile(r": 65¢, bid 60¢, ask –, 45 shares in 2 trades")
    )
    expect(chart.locator(".chart-tag-text")).to_have_text("65¢")
    visitor.button("Table").click()
    table = visitor.page.get_by_role("region", name="Prices as a table")

    def expected() -> list[list[str]]:
        candles = the_venue.nobody.data(f"/markets/{market}/candles", interval="1m")["items"]
        members = ("open", "high", "low", "close", "bid_close", "ask_close")
        return [
            [
                *(told(candle[f"{member}_cents"]) for member in members),
                f"{candle['volume']}",
                f"{candle['trades']}",
            ]
            for candle in reversed(candles)
        ]

    def shown() -> list[list[str]]:
        return [row.split("\t")[1:] for row in table.locator("tbody").inner_text().splitlines()]

    until(lambda: shown() == expected())
    assert ["62¢", "65¢", "62¢", "65¢", "60¢", "–", "45", "2"] in shown()


def test_the_arrows_read_the_chart(visitor: Visitor, the_venue: Venue) -> None:
    market = the_venue.market()
    trade(market, the_venue.user(100_000), the_venue.user(100_000), 40, 62)
    visitor.open(f"/markets/{market}")
    visitor.button("1 d").click()
    chart = visitor.page.get_by_role("slider", name="Price of YES over time")
    expect(chart).to_have_attribute("aria-valuetext", re.compile(r": 62¢"))
    chart.focus()
    visitor.page.keyboard.press("Home")
    expect(chart.locator(".chart-cross")).to_have_count(1)
    expect(chart).to_have_attribute("aria-valuenow", "0")
    visitor.page.keyboard.press("Escape")
    expect(chart.locator(".chart-cross")).to_have_count(0)


def test_a_change_of_status_is_seen_at_once_and_why(visitor: Visitor, the_venue: Venue) -> None:
    market = the_venue.market()
    admin = f"/admin/markets/{market}"
    visitor.open(f"/markets/{market}")
    visitor.see("Nobody has traded here yet")
    banner = visitor.page.locator(".market-says").first
    expect(banner).to_be_empty()
    for act, body, title, says in (
        (
            "suspend",
            {"reason": "waiting for <b>news</b>"},
            "Suspended",
            "“waiting for <b>news</b>”. No new orders",
        ),
        ("resume", {}, "", ""),
        ("mode", {"mode": "CANCEL_ONLY", "reason": "a storm"}, "Only cancelling", "“a storm”"),
        ("mode", {"mode": "NORMAL"}, "", ""),
        ("halt", {"reason": "a doubt"}, "Halted", "cannot be cancelled"),
        ("resume", {"resolution_note": "all well"}, "", ""),
        ("resolve", {"resolution_result": "NO", "settle": False}, "Resolved: NO", "The payout follows"),
        ("settle", {}, "Resolved: NO", "Each NO share paid $1.00, each YES share nothing"),
    ):
        assert the_venue.admin.post(f"{admin}/{act}", **body).code == 0
        if title:
            expect(banner).to_contain_text(title)
            expect(banner).to_contain_text(says)
        else:
            expect(banner).to_be_empty()
    visitor.page.get_by_role("tab", name="Activity").click()
    changes = visitor.page.get_by_role("tabpanel").get_by_role("listitem")
    expect(changes).to_have_count(len(the_venue.nobody.data(f"/markets/{market}/activity")["items"]))
    expect(changes.first).to_contain_text("Paid out from resolved")


def test_older_trades_are_loaded_to_the_first(visitor: Visitor, the_venue: Venue) -> None:
    market = the_venue.market()
    ann, ben = the_venue.user(1_000_000), the_venue.user(1_000_000)
    ann.placed(market, "BUY YES 1000 @62")
    for number in range(1, 106):
        ben.placed(market, f"BUY NO {number % 3 + 1} @38")
    visitor.open(f"/markets/{market}")
    rows = visitor.page.get_by_role("region", name="Trades").locator("tbody tr")
    expect(rows).to_have_count(100)
    visitor.button("Load older").click()
    expect(rows).to_have_count(105)
    visitor.see("That is the first trade")
    items: list[Any] = []
    cursor: str | None = ""
    while cursor is not None:
        page = the_venue.nobody.data(
            f"/markets/{market}/trades", limit=100, **({"cursor": cursor} if cursor else {})
        )
        items, cursor = items + page["items"], page["next_cursor"]
    shown = [row.split("\t")[3] for row in rows.locator("xpath=..").inner_text().splitlines()]
    assert shown == [str(item["quantity"]) for item in items]
