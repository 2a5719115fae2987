"""Administration: what one is told beforehand is what then happens, and nothing happens by a slip."""

import secrets
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, expect

from kernel.commands import MarketTerms
from tests.adapters.serving import ADMIN, PASSWORD, Caller, Venue, database_for
from tests.adapters.test_four_eyes import pair
from tests.web.visiting import Visitor, visiting


@pytest.fixture
def admin(visitor: Visitor) -> Visitor:
    visitor.remembered(ADMIN)
    return visitor


@pytest.fixture(scope="module")
def people(the_venue: Venue) -> tuple[Caller, Caller]:
    return the_venue.user(100_000), the_venue.user(100_000)


@pytest.fixture
def market(the_venue: Venue, people: tuple[Caller, Caller]) -> str:
    """Ten pairs, of which nine of YES are offered, and an order that is far away."""
    market = the_venue.market(maker_fee_bps=0, taker_fee_bps=0)
    ann, ben = people
    ann.placed(market, "BUY YES 10 @60")
    ben.placed(market, "BUY NO 10 @40")
    ann.placed(market, "SELL YES 9 @70")
    ben.placed(market, "BUY NO 5 @20")
    return market


def state(venue: Venue, market: str) -> Any:
    return venue.admin.data(f"/admin/markets/{market}")


def begin(visitor: Visitor, name: str) -> Locator:
    """Choose what to do; the dialog that asks for more."""
    visitor.page.get_by_role("button", name=name, exact=True).click()
    return visitor.page.get_by_role("dialog")


def sure(dialog: Locator, name: str, typed: str) -> None:
    """The second look: type what it is done to, and do it."""
    dialog.get_by_role("button", name="Continue").click()
    dialog.get_by_label("Type ").fill(typed)
    dialog.get_by_role("button", name=name, exact=True).click()


def told(dialog: Locator) -> dict[str, str]:
    """The sums that the dialog shows."""
    return dict(
        zip(dialog.locator("dt").all_inner_texts(), dialog.locator("dd").all_inner_texts(), strict=True)
    )


def test_a_trader_is_told_whom_it_is_for_and_nothing_is_asked(visitor: Visitor, the_venue: Venue) -> None:
    asked: list[str] = []
    visitor.page.on("request", lambda request: asked.append(request.url))
    visitor.remembered(the_venue.user().name)
    for path in ("", "/new", "/markets/X", "/users", "/health"):
        visitor.open(f"/admin{path}")
        expect(visitor.page.get_by_role("heading", level=1)).to_have_text("For administrators")
    assert not [url for url in asked if "/api/v1/admin" in url or "/api/v1/amm" in url]


def test_a_market_is_created_as_its_preview_says_and_opened(admin: Visitor, the_venue: Venue) -> None:
    market = f"RAIN-{secrets.token_hex(3)}"
    admin.open("/admin/new")
    admin.field("Question").fill("Will it rain on Monday?")
    admin.page.get_by_label("Id", exact=True).fill(market)
    admin.field("Fee of who trades at once").fill("50")
    admin.field("Trading ends").fill("2030-06-01T12:00")
    preview = admin.page.get_by_role("region", name="Preview")
    expect(preview).to_contain_text("Will it rain on Monday?")
    expect(preview).to_contain_text("0.5% of what you trade at once, 0.1%")
    admin.button("Create the draft").click()
    admin.at(f"/admin/markets/{market}")
    assert the_venue.nobody.get(f"/markets/{market}").status == 404
    dialog = begin(admin, "Activate")
    expect(dialog).to_contain_text("Everybody sees the question")
    dialog.get_by_role("button", name="Activate").click()
    expect(admin.page.locator(".admin .badge")).to_have_text("Active")
    made = the_venue.nobody.data(f"/markets/{market}")
    assert made["trading_end_at"] == "2030-06-01T10:00:00.000000Z"  # the browser is in Berlin
    usual = MarketTerms(title="", taker_fee_bps=50)
    for name in usual.__struct_fields__:
        if name not in ("title", "trading_end_at"):
            assert made[name] == getattr(usual, name), name


