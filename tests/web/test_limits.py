"""What the page asks of the exchange stays far within what a caller may ask in a minute."""

import re
from typing import Final

from playwright.sync_api import WebSocket, expect

from tests.adapters.serving import Venue, until
from tests.web.visiting import Visitor

REFRESH: Final = "/api/v1/auth/refresh"


def test_who_never_signed_in_is_not_counted_as_signing_in(visitor: Visitor) -> None:
    """All who share an address share five attempts a minute: readers must not use up those of the others."""
    asked: list[str] = []
    visitor.page.on("request", lambda request: asked.append(request.url))
    for _ in range(3):
        visitor.open("/")
        expect(visitor.page.get_by_role("banner").get_by_role("link", name="Sign in")).to_be_visible()
    assert asked
    assert not [url for url in asked if "/auth/" in url]


def test_a_session_that_cannot_go_on_is_asked_for_with_pauses(visitor: Visitor, the_venue: Venue) -> None:
    """Its stream is let in and closed each time; without pauses that would be hundreds of times a second."""
    caller = the_venue.user()
    market = the_venue.market()
    visitor.sign_in(caller)
    visitor.open(f"/markets/{market}")
    visitor.see(caller.name)
    streams: list[str] = []
    refreshed: list[str] = []
    visitor.page.on("websocket", lambda opened: streams.append(opened.url))
    visitor.page.on("request", lambda request: refreshed.append(request.url))
    visitor.page.route(f"**{REFRESH}", lambda route: route.abort())
    with visitor.page.expect_request(f"**{REFRESH}"):
        assert caller.post("/account/logout-all").code == 0
    visitor.page.wait_for_timeout(4_000)  # so long it could ask
    assert 0 < len([url for url in streams if url.endswith("/commands")]) < 6
    assert 0 < len([url for url in refreshed if url.endswith(REFRESH)]) < 4
    visitor.page.unroute(f"**{REFRESH}")
    expect(visitor.page.get_by_role("banner").get_by_role("link", name="Sign in")).to_be_visible()


def test_what_one_has_in_a_market_comes_by_the_stream(visitor: Visitor, the_venue: Venue) -> None:
    """However many trade with one's orders, they ask for no more than what stands ahead of those."""
    market = the_venue.market()
    ann, ben = the_venue.user(1_000_000), the_venue.user(1_000_000)
    for batch in range(3):
        orders = [
            {"op": "place", "market_id": market, "side": "YES", "direction": "BUY", "quantity": 5}
            | {"price_cents": 10 + number, "client_order_id": f"{batch}-{number}"}
            for number in range(40)
        ]
        assert ann.post("/orders/batch", commands=orders).code == 0
    visitor.sign_in(ann)
    asked: list[str] = []
    visitor.page.on("request", lambda request: asked.append(request.url))
    visitor.open(f"/markets/{market}")
    rows = visitor.page.get_by_role("table", name="Open orders").locator("tbody tr")
    expect(rows).to_have_count(120)
    ben.placed(market, "BUY NO 8 @51")
    expect(rows).to_have_count(119)
    expect(visitor.page.get_by_role("table", name="My shares")).to_contain_text("8 YES")
    ticket = visitor.page.get_by_role("region", name="Ticket")
    ticket.locator("[name=price]").fill("5")
    ticket.locator("[name=amount]").fill("1")
    expect(ticket).to_contain_text(
        f"You have ${ann.data('/account/balance')['available_balance_cents'] / 100:,.2f}"
    )
    own = {
        url.split("?")[0].split("/v1")[1] for url in asked if re.search("v1/(orders|positions|account)", url)
    }
    assert own == {"/account/profile", "/orders/queue"}


def test_a_window_that_nobody_looks_at_gives_its_feeds_up(visitor: Visitor, the_venue: Venue) -> None:
    """Readers at one address may have ten feeds together, and each window of a market has three."""
    market = the_venue.market()
    caller, other = the_venue.user(100_000), the_venue.user(100_000)
    visitor.page.clock.install()
    visitor.sign_in(caller)
    visitor.open("/web/icon.svg")  # what the list of markets still opens is not counted
    sockets: list[WebSocket] = []
    visitor.page.on("websocket", lambda opened: sockets.append(opened))
    visitor.open(f"/markets/{market}")
    visitor.see("Nobody has traded here yet")

    def open_now() -> int:
        visitor.page.wait_for_timeout(20)  # what has happened to them is told meanwhile
        return len([socket for socket in sockets if not socket.is_closed()])

    until(lambda: open_now() == 4)
    look(visitor, hidden=True)
    visitor.page.clock.fast_forward(61_000)
    until(lambda: open_now() == 0)
    caller.placed(market, "BUY YES 50 @40")
    other.placed(market, "BUY NO 20 @60")
    assert open_now() == 0
    look(visitor, hidden=False)
    expect(visitor.page.get_by_role("table", name="Open orders")).to_contain_text("20 of 50")
    expect(visitor.page.get_by_role("region", name="Trades").get_by_role("row").nth(1)).to_contain_text("40¢")
    assert open_now() == 4


def look(visitor: Visitor, *, hidden: bool) -> None:
    """Go to another window, or come back."""
    visitor.page.evaluate(
        """hidden => {
          Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
          document.dispatchEvent(new Event("visibilitychange"));
        }""",
        hidden,
    )
