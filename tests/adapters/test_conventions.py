"""What holds for every request: envelope, headers, order of checks, sizes, nonsense on the wire."""

import json
import random
import re
import socket
from typing import Any

import httpx
import pytest

from adapters.access.tokens import TokenType
from adapters.operations.operation import Caller
from adapters.operations.table import BASE, ROUTES
from adapters.wire.user_responses import WORKER_ID
from kernel.codes import AMM_ID
from tests.adapters import serving
from tests.adapters.serving import Venue, tokens


def test_every_answer_is_an_envelope(the_venue: Venue) -> None:
    answer = the_venue.admin.get("/account/balance")
    assert (answer.code, answer.envelope["message"]) == (0, "success")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", answer.envelope["timestamp"])
    assert re.fullmatch(r"req_[0-9a-f]{12}", answer.envelope["request_id"])
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-store"
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "Server" not in answer.headers
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_the_journal_id_grows_with_what_one_did(the_venue: Venue) -> None:
    ann = the_venue.user()
    before = int(ann.get("/account/balance").headers["X-Journal-Id"])
    done = int(ann.post("/account/deposit", amount_cents=1).headers["X-Journal-Id"])
    after = ann.get("/account/ledger")
    assert before < done <= int(after.headers["X-Journal-Id"])
    assert len(after.data["items"]) == 1
    refused = ann.post("/account/withdraw", amount_cents=2)
    assert int(refused.headers["X-Journal-Id"]) >= done


@pytest.mark.parametrize(
    "path",
    ["/api/v1/nothing", "/api/v2/orders", "/api/v1", "/api/v1/orders/", "/api//v1/orders", "/static/x"],
)
def test_an_unknown_path_is_told_in_the_envelope(the_venue: Venue, path: str) -> None:
    """Also to somebody without a token: the path comes first. And nothing is redirected."""
    for method in ("GET", "POST", "DELETE"):
        response = the_venue.http.request(method, f"{the_venue.address}{path}")
        assert (response.status_code, response.json()["code"]) == (404, 9005), method


def test_another_method_is_told_which_there_are(the_venue: Venue) -> None:
    """Those of its own: `/orders/cancel` is no order with a name."""
    for spelled in {route.path for route in ROUTES}:
        path = re.sub(r"{\w+}", "x", spelled)
        known = {one.method for one in ROUTES if one.path == spelled}
        allowed = known | ({"HEAD"} if "GET" in known else set())
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} - known:
            response = the_venue.http.request(method, BASE + path)
            assert (response.status_code, response.json()["code"]) == (405, 9006), (method, path)
            assert set(response.headers["Allow"].split(", ")) == allowed


def test_a_body_may_have_64_kib(the_venue: Venue) -> None:
    """Its size is judged before the token, and whether or not its length was announced."""

    def padded(size: int) -> bytes:
        body = json.dumps({"amount_cents": 1, "note": ""})
        return body.replace('""', f'"{"x" * (size - len(body))}"').encode()

    assert the_venue.admin.request("POST", "/account/deposit", content=padded(65_536)).status == 200
    for caller in (the_venue.admin, the_venue.nobody):
        too_large = caller.request("POST", "/account/deposit", content=padded(65_537))
        assert too_large.verdict == (413, 9007)
        assert too_large.headers["Connection"] == "close", "or the client goes on, on a connection that ends"
    pieces = (padded(70_000)[place : place + 10_000] for place in range(0, 70_000, 10_000))
    assert the_venue.admin.request("POST", "/account/deposit", content=pieces).verdict == (413, 9007)
    whole = (b'{"amount_', b'cents"', b": 1}")
    assert the_venue.admin.request("POST", "/account/deposit", content=iter(whole)).status == 200


def test_a_head_request_gets_the_headers_alone(the_venue: Venue) -> None:
    token = {"Authorization": f"Bearer {the_venue.admin.token}"}
    response = the_venue.http.head("/api/v1/account/balance", headers=token)
    assert (response.status_code, response.content) == (200, b"")


NONSENSE: list[bytes] = [
    b"",
    b"{",
    b"}",
    b"[]",
    b"null",
    b"true",
    b"7",
    b'"text"',
    b"{}{}",
    b"{'a':1}",
    b'{"a":}',
    b'{"a":01}',
    b'{"a":NaN}',
    b'{"a":"\xff"}',
    b'{"a":"\\ud800"}',
    b'{"a":"\\x"}',
    b'{"a":1,}',
    b"\xef\xbb\xbf{}",
    b"\x00",
    b"[" * 60_000,
    b'{"a":' * 10_000,
    b'{"amount_cents":' + b"9" * 60_000 + b"}",
    b'{"amount_cents":1e999999}',
    b"<xml/>",
    b"a=b&c=d",
]


