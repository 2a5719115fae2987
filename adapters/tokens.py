"""Tokens: who somebody is, signed and with an end. Whether that user still may act is not known here."""

import enum
import functools
from typing import Final

import jwt
import msgspec

from adapters.clock import Clock
from kernel.codes import AMM_ID

ALGORITHM: Final = "HS256"
"""Pinned: what a token says about its own algorithm is not believed."""
REMEMBERED: Final = 8192
"""Tokens whose signature need not be checked again; what they say has an end, which is checked each time."""


class TokenType(enum.StrEnum):
    ACCESS = "access"
    REFRESH = "refresh"
    SERVICE = "service"


LIFETIME: Final = {TokenType.ACCESS: 30 * 60, TokenType.REFRESH: 7 * 86_400, TokenType.SERVICE: 86_400}
"""In seconds."""


class TokenError(Exception):
    """Not a token of ours, not of the type that was asked for, or past its end."""


class Claims(msgspec.Struct, frozen=True):
    """What a token says."""

    sub: str
    type: TokenType
    role: str
    iat: int
    exp: int


class Tokens:
    """Signs tokens and reads them."""

    def __init__(self, secret: str, clock: Clock) -> None:
        self._secret = secret
        self._clock = clock
        # Of one's own per object, so that a token remembered under one secret is not known under another.
        self._claims = functools.lru_cache(maxsize=REMEMBERED)(self._verify)

    def issue(self, user_id: str, kind: TokenType, role: str, seconds: int | None = None) -> str:
        """A token that is good for so many seconds, or for as long as its type may be."""
        now = self._clock.seconds()
        claims = Claims(user_id, kind, role, now, now + (seconds or LIFETIME[kind]))
        return jwt.encode(msgspec.to_builtins(claims), self._secret, ALGORITHM)

    def read(self, token: str, *kinds: TokenType) -> Claims:
        """What a token of one of these types says; raises TokenError for any other."""
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
