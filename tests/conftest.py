"""How much the property tests try: `default` is for every run, `thorough` for `just fuzz`."""

import os
import signal
import time
from typing import Final

import pytest
from hypothesis import settings

from tests.processes import children_of

# The fixtures that give a test a real PostgreSQL, and a real exchange.
pytest_plugins = ["tests.database", "tests.shared_venue"]

# The same examples each time, so that a red run is the change's doing and can be repeated by anybody.
settings.register_profile(
    "default", max_examples=50, stateful_step_count=40, derandomize=True, database=None, deadline=None
)
# New examples each time; failing ones are kept in .hypothesis and tried first. 4,000 runs of 50 steps are
# 200,000 commands.
settings.register_profile(
    "thorough", max_examples=4_000, stateful_step_count=50, deadline=None, print_blob=True
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


STOPPED_WITHIN: Final = 60.0
"""Seconds that the workers have to stop their servers."""


def pytest_configure(config: pytest.Config) -> None:
    """Told to end, the tests tidy up as after Ctrl-C: the servers that they started would outlive them."""

    def end(*_: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # once: a second would interrupt the tidying up
        for worker in workers(config):
            os.kill(worker, signal.SIGTERM)
        signal.raise_signal(signal.SIGINT)

    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs are without
    signal.signal(signal.SIGTERM, end)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Wait for workers that were interrupted, too: else they would be given few seconds, and then killed."""
    deadline = time.monotonic() + STOPPED_WITHIN
    while exitstatus == pytest.ExitCode.INTERRUPTED and any(map(children_of, workers(session.config))):
        if time.monotonic() > deadline:
            break
        time.sleep(0.05)


def workers(config: pytest.Config) -> list[int]:
    """The processes that this one hands its tests out to."""
    return children_of(os.getpid()) if config.getoption("dist", "no") != "no" else []
