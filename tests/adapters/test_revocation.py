"""Whatever ends a right ends what was opened with it within a second: requests, streams and feeds.

A real server, with its database behind a line that can be cut; whoever changes something does so elsewhere.
"""

import contextlib
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import attrs
import httpx
import pytest
import trio
import trio_websocket

from adapters.access.api_keys import fresh_key, hash_of_key
from adapters.access.identity import Identities, Principal
from adapters.access.tokens import TokenType, fresh_name, hash_of
from adapters.runtime.clock import Clock
from adapters.wire.status import RefusedError
from adapters.wire.user_responses import AccountType
from amm.live.connection import CommandStream
from amm.live.credentials import Credentials
from kernel.codes import AMM_ID
from persistence.postgres import database
from persistence.postgres.database import Database
from persistence.tables.api_keys import ApiKeys
from persistence.tables.users import Standing, Users
from tests.adapters.serving import Caller, Venue, database_for, serving, tokens, venue
from tests.adapters.streaming import Client, connected
from tests.proxy import Fault, Message, Proxy, Sender, proxied

SECOND = 1.0
NOISE = 0.5
"""Seconds that a busy machine may add where nothing happens before most of the second is over."""


@attrs.frozen
class Place:
    """A server, and its database for everybody else."""

    venue: Venue
    db: Database
    market: str

    @property
    def port(self) -> int:
        port = httpx.URL(self.venue.address).port
        assert port is not None
        return port

    async def sql(self, statement: str) -> None:
        async with self.db.borrowed() as connection:
            await connection.execute(statement)

    async def call(self, caller: Caller, method: str, path: str, **members: Any) -> Any:
        return await trio.to_thread.run_sync(lambda: caller.request(method, path, json=members or None))

    async def make_key(self, user_id: str, scopes: str, expires_in: float | None = None) -> Caller:
        """An API key, made elsewhere."""
        secret = fresh_key()
        async with self.db.borrowed() as connection:
            await connection.execute(
                "INSERT INTO api_keys (id, user_id, name, prefix, key_hash, scopes, created_at, expires_at) "
                "VALUES (gen_random_uuid(), $1, $2, 'abcdefgh', $3, $4, now(), "
                "now() + $5::double precision * interval '1 s')",
                user_id,
                secret,
                hash_of_key(secret),
                scopes,
                expires_in,
            )
        return Caller(self.venue.http, secret, user_id)

    def login_of(self, user: Caller) -> Caller:
        """The same user with a token."""
        return attrs.evolve(user, token=tokens.issue(user.user_id, TokenType.ACCESS, "USER"))

    async def log_in(self, user_id: str, generation: int = 0) -> tuple[Caller, str]:
        """A session as a login leaves it, without the work of judging a password."""
        session_id, name = str(uuid.uuid4()), fresh_name()
        async with self.db.borrowed() as connection:
            await connection.execute(
                "INSERT INTO sessions (id, user_id, refresh_hash, created_at, last_used_at) "
                "VALUES ($1, $2, $3, now(), now())",
                session_id,
                user_id,
                hash_of(name),
            )
        of: dict[str, Any] = {"generation": generation, "session_id": session_id}
        access = tokens.issue(user_id, TokenType.ACCESS, "USER", **of)
        refresh = tokens.issue(user_id, TokenType.REFRESH, "USER", name=name, **of)
        return Caller(self.venue.http, access, user_id), refresh


@attrs.frozen
class OwnPlace(Place):
    """Nobody else's, and the line between server and database can be cut."""

    proxy: Proxy


@pytest.fixture(scope="module")
def server(
    server_url: str, template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Venue, str]]:
    """A database, an exchange with it, and a market: for tests that harm nobody but their own users."""
    with (
        database_for(server_url, template) as url,
        serving(url, tmp_path_factory.mktemp("shared")) as process,
        httpx.Client(base_url=process.address, timeout=30) as http,
    ):
        there = venue(process.address, http)
        yield url, there, there.market()


@pytest.fixture
async def place(server: tuple[str, Venue, str]) -> AsyncIterator[Place]:
    url, there, market = server
    async with database.opened(url) as db:
        yield Place(there, db, market)


