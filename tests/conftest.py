"""How much the property tests try: `default` is for every run, `thorough` for `just fuzz`."""

import os
import signal

from hypothesis import settings

# The fixtures that give a test a real PostgreSQL.
pytest_plugins = ["tests.database"]

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


def pytest_configure() -> None:
    """Told to end, the tests tidy up as after Ctrl-C: the servers that they started would outlive them."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs are without
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
