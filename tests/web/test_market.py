"""The screen of one market: what a person sees there is what the exchange has."""

import random
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import attrs
from playwright.sync_api import expect

from tests.adapters.serving import Caller, Venue, until
from tests.web.line import line_to
from tests.web.visiting import PHONE, Visitor

BATCH: Final = 50


def trade(market: str, ann: Caller, ben: Caller, quantity: int, price: int) -> None:
    ann.placed(market, f"BUY YES {quantity} @{price}")
    ben.placed(market, f"BUY NO {quantity} @{100 - price}")


@attrs.define
class Crowd:
    """Users who place and cancel at random around the middle, in batches."""

    market: str
    users: list[Caller]
    chance: random.Random = attrs.field(factory=lambda: random.Random(13))
    count: int = 0
    traded: int = 0

    def act(self, times: int) -> None:
        for _ in range(times // BATCH):
            user = self.chance.choice(self.users)
            answer = user.post("/orders/batch", commands=[self.wish() for _ in range(BATCH)])
            assert answer.code == 0, answer.envelope
            results = answer.data["results"]
            self.traded += sum(len(result["data"].get("trades", ())) for result in results if result["ok"])

    def wish(self) -> dict[str, Any]:
        self.count += 1
        if self.count > BATCH and self.chance.random() < 0.2:
            name = f"{self.market}-{self.chance.randrange(self.count)}"
            return {"op": "cancel", "market_id": self.market, "client_order_id": name}
        return {
            "op": "place",
            "market_id": self.market,
            "client_order_id": f"{self.market}-{self.count}",
            "direction": "BUY",
            "side": self.chance.choice(["YES", "NO"]),
            "price_cents": self.chance.randint(38, 62),
            "quantity": self.chance.randint(1, 20),
            "self_trade_mode": "CANCEL_MAKER",
        }


def levels_of(the_venue: Venue, market: str) -> dict[int, tuple[int, int]]:
    """Shares wanted and offered at each price of YES, as the exchange has them."""
    book = the_venue.nobody.data(f"/markets/{market}/orderbook", levels=99)["yes"]
    bids, asks = (
        {level["price_cents"]: level["total_quantity"] for level in book[side]} for side in ("bids", "asks")
    )
    return {price: (bids.get(price, 0), asks.get(price, 0)) for price in sorted(bids | asks)}


def levels_on(visitor: Visitor) -> dict[int, tuple[int, int]]:
    """The same, as the ladder tells whoever hears it."""
    said: list[str] = visitor.page.locator(".ladder button").evaluate_all(
        "buttons => buttons.map((button) => button.ariaLabel ?? '')"
    )
    found = [re.fullmatch(r"(\d+)¢, ([\d,]+) wanted, ([\d,]+) offered", one) for one in said]
    levels = [tuple(int(number.replace(",", "")) for number in one.groups()) for one in found if one]
    return {price: (bid, ask) for price, bid, ask in sorted(levels) if bid or ask}


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


def test_a_moment_of_another_year_tells_the_year(visitor: Visitor, the_venue: Venue) -> None:
    market = the_venue.market(resolution_date="2031-01-02T12:00:00Z")
    visitor.open(f"/markets/{market}")
    visitor.page.get_by_role("tab", name="Rules").click()
    expect(visitor.page.get_by_role("tabpanel")).to_contain_text("Jan 2, 2031, 13:00")


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
    expect(chart).to_have_attribute("aria-valuetext", re.compile(r": 65¢, bid 60¢, ask –, "))
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
            for candle in candles
        ]

    def shown() -> list[list[str]]:
        return [row.split("\t")[1:] for row in reversed(table.locator("tbody").inner_text().splitlines())]

    # A minute may turn anywhere: it parts the two trades, or the exchange has one more than the page.
    until(lambda: sum(int(row[7]) for row in shown()) == 2 and shown()[-1][4] == "60¢")
    rows = shown()
    assert rows == expected()[: len(rows)]
    traded = [row for row in rows if row[7] != "0"]
    assert (traded[0][0], traded[-1][3], sum(int(row[6]) for row in traded)) == ("62¢", "65¢", 45)
    assert rows[-1][4:6] == ["60¢", "–"]


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


def test_a_pause_is_told_with_its_cause_and_its_end(visitor: Visitor, the_venue: Venue) -> None:
    market = the_venue.market(halt_move_cents=8, halt_pause_ms=3_600_000)
    ann, ben = the_venue.user(100_000), the_venue.user(100_000)
    visitor.open(f"/markets/{market}")
    visitor.see("Nobody has traded here yet")
    banner = visitor.page.locator(".market-says").first
    expect(banner).to_be_empty()
    for price in (50, 60):
        trade(market, ann, ben, 10, price)
    expect(banner).to_contain_text("Paused")
    expect(banner).to_contain_text("The price moved far in a short time. Trading goes on by itself at ")
    expect(banner).to_contain_text(", in 59 min. No new orders are taken. Yours stay where they are")
    told = banner.locator("time").get_attribute("datetime")
    assert told == the_venue.nobody.data(f"/markets/{market}")["pause_until"]


