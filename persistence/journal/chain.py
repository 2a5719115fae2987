"""The chain of digests over the journal, followed row by row: shows where one was changed, lost or moved."""

import hashlib

from persistence.journal.wal import GENESIS, length, row_head
from persistence.postgres.packing import name, null, text


class Chain:
    """Takes the rows in order, and tells at the end of each transaction whether its digest fits."""

    def __init__(self, after: int = 0, digest: bytes = GENESIS) -> None:
        """Begin behind the row `after`, which ends a transaction with `digest`."""
        self._first = after + 1
        self._last = after
        self._hash = hashlib.sha256(digest)

    def add(self, journal_id: int, columns: bytes | memoryview, digest: bytes | None) -> str | None:
        """One row more; what is wrong, if it ends a transaction and something is.

        Rows of one transaction may come in one piece: the last one's id and digest, and all ahead of that.

        After a break it goes on from the digest that stands there, so that each break is told once.
        """
        self._last = journal_id
        self._hash.update(columns)
        self._hash.update(null)
        if digest is None:
            return None
        first, fits = self._first, self._hash.digest() == digest
        self._first, self._hash = journal_id + 1, hashlib.sha256(digest)
        if fits:
            return None
        return f"the digest of rows {first} to {journal_id} does not fit: something in them was changed"

    @property
    def checked(self) -> int:
        """The row with which the last transaction ended whose digest was compared."""
        return self._first - 1

    def end(self) -> str | None:
        """What is wrong with the end: a transaction without its digest."""
        if self._first > self._last:
            return None
        return f"rows {self._first} to {self._last} have no digest: the rows behind them were taken away"


def packed(
    journal_id: int, at: int, market_id: str | None, event_type: str, payload: str, command: str | None
) -> bytes:
    """A row as COPY takes it, and as the digest is taken over it: all but its last column, the digest."""
    content = payload.encode()
    return b"".join(
        (
            row_head(journal_id, at),
            null if market_id is None else name(market_id),
            name(event_type),
            length(len(content)),
            content,
            null if command is None else text(command),
        )
    )
