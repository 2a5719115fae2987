"""Rate limits, against a server that has them: who is counted together, and what the headers say."""

import time
from collections.abc import Iterator

import httpx
import pytest

from adapters.access.addresses import counted_address
from adapters.access.identity import Principal
from adapters.access.rate_limits import BESIDE_WORDS, COUNTED, JOURNAL_BYTES, Bucket, RateLimits
from adapters.access.tokens import Claims, TokenType
from adapters.runtime.clock import Clock
from adapters.runtime.settings import Settings, load_settings
from adapters.runtime.times import MINUTE
from adapters.wire.user_responses import AccountType
from kernel.codes import AMM_ID
from kernel.journal import MemoryJournal
from tests.adapters import serving, streaming
from tests.adapters.serving import PASSWORD, Venue, database_for, tokens, venue


@pytest.fixture(scope="module")
def limited(
    server_url: str, template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Venue, str]]:
    """A server with small limits; and its database, to make users in without asking it."""
    limits = {
        "VERDICT_RATE_LIMITS": "on",
        "VERDICT_RATE_AUTH": "6",
        "VERDICT_RATE_PUBLIC": "3",
        "VERDICT_RATE_ORDERS": "3",
        "VERDICT_RATE_CANCEL": "2",
        "VERDICT_RATE_ACCOUNT": "2",
        "VERDICT_RATE_QUERY": "4",
        "VERDICT_RATE_ADMIN": "0",
        "VERDICT_RATE_AMM_REPLACE": "2",
        "VERDICT_RATE_AMM_ORDERS": "5",
        "VERDICT_TRUSTED_PROXIES": "127.0.0.1",
    }
    with (
        database_for(server_url, template) as url,
        serving.serving(url, tmp_path_factory.mktemp("limited"), **limits) as server,
        httpx.Client(base_url=server.address, timeout=30) as http,
    ):
        yield venue(server.address, http), url


def wait_for_a_whole_window(seconds: int = 10) -> None:
    """A window is a minute of the wall clock: with too little of it left, wait for the next."""
    left = MINUTE - time.time() % MINUTE
    if left < seconds:
        time.sleep(left + 0.1)


def registered(the_venue: Venue, address: str) -> serving.Caller:
    """A user who registered from an address of its own, as its proxy tells."""
    name = f"limited_{address.replace('.', '_')}"
    body = {"username": name, "email": f"{name}@example.org", "password": PASSWORD}
    answer = the_venue.nobody.request(
        "POST", "/auth/register", json=body, headers={"X-Forwarded-For": f"9.9.9.9, {address}"}
    )
    assert answer.status == 201, answer.envelope
    user_id = answer.data["user_id"]
    return serving.Caller(the_venue.http, tokens.issue(user_id, TokenType.ACCESS, "USER"), user_id)


def test_market_data_without_a_token_is_counted_by_address(limited: tuple[Venue, str]) -> None:
    """A flood from one address reaches nobody else: not its neighbours, not its own users."""
    wait_for_a_whole_window()
    nobody, path = limited[0].nobody, "/markets/MKT-BTC-100K-2026"

    def read(address: str, path: str = path) -> serving.Answer:
        return nobody.request("GET", path, headers={"X-Forwarded-For": address})

    for remaining in ("2", "1", "0"):
        answer = read("10.7.0.1", "/markets/unknown" if remaining == "1" else path)
        assert answer.headers["X-RateLimit-Remaining"] == remaining
    refused = read("10.7.0.1")
    assert refused.verdict == (429, 9001)
    assert 1 <= int(refused.headers["Retry-After"]) <= MINUTE
    assert read("10.7.0.1", f"{path}/orderbook").verdict == (429, 9001)
    assert read("10.7.0.2").code == 0
    ann = registered(limited[0], "10.7.0.1")
    answer = ann.get(path)
    assert (answer.code, answer.headers["X-RateLimit-Limit"]) == (0, "4")


