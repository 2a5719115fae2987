"""Imports point one way, and the decisions read nothing of the world: held here from the source itself.

The source is parsed, not imported: an import inside a function or under TYPE_CHECKING counts like any other.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest

from adapters.cli import COMMANDS

ROOT = Path(__file__).resolve().parent.parent

# Who may know whom among our own packages. What is missing here is forbidden.
MAY_IMPORT = {
    "kernel": set[str](),
    "persistence": {"kernel"},
    "adapters": {"kernel"},
    "amm": set[str](),
}

# Only here do all parts meet: the command line and the modules that hold its commands.
COMPOSITION_ROOT = {
    "adapters.cli",
    *(module for module in COMMANDS.values() if module.startswith("adapters.")),
}

# The laboratory plays the exchange in process; everything else of the bot speaks the public API.
LABORATORY = "amm.lab"

ACTORS = "kernel.actors"

# The world as the standard library offers it: clocks, chance, files, sockets, processes, other tasks.
WORLD = {
    *("time", "sched", "zoneinfo", "random", "secrets", "os", "io", "platform", "pathlib", "tempfile"),
    *("shutil", "glob", "socket", "ssl", "select", "subprocess", "signal", "threading", "multiprocessing"),
    *("concurrent", "queue", "asyncio", "logging", "sqlite3", "urllib", "http"),
}

# Parts of otherwise harmless modules that read a clock or draw a number.
WORLDLY = {
    *("datetime.now", "datetime.utcnow", "datetime.today", "date.today"),
    *("uuid.uuid1", "uuid.uuid4", "uuid.uuid6", "uuid.uuid7"),
    *("open", "print", "input"),
}


@attrs.frozen
class Module:
    """One source file, with what it imports and what it names."""

    name: str
    imports: frozenset[str]
    names: frozenset[str]

    @property
    def package(self) -> str:
        return self.name.partition(".")[0]


def read_module(name: str, source: str, *, is_package: bool = False) -> Module:
    nodes = list(ast.walk(ast.parse(source)))
    return Module(
        name,
        imports=frozenset(target for node in nodes for target in imported(node, name, is_package)),
        names=frozenset(named for node in nodes for named in named_by(node)),
    )


def imported(node: ast.AST, module: str, is_package: bool) -> Iterator[str]:
    match node:
        case ast.Import(names=names):
            yield from (alias.name for alias in names)
        case ast.ImportFrom(module=source, names=names, level=level):
            if level:
                parts = module.split(".")
                above = parts[: len(parts) - level + is_package]
                source = ".".join([*above, source] if source else above)
            assert source
            yield source
            # `from kernel import actors` imports a module as well, and we cannot tell it from a name.
            yield from (f"{source}.{alias.name}" for alias in names)


def named_by(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Call(func=ast.Name(id=function)):
            yield function
        case ast.Attribute(value=ast.Name(id=owner), attr=attribute):
            yield f"{owner}.{attribute}"
        case ast.Attribute(value=ast.Attribute(attr=owner), attr=attribute):
            yield f"{owner}.{attribute}"
        case ast.ImportFrom(module=str(source), names=names):
            yield from (f"{source}.{alias.name}" for alias in names)


def modules() -> list[Module]:
    found = []
    for package in MAY_IMPORT:
        for path in sorted((ROOT / package).rglob("*.py")):
            is_package = path.stem == "__init__"
            parts = path.relative_to(ROOT).with_suffix("").parts
            name = ".".join(parts[:-1] if is_package else parts)
            found.append(read_module(name, path.read_text(), is_package=is_package))
    return found


def is_within(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


def strangers(module: Module) -> set[str]:
    """Packages of ours that the module imports and should not know."""
    allowed = {module.package, *MAY_IMPORT[module.package]}
    if module.name in COMPOSITION_ROOT:
        allowed = set(MAY_IMPORT)
    # lab.py, lab_report.py or a package lab/: whatever of amm is called so.
    if module.name.startswith(LABORATORY):
        allowed.add("kernel")
    return {target.partition(".")[0] for target in module.imports} & set(MAY_IMPORT) - allowed


def worldly(module: Module) -> set[str]:
    """What the module takes from the world that should have come inside a command."""
    taken = {target for target in module.imports if target.partition(".")[0] in WORLD}
    if module.name != ACTORS:
        taken |= {
            target for target in module.imports if is_within(target, "trio") or is_within(target, ACTORS)
        }
    return taken | module.names & WORLDLY


def test_each_package_imports_only_those_it_may_know() -> None:
    """amm and adapters know the kernel at most, persistence the kernel, the kernel nobody."""
    assert {module.name: strangers(module) for module in modules() if strangers(module)} == {}


def test_the_kernel_takes_nothing_from_the_world() -> None:
    """No clock, no chance, no IO; trio in the actors alone, which no decision imports."""
    kernel = [module for module in modules() if module.package == "kernel"]
    assert kernel
    assert {module.name: worldly(module) for module in kernel if worldly(module)} == {}


@pytest.mark.parametrize(
    ("name", "source", "seen"),
    [
        ("kernel.book", "import persistence.journal", {"persistence"}),
        ("kernel.book", "from adapters import cli", {"adapters"}),
        ("kernel.book", "def place():\n    import amm.book", {"amm"}),
        ("kernel.book", "if TYPE_CHECKING:\n    from persistence import journal", {"persistence"}),
        (
            "kernel.book",
            "from kernel.money import post\nfrom . import codes\nfrom .state import Order",
            set(),
        ),
        ("kernel.book", "import kernels, amm_tools", set()),
        ("persistence.journal", "import kernel.events, adapters.settings", {"adapters"}),
        ("adapters.orders", "from kernel.commands import PlaceOrder\nimport persistence", {"persistence"}),
        ("adapters.cli", "import kernel, persistence, amm", set()),
        ("amm.quoter", "from kernel import Exchange", {"kernel"}),
        ("amm.lab", "from kernel import Exchange", set()),
        ("amm.lab.traders", "from kernel import Exchange\nimport persistence", {"persistence"}),
    ],
)
def test_a_stranger_is_seen_however_it_is_imported(name: str, source: str, seen: set[str]) -> None:
    assert strangers(read_module(name, source)) == seen


@pytest.mark.parametrize(
    ("name", "source", "seen"),
    [
        ("kernel.execute", "import time", {"time"}),
        ("kernel.execute", "import os.path", {"os.path"}),
        ("kernel.execute", "from random import random", {"random", "random.random"}),
        ("kernel.execute", "from datetime import datetime\ndatetime.now()", {"datetime.now"}),
        ("kernel.execute", "import datetime\nclock = datetime.datetime.utcnow", {"datetime.utcnow"}),
        ("kernel.execute", "import uuid\nuuid.uuid4()", {"uuid.uuid4"}),
        ("kernel.execute", "from uuid import uuid4", {"uuid.uuid4"}),
        ("kernel.execute", "open('ledger')", {"open"}),
        ("kernel.execute", "from trio import sleep", {"trio", "trio.sleep"}),
        ("kernel.execute", "from . import actors", {"kernel.actors"}),
        ("kernel.execute", "from datetime import datetime\nfrom uuid import UUID\nat = command.now", set()),
        ("kernel.actors", "import trio", set()),
        ("kernel.actors", "import trio, time", {"time"}),
    ],
)
def test_the_world_is_seen_however_it_is_reached(name: str, source: str, seen: set[str]) -> None:
    assert worldly(read_module(name, source)) == seen


def test_a_package_imports_relative_to_itself() -> None:
    """In kernel/__init__.py one dot is the kernel; in kernel/book.py it is the kernel, too."""
    assert "kernel.actors" in read_module("kernel", "from .actors import ask", is_package=True).imports
    assert "kernel.actors" in read_module("kernel.book", "from .actors import ask").imports
    assert "adapters.cli" in read_module("kernel.book", "from ..adapters import cli").imports
