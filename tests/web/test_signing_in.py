"""Who one is: registering, signing in and out, and going on where one was."""

import re

from playwright.sync_api import expect

from adapters.access.tokens import Tokens, TokenType
from tests.adapters.serving import PASSWORD, SECRET, Venue
from tests.adapters.test_auth_api import Elsewhen
from tests.web.visiting import Visitor


def test_a_person_registers_and_is_signed_in(visitor: Visitor, the_venue: Venue) -> None:
    visitor.open("/")
    visitor.page.get_by_role("banner").get_by_role("link", name="Register").click()
    visitor.field("Username").fill("dora_the_first")
    visitor.field("E-mail").fill("dora_the_first@example.org")
    visitor.field("Password").fill(PASSWORD)
    visitor.page.keyboard.press("Enter")
    visitor.see("dora_the_first")
    assert the_venue.nobody.post("/auth/login", username="dora_the_first", password=PASSWORD).code == 0


def test_a_wrong_password_is_told_beside_its_field(visitor: Visitor, the_venue: Venue) -> None:
    visitor.open("/login")
    visitor.field("Username").fill(the_venue.user().name)
    visitor.field("Password").fill("Wrong1horse")
    visitor.page.keyboard.press("Enter")
    password = visitor.field("Password")
    expect(password).to_have_attribute("aria-invalid", "true")
    expect(password).to_have_accessible_description("Wrong username or password")
    visitor.at("/login")


def test_what_will_not_do_is_told_beside_its_field(visitor: Visitor, the_venue: Venue) -> None:
    """The rules before anything is sent, and what only the exchange can know after it."""
    visitor.open("/register")
    expect(visitor.field("Username")).to_have_accessible_description(
        "3 to 64 letters, digits and underscores."
    )
    visitor.field("Username").fill("no spaces")
    visitor.field("E-mail").fill("dora")
    visitor.field("Password").fill("short")
    visitor.page.keyboard.press("Enter")
    for label in ("Username", "E-mail", "Password"):
        expect(visitor.field(label)).to_have_attribute("aria-invalid", "true")
    expect(visitor.field("Username")).to_be_focused()
    taken = the_venue.user().name
    visitor.field("Username").fill(taken)
    visitor.field("E-mail").fill("dora@example.org")
    visitor.field("Password").fill(PASSWORD)
    visitor.page.keyboard.press("Enter")
    expect(visitor.field("Username")).to_have_accessible_description(
        re.compile(f"^The username {taken} is taken")
    )
    expect(visitor.field("E-mail")).not_to_have_attribute("aria-invalid", "true")


def test_who_is_disabled_is_told_so(visitor: Visitor, the_venue: Venue) -> None:
    caller = the_venue.user()
    assert the_venue.admin.post(f"/admin/users/{caller.user_id}/active", is_active=False).code == 0
    visitor.open("/login")
    visitor.field("Username").fill(caller.name)
    visitor.field("Password").fill(PASSWORD)
    visitor.page.keyboard.press("Enter")
    expect(visitor.page.get_by_role("alert")).to_have_text("This account is disabled")


def test_after_too_many_wrong_passwords_the_button_counts_down(visitor: Visitor, the_venue: Venue) -> None:
    caller = the_venue.user()
    visitor.open("/login")
    visitor.field("Username").fill(caller.name)
    visitor.field("Password").fill(PASSWORD)
    for _ in range(5):
        the_venue.nobody.post("/auth/login", username=caller.name, password="Wrong1horse")
    visitor.page.keyboard.press("Enter")
    expect(visitor.button(re.compile(r"Try again in \d+ s"))).to_be_disabled()
    visitor.button("Sign in").click()
    visitor.at("/")
    visitor.see(caller.name)


def test_a_session_outlives_a_reload_and_ends_in_all_tabs(visitor: Visitor, the_venue: Venue) -> None:
    caller = the_venue.user()
    visitor.sign_in(caller)
    visitor.page.reload()
    visitor.see(caller.name)
    other = visitor.page.context.new_page()
    other.goto(visitor.address)
    expect(other.get_by_text(caller.name)).to_be_visible()
    other.get_by_role("button", name="Sign out").click()
    expect(visitor.page.get_by_role("link", name="Sign in")).to_be_visible()
    visitor.page.reload()
    expect(visitor.page.get_by_role("link", name="Sign in")).to_be_visible()


def test_tokens_are_nowhere_that_a_script_could_read_later(visitor: Visitor, the_venue: Venue) -> None:
    visitor.sign_in(the_venue.user())
    assert visitor.page.evaluate("document.cookie") == ""
    stored = visitor.page.evaluate("[{...localStorage}, {...sessionStorage}]")
    assert stored == [{"verdict-signed-in": "yes"}, {}]


def test_a_token_that_ends_on_its_way_is_renewed_and_the_request_carried_out_once(
    visitor: Visitor, the_venue: Venue
) -> None:
    caller = the_venue.user()
    visitor.sign_in(caller)
    visitor.open("/portfolio")
    visitor.see("You have no money here yet")
    over = Tokens(SECRET, Elsewhen(1_000_000_000)).issue(caller.user_id, TokenType.ACCESS, "USER")
    answers: list[int] = []
    renewals: list[str] = []
    visitor.page.on(
        "response", lambda one: answers.append(one.status) if one.url.endswith("/deposit") else None
    )
    visitor.page.on("request", lambda one: renewals.append(one.url) if one.url.endswith("/refresh") else None)
    visitor.page.route(
        "**/account/deposit",
        lambda route: route.continue_(headers={**route.request.headers, "authorization": f"Bearer {over}"}),
        times=1,
    )
    visitor.button("Deposit").first.click()
    visitor.field("Dollars").fill("40")
    visitor.page.keyboard.press("Enter")
    visitor.see("Paid in: $40.00")
    assert (answers, len(renewals)) == ([401, 200], 1)
    assert caller.data("/account/balance")["available_balance_cents"] == 4_000


def test_whose_session_ended_elsewhere_signs_in_and_goes_on(visitor: Visitor, the_venue: Venue) -> None:
    caller = the_venue.user()
    visitor.sign_in(caller)
    visitor.open("/portfolio?tab=ledger")
    visitor.see("Nothing has happened to your cash yet.")
    assert caller.post("/account/logout-all").code == 0
    visitor.at("/login?then=%2Fportfolio%3Ftab%3Dledger")
    visitor.see("You were signed out: the session ended elsewhere")
    visitor.field("Username").fill(caller.name)
    visitor.field("Password").fill(PASSWORD)
    visitor.page.keyboard.press("Enter")
    visitor.at("/portfolio?tab=ledger")
    visitor.see("Nothing has happened to your cash yet.")
