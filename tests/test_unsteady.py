"""What fails beside others is heard again alone, before it counts."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RUN = "import sys, tests.__main__ as run; run.LONGEST = (); sys.exit(run.main())"
FINE = """
import os, pathlib, pytest

@pytest.mark.alone
def test_alone(): pass
"""
UNSTEADY = """
@pytest.mark.parametrize("one", range({tests}))
def test_beside_others(one):
    heard = pathlib.Path(f"heard{{one}}")
    times = int(heard.read_text()) + 1 if heard.exists() else 0
    heard.write_text(str(times))
    assert times not in {fails}
"""


def run(folder: Path, *, tests: int, fails: set[int]) -> tuple[int, str]:
    """All tests of a folder: `tests` of them fail each time that `fails` names, where 0 is beside others."""
    (folder / "tests").mkdir()
    (folder / "tests" / "test_some.py").write_text(FINE + UNSTEADY.format(tests=tests, fails=fails))
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(
        [sys.executable, "-c", RUN],
        cwd=folder,
        env=environment | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    return done.returncode, done.stderr


def test_what_passes_alone_three_times_is_named_and_does_not_fail_the_run(tmp_path: Path) -> None:
    code, said = run(tmp_path, tests=1, fails={0})
    assert (code, (tmp_path / "heard0").read_text()) == (0, "3")
    assert said.splitlines()[-2:] == [
        "verdict: unsteady, failed side by side and passed 3 times alone:",
        "  tests/test_some.py::test_beside_others[0]",
    ]


def test_what_fails_once_more_fails_the_run(tmp_path: Path) -> None:
    assert run(tmp_path, tests=1, fails={0, 3})[0] == 1


def test_more_than_a_few_are_no_accident(tmp_path: Path) -> None:
    assert run(tmp_path, tests=4, fails={0})[0] == 1
    assert (tmp_path / "heard0").read_text() == "0"
