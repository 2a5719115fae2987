"""How soon a login may be tried again: after repeated failures later and later, whatever the password.

Failures are counted by name and address, whether or not there is such a user. So guessing slows down whoever
guesses; it neither locks the owner out, who comes from another address, nor shows whether the name exists.
"""

import math
from typing import Final

import attrs
import trio

from adapters.access.addresses import counted_address
from adapters.wire.status import Fault, RefusedError

FREE: Final = 4
"""Failures in a row that cost nothing; each after them doubles the delay."""
FIRST_DELAY: Final = 2.0
LONGEST_DELAY: Final = 900.0
QUIET: Final = 900.0
"""Seconds without an attempt after which failures are forgotten."""
REMEMBERED: Final = 100_000
"""Pairs of name and address that are remembered; beyond that the one tried longest ago is dropped."""


NAME_MAX: Final = 65
"""Characters of a name that are compared: one more than any user's name has."""


@attrs.define
class Failures:
    """Failures with one name from one address."""

    count: int = 0
    not_before: float = 0.0
    tried_at: float = 0.0


@attrs.frozen
class Attempt:
    """One login that is being checked."""

    failures: Failures
    key: tuple[str, str]


class LoginDelays:
    """Remembers failures, ordered by the last attempt."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], Failures] = {}

    def begin(self, username: str, address: str) -> Attempt:
        """Begin to check a login; raises if it comes too soon.

        It counts as failed until it succeeds, so that many at once do not each count as the first.
        """
        key, now = (username[:NAME_MAX], counted_address(address)), trio.current_time()
        failures = self._known.pop(key, None)
        if failures is None or now - failures.tried_at >= QUIET:
            failures = Failures()
        self._make_room(now)
        self._known[key] = failures
        failures.tried_at = now
        if now < failures.not_before:
            raise too_soon(math.ceil(failures.not_before - now))
        self._fail(failures)
        return Attempt(failures, key)

    def failed(self, attempt: Attempt) -> None:
        """Start the delay, which counts from the answer."""
        attempt.failures.not_before = trio.current_time() + delay_after(attempt.failures.count)

    def succeeded(self, attempt: Attempt) -> None:
        self._known.pop(attempt.key, None)

    def not_judged(self, attempt: Attempt) -> None:
        """Undo the attempt: the password was not checked after all."""
        attempt.failures.count -= 1
        attempt.failures.not_before = 0.0

    def _fail(self, failures: Failures) -> None:
        failures.count += 1
        failures.not_before = trio.current_time() + delay_after(failures.count)

    def _make_room(self, now: float) -> None:
        for key, failures in list(self._known.items())[:2]:
            # Each attempt checks the two oldest, so what is quiet is dropped without a search.
            if now - failures.tried_at >= QUIET or len(self._known) >= REMEMBERED:
                del self._known[key]


def delay_after(failures: int) -> float:
    """Seconds until the next attempt is allowed."""
    if failures <= FREE:
        return 0.0
    return min(FIRST_DELAY * 2.0 ** min(failures - FREE - 1, 32), LONGEST_DELAY)


def too_soon(seconds: int) -> RefusedError:
    return RefusedError(
        Fault.RATE_LIMITED, f"Too many failed logins: try again in {seconds} seconds", retry_after=seconds
    )