def test_what_will_not_do_is_told_beside_its_field(admin: Visitor, the_venue: Venue) -> None:
    taken = the_venue.market()
    admin.open("/admin/new")
    admin.field("Question").fill("Again?")
    admin.page.get_by_label("Id", exact=True).fill(taken)
    admin.field("Lowest price").fill("99")
    admin.button("Create the draft").click()
    expect(admin.field("Lowest price")).to_have_accessible_description(
        "and max_price_cents must be 1 to 99, the first below the second"
    )
    admin.field("Lowest price").fill("2")
    admin.button("Create the draft").click()
    expect(admin.page.get_by_label("Id", exact=True)).to_have_attribute("aria-invalid", "true")
    assert state(the_venue, taken)["title"] != "Again?"


def test_a_suspension_and_its_end(admin: Visitor, the_venue: Venue, market: str) -> None:
    admin.open(f"/admin/markets/{market}")
    dialog = begin(admin, "Suspend")
    expect(dialog).to_contain_text("2 orders with $1.00 set aside stay in the book")
    dialog.get_by_label("Reason").fill("waiting for the news")
    sure(dialog, "Suspend", market)
    expect(admin.page.locator(".admin .badge")).to_have_text("Suspended")
    admin.see("An administrator: “waiting for the news”.")
    assert state(the_venue, market)["status"] == "SUSPENDED"
    begin(admin, "Resume").get_by_role("button", name="Resume").click()
    expect(admin.page.locator(".admin .badge")).to_have_text("Active")
    assert state(the_venue, market)["status"] == "ACTIVE"


def test_a_halt_is_ended_with_what_was_found(admin: Visitor, the_venue: Venue, market: str) -> None:
    admin.open(f"/admin/markets/{market}")
    dialog = begin(admin, "Halt")
    dialog.get_by_role("button", name="Continue").click()
    expect(dialog.get_by_label("Reason")).to_have_accessible_description(
        "A halt needs a reason. It may become public."
    )
    dialog.get_by_label("Reason").fill("rumours")
    sure(dialog, "Halt", market)
    expect(admin.page.locator(".admin .badge")).to_have_text("Halted")
    dialog = begin(admin, "Resume")
    dialog.get_by_label("Note").fill("only rumours")
    dialog.get_by_role("button", name="Resume").click()
    expect(admin.page.locator(".admin .badge")).to_have_text("Active")
    admin.button("Show them").click()
    admin.see("by the_admin: only rumours")
    breakers = the_venue.admin.data(f"/admin/markets/{market}/circuit-breakers")["items"]
    assert [one["context"] for one in breakers] == [{"reason": "rumours"}]


def test_a_mode_is_set_until_a_time(admin: Visitor, the_venue: Venue, market: str) -> None:
    admin.open(f"/admin/markets/{market}")
    dialog = begin(admin, "Set the mode")
    dialog.get_by_label("Orders that are taken").select_option("POST_ONLY")
    dialog.get_by_label("Until").fill("2030-01-01T01:00")
    sure(dialog, "Set the mode", market)
    expect(admin.page.locator(".admin .badge")).to_have_text(["Active", "Post only"])
    expect(admin.page.locator(".sums")).to_contain_text("Mode untilJan 1, 2030, 01:00")
    now = state(the_venue, market)
    assert (now["trading_mode"], now["mode_until"]) == ("POST_ONLY", "2030-01-01T00:00:00.000000Z")


