"""A market's public feed, frame by frame. It reconnects by itself."""

import ssl
from collections.abc import Callable

import attrs
import msgspec
import structlog
import trio
import trio_websocket

from amm.live.backoff import Backoff
from amm.live.connection import CLOSE_SECONDS, ENDS, SILENCE_MAX
from amm.live.credentials import Credentials

log = structlog.get_logger(__name__)

REQUEST_EVERY = 1.0
"""Seconds: the exchange ignores requests for a snapshot that come faster."""
MINUTE = 60.0
"""A book comes whole every 30 seconds; without a frame for twice that the line is dead."""


@attrs.define(eq=False)
class Feed:
    url: str
    credentials: Credentials
    hear: Callable[[str | bytes], None]
    """Called with each frame; may raise what msgspec raises."""
    tls: ssl.SSLContext | None = None
    silence_max: float = MINUTE
    _wanted: trio.Event = attrs.field(factory=trio.Event)
    _is_open: bool = False
    _attempt: trio.CancelScope = attrs.field(factory=trio.CancelScope)
    """Connecting, listening, and the wait before the next attempt."""

    def request_snapshot(self) -> None:
        self._wanted.set()

    def reopen(self) -> None:
        """Reconnect with the token that is valid now: feeds end together with the token that opened them."""
        self._attempt.cancel()

    def hurry(self) -> None:
        """If not connected, try now: the exchange is known to answer again.

        An attempt may hang in a dead line for seconds, and the wait after it has grown with each failure.
        """
        if not self._is_open:
            self._attempt.cancel()

    async def run(self) -> None:
        backoff = Backoff()
        while True:
            with trio.CancelScope() as self._attempt:
                try:
                    await self._listen(backoff)
                except* ENDS:
                    log.info("the feed broke off", feed=self.url)
                await trio.sleep(backoff.next())
            if self._attempt.cancelled_caught:
                backoff.reset()

    async def _listen(self, backoff: Backoff) -> None:
        async with trio.open_nursery() as nursery:
            with trio.fail_after(SILENCE_MAX):
                socket = await trio_websocket.connect_websocket_url(
                    nursery,
                    self.url,
                    self.tls,
                    extra_headers=self.credentials.handshake,
                    message_queue_size=64,
                )
            try:
                self._is_open = True
                nursery.start_soon(self._request, socket)
                while True:
                    with trio.fail_after(self.silence_max):
                        frame = await socket.get_message()
                    self.hear(frame)
                    backoff.reset()
            except msgspec.MsgspecError as trouble:
                log.warning("the feed was not understood", feed=self.url, why=str(trouble))
                nursery.cancel_scope.cancel()
            finally:
                self._is_open = False
                with trio.move_on_after(CLOSE_SECONDS, shield=True):
                    await socket.aclose()

    async def _request(self, socket: trio_websocket.WebSocketConnection) -> None:
        while True:
            await self._wanted.wait()
            self._wanted = trio.Event()
            await socket.send_message('{"action":"REQUEST_SNAPSHOT"}')
            await trio.sleep(REQUEST_EVERY)
