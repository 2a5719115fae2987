"""`verdict compile`: the kernel as machine code, beside the plain one and never instead of it.

The same sources, translated to C by mypyc and built by the machine's own C compiler. The launcher names the
folder, after a checksum of these sources, and lets every other command take the kernel from there if there is
such a folder. Once a source is edited there is none, and the plain kernel runs.
"""

import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Final

import click
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from adapters.runtime.errors import CommandError

ROOT: Final = Path(__file__).resolve().parents[2]

# msgspec reads annotations, and a compiled class has none.
RECORDS: Final = {
    *("answers", "command", "commands", "event", "events", "filing", "past"),
    *("making_answers", "making_commands", "making_events"),
}
# Their coroutines are trio's, which wants Python's own.
CONCURRENT: Final = {"actors", "journal"}
# They watch and copy what the others do: better if they share no fault with them.
WATCHING: Final = {
    *("audit", "audit_making", "audit_record", "history", "invariants"),
    *("order_image", "snapshot", "snapshot_before", "snapshot_making"),
}
# Enumerations: compiled, they are no faster.
NAMES: Final = {"codes", "making_edges"}
INTERPRETED: Final = RECORDS | CONCURRENT | WATCHING | NAMES
"""What stays Python in the compiled kernel, too; whatever is not named here is compiled."""

CHECK: Final = "import kernel.actors; from kernel.exchange import FORM; assert FORM == 'compiled'"


@click.command(name="compile")
@click.option(
    "--into",
    "folder",
    required=True,
    type=click.Path(path_type=Path, resolve_path=True),
    help="The folder to make; ./verdict itself says in which it will look.",
)
def compile_(folder: Path) -> None:
    """Make the kernel about twice as fast; needs a C compiler.

    Prints the folder with the compiled kernel. Whoever edits the kernel has to compile it again.
    """
    if not folder.exists():
        demand_compiler()
        try:
            make(folder)
        except OSError as trouble:
            raise CommandError(f"cannot make {folder}: {trouble.strerror}; who owns it can") from trouble
    click.echo(folder)


globals()["compile"] = compile_


def demand_compiler() -> None:
    """Raise CommandError if the compiler or Python's headers are missing."""
    compiler = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")[0]
    if shutil.which(compiler) is None:
        raise CommandError(
            f"there is no C compiler: no {compiler} on PATH; install one (on Debian or Ubuntu: apt install "
            "gcc). Everything works without, on the plain kernel"
        )
    header = Path(sysconfig.get_path("include")) / "Python.h"
    if not header.exists():
        package = f"python{sys.version_info.major}.{sys.version_info.minor}-dev"
        raise CommandError(
            f"Python's header files are missing: no {header}; install them (on Debian or Ubuntu: apt install "
            f"{package}). Everything works without, on the plain kernel"
        )


def make(folder: Path) -> None:
    """Compile a copy of the sources, and move it into place in one step, so that it is always complete."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="making-", dir=folder.parent) as workshop:
        made = Path(workshop) / "made"
        (made / "kernel").mkdir(parents=True)
        # An editor leaves hidden ones, which may lead nowhere.
        for source in (ROOT / "kernel").glob("[!.]*.py"):
            shutil.copy(source, made / "kernel")
        sources = [f"kernel/{p.name}" for p in (made / "kernel").glob("*.py") if p.stem not in INTERPRETED]
        options = ["--config-file", str(ROOT / "pyproject.toml"), "--cache-dir", os.devnull]
        with spinner("compiling the kernel (half a minute)"):
            run(made, folder, "-m", "mypyc", *options, *sorted(sources))
            run(made, folder, "-c", CHECK)
        shutil.rmtree(made / "build")
        try:
            made.rename(folder)
        except OSError:
            if not folder.exists():
                raise  # otherwise somebody else made the same at the same time, and was first


def spinner(what: str) -> Progress:
    """A spinner on a terminal while the body runs; elsewhere one line of text."""
    console = Console(stderr=True)
    if not console.is_terminal:
        click.echo(f"verdict: {what}", err=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    progress = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
    progress.add_task(what, total=None)
    return progress


def run(made: Path, folder: Path, *arguments: str) -> None:
    """Run Python in the folder being made; its output is shown only if it fails."""
    done = subprocess.run(  # noqa: S603 - our own interpreter, our own words
        [sys.executable, *arguments],
        cwd=made,
        env=os.environ | {"PYTHONPATH": str(made), "PYTHONSAFEPATH": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        log = folder.parent / "failed.log"
        log.write_text(done.stdout)
        click.echo("\n".join(done.stdout.splitlines()[-10:]), err=True)
        raise CommandError(
            f"the kernel does not compile (all that was said: {log}); the plain one still runs"
        )
