"""`verdict bench`: which benchmarks there are, and running one."""

import ast
import runpy
import sys
from pathlib import Path

import click

BENCH = Path(__file__).resolve().parents[2] / "bench"


def benchmarks() -> dict[str, str]:
    """The modules of bench/ that can be run, with the first line of what they say about themselves."""
    found = {}
    for path in sorted(BENCH.glob("*.py")):
        source = path.read_text()
        if 'if __name__ == "__main__":' in source:
            found[path.stem] = (ast.get_docstring(ast.parse(source)) or "").partition("\n")[0]
    return found


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("name", required=False)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def bench(name: str | None, arguments: tuple[str, ...]) -> None:
    """Run a benchmark; without a name, list those there are."""
    there_are = benchmarks()
    if name is None:
        width = max(map(len, there_are))
        for benchmark, says in there_are.items():
            click.echo(f"{benchmark.ljust(width)}  {says}")
        return
    if name not in there_are:
        raise click.BadParameter(f"{name!r} is none of {', '.join(there_are)}", param_hint="NAME")
    sys.argv = [f"verdict bench {name}", *arguments]
    runpy.run_module(f"bench.{name}", run_name="__main__", alter_sys=True)
