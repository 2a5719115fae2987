"""The account: who somebody is, what opens it, and where it is open."""

import re
from typing import Final

import pytest
from playwright.sync_api import expect

from tests.adapters.serving import PASSWORD, Caller, Venue
from tests.web.visiting import Visitor

OTHER: Final = "Another1horse"


@pytest.fixture
def caller(the_venue: Venue) -> Caller:
    return the_venue.user(100_000)


@pytest.fixture
def at_account(visitor: Visitor, caller: Caller) -> Visitor:
    visitor.remembered(caller.name)
    visitor.open("/account")
    return visitor


def login(venue: Venue, caller: Caller, password: str = PASSWORD) -> tuple[int, int]:
    return venue.nobody.post("/auth/login", username=caller.name, password=password).verdict


def elsewhere(venue: Venue, caller: Caller) -> Caller:
    """The same user, signed in on another device."""
    answer = venue.nobody.post("/auth/login", username=caller.name, password=PASSWORD)
    return Caller(caller.http, answer.data["access_token"], caller.user_id, caller.name)


def test_another_password_ends_other_sessions_and_not_this_one(
    at_account: Visitor, the_venue: Venue, caller: Caller
) -> None:
    other = elsewhere(the_venue, caller)
    visitor = at_account
    visitor.field("Password now").fill("Wrong1horse")
    visitor.field("New password").fill("short")
    visitor.page.keyboard.press("Enter")
    expect(visitor.field("New password")).to_have_attribute("aria-invalid", "true")
    visitor.field("New password").fill(OTHER)
    visitor.page.keyboard.press("Enter")
    expect(visitor.field("Password now")).to_have_accessible_description("The current password is another")
    assert other.get("/account/profile").status == 200
    visitor.field("Password now").fill(PASSWORD)
    visitor.page.keyboard.press("Enter")
    visitor.see("Your password is another now.")
    expect(visitor.page.get_by_role("table", name="Sessions").locator("tbody tr")).to_have_count(1)
    assert other.get("/account/profile").status == 401
    assert login(the_venue, caller) == (401, 1003)
    assert login(the_venue, caller, OTHER) == (200, 0)
    visitor.page.reload()
    expect(visitor.page.get_by_role("heading", name="Account")).to_be_visible()


def test_another_address_is_another_address(at_account: Visitor, the_venue: Venue, caller: Caller) -> None:
    visitor = at_account
    taken = the_venue.user()
    visitor.field("New e-mail").fill(f"{taken.name}@example.org")
    visitor.field("Your password").fill(PASSWORD)
    visitor.page.keyboard.press("Enter")
    expect(visitor.field("New e-mail")).to_have_accessible_description(re.compile("^Another user has this"))
    visitor.field("New e-mail").fill(f"new_{caller.name}@example.org")
    visitor.page.keyboard.press("Enter")
    visitor.see(f"Your e-mail address is new_{caller.name}@example.org now.")
    assert caller.data("/account/profile")["email"] == f"new_{caller.name}@example.org"


def test_a_key_is_shown_once_opens_what_it_says_and_is_revoked(
    at_account: Visitor, the_venue: Venue, caller: Caller
) -> None:
    visitor = at_account
    visitor.see("No program acts for you.")
    visitor.button("New key").click()
    visitor.field("Name").fill("rain bot")
    visitor.field("Look").uncheck()
    visitor.page.keyboard.press("Enter")
    visitor.see("It has to open something.")
    visitor.field("Look").check()
    visitor.field("For how long").select_option("30 days")
    visitor.button("Make the key").click()
    secret = visitor.page.get_by_role("textbox", name="API key").input_value()
    program = Caller(caller.http, secret)
    assert program.data("/account/balance")["available_balance_cents"] == 100_000
    market = the_venue.market()
    assert program.place(market, "BUY YES 1 @10").verdict == (403, 1008)
    made = caller.data("/account/api-keys")["items"][0]
    assert (made["name"], made["scopes"], made["expires_at"] is None) == ("rain bot", ["read"], False)
    visitor.button("I have it").click()
    row = visitor.page.get_by_role("row", name=re.compile("rain bot"))
    expect(row).to_contain_text("Look")
    assert secret not in visitor.page.content()

    row.get_by_role("button", name="Revoke").click()
    visitor.button("Revoke it").click()
    expect(row).to_contain_text("revoked")
    assert program.get("/account/balance").verdict == (401, 1006)


def test_a_session_on_another_device_is_ended_from_here(
    at_account: Visitor, the_venue: Venue, caller: Caller
) -> None:
    other = elsewhere(the_venue, caller)
    visitor = at_account
    visitor.page.reload()
    visitor.button("Sign out there").click()
    visitor.page.get_by_role("dialog").get_by_role("button", name="Sign out there").click()
    visitor.see("That session ended.")
    expect(visitor.page.get_by_role("table", name="Sessions").locator("tbody tr")).to_have_count(1)
    assert other.get("/account/profile").status == 401


def test_signed_out_everywhere_is_signed_out_in_every_window(
    at_account: Visitor, the_venue: Venue, caller: Caller
) -> None:
    """Windows of this browser by their common channel, other devices by the exchange."""
    other = elsewhere(the_venue, caller)
    beside = at_account.page.context.new_page()
    beside.goto(at_account.address + "/portfolio")
    expect(beside.get_by_role("heading", name="Portfolio")).to_be_visible()
    at_account.button("Sign out everywhere").click()
    at_account.page.get_by_role("dialog").get_by_role("button", name="Sign out everywhere").click()
    at_account.see("You are signed out everywhere.")
    expect(beside).to_have_url(at_account.address + "/login?then=%2Fportfolio")
    # The exchange, which closes what is open, may be quicker than the window that asked for it.
    told = re.compile("You were signed out: (in another window|the session ended elsewhere)")
    expect(beside.get_by_text(told)).to_be_visible()
    assert other.get("/account/profile").status == 401
