"""API keys: how people make and end them, what is kept of them, and what one that is none costs."""

import hashlib
import re
import uuid
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import httpx
import pytest
import trio

from adapters.access import api_keys as access
from adapters.access.api_keys import KeyOwners, KeyUses, fresh_key, hash_of_key
from adapters.access.identity import Identities
from adapters.runtime.clock import Clock
from adapters.wire.status import RefusedError
from persistence.postgres.database import Connection, Database
from persistence.tables.api_keys import ACTIVE_MAX, REVOKED_KEPT, ApiKeys
from persistence.tables.users import Standing, Users
from tests.adapters.serving import Caller, Venue, serving, tokens, until, venue
from tests.adapters.serving import database_for as database_of

MEMBERS = {"id", "name", "prefix", "scopes", "created_at", "expires_at", "last_used_at", "revoked_at"}


def make(user: Caller, **more: Any) -> Any:
    return user.post("/account/api-keys", **{"name": "bot", "scopes": ["read"], **more})


def with_key(user: Caller, secret: str) -> Caller:
    return attrs.evolve(user, token=secret)


# Over HTTP


def test_a_key_is_shown_once_and_opens_what_its_scopes_name(the_venue: Venue) -> None:
    user = the_venue.user(10_000)
    market = the_venue.market()
    answer = make(user, scopes=["trade", "read"])
    assert answer.verdict == (201, 0)
    assert "X-Journal-Id" not in answer.headers
    assert set(answer.data) == MEMBERS | {"secret"}
    secret = answer.data["secret"]
    assert re.fullmatch(r"vk_[A-Za-z0-9_-]{43}", secret)
    assert answer.data["prefix"] == secret[3:11]
    assert answer.data["scopes"] == ["read", "trade"]
    (shown,) = user.data("/account/api-keys")["items"]
    assert set(shown) == MEMBERS
    assert shown | {"secret": secret} == answer.data
    bot = with_key(user, secret)
    order = bot.placed(market, "BUY YES 10 @40")["order"]
    assert bot.data(f"/orders/{order['id']}")["order"] == order
    assert bot.post(f"/orders/{order['id']}/cancel").status == 200
    refused = bot.post("/account/withdraw", amount_cents=1)
    assert (refused.verdict, refused.data) == ((403, 1008), {"required_scope": "withdraw"})
    assert bot.data("/account/profile")["scopes"] == ["read", "trade"]


def test_an_administrators_key_is_an_ordinary_users(the_venue: Venue) -> None:
    """A leaked key must not resolve markets, nor see what only administrators see."""
    key = with_key(the_venue.admin, make(the_venue.admin, name=str(uuid.uuid4())).data["secret"])
    draft = the_venue.market(active=False)
    assert the_venue.admin.get(f"/markets/{draft}").status == 200
    assert key.get(f"/markets/{draft}").verdict == (404, 3001)
    refused = key.post("/admin/verify-invariants")
    assert (refused.verdict, refused.data) == ((403, 1008), {"required_scope": "LOGIN"})
    assert key.data("/account/profile")["account_type"] == "USER"


@pytest.mark.parametrize(
    ("members", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 65}, "name"),
        ({"name": "a\x00b"}, "name"),
        ({"name": None}, "name"),
        ({"scopes": []}, "scopes"),
        ({"scopes": ["read", "read"]}, "scopes"),
        ({"scopes": ["admin"]}, "scopes[0]"),
        ({"scopes": ["LOGIN"]}, "scopes[0]"),
        ({"scopes": "read"}, "scopes"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
        ({"expires_at": "3000-01-01T00:00:00Z"}, "expires_at"),
        ({"expires_at": "9999-12-31T23:59:59-14:00"}, "expires_at"),
        ({"expires_at": "2999-01-01T00:00:00"}, "expires_at"),
        ({"expires_at": 5}, "expires_at"),
    ],
    ids=str,
)
def test_what_is_no_key_is_malformed(the_venue: Venue, members: dict[str, Any], field: str) -> None:
    answer = make(the_venue.admin, **members)
    assert answer.verdict == (400, 9004)
    assert [error["field"] for error in answer.data["errors"]] == [field]


