"""The token that a maker shows, how long it is good for, and when to get the next one.

It reads the claims of its own token and verifies nothing: that is the exchange's business.
"""

import base64
import binascii

import attrs
import msgspec

from amm.brain.arithmetic import Ms

SYSTEM_ID = "AMM_SYSTEM_001"
"""As whom the market maker comes: an exchange that knows the holder by another name refuses it at once."""


class Claims(msgspec.Struct, frozen=True):
    exp: int
    iat: int
    type: str


class BadTokenError(ValueError):
    """This is no token."""


def read_claims(token: str) -> Claims:
    parts = token.split(".")
    try:
        if len(parts) != 3:
            raise ValueError(parts)
        body = base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4))
        return msgspec.json.decode(body, type=Claims)
    except (ValueError, binascii.Error, msgspec.MsgspecError):
        raise BadTokenError("the token is not one: it should be three parts with dots between them") from None


@attrs.define
class Credentials:
    """The token in use. Whoever needs it reads it here each time, so that a renewal reaches everybody."""

    token: str
    system_id: str | None = SYSTEM_ID
    claims: Claims = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.use(self.token)

    def use(self, token: str) -> None:
        self.claims = read_claims(token)
        self.token = token

    @property
    def headers(self) -> dict[str, str]:
        """The headers of every request and handshake."""
        shown = {"Authorization": f"Bearer {self.token}"}
        return shown if self.system_id is None else shown | {"X-AMM-System-Id": self.system_id}

    @property
    def handshake(self) -> list[tuple[bytes, bytes]]:
        """The same headers, in the form that websockets need."""
        return [(name.encode(), value.encode()) for name, value in self.headers.items()]

    @property
    def is_service_token(self) -> bool:
        """Whether it is a service token: only these can be renewed and have the market maker's limits."""
        return self.claims.type == "service"

    def renew_at_ms(self) -> Ms:
        """When four fifths of its life are over."""
        lifetime = self.claims.exp - self.claims.iat
        return (self.claims.iat + lifetime * 4 // 5) * 1_000
