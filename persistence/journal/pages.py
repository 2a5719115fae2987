"""Pages of the journal, as COPY gives them: the facts in them and the digests over them, and nothing else.

Rows are not taken apart. What replay has no use for is stepped over, and a transaction is hashed in one
piece, since a page has its rows exactly as the chain is taken over them.
"""

from collections.abc import AsyncGenerator, Iterator

import msgspec

from kernel.events import Fact, decode_event
from persistence import DatabaseUnusableError
from persistence.journal import wal
from persistence.journal.archive import Past
from persistence.journal.chain import Chain
from persistence.journal.wal import beginning_of, size_at, word
from persistence.postgres.database import Connection
from persistence.postgres.packing import EPOCH_US, SIGNATURE, TRAILER, null


class DamagedError(DatabaseUnusableError):
    """A row of the journal that cannot be replayed. The message is one line, and says what to do."""


def damaged(journal_id: int, trouble: str) -> DamagedError:
    return DamagedError(
        f"row {journal_id} of the journal {trouble}: restore the database from a backup, "
        "or import an export into a new one"
    )


async def pages(connection: Connection, after: int, last: int) -> AsyncGenerator[bytes, None]:
    """The rows with ids above `after`, up to `last`, in order, wherever they are.

    Where rows are missing it may go on as if they were there: `facts` does not.
    """
    past = Past()
    while after < last:
        page = await wal.some_page(connection, after, last)
        end = after + wal.BATCH
        if wal.first_in(page) != after + 1:
            old = await past.rows(connection, after, min(wal.BATCH, last - after))
            if old:
                page, end = wal.page_of(old), old[-1].id
        if wal.first_in(page) is None:
            return
        yield page
        after = end


def facts(page: bytes, chain: Chain, expected: int) -> Iterator[Fact]:
    """The facts in a page, of which the first must have the expected id; with their digests in the chain.

    Raises `DamagedError` when it comes to a row that is not what was written. Then facts of the transaction
    that this row is in may have been told.
    """
    view = memoryview(page)
    begun = place = len(SIGNATURE)
    end = len(page) - len(TRAILER)
    journal_id = expected
    while place < end:
        _, _, journal_id, _, at, size = beginning_of(page, place)
        place += 30
        market_id = None
        if size >= 0:
            market_id = word(page[place : place + size])
            place += size
        (size,) = size_at(page, place)  # of the type, which the payload tells, too
        place += 4 + size
        (size,) = size_at(page, place)
        place += 4
        payload = page[place : place + size]
        place += size
        (size,) = size_at(page, place)  # of the command
        place += 4
        if size > 0:
            place += size
        (size,) = size_at(page, place)
        if size >= 0:
            digest = page[place + 4 : place + 4 + size]
            if (broken := chain.add(journal_id, view[begun:place], digest)) is not None:
                raise damaged(journal_id, f"is not as it was written: {broken}")
            place += size
            begun = place + 4
        place += 4
        if journal_id != expected:
            raise damaged(expected, "is missing")
        try:
            event = decode_event(payload)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise damaged(expected, f"cannot be read ({error})") from error
        yield Fact(journal_id, at + EPOCH_US, market_id, event)
        expected += 1
    if begun < end:  # a transaction that the next page ends
        chain.add(journal_id, view[begun : end - len(null)], None)
