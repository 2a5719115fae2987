"""The command line: finds its commands, and turns their trouble into a line and an exit code."""

import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
import trio

from adapters.cli import main
from adapters.cli.main import COMMANDS
from adapters.runtime.errors import CommandError

ROOT = Path(__file__).resolve().parents[2]


@click.command()
def refuse() -> None:
    """A command that cannot do what it was asked."""
    raise CommandError("no such market: MKT-X; `verdict demo` opens some")


@click.command()
def refuse_in_a_task() -> None:
    """The same from a task of a task: trio hands it up in groups within groups."""

    async def outer() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(inner)

    async def inner() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(fail)

    async def fail() -> None:
        raise CommandError("port 8000 is taken")

    trio.run(outer)


@click.command()
def break_down() -> None:
    """A command with a bug in it."""
    raise KeyError("MKT-X")


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in ("refuse", "refuse_in_a_task", "break_down"):
        monkeypatch.setitem(COMMANDS, name, __name__)
    return monkeypatch


def run(commands: pytest.MonkeyPatch, name: str) -> int:
    commands.setattr(sys, "argv", ["verdict", name])
    with pytest.raises(SystemExit) as ended:
        main.main()
    assert isinstance(ended.value.code, int)
    return ended.value.code


@pytest.mark.parametrize("name", list(COMMANDS))
def test_every_command_in_the_table_is_there_and_says_what_it_does(name: str) -> None:
    command = main.verdict.get_command(click.Context(main.verdict), name)
    assert command is not None
    assert command.help


def test_trouble_is_one_line_on_stderr_and_exit_code_1(
    commands: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(commands, "refuse") == 1
    assert capsys.readouterr() == ("", "verdict: no such market: MKT-X; `verdict demo` opens some\n")


def test_trouble_from_inside_tasks_is_the_same_one_line(
    commands: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(commands, "refuse_in_a_task") == 1
    assert capsys.readouterr() == ("", "verdict: port 8000 is taken\n")


def test_a_bug_keeps_its_traceback(commands: pytest.MonkeyPatch) -> None:
    commands.setattr(sys, "argv", ["verdict", "break_down"])
    with pytest.raises(KeyError):
        main.main()


def test_an_unknown_command_is_a_usage_error(
    commands: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(commands, "sreve") == 2
    assert "No such command 'sreve'" in capsys.readouterr().err


def test_a_command_is_loaded_only_when_it_is_asked_for() -> None:
    """`verdict config` answers at once; a web server and a database driver take a second to import."""
    loaded = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "adapters.cli", "config"],
        cwd=ROOT,
        env=os.environ | {"VERDICT_HOST": ""},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stderr
    assert " click" in loaded
    for heavy in ("quart", "hypercorn", "asyncpg", "trio", "kernel"):
        assert f"| {heavy}\n" not in loaded.replace(" ", "").replace("|", "| ")


def test_it_runs_under_its_importable_name() -> None:
    """`python -m` calls the file __main__; a command would import it again and raise another CommandError.

    The command is added to the importable module: only if that is the one that runs can it be found.
    """
    program = (
        "import runpy, sys; from adapters.cli.main import COMMANDS;"
        "COMMANDS['refuse'] = 'tests.adapters.test_cli'; sys.argv = ['verdict', 'refuse'];"
        "runpy.run_module('adapters.cli', run_name='__main__', alter_sys=True)"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert answer.returncode == 1
    assert answer.stderr.endswith("verdict: no such market: MKT-X; `verdict demo` opens some\n")


@pytest.mark.parametrize(
    "told", [["--venue", "simulated"], ["--venue-at", "there"], ["--venue", "none", "--venue-at", "there"]]
)
def test_a_worker_is_told_which_venue_and_where_it_is(told: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "adapters.cli", "makers", *told],
        cwd=ROOT,
        env=os.environ | {"MAKERS_TOKEN": "any"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode != 0, done.stdout) == (True, "")
    assert "venue" in done.stderr
    assert "Traceback" not in done.stderr
