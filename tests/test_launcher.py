"""The launcher, run for real in a folder of its own: real environments, with a lock that names no packages.

What the full lock does to a fresh clone is seen by .ci/run; here it is the launcher's own promises.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# A stand-in for the real command line, so that what arrives there can be seen.
ECHO = """
import os, sys
print("arguments", sys.argv[1:])
print("interpreter", sys.prefix)
print("folder", os.getcwd())
import kernel
print("kernel", kernel.__file__)
"""


def make_project(folder: Path) -> Path:
    (folder / "adapters" / "cli").mkdir(parents=True)
    shutil.copy(ROOT / "verdict", folder)
    (folder / "requirements.lock").write_text("# no packages\n")
    (folder / "adapters" / "cli" / "__main__.py").write_text(ECHO)
    (folder / "adapters" / "cli" / "compile.py").touch()
    (folder / "kernel").mkdir()
    (folder / "kernel" / "__init__.py").touch()
    return folder


def start(project: Path, *arguments: str, cwd: Path | None = None, **more: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [str(project / "verdict"), *arguments],
        cwd=cwd,
        env=os.environ | more,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(project: Path, *arguments: str, cwd: Path | None = None, **more: str) -> tuple[int, str, str]:
    process = start(project, *arguments, cwd=cwd, **more)
    said, complained = process.communicate(timeout=120)
    return process.returncode, said, complained


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a space in its path; an earlier start was killed while it made the environment."""
    project = make_project(tmp_path_factory.mktemp("launcher") / "a clone")
    (project / ".venv" / "bin").mkdir(parents=True)
    (project / ".venv" / "bin" / "python").symlink_to("/nowhere/python3")
    code, _, complained = run(project)
    assert code == 0, complained
    return project


def test_the_arguments_arrive_as_they_were_typed(prepared: Path) -> None:
    code, said, _ = run(prepared, "serve", "--name", "two words", "")
    assert code == 0
    assert "arguments ['serve', '--name', 'two words', '']" in said


def test_a_second_start_prepares_nothing(prepared: Path) -> None:
    """Its interpreter is the environment's, and it says not a word about preparing."""
    code, said, complained = run(prepared)
    assert (code, complained) == (0, "")
    assert f"interpreter {prepared / '.venv'}" in said


def test_it_works_from_another_folder_that_has_modules_of_the_same_name(
    prepared: Path, tmp_path: Path
) -> None:
    """The caller stays where he is: relative paths in arguments mean what they meant in the shell."""
    (tmp_path / "adapters" / "cli").mkdir(parents=True)
    (tmp_path / "adapters" / "cli" / "__main__.py").write_text("print('the wrong one')")
    code, said, _ = run(prepared, cwd=tmp_path)
    assert code == 0
    assert f"folder {tmp_path}" in said
    assert "the wrong one" not in said


def test_it_works_through_a_symbolic_link(prepared: Path, tmp_path: Path) -> None:
    (tmp_path / "verdict").symlink_to(prepared / "verdict")
    code, said, _ = run(tmp_path)
    assert code == 0
    assert f"interpreter {prepared / '.venv'}" in said


def test_the_word_test_goes_to_pytest_in_the_project_folder(prepared: Path, tmp_path: Path) -> None:
    """This environment has no pytest, and the complaint names it: that is how we see where the word went."""
    code, _, complained = run(prepared, "test", "-q", cwd=tmp_path)
    assert code == 1
    assert "No module named pytest" in complained


def test_the_word_test_alone_runs_all_of_them(prepared: Path, tmp_path: Path) -> None:
    """Which `tests` as a program does; here there is none, and the complaint names it."""
    code, _, complained = run(prepared, "test", cwd=tmp_path)
    assert code == 1
    assert "No module named tests" in complained


