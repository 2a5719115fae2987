"""What callers receive about users: registrations, logins and sessions."""

import enum
from typing import Literal

from msgspec import UNSET, UnsetType

from adapters.wire.responses import Id, Shape, Time


class RegisteredShape(Shape, frozen=True):
    user_id: Id
    username: str
    email: str
    created_at: Time


class AccountType(enum.StrEnum):
    USER = "USER"
    ADMIN = "ADMIN"
    SYSTEM_BOT = "SYSTEM_BOT"


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
