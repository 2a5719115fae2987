"""What this room asks of the tables of users and API keys, whoever keeps them."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Literal, Protocol


class User(Protocol):
    """A row of the users' table, without the password."""

    @property
    def id(self) -> str: ...
    @property
    def username(self) -> str: ...
    @property
    def email(self) -> str: ...
    @property
    def account_type(self) -> str: ...
    @property
    def is_active(self) -> bool: ...
    @property
    def created_at(self) -> datetime: ...
    @property
    def token_generation(self) -> int: ...


class KeyStanding(Protocol):
    """What an API key opens."""

    @property
    def scopes(self) -> str: ...
    @property
    def expires_at(self) -> datetime | None: ...


class Standing(Protocol):
    """What decides whether a user's tokens and API keys are valid."""

    @property
    def user(self) -> User: ...
    @property
    def sessions(self) -> Collection[str]:
        """The ids of sessions that have not ended."""

    @property
    def ended_tokens(self) -> Mapping[bytes, datetime]:
        """When service tokens end that were ended early, by their hashes."""

    @property
    def keys(self) -> Mapping[bytes, KeyStanding]:
        """API keys that are not revoked, by their hashes."""


class ChangeListener(Protocol):
    """Receives notifications of changes; when a query is answered, all before it have been received."""

    async def heard(self, seconds: float) -> frozenset[str]:
        """Wait for changes, and return the ids of changed users; none if there was no change in time."""

    async def standings(self, user_ids: Iterable[str]) -> Mapping[str, Standing]: ...


class Users(Protocol):
    """The users' tables, as far as callers are concerned."""

    async def find(self, user_id: str) -> User | None: ...

    async def find_login(self, username: str) -> tuple[User, str] | None:
        """A user by name, with the hash of the password."""

    async def add(
        self, username: str, email: str, password_hash: str, account_type: str
    ) -> User | Literal["username", "email"]:
        """A new user, or which of the two names is taken."""

    async def search(
        self,
        beginning: str,
        account_type: str | None,
        is_active: bool | None,
        *,
        after: str | None,
        limit: int,
    ) -> Sequence[User]:
        """By id, those behind `after`, whose username or e-mail address begins like this."""

    async def set_account_type(
        self, username: str, account_type: str, *, spares_last_admin: bool = False
    ) -> bool:
        """False if there is no such user, or no administrator would be left."""

    async def set_active(self, user_id: str, is_active: bool, *, spares_last_admin: bool = False) -> bool:
        """The same."""

    async def set_email(
        self, user_id: str, generation: int, email: str
    ) -> Literal["changed", "email"] | None:
        """None if it is done; else the user was changed meanwhile, or another has this address."""

    async def standings(self, user_ids: Iterable[str]) -> Mapping[str, Standing]:
        """By user id; unknown ids are left out."""

    def listening(self) -> AbstractAsyncContextManager[ChangeListener]: ...


class ApiKey(Protocol):
    """A row of the table, without the hash."""

    @property
    def id(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def prefix(self) -> str: ...
    @property
    def scopes(self) -> str: ...
    @property
    def created_at(self) -> datetime: ...
    @property
    def expires_at(self) -> datetime | None: ...
    @property
    def last_used_at(self) -> datetime | None: ...
    @property
    def revoked_at(self) -> datetime | None: ...


class ApiKeys(Protocol):
    """The table of keys, as far as callers are concerned."""

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
        """A new key, or why there is none."""

    async def of_user(self, user_id: str) -> Sequence[ApiKey]:
        """Newest first."""

    async def revoke(self, key_id: str, user_id: str, at: datetime) -> ApiKey | None:
        """None if the user has no such key."""

    async def owners(self, key_hashes: Iterable[bytes]) -> Mapping[bytes, str]:
        """The users of these keys; what is no key is left out."""

    async def record_uses(self, used_at: Mapping[bytes, datetime]) -> None: ...
