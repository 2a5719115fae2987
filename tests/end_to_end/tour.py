"""Runs the console blocks of a page against a real server on a fresh data folder.

A line that begins with `$ ` is typed into one shell for the whole page, with the lines that it is continued
on; what follows is what it must print. What differs from run to run (ids, times, tokens, the port) may, but
in the same way throughout: where the page shows one order's id twice, the run must, too.

`python -m tests.end_to_end.tour README.md` puts what it sees into the page. Read the difference before you
believe it.
"""

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import attrs

ROOT: Final = Path(__file__).resolve().parents[2]
STAND_IN: Final = Path(__file__).with_name("curl.py")
SERVE: Final = "./verdict serve"
PAGES_PORT: Final = "8000"
PAGES_METRICS_PORT: Final = "8001"
METRICS: Final = re.compile(r"(?<=^metrics {8}http://127\.0\.0\.1:)\d+", re.MULTILINE)
END: Final = "-- end of output --"
SECONDS: Final = 60

BLOCK: Final = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)

# What differs from run to run, most telling first.
VARYING: Final = re.compile(
    "|".join(
        f"(?P<{name}>{pattern})"
        for name, pattern in {
            "token": r"eyJ[\w-]+\.[\w-]+\.[\w-]+",
            "key": r"\bvk_[\w-]{43}",
            "digest": r"\b[0-9a-f]{64}\b",
            "uuid": r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b",
            "trade": r"\bTRD_\d+\b",
            "request": r"\breq_[0-9a-f]{12}\b",
            "time": r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z| UTC)",
            "password": r"(?<=password )\S+",
            "address": r"(?<=127\.0\.0\.1:)\d+",
            "folder": r"\S*/(?=jwt_secret)",
            "speed": r"in [\d.]+ s \([\d,]+ a second\)",
        }.items()
    )
)
# These say when and how fast; two that are equal on the page need not be equal in the run.
INDEPENDENT: Final = {"time", "speed"}


@attrs.frozen
class Step:
    """What is typed, and what the page says it prints."""

    command: str
    printed: str


def steps_of(page: str) -> list[Step]:
    return [step for block in BLOCK.findall(page) for step in steps_of_block(block)]


def steps_of_block(block: str) -> Iterator[Step]:
    lines = block.splitlines()
    assert lines[0].startswith("$ "), lines[0]
    while lines:
        command = [lines.pop(0).removeprefix("$ ")]
        while command[-1].endswith("\\"):
            command.append(lines.pop(0))
        printed = []
        while lines and not lines[0].startswith("$ "):
            printed.append(lines.pop(0))
        yield Step("\n".join(command), "\n".join(printed))


@attrs.define
class Likeness:
    """Tells whether two texts are the same but for what varies, and remembers what stood for what."""

    stands_for: dict[str, str] = attrs.field(factory=dict)

    def holds(self, page: str, run: str) -> bool:
        if VARYING.sub(masked, page) != VARYING.sub(masked, run):
            return False
        pairs = zip(VARYING.finditer(page), VARYING.finditer(run), strict=True)
        return all(
            found.lastgroup in INDEPENDENT or self.stands_for.setdefault(found[0], seen[0]) == seen[0]
            for found, seen in pairs
        )

    def translate(self, command: str) -> str:
        """A command as it must be typed in this run: a password on the page is not the password here."""
        for on_page, here in self.stands_for.items():
            command = command.replace(on_page, here)
        return command


def masked(found: re.Match[str]) -> str:
    return f"<{found.lastgroup}>"


class Shell:
    """A bash that lives as long as the page."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._environment = environment
        self.server: subprocess.Popen[str] | None = None
        self._bash = subprocess.Popen(
            ["bash", "--norc"],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def type(self, command: str, lines: int) -> str:
        """What it prints; of a server, which prints on, as many lines as the page shows."""
        if command == SERVE:
            return self._serve(lines)
        assert self._bash.stdin is not None
        assert self._bash.stdout is not None
        self._bash.stdin.write(f"{command}\necho; echo '{END}'\n")
        self._bash.stdin.flush()
        said: list[str] = []
        for line in self._bash.stdout:
            if line == f"{END}\n":
                return "".join(said).rstrip("\n")
            said.append(line)
        raise AssertionError(f"the shell ended at {command!r} after {said}")

    def _serve(self, lines: int) -> str:
        self.server = subprocess.Popen(
            ["./verdict", "serve"],
            cwd=ROOT,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self.server.stdout is not None
        return "".join(line for _, line in zip(range(lines), self.server.stdout, strict=False)).rstrip("\n")

    def interrupt(self) -> tuple[int, str]:
        """Ctrl-C for the server: its exit code, and its last words."""
        assert self.server is not None
        assert self.server.stdout is not None
        self.server.send_signal(signal.SIGINT)
        words = self.server.stdout.read()
        return self.server.wait(timeout=SECONDS), words

    def close(self) -> None:
        for process in (self._bash, self.server):
            if process is not None:
                process.terminate()  # a server that is killed leaves its PostgreSQL to whoever comes next
                process.wait(timeout=SECONDS)
                for stream in (process.stdin, process.stdout):
                    if stream is not None:
                        stream.close()


@contextlib.contextmanager
def a_shell(folder: Path) -> Iterator[tuple[Shell, str]]:
    """A shell in the project's folder, for an exchange that does not exist yet; and the port it will have."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    tools = folder / "bin"
    tools.mkdir()
    if shutil.which("curl") is None:
        (tools / "curl").write_text(f'#!/bin/sh\nexec "{sys.executable}" "{STAND_IN}" "$@"\n')
        (tools / "curl").chmod(0o755)
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("VERDICT_")},
        "DATABASE_URL": "",
        "VERDICT_DATA": str(folder / "data"),
        "VERDICT_PORT": port,
        "VERDICT_METRICS_PORT": "0",
        "PYTHONUNBUFFERED": "1",
        "PATH": f"{tools}:{os.environ['PATH']}",
    }
    shell = Shell(environment)
    try:
        yield shell, port
    finally:
        shell.close()


def rewrite(page: Path) -> None:
    """Run the page, and put what was printed where the page says what is printed."""
    text = page.read_text()
    with tempfile.TemporaryDirectory() as name, a_shell(Path(name)) as (shell, port):
        likeness = Likeness()

        def run(block: re.Match[str]) -> str:
            said = ["```console\n"]
            for step in steps_of_block(block[1]):
                command = likeness.translate(step.command).replace(PAGES_PORT, port)
                printed = shell.type(command, step.printed.count("\n") + 1)
                shown = step.printed
                if not likeness.holds(step.printed, printed):
                    shown = METRICS.sub(PAGES_METRICS_PORT, printed.replace(port, PAGES_PORT)).replace(
                        f"{name}/data", "/home/you/verdict/data"
                    )
                said.append(f"$ {step.command}\n" + (f"{shown}\n" if shown else ""))
            return "".join([*said, "```"])

        page.write_text(BLOCK.sub(run, text))


if __name__ == "__main__":
    rewrite(Path(sys.argv[1]))
