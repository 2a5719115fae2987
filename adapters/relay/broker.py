"""What a relay needs of a message broker: where it stands, and letters taken whole or not at all."""

from collections.abc import Sequence
from typing import Protocol

from adapters.relay.letters import Letter, Place


class BrokerError(Exception):
    """The broker is away, or what was sent may not have arrived: look again what it has."""


class Broker(Protocol):
    """One destination, over one connection. What fails raises `BrokerError`, and ends the connection."""

    async def position(self, since: int) -> Place:
        """Behind which place to go on; a new destination begins behind the journal's row `since`."""
        ...

    async def send(self, letters: Sequence[Letter], reached: Place) -> None:
        """Returns when the broker has all of them, which are all that there is up to a place."""
        ...

    async def note(self, reached: Place) -> None:
        """Nothing more is there up to a place."""
        ...
