"""Going on from a journal that its witnesses contradict: a restored backup that is older than they are.

What an operator decides is journaled like everything else, with what each witness told, before anything is
brought in order. Cut off at any point, a start is still refused, and this can be done again.
"""

from typing import Final

import msgspec

from kernel.answers import Refusal
from kernel.commands import AcceptJournal
from kernel.journal import Decided
from persistence import DatabaseUnusableError
from persistence.journal import journal
from persistence.journal.recovery import ReportProgress, recover
from persistence.journal.seals import Sealer, SealKey
from persistence.journal.witness_file import WitnessFile
from persistence.journal.witnesses import contradictions
from persistence.postgres.database import Database
from persistence.tools.rebuild import rebuild

CORRELATION: Final = "accept-journal"

# What has left the database was sealed, and stays so. A seal, a snapshot or a cursor of rows that are not
# there speaks of another journal than goes on here; so does, perhaps, a cursor that knows no digest.
FORGET_SEALS: Final = """
    DELETE FROM journal_seals
    WHERE last_id > (SELECT COALESCE(MAX(last_id), 0) FROM journal_archive) AND NOT EXISTS (
        SELECT FROM wal_events AS row WHERE row.id = last_id AND row.digest = journal_seals.digest)
"""
FORGET_SNAPSHOTS: Final = """
    DELETE FROM snapshots WHERE NOT EXISTS (
        SELECT FROM wal_events AS row WHERE row.id = journal_id AND row.digest = journal_digest)
"""
MISPLACED: Final = """
    SELECT journal_id > 0 AND NOT EXISTS (SELECT FROM wal_events AS row
                                          WHERE row.id = journal_id AND row.digest = projector_cursor.digest)
    FROM projector_cursor
"""


async def accept(
    database: Database, key: SealKey, witness: WitnessFile, command: AcceptJournal, progress: ReportProgress
) -> list[str]:
    """Go on behind the journal's last row, which the command names; returns what the witnesses told of it."""
    kept = witness.read()
    async with journal.opened(database) as writer:
        async with database.borrowed() as connection:
            found = await contradictions(connection, key, kept)
        if not found:
            raise DatabaseUnusableError("no witness contradicts this journal: it needs no acceptance")
        told = tuple(f"{one.witness} {one.trouble}" for one in found)
        command = msgspec.structs.replace(command, witnesses=told)
        outcome = (await recover(database, key)).execute(command)
        if isinstance(outcome.answer, Refusal):
            raise DatabaseUnusableError(outcome.answer.message)
        await writer.append([writer.pack([Decided(command, CORRELATION, outcome)])])
        async with database.borrowed() as connection:
            await connection.execute(FORGET_SEALS)
            await connection.execute(FORGET_SNAPSHOTS)
            is_misplaced = await connection.fetch_value(MISPLACED)
    if is_misplaced:
        await rebuild(database, progress)
    # Last of all: until here every start is refused.
    witness.acknowledge(*writer.end)
    await Sealer(database, writer, key, witness).seal()
    return [*told]
