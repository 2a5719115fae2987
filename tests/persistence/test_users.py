"""The users' table tells of its changes: to every program on the database, whoever makes them."""

from collections.abc import AsyncIterator

import pytest
import trio

from persistence.database import Connection, Database
from persistence.users import Users

ADD = "INSERT INTO users (username, email, password_hash) VALUES ('ann', 'ann@example.com', 'x')"
STATEMENTS = {
    "a user is added": ADD,
    "a user is kept out": "UPDATE users SET is_active = FALSE WHERE username = 'amm_market_maker'",
    "a user is deleted": "DELETE FROM users WHERE username = 'amm_market_maker'",
    "all are deleted at once": "TRUNCATE users",
}


@pytest.fixture
async def told(db: Database) -> AsyncIterator[trio.MemoryReceiveChannel[bool]]:
    """What a server on this database hears; it listens already."""
    send, receive = trio.open_memory_channel[bool](10)

    async def listen() -> None:
        async for hears in Users(db).changes():
            await send.send(hears)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(listen)
        assert await receive.receive()
        yield receive
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("statement", STATEMENTS.values(), ids=STATEMENTS)
async def test_a_change_made_in_plain_sql_is_heard(
    told: trio.MemoryReceiveChannel[bool], connection: Connection, statement: str
) -> None:
    await connection.execute(statement)
    with trio.fail_after(10):
        assert await told.receive()


async def test_a_change_that_was_taken_back_is_not_heard(
    told: trio.MemoryReceiveChannel[bool], connection: Connection
) -> None:
    """Only the second change is: what is heard comes with the commit, so who looks then sees it."""
    await connection.execute("BEGIN")
    await connection.execute(ADD)
    await connection.execute("ROLLBACK")
    assert await connection.fetch_value("SELECT count(*) FROM users") == 1
    await connection.execute(ADD)
    with trio.fail_after(10):
        assert await told.receive()
    with pytest.raises(trio.WouldBlock):
        told.receive_nowait()


async def test_what_the_program_changes_is_heard_too(
    told: trio.MemoryReceiveChannel[bool], db: Database
) -> None:
    users = Users(db)
    user = await users.add("ann", "ann@example.com", "x", "USER")
    assert not isinstance(user, str)
    with trio.fail_after(10):
        assert await told.receive()
    assert await users.set_active(user.id, is_active=False)
    with trio.fail_after(10):
        assert await told.receive()


@pytest.mark.parametrize(
    ("username", "change", "generation"),
    [
        ("ann", "account_type = 'ADMIN'", 1),
        ("ann", "password_hash = 'y'", 1),
        ("ann", "is_active = FALSE", 1),
        ("ann", "email = 'ann@example.org'", 0),
        ("amm_market_maker", "is_active = FALSE", 1),
        ("amm_market_maker", "password_hash = 'y'", 0),
    ],
)
async def test_what_a_user_is_or_may_cannot_change_behind_its_tokens(
    connection: Connection, username: str, change: str, generation: int
) -> None:
    await connection.execute(ADD)
    await connection.execute(f"UPDATE users SET {change} WHERE username = '{username}'")
    found = await connection.fetch_value(f"SELECT token_generation FROM users WHERE username = '{username}'")
    assert found == generation
