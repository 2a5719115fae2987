"""The pages that show commands show what they really print."""

import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.adapters.serving import database_for, serving, venue
from tests.end_to_end.tour import PAGES_PORT, ROOT, STAND_IN, Likeness, Step, a_shell, steps_of

PAGES = [
    path
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
    if "$ ./verdict serve" in path.read_text()
]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_on_the_page_prints_what_the_page_says(page: Path, tmp_path: Path) -> None:
    """From a first start with nothing there to a clean end by Ctrl-C."""
    likeness = Likeness()
    with a_shell(tmp_path) as (shell, port):
        for step in steps_of(page.read_text()):
            command = likeness.translate(step.command).replace(PAGES_PORT, port)
            printed = shell.type(command, step.printed.count("\n") + 1)
            assert likeness.holds(step.printed, printed), f"$ {command}\n{printed}"
        assert shell.interrupt() == (0, "stopping\n")


def test_the_readme_is_a_page_with_commands() -> None:
    assert ROOT / "README.md" in PAGES


def test_commands_and_what_they_print_are_told_apart() -> None:
    page = "```console\n$ one \\\n    --more\nsaid\nand said\n$ two\n$ three\nsaid\n```\n"
    assert steps_of(page) == [
        Step("one \\\n    --more", "said\nand said"),
        Step("two", ""),
        Step("three", "said"),
    ]


@pytest.mark.parametrize(
    ("page", "run", "is_like"),
    [
        ("status=OPEN", "status=OPEN", True),
        ("status=OPEN", "status=FILLED", False),
        ("fee_cents=7", "fee_cents=8", False),
        ("TRD_1 then TRD_2", "TRD_8 then TRD_9", True),
        ("TRD_1 then TRD_1", "TRD_8 then TRD_9", False),
        ("at 2026-01-01T00:00:00.000000Z", "at 2026-11-20T12:30:01.123456Z", True),
        ("at 2026-01-01T00:00:00.000000Z", "at noon", False),
        ("admin, password abc  (shown this once)", "admin, password xyz  (shown this once)", True),
        ("http://127.0.0.1:8000/docs", "http://127.0.0.1:34567/docs", True),
        ("24 events in 0.0 s (487 a second)", "24 events in 0.1 s (1,250 a second)", True),
        ("24 events in 0.0 s (487 a second)", "25 events in 0.0 s (487 a second)", False),
    ],
)
def test_only_what_varies_by_nature_may_differ(page: str, run: str, is_like: bool) -> None:
    assert Likeness().holds(page, run) is is_like


def test_what_a_page_shows_as_a_password_is_typed_as_the_one_of_the_run() -> None:
    likeness = Likeness()
    assert likeness.holds("password abc123  (shown", "password xyz789  (shown")
    assert likeness.translate("login admin abc123") == "login admin xyz789"


def test_where_there_is_no_curl_the_stand_in_says_the_same(
    server_url: str, template: str, tmp_path: Path
) -> None:
    """The tours run on machines without curl, too, so what takes its place must ask as curl does."""

    def curl(*arguments: str) -> str:
        return subprocess.run(
            [sys.executable, str(STAND_IN), "-s", *arguments], capture_output=True, text=True, check=True
        ).stdout

    with database_for(server_url, template) as url, serving(url, tmp_path) as server:
        with httpx.Client(base_url=server.address) as http:
            token = venue(server.address, http).admin.token
            assert curl(f"{server.address}/health") == http.get("/health").text
        assert '"code":9004' in curl(f"{server.address}/api/v1/auth/login", "-d", "{}")
        cancel = f"{server.address}/api/v1/orders/none/cancel"
        assert '"code":4004' in curl("-X", "POST", cancel, "-H", f"Authorization: Bearer {token}")