def test_resolving_takes_two_confirmations_and_pays_what_was_told(
    admin: Visitor, the_venue: Venue, market: str
) -> None:
    admin.open(f"/admin/markets/{market}")
    dialog = begin(admin, "Resolve")
    dialog.get_by_role("button", name="Continue").click()
    expect(dialog.get_by_role("alert")).to_have_text("Choose the answer.")
    dialog.get_by_label("The answer").select_option("YES")
    dialog.get_by_label("Pay out at once").uncheck()
    dialog.get_by_role("button", name="Continue").click()
    dialog.get_by_label("Type ").fill(market.lower())
    expect(dialog.get_by_role("button", name=f"Type {market} first")).to_be_disabled()
    admin.page.keyboard.press("Enter")
    expected = {
        "Orders cancelled": "2",
        "Cash they give back": "$1.00",
        "Paid": "$10.00 to 1 account",
        "Gained in sum": "+$4.00",
        "Lost in sum": "−$4.00",
    }
    assert told(dialog) == expected
    assert state(the_venue, market)["status"] == "ACTIVE"
    dialog.get_by_label("Type ").fill(market)
    dialog.get_by_role("button", name="Resolve", exact=True).click()
    expect(admin.page.locator(".admin .badge")).to_have_text("Resolved")
    assert state(the_venue, market)["resolution_result"] == "YES"
    dialog = begin(admin, "Settle")
    dialog.get_by_role("button", name="Continue").click()
    assert told(dialog) == expected | {"Orders cancelled": "0", "Cash they give back": "$0.00"}
    dialog.get_by_label("Type ").fill(market)
    dialog.get_by_role("button", name="Settle", exact=True).click()
    admin.see(f"{market}: $10.00 paid to 1 account.")
    expect(admin.page.locator(".admin .badge")).to_have_text("Settled")
    assert state(the_venue, market)["reserve_balance_cents"] == 0


def test_two_administrators_end_a_market_together(
    browser: Browser, server_url: str, template: str, tmp_path: Path
) -> None:
    """The second is shown what the first one asked for, and asks for the very same."""
    with (
        database_for(server_url, template) as url,
        pair(url, tmp_path) as both,
        visiting(browser, both.there.address) as admin,
    ):
        market = both.there.market()
        asked = {"reason": "nobody can tell", "void_price_cents": 40}
        assert both.second.post(f"/admin/markets/{market}/void", **asked).status == 202
        admin.remembered(ADMIN)
        admin.open("/admin")
        admin.see("second asked: void")
        admin.page.get_by_role("link", name=market, exact=True).click()
        dialog = begin(admin, "Void")
        expect(dialog.get_by_label("A YES share pays")).to_have_value("40")
        dialog.get_by_role("button", name="Continue").click()
        expect(dialog).to_contain_text("A second administrator has to ask for the very same.")
        dialog.get_by_label("Type ").fill(market)
        dialog.get_by_role("button", name="Void", exact=True).click()
        expect(admin.page.locator(".admin .badge")).to_have_text("Voided")
        assert state(both.there, market)["status"] == "VOIDED"


def test_void_pays_the_price_that_was_named(admin: Visitor, the_venue: Venue, market: str) -> None:
    """Hardly anybody has quoted here, so the exchange takes no price of its own."""
    admin.open(f"/admin/markets/{market}")
    dialog = begin(admin, "Void")
    price = dialog.get_by_label("A YES share pays")
    expect(price).to_have_accessible_description("Hardly anybody quoted here, so name a price.")
    dialog.get_by_role("button", name="Continue").click()
    expect(price).to_have_attribute("aria-invalid", "true")
    price.fill("30")
    dialog.get_by_role("button", name="Continue").click()
    dialog.get_by_label("Type ").fill(market)
    assert told(dialog)["A share pays"] == "YES 30¢, NO 70¢"
    assert told(dialog)["Paid"] == "$10.00 to 2 accounts"
    assert told(dialog)["Gained in sum"] == "+$3.00"
    dialog.get_by_role("button", name="Void", exact=True).click()
    admin.see(f"{market}: $10.00 paid to 2 accounts.")
    assert (state(the_venue, market)["status"], state(the_venue, market)["void_price_cents"]) == (
        "VOIDED",
        30,
    )


def test_who_holds_shares_does_not_judge(admin: Visitor, the_venue: Venue) -> None:
    market = the_venue.market()
    the_venue.admin.deposit(10_000)
    the_venue.admin.placed(market, "BUY YES 1 @60")
    the_venue.user(1_000).placed(market, "BUY NO 1 @40")
    admin.open(f"/admin/markets/{market}")
    admin.see("another administrator has to do it")
    expect(admin.page.get_by_role("button", name="Resolve")).to_be_disabled()
    expect(admin.page.get_by_role("button", name="Suspend")).to_be_enabled()


def test_the_market_maker_is_started_and_stopped(admin: Visitor, the_venue: Venue, market: str) -> None:
    admin.open(f"/admin/markets/{market}")
    dialog = begin(admin, "Start it")
    dialog.get_by_label("Budget").fill("50")
    expect(dialog).to_contain_text("$50.00 are paid in for it. Half becomes 25 pairs")
    sure(dialog, "Start it", market)
    admin.see("Running, $50.00, since")
    the_venue.amm.placed(market, "BUY YES 5 @10")
    dialog = begin(admin, "Stop it")
    dialog.get_by_role("button", name="Continue").click()
    expect(dialog).to_contain_text("1 order of its own are cancelled")
    dialog.get_by_label("Type ").fill(market)
    dialog.get_by_role("button", name="Stop it", exact=True).click()
    admin.see(f"The market maker is stopped in {market}, 1 order cancelled.")
    dialog = begin(admin, "Forbid it")
    dialog.get_by_role("button", name="Forbid it").click()
    admin.see("It is not allowed here.")
    assert state(the_venue, market)["amm_authorized"] is False
    runs = the_venue.admin.data("/amm/markets")["items"]
    assert [run["status"] for run in runs if run["market_id"] == market] == ["STOPPED"]


def test_another_answer_before_ones_eyes(admin: Visitor, the_venue: Venue, market: str) -> None:
    """What another administrator does meanwhile is seen without a reload."""
    admin.open(f"/admin/markets/{market}")
    expect(admin.page.locator(".admin .badge")).to_have_text("Active")
    assert the_venue.admin.post(f"/admin/markets/{market}/resolve", resolution_result="NO").code == 0
    expect(admin.page.locator(".admin .badge")).to_have_text("Settled")
    admin.see("Nothing any more: it is over and paid.")


def test_drafts_are_found_among_all_markets(admin: Visitor, the_venue: Venue) -> None:
    draft = the_venue.market(active=False)
    admin.open("/admin")
    admin.field("Search markets").fill(draft.lower())
    row = admin.page.get_by_role("row").filter(has_text=draft)
    expect(row).to_contain_text("Draft")
    admin.field("Status").select_option("ACTIVE")
    admin.see("There is none.")
    admin.field("Status").select_option("DRAFT")
    row.get_by_role("link").click()
    admin.at(f"/admin/markets/{draft}")


def test_a_user_is_kept_out(admin: Visitor, the_venue: Venue) -> None:
    user, other = the_venue.user(), the_venue.user()
    admin.open("/admin/users")
    admin.field("Find a user").fill(user.name)
    expect(admin.page.get_by_role("row")).to_have_count(2)
    sure(begin(admin, f"Disable {user.name}"), "Disable", user.name)
    admin.see(f"Disable: {user.name}. Done.")
    expect(admin.button(f"Let in {user.name}")).to_be_visible()
    assert the_venue.nobody.post("/auth/login", username=user.name, password=PASSWORD).verdict == (
        422,
        1004,
    )
    admin.field("Find a user").fill(other.name)
    sure(begin(admin, f"Make administrator {other.name}"), "Make administrator", other.name)
    expect(admin.button(f"Make user {other.name}")).to_be_visible()
    found = the_venue.admin.data("/admin/users", query=other.name)["items"]
    assert [one["account_type"] for one in found] == ["ADMIN"]


def test_how_the_exchange_is_and_that_its_books_are_right(admin: Visitor, the_venue: Venue) -> None:
    admin.open("/admin/health")
    admin.see("Newest durable entry")
    page = admin.page.locator(".admin")
    told = the_venue.admin.data("/admin/status")
    expect(page).to_contain_text(f"Kernel{told['kernel']}")
    expect(page).to_contain_text(told["version"])
    admin.button("Verify now").click()
    checks = the_venue.admin.post("/admin/verify-invariants").data["checks"]
    admin.see(f"All {len(checks)} hold")
