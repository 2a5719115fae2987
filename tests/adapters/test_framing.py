"""A request ends where it says, and its path is what it seems: for a proxy in front as for the server."""

import json
import socket

import h11
import pytest

from adapters.sockets.framing import HEAD_MAX, StrictConnection, is_spelled
from tests.adapters.serving import Venue

POST = b"POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\n"
SMUGGLED = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
HANDSHAKE = (
    b"GET /ws/v1/commands HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
)
CHUNKS = b"2\r\n{}\r\n0\r\n\r\n"
LAST = b"2\r\n{}\r\n0\r\n"
"""What may be followed by more headers."""


def until_the_end(address: str, *pieces: bytes) -> bytes:
    """All that comes until the server hangs up; it must."""
    host, _, port = address.removeprefix("http://").rpartition(":")
    received = b""
    with socket.create_connection((host, int(port)), timeout=15) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in pieces:
            connection.sendall(piece)
        while data := connection.recv(65_536):
            received += data
    return received


MALFORMED = {
    "a length and a coding": POST + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n" + CHUNKS,
    "a coding and a length": POST + b"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n" + CHUNKS,
    "two lengths": POST + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "two equal lengths": POST + b"Content-Length: 2\r\ncontent-length: 2\r\n\r\n{}",
    "two lengths in one header": POST + b"Content-Length: 2, 2\r\n\r\n{}",
    "a length that is none": POST + b"Content-Length: +2\r\n\r\n{}",
    "a space before the colon": POST + b"Content-Length : 2\r\n\r\n{}",
    "a coding in HTTP/1.0": POST.replace(b"/1.1", b"/1.0") + b"Transfer-Encoding: chunked\r\n\r\n" + CHUNKS,
    "a version that is not spoken": SMUGGLED.replace(b"/1.1", b"/2.0"),
    "HTTP/2 with prior knowledge": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "no CR behind the request line": b"GET /health HTTP/1.1\nHost: x\r\n\r\n",
    "no CR behind a header": b"GET /health HTTP/1.1\r\nHost: x\nX: y\r\n\r\n",
    "no CR before the empty line": b"GET /health HTTP/1.1\r\nHost: x\n\r\n",
    "no CR in the empty line": b"GET /health HTTP/1.1\r\nHost: x\r\n\n",
    "no CR anywhere": b"GET /health HTTP/1.1\nHost: x\n\n",
    "no CR behind a chunk's size": POST + b"Transfer-Encoding: chunked\r\n\r\n2\n{}\r\n0\r\n\r\n",
    "no CR behind a chunk": POST + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\n0\r\n\r\n",
    "no CR behind the last chunk": POST + b"Transfer-Encoding: chunked\r\n\r\n" + LAST + b"X: y\n\r\n",
    "a length behind the chunks": POST
    + b"Transfer-Encoding: chunked\r\n\r\n"
    + LAST
    + b"Transfer-Encoding: x\r\n\r\n",
    "a folded header": POST + b"X: y\r\n z\r\nContent-Length: 2\r\n\r\n{}",
    "a coding that is folded away": POST + b"X: y\r\n\tTransfer-Encoding: chunked\r\n\r\n",
    "a CR inside a header": POST + b"X: y\rTransfer-Encoding: chunked\r\n\r\n",
    "a websocket with a body": HANDSHAKE + b"Content-Length: 2\r\n\r\n{}",
    "a websocket with chunks": HANDSHAKE + b"Transfer-Encoding: chunked\r\n\r\n" + CHUNKS,
    "a websocket of HTTP/1.0": HANDSHAKE.replace(b"HTTP/1.1", b"HTTP/1.0") + b"\r\n",
    "a websocket without a CR": HANDSHAKE + b"\n",
    "a folded websocket": HANDSHAKE + b"X: y\r\n z\r\n\r\n",
}
CODINGS = (
    "gzip",
    "chunked, chunked",
    "gzip, chunked",
    "identity",
    "xchunked",
    "chunked\r\nTransfer-Encoding: gzip",
)


