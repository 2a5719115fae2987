"""Tokens: signed claims about a user that expire. Whether the user may still act is not known here."""

import enum
import functools
import hashlib
import hmac
import uuid
from collections.abc import Mapping
from typing import Final

import jwt
import msgspec

from adapters.runtime.clock import Clock
from adapters.runtime.settings import Settings
from adapters.wire.user_responses import WORKER_ID
from kernel.codes import AMM_ID

ALGORITHM: Final = "HS256"
"""Pinned: the algorithm that a token itself names is ignored."""
REMEMBERED: Final = 8192
"""Tokens whose signature is not verified again; their expiry is checked each time."""


class TokenType(enum.StrEnum):
    ACCESS = "access"
    REFRESH = "refresh"
    SERVICE = "service"


def lifetimes(settings: Settings) -> dict[TokenType, int]:
    """Lifetimes in seconds, as configured."""
    return {
        TokenType.ACCESS: settings.jwt_access_seconds,
        TokenType.REFRESH: settings.jwt_refresh_seconds,
        TokenType.SERVICE: settings.jwt_service_seconds,
    }


LIFETIME: Final = lifetimes(Settings())
"""The default lifetimes, in seconds."""
SERVICES: Final = {AMM_ID: "SYSTEM_BOT", WORKER_ID: "MM_WORKER"}
"""Who may have service tokens, and the role that stands in them."""
TOKEN_MAX: Final = 2048
"""Characters of a token; real ones have some 400. Longer ones are not decoded: parsing their JSON could take
a quarter of a second."""
NAMED: Final = (TokenType.REFRESH, TokenType.SERVICE)
"""Types of tokens that can be ended one by one, and so have names."""


class TokenError(Exception):
    """Not one of our tokens, not of the required type, or expired."""


class Claims(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a token says."""

    sub: str
    type: TokenType
    role: str
    iat: int
    exp: int
    gen: int = 0
    """The user's token generation when it was issued."""
    sid: str | None = None
    """The session that it belongs to."""
    jti: str | None = None
    """Its name."""

    @property
    def hash(self) -> bytes:
        """What is stored instead of the token.

        It is made from the token's name, not its text, since a signature can be spelled in several ways. A
        token from before tokens had names is identified by its times.
        """
        return hash_of(self.jti or f"{self.sub} {self.iat} {self.exp}")


class Tokens:
    """Signs tokens and reads them."""

    def __init__(self, secret: str, clock: Clock, lifetime: Mapping[TokenType, int] | None = None) -> None:
        self.lifetime = LIFETIME if lifetime is None else lifetime
        self._secret = secret
        self._clock = clock
        # One cache per object, so that a token verified with one secret does not pass with another.
        self._claims = functools.lru_cache(maxsize=REMEMBERED)(self._verify)

    def issue(
        self,
        user_id: str,
        kind: TokenType,
        role: str,
        seconds: int | None = None,
        *,
        generation: int = 0,
        session_id: str | None = None,
        name: str | None = None,
        at: int | None = None,
    ) -> str:
        """Issue a token valid for `seconds`, or its type's lifetime, from `at` or from now on."""
        if name is None and kind in NAMED:
            name = fresh_name()
        begins = self._clock.seconds() if at is None else at
        ends = begins + (seconds or self.lifetime[kind])
        claims = Claims(user_id, kind, role, begins, ends, generation, session_id, name)
        return jwt.encode(msgspec.to_builtins(claims), self._secret, ALGORITHM)

    def successor(self, name: str) -> str:
        """The name of the refresh token that follows the one with this name.

        It is computed from the name and the key. So a token that is shown twice gets the same successor,
        although only hashes are stored.
        """
        mac = hmac.digest(self._secret.encode(), b"successor of " + name.encode(), "sha256")
        return str(uuid.UUID(bytes=mac[:16]))

    def read(self, token: str, *kinds: TokenType) -> Claims:
        """The claims of a token of one of these types; raises TokenError for any other."""
        if len(token) > TOKEN_MAX:
            raise TokenError("the token is not valid")
        claims = self._claims(token)
        if claims.type not in kinds:
            raise TokenError(f"a token of type {claims.type} does not open this")
        if claims.exp <= self._clock.seconds():
            raise TokenError("the token has expired")
        return claims

    def _verify(self, token: str) -> Claims:
        try:
            payload = jwt.decode(
                token,
                self._secret,
                [ALGORITHM],
                # `read` checks the expiry, with our clock: what this function returns is cached.
                options={"verify_exp": False, "verify_iat": False, "verify_nbf": False, "verify_sub": False},
            )
            claims = msgspec.convert(payload, Claims)
        except (jwt.PyJWTError, msgspec.ValidationError, ValueError, RecursionError) as trouble:
            raise TokenError("the token is not valid") from trouble
        if claims.type is TokenType.SERVICE and claims.sub not in SERVICES:
            raise TokenError("a service token is the market maker's or a worker's alone")
        return claims


def hash_of(name: str) -> bytes:
    """What is stored instead of a token with this name."""
    return hashlib.sha256(name.encode()).digest()


def fresh_name() -> str:
    return str(uuid.uuid4())
