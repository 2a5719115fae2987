"""Seals: the exchange's signature under the end of its journal, each minute, and under each snapshot.

The chain of digests shows that rows were changed, but whoever can rewrite all rows can rewrite the chain.
What is sealed cannot be rewritten without the key, which is in no database. Two keys are derived from it: one
(Ed25519) signs the journal's seals, which anybody can verify with its public half; the other (HMAC) seals
snapshots, which only the exchange itself reads.

    signed:  "verdict journal seal 1", the id of the last row (eight bytes, big-endian), the chain's digest
    HMAC:    "verdict snapshot 1", id and format (eight bytes each), the chain's digest, the content's SHA-256
"""

import hmac
from typing import Final

import attrs
import structlog
import trio
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from persistence import DatabaseUnusableError
from persistence.journal.journal import DurableJournal
from persistence.journal.witness_file import Seal, WitnessFile
from persistence.postgres.database import Connection, ConnectionLostError, Database, NoRoomError

log = structlog.get_logger(__name__)

SEAL_EVERY: Final = 60.0
"""Seconds between two seals: no seal shows a forgery of what is younger."""


class SealKey:
    """The exchange's secret. It reveals nothing but its public half."""

    def __init__(self, secret: str) -> None:
        self.secret = secret
        self._signing = Ed25519PrivateKey.from_private_bytes(derived(secret, b"verdict journal seals"))
        self._snapshots = derived(secret, b"verdict snapshots")
        self.public: Final = self._signing.public_key().public_bytes_raw()

    def sealed(self, last_id: int, digest: bytes) -> Seal:
        return Seal(last_id, digest, self.signed(signed(last_id, digest)))

    def signed(self, told: bytes) -> bytes:
        """The signature under something that begins with words of its own, so that it is nothing else."""
        return self._signing.sign(told)

    def of_snapshot(self, journal_id: int, form: int, journal_digest: bytes, digest: bytes) -> bytes:
        """What stands beside a snapshot of this content, and of no other."""
        told = b"verdict snapshot 1" + journal_id.to_bytes(8, "big") + form.to_bytes(8, "big")
        return hmac.digest(self._snapshots, told + journal_digest + digest, "sha256")

    def wrote_snapshot(
        self, seal: bytes, journal_id: int, form: int, journal_digest: bytes, digest: bytes
    ) -> bool:
        return hmac.compare_digest(seal, self.of_snapshot(journal_id, form, journal_digest, digest))


def derived(secret: str, purpose: bytes) -> bytes:
    return HKDF(SHA256(), 32, salt=None, info=purpose).derive(secret.strip().encode())


def signed(last_id: int, digest: bytes) -> bytes:
    return b"verdict journal seal 1" + last_id.to_bytes(8, "big") + digest


def verifies(seal: Seal, public: bytes) -> bool:
    """Whether a seal was signed with the key that has this public half."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(seal.signature, signed(seal.last_id, seal.digest))
    except InvalidSignature:
        return False
    return True


def check_public_key(public: bytes) -> None:
    """Raise `ValueError` if these bytes are no public key."""
    Ed25519PublicKey.from_public_bytes(public)


async def newest(connection: Connection) -> Seal | None:
    row = await connection.fetch_row(
        "SELECT last_id, digest, signature FROM journal_seals ORDER BY last_id DESC LIMIT 1"
    )
    return None if row is None else Seal(row["last_id"], row["digest"], row["signature"])


@attrs.define(eq=False)
class Sealer:
    """Seals a journal while it is being written; nobody waits for a seal."""

    database: Database
    journal: DurableJournal
    key: SealKey
    witness: WitnessFile
    _sealed: int = attrs.field(default=0, init=False)
    """The row under which the newest seal is."""

    async def run(self) -> None:
        """Seal each minute in which something was journaled, until cancelled; the first at once."""
        while True:
            await self.seal()
            await trio.sleep(SEAL_EVERY)

    async def seal(self) -> None:
        """Seal the journal as it ends now, if that is not done."""
        last_id, digest = self.journal.end
        if last_id in (0, self._sealed):
            return
        seal = self.key.sealed(last_id, digest)
        try:
            async with self.database.borrowed() as connection:
                await connection.execute(
                    "INSERT INTO journal_seals VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
                    *(seal.last_id, seal.digest, seal.signature),
                )
        except (ConnectionLostError, DatabaseUnusableError, NoRoomError) as trouble:
            log.warning("the journal could not be sealed; trying again in a minute", why=str(trouble))
            return
        self._sealed = last_id
        self.witness.keep(seal)
        # Where logs go, the database's administrator cannot write: so this line outlives a forged journal.
        log.info(
            "sealed the journal",
            last_id=last_id,
            digest=digest.hex(),
            signature=seal.signature.hex(),
            public_key=self.key.public.hex(),
        )
