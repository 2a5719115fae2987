"""The users' table: credentials, account type, and whether a user is active. Never journaled.

When rows change, whoever changes them, a trigger notifies all programs on this database in the same
transaction. So none of them goes on trusting an old row.
"""

# ruff: noqa: S608 - statements are made of our own words; values go as parameters

import contextlib
import uuid
from collections.abc import AsyncIterator, Iterable
from datetime import datetime
from typing import Any, Final, Literal

import attrs
import trio

from persistence.postgres.database import (
    Connection,
    ConnectionLostError,
    ConstraintError,
    Database,
    Notifications,
)

CHANNEL: Final = "verdict_users"
"""On which the triggers of schema.sql notify."""


@attrs.frozen
class User:
    """A row, without the password. Its members are the columns that are read."""

    id: str
    username: str
    email: str
    account_type: str
    is_active: bool
    created_at: datetime
    token_generation: int


COLUMNS: Final = ", ".join(column.name for column in attrs.fields(User))
STANDINGS: Final = f"""
    SELECT {COLUMNS},
           ARRAY(SELECT sessions.id FROM sessions
                 WHERE sessions.user_id = users.id AND ended_at IS NULL) AS sessions,
           ARRAY(SELECT token_hash FROM ended_tokens
                 WHERE ended_tokens.user_id = users.id ORDER BY token_hash) AS ended_tokens,
           ARRAY(SELECT ends_at FROM ended_tokens
                 WHERE ended_tokens.user_id = users.id ORDER BY token_hash) AS token_ends,
           keys.*
    FROM users, LATERAL (
        SELECT array_agg(key_hash) AS key_hashes, array_agg(scopes) AS key_scopes,
               array_agg(expires_at) AS key_ends
        FROM api_keys WHERE api_keys.user_id = users.id AND revoked_at IS NULL
    ) AS keys
    WHERE id = ANY($1::uuid[])
"""
# Locked, in an order that all share: of two who demote each other the second sees what the first has done.
ADMINS: Final = """
    WITH admins AS (SELECT id FROM users WHERE account_type = 'ADMIN' AND is_active ORDER BY id FOR UPDATE)
"""
SPARED: Final = "(NOT $3 OR EXISTS (SELECT FROM admins WHERE admins.id <> users.id))"
TAKEN: Final[dict[str, Literal["username", "email"]]] = {
    "uq_users_username": "username",
    "uq_users_email": "email",
}


@attrs.frozen
class KeyStanding:
    """What an API key opens."""

    scopes: str
    """Their names, separated by commas."""
    expires_at: datetime | None


@attrs.frozen
class Standing:
    """What a user's tokens and keys are worth."""

    user: User
    sessions: frozenset[str]
    """Those that have not ended."""
    ended_tokens: dict[bytes, datetime]
    """Tokens that end before they expire, by the hash of their names, and when they end."""
    keys: dict[bytes, KeyStanding]
    """API keys that are not revoked, by their hashes."""


