"""What the pages about the code say of it exists: files, folders, links; and the words are in order."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])

# Pages that lead through the code, and where a path that they name may begin.
GUIDES = ("docs/architecture.md", "docs/glossary.md")
BEGINNINGS = ("", "kernel", "persistence", "adapters", "amm")

NAMED = re.compile(r"`([\w.-]+/[\w./-]*|[\w-]+\.(?:py|md|sql|toml|lock))`")
LINKED = re.compile(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)")
WORD = re.compile(r"^\| ([^|]+) \| [^|]+ \| `[^`]+` \|$", re.MULTILINE)


@pytest.mark.parametrize("guide", GUIDES)
def test_every_path_that_a_guide_names_exists(guide: str) -> None:
    paths = NAMED.findall((ROOT / guide).read_text())
    assert len(paths) > 20
    assert [path for path in paths if not any((ROOT / at / path).exists() for at in BEGINNINGS)] == []


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_every_link_leads_to_a_file(page: Path) -> None:
    links = LINKED.findall(page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_each_word_of_the_glossary_is_there_once_and_in_its_place() -> None:
    words = WORD.findall((ROOT / "docs" / "glossary.md").read_text())
    assert len(words) > 40
    assert words == sorted(set(words))
