"""The users' table tells of its changes: to every program on the database, whoever makes them."""

from collections.abc import AsyncIterator

import pytest
import trio

from adapters.wire.user_responses import WORKER_ID
from kernel.codes import AMM_ID
from persistence.postgres.database import Connection, Database
from persistence.tables.users import ChangeListener, Users

ADD = "INSERT INTO users (username, email, password_hash) VALUES ('ann', 'ann@example.com', 'x')"
A_SESSION = (
    "INSERT INTO sessions (id, user_id, refresh_hash, created_at, last_used_at) "
    f"VALUES (gen_random_uuid(), '{AMM_ID}', sha256('x'), now(), now())"
)
STATEMENTS = {
    "a user is kept out": "UPDATE users SET is_active = FALSE WHERE username = 'amm_market_maker'",
    "a user is deleted": "DELETE FROM users WHERE username = 'amm_market_maker'",
    "a session ends": "UPDATE sessions SET ended_at = now()",
    "a session is deleted": "DELETE FROM sessions",
    "a token is ended": f"INSERT INTO ended_tokens VALUES (sha256('y'), '{AMM_ID}', now(), now())",
    "all users are deleted at once": "TRUNCATE users",
    "all sessions are": "TRUNCATE sessions",
}


@pytest.fixture
async def line(db: Database) -> AsyncIterator[ChangeListener]:
    """What a server on this database hears."""
    async with Users(db).listening() as line:
        yield line


@pytest.mark.parametrize("name", STATEMENTS)
async def test_a_change_made_in_plain_sql_is_heard_and_of_whom(
    connection: Connection, db: Database, name: str
) -> None:
    await connection.execute(A_SESSION)
    async with Users(db).listening() as line:
        await connection.execute(STATEMENTS[name])
        assert await line.heard(10) == {"" if "TRUNCATE" in STATEMENTS[name] else AMM_ID}


async def test_what_changes_nobodys_rights_is_not_heard(line: ChangeListener, connection: Connection) -> None:
    """Else every login would have everything looked up anew."""
    await connection.execute(A_SESSION)
    await connection.execute("UPDATE sessions SET last_used_at = now(), refresh_hash = sha256('z')")
    await connection.execute("UPDATE sessions SET ended_at = now()")
    await line.heard(10)
    await connection.execute("DELETE FROM sessions")
    assert await line.heard(0.1) == frozenset()


async def test_a_change_that_was_taken_back_is_not_heard(
    line: ChangeListener, connection: Connection
) -> None:
    """Only the second change is: what is heard comes with the commit, so who looks then sees it."""
    await connection.execute("BEGIN")
    await connection.execute(ADD)
    await connection.execute("ROLLBACK")
    assert await connection.fetch_value("SELECT count(*) FROM users") == 2
    await connection.execute("UPDATE users SET is_active = FALSE")
    both = {AMM_ID, WORKER_ID}
    heard = await line.heard(10)
    assert heard <= both
    assert heard | await line.heard(0 if heard == both else 10) == both, "they come one by one"


async def test_what_was_committed_before_a_question_was_told_before_its_answer(
    line: ChangeListener, connection: Connection
) -> None:
    """So an answer says until when everything is known, without waiting for anything."""
    for _ in range(50):
        await connection.execute("UPDATE users SET is_active = NOT is_active")
        await line.standings([])
        assert await line.heard(0) == {AMM_ID, WORKER_ID}


async def test_what_the_program_changes_is_heard_too(line: ChangeListener, db: Database) -> None:
    users = Users(db)
    user = await users.add("ann", "ann@example.com", "x", "USER")
    assert not isinstance(user, str)
    assert await line.heard(10) == {user.id}
    assert await users.set_active(user.id, is_active=False)
    assert await line.heard(10) == {user.id}
    standing = (await line.standings([user.id, "no id"]))[user.id]
    assert (standing.user.is_active, standing.user.token_generation) == (False, 1)


async def test_who_has_changed_has_no_session_left(connection: Connection, db: Database) -> None:
    await connection.execute(A_SESSION)
    users = Users(db)
    assert len((await users.standings([AMM_ID]))[AMM_ID].sessions) == 1
    await connection.execute("UPDATE users SET token_generation = token_generation + 1")
    assert not (await users.standings([AMM_ID]))[AMM_ID].sessions


@pytest.mark.parametrize(
    ("username", "change", "generation"),
    [
        ("ann", "account_type = 'ADMIN'", 1),
        ("ann", "password_hash = 'y'", 1),
        ("ann", "is_active = FALSE", 1),
        ("ann", "email = 'ann@example.org'", 0),
        ("amm_market_maker", "is_active = FALSE", 1),
        ("amm_market_maker", "password_hash = 'y'", 0),
        ("mm_worker", "is_active = FALSE", 1),
        ("mm_worker", "password_hash = 'y'", 0),
    ],
)
async def test_what_a_user_is_or_may_cannot_change_behind_its_tokens(
    connection: Connection, username: str, change: str, generation: int
) -> None:
    await connection.execute(ADD)
    await connection.execute(f"UPDATE users SET {change} WHERE username = '{username}'")
    found = await connection.fetch_value(f"SELECT token_generation FROM users WHERE username = '{username}'")
    assert found == generation


SOMEBODY_WAITS = """
    SELECT EXISTS (SELECT FROM pg_stat_activity
                   WHERE wait_event_type = 'Lock' AND datname = current_database())
"""
TAKEN_AWAY = {"role": "account_type = 'USER'", "entrance": "is_active = FALSE"}


@pytest.mark.parametrize("first", TAKEN_AWAY)
@pytest.mark.parametrize("second", TAKEN_AWAY)
async def test_of_two_administrators_who_shut_each_other_out_at_once_one_stays(
    db: Database, connection: Connection, first: str, second: str
) -> None:
    """The second waits for what the first is about to do, and then leaves nobody without."""
    users = Users(db)
    ann, ben = [await users.add(name, f"{name}@example.org", "x", "ADMIN") for name in ("ann", "ben")]
    assert not isinstance(ann, str)
    assert not isinstance(ben, str)
    results: list[bool] = []

    async def shut_out_ben() -> None:
        if second == "role":
            results.append(await users.set_account_type("ben", "USER", spares_last_admin=True))
        else:
            results.append(await users.set_active(ben.id, False, spares_last_admin=True))

    watching = await db.connect()
    async with trio.open_nursery() as nursery, connection.transaction():
        await connection.execute(f"UPDATE users SET {TAKEN_AWAY[first]} WHERE username = 'ann'")
        nursery.start_soon(shut_out_ben)
        with trio.fail_after(30):
            while not results and not await watching.fetch_value(SOMEBODY_WAITS):
                await trio.sleep(0.01)
    watching.abandon()
    assert results == [False]
    assert await users.set_active(ann.id, True)
    assert await users.set_account_type("ann", "ADMIN")
    assert await users.set_account_type("ben", "USER", spares_last_admin=True)
    assert not await users.set_account_type("ann", "USER", spares_last_admin=True)
    assert await users.set_active(ben.id, False, spares_last_admin=True), "who is none may be shut out"
    assert await users.set_account_type("ann", "USER"), "an operator may"
