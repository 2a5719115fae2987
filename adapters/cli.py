"""The command line: one group that finds its commands, and the one place where trouble becomes an exit code.

A command lives in a module of its own and is named in COMMANDS. It raises CommandError for anything that the
person at the keyboard can mend; whatever else escapes it is a bug and keeps its traceback.
"""

import importlib
import os
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click

from adapters.settings import SettingsError, show_settings

# Which module holds each command, under the same name. It is imported when the command is asked for:
# `verdict config` has no need to wait for a web server and a database driver.
COMMANDS: dict[str, str] = {
    "accept-journal": "adapters.accept_journal",
    "amm": "adapters.amm",
    "bench": "adapters.bench",
    "compile": "adapters.compile",
    "config": "adapters.cli",
    "demo": "adapters.demo",
    "export": "adapters.export",
    "import": "adapters.export",
    "lab": "adapters.lab",
    "rebuild": "adapters.rebuild",
    "replay": "adapters.replay",
    "serve": "adapters.serve",
    "token": "adapters.token",
    "user": "adapters.user",
}

PYPROJECT = Path(__file__).resolve().parent.parent / "pyproject.toml"


class CommandError(Exception):
    """What went wrong and what to do about it, in one line, for the person at the keyboard."""


class Verdict(click.Group):
    """A group whose commands are looked up in COMMANDS, so that only the one that runs is loaded."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command = getattr(importlib.import_module(COMMANDS[cmd_name]), cmd_name)
        assert isinstance(command, click.Command)
        return command


def version() -> str:
    stated = tomllib.loads(PYPROJECT.read_text())["project"]["version"]
    assert isinstance(stated, str)
    return stated


@click.group(cls=Verdict, epilog="`verdict test` runs the tests; what follows it goes to pytest.")
@click.version_option(version(), prog_name="verdict")
def verdict() -> None:
    """A prediction-market exchange."""


@click.command()
def config() -> None:
    """Show every setting, its value and where that came from."""
    lines = list(show_settings(os.environ))
    name_width = max(len(line.name) for line in lines)
    value_width = max(len(line.value) for line in lines)
    for line in lines:
        name, value = line.name.ljust(name_width), line.value.ljust(value_width)
        click.echo(f"{name}  {value}  {line.source:<11}  {line.meaning}")


def main() -> None:
    # -O drops the asserts, which stop this program before it acts on an impossible state.
    if sys.flags.optimize:
        raise SystemExit(
            "verdict: will not run under python -O or PYTHONOPTIMIZE: its asserts guard your money"
        )
    lines: list[str] = []
    try:
        verdict(prog_name="verdict")
    except* (CommandError, SettingsError) as group:  # a command that runs on trio raises from inside a group
        lines = [line for trouble in leaves(group) for line in str(trouble).splitlines()]
    if lines:
        for line in lines:
            click.echo(f"verdict: {line}", err=True)
        sys.exit(1)


def leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for inner in group.exceptions:
        if isinstance(inner, BaseExceptionGroup):
            yield from leaves(inner)
        else:
            yield inner


if __name__ == "__main__":
    # Run under its importable name: otherwise a command that imports CommandError from here would load this
    # file a second time and raise another class of that name.
    from adapters.cli import main as run

    run()
