"""What a refusal means for a cycle. Most are no errors: the book moves on while the worker decides."""

from enum import Enum, auto


class Meaning(Enum):
    DONE = auto()
    SKIPPED = auto()
    """This quote cannot stand now. The others can; the owner is told how many could not."""
    GONE = auto()
    """The order that was to go has gone already."""
    EMPTY = auto()
    """The order that was to be replaced had fills and is cancelled: its quote is placed beside it."""
    MOVED_ON = auto()
    """The market takes no quotes now."""
    STALE = auto()
    """The order is somebody else's by now, or nobody's: not a word more about it."""
    AGAIN = auto()
    """Not decided, or the answer is lost: the same command, by the same name, while the lease lasts."""
    FAILED = auto()


MEANINGS = {
    0: Meaning.DONE,
    **dict.fromkeys((4003, 4002, 4012), Meaning.SKIPPED),  # own orders or a limit of the owner in the way
    **dict.fromkeys(
        (2001, 5001, 4007, 4011), Meaning.SKIPPED
    ),  # cash or shares gone, the book moved, a collar
    **dict.fromkeys((4004, 4006, 6002, 6003), Meaning.GONE),
    6001: Meaning.EMPTY,
    **dict.fromkeys((3002, 3008), Meaning.MOVED_ON),
    7105: Meaning.STALE,
    **dict.fromkeys((7001, 9001, 9003), Meaning.AGAIN),
}


def meaning(code: int) -> Meaning:
    return MEANINGS.get(code, Meaning.FAILED)
