"""Pictures of every screen, from a demo of its own: in all sizes, in both themes, of everybody who looks.

    just pictures FOLDER                       # all of them; a few minutes
    just pictures FOLDER --only market-1280    # those whose names contain this
    just pictures docs/pictures --shown --warm-up 900

The last makes those anew that README and guide show: as much as a window shows, of a demo that has a past.
The others are to look at while one works on the page.
"""

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, Literal

import attrs
import click
import httpx
from playwright.sync_api import Browser, Page, expect

from tests.adapters.serving import ADMIN, PASSWORD, ROOT, Caller
from tests.adapters.test_making_api import running
from tests.web.visiting import SECONDS, Visitor, chromium

Theme = Literal["light", "dark"]

WIDTHS: Final = {360: 740, 1280: 800, 2560: 1440}
THEMES: Final[tuple[Theme, ...]] = ("light", "dark")
WARM_UP_SECONDS: Final = 25
"""So long the traders trade before anybody looks."""
SETTLED_MS: Final = 900
"""A screen has its numbers by then, and has drawn them."""
HISTORY: Final = "MKT-BTC-100K-2026"
"""The market that is looked at: it is in every demo."""
PERSON: Final = "ida"
"""Who trades along."""


@attrs.frozen
class Screen:
    name: str
    path: str
    who: str | None = None
    """The username of who looks; None for somebody who is not signed in."""
    act: Callable[[Page], None] = attrs.field(default=lambda page: None)
    """What is done before the picture is taken."""


def fill_in(page: Page) -> None:
    """Look at all of the past, and begin to buy."""
    page.get_by_role("button", name="All", exact=True).click()
    if page.get_by_role("button", name="Trade", exact=True).is_visible():
        page.get_by_role("button", name="Trade", exact=True).click()
    ticket = page.get_by_role("region", name="Ticket")
    ticket.get_by_role("button", name="Market", exact=True).click()
    ticket.locator("[name=amount]").fill("120")
    page.evaluate("document.activeElement.blur()")


def press(*names: str) -> Callable[[Page], None]:
    """One button after the other, each the first of its name."""

    def act(page: Page) -> None:
        for name in names:
            page.get_by_role("button", name=name, exact=True).first.click()

    return act


SCREENS: Final = (
    Screen("markets", "/"),
    Screen("market", f"/markets/{HISTORY}"),
    Screen("login", "/login"),
    Screen("register", "/register"),
    Screen("my-markets", "/", PERSON),
    Screen("my-market", f"/markets/{HISTORY}", PERSON),
    Screen("ticket", f"/markets/{HISTORY}", PERSON, fill_in),
    Screen("portfolio", "/portfolio", PERSON),
    Screen("deposit", "/portfolio", PERSON, press("Deposit")),
    Screen("making", "/making", PERSON),
    Screen("campaigns", "/making/campaigns", PERSON),
    Screen("campaigns-join", "/making/campaigns", PERSON, press("Join Tight quotes all week")),
    Screen("campaigns-admin", "/making/campaigns", ADMIN),
    Screen("making-new", "/making/new", PERSON, press("All terms")),
    Screen("making-order", "/making/{order}", PERSON),
    Screen("making-withdraw", "/making/{order}", PERSON, press("Withdraw")),
    Screen("account", "/account", PERSON),
    Screen("account-leave", "/account", PERSON, press("Sign out everywhere")),
    Screen("admin", "/admin", ADMIN),
    Screen("admin-new", "/admin/new", ADMIN),
    Screen("admin-market", f"/admin/markets/{HISTORY}", ADMIN),
    Screen("admin-void", f"/admin/markets/{HISTORY}", ADMIN, press("Void", "Continue")),
    Screen("admin-users", "/admin/users", ADMIN),
    Screen("admin-health", "/admin/health", ADMIN),
)
SHOWN: Final = (
    *("ticket-1280-light", "ticket-1280-dark", "ticket-360-light"),
    *("markets-1280-light", "portfolio-1280-dark", "admin-market-1280-light"),
)
"""Those that README and guide show."""


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--only", multiple=True, help="Part of a name as SCREEN-WIDTH-THEME; may be said several times."
)
@click.option("--shown", is_flag=True, help="Those that README and guide show, as large as a window.")
@click.option("--warm-up", default=WARM_UP_SECONDS, help="Seconds of trading before the first picture.")
def main(folder: Path, only: tuple[str, ...], shown: bool, warm_up: int) -> None:
    """Take pictures of the page into FOLDER."""
    folder.mkdir(parents=True, exist_ok=True)
    expect.set_options(timeout=SECONDS * 1000)
    with demo() as address, chromium() as browser:
        order = trade_along(address)
        time.sleep(warm_up)
        for name, screen, width, theme in wanted(only, shown):
            with window(browser, address, screen.who, width, theme) as page:
                picture = folder / f"{name}.png"
                show(page, address + screen.path.format(order=order))
                screen.act(page)
                page.wait_for_timeout(SETTLED_MS)
                page.screenshot(path=picture, full_page=not shown)
                click.echo(picture)