@pytest.fixture
async def own(database_url: str, db: Database, tmp_path: Path) -> AsyncIterator[OwnPlace]:
    async with proxied(database_url, tmp_path) as proxy:
        with contextlib.ExitStack() as stack:
            process = await trio.to_thread.run_sync(stack.enter_context, serving(proxy.url, tmp_path))
            http = stack.enter_context(httpx.Client(base_url=process.address, timeout=30))
            there = await trio.to_thread.run_sync(venue, process.address, http)
            market = await trio.to_thread.run_sync(there.market)
            yield OwnPlace(there, db, market, proxy)
            await trio.to_thread.run_sync(process.stop)


@attrs.frozen
class Opened:
    """What somebody has open: one of each kind, and all of them silent."""

    user: Caller
    refresh_token: str
    connections: dict[str, Client]

    async def ended(self, seconds: float) -> dict[str, int | None]:
        """With which code each has been closed; None where one was not, in time."""
        codes: dict[str, int | None] = dict.fromkeys(self.connections)

        async def wait(name: str, client: Client) -> None:
            codes[name] = (await client.closing())[0]

        with trio.move_on_after(seconds):
            async with trio.open_nursery() as nursery:
                for name, client in self.connections.items():
                    nursery.start_soon(wait, name, client)
        return codes


CLOSED = dict.fromkeys(("stream", "stream that said auth", "book", "trades"), 4401)


@contextlib.asynccontextmanager
async def everything_open(place: Place, user: Caller, refresh_token: str = "") -> AsyncIterator[Opened]:
    async with contextlib.AsyncExitStack() as stack:

        async def open_one(path: str, token: str | None) -> Client:
            return await stack.enter_async_context(connected(place.port, path, token))

        streams = [await open_one("/ws/v1/commands", token) for token in (user.token, None)]
        assert (await streams[1].do("auth", token=user.token))["ok"]
        feeds = [
            await open_one(f"/ws/v1/{kind}/{place.market}", user.token) for kind in ("orderbook", "trades")
        ]
        yield Opened(user, refresh_token, dict(zip(CLOSED, streams + feeds, strict=True)))


async def a_user(place: Place) -> tuple[Caller, str]:
    user_id = str(uuid.uuid4())
    await place.sql(
        "INSERT INTO users (id, username, email, password_hash) "
        f"VALUES ('{user_id}', 'u_{user_id[:8]}', '{user_id}@example.org', '!')"
    )
    return await place.log_in(user_id)


def by_sql(statement: str) -> Callable[[Place, Opened], Awaitable[None]]:
    async def change(place: Place, opened: Opened) -> None:
        await place.sql(statement.format(opened.user.user_id))

    return change


async def by_logout(place: Place, opened: Opened) -> None:
    answer = await place.call(place.venue.nobody, "POST", "/auth/logout", refresh_token=opened.refresh_token)
    assert answer.status == 200


async def by_using_a_token_again(place: Place, opened: Opened) -> None:
    path, shown = "/auth/refresh", {"refresh_token": opened.refresh_token}
    assert (await place.call(place.venue.nobody, "POST", path, **shown)).status == 200
    await place.sql(
        "UPDATE sessions SET used_at = ARRAY[now() - interval '11 s'] "
        f"WHERE user_id = '{opened.user.user_id}'"
    )
    assert (await place.call(place.venue.nobody, "POST", path, **shown)).verdict == (401, 1005)


async def by_an_administrator(place: Place, opened: Opened) -> None:
    path = f"/admin/users/{opened.user.user_id}/active"
    assert (await place.call(place.venue.admin, "POST", path, is_active=False)).status == 200


async def by_another_role(place: Place, opened: Opened) -> None:
    path = f"/admin/users/{opened.user.user_id}/role"
    assert (await place.call(place.venue.admin, "POST", path, account_type="ADMIN")).status == 200


WAYS: dict[str, tuple[Callable[[Place, Opened], Awaitable[None]], tuple[int, int]]] = {
    "disabled": (by_sql("UPDATE users SET is_active = FALSE WHERE id = '{}'"), (422, 1004)),
    "disabled by an administrator": (by_an_administrator, (422, 1004)),
    "promoted by an administrator": (by_another_role, (401, 1006)),
    "promoted": (by_sql("UPDATE users SET account_type = 'ADMIN' WHERE id = '{}'"), (401, 1006)),
    "another password": (by_sql("UPDATE users SET password_hash = 'x' WHERE id = '{}'"), (401, 1006)),
    "another generation": (by_sql("UPDATE users SET token_generation = 7 WHERE id = '{}'"), (401, 1006)),
    "deleted": (by_sql("DELETE FROM users WHERE id = '{}'"), (401, 1006)),
    "logged out": (by_logout, (401, 1006)),
    "session deleted": (by_sql("DELETE FROM sessions WHERE user_id = '{}'"), (401, 1006)),
    "a used token came again": (by_using_a_token_again, (401, 1006)),
}


