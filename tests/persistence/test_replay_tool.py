"""`verdict replay` and its kin at the command line, on a real database: what they say, how they end."""

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trio

from adapters.wire import render
from kernel.codes import AMM_ID
from kernel.events import OrderAccepted
from persistence.journal import journal, snapshots
from persistence.postgres import embedded
from persistence.postgres.database import Connection, Database
from persistence.tables.projector import Projector
from tests.database import forge
from tests.kernel.trading import SECOND, Trading, busy_day
from tests.persistence.journaled import decided, file

ROOT = Path(__file__).resolve().parents[2]
ACCOUNTS = len(busy_day().exchange.accounts)


@pytest.fixture(scope="module")
def day() -> Trading:
    return busy_day()


@pytest.fixture
async def journaled(db: Database, connection: Connection, day: Trading) -> Connection:
    """A day in the journal, in the tables, and in a snapshot."""
    await file(connection, decided(day.facts))
    await Projector(db).catch_up()
    await connection.execute(
        "INSERT INTO snapshots VALUES ($1, $2, $3, 1, NOW(), sha256(''), sha256(''))",
        day.exchange.head,
        snapshots.FORMAT,
        bytes.fromhex(day.exchange.digest()),
    )
    return connection


class Said:
    """What a command printed, and its exit code."""

    def __init__(self, done: "subprocess.CompletedProcess[str]") -> None:
        self.out, self.err, self.code = done.stdout, done.stderr, done.returncode

    def refused(self, told: str) -> bool:
        """One line that begins with our name and says this; exit code 1."""
        assert self.code == 1, self.out + self.err
        assert self.err.startswith("verdict: "), self.err
        assert self.err.count("\n") == 1, self.err
        assert told in self.err, self.err
        return True


async def verdict(url: str, *arguments: str, **environment: str) -> Said:
    done = await trio.run_process(
        [sys.executable, "-m", "adapters.cli", *arguments],
        cwd=ROOT,
        env=os.environ | {"DATABASE_URL": url} | environment,
        capture_stdout=True,
        capture_stderr=True,
        check=False,
    )
    return Said(
        subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())
    )


async def test_replay_counts_the_journal_and_prints_the_digest(
    database_url: str, journaled: Connection, day: Trading
) -> None:
    said = await verdict(database_url, "replay")
    assert said.code == 0, said.err
    assert f"{len(day.facts)} events in" in said.out
    assert f"digest {day.exchange.digest()}" in said.out
    mints = sum(name == "SHARES_MINTED" for name in day.told())
    assert ["SHARES_MINTED", str(mints)] in [line.split() for line in said.out.splitlines()]


async def test_a_sound_exchange_verifies(database_url: str, journaled: Connection) -> None:
    said = await verdict(database_url, "replay", "--verify")
    assert said.code == 0, said.out
    for check in ("the chain of digests", "the invariants", "the newest snapshot", "the tables"):
        assert f"{check}: ok\n" in said.out
    assert "the seals: ok (there is none)\n" in said.out


