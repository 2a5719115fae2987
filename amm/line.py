"""The two ways to the exchange, as markets and pages see them: the command stream, or polling."""

from typing import TypeAlias

from amm.connection import CommandStream
from amm.polling import Polling

Transport: TypeAlias = CommandStream | Polling