def refusal(answer: bytes) -> tuple[int, int]:
    """Status and code of an answer that must be the only one, in the envelope, and the connection's last."""
    head, _, body = answer.partition(b"\r\n\r\n")
    headers = dict(line.split(b": ", 1) for line in head.lower().split(b"\r\n")[1:])
    assert len(body) == int(headers[b"content-length"]), answer
    assert headers[b"connection"] == b"close"
    assert headers[b"content-type"] == b"application/json"
    envelope = json.loads(body)
    assert set(envelope) == {"code", "message", "data", "timestamp", "request_id"}
    assert headers[b"x-request-id"].decode() == envelope["request_id"]
    ((error),) = envelope["data"]["errors"]
    assert error["problem"] in envelope["message"]
    return int(head.split()[1]), envelope["code"]


@pytest.mark.parametrize("malformed", MALFORMED.values(), ids=MALFORMED)
def test_what_two_readers_could_read_differently_ends_the_connection(
    the_venue: Venue, malformed: bytes
) -> None:
    """The request behind it is not read."""
    assert refusal(until_the_end(the_venue.address, malformed + SMUGGLED)) == (400, 9004)


@pytest.mark.parametrize("malformed", MALFORMED.values(), ids=MALFORMED)
def test_it_does_not_matter_in_which_pieces_it_comes(malformed: bytes) -> None:
    connection = StrictConnection()

    def read() -> None:
        for byte in malformed:
            connection.receive_data(bytes([byte]))
            while connection.next_event() not in (h11.NEED_DATA, h11.PAUSED):
                pass

    with pytest.raises(h11.RemoteProtocolError):
        read()


@pytest.mark.parametrize("coding", CODINGS)
def test_a_coding_that_is_not_spoken(the_venue: Venue, coding: str) -> None:
    request = POST + f"Transfer-Encoding: {coding}\r\n\r\n".encode() + CHUNKS
    assert refusal(until_the_end(the_venue.address, request + SMUGGLED)) == (501, 9004)