async def test_a_snapshot_of_an_earlier_program_is_no_damage(
    database_url: str, journaled: Connection
) -> None:
    """Its digest was taken over a state that was written in another way: nothing can be held against it."""
    await journaled.execute("UPDATE snapshots SET format = 1, digest = sha256('')")
    said = await verdict(database_url, "replay", "--verify")
    assert said.code == 0, said.out
    assert "the newest snapshot: ok (there is none)" in said.out


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (
            "UPDATE wal_events SET created_at = created_at + interval '1 microsecond' WHERE id = 15",
            "the digest of rows 15 to 21 does not fit",
        ),
        (
            """UPDATE wal_events SET payload = replace(payload::text, '"by":"root"', '"by":"rout"')::json
               WHERE event_type = 'MARKET_CREATED'""",
            "does not fit",
        ),
        ("UPDATE wal_events SET command = NULL WHERE id = 20", "the digest of rows 15 to 21 does not fit"),
        ("UPDATE wal_events SET digest = NULL WHERE id = (SELECT MAX(id) FROM wal_events)", "have no digest"),
        ("UPDATE snapshots SET digest = sha256('')", "replay gives"),
        (
            "UPDATE accounts SET available_balance = 7 WHERE user_id = 'ann'",
            "accounts ann: available_balance",
        ),
        (
            "UPDATE orders SET status = 'OPEN' WHERE client_order_id = 'old'",
            "status is OPEN, must be CANCELLED",
        ),
        (
            "DELETE FROM positions WHERE user_id = 'ben' AND market_id = 'M'",
            "positions ben in M: the row is missing",
        ),
        ("UPDATE ledger_entries SET amount = amount + 1 WHERE id = 30", "ledger_entries 30: amount is"),
        ("DELETE FROM trades WHERE is_audit", "the row is missing"),
        (
            "INSERT INTO accounts (user_id, owner_id) VALUES ('eve', 'eve')",
            f"accounts: {ACCOUNTS + 1} rows, must be {ACCOUNTS}",
        ),
        ("UPDATE markets SET title = 'Other' WHERE id = 'N'", "markets N: title is Other, must be Will it?"),
        ("UPDATE amm_markets SET start_count = 9", "start_count is 9, must be 2"),
        ("UPDATE circuit_breaker_events SET resolved_at = NULL", "resolved_at is None"),
    ],
)
async def test_whatever_was_changed_is_named(
    database_url: str, journaled: Connection, spoil: str, told: str
) -> None:
    await forge(journaled, spoil)
    said = await verdict(database_url, "replay", "--verify")
    assert told in said.out
    assert said.refused("does not verify")


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        ("DELETE FROM wal_events WHERE id = 12", "row 12 of the journal is missing: restore the database"),
        (
            """UPDATE wal_events SET payload = '{"event":"NOTHING"}' WHERE id = 12""",
            "row 12 of the journal cannot be read",
        ),
        (
            """UPDATE wal_events SET payload = other.payload FROM wal_events AS other
               WHERE wal_events.id IN (2, 10) AND other.id = 12 - wal_events.id""",
            "row 2 of the journal does not follow from those before it",
        ),
    ],
)
async def test_a_row_that_cannot_be_replayed_is_named(
    database_url: str, journaled: Connection, spoil: str, told: str
) -> None:
    await forge(journaled, spoil)
    assert (await verdict(database_url, "replay")).refused(told)
    assert (await verdict(database_url, "replay", "--verify")).refused(told)


async def test_verifying_goes_as_far_as_the_tables_are(
    database_url: str, db: Database, connection: Connection, day: Trading
) -> None:
    await file(connection, decided(day.facts[:40]))
    await Projector(db).catch_up()
    await file(connection, decided(day.facts[40:]))
    said = await verdict(database_url, "replay", "--verify")
    assert said.code == 0, said.out
    assert f"the tables: ok up to row 40 of {len(day.facts)}" in said.out
    assert "the newest snapshot: ok (there is none)" in said.out


async def test_a_market_is_shown_as_it_was(database_url: str, journaled: Connection, day: Trading) -> None:
    """The book when AMM had quoted 50 at 71 and ann 5 at 90; the state of today has another."""
    replaced = next(fact for fact in day.facts if getattr(fact.event, "client_order_id", "") == "new")
    said = await verdict(database_url, "replay", "--to", str(replaced.id), "--show", "market", "M")
    assert said.code == 0, said.err
    lines = [line.split() for line in said.out.splitlines()]
    assert ["90", "5"] in lines
    assert ["71", "50"] in lines
    assert ["status", "ACTIVE"] in lines
    then = datetime.fromtimestamp(replaced.at // SECOND, UTC) + timedelta(microseconds=replaced.at % SECOND)
    by_time = await verdict(database_url, "replay", "--at", then.isoformat(), "--show", "market", "M")
    assert by_time.out == said.out


async def test_an_account_and_an_order_are_shown_as_they_were(
    database_url: str, journaled: Connection, day: Trading
) -> None:
    order = day.order("AMM", "new")
    said = await verdict(database_url, "replay", "--show", "account", "ann", "--show", "order", order.id)
    assert said.code == 0, said.err
    ann = day.exchange.accounts["ann"]
    lines = [line.split() for line in said.out.splitlines()]
    assert ["available", render.dollars(ann.available)] in lines
    assert ["frozen", render.dollars(ann.frozen)] in lines
    assert ["user", AMM_ID] in lines
    assert any(line[1:5] == ["maker", "20", "71", render.time(order.updated_at)] for line in lines)
    accepted = [fact.event for fact in day.facts if isinstance(fact.event, OrderAccepted)]
    gone = next(event.order_id for event in accepted if event.order_id not in day.exchange.orders)
    forgotten = await verdict(database_url, "replay", "--show", "order", gone)
    assert f"order {gone}: " in forgotten.out
    paid_in = next(
        fact for fact in day.facts if fact.event.postings and fact.event.postings[0].user_id == "ann"
    )
    early = await verdict(database_url, "replay", "--to", str(paid_in.id), "--show", "account", "ann")
    assert "  available        $1,000.00\n" in early.out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--show", "market", "X"], "there was no market X as of row"),
        (["--show", "order", "0"], "there was no order 0 as of row"),
        (["--to", "3", "--show", "account", "ann"], "there was no account ann as of row 3"),
        (["--to", "100000"], "row 100000 is not there: the journal ends with row"),
        (["--at", "2001-01-01"], "2001-01-01T00:00:00.000000Z is before the journal, which begins at 2026"),
    ],
)
async def test_what_was_not_there_is_told_in_a_line(
    database_url: str, journaled: Connection, arguments: list[str], told: str
) -> None:
    assert (await verdict(database_url, "replay", *arguments)).refused(told)


