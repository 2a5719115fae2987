"""How requests may be framed and paths spelled: strictly in one way, so that no proxy reads them differently.

A proxy before the server decides by where a request ends and which path it names. h11 accepts some requests
that proxies read differently; they are refused here before h11 sees them. This module relies on where h11
keeps its buffer; the lock file pins the version.
"""

import re
from typing import Final

import h11
from h11._receivebuffer import ReceiveBuffer

from adapters.wire.status import RefusedError
from kernel.codes import Code

HEAD_MAX: Final = 16 * 1024
"""Bytes of the request line and headers, and of the trailers of a chunked body."""
TOO_LARGE: Final = f"more than {HEAD_MAX} bytes of headers"
END: Final = b"\r\n\r\n"
BARE_LF: Final = re.compile(rb"(?<!\r)\n")
FOLD: Final = re.compile(rb"\n[ \t]")
TELLING: Final = re.compile(rb"^(content-length|transfer-encoding|upgrade):[ \t]*([^\r]*)", re.I | re.M)
"""The headers that decide where a request ends."""
VERSION: Final = re.compile(rb" HTTP/([0-9]\.[0-9])\r")

NEEDED: Final = rb"%(?:[0189A-F][0-9A-F]|2[0235]|3[CEF]|5[B-E]|60|7[BCDF])"
"""The escape of a byte that may not stand in a path unescaped."""
SPELLED: Final = re.compile(rb"/|(?:/(?!\.\.?(?:/|$))(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|" + NEEDED + rb")+)+")


def is_spelled(path: bytes) -> bool:
    """Whether a path is written in its one valid spelling: no `//`, no `.` or `..`, no needless escape."""
    return SPELLED.fullmatch(path) is not None


class StrictConnection(h11.Connection):
    """h11's server side of HTTP/1, made strict."""

    def __init__(self) -> None:
        super().__init__(h11.SERVER, max_incomplete_event_size=HEAD_MAX)
        self._receive_buffer = StrictBuffer()
        self.trouble = ""
        """What was wrong with the request."""

    def next_event(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        try:
            return super().next_event()
        except h11.RemoteProtocolError as trouble:
            # This is logged, so it must not have what h11 quotes from the request: that may hold a token.
            told = str(trouble).partition(": bytearray(")[0]
            self.trouble = TOO_LARGE if trouble.error_status_hint == 431 else told
            raise

    def refusal(self) -> RefusedError:
        """The refusal to answer with."""
        errors = [{"field": "", "problem": self.trouble}]
        return RefusedError(Code.MALFORMED, f"Malformed HTTP: {self.trouble}", {"errors": errors})


class StrictBuffer(ReceiveBuffer):
    """Bytes that were received and not parsed yet."""

    def maybe_extract_lines(self) -> list[bytearray] | None:
        """The lines up to an empty one: a request's head, or the trailers of a chunked body."""
        if self._data.startswith(b"\r\n"):
            self._extract(2)
            return []
        end = self._data.find(END, self._multiple_lines_search)
        if BARE_LF.search(self._data, self._multiple_lines_search, end if end >= 0 else len(self._data)):
            raise h11.RemoteProtocolError("a line ends without CR")
        if end < 0:
            self._multiple_lines_search = max(0, len(self._data) - len(END) + 1)
            return None
        if end + len(END) > HEAD_MAX:
            raise h11.RemoteProtocolError(TOO_LARGE, error_status_hint=431)
        head = self._extract(end + len(END))
        check(head)
        return head.split(b"\r\n")[:-2]


def check(head: bytearray) -> None:
    """Refuse a head that two parsers could read as different requests."""
    if FOLD.search(head):
        raise h11.RemoteProtocolError("a header goes on in the next line")
    version = VERSION.search(head)
    if version is not None and version[1] not in (b"1.1", b"1.0"):
        raise h11.RemoteProtocolError("only HTTP/1.1 and HTTP/1.0 are spoken")
    told = [(name.lower(), value.lower()) for name, value in TELLING.findall(head)]
    if not told:
        return
    names = [name for name, _ in told]
    lengths = names.count(b"content-length")
    has_coding = b"transfer-encoding" in names
    if lengths > 1 or (lengths and b"," in dict(told)[b"content-length"]):
        raise h11.RemoteProtocolError("two lengths")
    if lengths and has_coding:
        raise h11.RemoteProtocolError("a length together with a transfer coding")
    is_old = version is None or version[1] != b"1.1"
    if has_coding and is_old:
        raise h11.RemoteProtocolError("a transfer coding in HTTP/1.0")
    asks_for_websocket = any(name == b"upgrade" and b"websocket" in value for name, value in told)
    if asks_for_websocket and (lengths or has_coding or is_old):
        raise h11.RemoteProtocolError("a websocket begins with a request of HTTP/1.1 without a body")
