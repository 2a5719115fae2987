"""Who one is: registering, signing in and out, and going on where one was."""

from playwright.sync_api import expect

from tests.adapters.serving import PASSWORD, Venue
from tests.web.visiting import Visitor


def test_a_person_registers_and_is_signed_in(visitor: Visitor, the_venue: Venue) -> None:
    visitor.open("/")
    visitor.page.get_by_role("link", name="Register").click()
    visitor.field("Username").fill("dora_the_first")
    visitor.field("E-mail").fill("dora@example.org")
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
    assert visitor.page.evaluate("Object.keys(localStorage).concat(Object.keys(sessionStorage))") == []
