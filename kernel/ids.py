"""Numbers that grow: trade numbers and order ids, made from the command's time and not from a clock."""

from dataclasses import dataclass
from typing import Final

TRADE_EPOCH_MS: Final = 1_700_000_000_000
PER_MILLISECOND: Final = 4096
"""A sequence of 12 bits."""
NONCE_BITS: Final = 62
HEX: Final = [f"{used - 1:03x}" for used in range(PER_MILLISECOND + 1)]
"""The sequence number within a millisecond, as an order id writes it."""


@dataclass(slots=True, eq=False)
class Sequence:
    """Pairs of millisecond and number within it, strictly growing.

    When the numbers of one millisecond are used up the millisecond runs ahead, and stays there until time
    has caught up.
    """

    ms: int = 0
    used: int = 0
    """How many numbers of `ms` are taken."""
    prefix: str = "00000000-0000"
    """`ms` as an order id begins with it."""

    def step(self, at: int) -> None:
        """Move on to the next pair, `(ms, used - 1)`, for a command at `at` microseconds."""
        ms = at // 1000
        if ms <= self.ms:
            if self.used < PER_MILLISECOND:
                self.used += 1
                return
            ms = self.ms + 1
        self.resume(ms, 1)

    def resume(self, ms: int, used: int) -> None:
        """Stand at a pair: the next step goes on from there."""
        if ms != self.ms:
            self.ms = ms
            self.prefix = f"{ms >> 16:08x}-{ms & 0xFFFF:04x}"
        self.used = used

    def resume_trade(self, trade_id: int) -> None:
        """Replay: this trade number was the last."""
        self.resume((trade_id >> 22) + TRADE_EPOCH_MS, (trade_id & PER_MILLISECOND - 1) + 1)

    def resume_order(self, order_id: str) -> None:
        """Replay: this order id was the last."""
        self.resume(int(order_id[:8] + order_id[9:13], 16), int(order_id[15:18], 16) + 1)


def snowflake(sequence: Sequence) -> int:
    """41 bits of milliseconds, 10 bits of machine (always 0), 12 bits of sequence."""
    return (sequence.ms - TRADE_EPOCH_MS) << 22 | (sequence.used - 1)


def uuid7(sequence: Sequence, nonce: int) -> str:
    """A version 7 UUID: time, then sequence, so that ids sort as orders were accepted; then random bits."""
    assert nonce >> NONCE_BITS == 0, f"more than {NONCE_BITS} random bits: {nonce}"
    tail = (1 << 63 | nonce).to_bytes(8, "big").hex()
    return f"{sequence.prefix}-7{HEX[sequence.used]}-{tail[:4]}-{tail[4:]}"
