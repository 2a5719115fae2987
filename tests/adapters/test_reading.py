"""The two promises of reading, with a journal and tables that are held up on purpose.

Nothing is told before it is durable; and nothing that somebody was told is missing from what is told after.
"""

import ast
import contextlib
import queue
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
import trio

from adapters.wire.paging import cursor_at
from persistence.postgres import database
from persistence.tables.users import Users
from tests.adapters.serving import ROOT, Answer, Caller, Venue, database_for, on, serving, until, venue


@pytest.fixture(scope="module")
def held_up(
    server_url: str, template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Venue, str]]:
    folder: Path = tmp_path_factory.mktemp("held-up")
    with (
        database_for(server_url, template) as url,
        serving(url, folder) as server,
        httpx.Client(base_url=server.address, timeout=60) as http,
    ):
        yield venue(server.address, http), url


@contextlib.contextmanager
def locked(url: str, table: str) -> Iterator[None]:
    """Nobody writes the table while the body runs; who wants to waits."""
    ready: queue.Queue[BaseException | None] = queue.Queue()
    release = threading.Event()

    async def hold() -> None:
        async with database.opened(url) as db:
            connection = await db.connect()
            async with connection.transaction():
                await connection.execute(f"LOCK TABLE {table} IN SHARE MODE")
                ready.put(None)
                await trio.to_thread.run_sync(release.wait)
            await connection.close()

    def run() -> None:
        try:
            trio.run(hold)
        except BaseException as trouble:
            ready.put(trouble)
            raise

    holder = threading.Thread(target=run)
    holder.start()
    try:
        trouble = ready.get()
        if trouble is not None:
            raise trouble
        yield
    finally:
        release.set()
        holder.join()


def test_nobody_hears_of_a_deposit_before_it_is_durable(held_up: tuple[Venue, str]) -> None:
    """The journal cannot be written: the deposit waits, and so does who asks for the balance, for a while."""
    the_venue, url = held_up
    ann, ben = the_venue.user(100), the_venue.user(100)
    with ThreadPoolExecutor(1) as pool, httpx.Client(base_url=the_venue.address, timeout=60) as other:
        with locked(url, "wal_events"):
            waiting: Future[Answer] = pool.submit(
                Caller(other, ann.token).post, "/account/deposit", amount_cents=50
            )
            while (refused := ann.get("/account/balance")).status == 200:
                assert refused.data["available_balance_cents"] == 100, "told too early"
            assert refused.verdict == (503, 9003)
            assert refused.headers["Retry-After"] == "1"
            assert not waiting.done()
            assert ben.get("/account/ledger").status == 200, "what was durable before is still told"
        assert waiting.result().verdict == (200, 0)
    assert ann.data("/account/balance")["available_balance_cents"] == 150


def test_a_list_waits_for_what_its_caller_was_told(held_up: tuple[Venue, str]) -> None:
    """The tables cannot be written: rather nothing is said than without an acknowledged entry."""
    the_venue, url = held_up
    ann = the_venue.user(100)
    with locked(url, "ledger_entries"):
        assert ann.post("/account/deposit", amount_cents=1).status == 200
        assert ann.get("/account/ledger").verdict == (503, 9003)
        assert ann.data("/account/balance")["available_balance_cents"] == 101, (
            "memory does not wait for tables"
        )
    amounts = [entry["amount_cents"] for entry in ann.data("/account/ledger")["items"]]
    assert amounts == [1, 100]


def test_the_last_page_says_from_when_on_all_is_there(held_up: tuple[Venue, str]) -> None:
    """Months of old may have left the tables; until one has, nothing is said of it."""
    the_venue, url = held_up
    ann, market = the_venue.user(100), the_venue.market()
    ann.post("/account/deposit", amount_cents=1)
    lists = ("/account/ledger", "/trades", f"/markets/{market}/trades")
    for path in lists:
        assert ann.data(path).keys() == {"items", "next_cursor", "has_more"}
    on(url, "INSERT INTO history_cuts VALUES ('2026-01-01Z', 1, 1) RETURNING 1")
    for path in lists:
        assert ann.data(path)["complete_since"] == "2026-01-01T00:00:00.000000Z"
    assert "complete_since" not in ann.data("/account/ledger", limit=1)
    assert ann.get("/account/ledger", cursor=cursor_at("1")).data["items"] == []
    assert ann.get("/account/ledger", cursor=cursor_at("1000000")).verdict == (400, 9004)


def test_every_entry_is_there_as_soon_as_it_is_acknowledged(held_up: tuple[Venue, str]) -> None:
    ann = held_up[0].user()
    for count in range(1, 31):
        ann.post("/account/deposit", amount_cents=count)
        newest = ann.data("/account/ledger", limit=1)["items"][0]
        assert newest["amount_cents"] == count


@pytest.mark.alone
def test_a_cut_of_every_connection_is_survived(held_up: tuple[Venue, str]) -> None:
    """Journal, projector, questions and the ear for changed users: each finds its way back."""
    the_venue, url = held_up
    ann = the_venue.user(100)

    async def cut() -> None:
        async with database.opened(url) as db, db.borrowed() as connection:
            await connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )

    async def disable() -> None:
        async with database.opened(url) as db:
            assert await Users(db).set_active(ann.user_id, False)

    trio.run(cut)
    answers = [ann.get("/account/ledger"), ann.post("/account/deposit", amount_cents=1)]
    assert all(answer.verdict in ((200, 0), (503, 9003)) for answer in answers), answers
    until(lambda: ann.get("/account/ledger").status == 200)
    assert ann.post("/account/deposit", amount_cents=1).status == 200
    until(lambda: the_venue.http.get("/ready").status_code == 200)
    trio.run(disable)
    until(lambda: ann.get("/account/balance").verdict == (422, 1004), seconds=3)


def looks_without_waiting(source: str) -> list[str]:
    """Names of coroutines that look at the state and wait for no journal, tables or decision."""
    looking = [
        (node.name, ast.unparse(node))
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.AsyncFunctionDef) and "server.exchange." in ast.unparse(node)
    ]
    waits = ("server.wait_durable(", "server.history_as_of(", "server.decide(", "changed_market(")
    return [name for name, text in looking if not any(wait in text for wait in waits)]


def test_whoever_looks_at_the_state_says_what_it_waits_for() -> None:
    """Plain functions are waited for by `from_memory`; this is about the others."""
    for path in (ROOT / "adapters" / "operations").glob("*.py"):
        assert looks_without_waiting(path.read_text()) == [], path.name


def test_a_look_without_waiting_is_found() -> None:
    hasty = "async def get_stats(server, call):\n    return Reply(stats(server.exchange.markets['M']))"
    assert looks_without_waiting(hasty) == ["get_stats"]
