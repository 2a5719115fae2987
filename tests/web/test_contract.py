"""The page keeps to the description of the API: what it names is there, and by that name."""

import re
from collections.abc import Iterator
from typing import Any, Final

import pytest
from playwright.sync_api import Browser

from adapters.http import openapi
from adapters.http.page_text import as_served
from adapters.http.web_page import FOLDER, KINDS
from adapters.operations.table import BASE
from adapters.stream import asyncapi
from kernel.codes import ModeReason, StatusReason

FILES: Final = sorted(path for path in FOLDER.rglob("*") if path.suffix in KINDS)
SCRIPTS: Final = {str(path.relative_to(FOLDER)): path.read_text() for path in FILES if path.suffix == ".js"}
BYTES_MAX: Final = 249_000
"""What all screens together may take. The aim is 200,000, which is missed."""
DESCRIBED: Final = openapi.describe("test")
FEEDS: Final = {
    "SNAPSHOT",
    "DELTA",
    "ORDERBOOK_UPDATE",
    "TRADE",
    "TICKER",
    "TICKER_SNAPSHOT",
    "REQUEST_SNAPSHOT",
}
"""The feeds' words, which docs/websockets.md tells."""
OWN: Final = {"GET", "NFD", "POST", "USD", "UTC"}
"""Words in capitals that are not the exchange's."""
ROUTES: Final = FOLDER.parent / "docs" / "api" / "routes.md"

RULES: Final = """(style) => {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(style);
  return [...sheet.cssRules].map(({ cssText }) => cssText.replaceAll(", ", ","));
}"""
"""What a browser reads; a value in which something is computed it gives back as it was written."""


def enumerated(described: Any) -> Iterator[str]:
    """Every name of a state, a mode or a kind in a description."""
    if isinstance(described, list):
        for one in described:
            yield from enumerated(one)
    elif isinstance(described, dict):
        for name, value in described.items():
            if name in ("enum", "const"):
                yield from value if isinstance(value, list) else [value]
            else:
                yield from enumerated(value)


@pytest.mark.parametrize("name", SCRIPTS)
def test_every_request_of_the_page_is_in_the_description(name: str) -> None:
    paths = DESCRIBED["paths"]
    for method, path in re.findall(r'"(GET|POST|PUT|DELETE) (/[^"]*)"', SCRIPTS[name]):
        assert method.lower() in paths.get(BASE + path, {}), f"{method} {path} is no route of the API"


def test_every_state_that_the_page_knows_is_one_of_the_exchange() -> None:
    described = {*enumerated(DESCRIBED), *enumerated(asyncapi.describe("test"))}
    # Reasons are described as text, since an administrator's words may follow.
    (joining,) = [line for line in ROUTES.read_text().splitlines() if line.startswith("| 7111 |")]
    known = {*described, *StatusReason, *ModeReason, *FEEDS, *OWN, *re.findall("[A-Z_]+", joining)}
    for name, script in SCRIPTS.items():
        unknown = {*re.findall(r'"([A-Z][A-Z0-9_]+)"', script)} - known
        assert not unknown, f"{name} names what the exchange does not: {unknown}"


def test_requests_are_only_made_by_their_names() -> None:
    """So that the test above sees them all."""
    callers = [
        name for name, script in SCRIPTS.items() if re.search(r"\bfetch\(|XMLHttpRequest|/api/v1", script)
    ]
    assert callers == ["api/api.js"]


def test_a_browser_reads_styles_as_they_are_served_like_those_that_were_written(browser: Browser) -> None:
    page = browser.new_page()
    for path in FILES:
        if path.suffix == ".css":
            written = page.evaluate(RULES, path.read_text())
            assert written, path
            assert page.evaluate(RULES, as_served(path.read_bytes(), ".css").decode()) == written, path
    page.close()


def test_all_of_the_page_is_small() -> None:
    assert sum(len(as_served(path.read_bytes(), path.suffix)) for path in FILES) <= BYTES_MAX


def test_nothing_from_the_exchange_becomes_markup() -> None:
    for name, script in SCRIPTS.items():
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(", script), name
