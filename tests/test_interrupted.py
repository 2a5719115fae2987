"""Tests that are told to end take with them what they started."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.adapters.serving import until

ROOT = Path(__file__).resolve().parent.parent
# Said by the test that is interrupted: the process of its PostgreSQL.
WAITS = """
import os, pathlib, time
import pytest
from persistence.postgres.embedded import postmaster_pid

def test_that_waits(server_url: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = server_url.partition("host=")[2].partition("/postgresql")[0]
    told = pathlib.Path("told.new")
    told.write_text(str(postmaster_pid(pathlib.Path(folder))))
    told.rename("told")
    time.sleep(60)
"""


@pytest.mark.parametrize("options", [(), ("-n", "1")], ids=["one process", "a worker"])
def test_a_run_that_is_told_to_end_leaves_no_server_behind(tmp_path: Path, options: tuple[str, ...]) -> None:
    (tmp_path / "test_waits.py").write_text(WAITS)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environment.pop("DATABASE_URL", None)
    with subprocess.Popen(
        [sys.executable, "-m", "pytest", "-p", "tests.conftest", "--rootdir=.", *options, "test_waits.py"],
        cwd=tmp_path,
        env=environment | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    ) as run:
        until((tmp_path / "told").exists, 60)
        server = Path("/proc", (tmp_path / "told").read_text())
        assert server.exists()
        run.send_signal(signal.SIGTERM)
        said, _ = run.communicate(timeout=60)
    assert run.returncode == pytest.ExitCode.INTERRUPTED, said
    assert not server.exists()
