"""What a worker needs of a market elsewhere: that it takes an order's money, quotes with it, and returns it.

Every transfer has a request key, under which the venue carries it out once at most. An adapter says REJECTED
or NOT_SENT only where it can vouch for it: whatever it does not know for certain is UNCLEAR.
"""

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Protocol

import msgspec

from makers.cycle.commands import Command
from makers.quoter.view import View


class Asset(Enum):
    CASH = "CASH"
    YES = "YES"
    NO = "NO"


class Word(Enum):
    """What is known of a transfer."""

    ACCEPTED = "ACCEPTED"  # it is on its way
    CONFIRMED = "CONFIRMED"  # it has left where it came from
    NOT_SENT = "NOT_SENT"  # nothing was sent: it may be tried anew, under another key
    REJECTED = "REJECTED"  # nothing was sent, and nothing will be
    UNCLEAR = "UNCLEAR"


class Answer(msgspec.Struct, frozen=True):
    word: Word
    tx_id: str | None = None
    """The venue's own name of the transfer."""
    amount: int | None = None
    """What has arrived, once it has."""


class Venue(Protocol):
    """One market elsewhere. Whatever it raises is taken for UNCLEAR."""

    trades: bool
    """Whether orders may quote there, or only leave their money."""

    async def send(self, request_key: str, leg: Asset, amount: int) -> Answer:
        """Take what an order brings."""

    async def query(self, request_key: str) -> Answer:
        """What became of a transfer, either way. It never begins one."""

    async def credited(self, order_id: str) -> Mapping[Asset, int]:
        """What the order has there."""

    async def bring_back(self, request_key: str, leg: Asset, amount: int) -> Answer:
        """Send back what an order has there."""

    async def view(self, order_id: str, market_id: str) -> View:
        """What the order's next quotes are decided from."""

    async def carry_out(self, order_id: str, commands: Sequence[Command]) -> list[int]:
        """Place, replace and cancel there; answer each with 0 or this exchange's code that says why not."""

    async def clear(self, order_id: str) -> bool:
        """Cancel all of the order's quotes; tell whether none is left."""
