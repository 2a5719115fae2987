"""Who is calling: from a token and the users' table to a principal, or a refusal.

What a user may do is read from the table as it is now, never from the token. The rows are remembered, and
forgotten whenever anybody changes one, in this process or another, so a request costs no query.
"""

import enum
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Final, Literal, Protocol

import attrs

from adapters.status import Fault, RefusedError
from adapters.tokens import TokenError, Tokens, TokenType
from kernel.codes import AMM_ID

AMM_ALIAS: Final = "AMM_SYSTEM_001"
"""What the market maker may call itself in a header; it is stored nowhere."""
REMEMBERED: Final = 50_000
"""Users whose rows are remembered; with more of them, all are looked up anew."""


class AccountType(enum.StrEnum):
    USER = "USER"
    ADMIN = "ADMIN"
    SYSTEM_BOT = "SYSTEM_BOT"


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


class Users(Protocol):
    """The users' table, as far as callers are concerned."""

    async def find(self, user_id: str) -> User | None: ...

    async def find_login(self, username: str) -> tuple[User, str] | None:
        """A user by name, with the hash of the password."""

    async def add(
        self, username: str, email: str, password_hash: str, account_type: str
    ) -> User | Literal["username", "email"]:
        """A new user, or which of the two names is taken."""

    async def set_active(self, user_id: str, is_active: bool) -> bool:
        """False if there is no such user."""

    def changes(self) -> AsyncIterator[bool]:
        """True whenever rows may have changed, and once when listening begins; False while deaf."""


@attrs.frozen
class Principal:
    """Who is calling, as of this request."""

    user_id: str
    username: str
    account_type: AccountType
    has_service_token: bool
    expires_at: int
    """When the token ends, in seconds since the Unix epoch."""

    @property
    def is_amm(self) -> bool:
        return self.user_id == AMM_ID

    @property
    def is_admin(self) -> bool:
        return self.account_type is AccountType.ADMIN


class Identities:
    """Turns tokens into principals."""

    def __init__(self, tokens: Tokens, users: Users) -> None:
        self._tokens = tokens
        self._users = users
        self._known: dict[str, User] = {}
        self._generation = 0
        self._hears = False
        """Whether a change of the table would be heard of; if not, nothing is remembered."""

    async def watch(self) -> None:
        """Forget what is known whenever the table changes; runs as long as the server does."""
        async for hears in self._users.changes():
            self._hears = hears
            self.forget()

    def forget(self) -> None:
        self._known.clear()
        self._generation += 1

    async def identify(self, authorization: str | None, amm_name: str | None = None) -> Principal:
        """The principal behind an Authorization header; refuses who is nobody, and who is disabled."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise not_authenticated("a bearer token is needed")
        return await self.holder(token, amm_name)

    async def holder(self, token: str, amm_name: str | None = None) -> Principal:
        """The principal who holds this token."""
        try:
            claims = self._tokens.read(token, TokenType.ACCESS, TokenType.SERVICE)
        except TokenError as trouble:
            raise not_authenticated(str(trouble)) from None
        user = self._known.get(claims.sub) or await self._look_up(claims.sub)
        if user is None:
            raise not_authenticated("the token is of no user")
        if not user.is_active:
            raise disabled()
        has_service_token = claims.type is TokenType.SERVICE
        if has_service_token and amm_name is not None and amm_name not in (AMM_ALIAS, AMM_ID):
            raise not_authenticated("X-AMM-System-Id names somebody else")
        return Principal(
            user.id, user.username, AccountType(user.account_type), has_service_token, claims.exp
        )

    async def _look_up(self, user_id: str) -> User | None:
        generation = self._generation
        user = await self._users.find(user_id)
        # Only if nothing changed while the row was on its way.
        if user is not None and self._hears and generation == self._generation:
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            self._known[user_id] = user
        return user


def not_authenticated(why: str) -> RefusedError:
    return RefusedError(Fault.NOT_AUTHENTICATED, f"Not authenticated: {why}")


def disabled() -> RefusedError:
    return RefusedError(Fault.ACCOUNT_DISABLED, "This account is disabled")
