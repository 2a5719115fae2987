"""A row of the journal as a line of text: how it stands in exports and in the archive.

    {"id", "at", "market_id", "event_type", "payload", "command", "digest"}

`at` is in microseconds since 1970, `digest` hexadecimal. Payload and command are, byte for byte, what the
journal holds: so the chain of digests is verified from such lines as well as from the table.
"""

from typing import Annotated, Final

import msgspec

from persistence.journal.chain import packed
from persistence.journal.wal import JournalRow

LINE_MAX: Final = 1 << 24
"""No row of the journal comes near it; a longer line is no row."""


class Line(msgspec.Struct, forbid_unknown_fields=True):
    id: int
    at: Annotated[int, msgspec.Meta(ge=0, lt=1 << 62)]
    market_id: Annotated[str, msgspec.Meta(max_length=64)] | None
    event_type: str
    payload: msgspec.Raw
    command: msgspec.Raw
    digest: str | None


encode: Final = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Line).decode


def line_of(row: JournalRow) -> bytes:
    return (
        encode(
            Line(
                row.id,
                row.at,
                row.market_id,
                row.event_type,
                msgspec.Raw(row.payload),
                msgspec.Raw(b"null" if row.command is None else row.command),
                None if row.digest is None else row.digest.hex(),
            )
        )
        + b"\n"
    )


def row_of(line: bytes) -> JournalRow:
    """The row in a line; `ValueError` if there is none."""
    read = _decode(line)
    payload, command = bytes(read.payload), bytes(read.command)
    asked = None if command == b"null" else command
    return JournalRow(
        read.id,
        read.at,
        read.market_id,
        read.event_type,
        payload,
        asked,
        None if read.digest is None else bytes.fromhex(read.digest),
        packed(
            read.id,
            read.at,
            read.market_id,
            read.event_type,
            payload.decode(),
            None if asked is None else asked.decode(),
        ),
    )
