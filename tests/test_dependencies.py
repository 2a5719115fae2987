"""What the project depends on is declared, pinned and explained, each of them once."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def declared() -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    stated: list[str] = [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]]
    return [re.split(r"[^a-z0-9-]", requirement)[0] for requirement in stated]


def locked() -> dict[str, str]:
    """Each requirement of the lock, with all that belongs to it: markers and hashes."""
    entries = re.split(r"^(?=[a-z0-9])", (ROOT / "requirements.lock").read_text(), flags=re.MULTILINE)
    return {entry.partition("==")[0]: entry for entry in entries if "==" in entry}


def test_everything_declared_is_locked() -> None:
    assert set(declared()) <= set(locked())


def test_everything_locked_has_a_hash() -> None:
    assert [name for name, entry in locked().items() if "--hash=sha256:" not in entry] == []


def test_the_lock_names_no_registry() -> None:
    """Where packages come from is the machine's business; the hashes say what they must be."""
    lock = (ROOT / "requirements.lock").read_text()
    assert "://" not in lock
    assert "--index-url" not in lock
    assert "--find-links" not in lock


def test_everything_declared_is_explained_once_and_nothing_else_is() -> None:
    page = (ROOT / "docs" / "dependencies.md").read_text()
    explained = re.findall(r"^\| (?!package|---)([a-z0-9-]+) \| \S", page, flags=re.MULTILINE)
    assert sorted(explained) == sorted(declared())
