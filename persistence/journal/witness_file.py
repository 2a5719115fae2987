"""The witness file: how far the journal was at the last acknowledgement, kept outside the database.

It is one small file in the data folder, overwritten after each commit of the journal, before anybody gets an
answer. Nobody waits until it is on disk, so after a power cut it may be old. What it says is still true then,
for it is never ahead of the database. A file that is torn, or cannot be written, is no witness, and stops
nobody.

    verdict witness 1
    row and digest of the newest acknowledged row
    row, digest and signature of the newest seal (all zeros while there is none)
    SHA-256 of the lines above
"""

import contextlib
import hashlib
import os
from pathlib import Path
from typing import Final

import attrs
import msgspec
import structlog

log = structlog.get_logger(__name__)

NAME: Final = "witness"
HEADER: Final = "verdict witness 1"


class Seal(msgspec.Struct, frozen=True):
    """A signature under the end of the journal."""

    last_id: int
    digest: bytes
    signature: bytes


class Witness(msgspec.Struct, frozen=True):
    """What the file tells."""

    journal_id: int
    digest: bytes
    seal: Seal | None


NO_SEAL: Final = Seal(0, bytes(32), bytes(64))


def written(witness: Witness) -> bytes:
    seal = witness.seal or NO_SEAL
    lines = (
        f"{HEADER}\n{witness.journal_id:020d} {witness.digest.hex()}\n"
        f"{seal.last_id:020d} {seal.digest.hex()} {seal.signature.hex()}\n"
    ).encode()
    return lines + hashlib.sha256(lines).hexdigest().encode() + b"\n"


def parsed(content: bytes) -> Witness | None:
    """What the content tells, unless it is torn."""
    with contextlib.suppress(ValueError):
        header, newest, sealed, _, *_ = content.decode().split("\n")
        journal_id, digest = newest.split(" ")
        last_id, seal_digest, signature = sealed.split(" ")
        seal = Seal(int(last_id), bytes.fromhex(seal_digest), bytes.fromhex(signature))
        witness = Witness(int(journal_id), bytes.fromhex(digest), None if seal == NO_SEAL else seal)
        if header == HEADER and written(witness) == content:
            return witness
    return None


@attrs.define(eq=False)
class WitnessFile:
    """The file, read at the start and written from then on."""

    file: Path
    _seal: Seal | None = attrs.field(default=None, init=False)
    _newest: tuple[int, bytes] | None = attrs.field(default=None, init=False)
    _opened: int | None = attrs.field(default=None, init=False)
    _is_failing: bool = attrs.field(default=False, init=False)

    def read(self) -> Witness | None:
        """What it tells; nothing if there is none, or it is damaged."""
        try:
            content = self.file.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as trouble:
            log.warning("the witness file cannot be read", file=str(self.file), why=trouble.strerror)
            return None
        witness = parsed(content)
        if witness is None:
            log.warning("the witness file is damaged, and tells nothing", file=str(self.file))
        else:
            self._seal = witness.seal
        return witness

    def acknowledge(self, journal_id: int, digest: bytes) -> None:
        """From now on somebody may know of this row. It is on the database's disk."""
        self._newest = journal_id, digest
        content = written(Witness(journal_id, digest, self._seal))
        try:
            if self._opened is None:
                self.file.parent.mkdir(parents=True, exist_ok=True)
                self._opened = os.open(self.file, os.O_WRONLY | os.O_CREAT, 0o600)
                os.ftruncate(self._opened, len(content))
            os.pwrite(self._opened, content, 0)
        except OSError as trouble:
            if not self._is_failing:
                log.warning("the witness file cannot be written", file=str(self.file), why=trouble.strerror)
            self._is_failing = True
            self.close()
        else:
            self._is_failing = False

    def keep(self, seal: Seal) -> None:
        """The newest seal. The file is opened anew, in case somebody has removed it meanwhile."""
        self._seal = seal
        self.close()
        if self._newest is not None:
            self.acknowledge(*self._newest)

    def close(self) -> None:
        if self._opened is not None:
            os.close(self._opened)
            self._opened = None
