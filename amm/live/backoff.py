"""How long to wait before trying again: longer after each failure, and a little random."""

import random

import attrs

FIRST_SECONDS = 0.25
LONGEST_SECONDS = 5.0


@attrs.define
class Backoff:
    """A quarter of a second, doubling up to five; a tenth is random, so that clients do not retry in step."""

    seconds: float = FIRST_SECONDS

    def next(self) -> float:
        now = self.seconds
        self.seconds = min(LONGEST_SECONDS, now * 2)
        return now * random.uniform(0.9, 1.1)  # noqa: S311 - spreads load, guards nothing

    @property
    def is_first(self) -> bool:
        """Whether nothing has failed since the start or the last success."""
        return self.seconds == FIRST_SECONDS

    def reset(self) -> None:
        self.seconds = FIRST_SECONDS
