"""`verdict user`, run as a process beside a running server: what it changes counts at the next request."""

import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.adapters.serving import PASSWORD, ROOT, Answer, Caller, database_for, serving, until

OTHER = "Another1horse"


class Place:
    """A server, its database, and the command line beside it."""

    def __init__(self, database_url: str, folder: Path, http: httpx.Client) -> None:
        self.nobody = Caller(http)
        self._environment = os.environ | {"DATABASE_URL": database_url, "VERDICT_DATA": str(folder / "data")}

    def user(self, *arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "adapters.cli", "user", *arguments],
            cwd=ROOT,
            env=self._environment,
            input=typed,
            capture_output=True,
            text=True,
            timeout=60,
        )

    def user_at_a_terminal(self, *arguments: str, typed: str) -> str:
        """All that the screen shows."""
        master, slave = pty.openpty()
        command = [sys.executable, "-m", "adapters.cli", "user", *arguments]
        process = subprocess.Popen(
            command, cwd=ROOT, env=self._environment, stdin=slave, stdout=slave, stderr=slave
        )
        os.close(slave)
        screen = b""
        for line in typed.splitlines(keepends=True):
            asked = b""
            while not asked.endswith(b": "):  # what is typed before it asks is thrown away
                asked += os.read(master, 1000)
            screen += asked
            os.write(master, line.encode())
        try:
            while part := os.read(master, 1000):
                screen += part
        except OSError:  # how a terminal says that nobody is there any more
            pass
        os.close(master)
        assert process.wait(timeout=60) == 0, screen
        return screen.decode()

    def log_in(self, username: str, password: str = PASSWORD) -> Answer:
        return self.nobody.post("/auth/login", username=username, password=password)

    def as_user(self, username: str, password: str = PASSWORD) -> Caller:
        answer = self.log_in(username, password)
        assert answer.code == 0, answer.envelope
        return Caller(self.nobody.http, answer.data["access_token"], answer.data["user"]["user_id"])