async def by_revoking_over_the_api(place: Place, opened: Opened) -> None:
    login = place.login_of(opened.user)
    (key,) = (await place.call(login, "GET", "/account/api-keys")).data["items"]
    assert (await place.call(login, "POST", f"/account/api-keys/{key['id']}/revoke")).status == 200


async def by_logging_out_everywhere(place: Place, opened: Opened) -> None:
    login = place.login_of(opened.user)
    answer = await place.call(login, "POST", "/account/logout-all", revoke_api_keys=True)
    assert answer.data == {"revoked_api_keys": 1}


KEYS_END: dict[str, tuple[Callable[[Place, Opened], Awaitable[None]], tuple[int, int]]] = {
    "revoked": (by_revoking_over_the_api, (401, 1006)),
    "revoked by another program": (
        by_sql("UPDATE api_keys SET revoked_at = now() WHERE user_id = '{}'"),
        (401, 1006),
    ),
    "deleted": (by_sql("DELETE FROM api_keys WHERE user_id = '{}'"), (401, 1006)),
    "its end moved": (by_sql("UPDATE api_keys SET expires_at = now() WHERE user_id = '{}'"), (401, 1006)),
    "all revoked": (by_logging_out_everywhere, (401, 1006)),
    "user disabled": (by_sql("UPDATE users SET is_active = FALSE WHERE id = '{}'"), (422, 1004)),
    "user deleted": (by_sql("DELETE FROM users WHERE id = '{}'"), (401, 1006)),
    "all deleted": (by_sql("TRUNCATE api_keys"), (401, 1006)),
}


async def test_whatever_ends_a_key_ends_what_was_opened_with_it(place: Place) -> None:
    """And nothing else of its user: a login and another user's key go on."""
    for way, (change, verdict) in KEYS_END.items():
        user, _ = await a_user(place)
        key = await place.make_key(user.user_id, "read")
        async with (
            everything_open(place, *await a_user(place)) as others,
            everything_open(place, key) as opened,
        ):
            await change(place, opened)
            assert await opened.ended(SECOND) == CLOSED, way
            answer = await place.call(key, "GET", "/account/balance")
            assert answer.verdict == verdict, way
            assert set((await others.ended(0.1)).values()) == {None}, f"{way}: nobody else is sent off"


KEYS_STAY = {
    "another role": "UPDATE users SET account_type = 'ADMIN' WHERE id = '{}'",
    "another password": "UPDATE users SET password_hash = 'x' WHERE id = '{}'",
    "a logout": "UPDATE sessions SET ended_at = now() WHERE user_id = '{}'",
    "a use": "UPDATE api_keys SET last_used_at = now() WHERE user_id = '{}'",
}
"""What ends logins and not keys, as long as nobody says so."""


async def test_a_key_outlives_what_only_logins_are_ended_by_and_stays_an_ordinary_users(place: Place) -> None:
    user, _ = await a_user(place)
    key = await place.make_key(user.user_id, "read")
    async with everything_open(place, key) as opened:
        for way, statement in KEYS_STAY.items():
            await place.sql(statement.format(user.user_id))
            assert set((await opened.ended(0.3)).values()) == {None}, way
            profile = (await place.call(key, "GET", "/account/profile")).data
            assert (profile["account_type"], profile["scopes"]) == ("USER", ["read"]), way


async def test_a_key_that_expires_closes_what_it_opened(place: Place) -> None:
    user, _ = await a_user(place)
    key = await place.make_key(user.user_id, "read", expires_in=2)
    async with everything_open(place, key) as opened:
        assert await opened.ended(2 + SECOND) == CLOSED
        assert (await place.call(key, "GET", "/account/balance")).verdict == (401, 1006)


