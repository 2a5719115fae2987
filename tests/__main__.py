"""All tests, on all cores: what `./verdict test` does when it is told nothing else.

First the files, side by side: each goes to the worker that is free, and a worker has a PostgreSQL, servers
and folders of its own. Then, one after another and with nothing beside them, the tests marked `alone`: they
hold something to a time by the clock on the wall.
"""

import sys
from pathlib import Path
from typing import Final

import pytest

LONGEST: Final = (
    "tests/end_to_end/test_tour.py",
    "tests/adapters/test_holding_streams.py",
    "tests/persistence/test_replay_tool.py",
    "tests/persistence/test_archiving.py",
    "tests/end_to_end/test_market_maker.py",
    "tests/amm/live/test_program.py",
    "tests/amm/live/test_polling.py",
    "tests/adapters/test_malformed.py",
    "tests/adapters/test_user_command.py",
    "tests/web/test_accessibility.py",
    "tests/kernel/test_compiled.py",
    "tests/adapters/test_relay.py",
    "tests/adapters/test_relay_kafka.py",
)
"""What takes longest begins first: begun last, it would keep one core busy while the others wait."""
WORKERS_MAX: Final = 4
"""Each takes half a gigabyte with its servers, and the longest file bounds what more of them could gain."""

UNSTEADY_MAX: Final = 3
HEARINGS: Final = 3
"""A few tests that fail beside others are heard again; more of them than that are no accident."""

SIDE_BY_SIDE: Final = (
    *("--numprocesses=logical", f"--maxprocesses={WORKERS_MAX}", "--dist=loadfile", "--no-loadscope-reorder"),
    *("-m", "not alone", "--durations=10"),
)


def files() -> list[str]:
    others = sorted({str(path) for path in Path("tests").rglob("test_*.py")} - {*LONGEST})
    return [*LONGEST, *others]


class Failed:
    """Which tests failed in a run, told by pytest."""

    def __init__(self) -> None:
        self.tests: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and report.nodeid not in self.tests:
            self.tests.append(report.nodeid)


def are_unsteady(tests: list[str]) -> bool:
    """Do these tests, which failed beside others, pass alone, as often as it takes to believe it?"""
    if not 0 < len(tests) <= UNSTEADY_MAX:
        return False
    return all(pytest.main([*tests]) == pytest.ExitCode.OK for _ in range(HEARINGS))


def main() -> int:
    """The tests that run alone come last, when all that they use has been read from the disk once."""
    failed = Failed()
    outcome = pytest.main([*SIDE_BY_SIDE, *files()], plugins=[failed])
    if outcome not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        return outcome
    alone = pytest.main(["-m", "alone"])
    if outcome and are_unsteady(failed.tests):
        told = "\n  ".join(["", *failed.tests])
        sys.stderr.write(f"verdict: unsteady, failed side by side and passed {HEARINGS} times alone:{told}\n")
        return alone
    if outcome:
        sys.stderr.write("verdict: tests failed that ran side by side, see further up\n")
    return outcome or alone


if __name__ == "__main__":
    sys.exit(main())
