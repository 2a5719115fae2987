"""Whoever looks for a decision finds it by its subject, and sees whether it still holds."""

import re
from pathlib import Path

import attrs

ROOT = Path(__file__).resolve().parent.parent
DECISIONS = ROOT / "docs" / "decisions"
LISTED = re.compile(r"^\* \[(\d{4})\]\((\d{4}-[a-z0-9-]+\.md)\) (.*?) ?\*\(([^)]*)\)\*$", re.MULTILINE)
STATUS = re.compile(
    r"(?:holds|changed by (?P<changed>\d{4}(?:, \d{4})*)|superseded by (?P<superseded>\d{4}))"
    r"(?:; supersedes (?P<supersedes>\d{4}(?:, \d{4})*))?"
)
# How code and pages refer to a decision, and pages of decisions and measurements to each other.
SAID = re.compile(r"\b[Dd]ecisions?[ /](0\d{3})\b")
AMONG_DECISIONS = re.compile(r"[\[(](0\d{3})[\])]")
PLACES = ("kernel", "persistence", "adapters", "amm", "makers", "bench", "deploy", "docs", "tests")


@attrs.frozen
class Entry:
    """A line of the index."""

    number: str
    page: str
    title: str
    changed_by: list[str]
    superseded_by: list[str]
    supersedes: list[str]

    @property
    def text(self) -> str:
        return (DECISIONS / self.page).read_text()


def index() -> list[Entry]:
    return [
        Entry(
            number, page, title, *(numbers(status, kind) for kind in ("changed", "superseded", "supersedes"))
        )
        for number, page, title, status in LISTED.findall((DECISIONS / "README.md").read_text())
    ]


def numbers(status: str, kind: str) -> list[str]:
    read = STATUS.fullmatch(status)
    assert read is not None, f"no status: {status}"
    return (read[kind] or "").split(", ") if read[kind] else []


def test_the_index_names_each_page_once_by_its_title() -> None:
    listed = sorted(entry.page for entry in index())
    assert listed == sorted(path.name for path in DECISIONS.glob("*.md") if path.name != "README.md")
    for entry in index():
        if entry.superseded_by:
            assert entry.title == ""
        else:
            assert entry.text.startswith(f"# {entry.number} {entry.title}\n")


def test_a_number_is_one_pages_own() -> None:
    entries = index()
    assert len({entry.number for entry in entries}) == len(entries)
    assert all(entry.page.startswith(f"{entry.number}-") for entry in entries)


def test_what_takes_the_place_of_a_page_says_so_and_so_does_that_page() -> None:
    entries = index()
    assert {(entry.number, later) for entry in entries for later in entry.superseded_by} == {
        (earlier, entry.number) for entry in entries for earlier in entry.supersedes
    }
    pages = {entry.number: entry.page for entry in entries}
    for entry in entries:
        for later in entry.changed_by:
            assert f"[{later}]({pages[later]})" in entry.text
        for later in entry.superseded_by:
            body = entry.text.split("\n", 2)[2]
            assert body.startswith(f"Superseded by [{later}]({pages[later]})")
            assert len(body.split()) < 40


def test_every_number_that_code_or_pages_refer_to_is_a_decision() -> None:
    known = {entry.number for entry in index()}
    files = [path for place in PLACES for path in (ROOT / place).rglob("*") if path.suffix in (".py", ".md")]
    files += [ROOT / "README.md", ROOT / "schema.sql", ROOT / "pyproject.toml", ROOT / "verdict"]
    referred = [(path, number) for path in files for number in references(path)]
    assert len(referred) > 100
    assert [(str(path), number) for path, number in referred if number not in known] == []


def references(path: Path) -> list[str]:
    text = path.read_text()
    own = path.parent.name in ("decisions", "measurements")
    return SAID.findall(text) + (AMONG_DECISIONS.findall(text) if own else [])