def test_after_a_change_of_the_lock_one_start_makes_the_environment_again_and_another_waits(
    prepared: Path,
) -> None:
    """Made anew, not topped up: what the new lock no longer names is gone."""
    leftover = prepared / ".venv" / "leftover"
    leftover.touch()
    (prepared / "requirements.lock").write_text("# still no packages, said otherwise\n")
    both = [start(prepared), start(prepared)]
    outcomes = [process.communicate(timeout=120) for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert all("arguments []" in said for said, _ in outcomes)
    assert sum("(once;" in complained for _, complained in outcomes) == 1
    assert not leftover.exists()


def test_a_package_that_is_not_the_locked_one_is_refused(tmp_path: Path) -> None:
    """And the refusal leaves nothing that a later start would take for a whole environment."""
    project = make_project(tmp_path / "project")
    wheel = tmp_path / "odd-1.0-py3-none-any.whl"
    wheel.write_bytes(b"not what the hash says")
    (project / "requirements.lock").write_text(f"odd @ {wheel.as_uri()} --hash=sha256:{'0' * 64}\n")
    code, said, complained = run(project)
    assert (code, said) == (1, "")
    assert "a package is not the one that requirements.lock names" in complained.splitlines()[-1]
    assert not (project / ".venv" / "stamp").exists()


def test_an_unreachable_package_index_is_named_as_the_cause(tmp_path: Path) -> None:
    """Port 1 of this machine stands for a network that is not there."""
    project = make_project(tmp_path / "project")
    (project / "requirements.lock").write_text(f"odd==1.0 --hash=sha256:{'0' * 64}\n")
    code, said, complained = run(
        project,
        PIP_INDEX_URL="http://127.0.0.1:1/simple",
        PIP_CONFIG_FILE=os.devnull,
        PIP_FIND_LINKS="",
        PIP_RETRIES="1",
    )
    assert (code, said) == (1, "")
    assert "the package index cannot be reached" in complained.splitlines()[-1]


def only_tools(folder: Path) -> Path:
    """A PATH with what the launcher needs from the system, and no Python."""
    folder.mkdir()
    for tool in ("cat", "cksum", "dirname", "grep", "mv", "readlink", "rm", "sh", "tail", "tee"):
        found = shutil.which(tool)
        assert found is not None
        (folder / tool).symlink_to(found)
    return folder


def pretend(python: Path, script: str) -> None:
    python.write_text(f"#!/bin/sh\n{script}\n")
    python.chmod(0o755)


def test_without_a_python_it_says_which_and_how(tmp_path: Path) -> None:
    """A shim that exists and fails, as pyenv leaves them, is no Python either."""
    tools = only_tools(tmp_path / "bin")
    pretend(tools / "python3.12", "echo 'pyenv: python3.12: command not found' >&2; exit 127")
    code, _, complained = run(make_project(tmp_path / "project"), PATH=str(tools))
    assert code == 1
    assert complained == (
        "verdict: needs Python 3.11, 3.12 or 3.13 and found none on PATH; install one (on Debian or Ubuntu:"
        " apt install python3 python3-venv) and run this again\n"
    )


def test_a_python_that_is_too_old_is_passed_over(tmp_path: Path) -> None:
    """The version is the interpreter's own answer; this one is made to answer 3.10."""
    tools = only_tools(tmp_path / "bin")
    (tmp_path / "sitecustomize.py").write_text("import sys; sys.version_info = (3, 10, 0, 'final', 0)")
    pretend(tools / "python3", f'PYTHONPATH="{tmp_path}" exec "{sys.executable}" "$@"')
    code, _, complained = run(make_project(tmp_path / "project"), PATH=str(tools))
    assert code == 1
    assert "found none on PATH" in complained


def test_a_python_that_cannot_make_environments_is_passed_over_and_named(tmp_path: Path) -> None:
    """As Debian's python3 without python3-venv: here an ensurepip that cannot be imported comes first."""
    tools = only_tools(tmp_path / "bin")
    maimed = tmp_path / "maimed"
    maimed.mkdir()
    (maimed / "ensurepip.py").write_text("raise ImportError('not packaged')")
    pretend(tools / "python3", f'PYTHONPATH="{maimed}" exec "{sys.executable}" "$@"')
    code, _, complained = run(make_project(tmp_path / "project"), PATH=str(tools))
    assert code == 1
    assert complained.splitlines() == [
        "verdict: python3 cannot make environments; on Debian or Ubuntu: apt install python3-venv"
    ]


def test_it_refuses_to_drop_the_asserts(prepared: Path) -> None:
    code, said, complained = run(prepared, PYTHONOPTIMIZE="1")
    assert (code, said) == (1, "")
    assert "PYTHONOPTIMIZE" in complained


def compile_kernel(project: Path) -> Path:
    """What `verdict compile` does, as far as the launcher is concerned: the folder it names comes to be."""
    _, said, _ = run(project, "compile", "--help")
    found = re.search(r"arguments \['compile', '--into', '(.*)', '--help'\]", said)
    assert found is not None, said
    folder = Path(found[1])
    shutil.copytree(project / "kernel", folder / "kernel")
    return folder


def kernel_of(project: Path, *arguments: str) -> Path:
    _, said, _ = run(project, *arguments)
    found = re.search("^kernel (.*)/kernel/__init__.py$", said, flags=re.MULTILINE)
    assert found is not None, said
    return Path(found[1])


def test_the_compiled_kernel_runs_while_it_fits_the_sources(prepared: Path) -> None:
    """Edited, they run themselves; and once they are again what was compiled, that runs again."""
    source = prepared / "kernel" / "__init__.py"
    assert kernel_of(prepared, "serve") == prepared
    compiled = compile_kernel(prepared)
    assert prepared / ".venv" in compiled.parents
    assert kernel_of(prepared, "serve") == compiled
    source.write_text("# edited\n")
    assert kernel_of(prepared, "serve") == prepared
    source.write_text("")
    (prepared / "kernel" / "new.py").touch()
    assert kernel_of(prepared, "serve") == prepared
    (prepared / "kernel" / "new.py").unlink()
    assert kernel_of(prepared, "serve") == compiled
    shutil.rmtree(compiled)


def test_a_child_process_runs_the_same_kernel(prepared: Path) -> None:
    """They are started with the interpreter alone, by way of what the environment says."""
    compiled = compile_kernel(prepared)
    (prepared / "adapters" / "cli" / "__main__.py").write_text(
        'import subprocess, sys; subprocess.run([sys.executable, "-m", "adapters.child"], cwd="kernel/..")'
    )
    (prepared / "adapters" / "child.py").write_text(ECHO)
    try:
        _, said, _ = run(prepared, "serve", cwd=prepared)
        assert f"kernel {compiled}/kernel/__init__.py" in said
    finally:
        (prepared / "adapters" / "cli" / "__main__.py").write_text(ECHO)
        shutil.rmtree(compiled)


@pytest.mark.parametrize("word", ["compile", "test"])
def test_what_looks_at_the_sources_sees_the_sources(prepared: Path, word: str) -> None:
    """A stand-in for pytest, too: this environment has none."""
    compiled = compile_kernel(prepared)
    (prepared / "pytest.py").write_text(ECHO)
    try:
        assert kernel_of(prepared, word, "--help") == prepared
    finally:
        shutil.rmtree(compiled)
        (prepared / "pytest.py").unlink()
