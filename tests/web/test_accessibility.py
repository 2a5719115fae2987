"""Axe, the engine that finds what keeps somebody out, finds nothing serious on any screen in either theme."""

import re
from collections.abc import Callable
from importlib.resources import files
from typing import Any, Final, Literal

import pytest
from playwright.sync_api import Page, expect

from adapters.http.web_page import FOLDER
from tests.adapters.serving import ADMIN, Caller, Venue
from tests.adapters.test_campaigns_api import offer
from tests.adapters.test_making_api import running
from tests.web.visiting import PHONE, WIDE, Visitor

AXE: Final = files("axe_playwright_python").joinpath("axe.min.js").read_text()
RULES: Final = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
SCREENS: Final = re.findall(r'path: "([^"]+)", signedIn: (true|false)', (FOLDER / "screens.js").read_text())

Theme = Literal["light", "dark"]


def test_every_screen_is_looked_at() -> None:
    assert len(SCREENS) == (FOLDER / "screens.js").read_text().count("load: () => import(")


@pytest.mark.parametrize(("theme", "size"), [("light", WIDE), ("dark", WIDE), ("light", PHONE)])
def test_axe_finds_nothing_serious(
    visit: Callable[..., Visitor], the_venue: Venue, theme: Theme, size: tuple[int, int]
) -> None:
    market = lively(the_venue)
    trader = the_venue.user(1_000_000)
    made = busy(the_venue, trader, market)
    found = []
    for name, paths in by_reader(market, made).items():
        visitor = visit(theme=theme, size=size)
        if name is not None:
            visitor.remembered(trader.name if name == "trader" else ADMIN)
        for path in paths:
            visitor.open(path)
            settled(visitor.page)
            assert (visitor.page.get_by_role("banner").get_by_role("link", name="Sign in").count() == 0) == (
                name is not None
            )
            found += [
                f"{path} as {name}: {finding}"
                for finding in [*serious(visitor.page), *too_wide(visitor.page)]
            ]
    assert not found, "\n".join(found)


def test_a_dialog_begins_with_what_is_to_be_typed_or_with_what_it_says(
    visitor: Visitor, the_venue: Venue
) -> None:
    """What cannot be taken back is not one careless Enter away."""
    caller = the_venue.user(1_000)
    visitor.sign_in(caller)
    visitor.open("/portfolio")
    visitor.button("Deposit").click()
    expect(visitor.field("Dollars")).to_be_focused()
    visitor.page.keyboard.press("Escape")
    expect(visitor.button("Deposit")).to_be_focused()
    visitor.open("/account")
    everywhere = visitor.button("Sign out everywhere")
    everywhere.click()
    dialog = visitor.page.get_by_role("dialog")
    expect(dialog.get_by_role("heading")).to_be_focused()
    visitor.page.keyboard.press("Enter")
    expect(dialog).to_be_visible()
    visitor.page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(everywhere).to_be_focused()
    assert len(caller.data("/account/sessions")["items"]) == 1


def by_reader(market: str, made: str) -> dict[str | None, list[str]]:
    """What nobody in particular sees, what somebody with money, and what an administrator."""
    paths = [
        (path.replace("{id}", made if path.startswith("/making/") else market), needs == "true")
        for path, needs in SCREENS
    ]
    return {
        None: [path for path, needs in paths if not needs],
        "trader": [path for path, _ in paths if path not in ("/login", "/register") and "/admin" not in path],
        "admin": [path for path, _ in paths if path.startswith("/admin")],
    }


def lively(the_venue: Venue) -> str:
    """A market with offers on both sides and trades behind it."""
    market = the_venue.market(category="Weather", description="Whether it rains.")
    ann, ben = the_venue.user(100_000), the_venue.user(100_000)
    for price in (58, 55, 51):
        ann.placed(market, f"BUY YES {price} @{price}")
        ben.placed(market, f"BUY NO {price} @{99 - price - 5}")
    ann.placed(market, "BUY YES 20 @99", time_in_force="IOC")
    return market


def busy(venue: Venue, trader: Caller, market: str) -> str:
    """Somebody gets shares, orders, a history, a key, a campaign, and a market-making order: its id."""
    trader.placed(market, "BUY YES 30 @99", time_in_force="IOC")
    trader.placed(market, "SELL YES 10 @80")
    trader.placed(market, "BUY YES 25 @12")
    assert trader.post("/account/withdraw", amount_cents=1_000).code == 0
    assert trader.post("/account/api-keys", name="bot", scopes=["read"]).code == 0
    offer(venue, market)
    return running(trader, market)


def settled(page: Page) -> None:
    """All that a screen reads at first is there."""
    expect(page.locator("main")).to_be_visible()
    expect(page.locator(".loading")).to_have_count(0)


def serious(page: Page) -> list[str]:
    """What axe finds on what is shown now: the rule, and where it is broken."""
    page.evaluate(AXE)
    result: dict[str, Any] = page.evaluate(
        "rules => axe.run(document, {runOnly: rules, resultTypes: ['violations']})", list(RULES)
    )
    return [
        f"{violation['id']} ({violation['impact']}) at {node['target']}: {node['html'][:160]}"
        for violation in result["violations"]
        if violation["impact"] in ("serious", "critical")
        for node in violation["nodes"]
    ]


def too_wide(page: Page) -> list[str]:
    """What lies beyond the edge, where one must move the page sideways to read it."""
    wide = page.evaluate(
        """() => {
          const { scrollWidth, clientWidth } = document.documentElement;
          if (scrollWidth <= clientWidth) return [];
          const beyond = (element) => element.getBoundingClientRect().right > clientWidth + 1;
          return [...document.querySelectorAll("body *")].filter(beyond)
            .map((one) => one.outerHTML.slice(0, 100)).slice(0, 5);
        }"""
    )
    return [f"wider than the window: {element}" for element in wide]