async def test_a_key_on_a_stream_does_what_its_scopes_name_until_it_is_revoked(place: Place) -> None:
    """In the middle of its commands: those that were received run, and the guard starts its grace period."""
    trader = await trio.to_thread.run_sync(place.venue.user, 10_000)
    key = await place.make_key(trader.user_id, "trade")
    reader = await place.make_key(trader.user_id, "read")
    wish = {"market_id": place.market, "side": "YES", "direction": "BUY", "price_cents": 10, "quantity": 1}
    async with connected(place.port, token=key.token) as stream:
        assert (await stream.receive())["scopes"] == ["trade"]
        for refused in (
            await stream.do("sync", market_id=place.market),
            await stream.do("subscribe", topics=["order_events"]),
        ):
            assert (refused["status"], refused["code"]) == (403, 1008)
            assert refused["data"] == {"required_scope": "read"}
        assert (await stream.do("mint", market_id=place.market, quantity=1, idempotency_key="k"))[
            "code"
        ] == 1008
        assert (await stream.do("guard", grace_ms=0))["ok"]
        assert (await stream.do("auth", token=reader.token))["code"] == 1007
        again = await stream.do("auth", token=key.token)
        assert again["data"] == {"user_id": trader.user_id, "expires_at_ms": None}
        assert (await stream.do("place", client_order_id="first", **wish))["ok"]
        orders = "/orders?status=OPEN"
        assert len((await place.call(trader, "GET", orders)).data["items"]) == 1
        await place.sql(f"UPDATE api_keys SET revoked_at = now() WHERE user_id = '{trader.user_id}'")
        with trio.fail_after(SECOND + NOISE):
            assert (await stream.closing())[0] == 4401
    with trio.fail_after(10):
        while (await place.call(trader, "GET", orders)).data["items"]:
            await trio.sleep(0.05)


async def test_whatever_ends_a_right_ends_what_was_opened_with_it(place: Place) -> None:
    bystander = await a_user(place)
    for way, (change, verdict) in WAYS.items():
        async with (
            everything_open(place, *bystander) as others,
            everything_open(place, *await a_user(place)) as opened,
        ):
            await change(place, opened)
            assert await opened.ended(SECOND) == CLOSED, way
            answer = await place.call(opened.user, "GET", "/account/balance")
            assert answer.verdict == verdict, way
            assert set((await others.ended(0.1)).values()) == {None}, f"{way}: nobody else is sent off"


@pytest.mark.parametrize("fault", [Fault.SILENCE, Fault.CUT_BEFORE], ids=["silent", "cut"])
async def test_it_does_so_when_the_line_that_tells_of_changes_is_lost(own: OwnPlace, fault: Fault) -> None:
    """The notification itself does not arrive: that the line is lost is noticed, and the tables are asked."""

    def swallow(message: Message) -> Fault | None:
        return fault if message.sender is Sender.SERVER and message.kind == b"A" else None

    async with everything_open(own, *await a_user(own)) as opened:
        own.proxy.cue = swallow
        await own.sql(f"UPDATE users SET is_active = FALSE WHERE id = '{opened.user.user_id}'")
        assert await opened.ended(SECOND + NOISE) == CLOSED
        assert own.proxy.faults == 1
        answer = await own.call(opened.user, "GET", "/account/balance")
        assert answer.verdict == (422, 1004)


async def test_a_database_that_is_away_makes_nobody_a_stranger(own: OwnPlace) -> None:
    async with everything_open(own, *await a_user(own)) as opened:
        own.proxy.is_open = False
        await own.proxy.cut_all()
        assert set((await opened.ended(2.5)).values()) == {None}
        own.proxy.is_open = True
        with trio.fail_after(10):
            await own.sql(f"UPDATE users SET is_active = FALSE WHERE id = '{opened.user.user_id}'")
            while await opened.ended(0.5) != CLOSED:
                pass


async def test_a_demoted_administrator_hears_nothing_more(place: Place) -> None:
    """Not with a fresh ordinary token on the same stream either, however quick it is."""
    user, _ = await a_user(place)
    await place.sql(f"UPDATE users SET account_type = 'ADMIN' WHERE id = '{user.user_id}'")
    admin, _ = await place.log_in(user.user_id, generation=1)
    trader = await trio.to_thread.run_sync(place.venue.user, 10_000)
    async with connected(place.port, token=admin.token) as stream:
        wish = {"topics": ["order_events", "trade_events", "amm_events"], "scope": "market"}
        assert (await stream.do("subscribe", **wish))["ok"]
        await trio.to_thread.run_sync(trader.placed, place.market, "BUY YES 1 @10")
        assert len(await stream.events(1)) == 1
        await place.sql(f"UPDATE users SET account_type = 'USER' WHERE id = '{user.user_id}'")
        ordinary, _ = await place.log_in(user.user_id, generation=2)
        with contextlib.suppress(trio_websocket.ConnectionClosed):
            answer = await stream.do("auth", token=ordinary.token)
            assert (answer["status"], answer["code"]) == (403, 1007)
        with trio.fail_after(SECOND):
            assert (await stream.closing())[0] == 4401
        async with connected(place.port, token=ordinary.token) as again:
            assert (await again.do("subscribe", **wish))["code"] == 1007