def test_a_name_is_free_again_once_its_key_is_revoked(the_venue: Venue) -> None:
    user, other = the_venue.user(), the_venue.user()
    first = make(user).data
    assert make(user).verdict == (409, 1011)
    assert make(other).status == 201, "another's names do not matter"
    path = f"/account/api-keys/{first['id']}/revoke"
    assert other.post(path).verdict == (404, 1009)
    once, twice = user.post(path), user.post(path)
    assert once.status == twice.status == 200
    assert once.data == twice.data
    assert once.data["revoked_at"] is not None
    assert with_key(user, first["secret"]).get("/account/balance").verdict == (401, 1006)
    assert make(user).status == 201
    assert [key["name"] for key in user.data("/account/api-keys")["items"]] == ["bot", "bot"]
    for unknown in (str(uuid.uuid4()), "no-uuid", "0"):
        assert user.post(f"/account/api-keys/{unknown}/revoke").verdict == (404, 1009)


def test_twenty_keys_are_enough_and_the_newest_is_shown_first(the_venue: Venue) -> None:
    user = the_venue.user()
    for number in range(ACTIVE_MAX):
        assert make(user, name=f"{number}").status == 201
    assert make(user, name="one more").verdict == (422, 1010)
    assert make(user, name="7").verdict == (409, 1011)
    names = [key["name"] for key in user.data("/account/api-keys")["items"]]
    assert names == [f"{number}" for number in reversed(range(ACTIVE_MAX))]


@pytest.mark.alone
def test_a_key_ends_when_it_was_to_end_and_still_counts(the_venue: Venue) -> None:
    user = the_venue.user()
    at = datetime.now(UTC) + timedelta(seconds=1)
    key = make(user, expires_at=at.astimezone().isoformat()).data
    assert key["expires_at"] == at.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
    bot = with_key(user, key["secret"])
    assert bot.get("/account/balance").status == 200
    until(lambda: bot.get("/account/balance").verdict == (401, 1006), seconds=2)
    assert datetime.now(UTC) >= at
    assert make(user).verdict == (409, 1011), "its name is taken until it is revoked"


def test_a_use_is_noted_beside_the_request_and_once_a_minute(the_venue: Venue) -> None:
    user = the_venue.user()
    bot = with_key(user, make(user).data["secret"])

    def last_used() -> Any:
        return user.data("/account/api-keys")["items"][0]["last_used_at"]

    assert last_used() is None
    bot.get("/account/balance")
    until(lambda: last_used() is not None)
    noted = last_used()
    for _ in range(3):
        bot.get("/account/balance")
    assert last_used() == noted