def test_the_end_of_trading_is_told_when_it_comes(visitor: Visitor, the_venue: Venue) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=4)
    market = the_venue.market(trading_end_at=soon.isoformat())
    visitor.open(f"/markets/{market}")
    visitor.see("Nobody has traded here yet")
    banner = visitor.page.locator(".market-says").first
    expect(banner).to_contain_text("Trading has ended")
    expect(banner).to_contain_text("Orders that still wait will not trade; you can cancel them")
    assert the_venue.nobody.data(f"/markets/{market}")["status"] == "SUSPENDED"


def test_a_market_that_is_called_off_tells_why_and_what_was_paid(visitor: Visitor, the_venue: Venue) -> None:
    market = the_venue.market()
    ann, ben = the_venue.user(100_000), the_venue.user(100_000)
    trade(market, ann, ben, 10, 60)
    visitor.sign_in(ann)
    visitor.open(f"/markets/{market}")
    visitor.see("10 YES")
    void = {"void_price_cents": 30, "reason": "the question was unclear"}
    assert the_venue.admin.post(f"/admin/markets/{market}/void", **void).code == 0
    banner = visitor.page.locator(".market-says").first
    expect(banner).to_contain_text("Called off")
    expect(banner).to_contain_text("An administrator: “the question was unclear”.")
    expect(banner).to_contain_text(
        "Each YES share paid 30¢, each NO share 70¢. All open orders were cancelled"
    )
    visitor.see("You hold no shares here.")


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
    visitor.see("That is all.")
    items: list[Any] = []
    cursor: str | None = ""
    while cursor is not None:
        page = the_venue.nobody.data(
            f"/markets/{market}/trades", limit=100, **({"cursor": cursor} if cursor else {})
        )
        items, cursor = items + page["items"], page["next_cursor"]
    shown = [row.split("\t")[3] for row in rows.locator("xpath=..").inner_text().splitlines()]
    assert shown == [str(item["quantity"]) for item in items]


def test_the_book_on_screen_is_the_servers_after_a_thousand_orders_and_two_lost_lines(
    visit: Callable[..., Visitor], the_venue: Venue
) -> None:
    market = the_venue.market()
    crowd = Crowd(market, [the_venue.user(1_000_000) for _ in range(8)])
    with line_to(the_venue.address) as line:
        visitor = visit(line.address)
        visitor.open(f"/markets/{market}")
        badge = visitor.page.get_by_text("Not live")
        crowd.act(300)
        until(lambda: levels_on(visitor) == levels_of(the_venue, market))

        line.cut()
        crowd.act(200)
        expect(badge).to_be_visible()
        line.mend()
        crowd.act(100)
        expect(badge).to_have_count(0)
        until(lambda: levels_on(visitor) == levels_of(the_venue, market))

        seen = levels_on(visitor)
        line.is_silent = True
        crowd.act(200)
        assert the_venue.admin.post(f"/admin/markets/{market}/mode", mode="CANCEL_ONLY").code == 0
        expect(badge).to_have_text(re.compile(r"Not live · \d+ s"))
        assert levels_on(visitor) == seen != levels_of(the_venue, market)
        line.mend()
        expect(badge).to_have_count(0)
        visitor.see("Only cancelling")
        assert the_venue.admin.post(f"/admin/markets/{market}/mode", mode="NORMAL").code == 0
        crowd.act(200)
        until(lambda: levels_on(visitor) == levels_of(the_venue, market))
        assert crowd.traded > 100
        last = the_venue.nobody.data(f"/markets/{market}/trades", limit=1)["items"][0]
        expect(visitor.page.locator(".chart-tag-text")).to_have_text(f"{last['price_cents']}¢")
        visitor.page.close()
        # The browser tells of each connection that was turned away.
        visitor.complaints.clear()


def test_on_a_phone_the_ticket_comes_and_goes_by_keys(
    visit: Callable[..., Visitor], the_venue: Venue
) -> None:
    visitor = visit(size=PHONE)
    visitor.open(f"/markets/{the_venue.market()}")
    ticket, trade = visitor.page.locator("#ticket"), visitor.button("Trade")
    expect(ticket).to_be_hidden()
    trade.press("Enter")
    expect(ticket).to_be_visible()
    expect(ticket.get_by_role("button", name="Close")).to_be_focused()
    visitor.page.keyboard.press("Enter")
    expect(ticket).to_be_hidden()
    expect(trade).to_be_focused()