@pytest.fixture(scope="module")
def place(server_url: str, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("users")
    with (
        database_for(server_url, template) as url,
        serving(url, folder) as server,
        httpx.Client(base_url=server.address, timeout=30) as http,
    ):
        place = Place(url, folder, http)
        made(place, "twin")
        yield place


def made(place: Place, username: str, *options: str) -> None:
    done = place.user("create", username, "--email", f"{username}@example.org", *options, typed=PASSWORD)
    assert done.returncode == 0, done.stderr


def test_a_user_made_on_the_command_line_logs_in_and_has_an_account(place: Place) -> None:
    """The row is the command's, the account is opened by the server at the first login."""
    made(place, "cora")
    assert place.as_user("cora").data("/account/balance")["total_balance_cents"] == 0


def test_an_administrator_made_on_the_command_line_administers(place: Place) -> None:
    made(place, "root_two", "--role", "admin")
    answer = place.as_user("root_two").post("/admin/markets", id="MKT-BY-ROOT-TWO", title="Will it be?")
    assert answer.status == 201


def test_an_empty_password_has_one_made_that_is_shown_and_works(place: Place) -> None:
    done = place.user("create", "gina", "--email", "gina@example.org")
    shown = re.search(r"^password (\S+)  \(shown this once\)$", done.stdout, re.MULTILINE)
    assert shown is not None
    assert place.log_in("gina", shown[1]).code == 0


def test_a_given_password_is_not_shown(place: Place) -> None:
    done = place.user("create", "hugo", "--email", "hugo@example.org", typed=PASSWORD)
    assert PASSWORD not in done.stdout + done.stderr


def test_at_a_terminal_the_password_is_asked_twice_without_echo(place: Place) -> None:
    screen = place.user_at_a_terminal(
        "create", "tess", "--email", "tess@example.org", typed=f"{PASSWORD}\n{PASSWORD}\n"
    )
    assert PASSWORD not in screen
    assert "once more" in screen
    assert place.log_in("tess").code == 0


def test_who_is_disabled_is_out_at_once_and_logs_in_again_when_enabled(place: Place) -> None:
    made(place, "dana")
    dana = place.as_user("dana")
    assert dana.get("/account/balance").status == 200
    assert place.user("disable", "dana").stdout == "dana is disabled now\n"
    until(lambda: dana.get("/account/balance").verdict == (422, 1004))
    assert place.log_in("dana").verdict == (422, 1004)
    assert place.user("enable", "dana").stdout == "dana is enabled now\n"
    until(lambda: dana.get("/account/balance").verdict == (401, 1006))
    assert place.as_user("dana").get("/account/balance").verdict == (200, 0)


def test_another_role_ends_what_was_opened_in_the_old_one(place: Place) -> None:
    made(place, "rosa")
    rosa = place.as_user("rosa")
    assert rosa.post("/admin/verify-invariants").verdict == (403, 1007)
    assert place.user("role", "rosa", "admin").returncode == 0
    until(lambda: rosa.get("/account/balance").verdict == (401, 1006))
    rosa = place.as_user("rosa")
    assert rosa.post("/admin/verify-invariants").verdict == (200, 0)
    assert place.user("role", "rosa", "user").returncode == 0
    until(lambda: rosa.post("/admin/verify-invariants").verdict == (401, 1006))
    assert place.as_user("rosa").post("/admin/verify-invariants").verdict == (403, 1007)


def test_another_password_replaces_the_first_and_ends_what_it_had_opened(place: Place) -> None:
    made(place, "paul")
    paul = place.as_user("paul")
    key = paul.post("/account/api-keys", name="bot", scopes=["read"]).data["secret"]
    bot = Caller(place.nobody.http, key)
    said = "paul has another password\n"
    assert place.user("password", "paul", "--keep-api-keys", typed=OTHER).stdout == said
    until(lambda: paul.get("/account/balance").verdict == (401, 1006))
    assert place.log_in("paul").verdict == (401, 1003)
    assert place.log_in("paul", OTHER).code == 0
    assert bot.get("/account/balance").code == 0
    assert place.user("password", "paul", typed=PASSWORD).stdout == said
    until(lambda: bot.get("/account/balance").verdict == (401, 1006))


@pytest.mark.parametrize(
    ("arguments", "typed", "said"),
    [
        (("create", "twin", "--email", "cora2@example.org"), PASSWORD, "another user has this username"),
        (("create", "twin2", "--email", "Twin@Example.org"), PASSWORD, "another user has this email"),
        (("create", "x", "--email", "x@example.org"), PASSWORD, "username"),
        (("create", "xena", "--email", "nowhere"), PASSWORD, "email"),
        (("create", "xena", "--email", "x@example.org"), "secret", "password"),
        (("create", "SYSTEM_RESERVE", "--email", "x@example.org"), PASSWORD, "the exchange's own"),
        (("disable", "nobody_here"), "", "there is no user nobody_here"),
        (("enable", "nobody_here"), "", "there is no user nobody_here"),
        (("password", "nobody_here"), PASSWORD, "there is no user nobody_here"),
        (("role", "nobody_here", "admin"), "", "there is no user nobody_here"),
        (("role", "amm_market_maker", "admin"), "", "the exchange's own"),
        (("password", "amm_market_maker"), PASSWORD, "the exchange's own"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(
    place: Place, arguments: tuple[str, ...], typed: str, said: str
) -> None:
    done = place.user(*arguments, typed=typed)
    assert (done.returncode, done.stdout) == (1, "")
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_without_an_exchange_it_says_who_makes_one(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "adapters.cli", "user", "disable", "ann"],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": "", "VERDICT_DATA": str(tmp_path / "nothing")},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert "`verdict serve` makes one" in done.stderr
    assert not (tmp_path / "nothing").exists()