@pytest.mark.parametrize(
    "arguments",
    [["--to", "0"], ["--at", "noon"], ["--to", "1", "--at", "2026-01-01"], ["--verify", "--to", "1"]],
)
async def test_what_makes_no_sense_is_a_usage_error(database_url: str, arguments: list[str]) -> None:
    assert (await verdict(database_url, "replay", *arguments)).code == 2


@pytest.mark.parametrize("command", [["replay"], ["rebuild"], ["export", "f"]])
async def test_without_an_exchange_there_is_nothing_to_work_on(tmp_path: Path, command: list[str]) -> None:
    """And none is made."""
    said = await verdict("", *command, VERDICT_DATA=str(tmp_path / "data"))
    assert said.refused("there is no exchange in")
    assert list(tmp_path.iterdir()) == []


async def test_without_a_server_that_answers_it_is_said(tmp_path: Path) -> None:
    url = f"postgresql://nobody@localhost/none?host={tmp_path}"
    assert (await verdict(url, "replay")).refused("no PostgreSQL answers")


async def test_reading_goes_on_beside_a_server_and_rebuilding_does_not(
    database_url: str, db: Database, journaled: Connection, tmp_path: Path
) -> None:
    copy = str(tmp_path / "copy")
    async with journal.opened(db):
        assert (await verdict(database_url, "replay", "--verify")).code == 0
        assert (await verdict(database_url, "export", copy)).code == 0
        assert (await verdict(database_url, "rebuild")).refused("a server is running on this database")
        assert (await verdict(database_url, "import", copy)).refused("a server is running on this database")
    assert (await verdict(database_url, "rebuild")).code == 0
    assert (await verdict(database_url, "import", copy)).refused("the journal is not empty")
    assert (await verdict(database_url, "export", copy)).refused("exists: choose another name")


async def test_an_export_becomes_an_embedded_exchange_of_its_own(
    database_url: str, journaled: Connection, day: Trading, tmp_path: Path
) -> None:
    """Export, import where there was nothing, replay: the same digest. What was altered leaves nothing."""
    copy, data = tmp_path / "copy", str(tmp_path / "data")
    assert (await verdict(database_url, "export", str(copy))).code == 0
    whole = copy.read_text()
    copy.write_text(whole.replace('"amount_cents":100000', '"amount_cents":100001', 1))
    assert (await verdict("", "import", str(copy), VERDICT_DATA=data)).refused("nothing was imported")
    copy.write_text(whole)
    assert (await verdict("", "import", str(copy), VERDICT_DATA=data)).code == 0
    async with embedded.running(Path(data)):
        said = await verdict("", "replay", VERDICT_DATA=data)
    assert f"digest {day.exchange.digest()}" in said.out
    assert (await verdict("", "rebuild", VERDICT_DATA=data)).code == 0
    assert "the tables: ok\n" in (await verdict("", "replay", "--verify", VERDICT_DATA=data)).out
