"""A person at a browser: what they see and do, and the few words that the tests of the page use for it."""

import asyncio
import contextlib
import re
from collections.abc import Iterator
from typing import Final, Literal

import attrs
import pytest
from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, expect, sync_playwright

from tests.adapters.serving import PASSWORD, Caller

CHROMIUM: Final = "/usr/bin/chromium"
ARGUMENTS: Final = (
    "--no-sandbox",  # tests run as root where nobody else is
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
WIDE: Final = (1280, 800)
PHONE: Final = (360, 740)
SECONDS: Final = 15.0
"""How long a test waits for what it expects to see. Nothing takes as long; a busy machine may."""


@attrs.define
class Visitor:
    """A browser with one window, as fresh as a private one, and what it complained about."""

    page: Page
    address: str
    complaints: list[str] = attrs.field(factory=list)
    """Errors of scripts, and of what the policy of content forbade. A test that provokes one takes it out."""

    def open(self, path: str) -> None:
        self.page.goto(self.address + path)

    def see(self, text: str | re.Pattern[str]) -> None:
        expect(self.page.get_by_text(text).first).to_be_visible()

    def at(self, path: str) -> None:
        """Wait until the address is this one."""
        expect(self.page).to_have_url(self.address + path)

    def button(self, name: str | re.Pattern[str]) -> Locator:
        return self.page.get_by_role("button", name=name)

    def field(self, label: str | re.Pattern[str]) -> Locator:
        return self.page.get_by_label(label)

    def sign_in(self, caller: Caller) -> None:
        """By the form, as its owner would, and on to the markets."""
        self.open("/login")
        self.field("Username").fill(caller.name)
        self.field("Password").fill(PASSWORD)
        self.page.keyboard.press("Enter")
        self.at("/")

    def remembered(self, username: str, password: str = PASSWORD) -> None:
        """Come back as somebody who signed in here before: with the cookie and the mark that it left."""
        login = {"username": username, "password": password, "cookie": True}
        assert self.page.request.post(f"{self.address}/api/v1/auth/login", data=login).ok
        self.page.goto(f"{self.address}/web/icon.svg")
        self.page.evaluate("localStorage.setItem('verdict-signed-in', 'yes')")


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's browser, and what drives it."""
    with contextlib.ExitStack() as stack:
        with pytest.MonkeyPatch.context() as patch:
            # It wants a loop of asyncio itself; trio-asyncio puts its own in the place of that.
            patch.setattr(asyncio, "new_event_loop", asyncio.SelectorEventLoop)
            playwright = stack.enter_context(sync_playwright())
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        yield browser
        browser.close()


@contextlib.contextmanager
def visiting(
    browser: Browser,
    address: str,
    size: tuple[int, int] = WIDE,
    theme: Literal["light", "dark"] = "light",
) -> Iterator[Visitor]:
    """A visitor of the exchange. Where something went wrong unseen, the end of the visit fails."""
    width, height = size
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme=theme,
        locale="en-US",
        timezone_id="Europe/Berlin",
        reduced_motion="reduce",
    )
    context.set_default_timeout(SECONDS * 1000)
    visitor = Visitor(context.new_page(), address)

    def said(message: ConsoleMessage) -> None:
        # That a request was refused is an answer that the page shows; the browser tells of each.
        if message.type == "error" and not message.text.startswith("Failed to load resource"):
            visitor.complaints.append(message.text)

    context.on("console", said)
    context.on("weberror", lambda error: visitor.complaints.append(str(error.error)))
    try:
        yield visitor
    finally:
        context.close()
    assert visitor.complaints == []