@pytest.mark.parametrize("body", NONSENSE, ids=lambda body: repr(body[:20]))
def test_nonsense_is_malformed_on_every_path_that_reads_a_body(the_venue: Venue, body: bytes) -> None:
    amm = {Caller.AMM, Caller.AMM_SERVICE, Caller.AMM_OR_ADMIN}
    # Not the venue's own token: an empty body renews it, and it ends a minute later.
    maker = serving.Caller(the_venue.http, tokens.issue(AMM_ID, TokenType.SERVICE, "SYSTEM_BOT"))
    worker = serving.Caller(the_venue.http, tokens.issue(WORKER_ID, TokenType.SERVICE, "MM_WORKER"))
    # An empty body is enough to end all that its user has, and the others go on with theirs.
    leaver = the_venue.user()
    for route in ROUTES:
        if route.method != "POST":
            continue
        caller = maker if route.caller in amm else the_venue.admin
        if route.caller is Caller.WORKER:
            caller = worker
        if route.path == "/account/logout-all":
            caller = leaver
        answer = caller.request("POST", re.sub(r"{\w+}", "x", route.path), content=body)
        if body == b"" or body == b'{"a":' * 10_000 or b"amount_cents" in body:
            # 401 where a token may come in the body or as a cookie, and came in neither.
            fine = (200, 201, 400, 401 if route.path == "/auth/refresh" else 404)
            assert answer.status in fine, (route.path, answer.envelope)
        else:
            assert answer.verdict == (400, 9004), (route.path, answer.envelope)


def scrambled(luck: random.Random, template: dict[str, Any]) -> bytes:
    """A body that is almost right: members dropped, changed, doubled, or bytes of it turned."""
    values: list[Any] = [None, True, -1, 0, 1, 2**63, 1.5, "", "x", "\0", "é", [], {}, [[]], {"a": {}}, "YES"]
    members = dict(template)
    for name in list(members):
        if luck.random() < 0.3:
            members[name] = luck.choice(values)
        elif luck.random() < 0.1:
            del members[name]
    body = bytearray(json.dumps(members).encode())
    for _ in range(luck.choice((0, 0, 1, 3))):
        body[luck.randrange(len(body))] = luck.randrange(256)
    return bytes(body[: luck.choice((len(body), len(body), luck.randrange(len(body))))])


def test_no_scrambled_request_is_a_fault_of_ours(the_venue: Venue) -> None:
    """A thousand requests that are almost right, from a fixed seed: no 500, and the connection serves on."""
    luck = random.Random(20_261_120)
    order = {
        "client_order_id": "o",
        "market_id": the_venue.market(),
        "side": "YES",
        "direction": "BUY",
        "price_cents": 50,
        "quantity": 1,
        "time_in_force": "GTC",
    }
    templates: list[tuple[serving.Caller, str, dict[str, Any]]] = [
        (the_venue.admin, "/orders", order),
        (the_venue.admin, "/account/deposit", {"amount_cents": 5}),
        (the_venue.admin, "/account/withdraw", {"amount_cents": 5}),
        (the_venue.amm, "/amm/orders/replace", {"old_order_id": "x", "new_order": order}),
        (the_venue.amm, "/amm/orders/batch-cancel", {"market_id": "m", "cancel_scope": "ALL"}),
        (the_venue.amm, "/amm/mint", {"market_id": "m", "quantity": 1, "idempotency_key": "k"}),
        (
            the_venue.admin,
            "/admin/markets",
            {"id": "M", "title": "t", "trading_end_at": "2026-01-01T00:00:00Z"},
        ),
        (the_venue.admin, "/admin/amm/stop", {"market_id": "m", "stop_mode": "GRACEFUL"}),
    ]
    for number in range(1000):
        caller, path, template = templates[number % len(templates)]
        answer = caller.request("POST", path, content=scrambled(luck, template))
        assert answer.status < 500, (path, answer.envelope)
    queries = ["limit", "cursor", "status", "since", "market_id", "levels", "has_volume", "side", "scenario"]
    for route in ROUTES:
        if route.method != "GET":
            continue
        for _ in range(10):
            text = "".join(chr(luck.choice((0, 32, 37, 48, 65, 95, 233, 0x20AC))) for _ in range(4))
            answer = the_venue.admin.get(re.sub(r"{\w+}", "x", route.path), **{luck.choice(queries): text})
            assert answer.status < 500, (route.path, text, answer.envelope)


