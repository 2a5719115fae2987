"""The command line: one group that finds its commands, and the one place where errors become an exit code.

A command has a module of its own and is named in COMMANDS. It raises CommandError for anything that the
person at the keyboard can fix; any other exception is a bug and keeps its traceback.
"""

import importlib
import sys
import tomllib
from pathlib import Path

import click

from adapters.runtime.errors import CommandError, leaves
from adapters.runtime.settings import SettingsError

# Which module holds each command, under the same name. It is imported when the command is asked for:
# `verdict config` has no need to wait for a web server and a database driver.
COMMANDS: dict[str, str] = {
    "accept-journal": "adapters.cli.accept_journal",
    "amm": "adapters.cli.amm",
    "archive": "adapters.cli.archive",
    "bench": "adapters.cli.bench",
    "compile": "adapters.cli.compile",
    "config": "adapters.cli.config",
    "demo": "adapters.demo.command",
    "export": "adapters.cli.export",
    "follow": "adapters.cli.follow",
    "hand-over": "adapters.cli.nodes",
    "import": "adapters.cli.export",
    "lab": "adapters.cli.lab",
    "makers": "adapters.cli.makers",
    "mm": "adapters.cli.mm",
    "nodes": "adapters.cli.nodes",
    "rebuild": "adapters.cli.rebuild",
    "relay": "adapters.cli.relay",
    "replay": "adapters.cli.replay",
    "serve": "adapters.cli.serve",
    "token": "adapters.cli.token",
    "user": "adapters.cli.user",
}

PYPROJECT = Path(__file__).resolve().parents[2] / "pyproject.toml"


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
