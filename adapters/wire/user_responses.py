"""What callers receive about users: registrations, logins, sessions and API keys."""

import enum
from typing import Final, Literal

from msgspec import UNSET, UnsetType

from adapters.wire.responses import Id, Shape, Time
from adapters.wire.scopes import Scope


class RegisteredShape(Shape, frozen=True):
    user_id: Id
    username: str
    email: str
    created_at: Time


WORKER_ID: Final = "00000000-0000-4000-a000-000000000002"
"""The one user that all workers of market-making orders share. It has no account, so never any money."""


class AccountType(enum.StrEnum):
    USER = "USER"
    ADMIN = "ADMIN"
    SYSTEM_BOT = "SYSTEM_BOT"
    MM_WORKER = "MM_WORKER"


class UserShape(Shape, frozen=True):
    user_id: Id
    username: str
    email: str
    account_type: AccountType


class RefreshedShape(Shape, frozen=True, kw_only=True):
    access_token: str
    refresh_token: str | UnsetType = UNSET
    """Good for one use. Absent where a cookie holds it."""
    token_type: Literal["Bearer"]
    expires_in: int


class LoggedInShape(RefreshedShape, frozen=True, kw_only=True):
    user: UserShape


class NothingShape(Shape, frozen=True):
    """It is done; there is no more to say."""


class SessionShape(Shape, frozen=True):
    session_id: Id
    created_at: Time
    last_used_at: Time
    current: bool
    """Whether the request's own token belongs to it."""


class SessionsShape(Shape, frozen=True):
    items: list[SessionShape]


class LoggedOutShape(Shape, frozen=True):
    revoked_api_keys: int


class EmailShape(Shape, frozen=True):
    user_id: Id
    email: str


class ProfileShape(Shape, frozen=True):
    user_id: Id
    username: str
    email: str
    account_type: AccountType
    """USER with an API key, whoever made it."""
    created_at: Time
    scopes: tuple[Scope, ...] | None
    """Those of the API key that asks; null for a login."""


class ApiKeyShape(Shape, frozen=True, kw_only=True):
    id: Id
    name: str
    prefix: str
    """The first characters of the key after `vk_`."""
    scopes: tuple[Scope, ...]
    created_at: Time
    expires_at: Time | None
    last_used_at: Time | None
    """To the minute."""
    revoked_at: Time | None


class NewApiKeyShape(ApiKeyShape, frozen=True, kw_only=True):
    secret: str
    """The key itself. It is shown this once, and kept nowhere."""


class ApiKeysShape(Shape, frozen=True):
    items: list[ApiKeyShape]
