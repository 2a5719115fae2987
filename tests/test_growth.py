"""The measurement of growth builds a past of its own and asks a server about it: all of it, in small."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ROWS = (
    *("snapshot, dumped and filed", "snapshot, compressed", "disk, without snapshots"),
    *("restart, until ready", "memory of the server", "first page of orders", "first page of the ledger"),
    *("candles of a market", "its request, repeated", "its cancel", "its replacement"),
    *("acknowledgement, p99", "snapshot by the process beside it", "acknowledgement meanwhile, the longest"),
)


def test_growth_is_measured_at_one_size_after_another() -> None:
    """What is asked about the oldest past is asserted there: the same order, and the refusals that fit."""
    small = ["400", "1200", "--live", "300", "--remembered", "100", "--tail", "100", "--seconds", "0.1"]
    done = subprocess.run(
        [sys.executable, "-m", "bench.growth", *small],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-2_000:]
    _, _, table = done.stdout.rpartition("\nclosed orders ")
    heads, *lines = table.splitlines()
    assert heads.split() == ["400", "1,200"]
    measured = {line[2:44].strip(): line[44:].split()[:2] for line in lines}
    assert set(ROWS) <= set(measured)
    assert all(float(value.replace(",", "")) >= 0 for values in measured.values() for value in values)
