"""API keys: made here, shown once, and known again by their hashes.

Whose a key is never changes, so it is remembered. What it opens is its user's standing, like that of tokens
(identity.py). This module knows no scope.
"""

import hashlib
import re
import secrets
from collections.abc import Mapping
from typing import Final

import attrs
import trio

from adapters.access.tables import ApiKeys

PREFIX: Final = "vk_"
"""With it begins every key, and no token."""
KEY_BYTES: Final = 32
KEY: Final = re.compile(PREFIX + r"[A-Za-z0-9_-]{43}")
SHOWN: Final = 8
"""Characters after `vk_` by which people know a key again."""
REMEMBERED: Final = 50_000
"""Keys whose owners are known; when there are more, all are forgotten."""
PACE: Final = 0.01
"""Seconds from one question for owners to the next: whoever shows keys that are none asks no more often."""
USES_EVERY: Final = 60.0
"""Seconds from one note of a key's use to the next."""


def fresh_key() -> str:
    return PREFIX + secrets.token_urlsafe(KEY_BYTES)


def hash_of_key(text: str) -> bytes | None:
    """What is known of a key; None if this cannot be one."""
    return hashlib.sha256(text.encode()).digest() if KEY.fullmatch(text) else None


@attrs.define(eq=False)
class Question:
    """Keys whose owners are asked for together, and the answer."""

    key_hashes: set[bytes] = attrs.field(factory=set)
    owners: Mapping[bytes, str] | None = None


class KeyOwners:
    """Remembers whose keys are. For those it does not know it asks: for many at a time, once at a time."""

    def __init__(self, api_keys: ApiKeys) -> None:
        self._api_keys = api_keys
        self._known: dict[bytes, str] = {}
        self._next = Question()
        """What is asked when the question under way is answered."""
        self._asking = trio.Lock()
        self._asked_at = -PACE

    def known(self, key_hash: bytes) -> str | None:
        """The owner, if it is remembered."""
        return self._known.get(key_hash)

    async def ask(self, key_hash: bytes) -> str | None:
        """The owner, out of the table; None if this is nobody's key."""
        question = self._next
        question.key_hashes.add(key_hash)
        async with self._asking:
            if question.owners is None:
                # Whoever comes first asks for all; if that fails, the next one does.
                await trio.sleep_until(self._asked_at + PACE)
                if self._next is question:
                    self._next = Question()
                self._asked_at = trio.current_time()
                question.owners = await self._api_keys.owners(question.key_hashes)
                if len(self._known) + len(question.owners) > REMEMBERED:
                    self._known.clear()
                self._known.update(question.owners)
        return question.owners.get(key_hash)


class KeyUses:
    """When keys were used: noted by whoever is asked to let one in, filed by a task that does it in time."""

    def __init__(self) -> None:
        self._noted_at: dict[bytes, float] = {}
        """Of keys that were used within the last minute, when that was noted; in this order."""
        self._unfiled: dict[bytes, int] = {}

    def note(self, key_hash: bytes, at: int) -> None:
        """A key was used at this wall-clock time, in microseconds; told once a minute."""
        if key_hash not in self._noted_at:
            self._noted_at[key_hash] = trio.current_time()
            self._unfiled[key_hash] = at

    def take(self) -> dict[bytes, int]:
        """What is to be filed."""
        minute_ago = trio.current_time() - USES_EVERY
        while self._noted_at and (oldest := next(iter(self._noted_at.items())))[1] <= minute_ago:
            del self._noted_at[oldest[0]]
        taken, self._unfiled = self._unfiled, {}
        return taken
