"""The ladder: who would trade at which price, as the exchange has it at every moment."""

import json
import random
from typing import Any, Final

from playwright.sync_api import expect

from tests.adapters.serving import Venue
from tests.web.trading import trading
from tests.web.visiting import Visitor

SEEN: Final = """() => Object.fromEntries([...document.querySelectorAll("[data-price]")].map((row) => {
    const [bid, , ask] = [...row.children].map((cell) => Number(
        cell.querySelector("span:last-child:not(.badge)")?.textContent.replaceAll(",", "") ?? 0));
    return [row.dataset.price, [bid, ask]];
}).filter(([, [bid, ask]]) => bid + ask > 0))"""
"""Shares by price: wanted, offered."""
LINE: Final = """
    window.WebSocket = class extends WebSocket {
        constructor(...address) {
            super(...address);
            this.addEventListener("message", (event) => {
                if (window.deaf) event.stopImmediatePropagation();
                window.hearing = true;
                setTimeout(() => (window.hearing = false));
            });
        }

        send(message) {
            window.asked ||= window.hearing && message.includes("REQUEST_SNAPSHOT");
            super.send(message);
        }
    };
"""
"""A page that may miss what comes by its lines, and whether what then came made it ask for all."""


def held(venue: Venue, market: str, side: str = "yes") -> dict[str, list[int]]:
    book = venue.nobody.data(f"/markets/{market}/orderbook", levels=99)[side]
    levels: dict[str, list[int]] = {}
    for kind, place in (("bids", 0), ("asks", 1)):
        for level in book[kind]:
            levels.setdefault(str(level["price_cents"]), [0, 0])[place] = level["total_quantity"]
    return levels


def shows(visitor: Visitor, book: dict[str, list[int]]) -> None:
    """Wait until the ladder shows this book and no other."""
    visitor.page.wait_for_function(
        f"book => JSON.stringify(({SEEN})()) === book", arg=json.dumps(book, separators=(",", ":"))
    )


def ordered(book: dict[str, list[int]]) -> dict[str, list[int]]:
    """As a script orders keys that are numbers."""
    return {price: book[price] for price in sorted(book, key=int)}


def test_a_price_is_picked_by_mouse_and_by_keyboard(visitor: Visitor, the_venue: Venue) -> None:
    market = the_venue.market()
    other = the_venue.user(100_000)
    other.placed(market, "BUY YES 40 @55")
    other.placed(market, "BUY NO 30 @40")
    trader = trading(visitor, the_venue, market)
    price, page = trader.ticket.locator("[name=price]"), visitor.page
    trader.book.get_by_role("button", name="60¢, 0 wanted, 30 offered").click()
    expect(price).to_have_value("60")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(trader.book.get_by_role("button", name="58¢, 0 wanted, 0 offered")).to_be_focused()
    page.keyboard.press("Enter")
    expect(price).to_have_value("58")
    assert trader.book.locator("[tabindex='0']").count() == 1
    trader.book.get_by_role("button", name="NO", exact=True).click()
    trader.book.get_by_role("button", name="40¢, 30 wanted, 0 offered").click()
    expect(price).to_have_value("40")
    expect(trader.ticket.get_by_role("button", name="NO 45¢")).to_have_attribute("aria-pressed", "true")
    shows(visitor, ordered(held(the_venue, market, "no")))


def test_own_orders_are_marked_with_what_waits_ahead(visitor: Visitor, the_venue: Venue) -> None:
    market = the_venue.market()
    other = the_venue.user(100_000)
    other.placed(market, "BUY YES 40 @55")
    trader = trading(visitor, the_venue, market)
    trader.fill(price="55", amount="10")
    trader.enter()
    mark = trader.book.locator("[data-price='55'] .bid .badge")
    expect(mark).to_have_text("10 · 40")
    expect(mark).to_have_attribute("title", "Yours: 10; 40 ahead")
    (order,) = other.data("/orders", market_id=market)["items"]
    assert other.post(f"/orders/{order['id']}/cancel").code == 0
    expect(mark).to_have_text("10 · 0")
    trader.book.get_by_role("button", name="NO", exact=True).click()
    expect(trader.book.locator("[data-price='45'] .ask .badge")).to_have_text("10 · 0")


def test_a_message_that_is_missing_is_noticed_with_the_next(visitor: Visitor, the_venue: Venue) -> None:
    """The line stands all the while; and whatever comes, no price changes its place."""
    market = the_venue.market()
    callers = [the_venue.user(10_000_000) for _ in range(4)]
    chance = random.Random(20261122)
    visitor.page.add_init_script(LINE)
    trader = trading(visitor, the_venue, market)
    row = trader.book.locator("[data-price='50']")
    place = row.bounding_box()

    def trade() -> None:
        for caller in callers:
            commands = [wish(chance, market) for _ in range(25)]
            assert caller.post("/orders/batch", commands=commands).code == 0

    trade()
    shows(visitor, ordered(held(the_venue, market)))
    visitor.page.evaluate("window.deaf = true")
    trade()
    assert visitor.page.evaluate(SEEN) != ordered(held(the_venue, market))
    visitor.page.evaluate("window.deaf = false")
    trade()
    visitor.page.wait_for_function("window.asked")
    shows(visitor, ordered(held(the_venue, market)))
    assert row.bounding_box() == place


def wish(chance: random.Random, market: str) -> dict[str, Any]:
    """An order around the middle; what would meet one of the same user gives way."""
    return {
        "op": "place",
        "client_order_id": f"{chance.getrandbits(64):x}",
        "market_id": market,
        "side": chance.choice(["YES", "NO"]),
        "direction": "BUY",
        "price_cents": chance.randint(35, 55),
        "quantity": chance.randint(1, 60),
        "self_trade_mode": "CANCEL_MAKER",
    }
