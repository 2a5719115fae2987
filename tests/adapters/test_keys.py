"""Keys in files: made once, on disk before they are used, and nobody else's to read."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from adapters.access.keys import kept_key, read_key
from adapters.runtime.errors import CommandError
from tests.adapters.serving import ROOT

MAKE = """
import sys
from pathlib import Path
from adapters.access.keys import kept_key
print(*kept_key(Path(sys.argv[1])))
"""


def test_a_key_is_made_once_and_is_its_owners_alone(tmp_path: Path) -> None:
    file = tmp_path / "data" / "a_key"
    key, is_new = kept_key(file)
    assert is_new
    assert len(key) == 64
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert kept_key(file) == (key, False)
    assert read_key(file) == key
    assert [*file.parent.iterdir()] == [file]


def test_first_starts_at_the_same_time_make_one_key(tmp_path: Path) -> None:
    file = tmp_path / "a_key"
    starts = [
        subprocess.Popen(
            [sys.executable, "-c", MAKE, str(file)],
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )
        for _ in range(6)
    ]
    told = [start.communicate()[0].split() for start in starts]
    assert {key for key, _ in told} == {file.read_text()}
    assert [is_new for _, is_new in told].count("True") == 1


def test_a_key_is_on_disk_before_it_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """File and folder: after a power cut neither an empty key nor none may be found."""
    synced: list[tuple[str, bool]] = []
    fsync = os.fsync

    def noted(handle: int) -> None:
        synced.append((str(Path(f"/proc/self/fd/{handle}").readlink()), (tmp_path / "a_key").exists()))
        fsync(handle)

    monkeypatch.setattr(os, "fsync", noted)
    kept_key(tmp_path / "a_key")
    assert synced == [(str(tmp_path / "a_key.new"), False), (str(tmp_path), True)]


@pytest.mark.parametrize("content", [b"", b"a", b"\n", b" " * 64, b"x" * 31 + b"\n", b"\xff" * 64])
def test_what_is_no_key_is_refused_and_left_alone(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "a_key"
    file.write_bytes(content)
    with pytest.raises(CommandError, match=r"is no text of at least 32 bytes: .*$"):
        kept_key(file)
    assert file.read_bytes() == content


def test_a_key_that_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    file = tmp_path / "a_key"
    file.write_text("k" * 32 + "\n")
    file.chmod(0o644)
    assert read_key(file) == "k" * 32 + "\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_where_nothing_can_be_kept_one_line_says_so() -> None:
    with pytest.raises(CommandError, match=r"^cannot write in the data folder /proc/verdict: "):
        kept_key(Path("/proc/verdict/a_key"))
