"""The search for garbage, in pieces that hold nobody up.

Reference counts free nearly all that the exchange drops; cycles are left by libraries, and by requests that
fail. Python would look for them now and then among all that has come since the last look but one, which after
an hour of orders is a second of the loop.

Here the youngest are looked through often. Those that stay come to the middle generation, which is looked
through when enough have gathered there. What stays then as well is the state of the exchange, or belongs to a
connection, and is never looked through again: so whatever lives long must not end as a cycle.
"""

import gc
from typing import Final

import trio

YOUNG: Final = 5_000
"""Objects more than were freed, after which Python looks by itself: two milliseconds."""
MIDDLE: Final = 10_000
"""Objects that have stayed, after which those are looked through, too: with the youngest some 8 ms."""
EVERY: Final = 0.05
"""Seconds between two looks. Counting would not do: where as much is dropped as comes, all that there is
could be replaced, and so be young, before anybody looks."""
NEVER: Final = 1_000_000_000


def begin() -> None:
    """Keep all that exists for ever, and leave all but the youngest to `run`."""
    gc.freeze()
    gc.set_threshold(YOUNG, NEVER, NEVER)


async def run() -> None:
    """Look for garbage until cancelled."""
    while True:
        await trio.sleep(EVERY)
        gc.collect(1 if len(gc.get_objects(generation=1)) >= MIDDLE else 0)
