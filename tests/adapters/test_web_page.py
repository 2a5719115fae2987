"""The web page is served as it lies in its folder but for the remarks in it, and nothing beside it."""

import os
import re
from pathlib import Path

import httpx
import pytest

from adapters.http.openapi import describe
from adapters.http.page_text import as_served
from adapters.http.web_page import FOLDER, KINDS, POLICY, SCREENS, Folder
from tests.adapters.serving import Venue, database_for, serving

INDEX = (FOLDER / "index.html").read_bytes()


@pytest.mark.parametrize("screen", SCREENS)
def test_every_screen_is_the_same_document(screen: str, the_venue: Venue) -> None:
    path = re.sub(r"<.*>", "MKT-BTC-100K-2026", screen)
    answer = the_venue.http.get(path)
    assert (answer.status_code, answer.content) == (200, INDEX)
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"


def test_a_browser_is_told_to_run_nothing_but_what_lies_here(the_venue: Venue) -> None:
    for path in ("/", "/web/main.js"):
        headers = the_venue.http.get(path).headers
        assert headers["Content-Security-Policy"] == POLICY
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Cache-Control"] == "no-cache"


def test_every_file_of_the_page_is_served_as_what_it_is(the_venue: Venue) -> None:
    files = [path for path in FOLDER.rglob("*") if path.suffix in KINDS]
    assert len(files) > 1
    for path in files:
        answer = the_venue.http.get(f"/web/{path.relative_to(FOLDER)}")
        body = as_served(path.read_bytes(), path.suffix)
        assert (answer.status_code, answer.content) == (200, body)
        assert answer.headers["Content-Type"] == KINDS[path.suffix]


def test_what_a_browser_has_already_is_not_sent_again(the_venue: Venue) -> None:
    tag = the_venue.http.get("/web/main.js").headers["ETag"]
    assert re.fullmatch(r'"[0-9a-f]{32}"', tag), "a strong one"
    for known in (tag, f'"other", {tag}', f"W/{tag}", "*"):
        answer = the_venue.http.get("/web/main.js", headers={"If-None-Match": known})
        assert (answer.status_code, answer.content) == (304, b"")
        assert answer.headers["ETag"] == tag
        assert answer.headers["Cache-Control"] == "no-cache"
        assert "Content-Type" not in answer.headers
    assert the_venue.http.get("/web/main.js", headers={"If-None-Match": '"other"'}).status_code == 200


def test_the_head_of_an_answer_can_be_asked_for_alone(the_venue: Venue) -> None:
    whole, head = the_venue.http.get("/login"), the_venue.http.head("/login")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers == whole.headers


def test_the_page_is_looked_at_and_not_written_to(the_venue: Venue) -> None:
    for path in ("/", "/web/main.js", "/markets/x"):
        answer = the_venue.http.post(path, json={})
        assert (answer.status_code, answer.json()["code"]) == (405, 9006)
        assert answer.headers["Allow"] == "GET, HEAD"


@pytest.mark.parametrize(
    "path",
    [
        "/nowhere",
        "/markets/",
        "/web/",
        "/web/nowhere.js",
        "/web/main.js/",
        "/web/../pyproject.toml",
        "/web/..%2Fpyproject.toml",
        "/web/..%2Fdocs%2Fx.svg",
        "/web/%2Fetc%2Fpasswd",
        "/web//etc/x.svg",
        "/web/main.js%00.svg",
        "/web/README.md",
    ],
)
def test_nothing_else_is_there(path: str, the_venue: Venue) -> None:
    answer = the_venue.http.request("GET", httpx.URL(the_venue.address + path))
    assert (answer.status_code, answer.json()["code"]) == (404, 9005)


def test_what_was_there_before_the_page_keeps_its_path(the_venue: Venue) -> None:
    taken = {
        *describe("0")["paths"],
        *("/health", "/ready", "/docs", "/openapi.json", "/asyncapi.json", "/metrics", "/ws/v1/ticker"),
    }
    assert not [path for path in taken if path.startswith(tuple(f"{screen}/" for screen in SCREENS[1:]))]
    assert the_venue.http.get("/docs").content != INDEX
    assert the_venue.http.get("/health").json()["status"] == "ok"
    assert the_venue.http.get("/api/v1/markets").json()["code"] == 0
    assert the_venue.http.get("/metrics").status_code == 404


def test_without_a_page_the_root_shows_the_api(
    server_url: str, template: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with (
        database_for(server_url, template) as url,
        serving(url, tmp_path_factory.mktemp("bare"), VERDICT_PAGE="off") as server,
        httpx.Client(base_url=server.address, timeout=30) as http,
    ):
        assert http.get("/").content == http.get("/docs").content
        for path in ("/login", "/markets", "/markets/x", "/web/main.js"):
            answer = http.get(path)
            assert (answer.status_code, answer.json()["code"]) == (404, 9005)


# The folder


def test_whoever_edits_a_file_sees_it_at_the_next_reload(tmp_path: Path) -> None:
    script, folder = tmp_path / "parts" / "chart.js", Folder(tmp_path)
    assert folder.find("parts/chart.js") is None
    script.parent.mkdir()
    script.write_text("one")
    first = folder.find("parts/chart.js")
    assert first is not None
    assert folder.find("parts/chart.js") is first, "what has not changed is read once"
    script.write_text("two")
    second = folder.find("parts/chart.js")
    assert second is not None
    assert (second.body, second.tag == first.tag) == (b"two", False)
    script.write_text("one")
    third = folder.find("parts/chart.js")
    assert third is not None
    assert third.tag == first.tag, "the tag is of the text, not of the time"
    script.unlink()
    assert folder.find("parts/chart.js") is None


def test_nothing_leads_out_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "secret.js").write_text("secret")
    inside = tmp_path / "web"
    inside.mkdir()
    (inside / "known.js").write_text("known")
    (inside / ".hidden.js").write_text("hidden")
    (inside / "notes.md").write_text("notes")
    (inside / "folder.js").mkdir()
    (inside / "link.js").symlink_to(tmp_path / "secret.js")
    (inside / "elsewhere").symlink_to(tmp_path)
    os.mkfifo(inside / "pipe.js")
    folder = Folder(inside)
    assert folder.find("known.js") is not None
    for name in (
        *("../secret.js", "link.js", "elsewhere/secret.js", str(tmp_path / "secret.js"), ".hidden.js"),
        *("notes.md", "folder.js", "pipe.js", "known.js\0", "", "x" * 5000 + ".js"),
    ):
        assert folder.find(name) is None, name