def test_no_secret_is_kept_or_told(
    server_url: str, template: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Neither in a table, the journal among them, nor in the log, whatever goes wrong with it."""
    folder = tmp_path_factory.mktemp("secrets")
    with (
        database_of(server_url, template) as url,
        serving(url, folder, VERDICT_LOG="debug") as server,
        httpx.Client(base_url=server.address, timeout=30) as http,
    ):
        there = venue(server.address, http)
        user = there.user(1_000)
        answer = make(user, scopes=["read", "trade"])
        secret = answer.data["secret"]
        bot = with_key(user, secret)
        bot.placed(there.market(), "BUY YES 1 @50")
        bot.post("/account/withdraw", amount_cents=1)
        http.get(f"/ws/v1/commands?token={secret}")
        for path in (f"/account/api-keys/{secret}/revoke", f"/nowhere/{secret}", f"/orders/x{secret}/cancel"):
            user.post(path)
        user.post(f"/account/api-keys/{answer.data['id']}/revoke")
        told = [bot.get("/account/balance").envelope, user.data("/account/api-keys")]
        password = "Unheard1ofpassword"
        told.append(user.post("/account/password", current_password=password, new_password=password).envelope)
        told.append(user.post("/account/password", current_password=password, new_password=secret + "\x00"))
        server.stop()
        kept = trio.run(everything_in, url)
        log = server.log.read_text()
    hashed = hashlib.sha256(secret.encode()).digest()
    assert hashed.hex() in kept, "this finds what is there"
    assert "/account/api-keys/vk_.../revoke" in log, "and so does this"
    for private in (secret, secret[11:], password):
        assert private not in kept
        assert private not in log
        assert private not in str(told)


async def everything_in(url: str) -> str:
    """All rows of all tables, as text."""
    from persistence.postgres.database import opened

    async with opened(url) as db, db.borrowed() as connection:
        tables = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        rows = [await connection.fetch(f"SELECT t::text FROM {row['tablename']} AS t") for row in tables]
    return "\n".join(str(row[0]) for found in rows for row in found)


# The table


@pytest.fixture
async def owner(connection: Connection) -> str:
    return str(
        await connection.fetch_value(
            "INSERT INTO users (username, email, password_hash) VALUES ('ann', 'ann@example.org', '!') "
            "RETURNING id"
        )
    )


async def add(db: Database, owner: str, name: str = "bot", generation: int = 0, **more: Any) -> str:
    """A key's text; an assertion fails if there is none."""
    secret = fresh_key()
    key_hash = hash_of_key(secret)
    assert key_hash is not None
    added = await ApiKeys(db).add(
        owner,
        generation,
        key_hash,
        name=name,
        prefix="abcdefgh",
        scopes="read",
        at=datetime.now(UTC),
        **({"expires_at": None} | more),
    )
    assert not isinstance(added, str), added
    return secret


async def test_few_revoked_keys_are_kept_however_many_there_were(
    db: Database, connection: Connection, owner: str
) -> None:
    await connection.execute(
        "INSERT INTO api_keys (id, user_id, name, prefix, key_hash, scopes, created_at, revoked_at) "
        "SELECT gen_random_uuid(), $1::uuid, 'old', 'abcdefgh', sha256(n::text::bytea), 'read', now(), now() "
        "FROM generate_series(1, 150) AS n",
        owner,
    )
    await add(db, owner)
    assert len(await ApiKeys(db).of_user(owner)) == REVOKED_KEPT + 1


async def test_a_key_is_made_in_the_generation_that_asked_for_it_or_not_at_all(
    db: Database, connection: Connection, owner: str
) -> None:
    await connection.execute("UPDATE users SET token_generation = 1")
    with pytest.raises(AssertionError, match="changed"):
        await add(db, owner)


async def test_many_keys_asked_for_at_once_are_no_more_than_may_be(db: Database, owner: str) -> None:
    refused: list[str] = []

    async def try_one(number: int) -> None:
        try:
            await add(db, owner, f"{number}")
        except AssertionError as trouble:
            refused.append(str(trouble))

    async with trio.open_nursery() as nursery:
        for number in range(ACTIVE_MAX + 5):
            nursery.start_soon(try_one, number)
    assert len(await ApiKeys(db).of_user(owner)) == ACTIVE_MAX
    assert len(refused) == 5


# Whose a key is


@attrs.frozen
class Counted(ApiKeys):
    """The table, and how it was asked."""

    asked: list[int] = attrs.field(factory=list)

    async def owners(self, key_hashes: Iterable[bytes]) -> dict[bytes, str]:
        hashes = list(key_hashes)
        self.asked.append(len(hashes))
        return await super().owners(hashes)


@asynccontextmanager
async def identities_of(db: Database, keys: ApiKeys, users: Users) -> AsyncIterator[Identities]:
    identities = Identities(tokens, users, keys, Clock(), ())
    async with trio.open_nursery() as nursery:
        nursery.start_soon(identities.run)
        with trio.fail_after(10):
            while not identities.is_current:
                await trio.sleep(0.01)
        yield identities
        nursery.cancel_scope.cancel()


async def test_a_request_with_a_key_asks_no_table(db: Database, owner: str) -> None:
    @attrs.frozen
    class CountedUsers(Users):
        asked: list[str] = attrs.field(factory=list)

        async def standings(self, user_ids: Iterable[str]) -> dict[str, Standing]:
            self.asked.extend(user_ids)
            return await super().standings(user_ids)

    keys, users = Counted(db), CountedUsers(db)
    secret = await add(db, owner)
    async with identities_of(db, keys, users) as identities:
        for _ in range(100):
            principal = await identities.authenticate(secret)
    assert principal.user_id == owner
    assert (keys.asked, users.asked) == ([1], [owner])


async def test_a_key_that_another_program_made_opens_at_once(db: Database, owner: str) -> None:
    """Also where its owner is remembered from before, without it, and nobody has told of it yet."""

    class Late(Users):
        @asynccontextmanager
        async def listening(self) -> AsyncIterator[Any]:
            async with super().listening() as line:
                yield LateLine(line)

    @attrs.frozen
    class LateLine:
        line: Any

        async def heard(self, seconds: float) -> frozenset[str]:
            await trio.sleep(seconds)
            return frozenset()

        async def standings(self, user_ids: Iterable[str]) -> dict[str, Standing]:
            found: dict[str, Standing] = await self.line.standings(user_ids)
            return found

    async with identities_of(db, ApiKeys(db), Late(db)) as identities:
        first = await add(db, owner, "first")
        await identities.authenticate(first)
        second = await add(db, owner, "second")
        assert (await identities.authenticate(second)).user_id == owner


async def test_keys_that_nobody_has_are_asked_for_together_and_not_too_often(
    db: Database, owner: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thousand strangers are a few questions, one at a time; and whoever has a key gets in among them."""
    monkeypatch.setattr(access, "PACE", 0.05)
    keys = Counted(db)
    secret = await add(db, owner)
    async with identities_of(db, keys, Users(db)) as identities:
        began = trio.current_time()

        async def stranger() -> None:
            with pytest.raises(RefusedError):
                await identities.authenticate(fresh_key())

        async with trio.open_nursery() as nursery:
            for _ in range(1_000):
                nursery.start_soon(stranger)
            assert (await identities.authenticate(secret)).user_id == owner
        for _ in range(3):
            await stranger()
        took = trio.current_time() - began
    assert sum(keys.asked) == 1_004
    assert len(keys.asked) <= took / 0.05 + 1
    assert len(keys.asked) <= 6


async def test_what_cannot_be_a_key_is_not_asked_for(db: Database) -> None:
    keys = Counted(db)
    identities = Identities(tokens, Users(db), keys, Clock(), ())
    whole = fresh_key()
    for text in ("vk_", whole[:-1], whole + "A", whole + "\n", whole[:-1] + "+", "vk_" + "\N{SNOWMAN}" * 43):
        with pytest.raises(RefusedError):
            await identities.authenticate(text)
    assert keys.asked == []


async def test_who_gives_up_or_fails_leaves_the_question_to_the_others(db: Database, owner: str) -> None:
    class Shaky(ApiKeys):
        async def owners(self, key_hashes: Iterable[bytes]) -> dict[bytes, str]:
            if failures:
                raise failures.pop()
            return await super().owners(key_hashes)

    failures: list[Exception] = [OSError("away")]
    key_hash = hash_of_key(await add(db, owner))
    assert key_hash is not None
    owners = KeyOwners(Shaky(db))
    found: list[str | None] = []

    async def ask() -> None:
        try:
            found.append(await owners.ask(key_hash))
        except OSError:
            found.append(None)

    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(ask)
        gone = trio.CancelScope()
        with gone:
            nursery.start_soon(ask)
            gone.cancel()
    assert sorted(found, key=str) == sorted([None, owner, owner, owner], key=str)


async def test_uses_are_told_once_a_minute_for_each_key(autojump_clock: trio.testing.MockClock) -> None:
    uses = KeyUses()
    for at in (1, 2):
        uses.note(b"a", at)
    uses.note(b"b", 3)
    assert uses.take() == {b"a": 1, b"b": 3}
    uses.note(b"a", 4)
    await trio.sleep(59)
    assert uses.take() == {}
    uses.note(b"a", 5)
    await trio.sleep(1)
    assert uses.take() == {}
    uses.note(b"a", 6)
    assert uses.take() == {b"a": 6}


async def test_noting_a_use_waits_for_nobody(db: Database, connection: Connection, owner: str) -> None:
    """A key that is being revoked is passed over: two programs would wait for each other's rows."""
    hashes = [hash_of_key(await add(db, owner, f"{number}")) for number in range(2)]
    await connection.execute("BEGIN")
    await connection.execute("UPDATE api_keys SET revoked_at = now() WHERE name = '0'")
    with trio.fail_after(20):
        await ApiKeys(db).record_uses({one: datetime.now(UTC) for one in hashes if one is not None})
    await connection.execute("ROLLBACK")
    assert [key.last_used_at is not None for key in await ApiKeys(db).of_user(owner)] == [True, False]