def test_a_page_that_is_opened_again_and_again_counts_for_its_session(limited: tuple[Venue, str]) -> None:
    """Not for all who share its address; and whoever shows no session, or none of ours, does count there."""
    wait_for_a_whole_window()
    the_venue, address = limited[0], "10.8.7.1"
    ann = registered(the_venue, address)
    assert ann.get("/account/balance").headers["X-RateLimit-Remaining"] == "3"

    def ask(path: str, cookie: str = "", **body: object) -> serving.Answer:
        headers = {"X-Forwarded-For": address} | ({"Cookie": f"verdict_refresh={cookie}"} if cookie else {})
        with httpx.Client(base_url=the_venue.address, timeout=30) as browser:  # no other keeps the cookie
            return serving.Caller(browser).request("POST", path, json=body, headers=headers)

    credentials = {"username": "limited_10_8_7_1", "password": PASSWORD}
    (first, second) = (ask("/auth/login", **credentials).data["refresh_token"] for _ in range(2))
    for remaining in ("3", "2", "1", "0"):
        answer = ask("/auth/refresh", first)
        assert (answer.status, answer.headers["X-RateLimit-Remaining"]) == (200, remaining)
    assert ask("/auth/refresh", first).verdict == (429, 9001)
    assert ask("/auth/refresh", second).status == 200, "another session"
    assert ann.get("/account/balance").headers["X-RateLimit-Remaining"] == "2", "it is not its user's count"
    # One registration and two logins came from there, of six that may.
    for remaining in ("2", "1", "0"):
        answer = ask("/auth/refresh", "not-of-ours" if remaining == "1" else "", refresh_token="nor this")
        assert (answer.code, answer.headers["X-RateLimit-Remaining"]) == (1005, remaining)
    assert ask("/auth/refresh", "not-of-ours").verdict == (429, 9001)


def test_the_headers_count_down_and_then_it_is_enough(limited: tuple[Venue, str]) -> None:
    wait_for_a_whole_window()
    ann = registered(limited[0], "10.0.0.1")
    for remaining in (3, 2, 1, 0):
        answer = ann.get("/account/balance")
        assert answer.code == 0
        assert answer.headers["X-RateLimit-Limit"] == "4"
        assert answer.headers["X-RateLimit-Remaining"] == str(remaining)
        assert int(answer.headers["X-RateLimit-Reset"]) % MINUTE == 0
        assert "Retry-After" not in answer.headers
    refused = ann.get("/markets")
    assert refused.verdict == (429, 9001)
    assert refused.headers["X-RateLimit-Remaining"] == "0"
    assert 1 <= int(refused.headers["Retry-After"]) <= MINUTE
    reset = int(refused.headers["X-RateLimit-Reset"])
    assert refused.data == {"limit": 4, "remaining": 0, "reset": reset}
    assert ann.post("/account/deposit", amount_cents=1).status == 200, "another bucket"
    ben = registered(limited[0], "10.0.0.2")
    assert ben.get("/account/balance").status == 200, "another user"


def test_a_malformed_and_a_refused_request_count_as_well(limited: tuple[Venue, str]) -> None:
    """The limit is judged before the body; a limit of three lets three bad ones through to their answers."""
    wait_for_a_whole_window()
    ann = registered(limited[0], "10.0.0.3")
    assert ann.request("POST", "/orders", content=b"nonsense").verdict == (400, 9004)
    assert ann.place("nowhere", "BUY YES 1 @50").verdict == (404, 3001)
    assert ann.place("nowhere", "BUY YES 1 @50", client_order_id="same").verdict == (404, 3001)
    assert ann.request("POST", "/orders", content=b"nonsense").verdict == (429, 9001)
    for _ in range(2):
        assert ann.post("/orders/none/cancel").verdict == (404, 4004)
    assert ann.post("/orders/none/cancel").verdict == (429, 9001)


