"""What the pages about the code say of it exists: files and functions; and the words are in order."""

import ast
import re
from pathlib import Path

import pytest

from amm.brain.commands import AlertKind

ROOT = Path(__file__).resolve().parent.parent

# Pages that lead through the code, and where a path that they name may begin.
GUIDES = ("CONTRIBUTING.md", "docs/architecture.md", "docs/glossary.md")
BEGINNINGS = ("", "kernel", "persistence", "adapters", "amm", "makers")

NAMED = re.compile(r"`([\w.-]+/[\w./-]*|[\w-]+\.(?:py|md|sql|toml|lock))`")
WORD = re.compile(r"^\| ([^|]+) \| [^|]+ \| `[^`]+` \|$", re.MULTILINE)


@pytest.mark.parametrize("guide", GUIDES)
def test_every_path_that_a_guide_names_exists(guide: str) -> None:
    paths = NAMED.findall((ROOT / guide).read_text())
    assert len(paths) > 20
    assert [path for path in paths if not any((ROOT / at / path).exists() for at in BEGINNINGS)] == []


def test_every_module_that_a_page_names_is_somewhere() -> None:
    """By its path from anywhere, so that whoever moves a file hears which pages speak of it."""
    rooms = ("kernel", "persistence", "adapters", "amm", "makers", "bench", "tests", "docs")
    there = [f"/{path.relative_to(ROOT)}" for room in rooms for path in (ROOT / room).rglob("*.py")]
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    named = {(page.name, name) for page in pages for name in re.findall(r"`([\w/]+\.py)`", page.read_text())}
    assert len(named) > 100
    missing = [(page, name) for page, name in named if not any(path.endswith(f"/{name}") for path in there)]
    assert missing == []


def test_what_a_walk_names_is_in_one_of_the_files_that_it_names() -> None:
    page = (ROOT / "CONTRIBUTING.md").read_text()
    items = re.findall(r"^\d\. .*?(?=^\d\. |^$|\Z)", page, re.MULTILINE | re.DOTALL)
    missing = []
    for item in items:
        files = [ROOT / path for path in re.findall(r"`([\w/]+\.(?:py|sql))`", item)]
        names = re.findall(r"`(?:\w+\.)?([A-Z]\w+|[a-z]+(?:_\w+)*)`", item)
        said = "".join(file.read_text() for file in files)
        missing += [name for name in names if files and not re.search(rf"\b{name}\b", said)]
    assert len(items) > 20
    assert missing == []


def test_each_word_of_the_glossary_is_there_once_and_in_its_place() -> None:
    words = WORD.findall((ROOT / "docs" / "glossary.md").read_text())
    assert len(words) > 40
    assert words == sorted(set(words))


# A row of the reader's path: the file, and the functions in it.
STEP = re.compile(r"^\| `([\w/]+\.py)` \| ((?:`[\w.]+`(?:, )?)+) \|", re.MULTILINE)


def test_every_step_of_the_readers_path_is_a_function_of_its_file() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text()
    steps = [(file, name) for file, names in STEP.findall(page) for name in re.findall(r"`([\w.]+)`", names)]
    assert len(steps) > 40
    assert [(file, name) for file, name in steps if name not in functions(file)] == []


def functions(file: str) -> set[str]:
    """Every function of a file, those of classes with the name of the class."""
    found = set()
    for node in ast.parse((ROOT / file).read_text()).body:
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                found.add(name)
            case ast.ClassDef(name=name, body=body):
                methods = [one for one in body if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)]
                found |= {f"{name}.{method.name}" for method in methods}
    return found


def test_the_page_on_the_architecture_knows_every_module_of_the_kernel() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text()
    section = page.partition("## Inside the kernel")[2].partition("\n## ")[0]
    named = set(re.findall(r"`(\w+\.py)`", section.partition("The kernel can be compiled")[0]))
    assert named == {path.name for path in (ROOT / "kernel").glob("*.py")} - {"__init__.py"}


def test_the_newest_changes_are_those_of_the_newest_schema() -> None:
    page = (ROOT / "CHANGELOG.md").read_text()
    versions = [int(number) for number in re.findall(r"^## Schema (\d+)$", page, re.MULTILINE)]
    newest = max(int(path.name[:4]) for path in (ROOT / "persistence" / "upgrades").glob("*.sql"))
    assert versions == list(range(newest, 0, -1))


def test_the_changes_speak_of_settings_and_events_that_exist() -> None:
    page = (ROOT / "CHANGELOG.md").read_text()
    known = (ROOT / "docs" / "operations" / "settings.md").read_text() + (ROOT / "schema.sql").read_text()
    named = set(re.findall(r"`(VERDICT_\w+|[A-Z]+_[A-Z_]+|\w+\.\w+)`", page)) - {
        "sync.transport",
        "oracle.url",
    }
    assert len(named) > 15
    assert [name for name in named if name.rpartition(".")[2] not in known] == []


def test_every_alert_of_the_market_maker_is_told_with_what_to_do() -> None:
    page = (ROOT / "docs" / "operations" / "market-maker.md").read_text()
    table = page.partition("| alert | ")[2].partition("\n\n")[0]
    told = [kind for row in table.splitlines() for kind in re.findall(r"`([A-Z_]+)`", row.split(" | ")[0])]
    assert sorted(told) == sorted(kind.value for kind in AlertKind)


def test_each_picture_is_small_and_shown_somewhere() -> None:
    """`just pictures docs/pictures --shown` makes them anew."""
    sizes = {path.name: path.stat().st_size for path in (ROOT / "docs" / "pictures").iterdir()}
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    assert {
        name for page in pages for name in re.findall(r"pictures/([\w-]+\.png)", page.read_text())
    } == sizes.keys()
    assert max(sizes.values()) <= 150_000
