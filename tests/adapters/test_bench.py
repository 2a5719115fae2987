"""`verdict bench` finds the benchmarks by looking, so that a new one needs no registration."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from adapters.cli import bench as module
from adapters.cli.bench import bench


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A bench/ of our own, with one benchmark and one module that only helps."""
    package = tmp_path / "bench"
    package.mkdir()
    (package / "counting.py").write_text(
        '"""How fast we count.\n\nMore about it."""\nif __name__ == "__main__":\n    print(1_000)\n'
    )
    (package / "helper.py").write_text('"""Helps."""\n')
    monkeypatch.setattr(module, "BENCH", package)
    monkeypatch.syspath_prepend(str(tmp_path))
    return package


def test_without_a_name_it_lists_what_there_is_to_run(folder: Path) -> None:
    """What cannot be run is a helper, and not listed."""
    assert CliRunner().invoke(bench, []).output == "counting  How fast we count.\n"


def test_an_unknown_name_is_answered_with_those_there_are(folder: Path) -> None:
    answer = CliRunner().invoke(bench, ["kernle"])
    assert answer.exit_code == 2
    assert "'kernle' is none of counting" in answer.output


def test_the_kernels_benchmark_is_among_the_real_ones() -> None:
    assert "kernel  " in CliRunner().invoke(bench, []).output
