"""What one has: what stands on the screen is what the exchange holds, before an act and after it."""

import csv
import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Route, expect

from tests.adapters.serving import Caller, Venue
from tests.web.visiting import Visitor


@pytest.fixture
def at_portfolio(visitor: Visitor) -> Callable[..., Visitor]:
    def at_portfolio(caller: Caller, tab: str = "orders") -> Visitor:
        visitor.sign_in(caller)
        visitor.open(f"/portfolio?tab={tab}")
        return visitor

    return at_portfolio


def fact(visitor: Visitor, name: str) -> Locator:
    """The amount beside a name."""
    return (
        visitor.page.locator("dl > div").filter(has=visitor.page.get_by_text(name, exact=True)).locator("dd")
    )


def test_the_ledger_says_where_older_entries_are_no_longer_kept(
    at_portfolio: Callable[..., Visitor], visitor: Visitor, the_venue: Venue
) -> None:
    """Also where nothing is left of it."""

    def cut(route: Route) -> None:
        answer = route.fetch()
        told = answer.json()
        told["data"]["complete_since"] = "2026-03-01T00:00:00.000000Z"
        if "entry_type" in route.request.url:
            told["data"]["items"] = []
        route.fulfill(response=answer, json=told)

    visitor.page.route("**/account/ledger*", cut)
    at_portfolio(the_venue.user(100_000), "ledger")
    expect(visitor.page.get_by_role("table", name="Ledger").locator("tbody tr")).to_have_count(1)
    said = visitor.page.get_by_text(re.compile(r"^Nothing from before Mar 1, 2026 is kept\.$"))
    expect(said).to_be_visible()
    visitor.page.get_by_label("Show").select_option(index=1)
    expect(visitor.page.get_by_role("table", name="Ledger")).to_have_count(0)
    expect(said).to_be_visible()


def row(visitor: Visitor, table: str, text: str) -> Locator:
    return visitor.page.get_by_role("table", name=table).get_by_role("row").filter(has_text=text)


def spendable(caller: Caller) -> int:
    cents = caller.data("/account/balance")["available_balance_cents"]
    assert isinstance(cents, int)
    return cents


def open_orders(caller: Caller) -> list[Any]:
    orders = caller.data("/orders", status="OPEN,PARTIALLY_FILLED")["items"]
    assert isinstance(orders, list)
    return orders


def holding(venue: Venue, caller: Caller, cents: int) -> str:
    """A market in which the caller holds 100 YES that cost so much each."""
    market = venue.market(maker_fee_bps=0, taker_fee_bps=20)
    caller.placed(market, f"BUY YES 100 @{cents}")
    venue.user(100_000).placed(market, f"BUY NO 100 @{100 - cents}")
    return market


def test_money_comes_and_goes(at_portfolio: Callable[..., Visitor], the_venue: Venue) -> None:
    caller = the_venue.user()
    visitor = at_portfolio(caller)
    visitor.see("You have no money here yet")
    visitor.page.get_by_label("Positions").get_by_role("button", name="Deposit").click()
    visitor.see("Simulated money")
    visitor.field("Dollars").fill("250.50")
    visitor.page.keyboard.press("Enter")
    visitor.see("Paid in: $250.50")
    expect(fact(visitor, "To spend")).to_have_text("$250.50")
    assert spendable(caller) == 25_050

    visitor.button("Withdraw").click()
    visitor.field("Dollars").fill("300")
    visitor.page.keyboard.press("Enter")
    expect(visitor.field("Dollars")).to_have_accessible_description(
        "Insufficient balance: required $300.00, available $250.50 "
        "$250.50 can be taken out; what open orders have set aside cannot."
    )
    expect(visitor.field("Dollars")).to_be_focused()
    assert spendable(caller) == 25_050
    visitor.field("Dollars").fill("50.50")
    visitor.page.keyboard.press("Enter")
    expect(fact(visitor, "To spend")).to_have_text("$200.00")
    expect(visitor.button("Withdraw")).to_be_focused()
    assert spendable(caller) == 20_000


