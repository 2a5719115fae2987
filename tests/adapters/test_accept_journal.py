"""What was acknowledged and then taken out of the database: no start goes on as if nothing had been.

The story of a thief with the database, and of an operator with a backup: for the journal both are the same,
and only the operator's own word tells them apart.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx

from persistence.journal.seals import SealKey
from tests.adapters.serving import ROOT, SECRET, Venue, database_for, on, serving, until, venue

GUARD = "TRIGGER trg_wal_events_stays"


def cut(url: str, last: int) -> None:
    """Take the journal's end away, past the guard that keeps it."""
    on(url, f"ALTER TABLE wal_events DISABLE {GUARD}")
    on(url, "DELETE FROM wal_events WHERE id > $1", last)
    on(url, f"ALTER TABLE wal_events ENABLE {GUARD}")


def verdict(url: str, folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    ours = {name: value for name, value in os.environ.items() if not name.startswith("VERDICT_")}
    return subprocess.run(
        [sys.executable, "-m", "adapters.cli", *arguments],
        env=ours
        | {"DATABASE_URL": url, "VERDICT_DATA": str(folder / "data"), "VERDICT_JWT_SECRET": SECRET}
        | {"VERDICT_PORT": "0", "VERDICT_METRICS_PORT": "0", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )


def refused(url: str, folder: Path) -> str:
    """The one line with which a start ends."""
    done = verdict(url, folder, "serve")
    assert done.returncode == 1, done.stdout
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("verdict:")]
    return line


def lived(url: str, folder: Path, do: Callable[[Venue], None], how: signal.Signals = signal.SIGKILL) -> str:
    """One life of a server, in which this happens; returns its log."""
    with serving(url, folder) as server, httpx.Client(base_url=server.address, timeout=30) as http:
        do(venue(server.address, http))
        server.stop(how)
        return server.log.read_text()


def test_a_withdrawal_that_was_cut_off_the_journal_is_not_undone_in_silence(
    server_url: str, template: str, tmp_path: Path
) -> None:
    with database_for(server_url, template) as url:
        heads: list[int] = []

        def withdraw(there: Venue) -> None:
            there.admin.deposit(50_000)
            heads.append(on(url, "SELECT max(id) FROM wal_events"))
            assert there.admin.post("/account/withdraw", amount_cents=20_000).code == 0
            assert there.admin.post("/account/withdraw", amount_cents=10_000).code == 0

        lived(url, tmp_path, withdraw)
        (before,) = heads
        last = on(url, "SELECT max(id) FROM wal_events")
        assert last > before
        cut(url, before)

        line = refused(url, tmp_path)
        assert f"the witness file tells of row {last}, but the journal ends with row {before}" in line
        assert f"verdict accept-journal --at {before} --reason" in line

        wrong = verdict(url, tmp_path, "accept-journal", "--at", str(before - 1), "--reason", "a backup")
        assert wrong.returncode == 1
        assert f"must be where the journal ends: {before}" in wrong.stderr
        assert on(url, "SELECT max(id) FROM wal_events") == before
        refused(url, tmp_path)

        done = verdict(url, tmp_path, "accept-journal", "--at", str(before), "--reason", "the disk died")
        assert done.returncode == 0, done.stderr
        assert f"given up: the witness file tells of row {last}" in done.stdout
        payload = on(url, "SELECT payload::TEXT FROM wal_events WHERE id = $1", before + 1)
        assert '"event":"JOURNAL_ACCEPTED"' in payload
        assert f'"last_id":{before},"reason":"the disk died","witnesses":["the witness file tells' in payload

        def look(there: Venue) -> None:
            assert there.admin.data("/account/balance")["total_balance_cents"] == 50_000
            until(lambda: there.http.get("/ready").json()["projector_lag"] == 0, 60)
            assert there.admin.post("/admin/verify-invariants").data["all_passed"] is True

        lived(url, tmp_path, look, signal.SIGTERM)
        verified = verdict(url, tmp_path, "replay", "--verify")
        assert verified.returncode == 0, verified.stdout + verified.stderr
        assert "by public key" in verified.stdout
        again = verdict(url, tmp_path, "accept-journal", "--at", str(before), "--reason", "x")
        assert "needs no acceptance" in again.stderr


def test_without_its_file_the_witnesses_in_the_database_still_tell(
    server_url: str, template: str, tmp_path: Path
) -> None:
    """And a removed or damaged file alone is no obstacle."""
    with database_for(server_url, template) as url:
        lived(url, tmp_path, lambda there: there.admin.deposit(50_000), signal.SIGTERM)
        kept = tmp_path / "data" / "witness"
        kept.unlink()
        log = lived(url, tmp_path, lambda there: there.admin.deposit(1), signal.SIGTERM)
        assert "there is no witness file" in log
        kept.write_text("torn")
        log = lived(url, tmp_path, lambda there: there.admin.deposit(1), signal.SIGTERM)
        assert "the witness file is damaged, and tells nothing" in log
        assert "sealed the journal" in log
        kept.unlink()
        last = on(url, "SELECT max(id) FROM wal_events")
        cut(url, last - 1)
        assert f"the newest seal tells of row {last}, but the journal ends with row {last - 1}" in refused(
            url, tmp_path
        )


def test_another_exchanges_database_is_refused(server_url: str, template: str, tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    with database_for(server_url, template) as ours, database_for(server_url, template) as theirs:
        lived(ours, tmp_path, lambda there: there.admin.deposit(1))
        lived(theirs, tmp_path / "theirs", lambda there: there.admin.deposit(50_000))
        assert "the witness file tells of another row" in refused(theirs, tmp_path)


def test_without_its_key_an_exchange_is_not_believed(server_url: str, template: str, tmp_path: Path) -> None:
    """What it sealed might be anybody's; an operator who has lost the key accepts it, and has a new one."""
    with database_for(server_url, template) as url:
        lived(url, tmp_path, lambda there: there.admin.deposit(50_000), signal.SIGTERM)
        old = SealKey((tmp_path / "data" / "seal_key").read_text()).public.hex()
        count = on(url, "SELECT count(*) FROM journal_seals")
        (tmp_path / "data" / "seal_key").unlink()
        assert "was not made with the key that this exchange has" in refused(url, tmp_path)
        head = on(url, "SELECT max(id) FROM wal_events")
        done = verdict(url, tmp_path, "accept-journal", "--at", str(head), "--reason", "a new key")
        assert done.returncode == 0, done.stderr
        log = lived(url, tmp_path, lambda there: there.admin.deposit(1), signal.SIGTERM)
        assert '"level":"critical"' in log, "the snapshot was sealed with the old key"
        verified = verdict(url, tmp_path, "replay", "--verify")
        assert verified.stdout.count("was made with another key") == count
        new = SealKey((tmp_path / "data" / "seal_key").read_text()).public.hex()
        auditor = verdict(
            url, tmp_path / "auditor", "replay", "--verify", "--public-key", old, "--public-key", new
        )
        assert auditor.returncode == 0, auditor.stdout + auditor.stderr
        assert not (tmp_path / "auditor").exists(), "who verifies needs no key, and makes none"