@pytest.mark.parametrize("begun", [SMUGGLED[:-2], HANDSHAKE, POST])
def test_too_many_headers(the_venue: Venue, begun: bytes) -> None:
    """Whether they end or not."""
    room = HEAD_MAX - len(begun) - len(b"X: \r\n\r\n")
    assert refusal(until_the_end(the_venue.address, begun + b"X: " + b"y" * room + b"y\r\n\r\n")) == (
        431,
        9004,
    )
    assert refusal(until_the_end(the_venue.address, begun + b"X: " + b"y" * HEAD_MAX)) == (431, 9004)
    many = begun + b"X: y\r\n" * (HEAD_MAX // 6)
    assert refusal(until_the_end(the_venue.address, many + b"\r\n")) == (431, 9004)


def test_as_many_headers_as_may_be(the_venue: Venue) -> None:
    begun = SMUGGLED[:-2] + b"Connection: close\r\nX: "
    request = begun + b"y" * (HEAD_MAX - len(begun) - 4) + b"\r\n\r\n"
    assert len(request) == HEAD_MAX
    assert until_the_end(the_venue.address, request).startswith(b"HTTP/1.1 200")


def test_what_follows_chunks_is_bounded_too(the_venue: Venue) -> None:
    request = POST + b"Transfer-Encoding: chunked\r\n\r\n" + LAST
    assert refusal(until_the_end(the_venue.address, request + b"X: y\r\n" * HEAD_MAX))[1] == 9004


@pytest.mark.parametrize(
    "request_bytes",
    [
        SMUGGLED[:-2] + b"X:\ty \r\nConnection: close\r\n\r\n",
        b"GET /health HTTP/1.0\r\n\r\n",
        b"GET /health HTTP/1.0\r\nContent-Length: 2\r\n\r\n{}",
        SMUGGLED + SMUGGLED[:-2] + b"Connection: close\r\n\r\n",
        SMUGGLED[:-2] + b"Upgrade: h2c\r\nHTTP2-Settings: AA\r\nConnection: Upgrade, close\r\n\r\n",
        SMUGGLED[:-2] + b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n" + LAST + b"X: y\r\n\r\n",
    ],
)
def test_what_is_framed_as_it_should_be_is_answered(the_venue: Venue, request_bytes: bytes) -> None:
    """An offer of HTTP/2 among it, by which nothing is changed."""
    answers = until_the_end(the_venue.address, request_bytes)
    asked = request_bytes.count(b"/health")
    assert answers.count(b"HTTP/1.1 200") == answers.count(b'{"status":"ok"') == asked


MISSPELLED = (
    "//health",
    "/%68ealth",
    "/health/",
    "/./health",
    "/x/../health",
    "/health/.",
    "/%2Fhealth",
    "//docs",
    "/docs//page.js",
    "/docs%2Fpage.js",
    "//api/v1/markets",
    "/api//v1/markets",
    "/api/v1/./markets",
    "/api/v1/markets/",
    "/api/v1/%6Darkets",
    "/api/v1%2Fmarkets",
    "/api/v1/markets/MKT%2DBTC-100K-2026",
    "/api/v1/markets/MKT-BTC-100K-2026//orderbook",
)


@pytest.mark.parametrize("path", MISSPELLED)
def test_a_path_has_one_spelling(the_venue: Venue, path: str) -> None:
    """A proxy's rule about a path is not passed by in another."""
    line = f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
    head, _, body = until_the_end(the_venue.address, line).partition(b"\r\n\r\n")
    assert (head.split()[1], json.loads(body)["code"]) == (b"404", 9005)


@pytest.mark.parametrize(
    "path",
    [
        "//ws/v1/commands",
        "/ws/v1/%63ommands",
        "/ws/v1/./commands",
        "/ws/v1/orderbook/%4D",
        "/ws//v1/trades/M",
    ],
)
def test_a_websocket_has_one_address(the_venue: Venue, path: str) -> None:
    request = HANDSHAKE.replace(b"/ws/v1/commands", path.encode()) + b"\r\n"
    head, _, body = until_the_end(the_venue.address, request).partition(b"\r\n\r\n")
    assert (head.split()[1], json.loads(body)["code"]) == (b"404", 9005)


def test_every_byte_has_one_spelling() -> None:
    """Itself, or its escape in capitals; a slash and a question mark within a name have only the escape."""
    for byte in range(256):
        itself, escaped = b"/a" + bytes([byte]), b"/a%%%02X" % byte
        spellings = [path for path in (itself, escaped, escaped.lower()) if is_spelled(path)]
        if byte == ord("/"):
            assert spellings == []
        else:
            assert len(set(spellings)) == 1, (byte, spellings)


def test_the_names_of_paths_are_spelled() -> None:
    for path in (b"/", b"/docs/page.js", b"/.x", b"/...", b"/a.", b"/caf%C3%A9", b"/a%20b", b"/a:b@c"):
        assert is_spelled(path), path
    for path in (
        b"",
        b"*",
        b"x",
        b"//",
        b"/a/",
        b"/a\n",
        b"/..",
        b"/.",
        b"/%c3%a9",
        b"/%",
        b"/%4",
        b"/%2e%2e",
    ):
        assert not is_spelled(path), path


QUOTED = {
    "a line that is none": b"GET /ws/v1/commands?token=SECRET \xff HTTP/1.1\r\nHost: x\r\n\r\n",
    "a header that is none": SMUGGLED[:-2] + b"Authorization : Bearer SECRET\r\n\r\n",
    "a size that is none": POST + b"Transfer-Encoding: chunked\r\n\r\nSECRET\r\n{}",
}


@pytest.mark.parametrize("received", QUOTED.values(), ids=QUOTED)
def test_what_was_wrong_is_told_without_quoting_it(received: bytes) -> None:
    """It is logged, too, and there may be a token in it."""
    connection = StrictConnection()
    connection.receive_data(received)

    def read() -> None:
        while connection.next_event() is not h11.NEED_DATA:
            pass

    with pytest.raises(h11.RemoteProtocolError):
        read()
    assert connection.trouble.startswith("illegal ")
    assert "SECRET" not in connection.refusal().message
