"""`verdict serve --followers`: one command, several processes, one port; none of them stays dead."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx
from click.testing import CliRunner, Result

from adapters.cli.main import verdict
from tests.adapters import serving
from tests.adapters.serving import ROOT, until, venue


def typed(folder: Path, *words: str) -> Result:
    return CliRunner().invoke(verdict, words, env={"VERDICT_DATA": str(folder)})


def roles(folder: Path) -> dict[int, str]:
    """By process."""
    lines = typed(folder, "nodes").output.splitlines()[1:]
    return {int(line.split()[0]): line.split()[1] for line in lines if line.split()[0].isdecimal()}


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_one_command_runs_several_and_they_take_turns(server_url: str, template: str, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with (
        serving.database_for(server_url, template) as url,
        serving.serving(url, tmp_path, "serve --followers 1") as all_of_them,
        httpx.Client(base_url=all_of_them.address, timeout=60) as http,
    ):
        until(lambda: sorted(roles(folder).values()) == ["follower", "leader"], 90)
        before = roles(folder)
        there = venue(all_of_them.address, http)
        ann = there.user(100_000)
        done = typed(folder, "hand-over")
        assert done.exit_code == 0, done.output
        first = next(pid for pid, role in before.items() if role == "leader")
        second = next(pid for pid, role in before.items() if role == "follower")
        assert done.output.startswith(f"process {second} leads instead of {first}, after ")
        with httpx.Client(base_url=all_of_them.address, timeout=60) as anew:
            balance = anew.get("/api/v1/account/balance", headers={"Authorization": f"Bearer {ann.token}"})
            assert balance.json()["data"]["available_balance_cents"] == 100_000
        until(lambda: sorted(roles(folder).values()) == ["follower", "leader"], 90)
        after = roles(folder)
        assert after[second] == "leader"
        assert first not in after, "it ended, and another one was started in its place"
        all_of_them.stop(signal.SIGKILL)
        until(lambda: not any(map(lives, after)), 90)


def test_where_nobody_leads_that_is_said(tmp_path: Path) -> None:
    for command in ("nodes", "hand-over"):
        done = subprocess.run(
            [sys.executable, "-m", "adapters.cli", command],
            env=os.environ | {"VERDICT_DATA": str(tmp_path), "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("verdict: no process that leads is there, with the data folder")
        assert len(done.stderr.splitlines()) == 1
