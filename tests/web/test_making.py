"""Market-making orders in the browser: what stands on the screen is what the exchange holds, step by step."""

import re
from typing import Any, Final

import pytest
from playwright.sync_api import Page, Response, Route, expect

from adapters.http.web_page import FOLDER
from tests.adapters.serving import Caller, Venue
from tests.adapters.test_making_api import created, pay, running
from tests.web.visiting import Visitor

COMMANDS: Final = {"Start", "Pause", "Resume", "Withdraw", "Stop", "Delete"}


def quoted_market(venue: Venue) -> str:
    """A market in which somebody bids 48 and asks 53."""
    market, trader = venue.market(), venue.user(100_000)
    trader.placed(market, "BUY YES 5 @48")
    trader.placed(market, "BUY NO 5 @47")
    return market


def state_of(caller: Caller, order_id: str) -> str:
    return str(order_of(caller, order_id)["state"])


def order_of(caller: Caller, order_id: str) -> dict[str, Any]:
    order: dict[str, Any] = caller.data(f"/market-making/orders/{order_id}")
    return order


def here(page: Page) -> str:
    """The state that is lit in the picture."""
    return page.locator(".way [aria-current=step]").inner_text()


def offered(page: Page) -> set[str]:
    return {*page.locator(".controls button").all_inner_texts()}


def test_an_order_is_created_paid_paused_drawn_from_stopped_and_refunded(
    visitor: Visitor, the_venue: Venue
) -> None:
    ann, market, page = the_venue.user(250_000), quoted_market(the_venue), visitor.page
    visitor.sign_in(ann)
    visitor.open("/making")
    visitor.see("Have a market made")
    visitor.open(f"/making/new?market={market}")
    # By what stands in the book: 48 and 53, so quotes of two cents around 50.5.
    expect(page.get_by_role("table", name="Quotes").get_by_role("row")).to_have_count(3)
    visitor.field("Shares of a quote").fill("10001")
    visitor.button("Create, then pay").click()
    expect(visitor.field("Shares of a quote")).to_have_accessible_description(re.compile("1 to 10000"))
    assert ann.data("/market-making/orders")["items"] == []

    visitor.field("Shares of a quote").fill("20")
    visitor.button("Create, then pay").click()
    visitor.see("It waits for its payment.")
    order_id = page.url.rpartition("/")[2]
    assert order_of(ann, order_id)["strategy"]["terms"]["order_qty"] == 20

    visitor.field("Dollars").fill("400")
    visitor.button("Pay").click()
    visitor.see("$400.00 of $1,000.00")
    assert state_of(ann, order_id) == "payment_incomplete"
    visitor.button("Pay $600.00").click()
    visitor.see("It quotes the market.")
    assert (state_of(ann, order_id), here(page)) == ("running", "Running")
    assert ann.data("/account/balance")["available_balance_cents"] == 150_000

    visitor.button("Pause").click()
    visitor.see("It does not quote. Its money stays where it is.")
    assert state_of(ann, order_id) == "paused"
    visitor.button("Withdraw").click()
    visitor.field("Everything").uncheck()
    visitor.field("Dollars").fill("250")
    page.get_by_role("dialog").get_by_role("button", name="Withdraw").click()
    visitor.see("Withdrawn: $250.00, 0 YES, 0 NO.")
    assert ann.data("/account/balance")["available_balance_cents"] == 175_000

    visitor.button("Stop").click()
    visitor.see("This cannot be taken back.")
    visitor.button("Leave it").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert state_of(ann, order_id) == "paused"
    visitor.button("Stop").click()
    page.get_by_role("dialog").get_by_role("button", name="Stop").click()
    visitor.see("What it holds is yours to withdraw.")
    visitor.button("Withdraw").click()
    page.get_by_role("dialog").get_by_role("button", name="Withdraw").click()
    visitor.see("All that it held is back in your account.")
    assert (state_of(ann, order_id), here(page)) == ("refunded", "Refunded")
    assert ann.data("/account/balance")["available_balance_cents"] == 250_000

    page.get_by_role("tab", name="Audit trail").click()
    expect(page.get_by_role("table", name="Audit trail").get_by_role("row")).to_have_count(
        1 + len(ann.data(f"/market-making/orders/{order_id}/events", limit=100)["items"])
    )


def test_there_is_a_button_for_exactly_each_command_that_is_allowed(
    visitor: Visitor, the_venue: Venue
) -> None:
    ann, market, page = the_venue.user(1_000_000), the_venue.market(), visitor.page
    waiting, runs = created(ann, market), running(ann, market)
    paused, stopped = running(ann, market), running(ann, market)
    for order_id, command in ((paused, "pause"), (stopped, "stop")):
        assert ann.post(f"/market-making/orders/{order_id}/{command}").code == 0
    visitor.sign_in(ann)
    for order_id in (waiting, runs, paused, stopped):
        visitor.open(f"/making/{order_id}")
        visitor.see("What you can do")
        allowed = {*order_of(ann, order_id)["allowed_commands"]}
        assert offered(page) == {name for name in COMMANDS if name.lower() in allowed}
        assert visitor.button(re.compile("^Pay")).is_visible() == ("pay" in allowed)


