"""The two ways to the exchange, which look the same to markets: the command stream, or polling."""

from typing import TypeAlias

from amm.live.connection import CommandStream
from amm.live.polling import Polling

Transport: TypeAlias = CommandStream | Polling