async def test_a_renewed_service_token_closes_its_stream_when_its_minute_is_over(own: OwnPlace) -> None:
    """The bot's stream goes on, which was told the new token in time; the minute is made shorter here."""
    old = Caller(own.venue.http, tokens.issue(AMM_ID, TokenType.SERVICE, "SYSTEM_BOT"))
    async with (
        connected(own.port, token=old.token) as forgotten,
        connected(own.port, token=old.token) as kept,
    ):
        fresh = (await own.call(old, "POST", "/amm/token/renew")).data["service_token"]
        assert (await forgotten.do("ping"))["ok"]
        assert (await kept.do("auth", token=fresh))["ok"]
        await own.sql("UPDATE ended_tokens SET ends_at = now() + interval '2 s'")
        with trio.fail_after(3 + NOISE):
            assert (await forgotten.closing())[0] == 4401
        assert (await kept.do("ping"))["ok"]
        assert (await own.call(old, "GET", "/account/balance")).verdict == (401, 1006)


@attrs.define
class Heard:
    """What the bot's stream tells of itself."""

    words: list[str] = attrs.field(factory=list)
    pongs: int = 0

    def up(self, _blind_ms: int, *, resumed: bool) -> None:
        self.words.append("up")

    def down(self) -> None:
        self.words.append("down")

    def pong(self, _round_trip_ms: int) -> None:
        self.pongs += 1


@pytest.mark.parametrize("when", ["open", "connecting", "never"])
async def test_the_bots_stream_outlives_the_minute_after_a_renewal_whenever_that_came(
    own: OwnPlace, when: str
) -> None:
    """A connection that is not told of it ends with the old token, and the next is made with the new one."""
    old = Caller(own.venue.http, tokens.issue(AMM_ID, TokenType.SERVICE, "SYSTEM_BOT"))
    assert old.token is not None
    mine, heard = Credentials(old.token), Heard()

    def now_ms() -> int:
        """The stream asks for the time when it has opened, just before it calls itself connected."""
        if when == "connecting" and not stream.connected:
            mine.use(fresh)
        return 0

    stream = CommandStream(f"ws://127.0.0.1:{own.port}/ws/v1/commands", mine, now_ms, grace_ms=5_000)
    stream.markets = heard  # type: ignore[assignment]  # nothing happens of which it would tell more
    async with trio.open_nursery() as nursery:
        fresh = (await own.call(old, "POST", "/amm/token/renew")).data["service_token"]
        nursery.start_soon(stream.run)
        with trio.fail_after(10):
            while not heard.words:
                await trio.sleep(0.01)
        if when != "connecting":
            mine.use(fresh)
        if when == "open":
            await stream.authenticate()
        await own.sql("UPDATE ended_tokens SET ends_at = now() + interval '1 s'")
        with trio.fail_after(10):
            while (await own.call(old, "GET", "/account/balance")).status != 401:
                await trio.sleep(0.05)
        pongs = heard.pongs
        with trio.fail_after(10):
            while heard.pongs < pongs + 3 or heard.words[-1] == "down":
                await trio.sleep(0.05)
        nursery.cancel_scope.cancel()
    assert heard.words == (["up", "down", "up"] if when == "never" else ["up"])


async def test_a_request_asks_no_table_while_the_line_is_alive(db: Database) -> None:
    @attrs.frozen
    class Counted(Users):
        asked: list[str] = attrs.field(factory=list)

        async def standings(self, user_ids: Iterable[str]) -> dict[str, Standing]:
            self.asked.extend(user_ids)
            return await super().standings(user_ids)

    users = Counted(db)
    identities = Identities(tokens, users, ApiKeys(db), Clock(), ())
    token = tokens.issue(AMM_ID, TokenType.ACCESS, "SYSTEM_BOT")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(identities.run)
        with trio.fail_after(10):
            while not identities.is_current:
                await trio.sleep(0.01)
        for _ in range(100):
            await identities.authenticate(token)
        assert users.asked == [AMM_ID]
        nursery.cancel_scope.cancel()