def test_a_payment_whose_answer_was_lost_is_made_once(visitor: Visitor, the_venue: Venue) -> None:
    ann, market = the_venue.user(250_000), the_venue.market()
    order_id = created(ann, market)
    visitor.sign_in(ann)
    visitor.open(f"/making/{order_id}")
    keys: list[str] = []

    def lose_the_first(route: Route) -> None:
        keys.append(route.request.headers["idempotency-key"])
        if len(keys) == 1:
            route.fetch()
            route.abort()
        else:
            route.continue_()

    visitor.page.route("**/payments", lose_the_first)
    visitor.field("Dollars").fill("300")
    visitor.button("Pay").click()
    visitor.see("The exchange did not answer, so this may have happened.")
    visitor.button("Pay").click()
    visitor.see("Paid $300.00.")
    assert len(keys) == 2
    assert keys[0] == keys[1]
    assert ann.data("/account/balance")["available_balance_cents"] == 220_000


def test_what_happens_elsewhere_is_seen_at_once(visitor: Visitor, the_venue: Venue) -> None:
    ann, market = the_venue.user(250_000), the_venue.market()
    order_id = created(ann, market)
    visitor.sign_in(ann)
    visitor.open("/making")
    expect(visitor.page.get_by_role("table").get_by_text("Payment pending")).to_be_visible()
    pay(ann, order_id, 100_000)
    expect(visitor.page.get_by_role("table").get_by_text("Running")).to_be_visible()
    visitor.page.get_by_role("table").get_by_role("link").click()
    visitor.see("It quotes the market.")
    path = f"/admin/markets/{market}/resolve"
    assert the_venue.admin.post(path, resolution_result="YES").code == 0
    visitor.see("All that it held is back in your account.")


def test_another_persons_order_is_as_one_that_does_not_exist(visitor: Visitor, the_venue: Venue) -> None:
    order_id = created(the_venue.user(250_000), the_venue.market())
    visitor.sign_in(the_venue.user())
    for path in (f"/making/{order_id}", "/making/0193f1c2-5a77-7c1e-9f10-3f2b8f1a0001", "/making/nonsense"):
        visitor.open(path)
        visitor.see("There is no such order of yours")


def test_a_state_that_the_page_does_not_know_is_told_as_that(visitor: Visitor, the_venue: Venue) -> None:
    ann = the_venue.user(250_000)
    order_id = running(ann, the_venue.market())

    def dream(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, body=answer.text().replace('"running"', '"dreaming"'))

    visitor.sign_in(ann)
    visitor.page.route(re.compile("/market-making/orders"), dream)
    visitor.open(f"/making/{order_id}")
    visitor.see("Unknown state dreaming")
    assert visitor.page.locator(".way [aria-current]").count() == 0


@pytest.mark.parametrize(("location", "label"), [("transit", "On its way"), ("venue", "At elsewhere")])
def test_money_that_is_not_here_is_shown_with_where_it_is(
    visitor: Visitor, the_venue: Venue, location: str, label: str
) -> None:
    """Else an order that runs at another venue would look empty."""
    ann = the_venue.user(250_000)
    order_id = running(ann, the_venue.market())

    def send_away(route: Route) -> None:
        answer = route.fetch()
        envelope = answer.json()
        envelope["data"] |= {"venue": "elsewhere", "location": location}
        envelope["data"]["away"] |= {"cash_cents": 123_456, "yes": 7, "no": 0}
        route.fulfill(response=answer, json=envelope)

    visitor.sign_in(ann)
    visitor.open(f"/making/{order_id}")
    figures = visitor.page.get_by_role("region", name="Numbers")
    expect(figures).to_contain_text("Set aside")
    for other in ("On its way", "At "):
        expect(figures).not_to_contain_text(other)
    visitor.page.route(re.compile(f"/market-making/orders/{order_id}$"), send_away)
    visitor.open(f"/making/{order_id}")
    expect(figures).to_contain_text(label)
    expect(figures).to_contain_text("$1,234.56, 7 YES, 0 NO")


def test_no_view_asks_for_what_is_not_there(visitor: Visitor, the_venue: Venue) -> None:
    ann = the_venue.user(250_000)
    order_id = running(ann, the_venue.market())
    lost: list[str] = []

    def heard(response: Response) -> None:
        if response.status in (404, 405):
            lost.append(response.url)

    visitor.page.on("response", heard)
    visitor.sign_in(ann)
    visitor.open("/making")
    expect(visitor.page.get_by_role("table").get_by_text("Running")).to_be_visible()
    visitor.open("/making/new")
    visitor.see("Quotes that it would place now")
    visitor.open("/making/campaigns")
    expect(visitor.page.get_by_role("heading", name="Campaigns")).to_be_visible()
    expect(visitor.page.locator(".loading")).to_have_count(0)
    visitor.open(f"/making/{order_id}")
    for tab in visitor.page.get_by_role("tab").all():
        tab.click()
        expect(tab).to_have_attribute("aria-selected", "true")
        expect(visitor.page.get_by_role("tabpanel")).not_to_contain_text("Loading")
    assert lost == []


def test_the_page_knows_the_states_of_the_contract_and_no_others(the_venue: Venue) -> None:
    script = (FOLDER / "making/states.js").read_text()
    known = re.findall(r"^  (\w+): \{ part:", script, re.MULTILINE)
    assert known == the_venue.user().data("/market-making/contract")["states"]
