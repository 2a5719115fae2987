"""Whole ways through the page, of people who meet, and of a page that meets with trouble."""

import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import Locator, Request, expect

from tests.adapters.serving import PASSWORD, Caller, Venue, database_for, serving, until, venue
from tests.web.trading import Trader, trading
from tests.web.visiting import Visitor

BACK_MS: Final = 60_000
"""Until a page that waits ever longer has found the server again."""


@pytest.fixture
def database(server_url: str, template: str) -> Iterator[str]:
    """For an exchange of one's own."""
    with database_for(server_url, template) as url:
        yield url


def fact(visitor: Visitor, name: str) -> Locator:
    """The amount beside a name."""
    name_of_it = visitor.page.get_by_text(name, exact=True)
    return visitor.page.locator("dl > div").filter(has=name_of_it).locator("dd")


def test_a_newcomer_registers_pays_in_buys_and_sells(visitor: Visitor, the_venue: Venue) -> None:
    market = the_venue.market(maker_fee_bps=0, taker_fee_bps=100)
    maker = the_venue.user(1_000_000)
    maker.placed(market, "BUY NO 100 @40")
    maker.placed(market, "BUY YES 100 @58")
    visitor.open("/")
    visitor.page.get_by_role("banner").get_by_role("link", name="Register").click()
    visitor.field("Username").fill("newcomer")
    visitor.field("E-mail").fill("newcomer@example.org")
    visitor.field("Password").fill(PASSWORD)
    visitor.page.keyboard.press("Enter")
    visitor.at("/portfolio")
    visitor.page.get_by_label("Positions").get_by_role("button", name="Deposit").click()
    visitor.field("Dollars").fill("100")
    visitor.page.keyboard.press("Enter")
    expect(fact(visitor, "To spend")).to_have_text("$100.00")

    visitor.page.get_by_role("link", name="Markets").click()
    visitor.field("Search markets").fill(market)
    visitor.page.get_by_role("link", name=f"Will {market} be?").click()
    newcomer = Trader(visitor, signed_in(the_venue, "newcomer"), market)
    newcomer.choose("Market")
    newcomer.fill(amount="50")
    newcomer.enter()
    newcomer.says("Bought 50 YES at 60¢ for $30.00.")
    expect(visitor.page.get_by_role("table", name="My shares")).to_contain_text("50 YES")
    newcomer.choose("Sell")
    newcomer.fill(amount="20")
    newcomer.enter()
    newcomer.says("Sold 20 YES at 58¢ for $11.60.")
    expect(visitor.page.get_by_role("table", name="My shares")).to_contain_text("30 YES")

    visitor.page.get_by_role("link", name="Portfolio").click()
    spendable = 10_000 - 3_000 - 30 + 1_160 - 12
    expect(fact(visitor, "To spend")).to_have_text(f"${spendable / 100:.2f}")
    assert newcomer.caller.data("/account/balance")["available_balance_cents"] == spendable
    assert newcomer.caller.data(f"/positions/{market}")["yes"]["volume"] == 30


def signed_in(the_venue: Venue, username: str) -> Caller:
    answer = the_venue.nobody.post("/auth/login", username=username, password=PASSWORD)
    assert answer.code == 0
    return Caller(the_venue.http, answer.data["access_token"], answer.data["user"]["user_id"], username)


def test_a_market_is_answered_before_ones_eyes(visitor: Visitor, the_venue: Venue) -> None:
    """What was half written cannot be sent any more; the payout is there without a reload."""
    market = the_venue.market(maker_fee_bps=0, taker_fee_bps=0)
    trader = trading(visitor, the_venue, market)
    trader.caller.placed(market, "BUY YES 50 @40")
    the_venue.user(100_000).placed(market, "BUY NO 50 @60")
    trader.caller.placed(market, "BUY YES 10 @20")
    expect(visitor.page.get_by_role("table", name="My shares")).to_contain_text("50 YES")
    trader.fill(price="30", amount="10")
    trader.says("You have $978.00")
    assert the_venue.admin.post(f"/admin/markets/{market}/resolve", resolution_result="YES").code == 0
    visitor.see("Resolved: YES")
    trader.says("Trading is over")
    expect(trader.ticket.get_by_role("button", name=re.compile("^Buy .*YES"))).to_be_disabled()
    expect(trader.orders).to_have_count(0)
    visitor.page.get_by_role("link", name="Portfolio").click()
    expect(fact(visitor, "To spend")).to_have_text("$1,030.00")
    assert trader.caller.data("/account/balance")["available_balance_cents"] == 103_000