def test_logins_are_counted_per_address_and_before_anything_is_looked_at(limited: tuple[Venue, str]) -> None:
    """Behind a trusted proxy, by the address it names; what the client itself claims does not count."""
    wait_for_a_whole_window()
    nobody = limited[0].nobody

    def attempt(path: str, forwarded: str) -> int:
        headers = {"X-Forwarded-For": forwarded}
        return nobody.request("POST", path, content=b"nonsense", headers=headers).code

    paths = ["/auth/login", "/auth/register", "/auth/refresh"] * 2
    assert [attempt(path, f"1.2.3.{number}, 10.0.0.7") for number, path in enumerate(paths)] == [9004] * 6
    assert attempt("/auth/login", "1.2.3.99, 10.0.0.7") == 9001
    assert attempt("/auth/login", "10.0.0.8") == 9004


def test_whoever_guesses_a_current_password_is_counted_by_address_and_as_a_user(
    limited: tuple[Venue, str],
) -> None:
    """With a stolen token from many addresses no more than with many tokens from one."""
    wait_for_a_whole_window()
    ann, ben = registered(limited[0], "10.8.0.1"), registered(limited[0], "10.8.0.2")

    def guess(who: serving.Caller, address: str, path: str = "/account/password") -> serving.Answer:
        return who.request("POST", path, content=b"[]", headers={"X-Forwarded-For": address})

    paths = ["/account/password", "/account/email", "/account/logout-all"] * 2
    assert [guess(ann, f"10.8.1.{number}", path).code for number, path in enumerate(paths)] == [9004] * 6
    assert guess(ann, "10.8.1.9").code == 9001
    assert guess(ben, "10.8.1.9").code == 9004, "another user, from an address that was refused once"
    assert [guess(limited[0].nobody, "10.8.2.1").code for _ in range(6)] == [1006] * 6
    assert guess(ben, "10.8.2.1").code == 9001, "the address is used up"
    assert guess(ben, "10.8.2.2").code == 9004


def test_a_proxy_that_adds_a_header_of_its_own_is_heard(limited: tuple[Venue, str]) -> None:
    """As HAProxy does: behind whatever the client sent, which could name another address each time."""
    wait_for_a_whole_window()

    def attempt(claimed: str) -> int:
        headers = [("X-Forwarded-For", claimed), ("X-Forwarded-For", "10.0.0.17")]
        response = limited[0].http.post("/api/v1/auth/login", content=b"{}", headers=headers)
        return int(response.json()["code"])

    assert [attempt(f"1.2.4.{number}") for number in range(7)] == [9004] * 6 + [9001]


def test_replaces_are_counted_per_market_for_the_service_token(limited: tuple[Venue, str]) -> None:
    wait_for_a_whole_window()
    the_venue = limited[0]
    order = {
        "client_order_id": "r",
        "side": "YES",
        "direction": "SELL",
        "price_cents": 50,
        "quantity": 1,
    }
    old = "00000000-0000-7000-8000-000000000000"

    def replace(caller: serving.Caller, market_id: str) -> int:
        return caller.post(
            "/amm/orders/replace", old_order_id=old, new_order=order | {"market_id": market_id}
        ).code

    btc, eth = "MKT-BTC-100K-2026", "MKT-ETH-10K-2026"
    assert [replace(the_venue.amm, btc) for _ in range(3)] == [6002, 6002, 9001]
    assert [replace(the_venue.amm, eth) for _ in range(3)] == [6002, 6002, 9001]
    unknown = [replace(the_venue.amm, f"made-up-{number}") for number in range(3)]
    assert unknown == [6002, 6002, 9001], "markets that do not exist are counted as one"
    ordinary = serving.Caller(the_venue.http, tokens.issue(AMM_ID, TokenType.ACCESS, "SYSTEM_BOT"))
    assert [replace(ordinary, btc) for _ in range(4)] == [6002, 6002, 6002, 9001], "they count as orders"
    assert ordinary.place(btc, "BUY YES 1 @50").verdict == (429, 9001)
    for _ in range(20):
        assert the_venue.amm.post("/amm/orders/batch-cancel", market_id=btc).status == 200
    answer = the_venue.amm.post("/amm/orders/batch-cancel", market_id=btc)
    assert "X-RateLimit-Limit" not in answer.headers, "never limited"


