"""Expensive work that several callers may want at once: they share one result."""

from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

import trio

T = TypeVar("T")


class Shared(Generic[T]):
    """Callers who come while it is being done share the next run, which begins after they asked."""

    def __init__(self) -> None:
        self._turn = trio.Lock()
        self._begun = 0
        self._done = 0
        """The number of the last run that returned a result."""
        self._result: T

    async def result_of(self, work: Callable[[], Awaitable[T]]) -> T:
        wanted = self._begun + 1
        async with self._turn:
            if self._done < wanted:
                self._begun = number = self._begun + 1
                self._result = await work()
                self._done = number
            return self._result
