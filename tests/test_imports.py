"""Imports point one way, and the decisions read nothing of the world: held here from the source itself.

The source is parsed, not imported: an import inside a function or under TYPE_CHECKING counts like any other.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest

from adapters.cli.main import COMMANDS

ROOT = Path(__file__).resolve().parent.parent

# Who may know whom among our own packages. What is missing here is forbidden.
MAY_IMPORT = {
    "kernel": set[str](),
    "persistence": {"kernel"},
    "adapters": {"kernel", "makers"},
    "amm": set[str](),
    "makers": {"amm"},
}

# Only here do all parts meet: the command line, the modules that hold its commands, and a server's database.
COMPOSITION_ROOT = {
    "adapters.cli.main",
    "adapters.cli.storage",
    *(module for module in COMMANDS.values() if module.startswith("adapters.")),
}

# The rooms of a package that import in one direction: each may know those before it.
IN_ORDER = {
    "persistence": ("postgres", "journal", "tables", "tools"),
    "adapters": (
        *("runtime", "wire", "access", "sockets", "service", "link", "operations"),
        *("feeds", "stream", "http", "relay", "cli", "demo"),
    ),
}

# The rooms of a package, and what of it each may know: the innermost room that a module is in decides.
ROOMS = {
    **{
        f"{package}.{room}": {f"{package}.{known}" for known in rooms[: rooms.index(room) + 1]}
        for package, rooms in IN_ORDER.items()
        for room in rooms
    },
    "amm.brain": {"amm.brain"},
    "amm.brain.quoting": {"amm.brain.quoting", "amm.brain.arithmetic"},
    "amm.live": {"amm.live", "amm.brain"},
    "amm.lab": {"amm.lab", "amm.brain"},
    "makers.quoter": {"makers.quoter"},
    "makers.cycle": {"makers.cycle", "makers.quoter"},
    "makers.venues": {"makers.venues", "makers.cycle", "makers.quoter"},
    "makers.live": {"makers.live", "makers.venues", "makers.cycle", "makers.quoter"},
    "makers.lab": {"makers.lab", "makers.cycle", "makers.quoter"},
}

# What those who make markets share: the exchange's words, arithmetic, and two things about connections.
# All else of the bot is the bot's.
SHARED = {
    *("amm.brain.arithmetic", "amm.brain.book", "amm.brain.wire"),
    *("amm.live.backoff", "amm.live.credentials"),
}

# The laboratories play the exchange in process; everything else of both speaks the public API.
LABORATORIES = ("amm.lab", "makers.lab")

# What the exchange asks of the makers for others: what they would quote.
ASKED = "makers.quoter"

# What decides and therefore takes the time, and whatever else it needs of the world, from its caller.
PURE = {"kernel", "amm.brain", "makers.quoter", "makers.cycle", "makers.venues.steps"}

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
    if any(is_within(module.name, laboratory) for laboratory in LABORATORIES):
        allowed.add("kernel")
    return {target.partition(".")[0] for target in module.imports} & set(MAY_IMPORT) - allowed


def room_of(name: str) -> str | None:
    return max((room for room in ROOMS if is_within(name, room)), key=len, default=None)


def trespasses(module: Module) -> set[str]:
    """What the module imports of rooms that its own may not know."""
    room = room_of(module.name)
    return {
        target
        for target in module.imports
        if room is not None
        and target.partition(".")[0] == module.package
        and room_of(target) is not None
        and not any(is_within(target, known) for known in ROOMS[room])
    }


def unshared(module: Module) -> set[str]:
    """What a maker for others imports of the bot beside what both share; its laboratory is the bot's, too."""
    if module.package != "makers" or is_within(module.name, "makers.lab"):
        return set()
    return {
        target
        for target in module.imports
        if is_within(target, "amm") and not any(is_within(target, shared) for shared in SHARED)
    }


def worldly(module: Module) -> set[str]:
    """What the module takes from the world that should have come inside a command."""
    taken = {target for target in module.imports if target.partition(".")[0] in WORLD}
    if module.name != ACTORS:
        taken |= {
            target for target in module.imports if is_within(target, "trio") or is_within(target, ACTORS)
        }
    return taken | module.names & WORLDLY


def test_each_package_imports_only_those_it_may_know() -> None:
    """adapters know kernel and makers at most, persistence the kernel, makers the bot; the others nobody."""
    assert {module.name: strangers(module) for module in modules() if strangers(module)} == {}


def test_each_room_imports_only_the_rooms_it_may_know() -> None:
    assert {module.name: trespasses(module) for module in modules() if trespasses(module)} == {}


def test_the_bot_and_the_makers_for_others_share_only_what_is_listed() -> None:
    assert {module.name: unshared(module) for module in modules() if unshared(module)} == {}


def test_the_exchange_asks_the_makers_for_others_what_they_would_quote_and_knows_no_more() -> None:
    known = {
        target
        for module in modules()
        if module.package == "adapters" and module.name not in COMPOSITION_ROOT
        for target in module.imports
        if is_within(target, "makers")
    }
    assert known
    assert {target for target in known if not is_within(target, ASKED)} == set()


@pytest.mark.parametrize("room", ROOMS)
def test_each_room_says_what_it_is_for(room: str) -> None:
    assert ast.get_docstring(ast.parse((ROOT / room.replace(".", "/") / "__init__.py").read_text()))