class Hand(Clock):
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.at = 1_000_000 * MINUTE
        super().__init__()

    def seconds(self) -> int:
        return self.at


def principal(user_id: str) -> Principal:
    return Principal(user_id, "name", AccountType.USER, Claims(user_id, TokenType.ACCESS, "USER", 0, 0), 0)


def test_a_window_is_a_minute_of_the_wall_clock() -> None:
    clock = Hand()
    limits = RateLimits(load_settings({"VERDICT_RATE_ORDERS": "1"}), clock)
    ann = principal("ann")

    def allowed() -> bool:
        quota = limits.take(Bucket.ORDERS, ann)
        assert quota is not None
        assert quota.reset == (clock.at // MINUTE + 1) * MINUTE
        return quota.allowed

    assert [allowed(), allowed()] == [True, False]
    clock.at += MINUTE - 1
    assert not allowed()
    clock.at += 1
    assert allowed()


def test_cancels_of_everything_are_counted_by_themselves_and_the_market_makers_never() -> None:
    settings = load_settings({"VERDICT_RATE_CANCEL": "1", "VERDICT_RATE_CANCEL_ALL": "2"})
    limits = RateLimits(settings, Hand())
    ann = principal("ann")
    quotas = [limits.take(bucket, ann) for bucket in [Bucket.CANCEL, *[Bucket.CANCEL_ALL] * 3]]
    assert [quota is not None and quota.allowed for quota in quotas] == [True, True, True, False]
    maker = Principal(
        AMM_ID, "amm", AccountType.SYSTEM_BOT, Claims(AMM_ID, TokenType.SERVICE, "SYSTEM_BOT", 0, 0), 0
    )
    assert limits.take(Bucket.CANCEL_ALL, maker) is None


def test_an_atomic_batch_fits_whole_or_counts_nothing() -> None:
    settings = load_settings({"VERDICT_RATE_ORDERS": "5", "VERDICT_RATE_CANCEL": "2"})
    limits = RateLimits(settings, Hand())
    ann = principal("ann")

    def together(orders: int, cancels: int) -> tuple[bool, int]:
        quota = limits.take_together({Bucket.ORDERS: orders, Bucket.CANCEL: cancels}, ann)
        assert quota is not None
        return quota.allowed, quota.remaining

    assert together(6, 0) == (False, 5)
    assert together(3, 3) == (False, 2)
    assert together(3, 1) == (True, 1)
    assert together(2, 2) == (False, 1), "two orders would fit, two cancels do not"
    assert together(2, 1) == (True, 0)
    assert together(1, 0) == (False, 0)
    assert limits.take(Bucket.CANCEL, principal("ben")) is not None


def test_a_flood_of_callers_grows_no_memory_without_end() -> None:
    """Beyond so many within a minute the rest share a count."""
    limits = RateLimits(load_settings({"VERDICT_RATE_ORDERS": "2"}), Hand())
    for number in range(COUNTED + 10):
        limits.take(Bucket.ORDERS, principal(str(number)))
    assert len(limits._counts) <= COUNTED + len(Bucket)
    last, first = (
        limits.take(Bucket.ORDERS, principal("one more")),
        limits.take(Bucket.ORDERS, principal("0")),
    )
    assert last is not None
    assert not last.allowed
    assert first is not None
    assert first.allowed


@pytest.mark.parametrize(
    ("address", "counted_as"),
    [
        ("10.1.2.3", "10.1.2.3"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:10.1.2.3", "10.1.2.3"),
        ("", ""),
    ],
)
def test_an_address_of_ipv6_counts_as_its_network(address: str, counted_as: str) -> None:
    assert counted_address(address) == counted_as


async def test_a_guard_has_a_limit_of_its_own() -> None:
    async with streaming.running("M", settings=Settings()) as there, there.client(streaming.ANN) as ann:
        answers = [await ann.do("guard", grace_ms=number) for number in range(11)]
        assert [answer["code"] for answer in answers] == [0] * 10 + [9001]
        assert answers[10]["data"]["limit"] == 10
        before = there.durable
        async with there.client(streaming.BEN) as ben:
            assert (await ben.do("guard", grace_ms=5))["ok"]
            assert (await ben.do("guard", grace_ms=5))["ok"]
        assert there.durable == before + 1, "a guard that is so already is not written again"
        async with there.client(AMM_ID, kind=TokenType.SERVICE) as amm:
            answers = [await amm.do("guard", grace_ms=5) for _ in range(61)]
            assert [answer["code"] for answer in answers] == [0] * 60 + [9001]


async def test_what_asks_the_tables_or_the_journal_counts_on_the_stream_as_well() -> None:
    """However many connections it is sent on; a resumption that is refused counts too."""
    settings = Settings(rate_account=3, rate_query=4)
    async with streaming.running("M", settings=settings) as there:
        token = there.token(streaming.ANN)
        async with there.client(streaming.ANN) as ann, there.client(streaming.ANN) as again:
            codes = [(await client.do("auth", token=token))["code"] for client in (ann, again) * 2]
            assert codes == [0, 0, 0, 9001]
            asked = {"after": there.durable, "topics": ["order_events"]}
            codes = [(await client.do("resume", **asked))["code"] for client in (ann, ann, again)]
            assert codes == [0, 7007, 0]
            assert (await ann.do("sync", market_id="M"))["ok"]
            assert (await again.do("resume", **asked))["code"] == 9001
            assert (await again.do("ping"))["ok"], "it stays open, with the token that it had"
        async with there.client(streaming.BEN) as ben:
            assert (await ben.do("auth", token=there.token(streaming.BEN)))["ok"]


async def test_what_has_no_price_may_fill_so_much_of_the_journal() -> None:
    """With its own limit off, a guard that changes each time is bounded by what it would leave behind."""
    settings = Settings(rate_guard=0, rate_orders=0, rate_cancel=0)
    async with streaming.running("M", settings=settings) as there, there.client(streaming.ANN) as ann:
        most = JOURNAL_BYTES // BESIDE_WORDS
        codes: list[int] = []
        for start in range(0, 9 * 256, 256):
            await ann.send(*[{"cid": cid, "op": "guard", "grace_ms": start + cid} for cid in range(256)])
            told = {result["cid"]: result["code"] for result in await ann.results(256)}
            codes += [told[cid] for cid in range(256)]
            if 9001 in codes:
                break
        assert set(codes) == {0, 9001}
        done = codes.index(9001)
        assert most / 2 < done < most
        assert set(codes[done:]) == {9001}
        assert isinstance(there.journal, MemoryJournal)
        written = sum(len(payload) for _, _, _, payload in there.journal.rows)
        assert written < JOURNAL_BYTES
        # What has money set aside, and cancels, are not refused for it; others are not either.
        order = (await ann.place())["data"]["order"]
        assert (await ann.do("cancel", order_id=order["id"]))["ok"]
        assert (await ann.place(time_in_force="IOC"))["code"] == 9001
        async with there.client(streaming.BEN) as ben:
            assert (await ben.do("guard", grace_ms=5))["ok"]


def test_without_an_own_limit_deposits_are_bounded_by_what_they_leave_behind() -> None:
    clock = Clock()
    limits = RateLimits(Settings(rate_account=0), clock)
    ann = Principal("ann", "ann", AccountType.USER, Claims("ann", TokenType.ACCESS, "USER", 0, 0), 0)
    assert limits.take(Bucket.ACCOUNT, ann) is None
    allowed = 0
    while (quota := limits.take_journal(ann, 20)) is not None and quota.allowed:
        allowed += 1
    assert allowed == JOURNAL_BYTES // (2 * 20 + BESIDE_WORDS)
    assert RateLimits(Settings(rate_limits=False), clock).take_journal(ann, 20) is None
