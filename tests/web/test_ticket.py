"""The ticket: what a person sees before and after an order is what the exchange holds."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from playwright.sync_api import Route, expect

from tests.adapters.serving import PASSWORD, Venue
from tests.web.trading import OPEN, Trader, trading
from tests.web.visiting import PHONE, Visitor


@pytest.fixture
def market(the_venue: Venue) -> str:
    """Asks of 40 at 60 and 100 at 62, a bid of 50 at 55."""
    market = the_venue.market()
    other = the_venue.user(1_000_000)
    for wish in ("BUY NO 40 @40", "BUY NO 100 @38", "BUY YES 50 @55"):
        other.placed(market, wish)
    return market


@pytest.fixture
def trader(visitor: Visitor, the_venue: Venue, market: str) -> Trader:
    return trading(visitor, the_venue, market)


def test_a_limit_order_is_foreseen_sent_and_seen_to_fill(trader: Trader, the_venue: Venue) -> None:
    trader.fill(price="60", amount="100")
    expect(trader.line("Fills now")).to_have_text("40 of 100")
    expect(trader.line("Cost")).to_have_text("$60.00")
    expect(trader.line("Fee at most")).to_have_text("$0.12")
    expect(trader.line("Pays if right")).to_have_text("$100.00")
    expect(trader.line("Stays set aside")).to_have_text("$36.08")
    trader.enter()
    trader.says("Bought 40 YES at 60¢ for $24.00. 60 YES wait in the book at 60¢.")
    trader.says("Fee in all $0.04.")
    (order,) = trader.placed()
    assert (order["filled_quantity"], order["remaining_quantity"], order["frozen_amount"]) == (40, 60, 3608)
    row = trader.orders.get_by_role("row").nth(1)
    expect(row).to_contain_text("40 of 100")
    the_venue.user(100_000).placed(trader.market, "BUY NO 60 @40")
    expect(trader.visitor.page.get_by_text("You have no open orders here")).to_be_visible()
    expect(trader.visitor.page.get_by_role("table", name="My shares")).to_contain_text("100 YES")
    assert trader.caller.data(f"/positions/{trader.market}")["yes"]["volume"] == 100


def test_a_market_order_spends_no_more_than_its_cap(trader: Trader) -> None:
    trader.choose("Market", "$")
    trader.fill(amount="30")
    expect(trader.line("Fills now")).to_have_text("49 of 49")
    trader.enter()
    trader.says("Bought 49 YES at 60.37¢ for $29.58.")
    (order,) = trader.placed()
    assert (order["time_in_force"], order["original_price_cents"], order["max_cost_cents"]) == (
        "IOC",
        99,
        3000,
    )
    assert (order["filled_quantity"], order["status"]) == (49, "CANCELLED")
    spent = 100_000 - trader.caller.data("/account/balance")["total_balance_cents"]
    assert spent == 2958 + 5 + 2
    expect(trader.ticket.locator("#ticket-reason")).to_have_text("Enter an amount")


def test_a_sale_at_the_market_takes_no_less_than_was_shown(trader: Trader, the_venue: Venue) -> None:
    trader.caller.placed(trader.market, "BUY YES 40 @60")
    the_venue.user(100_000).placed(trader.market, "BUY YES 20 @54")
    trader.choose("Sell", "Market")
    trader.fill(amount="60")
    trader.says("You have 40 YES to sell")
    trader.fill(amount="40")
    expect(trader.line("You receive")).to_have_text("$22.00")
    expect(trader.line("After fees at least")).to_have_text("$21.60")
    trader.enter()
    trader.says("Sold 40 YES at 55¢ for $22.00.")
    assert trader.placed()[0]["original_price_cents"] == 55


def test_buying_the_other_side_turns_pairs_into_cash(trader: Trader, the_venue: Venue) -> None:
    trader.caller.placed(trader.market, "BUY YES 40 @60")
    trader.choose("NO")
    trader.fill(price="45", amount="30")
    trader.says("30 pairs turn into $30.00 at once")
    trader.enter()
    trader.says("30 pairs turned into $30.00.")
    expect(trader.visitor.page.get_by_role("table", name="My shares")).to_contain_text("10 YES")


def test_all_or_nothing_that_cannot_is_nothing(trader: Trader) -> None:
    trader.kind("FOK")
    trader.fill(price="60", amount="41")
    trader.says("Would be refused: 40 of 41 could fill now.")
    trader.enter()
    amount = trader.ticket.locator("[name=amount]")
    expect(amount).to_have_accessible_description(re.compile("cannot be filled: 40 of 41"))
    assert trader.placed() == []
    trader.fill(amount="40")
    trader.enter()
    trader.says("Bought 40 YES at 60¢")
    assert trader.placed()[0]["status"] == "FILLED"


def test_post_only_never_takes(trader: Trader) -> None:
    trader.ticket.get_by_label("Post-only").check()
    trader.fill(price="60", amount="10")
    trader.says("Would be refused: it may only wait")
    trader.enter()
    expect(trader.ticket.locator("[name=price]")).to_have_accessible_description(re.compile("would take"))
    assert trader.placed() == []
    trader.fill(price="59")
    trader.enter()
    trader.says("10 YES wait in the book at 59¢.")
    assert trader.placed()[0]["post_only"] is True


def test_an_order_until_a_time_ends_then(trader: Trader) -> None:
    trader.kind("GTD")
    trader.fill(price="50", amount="10")
    trader.says("Enter until when")
    tomorrow = (datetime.now() + timedelta(days=1)).replace(second=0, microsecond=0)
    trader.fill(until=tomorrow.isoformat(timespec="minutes"))
    trader.enter()
    trader.says("10 YES wait in the book at 50¢.")
    (order,) = trader.placed()
    zone = trader.visitor.page.evaluate("moment => new Date(moment).toISOString()", tomorrow.isoformat())
    assert order["expires_at"][:16] == zone[:16]


def test_escape_clears_and_a_button_says_why_it_is_not_there(trader: Trader, the_venue: Venue) -> None:
    reason = trader.ticket.locator("#ticket-reason")
    send = trader.ticket.locator("button.primary")
    for typed, why in [
        ({"price": "60"}, "Enter how many shares"),
        ({"amount": "10001"}, "At most 10,000 shares an order"),
        ({"amount": "5000"}, "You have $1,000.00; this needs $3,006.00"),
        ({"price": "100", "amount": "1"}, "The price must be 1 to 99¢"),
    ]:
        trader.fill(**typed)
        expect(reason).to_have_text(why)
        expect(send).to_be_disabled()
        expect(send).to_have_accessible_description(why)
    trader.ticket.locator("[name=price]").press("Escape")
    expect(trader.ticket.locator("[name=price]")).to_have_value("")
    trader.visitor.page.locator("h1").click()
    trader.visitor.page.keyboard.press("s")
    expect(trader.ticket.locator("[name=amount]")).to_be_focused()
    trader.fill(price="60", amount="1")
    expect(reason).to_have_text("You have no YES to sell")
    assert the_venue.admin.post(f"/admin/markets/{trader.market}/suspend").code == 0
    expect(reason).to_have_text("Trading is suspended")
    assert trader.placed() == []


def test_an_order_that_would_meet_an_own_one_says_so(trader: Trader) -> None:
    trader.fill(price="57", amount="10")
    trader.enter()
    trader.says("10 YES wait")
    expect(trader.orders).to_be_visible()
    trader.choose("NO")
    trader.fill(price="43", amount="5")
    trader.says("an order of yours waits at 43¢")
    trader.enter()
    trader.says("Self-trade")
    assert len(trader.placed()) == 1


def test_an_order_is_amended_in_its_place_and_cancelled(trader: Trader, the_venue: Venue) -> None:
    trader.fill(price="55", amount="30")
    trader.enter()
    row = trader.orders.get_by_role("row").nth(1)
    expect(row.get_by_role("cell").nth(3)).to_have_text("50")
    the_venue.user(100_000).placed(trader.market, "BUY YES 5 @55")
    trader.visitor.button(re.compile("^Amend Buy 30 YES in")).click()
    shares = trader.visitor.field("Shares in all")
    shares.fill("40")
    trader.visitor.see("It goes to the end of the queue at its price")
    shares.fill("20")
    trader.visitor.see("It keeps its place in the queue.")
    shares.press("Enter")
    trader.visitor.see("Amended. It kept its place in the queue.")
    (order,) = trader.placed()
    assert order["quantity"] == 20
    assert trader.caller.data(f"/orders/{order['id']}/queue")["shares_ahead"] == 50
    trader.visitor.button(re.compile("^Cancel Buy 20 YES in")).click()
    trader.visitor.see("Cancelled: Buy 20 YES.")
    expect(trader.visitor.page.get_by_text("You have no open orders here")).to_be_visible()
    assert trader.placed(status=OPEN) == []


def sending(trader: Trader, answer: Callable[[Route], None]) -> list[str]:
    """Send an order whose first request the network treats so; the names that were sent."""
    names: list[str] = []

    def treat(route: Route) -> None:
        if route.request.method != "POST":
            route.fallback()
            return
        body = route.request.post_data_json
        assert body is not None
        names.append(body["client_order_id"])
        if len(names) == 1:
            answer(route)
        else:
            route.fallback()

    trader.visitor.page.route("**/api/v1/orders", treat)
    trader.fill(price="60", amount="10")
    trader.enter()
    return names


def test_an_answer_that_was_lost_is_found_again(trader: Trader) -> None:
    def cut(route: Route) -> None:
        route.fetch()
        route.abort("connectionreset")

    names = sending(trader, cut)
    trader.says("The answer was lost; this is what the exchange has.")
    trader.says("Bought 10 YES at 60¢ for $6.00.")
    assert [order["client_order_id"] for order in trader.placed()] == names


def test_an_order_that_never_arrived_can_be_sent_again_by_the_same_name(trader: Trader) -> None:
    names = sending(trader, lambda route: route.abort("connectionrefused"))
    trader.says("The exchange never received this order. Nothing was done.")
    expect(trader.ticket.locator("#ticket-reason")).to_have_text("Send the last order again, or drop it")
    assert trader.placed() == []
    trader.choose("Send the same again")
    trader.says("Bought 10 YES at 60¢ for $6.00.")
    assert len(names) == 2
    assert [order["client_order_id"] for order in trader.placed()] == [names[0]] == [names[1]]


def test_a_cancel_whose_answer_was_lost_is_asked_again(trader: Trader) -> None:
    cancels = []

    def cut(route: Route) -> None:
        cancels.append(route.fetch().status)
        if len(cancels) == 1:
            route.abort("connectionreset")
        else:
            route.fallback()

    trader.visitor.page.route("**/cancel", cut)
    trader.fill(price="50", amount="10")
    trader.enter()
    trader.visitor.button(re.compile("^Cancel Buy 10 YES")).click()
    trader.visitor.see("The exchange did not answer. Asking it again.")
    trader.visitor.see("Cancelled: Buy 10 YES.")
    assert cancels == [200, 422]
    assert trader.placed(status=OPEN) == []


def refusing(status: int, code: int, message: str) -> Callable[[Route], None]:
    envelope = {"code": code, "message": message, "data": None, "timestamp": "", "request_id": "req_0"}
    return lambda route: route.fulfill(status=status, headers={"Retry-After": "2"}, json=envelope)


def test_a_busy_exchange_did_nothing(trader: Trader) -> None:
    sending(trader, refusing(503, 9003, "Overloaded"))
    trader.says("The exchange is busy. Nothing was done; try again.")
    assert trader.placed() == []


def test_too_many_orders_count_down(trader: Trader) -> None:
    names = sending(trader, refusing(429, 9001, "Too many requests"))
    expect(trader.ticket.locator("#ticket-reason")).to_have_text(re.compile("Again in [12] s"))
    expect(trader.ticket.locator("button.primary")).to_be_disabled()
    expect(trader.ticket.locator("button.primary")).to_be_enabled()
    trader.enter()
    trader.says("Bought 10 YES")
    assert names[0] != names[1]


def test_who_is_signed_out_signs_in_and_comes_back_to_the_ticket(
    visitor: Visitor, the_venue: Venue, market: str
) -> None:
    caller = the_venue.user(100_000)
    visitor.open(f"/markets/{market}?price=60&amount=10")
    visitor.page.get_by_role("link", name="Sign in to trade").click()
    visitor.field("Username").fill(caller.name)
    visitor.field("Password").fill(PASSWORD)
    visitor.page.keyboard.press("Enter")
    trader = Trader(visitor, caller, market)
    expect(trader.ticket.locator("[name=amount]")).to_have_value("10")
    trader.ticket.get_by_role("button", name="Buy 10 YES").click()
    trader.says("Bought 10 YES at 60¢ for $6.00.")


def test_who_was_signed_out_elsewhere_signs_in_and_comes_back_to_the_ticket(
    visitor: Visitor, the_venue: Venue, market: str
) -> None:
    # Whose stream ends unheard does not hear of it before something is sent.
    visitor.page.route_web_socket(
        re.compile("/ws/v1/commands"),
        lambda line: line.connect_to_server().on_close(lambda code, reason: None),
    )
    trader = trading(visitor, the_venue, market)
    trader.choose("NO")
    trader.fill(price="45", amount="10")
    assert trader.caller.post("/account/logout-all").code == 0
    trader.enter()
    # Whoever types before the screen has put the cursor where one begins would type there.
    expect(trader.visitor.field("Username")).to_be_focused()
    trader.visitor.field("Password").fill(PASSWORD)
    trader.visitor.field("Username").fill(trader.caller.name)
    trader.visitor.page.keyboard.press("Enter")
    expect(trader.ticket.locator("[name=amount]")).to_have_value("10")
    expect(trader.ticket.get_by_role("button", name="Buy 10 NO")).to_be_enabled()


def test_on_a_phone_the_ticket_is_a_sheet(
    visit: Callable[..., Visitor], the_venue: Venue, market: str
) -> None:
    visitor = visit(size=PHONE)
    caller = the_venue.user(100_000)
    visitor.remembered(caller.name)
    visitor.open(f"/markets/{market}")
    expect(visitor.page.locator("#ticket")).to_be_hidden()
    visitor.button("60¢, 0 wanted, 40 offered").click()
    trader = Trader(visitor, caller, market)
    expect(trader.ticket.locator("[name=price]")).to_have_value("60")
    trader.fill(amount="10")
    expect(trader.ticket.get_by_role("button", name="Buy 10 YES")).to_be_in_viewport()
    trader.enter()
    expect(trader.ticket.get_by_text("Bought 10 YES at 60¢ for $6.00.")).to_be_in_viewport()


def test_two_people_trade_with_each_other(visit: Callable[..., Visitor], the_venue: Venue) -> None:
    market = the_venue.market()
    ann = trading(visit(), the_venue, market)
    ben = trading(visit(), the_venue, market)
    ann.fill(price="64", amount="20")
    ann.enter()
    ben.choose("NO")
    ben.fill(price="36", amount="20")
    expect(ben.line("Fills now")).to_have_text("20 of 20")
    ben.enter()
    ben.says("Bought 20 NO at 36¢ for $7.20.")
    expect(ann.visitor.page.get_by_role("table", name="My shares")).to_contain_text("20 YES")
    assert ann.caller.data(f"/positions/{market}")["yes"]["volume"] == 20
