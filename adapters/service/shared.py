"""Work that many may ask for, done for one at a time. It knows nothing of what the work is."""

from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

import trio

T = TypeVar("T")


class Shared(Generic[T]):
    """Whoever asks while it is being done shares what comes of the next time: that began after they asked."""

    def __init__(self) -> None:
        self._turn = trio.Lock()
        self._begun = 0
        self._done = 0
        """The number of the last time that came to a result."""
        self._result: T

    async def result_of(self, work: Callable[[], Awaitable[T]]) -> T:
        wanted = self._begun + 1
        async with self._turn:
            if self._done < wanted:
                self._begun = number = self._begun + 1
                self._result = await work()
                self._done = number
            return self._result
