"""The pages say what is: every setting, every number to watch, and every link leads somewhere."""

import re
import subprocess
from pathlib import Path

import httpx
import pytest

from adapters.runtime.setting_values import show_plain
from adapters.runtime.settings import Settings, table
from tests.adapters.serving import ROOT, database_for, serving

OPERATIONS = ROOT / "docs" / "operations"


def pages() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    ).stdout.split()
    # In an unpacked archive there is no git to ask.
    found = [ROOT / name for name in listed] or [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    return [page for page in found if page.exists()]


def rows_of(page: Path) -> dict[str, list[str]]:
    """The rows of its tables, by the name in the first column."""
    rows = {}
    for line in page.read_text().splitlines():
        if found := re.match(r"\| `([A-Za-z_]+)` \|", line):
            rows[found[1]] = [cell.strip() for cell in line.strip("|").split(" | ")]
    return rows


def test_the_page_of_settings_is_the_table_of_settings() -> None:
    """Name, default and meaning: what `verdict config` says. The page gives the default folder relatively."""
    told = {name: (cells[1], cells[2]) for name, cells in rows_of(OPERATIONS / "settings.md").items()}
    defaults = Settings()
    assert told == {
        row.name: (
            "`data/` beside the program" if field == "data" else default(row.show(getattr(defaults, field))),
            row.meaning,
        )
        for field, row in table()
    }


def default(shown: str) -> str:
    return "" if shown == show_plain(None) else f"`{shown}`"


def test_the_page_of_numbers_is_what_metrics_answers(server_url: str, template: str, tmp_path: Path) -> None:
    with database_for(server_url, template) as url, serving(url, tmp_path) as server:
        httpx.get(f"{server.address}/api/v1/markets")
        answered = httpx.get(server.metrics).text
    there = {line.split()[2] for line in answered.splitlines() if line.startswith("# HELP")}
    # prometheus_client tells beside each histogram and counter when it began.
    there -= {name for name in there if name.endswith("_created")}
    assert set(rows_of(OPERATIONS / "monitoring.md")) == there


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []
