"""The tables of sessions, which begin with a login, and of service tokens that were renewed and end early.

They hold hashes and times. This module does not know what a token is or who may have one, and reads no clock.
"""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import attrs

from persistence.postgres.database import Connection, Database
from persistence.tables.api_keys import revoke_all
from persistence.tables.users import uuid_of

LIVE_MAX: Final = 20
"""Sessions that one user can have at a time; one more ends the one that was not used for longest."""
ENDED_KEPT: Final = 20
"""Ended sessions of one user that are kept, for people to look at."""
USES_KEPT: Final = 8
"""Uses of refresh tokens of which a session remembers the times."""
RENEWED_MAX: Final = 1_000
"""Tokens of one user that ended early and have not expired yet."""


@attrs.frozen
class Session:
    """A session that has not ended."""

    id: str
    created_at: datetime
    last_used_at: datetime


@attrs.frozen
class Sessions:
    """Begins, continues and ends sessions."""

    database: Database

    async def begin(
        self, user_id: str, generation: int, refresh_hash: bytes, at: datetime, oldest: datetime
    ) -> str | None:
        """A new session's id; None if the user's token generation has changed meanwhile, or the user is gone.

        Sessions last used before `oldest` have no valid refresh token left.
        """
        async with self.database.borrowed() as connection, connection.transaction():
            # One login of a user at a time: else two could each find room for one more session.
            now = await connection.fetch_value(
                "SELECT token_generation FROM users WHERE id = $1 FOR UPDATE", uuid_of(user_id)
            )
            if now != generation:
                return None
            return await self._begin(connection, user_id, refresh_hash, at, oldest)

    async def begin_with_password(
        self,
        user_id: str,
        generation: int,
        password_hash: str,
        refresh_hash: bytes,
        at: datetime,
        oldest: datetime,
        *,
        revoke_keys: bool,
    ) -> tuple[str, int] | None:
        """Give the user another password, which ends every session, and begin a new one.

        Returns the session's id and the user's new token generation; None as in `begin`.
        """
        async with self.database.borrowed() as connection, connection.transaction():
            raised = await connection.fetch_value(
                "UPDATE users SET password_hash = $3 WHERE id = $1 AND token_generation = $2 "
                "RETURNING token_generation",
                uuid_of(user_id),
                generation,
                password_hash,
            )
            if raised is None:
                return None
            if revoke_keys:
                await revoke_all(connection, user_id, at)
            return await self._begin(connection, user_id, refresh_hash, at, oldest), raised

    async def _begin(
        self, connection: Connection, user_id: str, refresh_hash: bytes, at: datetime, oldest: datetime
    ) -> str:
        session_id = uuid.uuid4()
        await connection.execute(
            "INSERT INTO sessions (id, user_id, refresh_hash, created_at, last_used_at) "
            "VALUES ($1, $2, $3, $4, $4)",
            session_id,
            uuid_of(user_id),
            refresh_hash,
            at,
        )
        await self._clear_away(connection, user_id, at, oldest)
        return str(session_id)

    async def _clear_away(self, connection: Connection, user_id: str, at: datetime, oldest: datetime) -> None:
        """Keep a bounded number of a user's sessions, however often the user logs in."""
        of = uuid_of(user_id)
        await connection.execute(
            "UPDATE sessions SET ended_at = $2 WHERE user_id = $1 AND ended_at IS NULL "
            "AND (last_used_at < $3 OR id NOT IN ("
            "SELECT id FROM sessions WHERE user_id = $1 AND ended_at IS NULL "
            "ORDER BY last_used_at DESC, created_at DESC, id LIMIT $4))",
            of,
            at,
            oldest,
            LIVE_MAX,
        )
        await connection.execute(
            "DELETE FROM sessions WHERE user_id = $1 AND ended_at IS NOT NULL "
            "AND id NOT IN (SELECT id FROM sessions WHERE user_id = $1 AND ended_at IS NOT NULL "
            "ORDER BY ended_at DESC, id LIMIT $2)",
            of,
            ENDED_KEPT,
        )

    async def use(
        self, session_id: str, user_id: str, chain: Sequence[bytes], at: datetime, grace: timedelta
    ) -> datetime | None:
        """Use a refresh token; returns when it was used first, or None if it is refused.

        The chain holds the token's hash and those of its future successors. A token may be shown again within
        the grace period. One that was used earlier, or is no token of this session, is in the wrong hands: it
        ends the session.
        """
        async with self.database.borrowed() as connection, connection.transaction():
            row = await connection.fetch_row(
                "SELECT refresh_hash, used_at, ended_at FROM sessions "
                "WHERE id = $1 AND user_id = $2 FOR UPDATE",
                uuid_of(session_id),
                uuid_of(user_id),
            )
            if row is None or row["ended_at"] is not None:
                return None
            behind = chain.index(row["refresh_hash"]) if row["refresh_hash"] in chain else None
            used_at: list[datetime] = row["used_at"]
            if behind == 0:
                await connection.execute(
                    "UPDATE sessions SET refresh_hash = $2, used_at = $3, last_used_at = $4 WHERE id = $1",
                    uuid_of(session_id),
                    chain[1],
                    [*used_at, at][-USES_KEPT:],
                    at,
                )
                return at
            if behind is not None and behind <= len(used_at) and at - used_at[-behind] <= grace:
                return used_at[-behind]
            await self._end(connection, session_id, user_id, at)
            return None

    async def end(self, session_id: str, user_id: str, at: datetime) -> bool:
        """False if it has ended already, or never existed."""
        async with self.database.borrowed() as connection:
            return await self._end(connection, session_id, user_id, at)

    async def end_all(self, user_id: str, generation: int, at: datetime, *, revoke_keys: bool) -> int | None:
        """End every session of a user; returns how many API keys were revoked, too. None as in `begin`."""
        async with self.database.borrowed() as connection, connection.transaction():
            changed = await connection.execute(
                "UPDATE users SET token_generation = token_generation + 1 "
                "WHERE id = $1 AND token_generation = $2",
                uuid_of(user_id),
                generation,
            )
            if changed == "UPDATE 0":
                return None
            return await revoke_all(connection, user_id, at) if revoke_keys else 0

    async def _end(self, connection: Connection, session_id: str, user_id: str, at: datetime) -> bool:
        changed = await connection.execute(
            "UPDATE sessions SET ended_at = $3 WHERE id = $1 AND user_id = $2 AND ended_at IS NULL",
            uuid_of(session_id),
            uuid_of(user_id),
            at,
        )
        return changed != "UPDATE 0"

    async def live(self, user_id: str, oldest: datetime) -> list[Session]:
        """A user's sessions, newest first."""
        async with self.database.borrowed() as connection:
            rows = await connection.fetch(
                "SELECT id, created_at, last_used_at FROM sessions "
                "WHERE user_id = $1 AND ended_at IS NULL AND last_used_at >= $2 "
                "ORDER BY created_at DESC, id",
                uuid_of(user_id),
                oldest,
            )
        return [Session(str(row["id"]), row["created_at"], row["last_used_at"]) for row in rows]

    async def end_token(
        self, token_hash: bytes, user_id: str, ends_at: datetime, expires_at: datetime, at: datetime
    ) -> bool:
        """Have a token end before it expires; the time that was asked for first counts.

        False if too many of the user's tokens have ended early and not expired yet.
        """
        async with self.database.borrowed() as connection, connection.transaction():
            of = uuid_of(user_id)
            await connection.execute("DELETE FROM ended_tokens WHERE expires_at < $1", at)
            kept = await connection.fetch_value(
                "SELECT count(*) FROM ended_tokens WHERE user_id = $1 AND token_hash <> $2", of, token_hash
            )
            if kept >= RENEWED_MAX:
                return False
            await connection.execute(
                "INSERT INTO ended_tokens (token_hash, user_id, ends_at, expires_at) VALUES ($1, $2, $3, $4) "
                "ON CONFLICT DO NOTHING",
                token_hash,
                of,
                ends_at,
                expires_at,
            )
            return True
