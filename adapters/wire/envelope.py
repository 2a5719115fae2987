"""The envelope of every answer over HTTP, and the id that a request has in answers and logs."""

import secrets
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from adapters.wire.responses import Time

RequestId = Annotated[str, Meta(pattern="^req_[0-9a-f]{12}$")]


class Envelope(msgspec.Struct, frozen=True):
    code: int
    message: str
    data: Any
    timestamp: Time
    request_id: RequestId


encode: Final = msgspec.json.Encoder().encode


def fresh_request_id() -> RequestId:
    return f"req_{secrets.token_hex(6)}"
