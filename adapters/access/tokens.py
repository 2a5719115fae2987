"""Tokens: who somebody is, signed and with an end. Whether that user still may act is not known here."""

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
from kernel.codes import AMM_ID

ALGORITHM: Final = "HS256"
"""Pinned: what a token says about its own algorithm is not believed."""
REMEMBERED: Final = 8192
"""Tokens whose signature need not be checked again; what they say has an end, which is checked each time."""


class TokenType(enum.StrEnum):
    ACCESS = "access"
    REFRESH = "refresh"
    SERVICE = "service"


def lifetimes(settings: Settings) -> dict[TokenType, int]:
    """In seconds, as the operator wants them."""
    return {
        TokenType.ACCESS: settings.jwt_access_seconds,
        TokenType.REFRESH: settings.jwt_refresh_seconds,
        TokenType.SERVICE: settings.jwt_service_seconds,
    }


LIFETIME: Final = lifetimes(Settings())
"""In seconds, unless the operator wants otherwise."""
TOKEN_MAX: Final = 2048
"""Characters of a token; ours have some 400. What a longer one says of itself is not read: it is JSON, and
may take a quarter of a second."""
NAMED: Final = (TokenType.REFRESH, TokenType.SERVICE)
"""Which can be ended one by one, and so have names."""


class TokenError(Exception):
    """Not a token of ours, not of the type that was asked for, or past its end."""


class Claims(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a token says."""

    sub: str
    type: TokenType
    role: str
    iat: int
    exp: int
    gen: int = 0
    """The generation of its user that it was given out for."""
    sid: str | None = None
    """The session that it belongs to."""
    jti: str | None = None
    """Its name."""

    @property
    def hash(self) -> bytes:
        """What stands for the token where it must not be kept itself.

        Of its name and not of its text: a signature can be spelled in more than one way. A token from before
        tokens had names is named by its times.
        """
        return hash_of(self.jti or f"{self.sub} {self.iat} {self.exp}")


class Tokens:
    """Signs tokens and reads them."""

    def __init__(self, secret: str, clock: Clock, lifetime: Mapping[TokenType, int] | None = None) -> None:
        self.lifetime = LIFETIME if lifetime is None else lifetime
        self._secret = secret
        self._clock = clock
        # Of one's own per object, so that a token remembered under one secret is not known under another.
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
        """A token that is good for so many seconds, or as its type may be, from now or from `at` on."""
        if name is None and kind in NAMED:
            name = fresh_name()
        begins = self._clock.seconds() if at is None else at
        ends = begins + (seconds or self.lifetime[kind])
        claims = Claims(user_id, kind, role, begins, ends, generation, session_id, name)
        return jwt.encode(msgspec.to_builtins(claims), self._secret, ALGORITHM)

    def successor(self, name: str) -> str:
        """The name of the refresh token that comes after this one.

        It follows from the name and the key. So whoever shows a token twice gets the same successor, though
        only hashes are kept.
        """
        mac = hmac.digest(self._secret.encode(), b"successor of " + name.encode(), "sha256")
        return str(uuid.UUID(bytes=mac[:16]))

    def read(self, token: str, *kinds: TokenType) -> Claims:
        """What a token of one of these types says; raises TokenError for any other."""
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
                # The end is judged by our clock, and by `read`: the answer of this function is remembered.
                options={"verify_exp": False, "verify_iat": False, "verify_nbf": False, "verify_sub": False},
            )
            claims = msgspec.convert(payload, Claims)
        except (jwt.PyJWTError, msgspec.ValidationError, ValueError, RecursionError) as trouble:
            raise TokenError("the token is not valid") from trouble
        if claims.type is TokenType.SERVICE and claims.sub != AMM_ID:
            raise TokenError("a service token is the market maker's alone")
        return claims


def hash_of(name: str) -> bytes:
    """What stands for a token where it must not be kept itself."""
    return hashlib.sha256(name.encode()).digest()


def fresh_name() -> str:
    return str(uuid.uuid4())
