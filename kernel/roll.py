"""The roll names the holders of a market, in ascending order of their ids. It knows nothing else of them.

A settlement pays in this order, some hundred holders at a time, and sorting a hundred thousand names when it
begins would take longer than one step may. So they are kept sorted as they come, in runs short enough that a
newcomer moves few.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator
from typing import Final

RUN_MAX: Final = 1024


class Roll:
    """Names, each once, in ascending order."""

    __slots__ = ("_lasts", "_runs")

    def __init__(self) -> None:
        self._runs: list[list[str]] = []
        self._lasts: list[str] = []
        """The last name of each run."""

    def add(self, name: str) -> None:
        """Enter a name that is not on the roll yet."""
        if not self._runs:
            self._runs.append([name])
            self._lasts.append(name)
            return
        number = min(bisect_left(self._lasts, name), len(self._runs) - 1)
        run = self._runs[number]
        insort(run, name)
        if len(run) > RUN_MAX:
            half = len(run) // 2
            self._runs.insert(number, run[:half])
            self._lasts.insert(number, run[half - 1])
            del run[:half]
            number += 1
        self._lasts[number] = run[-1]

    def remove(self, name: str) -> None:
        """Strike off a name that is on the roll."""
        number = bisect_left(self._lasts, name)
        run = self._runs[number]
        run.remove(name)
        if run:
            self._lasts[number] = run[-1]
        else:
            del self._runs[number], self._lasts[number]

    def after(self, name: str) -> Iterator[str]:
        """Every name behind this one; all of them behind the empty name."""
        first = bisect_right(self._lasts, name)
        for number in range(first, len(self._runs)):
            run = self._runs[number]
            start = bisect_right(run, name) if number == first else 0
            for place in range(start, len(run)):
                yield run[place]
