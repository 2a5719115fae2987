"""A browser for each file of tests, and visitors who know nothing of each other."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.adapters.serving import Venue
from tests.web.visiting import CHROMIUM, SECONDS, Visitor, chromium, visiting


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """For one file and not for all: what drives it keeps a loop of its own running."""
    if not Path(CHROMIUM).exists():
        pytest.skip(f"there is no {CHROMIUM}: install Debian's chromium to test the page")
    expect.set_options(timeout=SECONDS * 1000)
    with chromium() as started:
        yield started


@pytest.fixture
def visit(browser: Browser, the_venue: Venue) -> Iterator[Callable[..., Visitor]]:
    """More visitors, each in a browser window of his own; `address` where it is another server."""
    with contextlib.ExitStack() as visits:

        def visit(address: str = the_venue.address, **how: Any) -> Visitor:
            return visits.enter_context(visiting(browser, address, **how))

        yield visit


@pytest.fixture
def visitor(visit: Callable[..., Visitor]) -> Visitor:
    return visit()