def test_a_position_is_sold_as_far_as_somebody_pays_for_it(
    at_portfolio: Callable[..., Visitor], the_venue: Venue
) -> None:
    caller = the_venue.user(100_000)
    market = holding(the_venue, caller, 60)
    the_venue.user(100_000).placed(market, "BUY YES 40 @55")
    visitor = at_portfolio(caller)
    expect(row(visitor, "Positions", market).get_by_role("cell")).to_have_text(
        [f"Will {market} be?", "100 YES", "60¢", "60¢", "$60.00", "$0.00", "Close"]
    )
    visitor.button(re.compile("^Close 100 YES")).click()
    expect(visitor.field("Lowest price (¢)")).to_have_value("55")
    expect(fact(visitor, "Would be sold now")).to_have_text("40 of 100")
    expect(fact(visitor, "For")).to_have_text("$22.00")
    visitor.field("Lowest price (¢)").fill("56")
    expect(fact(visitor, "Would be sold now")).to_have_text("0 of 100")
    visitor.field("Lowest price (¢)").fill("50")
    visitor.page.keyboard.press("Enter")
    visitor.see(
        "Sold 40 YES at 55¢ for $22.00. 60 YES not sold: nobody was left at this price. The fee was $0.05."
    )
    assert caller.data(f"/positions/{market}")["yes"]["volume"] == 60
    assert spendable(caller) == 100_000 - 6_000 + 2_200 - 5
    assert open_orders(caller) == []
    visitor.button("Done").click()
    expect(row(visitor, "Positions", "60 YES")).to_be_visible()


def test_a_sale_whose_answer_is_lost_is_done_once_and_told(
    at_portfolio: Callable[..., Visitor], the_venue: Venue
) -> None:
    caller = the_venue.user(100_000)
    market = holding(the_venue, caller, 60)
    the_venue.user(100_000).placed(market, "BUY YES 500 @55")
    visitor = at_portfolio(caller)
    visitor.button(re.compile("^Close 100 YES")).click()
    expect(visitor.field("Lowest price (¢)")).to_have_value("55")
    visitor.field("Shares").fill("30")

    def carried_out_but_not_answered(route: Route) -> None:
        route.fetch()
        route.abort()

    visitor.page.route("**/api/v1/orders", carried_out_but_not_answered, times=1)
    visitor.button("Sell").click()
    visitor.see("Sold 30 YES at 55¢ for $16.50.")
    assert caller.data(f"/positions/{market}")["yes"]["volume"] == 70


def test_orders_are_amended_and_cancelled_one_by_one_and_all(
    at_portfolio: Callable[..., Visitor], the_venue: Venue
) -> None:
    caller = the_venue.user(100_000)
    market = the_venue.market(maker_fee_bps=0, taker_fee_bps=0)
    for price in (30, 31, 32):
        caller.placed(market, f"BUY YES 10 @{price}")
    visitor = at_portfolio(caller)
    first = row(visitor, "Open orders", "30¢")
    first.get_by_role("button", name="Amend").click()
    visitor.see("Nothing would change.")
    visitor.field("Shares in all").fill("0")
    visitor.page.keyboard.press("Enter")
    expect(visitor.field("Shares in all")).to_have_attribute("aria-invalid", "true")
    visitor.field("Shares in all").fill("4")
    visitor.see("It keeps its place in the queue.")
    visitor.page.keyboard.press("Enter")
    visitor.see("Amended. It kept its place in the queue.")
    expect(first).to_contain_text("0 of 4")
    expect(first).to_contain_text("$1.20")
    assert sorted(order["quantity"] for order in open_orders(caller)) == [4, 10, 10]

    first.get_by_role("button", name="Cancel").click()
    expect(first).to_have_count(0)
    assert len(open_orders(caller)) == 2

    visitor.button("Cancel all").click()
    visitor.field("How many orders is that?").fill("3")
    visitor.page.keyboard.press("Enter")
    expect(visitor.field("How many orders is that?")).to_have_accessible_description("Type 2 to confirm.")
    assert len(open_orders(caller)) == 2
    visitor.field("How many orders is that?").fill("2")
    visitor.page.keyboard.press("Enter")
    visitor.see("2 orders cancelled.")
    visitor.see("No order of yours waits in a book.")
    assert open_orders(caller) == []
    expect(fact(visitor, "To spend")).to_have_text("$1,000.00")