# On the wire


def spoken(address: str, words: bytes) -> bytes:
    """All that comes back for these bytes until the server closes."""
    host, _, port = address.removeprefix("http://").rpartition(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(words)
        received = b""
        while data := connection.recv(65_536):
            received += data
        return received


@pytest.mark.parametrize(
    "request_line",
    [
        b"PUT ?x=1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"GET * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"GET http://elsewhere/api/v1/none HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"GET nowhere HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"GET /%ff%fe/%00 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"GET /a/../../etc/passwd HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"BREW /api/v1/orders HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"GET /api/v1/none HTTP/1.0\r\n\r\n",
    ],
)
def test_an_odd_target_is_answered_in_the_envelope(the_venue: Venue, request_line: bytes) -> None:
    answer = spoken(the_venue.address, request_line)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.split()[1] in (b"404", b"405"), answer
    assert json.loads(body)["code"] in (9005, 9006)


@pytest.mark.parametrize(
    ("offer", "status"),
    [
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"400"),
        (
            b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n\r\n",
            b"200",
        ),
        (b"GET /health HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", b"404"),
        (b"get /health HTTP/1.1\r\nHost: x\r\nUpgrade: WebSocket\x85\r\nConnection: upgrade\r\n\r\n", b"404"),
    ],
)
def test_an_offer_of_another_protocol_is_let_lie(the_venue: Venue, offer: bytes, status: bytes) -> None:
    """HTTP/2 is nobody's business here, and a websocket is only below /ws/; the server goes on as it was."""
    assert spoken(the_venue.address, offer).split()[1] == status
    assert the_venue.admin.get("/account/balance").code == 0


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /api/v1/orders HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /api/v1/orders HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n",
        b"POST /api/v1/orders HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"X-Long: " + b"a" * 70_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    ],
)
def test_what_is_not_http_is_hung_up_on(the_venue: Venue, garbage: bytes) -> None:
    answer = spoken(the_venue.address, garbage)
    assert answer == b"" or answer.split()[1].startswith(b"4"), answer
    assert the_venue.admin.get("/account/balance").code == 0


def test_a_client_that_leaves_in_the_middle_leaves_nothing_behind(the_venue: Venue) -> None:
    host, _, port = the_venue.address.removeprefix("http://").rpartition(":")
    head = b"POST /api/v1/account/deposit HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"
    for sent in (b"GET /api", head, head + b'{"amount'):
        for _ in range(20):
            with socket.create_connection((host, int(port)), timeout=30) as connection:
                connection.sendall(sent)
    assert the_venue.admin.get("/account/balance").code == 0


def test_who_has_gone_is_let_go_at_once(the_venue: Venue) -> None:
    """Not when the idle time is over: until then each would cost the server a socket."""
    host, _, port = the_venue.address.removeprefix("http://").rpartition(":")
    for sent in (b"", b"GET /heal", b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"):
        with socket.create_connection((host, int(port)), timeout=5) as connection:
            connection.sendall(sent)
            connection.shutdown(socket.SHUT_WR)
            received = b""
            while data := connection.recv(65_536):
                received += data
            assert received.startswith(b"HTTP/1.1 200") == sent.endswith(b"\r\n\r\n")


def test_a_body_that_never_ends_is_not_waited_for(the_venue: Venue) -> None:
    """The request is refused after ten seconds, and the connection closed."""
    host, _, port = the_venue.address.removeprefix("http://").rpartition(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(
            b"POST /api/v1/account/deposit HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n" + b'{"amount'
        )
        received = b""
        while data := connection.recv(65_536):
            received += data
    assert json.loads(received.partition(b"\r\n\r\n")[2])["code"] == 9004


def test_the_docs_page_needs_nothing_from_elsewhere(the_venue: Venue) -> None:
    http: httpx.Client = the_venue.http
    page = http.get("/docs")
    assert page.headers["Content-Type"].startswith("text/html")
    linked = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert set(linked) == {"/docs/page.css", "/docs/page.js", "/openapi.json", "/asyncapi.json"}
    for path in linked:
        assert http.get(path).status_code == 200
    assert "http" not in re.sub(r"<!doctype.*?>", "", page.text)
