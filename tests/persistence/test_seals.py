"""Seals: made while the journal grows, verified with the public half, and not to be had without the key."""

from pathlib import Path

import pytest
import trio

from kernel.commands import Deposit
from kernel.journal import Decided
from persistence.journal import journal, seals
from persistence.journal.journal import DurableJournal
from persistence.journal.seals import Sealer, SealKey
from persistence.journal.wal import end
from persistence.journal.witness_file import WitnessFile
from persistence.postgres.database import Connection, Database
from persistence.tools.replay import Verification
from tests.database import forge
from tests.kernel.trading import busy_day
from tests.persistence.journaled import KEY, decided, file, traded

OTHER = SealKey("another key than the tests', 32 bytes and more")


async def sealed(db: Database, connection: Connection, kept: Path, key: SealKey = KEY) -> None:
    """A day in the journal, in two halves, each with a seal."""
    facts = decided(busy_day().facts)
    for half in (facts[:40], facts[40:]):
        await file(connection, half)
        async with journal.opened(db) as writer:
            await Sealer(db, writer, key, WitnessFile(kept)).seal()


async def findings(connection: Connection, *public_keys: bytes) -> list[str]:
    verification = Verification(connection, public_keys=public_keys)
    await verification.run(lambda _done, _total: None)
    return verification.findings["the seals"].words


async def test_a_growing_journal_is_sealed_again_and_again_and_a_resting_one_is_not(
    db: Database, connection: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert seals.SEAL_EVERY <= 60
    monkeypatch.setattr(seals, "SEAL_EVERY", 0.01)
    exchange, before = traded(0)
    ends: list[int] = []
    async with journal.opened(db) as writer, trio.open_nursery() as nursery:
        nursery.start_soon(Sealer(db, writer, KEY, WitnessFile(tmp_path / "witness")).run)
        await writer.append([writer.pack(before)])
        for amount in range(1, 4):
            ends.append(await until_sealed(connection, writer))
            command = Deposit(at=exchange.now, user_id=[*exchange.accounts][-1], amount=amount)
            await writer.append([writer.pack([Decided(command, "", exchange.execute(command))])])
        ends.append(await until_sealed(connection, writer))
        await trio.sleep(0.1)  # ten times the pause, in which nothing is to be sealed
        nursery.cancel_scope.cancel()
    found = await connection.fetch("SELECT last_id FROM journal_seals ORDER BY 1")
    assert [row["last_id"] for row in found] == ends


async def until_sealed(connection: Connection, writer: DurableJournal) -> int:
    with trio.fail_after(30):
        while (seal := await seals.newest(connection)) is None or seal.last_id < writer.end[0]:
            await trio.sleep(0.005)
    return seal.last_id


async def test_a_seal_is_told_to_the_log_and_to_the_witness_file(
    db: Database, connection: Connection, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Both outlive the database."""
    await sealed(db, connection, tmp_path / "witness")
    seal = await seals.newest(connection)
    assert seal is not None
    told = [line for line in capsys.readouterr().out.splitlines() if "sealed the journal" in line]
    assert len(told) == 2
    for part in (f"last_id={seal.last_id}", seal.digest.hex(), seal.signature.hex(), KEY.public.hex()):
        assert part in told[-1]


async def test_verifying_takes_the_public_half_and_names_what_it_does_not_fit(
    db: Database, connection: Connection, tmp_path: Path
) -> None:
    await sealed(db, connection, tmp_path / "witness")
    head, _ = await end(connection)
    assert await findings(connection, KEY.public) == []
    assert await findings(connection, OTHER.public, KEY.public) == []
    assert (await findings(connection, OTHER.public))[
        -1
    ] == f"the seal of row {head} was made with another key"
    assert await findings(connection) == ["there is no key to hold them to: --public-key names one"]


async def test_a_journal_rewritten_with_a_chain_that_fits_does_not_fit_its_seals(
    db: Database, connection: Connection, tmp_path: Path
) -> None:
    """Whoever has the database can do every sum in it; a seal is none."""
    await sealed(db, connection, tmp_path / "witness")
    marks = [row["last_id"] for row in await connection.fetch("SELECT last_id FROM journal_seals ORDER BY 1")]
    await connection.execute("TRUNCATE wal_events")
    facts = decided(busy_day().facts)
    await file(connection, facts[:40], transaction=5)
    await file(connection, facts[40:], transaction=5)
    found = await findings(connection, KEY.public)
    assert found == [f"row {mark} is not the one that was sealed" for mark in marks]


async def test_a_seal_of_rows_that_are_gone_is_found(
    db: Database, connection: Connection, tmp_path: Path
) -> None:
    await sealed(db, connection, tmp_path / "witness")
    head, _ = await end(connection)
    await forge(
        connection,
        "DELETE FROM wal_events WHERE id > "
        "(SELECT id FROM wal_events WHERE digest IS NOT NULL ORDER BY id DESC LIMIT 1 OFFSET 1)",
    )
    assert any(
        f"one is of row {head}, the journal ends" in word for word in await findings(connection, KEY.public)
    )


def test_a_key_shows_nothing_but_its_public_half() -> None:
    """Nor does one derived key give away the other: they are made for their purposes."""
    assert KEY.secret not in repr(KEY)
    assert len(KEY.public) == 32
    assert seals.derived(KEY.secret, b"verdict journal seals") != seals.derived(
        KEY.secret, b"verdict snapshots"
    )
    assert SealKey(f"{KEY.secret}\n").public == KEY.public, "a line's end is no part of a key"
