"""Where a process listens: its sockets, and how hypercorn treats what comes there."""

import logging
import socket
from typing import Final

from hypercorn.config import Config, Sockets

from adapters.runtime.errors import CommandError
from adapters.sockets.websocket import CLOSING
from adapters.stream.hub import DRAIN

GRACE_SECONDS: Final = DRAIN + CLOSING
"""What is under way gets to finish in when the server stops: the stream's commands, and then the goodbyes."""
IDLE_SECONDS: Final = 20.0
"""For a connection without a request, which includes one whose headers never end."""


def bound(host: str, port: int, settings: str, *, share: bool = False, listening: bool = True) -> Sockets:
    """Sockets, bound before anything else is started: an address in use is told at once."""
    config = configuration()
    config.workers = 2 if share else 1  # with several, hypercorn lets a port be bound more than once
    shown = f"[{host}]" if ":" in host else host
    config.bind = [f"{shown}:{port}"]
    try:
        sockets = config.create_sockets()
        for each in sockets.insecure_sockets if listening else ():
            each.listen(config.backlog)
    except OSError as trouble:
        raise CommandError(
            f"cannot serve on {shown}:{port}: {trouble.strerror}; choose another address with {settings}"
        ) from None
    return sockets


def address_of(sockets: Sockets) -> str:
    first = sockets.insecure_sockets[0]
    host, port = first.getsockname()[:2]
    return f"http://[{host}]:{port}" if first.family is socket.AF_INET6 else f"http://{host}:{port}"


def configuration() -> Config:
    config = Config()
    config.backlog = 1024
    config.include_server_header = False
    config.keep_alive_timeout = IDLE_SECONDS
    config.keep_alive_max_requests = 1_000_000
    config.graceful_timeout = GRACE_SECONDS
    config.errorlog = logging.getLogger("hypercorn.error")
    return config
