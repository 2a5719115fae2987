"""The line between a browser and the server, which a test can cut, make silent, and mend."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

import attrs

CHUNK: Final = 1 << 16


@attrs.define(eq=False)
class Line:
    """Passes on bytes, in threads of its own: the test itself waits for what one sees."""

    server: tuple[str, int]
    listening: socket.socket
    is_open: bool = True
    """Whether whoever comes is let through."""
    is_silent: bool = False
    """Whether what comes is swallowed; neither end sees anything of it."""
    ends: set[socket.socket] = attrs.field(factory=set)

    @property
    def address(self) -> str:
        host, port = self.listening.getsockname()
        return f"http://{host}:{port}"

    def cut(self) -> None:
        """Break every connection, and let no other through."""
        self.is_open = False
        self.hang_up()

    def mend(self) -> None:
        """Let people through again. A connection that was silent has lost what was said, and is over."""
        if self.is_silent:
            self.hang_up()
        self.is_open, self.is_silent = True, False

    def hang_up(self) -> None:
        for end in list(self.ends):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def accept(self) -> None:
        with contextlib.suppress(OSError):  # nobody listens any more: the test is over
            while True:
                browser, _ = self.listening.accept()
                if not self.is_open:
                    browser.close()
                    continue
                server = socket.create_connection(self.server)
                for source, sink in ((browser, server), (server, browser)):
                    self.ends.add(source)
                    threading.Thread(target=self._pass_on, args=(source, sink), daemon=True).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(CHUNK):
                if not self.is_silent:
                    sink.sendall(data)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)
        self.ends.discard(source)


@contextlib.contextmanager
def line_to(address: str) -> Iterator[Line]:
    """A line to the server at this address, at a port of its own."""
    parts = urlsplit(address)
    assert parts.hostname is not None
    assert parts.port is not None
    with socket.create_server(("127.0.0.1", 0)) as listening:
        line = Line((parts.hostname, parts.port), listening)
        threading.Thread(target=line.accept, daemon=True).start()
        try:
            yield line
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            line.hang_up()
