"""Whoever looks for a decision finds it by its subject: the index names each page once, by its own title."""

import re
from pathlib import Path

DECISIONS = Path(__file__).parents[1] / "docs" / "decisions"
LISTED = re.compile(r"^\* \[(\d{4})\]\((\d{4}-[a-z0-9-]+\.md)\) (.*?)(?: \*\(.*\)\*)?$", re.MULTILINE)


def test_the_index_names_each_page_once_by_its_title() -> None:
    listed = sorted((page, f"# {number} {title}") for number, page, title in index())
    pages = sorted(path for path in DECISIONS.glob("*.md") if path.name != "README.md")
    assert listed == [(path.name, path.read_text().partition("\n")[0]) for path in pages]


def test_a_number_is_one_pages_own() -> None:
    numbers = [number for number, _, _ in index()]
    assert len(set(numbers)) == len(numbers)
    assert all(page.startswith(f"{number}-") for number, page, _ in index())


def index() -> list[tuple[str, str, str]]:
    return LISTED.findall((DECISIONS / "README.md").read_text())