def test_every_module_of_a_package_with_rooms_is_in_one() -> None:
    divided = {room.partition(".")[0] for room in ROOMS}
    inside = [module.name for module in modules() if module.package in divided]
    assert [name for name in inside if room_of(name) is None and name not in divided] == []


def circles(found: list[Module]) -> set[str]:
    """Modules that import each other, by whichever way around; what serves the types alone counts, too."""
    left = {module.name: set(module.imports) for module in found}
    while outermost := [name for name, imports in left.items() if not imports & set(left)]:
        for name in outermost:
            del left[name]
    return set(left)


def test_no_two_modules_import_each_other() -> None:
    """Each can be read with nothing in mind but those it names."""
    assert circles(modules()) == set()


def test_a_circle_is_seen_by_whichever_way_around() -> None:
    sources = {
        "kernel.book": "if TYPE_CHECKING:\n    from kernel.state import Order",
        "kernel.state": "from kernel import money",
        "kernel.money": "def post():\n    from .book import Book",
        "kernel.codes": "import enum",
        "kernel.ids": "from kernel.codes import Code",
    }
    found = [read_module(name, source) for name, source in sources.items()]
    assert circles(found) == {"kernel.book", "kernel.state", "kernel.money"}


@pytest.mark.parametrize("package", sorted(PURE))
def test_what_decides_takes_nothing_from_the_world(package: str) -> None:
    """No clock, no chance, no IO; trio in the kernel's actors alone, which no decision imports."""
    pure = [module for module in modules() if is_within(module.name, package)]
    assert pure
    assert {module.name: worldly(module) for module in pure if worldly(module)} == {}


@pytest.mark.parametrize(
    ("name", "source", "seen"),
    [
        ("kernel.book", "import persistence.journal.journal", {"persistence"}),
        ("kernel.book", "from adapters import cli", {"adapters"}),
        ("kernel.book", "def place():\n    import amm.brain.book", {"amm"}),
        ("kernel.book", "if TYPE_CHECKING:\n    from persistence import journal", {"persistence"}),
        (
            "kernel.book",
            "from kernel.money import post\nfrom . import codes\nfrom .state import Order",
            set(),
        ),
        ("kernel.book", "import kernels, amm_tools", set()),
        ("persistence.journal.journal", "import kernel.events, adapters.runtime.settings", {"adapters"}),
        ("adapters.orders", "from kernel.commands import PlaceOrder\nimport persistence", {"persistence"}),
        ("adapters.cli.main", "import kernel, persistence, amm", set()),
        ("amm.quoter", "from kernel import Exchange", {"kernel"}),
        ("makers.quoter.view", "from kernel import Exchange\nimport amm.brain.wire", {"kernel"}),
        ("amm.lab", "from kernel import Exchange", set()),
        ("amm.lab.traders", "from kernel import Exchange\nimport persistence", {"persistence"}),
        ("makers.lab.venue", "from kernel import Exchange\nimport amm.lab.venue", set()),
    ],
)
def test_a_stranger_is_seen_however_it_is_imported(name: str, source: str, seen: set[str]) -> None:
    assert strangers(read_module(name, source)) == seen


@pytest.mark.parametrize(
    ("name", "source", "seen"),
    [
        (
            "persistence.tables.users",
            "from persistence.tools import replay",
            {"persistence.tools", "persistence.tools.replay"},
        ),
        (
            "persistence.tools.replay",
            "from persistence import DatabaseUnusableError\nimport persistence.journal.wal",
            set(),
        ),
        ("amm.brain.strategy", "from amm.brain.state import MarketState", set()),
        ("amm.brain.strategy", "from amm.live import rest", {"amm.live", "amm.live.rest"}),
        ("amm.brain.strategy", "def late():\n    import amm.lab.venue", {"amm.lab.venue"}),
        ("amm.brain.quoting.diff", "from amm.brain.arithmetic import Ms", set()),
        ("amm.brain.quoting.diff", "import amm.brain.orders", {"amm.brain.orders"}),
        ("amm.brain.quoting.diff", "from .. import orders", {"amm.brain", "amm.brain.orders"}),
        ("amm.live.market", "from amm.brain.state import MarketState\nimport kernel, trio", set()),
        ("amm.live.market", "from amm.lab import venue", {"amm.lab", "amm.lab.venue"}),
        ("amm.lab.venue", "import amm.live.rest", {"amm.live.rest"}),
        ("kernel.book", "from kernel.money import post", set()),
    ],
)
def test_a_trespass_is_seen_however_it_is_imported(name: str, source: str, seen: set[str]) -> None:
    assert trespasses(read_module(name, source)) == seen


@pytest.mark.parametrize(
    ("name", "source", "seen"),
    [
        ("makers.quoter.quotes", "from amm.brain.book import ForeignBook", set()),
        ("makers.quoter.quotes", "import amm.brain.skew", {"amm.brain.skew"}),
        ("makers.quoter.quotes", "from amm import live", {"amm", "amm.live"}),
        ("makers.lab.order", "import amm.lab.jobs", set()),
        ("amm.brain.cycle", "import amm.brain.skew", set()),
    ],
)
def test_what_is_not_shared_is_seen(name: str, source: str, seen: set[str]) -> None:
    assert unshared(read_module(name, source)) == seen


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
