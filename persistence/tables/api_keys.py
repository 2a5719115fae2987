"""The table of API keys: their hashes, what they open, and when they end. Never journaled.

This module never sees a key, knows no scope by its meaning, and reads no clock.
"""

# ruff: noqa: S608 - statements are made of our own words; values go as parameters

import uuid
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final, Literal

import attrs

from persistence.postgres.database import Connection, Database
from persistence.tables.users import uuid_of

ACTIVE_MAX: Final = 20
"""Keys of one user that are not revoked."""
REVOKED_KEPT: Final = 100
"""Revoked keys of one user that are kept, for people to look at."""


@attrs.frozen
class ApiKey:
    """A row, without the hash. Its members are the columns that are read."""

    id: str
    name: str
    prefix: str
    scopes: str
    """Their names, separated by commas."""
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None


COLUMNS: Final = ", ".join(column.name for column in attrs.fields(ApiKey))


@attrs.frozen
class ApiKeys:
    """Adds, lists and revokes keys, and says whose they are."""

    database: Database

    async def add(
        self,
        user_id: str,
        generation: int,
        key_hash: bytes,
        *,
        name: str,
        prefix: str,
        scopes: str,
        at: datetime,
        expires_at: datetime | None,
    ) -> ApiKey | Literal["changed", "name", "many"]:
        """Add a key, or say what is in the way.

        It may be that the user was changed meanwhile, that the name is taken, or that there are too many.
        """
        async with self.database.borrowed() as connection, connection.transaction():
            # One key of a user at a time: else two could each find room for one more. And none once a change
            # of the user's password has revoked those that there are.
            now = await connection.fetch_value(
                "SELECT token_generation FROM users WHERE id = $1 FOR UPDATE", uuid_of(user_id)
            )
            if now != generation:
                return "changed"
            names = await connection.fetch(
                "SELECT name FROM api_keys WHERE user_id = $1 AND revoked_at IS NULL", uuid_of(user_id)
            )
            if name in {row["name"] for row in names}:
                return "name"
            if len(names) >= ACTIVE_MAX:
                return "many"
            row = await connection.fetch_row(
                "INSERT INTO api_keys (id, user_id, name, prefix, key_hash, scopes, created_at, expires_at) "
                f"VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING {COLUMNS}",
                uuid.uuid4(),
                uuid_of(user_id),
                name,
                prefix,
                key_hash,
                scopes,
                at,
                expires_at,
            )
            await self._clear_away(connection, user_id)
            return key_of(row)

    async def _clear_away(self, connection: Connection, user_id: str) -> None:
        """Keep a bounded number of a user's revoked keys, however many the user makes."""
        await connection.execute(
            "DELETE FROM api_keys WHERE user_id = $1 AND revoked_at IS NOT NULL "
            "AND id NOT IN (SELECT id FROM api_keys WHERE user_id = $1 AND revoked_at IS NOT NULL "
            "ORDER BY revoked_at DESC, created_at DESC, id LIMIT $2)",
            uuid_of(user_id),
            REVOKED_KEPT,
        )

    async def of_user(self, user_id: str) -> list[ApiKey]:
        """A user's keys, newest first, revoked ones too."""
        async with self.database.borrowed() as connection:
            rows = await connection.fetch(
                f"SELECT {COLUMNS} FROM api_keys WHERE user_id = $1 ORDER BY created_at DESC, id DESC",
                uuid_of(user_id),
            )
        return [key_of(row) for row in rows]

    async def revoke(self, key_id: str, user_id: str, at: datetime) -> ApiKey | None:
        """Revoke a key of this user; the first time counts. None if the user has no such key."""
        async with self.database.borrowed() as connection:
            row = await connection.fetch_row(
                "UPDATE api_keys SET revoked_at = COALESCE(revoked_at, $3) "
                f"WHERE id = $1 AND user_id = $2 RETURNING {COLUMNS}",
                uuid_of(key_id),
                uuid_of(user_id),
                at,
            )
        return key_of(row) if row is not None else None

    async def owners(self, key_hashes: Iterable[bytes]) -> dict[bytes, str]:
        """Whose keys these are; what is no key, or was revoked, is left out."""
        async with self.database.borrowed() as connection:
            rows = await connection.fetch(
                "SELECT key_hash, user_id FROM api_keys "
                "WHERE key_hash = ANY($1::bytea[]) AND revoked_at IS NULL",
                list(key_hashes),
            )
        return {row["key_hash"]: str(row["user_id"]) for row in rows}

    async def record_uses(self, used_at: Mapping[bytes, datetime]) -> None:
        """Note when keys were used last.

        A row that somebody is changing is passed over, so this never waits for another transaction.
        """
        async with self.database.borrowed() as connection:
            await connection.execute(
                "UPDATE api_keys SET last_used_at = uses.used_at "
                "FROM unnest($1::bytea[], $2::timestamptz[]) AS uses (key_hash, used_at) "
                "WHERE api_keys.key_hash = uses.key_hash AND api_keys.key_hash IN ("
                "SELECT key_hash FROM api_keys WHERE key_hash = ANY($1) FOR UPDATE SKIP LOCKED)",
                list(used_at),
                list(used_at.values()),
            )


async def revoke_all(connection: Connection, user_id: str, at: datetime) -> int:
    """Revoke the keys of a user; returns how many."""
    status = await connection.execute(
        "UPDATE api_keys SET revoked_at = $2 WHERE user_id = $1 AND revoked_at IS NULL", uuid_of(user_id), at
    )
    return int(status.removeprefix("UPDATE "))


def key_of(row: Any) -> ApiKey:
    return ApiKey(
        **{column.name: row[column.name] for column in attrs.fields(ApiKey)} | {"id": str(row["id"])}
    )
