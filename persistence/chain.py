"""The chain of digests over the journal, followed row by row: shows where one was changed, lost or moved."""

import hashlib
from typing import Final

from persistence.packing import name, null, text
from persistence.wal import GENESIS, Record, length, row_head

READ_ALL: Final = """
    SELECT id, (extract(epoch FROM created_at) * 1000000)::BIGINT AS at, market_id, event_type,
           payload, command, digest
    FROM wal_events WHERE id > $1 ORDER BY id
"""


class Chain:
    """Takes the rows in order, and tells at the end of each transaction whether its digest fits."""

    def __init__(self, after: int = 0, digest: bytes = GENESIS) -> None:
        """Begin behind the row `after`, which ends a transaction with `digest`."""
        self._first = after + 1
        self._last = after
        self._digest = digest
        self._rows: list[bytes] = []

    def add(self, row: Record) -> str | None:
        """One row more; what is wrong, if it ends a transaction and something is.

        After a break it goes on from the digest that stands there, so that each break is told once.
        """
        columns = row["at"], row["market_id"], row["event_type"], row["payload"], row["command"]
        return self.follow(row["id"], packed(row["id"], *columns), row["digest"])

    def follow(self, journal_id: int, columns: bytes, digest: bytes | None) -> str | None:
        """The same, for a row that is packed already."""
        self._last = journal_id
        self._rows += columns, null
        if digest is None:
            return None
        first, fits = self._first, hashlib.sha256(b"".join((self._digest, *self._rows))).digest() == digest
        self._first, self._digest = self._last + 1, digest
        self._rows.clear()
        if fits:
            return None
        return f"the digest of rows {first} to {self._last} does not fit: something in them was changed"

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
