"""The witnesses: who remembers that the journal was once longer, or different. They are asked before a start.

A journal whose end was cut off is consistent in itself. But the tables' cursor, the snapshots and the seals
still know of the missing rows, and so does the witness file, outside the database. If one of them contradicts
the journal, the exchange does not start; to go on nevertheless takes a command, `verdict accept-journal`.
"""

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Final

import msgspec

from persistence import DatabaseUnusableError
from persistence.journal import seals
from persistence.journal.archive import rows
from persistence.journal.seals import SealKey, verifies
from persistence.journal.wal import JournalRow, end
from persistence.journal.witness_file import Seal, Witness
from persistence.postgres.database import Connection

CURSOR: Final = "the projector's cursor"


class Testimony(msgspec.Struct, frozen=True):
    """What one witness says: that the journal had this row, and that the chain had this digest there."""

    __test__ = False  # for pytest: this is no test

    witness: str
    journal_id: int
    digest: bytes | None
    """None if the witness knows only that the row existed."""


class Contradiction(msgspec.Struct, frozen=True):
    """A witness, and how the journal differs from what it says."""

    witness: str
    trouble: str


async def check(connection: Connection, key: SealKey, kept: Witness | None) -> None:
    """Raise `DatabaseUnusableError`, in one line, if a witness contradicts the journal."""
    found = await contradictions(connection, key, kept)
    if not found:
        return
    first, head = found[0], (await end(connection))[0]
    if head == 0:
        way_out = "bring the journal back, or give another exchange a VERDICT_DATA of its own"
    else:
        way_out = (
            "bring back what is missing; only if this journal is an older one on purpose, "
            f"`verdict accept-journal --at {head} --reason ...`"
        )
    raise DatabaseUnusableError(f"{first.witness} {first.trouble}: {way_out}")


async def contradictions(connection: Connection, key: SealKey, kept: Witness | None) -> list[Contradiction]:
    """Every witness that contradicts the journal. `kept` is what the witness file says."""
    found: list[Contradiction] = []
    head = (await end(connection))[0]
    async for told in testimonies(connection, kept):
        row = await row_of(connection, told.journal_id)
        if row is None:
            ends = f"the journal ends with row {head}" if head else "the journal is empty"
            found.append(Contradiction(told.witness, f"tells of row {told.journal_id}, but {ends}"))
        elif told.digest is not None and row.digest != told.digest:
            found.append(
                Contradiction(told.witness, f"tells of another row {told.journal_id} than the journal has")
            )
    newest = await seals.newest(connection)
    known = kept.seal if kept is not None else None
    for witness, seal in (("the newest seal", newest), ("the seal in the witness file", known)):
        if seal is not None and not verifies(seal, key.public):
            found.append(
                Contradiction(
                    witness, f"(of row {seal.last_id}) was not made with the key that this exchange has"
                )
            )
    if known is not None and (newest is None or newest.last_id < known.last_id):
        found.append(
            Contradiction(
                "the seal in the witness file", f"is of row {known.last_id}, the database has none so new"
            )
        )
    return found


async def row_of(connection: Connection, journal_id: int) -> JournalRow | None:
    """A row, wherever it is: what an old witness tells of may have left the database."""
    async with aclosing(rows(connection, journal_id - 1, journal_id)) as batches:
        async for batch in batches:
            return batch[0]
    return None


async def testimonies(connection: Connection, kept: Witness | None) -> AsyncIterator[Testimony]:
    if kept is not None:
        yield Testimony("the witness file", kept.journal_id, kept.digest)
        if kept.seal is not None:
            yield of_seal("the seal in the witness file", kept.seal)
    if (newest := await seals.newest(connection)) is not None:
        yield of_seal("the newest seal", newest)
    cursor = await connection.fetch_row("SELECT journal_id, digest FROM projector_cursor")
    if cursor is not None and cursor["journal_id"]:
        yield Testimony(CURSOR, cursor["journal_id"], cursor["digest"])
    for row in await connection.fetch("SELECT journal_id, journal_digest FROM snapshots ORDER BY 1 DESC"):
        yield Testimony(f"the snapshot of row {row['journal_id']}", row["journal_id"], row["journal_digest"])


def of_seal(witness: str, seal: Seal) -> Testimony:
    return Testimony(witness, seal.last_id, seal.digest)
