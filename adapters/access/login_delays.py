"""How soon a login may be tried again: after some failures in a row later and later, whatever the password.

Counted for a name, whether anybody has it or not, from an address: who guesses slows down itself, and neither
locks the owner out who comes from elsewhere nor learns whether there is one.
"""

import math
from typing import Final

import attrs
import trio

from adapters.access.addresses import household
from adapters.wire.status import Fault, RefusedError

FREE: Final = 4
"""Failures in a row that cost nothing; each after them doubles the delay."""
FIRST_DELAY: Final = 2.0
LONGEST_DELAY: Final = 900.0
QUIET: Final = 900.0
"""Seconds without an attempt, after which all is forgotten."""
REMEMBERED: Final = 100_000
"""Names from addresses of which failures are known; the one that was tried least lately makes room."""


NAME_MAX: Final = 65
"""Characters of a name that are remembered: one more than any user's name has."""


@attrs.define
class Failures:
    """Of one name from one address."""

    count: int = 0
    not_before: float = 0.0
    tried_at: float = 0.0


@attrs.frozen
class Attempt:
    """One login that is being judged."""

    failures: Failures
    key: tuple[str, str]


class LoginDelays:
    """Remembers failures in the order in which their names were tried last."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], Failures] = {}

    def begin(self, username: str, address: str) -> Attempt:
        """Go on to judge a login; raises if it comes too soon.

        It counts as failed until it is known to be none: many at once are not each the first.
        """
        key, now = (username[:NAME_MAX], household(address)), trio.current_time()
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
        """The delay begins now, when the answer is given."""
        attempt.failures.not_before = trio.current_time() + delay_after(attempt.failures.count)

    def succeeded(self, attempt: Attempt) -> None:
        self._known.pop(attempt.key, None)

    def not_judged(self, attempt: Attempt) -> None:
        """The password was not looked at after all, so nothing was learned by it."""
        attempt.failures.count -= 1
        attempt.failures.not_before = 0.0

    def _fail(self, failures: Failures) -> None:
        failures.count += 1
        failures.not_before = trio.current_time() + delay_after(failures.count)

    def _make_room(self, now: float) -> None:
        for key, failures in list(self._known.items())[:2]:
            # Two for each that comes: what is quiet goes in time without ever being looked for.
            if now - failures.tried_at >= QUIET or len(self._known) >= REMEMBERED:
                del self._known[key]


def delay_after(failures: int) -> float:
    """Seconds until the next attempt is looked at."""
    if failures <= FREE:
        return 0.0
    return min(FIRST_DELAY * 2.0 ** min(failures - FREE - 1, 32), LONGEST_DELAY)


def too_soon(seconds: int) -> RefusedError:
    return RefusedError(
        Fault.RATE_LIMITED, f"Too many failed logins: try again in {seconds} seconds", retry_after=seconds
    )
