"""Errors for the person at the keyboard."""

from collections.abc import Iterator


class CommandError(Exception):
    """What went wrong and what to do about it, in one line, for the person at the keyboard."""


def leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    """Yield the exceptions in a group, and in the groups within it."""
    for inner in group.exceptions:
        if isinstance(inner, BaseExceptionGroup):
            yield from leaves(inner)
        else:
            yield inner