async def test_who_connects_while_the_tables_are_asked_is_not_taken_for_nobody(db: Database) -> None:
    """The answer that is on its way then speaks of everybody who was connected before, and of nobody else."""

    @attrs.frozen
    class Slow(Users):
        asked: trio.Event = attrs.field(factory=trio.Event)
        answered: trio.Event = attrs.field(factory=trio.Event)
        may_answer: trio.Event = attrs.field(factory=trio.Event)

        @contextlib.asynccontextmanager
        async def listening(self) -> AsyncIterator[Any]:
            await trio.sleep_forever()
            yield

        async def standings(self, user_ids: Iterable[str]) -> dict[str, Standing]:
            found = await super().standings(user_ids)
            if self.asked.is_set():
                self.answered.set()
            self.asked.set()
            await self.may_answer.wait()
            return found

    users = Slow(db)
    late = await users.add("late", "late@example.org", "x", "USER")
    assert not isinstance(late, str)
    identities, lost = Identities(tokens, users, ApiKeys(db), Clock(), ()), list[str]()

    def connect(user_id: str, role: str) -> None:
        claims = tokens.read(tokens.issue(user_id, TokenType.ACCESS, role), TokenType.ACCESS)
        who = Principal(user_id, "", AccountType(role), claims, claims.exp)
        identities.watch(who, lambda why: lost.append(f"{role}: {why}"))

    connect(AMM_ID, "SYSTEM_BOT")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(identities.run)
        with trio.fail_after(10):
            await users.asked.wait()
            connect(late.id, "USER")
            users.may_answer.set()
            await users.answered.wait()  # the first answer has been looked at before a second is asked for
        nursery.cancel_scope.cancel()
    assert lost == []


async def test_nobody_keeps_a_right_by_having_the_tables_asked_again_and_again(own: OwnPlace) -> None:
    """Whoever logs out, also of what has ended long ago, may do so as often as he likes."""
    user, refresh_token = await a_user(own)
    body = b'{"refresh_token":"%s"}' % (await a_user(own))[1].encode()
    head = b"POST /api/v1/auth/logout HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"
    logout = head % len(body) + body

    async def flood() -> None:
        async with await trio.open_tcp_stream("127.0.0.1", own.port) as stream, trio.open_nursery() as both:
            both.start_soon(read_on, stream)
            while True:
                await stream.send_all(10 * logout)

    async def read_on(stream: trio.SocketStream) -> None:
        async for _ in stream:
            pass

    async with everything_open(own, user, refresh_token) as opened, trio.open_nursery() as nursery:
        for _ in range(8):
            nursery.start_soon(flood)
        await trio.sleep(0.5)
        await own.sql(f"UPDATE users SET is_active = FALSE WHERE id = '{user.user_id}'")
        codes = await opened.ended(SECOND + 2 * NOISE)
        nursery.cancel_scope.cancel()
    assert codes == CLOSED


async def test_changes_of_one_do_not_delay_those_of_another(db: Database) -> None:
    """However often something of ours is changed while the line is asked, what it tells of others counts."""

    class Restless(Users):
        @contextlib.asynccontextmanager
        async def listening(self) -> AsyncIterator[Any]:
            async with super().listening() as line:
                yield RestlessLine(line)

    @attrs.frozen
    class RestlessLine:
        line: Any

        async def heard(self, seconds: float) -> frozenset[str]:
            told: frozenset[str] = await self.line.heard(seconds)
            return told

        async def standings(self, user_ids: Iterable[str]) -> dict[str, Standing]:
            found: dict[str, Standing] = await self.line.standings(user_ids)
            identities.forget(noisy)
            return found

    noisy, users = str(uuid.uuid4()), Restless(db)
    added = await users.add("quiet", "quiet@example.org", "x", "USER")
    assert not isinstance(added, str)
    identities, lost = Identities(tokens, users, ApiKeys(db), Clock(), ()), trio.Event()
    token = tokens.issue(added.id, TokenType.ACCESS, "USER")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(identities.run)
        with trio.fail_after(10):
            while not identities.is_current:
                await trio.sleep(0.01)
            identities.watch(await identities.authenticate(token), lambda why: lost.set())
            assert await users.set_active(added.id, False)
            await lost.wait()
            with pytest.raises(RefusedError):
                await identities.authenticate(token)
        nursery.cancel_scope.cancel()