def wanted(only: tuple[str, ...], shown: bool) -> Iterator[tuple[str, Screen, int, Theme]]:
    for screen in SCREENS:
        for width in WIDTHS:
            for theme in THEMES:
                name = f"{screen.name}-{width}-{theme}"
                if name in SHOWN if shown else not only or any(part in name for part in only):
                    yield name, screen, width, theme


@contextlib.contextmanager
def demo() -> Iterator[str]:
    """The address of a demo that has just begun."""
    with tempfile.TemporaryDirectory() as folder, Path(folder, "log").open("w") as log:
        others = {name: value for name, value in os.environ.items() if not name.startswith("VERDICT_")}
        process = subprocess.Popen(
            [sys.executable, "-m", "adapters.cli", "demo"],
            cwd=ROOT,
            env=others
            | {
                "DATABASE_URL": "",
                "VERDICT_DATA": f"{folder}/data",
                "VERDICT_PORT": "0",
                "VERDICT_METRICS_PORT": "0",
                "VERDICT_RATE_LIMITS": "0",  # a sign-in for each picture
                "VERDICT_ADMIN_USERNAME": ADMIN,
                "VERDICT_ADMIN_PASSWORD": PASSWORD,
                "PYTHONUNBUFFERED": "1",
            },
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        try:
            assert process.stdout is not None
            first = process.stdout.readline()
            assert first.startswith("open"), Path(folder, "log").read_text()
            yield first.split()[1].removesuffix("/")
        finally:
            process.terminate()
            process.communicate()


@contextlib.contextmanager
def window(browser: Browser, address: str, who: str | None, width: int, theme: Theme) -> Iterator[Page]:
    context = browser.new_context(
        viewport={"width": width, "height": WIDTHS[width]},
        color_scheme=theme,
        locale="en-US",
        timezone_id="Europe/Berlin",
        reduced_motion="reduce",
    )
    page = context.new_page()
    if who is not None:
        Visitor(page, address).remembered(who)
    yield page
    context.close()


def show(page: Page, address: str) -> None:
    page.goto(address)
    expect(page.locator("main")).to_be_visible()
    expect(page.locator(".loading")).to_have_count(0)


def trade_along(address: str) -> str:
    """Somebody with money, positions, orders, a history, and a market made for her: that order."""
    with httpx.Client(base_url=address, timeout=30) as http:
        nobody = Caller(http)
        nobody.post("/auth/register", username=PERSON, email=f"{PERSON}@example.org", password=PASSWORD)
        login = nobody.post("/auth/login", username=PERSON, password=PASSWORD)
        ida = Caller(http, login.data["access_token"])
        ida.deposit(250_000)
        time.sleep(WARM_UP_SECONDS / 5)  # until there is somebody to trade with
        markets = ida.data("/markets")["items"]
        for number, market in enumerate(markets[-5:]):
            side = ("YES", "NO")[number % 2]
            ida.place(market["id"], f"BUY {side} {60 + 40 * number} @99", time_in_force="IOC")
            ida.place(market["id"], f"SELL {side} {20 + 10 * number} @{90 - number}")
            ida.place(market["id"], f"BUY {side} {50 + 10 * number} @{6 + number}")
        ida.place(HISTORY, "SELL YES 15 @1", time_in_force="IOC")
        ida.post("/account/withdraw", amount_cents=12_500)
        ida.post("/account/api-keys", name="weekend bot", scopes=["read", "trade"])
        offer(
            Caller(http, nobody.post("/auth/login", username=ADMIN, password=PASSWORD).data["access_token"]),
            markets[:3],
        )
        return running(ida, markets[0]["id"])


def offer(admin: Caller, markets: list[dict[str, Any]]) -> None:
    """A campaign for each of some markets, the last of which is a draft."""
    now = datetime.now(UTC)
    for market, days in zip(markets, (7, 30, 90), strict=True):
        admin.deposit(100_000)
        terms = {"starts_at": now.isoformat(), "ends_at": (now + timedelta(days=days)).isoformat()}
        made = admin.post(
            "/admin/campaigns",
            market_id=market["id"],
            name="Tight quotes all week" if days == 7 else f"{days} days of quotes",
            reward_pool_cents=50_000,
            min_cash_cents=20_000,
            max_half_spread_cents=5,
            **terms,
        )
        if days < 90:
            admin.post(f"/admin/campaigns/{made.data['campaign_id']}/activate")


if __name__ == "__main__":
    main()
