"""What must outlive the process and the exchange does not have: kill latches, allocations, ledger tallies.

One small JSON file for each market, replaced as a whole and on the disk before the caller goes on. A latch
that a restart forgets would let a stopped maker trade again.
"""

import contextlib
import os
from hashlib import sha256
from pathlib import Path

import attrs
import msgspec

from amm.brain.arithmetic import Cents
from amm.live.cash import Tally


class StateStoreError(Exception):
    """The folder cannot be used."""


class StoredMarket(msgspec.Struct):
    """One market's file."""

    market_id: str
    killed: list[str] | None = None
    """The reasons; None if it is not killed."""
    allocated_cents: Cents = 0
    """Moved to the market by people, since the start that `tally_key` names."""
    tally_key: str = ""
    tally_through: int = 0
    tally_cents: Cents = 0
    day: int | None = None
    """Since 1970; with what the market was worth when it began, and what people have moved since."""
    day_start_cents: Cents = 0
    day_flows_cents: Cents = 0

    def cash(self, budget: Cents) -> Cents:
        """What belongs to the market that was started with this budget."""
        return budget + self.tally_cents + self.allocated_cents

    @property
    def tally(self) -> Tally:
        return Tally(self.tally_key, self.tally_through, self.tally_cents)

    def recount(self) -> None:
        """The account's ledger is another than the one that was added up: the start's is read again."""
        self.note(Tally(self.tally_key))

    def note(self, tally: Tally) -> None:
        if tally.start_key != self.tally_key:
            self.allocated_cents = 0  # an earlier start's allocations stay with what it left over
            self.day = None
        self.tally_key, self.tally_through = tally.start_key, tally.through_id
        self.tally_cents = tally.sum_cents


@attrs.frozen
class StateStore:
    """A folder that one process uses at a time."""

    folder: Path

    def open(self) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with (self.folder / "probe").open("wb"):
                pass
            (self.folder / "probe").unlink()
        except OSError as trouble:
            raise StateStoreError(f"cannot keep anything in {self.folder}: {trouble.strerror}") from None

    def read(self, market_id: str) -> StoredMarket:
        try:
            stored = msgspec.json.decode(self._path(market_id).read_bytes(), type=StoredMarket)
        except FileNotFoundError:
            return StoredMarket(market_id)
        except msgspec.MsgspecError as trouble:
            # Without it a kill could be forgotten; a person has to say that it was none.
            raise StateStoreError(
                f"{self._path(market_id)} is damaged ({trouble}): mend or remove it"
            ) from None
        return stored

    def write(self, stored: StoredMarket) -> None:
        """Raise `StateStoreError` if it cannot be kept."""
        try:
            self._write(stored)
        except OSError as trouble:
            raise StateStoreError(f"cannot keep anything in {self.folder}: {trouble.strerror}") from trouble

    def _write(self, stored: StoredMarket) -> None:
        path = self._path(stored.market_id)
        fresh = path.with_suffix(".new")
        with fresh.open("wb") as file:
            file.write(msgspec.json.encode(stored))
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
        # The name as well: a file that a crash unlinks has not been kept.
        with contextlib.suppress(OSError):
            folder = os.open(self.folder, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    def _path(self, market_id: str) -> Path:
        # Market ids may hold what file names may not.
        return self.folder / f"{sha256(market_id.encode()).hexdigest()[:24]}.json"