def test_the_ledger_is_whole_on_the_screen_and_as_a_file(
    at_portfolio: Callable[..., Visitor], the_venue: Venue, tmp_path: Path
) -> None:
    caller = the_venue.user(100_000)
    market = the_venue.market()
    orders = [
        {"op": "place", "client_order_id": f"l-{number}", "market_id": market, "side": "YES"}
        | {"direction": "BUY", "price_cents": 10 + number, "quantity": 1}
        for number in range(50)
    ]
    assert caller.post("/orders/batch", commands=orders).code == 0
    assert caller.post("/orders/cancel-all").data["cancelled_count"] == 50
    visitor = at_portfolio(caller, "ledger")
    amounts = visitor.page.get_by_role("table", name="Ledger").locator("tbody tr")
    expect(amounts).to_have_count(50)
    visitor.button("Load older").click()
    expect(amounts).to_have_count(100)
    visitor.button("Load older").click()
    visitor.see("That is all.")
    seen = [[in_cents(text) for text in line[-2:]] for line in cells(visitor, "Ledger")]
    assert len(seen) == 101
    for (amount, after), (_, before) in zip(seen, [*seen[1:], [0, 0]], strict=True):
        assert after == before + amount

    with visitor.page.expect_download() as downloading:
        visitor.button("Download CSV").click()
    file = tmp_path / "ledger.csv"
    downloading.value.save_as(file)
    lines = list(csv.DictReader(io.StringIO(file.read_text())))
    assert lines == [in_a_file(entry) for entry in whole_ledger(caller)]

    visitor.field("Show").select_option("Paid in and taken out")
    expect(amounts).to_have_count(1)
    expect(amounts).to_contain_text("+$1,000.00")


def cells(visitor: Visitor, table: str) -> list[list[str]]:
    found = visitor.page.get_by_role("table", name=table).locator("tbody tr")
    lines = found.evaluate_all("rows => rows.map((row) => [...row.cells].map((cell) => cell.innerText))")
    assert isinstance(lines, list)
    return lines


def in_cents(text: str) -> int:
    return int(re.sub(r"[$,.+]", "", text))


def whole_ledger(caller: Caller) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = []
    cursor = None
    while not entries or cursor is not None:
        page = caller.data("/account/ledger", limit=100, **({"cursor": cursor} if cursor else {}))
        entries += page["items"]
        cursor = page["next_cursor"]
    return entries


def in_a_file(entry: dict[str, Any]) -> dict[str, str]:
    return {
        name: "" if value is None else str(value)
        for name, value in entry.items()
        if not name.endswith("_display")
    }


def test_what_others_do_is_seen_as_it_happens(at_portfolio: Callable[..., Visitor], the_venue: Venue) -> None:
    """An order that somebody meets, and a market that is answered and pays out."""
    caller = the_venue.user(100_000)
    market = the_venue.market(maker_fee_bps=0, taker_fee_bps=0)
    caller.placed(market, "BUY YES 50 @40")
    visitor = at_portfolio(caller)
    expect(fact(visitor, "Set aside for orders")).to_have_text("$20.00")
    the_venue.user(100_000).placed(market, "BUY NO 50 @60")
    expect(row(visitor, "Positions", market)).to_contain_text("50 YES")
    visitor.see("No order of yours waits in a book.")
    answer = the_venue.admin.post(f"/admin/markets/{market}/resolve", resolution_result="YES")
    assert answer.code == 0
    visitor.see("You hold no shares.")
    expect(fact(visitor, "To spend")).to_have_text("$1,030.00")
    expect(fact(visitor, "Profit realized")).to_have_text("+$30.00")
    assert spendable(caller) == 103_000
    visitor.page.get_by_role("tab", name="Ledger").click()
    expect(row(visitor, "Ledger", "Payout")).to_contain_text("+$50.00")
    visitor.page.get_by_role("tab", name="Fills").click()
    expect(row(visitor, "Fills", "Bought 50 YES")).to_contain_text("40¢")


def test_what_cannot_be_read_is_said_until_it_is(visitor: Visitor, the_venue: Venue) -> None:
    visitor.remembered(the_venue.user(100_000).name)
    visitor.page.route("**/account/portfolio", lambda route: route.abort())
    visitor.open("/portfolio?tab=none-such")
    visitor.see("Not all of this is up to date")
    visitor.page.unroute("**/account/portfolio")
    expect(fact(visitor, "To spend")).to_have_text("$1,000.00")
    expect(visitor.page.get_by_text("Not all of this is up to date")).to_have_count(0)
