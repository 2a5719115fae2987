"""Snapshots of the format before this one, which are read, so that an upgrade replays only the journal's end.

That format kept the whole fact of each idempotency key, and forgot none.
"""

from collections.abc import Callable
from typing import Any, Final

import msgspec

from kernel.events import Fact
from kernel.keys import use_told_by

FORMAT: Final = 8
FACTS: Final = ("mints", "burns", "transfers")
"""The members that it had in the place of `keys`, one behind the other."""
SINCE: Final[dict[str, Any]] = {"forgotten_keys": b"", "forgotten_keys_seq": 0}
"""The members that it had not, as nothing was forgotten."""


def reader_of(kind: type[msgspec.Struct]) -> Callable[[Any], dict[str, Any]]:
    """Reads a state of that format as the members that a state has now."""
    members: list[tuple[str, Any]] = []
    for name, type_ in kind.__annotations__.items():
        if name == "keys":
            members += [(each, list[tuple[str, Fact]]) for each in FACTS]
        elif name not in SINCE:
            members.append((name, type_))
    decode = msgspec.json.Decoder(
        msgspec.defstruct("StateBefore", members, array_like=True, forbid_unknown_fields=True, frozen=True)
    ).decode

    def read(data: Any) -> dict[str, Any]:
        told = msgspec.structs.asdict(decode(data))
        facts = [fact for name in FACTS for _, fact in told.pop(name)]
        return told | SINCE | {"keys": sorted(map(use_told_by, facts), key=lambda use: use.journal_id)}

    return read