@attrs.frozen
class Users:
    """Asks the table, one short question at a time."""

    database: Database

    async def find(self, user_id: str) -> User | None:
        row = await self._row(f"SELECT {COLUMNS} FROM users WHERE id = $1", uuid_of(user_id))
        return user_of(row) if row is not None else None

    async def find_login(self, username: str) -> tuple[User, str] | None:
        row = await self._row(f"SELECT {COLUMNS}, password_hash FROM users WHERE username = $1", username)
        return (user_of(row), row["password_hash"]) if row is not None else None

    async def search(
        self,
        beginning: str,
        account_type: str | None,
        is_active: bool | None,
        *,
        after: str | None,
        limit: int,
    ) -> list[User]:
        """Users by id, those behind `after`; no row is left out that was there all the time."""
        async with self.database.borrowed() as connection:
            rows = await connection.fetch(
                f"SELECT {COLUMNS} FROM users "
                "WHERE (starts_with(lower(username), lower($1)) OR starts_with(email, lower($1))) "
                "AND ($2::text IS NULL OR account_type = $2) AND ($3::boolean IS NULL OR is_active = $3) "
                "AND ($4::uuid IS NULL OR id > $4) ORDER BY id LIMIT $5",
                beginning,
                account_type,
                is_active,
                uuid_of(after) if after is not None else None,
                limit,
            )
        return [user_of(row) for row in rows]

    async def add(
        self, username: str, email: str, password_hash: str, account_type: str
    ) -> User | Literal["username", "email"]:
        """Add a user; returns the user, or which of the two names is taken."""
        try:
            row = await self._row(
                "INSERT INTO users (username, email, password_hash, account_type) "
                f"VALUES ($1, $2, $3, $4) RETURNING {COLUMNS}",
                username,
                email,
                password_hash,
                account_type,
            )
        except ConstraintError as trouble:
            if trouble.constraint not in TAKEN:
                raise
            return TAKEN[trouble.constraint]
        assert row is not None
        return user_of(row)

    async def set_active(self, user_id: str, is_active: bool, *, spares_last_admin: bool = False) -> bool:
        """Let a user in, or keep it out; False if there is none, or no administrator would be left."""
        spared = spares_last_admin and not is_active
        return await self._change(
            f"{ADMINS} UPDATE users SET is_active = $2 WHERE id = $1 AND {SPARED}",
            uuid_of(user_id),
            is_active,
            spared,
        )

    async def set_account_type(
        self, username: str, account_type: str, *, spares_last_admin: bool = False
    ) -> bool:
        """Make a user an administrator, or no longer; False as in `set_active`."""
        spared = spares_last_admin and account_type != "ADMIN"
        return await self._change(
            f"{ADMINS} UPDATE users SET account_type = $2 WHERE username = $1 AND {SPARED}",
            username,
            account_type,
            spared,
        )

    async def set_password(self, username: str, password_hash: str, *, revoke_keys: bool) -> bool:
        """False if there is no such user."""
        row = await self._row(
            "WITH changed AS (UPDATE users SET password_hash = $2 WHERE username = $1 RETURNING id), "
            "revoked AS (UPDATE api_keys SET revoked_at = NOW() "
            "WHERE user_id IN (SELECT id FROM changed) AND revoked_at IS NULL AND $3) "
            "SELECT FROM changed",
            username,
            password_hash,
            revoke_keys,
        )
        return row is not None

    async def set_email(
        self, user_id: str, generation: int, email: str
    ) -> Literal["changed", "email"] | None:
        """None if it is done; else it is another user's, or the user was changed meanwhile."""
        try:
            done = await self._change(
                "UPDATE users SET email = $3 WHERE id = $1 AND token_generation = $2",
                uuid_of(user_id),
                generation,
                email,
            )
        except ConstraintError as trouble:
            if trouble.constraint != "uq_users_email":
                raise
            return "email"
        return None if done else "changed"

    async def has_admin(self) -> bool:
        row = await self._row("SELECT FROM users WHERE account_type = 'ADMIN' LIMIT 1")
        return row is not None

    async def ids(self) -> list[str]:
        """Every user who has an account: all but the one that workers share."""
        async with self.database.borrowed() as connection:
            rows = await connection.fetch(
                "SELECT id FROM users WHERE account_type <> 'MM_WORKER' ORDER BY created_at"
            )
            return [str(row["id"]) for row in rows]

    async def standings(self, user_ids: Iterable[str]) -> dict[str, Standing]:
        """What the tokens of these users are worth; ids of no user are left out."""
        async with self.database.borrowed() as connection:
            return await standings(connection, user_ids)

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator["ChangeListener"]:
        """Listen for changes on a connection of its own; `heard` raises when that is lost."""
        connection = await self.database.connect()
        try:
            async with connection.listening(CHANNEL) as told:
                yield ChangeListener(connection, told)
        finally:
            connection.abandon()

    async def _row(self, sql: str, *values: Any) -> Any:
        async with self.database.borrowed() as connection:
            return await connection.fetch_row(sql, *values)

    async def _change(self, sql: str, *values: Any) -> bool:
        async with self.database.borrowed() as connection:
            return await connection.execute(sql, *values) != "UPDATE 0"


@attrs.frozen
class ChangeListener:
    """Listens on a connection of its own: whatever changed before an answer of `standings` has been heard."""

    _connection: Connection
    _told: Notifications

    async def heard(self, seconds: float) -> frozenset[str]:
        """The ids of users with changes, as soon as there are any; none after so many seconds.

        An empty id stands for all users.
        """
        with trio.move_on_after(seconds):
            try:
                return await self._told.receive()
            except trio.EndOfChannel:
                raise ConnectionLostError("the connection ended") from None
        return frozenset()

    async def standings(self, user_ids: Iterable[str]) -> dict[str, Standing]:
        """As in `Users`. Asked about nobody, it shows that the connection is alive."""
        return await standings(self._connection, user_ids)


async def standings(connection: Connection, user_ids: Iterable[str]) -> dict[str, Standing]:
    rows = await connection.fetch(STANDINGS, [uuid_of(user_id) for user_id in user_ids])
    return {
        str(row["id"]): Standing(
            user_of(row),
            frozenset(map(str, row["sessions"])),
            dict(zip(row["ended_tokens"], row["token_ends"], strict=True)),
            dict(
                zip(
                    row["key_hashes"] or (),
                    map(KeyStanding, row["key_scopes"] or (), row["key_ends"] or ()),
                    strict=True,
                )
            ),
        )
        for row in rows
    }


def user_of(row: Any) -> User:
    return User(**{column.name: row[column.name] for column in attrs.fields(User)} | {"id": str(row["id"])})


def uuid_of(text: str) -> uuid.UUID | None:
    """None, which is no row's id, if the text is no UUID."""
    try:
        return uuid.UUID(text)
    except ValueError:
        return None
