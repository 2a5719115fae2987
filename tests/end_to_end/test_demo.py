"""`verdict demo`: something to see, and then a clean end, whichever way it is ended."""

import contextlib
import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.adapters.serving import PASSWORD, ROOT, database_for, serving, until, venue

SECONDS = 60


def environment(folder: Path, **settings: str) -> dict[str, str]:
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("VERDICT_")},
        "DATABASE_URL": "",
        "VERDICT_DATA": str(folder),
        "VERDICT_PORT": "0",
        "VERDICT_METRICS_PORT": "0",
        "PYTHONUNBUFFERED": "1",
        "TERM": "xterm-256color",
    } | settings


def verdict(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "adapters.cli", *arguments],
        cwd=ROOT,
        env=settings,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )


@contextlib.contextmanager
def demo(output: int, *options: str, **settings: str) -> Iterator[subprocess.Popen[bytes]]:
    """It runs until it is told to end; also when a test fails before that."""
    process = subprocess.Popen(
        [sys.executable, "-m", "adapters.cli", "demo", *options],
        cwd=ROOT,
        env=settings,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(timeout=SECONDS)


def said_before_the_end(
    process: subprocess.Popen[bytes], output: int, sign: str, meanwhile: Callable[[str], object] = str
) -> str:
    """All it says; it is interrupted once, when it has said `sign` and `meanwhile` is done."""
    said, is_asked = "", False
    with contextlib.suppress(OSError):  # how a terminal says that nobody is there any more
        while part := os.read(output, 65_536):
            said += part.decode(errors="replace")
            if not is_asked and re.search(sign, said):
                meanwhile(said)
                process.send_signal(signal.SIGINT)
                is_asked = True
    assert is_asked, said
    assert process.wait(timeout=SECONDS) == 0, said
    assert "Traceback" not in said
    return said


def test_it_trades_until_interrupted_and_leaves_a_journal_that_verifies(tmp_path: Path) -> None:
    settings = environment(tmp_path / "data")
    said = said_by_a_demo(see_trades, **settings)
    assert re.match(r"open +http://127\.0\.0\.1:[0-9]+/\s+API ", said)
    assert len(said.splitlines()) < 15, "who starts it can read it"
    assert re.search(r"^after [0-9]+ s .* [1-9][0-9,]* trades", said, re.MULTILINE)
    assert re.search(r"^invariants +all hold$", said, re.MULTILINE)
    verified = verdict("replay", "--verify", **settings)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert "ORDER_ACCEPTED" in verified.stdout


def test_who_registered_in_it_finds_everything_again_in_the_next(tmp_path: Path) -> None:
    dora = {"username": "dora", "password": PASSWORD}

    def register(said: str) -> None:
        with httpx.Client(base_url=address(said)) as http:
            http.post("/auth/register", json={**dora, "email": "dora@example.org"}).raise_for_status()
            assert balance(http, dora, deposit=70_000) == 70_000

    def come_back(said: str) -> None:
        with httpx.Client(base_url=address(said)) as http:
            assert balance(http, dora) == 70_000
            name, password = re.findall(r"administrator +(\S+), password (\S+)", said)[0]
            balance(http, {"username": name, "password": password})
        see_trades(said)

    settings = environment(tmp_path / "data")
    said_by_a_demo(register, **settings)
    said_by_a_demo(come_back, **settings)


def said_by_a_demo(meanwhile: Callable[[str], None], **settings: str) -> str:
    ours, its = os.pipe()
    with demo(its, **settings) as process:
        os.close(its)
        said = said_before_the_end(process, ours, "Ctrl-C", meanwhile)
    os.close(ours)
    return said


def address(said: str) -> str:
    api: str = re.findall(r"^API +(\S+)", said, re.MULTILINE)[0]
    return api


def see_trades(said: str) -> None:
    def volume() -> int:
        tickers = httpx.get(f"{address(said)}/tickers").raise_for_status().json()["data"]["items"]
        assert len(tickers) > 5
        return sum(ticker["volume_24h"] for ticker in tickers)

    before = volume()
    until(lambda: volume() > before)


def balance(http: httpx.Client, who: dict[str, str], deposit: int | None = None) -> int:
    token = http.post("/auth/login", json=who).raise_for_status().json()["data"]["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    if deposit is not None:
        paid = http.post("/account/deposit", headers=headers, json={"amount_cents": deposit})
        paid.raise_for_status()
    answer = http.get("/account/balance", headers=headers).raise_for_status().json()
    return int(answer["data"]["available_balance_cents"])


def test_on_a_terminal_it_draws_books_and_trades(tmp_path: Path) -> None:
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
    with demo(its, "--terminal", **environment(tmp_path / "data")) as process:
        os.close(its)
        said = said_before_the_end(process, ours, r"last [1-9]")
    os.close(ours)
    assert "MKT-BTC-100K-2026" in said
    assert "last trades" in said
    assert "invariants     all hold" in said


def test_it_ends_by_itself_when_told_for_how_long(tmp_path: Path) -> None:
    done = verdict("demo", "--for", "1s", **environment(tmp_path / "data"))
    assert done.returncode == 0, done.stderr
    assert re.search(r"^after [0-9]+ s ", done.stdout, re.MULTILINE)
    assert done.stderr == ""


def test_it_does_not_trade_among_people_who_mean_it(server_url: str, template: str, tmp_path: Path) -> None:
    """DATABASE_URL may stand in the environment of somebody who has forgotten about it."""
    with database_for(server_url, template) as url:
        with (
            serving(url, tmp_path) as server,
            httpx.Client(base_url=server.address, timeout=30) as http,
        ):
            venue(server.address, http).user()
            server.stop()
        done = verdict("demo", **environment(tmp_path / "data", DATABASE_URL=url))
    assert done.returncode == 1
    assert re.fullmatch(r"verdict: this exchange has users of its own \(user_\w+\): .*\n", done.stderr)


@pytest.mark.parametrize("span", ["0s", "a while"])
def test_what_is_no_span_of_time_is_refused(span: str, tmp_path: Path) -> None:
    assert verdict("demo", "--for", span, **environment(tmp_path / "data")).returncode == 2
