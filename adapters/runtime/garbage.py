"""Garbage collection in small steps that do not hold up the loop.

Reference counting frees nearly everything that the exchange drops; cycles are left by libraries, and by
requests that fail. Python's own collector would now and then search everything that has come since the last
search but one, which after an hour of orders takes a second.

Here the youngest generation is collected often. What survives moves to the middle generation, which is
collected when enough has gathered there. What survives that as well is the state of the exchange or belongs
to a connection, and is never searched again: so objects that live long must not end as a cycle.
"""

import gc
from typing import Final

import trio

YOUNG: Final = 5_000
"""Objects, allocated less freed, after which Python collects the youngest by itself: two milliseconds."""
MIDDLE: Final = 10_000
"""Survivors after which the middle generation is collected, too: together some 8 ms."""
EVERY: Final = 0.05
"""Seconds between two collections. Python's counting is not enough: while as many objects are freed as made,
it never starts, and everything could be replaced by young objects in between."""
NEVER: Final = 1_000_000_000


def begin() -> None:
    """Exclude everything that exists from collection, and leave all but the youngest to `run`."""
    gc.freeze()
    gc.set_threshold(YOUNG, NEVER, NEVER)


async def run() -> None:
    """Collect garbage until cancelled."""
    while True:
        await trio.sleep(EVERY)
        gc.collect(1 if len(gc.get_objects(generation=1)) >= MIDDLE else 0)
