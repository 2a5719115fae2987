"""Numbers that grow: trade numbers and order ids, made from the command's time and not from a clock."""

from typing import Final

import attrs

TRADE_EPOCH_MS: Final = 1_700_000_000_000
PER_MILLISECOND: Final = 4096
"""A sequence of 12 bits."""
NONCE_BITS: Final = 62


@attrs.define(eq=False)
class Sequence:
    """Pairs of millisecond and number within it, strictly growing.

    When the numbers of one millisecond are used up the millisecond runs ahead, and stays there until time
    has caught up.
    """

    ms: int = 0
    used: int = 0
    """How many numbers of `ms` are taken."""

    def step(self, at: int) -> None:
        """Move on to the next pair, `(ms, used - 1)`, for a command at `at` microseconds."""
        ms = at // 1000
        if ms > self.ms:
            self.ms = ms
            self.used = 1
        elif self.used < PER_MILLISECOND:
            self.used += 1
        else:
            self.ms += 1
            self.used = 1

    def resume_trade(self, trade_id: int) -> None:
        """Replay: this trade number was the last."""
        self.ms = (trade_id >> 22) + TRADE_EPOCH_MS
        self.used = (trade_id & PER_MILLISECOND - 1) + 1

    def resume_order(self, order_id: str) -> None:
        """Replay: this order id was the last."""
        self.ms = int(order_id[:8] + order_id[9:13], 16)
        self.used = int(order_id[15:18], 16) + 1


def snowflake(sequence: Sequence) -> int:
    """41 bits of milliseconds, 10 bits of machine (always 0), 12 bits of sequence."""
    return (sequence.ms - TRADE_EPOCH_MS) << 22 | (sequence.used - 1)


def uuid7(sequence: Sequence, nonce: int) -> str:
    """A version 7 UUID: time, then sequence, so that ids sort as orders were accepted; then random bits."""
    ms = sequence.ms
    return (
        f"{ms >> 16:08x}-{ms & 0xFFFF:04x}-7{sequence.used - 1:03x}"
        f"-{0x8000 | nonce >> 48:04x}-{nonce & 0xFFFFFFFFFFFF:012x}"
    )