def test_nobody_needs_a_mouse(visitor: Visitor, the_venue: Venue) -> None:
    """From signing in to an order that waits, and on to the portfolio that has it."""
    market, caller = the_venue.market(), the_venue.user(100_000)
    press = visitor.page.keyboard.press
    visitor.open("/login")
    expect(visitor.field("Username")).to_be_focused()
    visitor.page.keyboard.type(caller.name)
    press("Tab")
    visitor.page.keyboard.type(PASSWORD)
    press("Enter")
    visitor.at("/")
    expect(visitor.page.get_by_role("heading", name="Markets")).to_be_visible()
    press("/")
    expect(visitor.field("Search markets")).to_be_focused()
    visitor.page.keyboard.type(market)
    expect(visitor.page.get_by_role("link", name=re.compile("^Will MKT"))).to_have_count(1)
    press("Enter")
    visitor.at(f"/markets/{market}")
    trader = Trader(visitor, caller, market)
    trader.says("Enter a price")
    press("b")
    expect(trader.ticket.locator("[name=amount]")).to_be_focused()
    visitor.page.keyboard.type("20")
    press("Shift+Tab")
    visitor.page.keyboard.type("35")
    press("Enter")
    trader.says("20 YES wait in the book at 35¢.")
    assert [order["quantity"] for order in trader.placed()] == [20]
    press("Escape")
    visitor.page.evaluate("document.activeElement.blur()")
    press("g")
    press("p")
    visitor.at("/portfolio")
    expect(visitor.page.get_by_role("table", name="Open orders")).to_contain_text("35¢")


def test_the_theme_is_the_readers_and_stays(visitor: Visitor) -> None:
    def paper() -> str:
        colour = visitor.page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert isinstance(colour, str)
        return colour

    visitor.open("/")
    light = paper()
    visitor.page.emulate_media(color_scheme="dark")
    dark = paper()
    assert dark != light
    theme = visitor.button(re.compile("^Theme"))
    theme.click()
    expect(theme).to_have_accessible_name(re.compile("light"))
    assert paper() == light
    visitor.page.reload()
    expect(theme).to_have_accessible_name(re.compile("light"))
    assert paper() == light
    theme.click()
    visitor.page.emulate_media(color_scheme="light")
    assert paper() == dark


def test_a_page_finds_a_server_again_that_was_killed(
    visit: Callable[..., Visitor], database: str, tmp_path: Path
) -> None:
    """Meanwhile it says that it is not live; then it has what happened while it heard nothing."""
    with serving(database, tmp_path) as server, httpx.Client(base_url=server.address, timeout=30) as http:
        there = venue(server.address, http)
        market = there.market(maker_fee_bps=0, taker_fee_bps=0)
        trader = trading(visit(server.address), there, market)
        trader.fill(price="40", amount="50")
        trader.enter()
        trader.says("50 YES wait in the book at 40¢.")
        badge = trader.visitor.page.get_by_text(re.compile("^Not live"))
        expect(badge).to_have_count(0)
        server.stop(signal.SIGKILL)
        expect(badge).to_be_visible()
        trader.choose("Market")
        trader.fill(amount="10")
        trader.says("The order book is not live")
        trader.choose("Limit")
        trader.fill(price="30")
        trader.enter()
        trader.says("No answer came. Asking the exchange what became of the order.")
    port = str(urlsplit(server.address).port)
    with serving(database, tmp_path, VERDICT_PORT=port), httpx.Client(base_url=server.address) as http:
        there = venue(server.address, http)
        there.user(100_000).placed(market, "BUY NO 20 @60")
        expect(badge).to_have_count(0, timeout=BACK_MS)
        expect(trader.orders.get_by_role("row").nth(1)).to_contain_text("20 of 50", timeout=BACK_MS)
        expect(trader.visitor.page.get_by_role("table", name="My shares")).to_contain_text("20 YES")
        trader.says("The exchange never received this order. Nothing was done.")
        trader.ticket.get_by_role("button", name="Send the same again").click()
        trader.says("10 YES wait in the book at 30¢.")
        again = Caller(http, trader.caller.token)
        waiting = again.data("/orders", market_id=market, status="OPEN,PARTIALLY_FILLED")["items"]
        assert [order["remaining_quantity"] for order in waiting] == [10, 30]
        trader.visitor.page.close()
    trader.visitor.complaints.clear()  # the browser tells of each connection that was refused


def test_an_access_token_that_ends_is_nobodys_concern(
    visit: Callable[..., Visitor], database: str, tmp_path: Path
) -> None:
    """The next order goes through, and what happens to it afterwards is heard."""
    with (
        serving(database, tmp_path, VERDICT_JWT_ACCESS_SECONDS="8") as server,
        httpx.Client(base_url=server.address, timeout=30) as http,
    ):
        there = venue(server.address, http)
        market = there.market(maker_fee_bps=0, taker_fee_bps=0)
        tokens: list[str] = []

        def note(request: Request) -> None:
            tokens.append(request.headers.get("authorization", "").removeprefix("Bearer "))

        visitor = visit(server.address)
        visitor.page.on("request", note)
        trader = trading(visitor, there, market)
        trader.fill(price="40", amount="50")
        ended = [token for token in tokens if token][-1]
        until(lambda: Caller(http, ended).get("/account/balance").code == 1006)
        trader.enter()
        trader.says("50 YES wait in the book at 40¢.")
        assert ended not in tokens[-3:]
        there.user(100_000).placed(market, "BUY NO 20 @60")
        expect(trader.orders.get_by_role("row").nth(1)).to_contain_text("20 of 50")
        visitor.see(trader.caller.name)
        visitor.page.close()
    visitor.complaints.clear()  # as above
