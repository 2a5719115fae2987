"""The journal in memory keeps the promises of every journal."""

import pytest

from kernel.journal import MemoryJournal
from tests.journal_contract import *  # noqa: F403 - the tests of every journal, run here on this one


@pytest.fixture
def journal() -> MemoryJournal:
    return MemoryJournal()
