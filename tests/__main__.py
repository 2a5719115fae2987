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
    "tests/end_to_end/test_market_maker.py",
    "tests/amm/live/test_program.py",
    "tests/amm/live/test_polling.py",
    "tests/adapters/test_malformed.py",
    "tests/adapters/test_user_command.py",
)
"""What takes longest begins first: begun last, it would keep one core busy while the others wait."""
WORKERS_MAX: Final = 4
"""Each takes half a gigabyte with its servers, and the longest file bounds what more of them could gain."""

SIDE_BY_SIDE: Final = (
    *("--numprocesses=logical", f"--maxprocesses={WORKERS_MAX}", "--dist=loadfile", "--no-loadscope-reorder"),
    *("-m", "not alone", "--durations=10"),
)


def files() -> list[str]:
    others = sorted({str(path) for path in Path("tests").rglob("test_*.py")} - {*LONGEST})
    return [*LONGEST, *others]


def main() -> int:
    """The tests that run alone come last, when all that they use has been read from the disk once."""
    side_by_side = pytest.main([*SIDE_BY_SIDE, *files()])
    if side_by_side == pytest.ExitCode.INTERRUPTED:
        return side_by_side
    alone = pytest.main(["-m", "alone"])
    if side_by_side:
        sys.stderr.write("verdict: tests failed that ran side by side, see further up\n")
    return side_by_side or alone


if __name__ == "__main__":
    sys.exit(main())
