"""A market's public book, as the exchange's feed tells it. It comes back by itself when it breaks."""

import ssl
from collections.abc import Callable

import attrs
import msgspec
import structlog
import trio
import trio_websocket

from amm.backoff import Backoff
from amm.connection import CLOSE_SECONDS, ENDS, SILENCE_MAX
from amm.credentials import Credentials
from amm.wire import BookUpdate

log = structlog.get_logger(__name__)

REQUEST_EVERY = 1.0
"""Seconds: the exchange ignores requests for a snapshot that come faster."""
MINUTE = 60.0
"""A snapshot comes every 30 seconds; without one for twice that the line is dead."""

decode = msgspec.json.Decoder(BookUpdate).decode


@attrs.define(eq=False)
class BookFeed:
    url: str
    credentials: Credentials
    take: Callable[[BookUpdate], None]
    tls: ssl.SSLContext | None = None
    _wanted: trio.Event = attrs.field(factory=trio.Event)

    def request_snapshot(self) -> None:
        self._wanted.set()

    async def run(self) -> None:
        backoff = Backoff()
        while True:
            try:
                await self._listen(backoff)
            except* ENDS:
                log.info("the book feed broke off", feed=self.url)
            await trio.sleep(backoff.next())

    async def _listen(self, backoff: Backoff) -> None:
        headers = [(b"authorization", f"Bearer {self.credentials.token}".encode())]
        async with trio.open_nursery() as nursery:
            with trio.fail_after(SILENCE_MAX):
                socket = await trio_websocket.connect_websocket_url(
                    nursery, self.url, self.tls, extra_headers=headers, message_queue_size=64
                )
            try:
                nursery.start_soon(self._request, socket)
                while True:
                    with trio.fail_after(MINUTE):
                        frame = await socket.get_message()
                    self.take(decode(frame))
                    backoff.reset()
            except msgspec.MsgspecError as trouble:
                log.warning("the book feed was not understood", feed=self.url, why=str(trouble))
                nursery.cancel_scope.cancel()
            finally:
                with trio.move_on_after(CLOSE_SECONDS, shield=True):
                    await socket.aclose()

    async def _request(self, socket: trio_websocket.WebSocketConnection) -> None:
        while True:
            await self._wanted.wait()
            self._wanted = trio.Event()
            await socket.send_message('{"action":"REQUEST_SNAPSHOT"}')
            await trio.sleep(REQUEST_EVERY)
