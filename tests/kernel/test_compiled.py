"""The compiled kernel is the same kernel: it answers, records and keeps the same, to the byte."""

import ast
import os
import pickle
import shutil
import subprocess
import sys
import typing
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.cli.compile import INTERPRETED, demand_compiler
from adapters.runtime.errors import CommandError
from bench.workload import Flow, opening
from kernel.commands import AnyCommand
from tests.kernel.making.desk import a_life
from tests.kernel.play.crowd import ACTS, Act, Move, moves
from tests.kernel.play.trading import Trading
from tests.kernel.rare_cases import walk
from tests.kernel.strategies import MARKETS
from tests.kernel.trading import Recorded

ROOT = Path(__file__).resolve().parents[2]


def run(root: Path, *arguments: str, kernel: Path | None = None, cc: str = "") -> tuple[int, str, str]:
    """Python with the modules of a project, or with another kernel ahead of its own."""
    path = f"{kernel}{os.pathsep}{root}" if kernel is not None else str(root)
    done = subprocess.run(
        [sys.executable, *arguments],
        env=os.environ | {"PYTHONPATH": path, "PYTHONSAFEPATH": "1"} | ({"CC": cc} if cc else {}),
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def compile_kernel(root: Path, folder: Path, *, cc: str = "") -> tuple[int, str, str]:
    return run(root, "-m", "adapters.cli", "compile", "--into", str(folder), cc=cc)


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    try:
        demand_compiler()
    except CommandError as trouble:
        pytest.skip(str(trouble))
    folder = tmp_path_factory.mktemp("compiled") / "kernel of today"
    code, said, complained = compile_kernel(ROOT, folder)
    assert (code, said) == (0, f"{folder}\n"), complained
    return folder


def plays_by_chance() -> list[list[AnyCommand]]:
    plays = []

    @settings(max_examples=12)
    @given(
        home=st.sampled_from(sorted(MARKETS)),
        steps=st.lists(
            st.tuples(st.lists(moves, max_size=7), st.one_of(list(ACTS.values()))), min_size=15, max_size=15
        ),
    )
    def play(home: str, steps: list[tuple[list[Move], Act]]) -> None:
        trading = Trading()
        trading.open_the_exchange(home)
        for meanwhile, (name, arguments) in steps:
            for move in meanwhile:
                trading.play(move)
            getattr(trading, name)(**arguments)
        plays.append(trading.both.commands)

    play()
    return plays


def plays_in_rare_cases() -> list[list[AnyCommand]]:
    plays = []
    for result in ("YES", "NO", "VOID"):
        trading = Trading()
        walk(trading, result)
        plays.append(trading.both.commands)
    return plays


def play_of_makers() -> list[AnyCommand]:
    day = Recorded(mia=100_000)
    a_life(day, "mia", "M")
    day.play("root suspends", "root resumes", "root halts", "root resumes: fine", "root resolves YES")
    return day.asked


def tell(plays: Path, kernel: Path | None) -> list[str]:
    code, said, complained = run(ROOT, "-m", "tests.kernel.telling", str(plays), kernel=kernel)
    assert code == 0, complained
    return said.splitlines()


def test_it_tells_the_same_as_the_plain_one(compiled: Path, tmp_path: Path) -> None:
    """Every answer and fact, digests on the way, the audit, the snapshot's bytes, and what an assert says."""
    plays = [
        *plays_in_rare_cases(),
        *plays_by_chance(),
        play_of_makers(),
        [*opening(), *Flow().commands(2_000)],
    ]
    written = tmp_path / "plays"
    written.write_bytes(pickle.dumps(plays))
    plain, fast = tell(written, None), tell(written, compiled)
    assert (plain[0], fast[0]) == ("interpreted", "compiled")
    assert fast[1:] == plain[1:]
    words = Counter(line.partition(" ")[0] for line in plain)
    assert [kind.__name__ for kind in typing.get_args(AnyCommand) if not words[kind.__name__]] == []
    assert words["broken:"] > 5
    assert "impossible: the journal is open already" in plain


def test_it_is_made_once(compiled: Path) -> None:
    """Another time there is nothing to do, so it needs no compiler either."""
    assert compile_kernel(ROOT, compiled, cc="no-such-compiler") == (0, f"{compiled}\n", "")


def test_without_a_compiler_it_says_what_to_install(tmp_path: Path) -> None:
    folder = tmp_path / "made" / "kernel"
    code, said, complained = compile_kernel(ROOT, folder, cc="no-such-compiler")
    assert (code, said) == (1, "")
    assert complained == (
        "verdict: there is no C compiler: no no-such-compiler on PATH; install one (on Debian or Ubuntu: apt "
        "install gcc). Everything works without, on the plain kernel\n"
    )
    assert not folder.parent.exists()


def test_where_it_may_not_write_it_says_so(tmp_path: Path) -> None:
    """A file stands where a folder has to be: that stops root, too."""
    (tmp_path / "made").touch()
    code, _, complained = compile_kernel(ROOT, tmp_path / "made" / "kernel", cc=sys.executable)
    assert code == 1
    assert complained.splitlines()[-1].startswith(f"verdict: cannot make {tmp_path / 'made' / 'kernel'}: ")


def test_a_kernel_that_does_not_compile_leaves_nothing_that_could_run(tmp_path: Path) -> None:
    """Types are rules there: what only the type checker minds, mypyc refuses.

    An editor's mark on the file that it has open, a link to nowhere, is no part of the kernel.
    """
    project = tmp_path / "project"
    for package in ("adapters", "kernel"):
        shutil.copytree(ROOT / package, project / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", project)
    with (project / "kernel" / "money.py").open("a") as source:
        source.write('\nWRONG: int = "one"\n')
    (project / "kernel" / ".#money.py").symlink_to("ann@desk.4711")
    folder = tmp_path / "made" / "kernel"
    code, said, complained = compile_kernel(project, folder, cc=sys.executable)
    assert (code, said) == (1, "")
    assert "kernel/money.py" in complained
    assert complained.splitlines()[-1] == (
        f"verdict: the kernel does not compile (all that was said: {folder.parent / 'failed.log'}); "
        "the plain one still runs"
    )
    assert [path.name for path in folder.parent.iterdir()] == ["failed.log"]


def test_nobody_derives_from_a_compiled_class() -> None:
    """It can be done from the plain kernel's classes, and fails as soon as somebody has compiled them."""
    native = {
        node.name: f"kernel.{path.stem}".removesuffix(".__init__")
        for path in (ROOT / "kernel").glob("*.py")
        if path.stem not in INTERPRETED
        for node in classes(path)
    }
    assert native["Exchange"] == "kernel.exchange"
    packages = ("adapters", "amm", "bench", "kernel", "persistence", "tests")
    outside = [path for package in packages for path in (ROOT / package).rglob("*.py")]
    derived = [
        f"{node.name} in {path.relative_to(ROOT)}"
        for path in outside
        if path.parent != ROOT / "kernel" or path.stem in INTERPRETED
        for node in classes(path)
        for base in node.bases
        if isinstance(base, ast.Name) and native.get(base.id) in sources_of(path, base.id)
    ]
    assert derived == []


def classes(path: Path) -> list[ast.ClassDef]:
    return [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ClassDef)]


def sources_of(path: Path, name: str) -> set[str | None]:
    """The modules a file imports a name from."""
    return {
        node.module
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom)
        and any((alias.asname or alias.name) == name for alias in node.names)
    }
