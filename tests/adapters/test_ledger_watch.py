"""The minute's look at the ledger, at a real exchange: what was changed by hand is found wherever it is."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import attrs
import pytest
import trio

from adapters.cli.serve import running
from adapters.operations.audit import verify
from adapters.runtime.clock import Clock
from adapters.runtime.settings import load_settings
from adapters.service import ledger_watch
from adapters.service.ledger_watch import ASKED_AT_ONCE, COMPARED_AT_ONCE, LedgerWatch
from adapters.service.server import History, Server
from kernel.answers import Refusal
from kernel.codes import Direction, Side
from kernel.commands import AnyCommand, Deposit, OpenAccount, OrderTerms, PlaceOrder
from kernel.market import Account
from persistence.postgres import database
from tests.adapters.serving import PASSWORD
from tests.holding import watching

MARKET = "MKT-BTC-100K-2026"


@attrs.frozen
class Venue:
    server: Server
    url: str

    async def ask(self, *commands: AnyCommand) -> None:
        for outcome in await self.server.actors.ask(*commands):
            assert not isinstance(outcome.answer, Refusal)

    async def deposit(self, user_id: str, amount: int) -> None:
        await self.ask(Deposit(at=self.server.clock.now(), user_id=user_id, amount=amount))

    async def buy(self, user_id: str, number: int) -> None:
        await self.ask(
            PlaceOrder(
                at=self.server.clock.now(),
                user_id=user_id,
                client_order_id=f"o-{number}",
                market_id=MARKET,
                terms=OrderTerms(Side.YES, Direction.BUY, 5, 3),
                nonce=number,
            )
        )

    async def by_hand(self, *statements: str) -> None:
        """Somebody has a hand in the tables; these are as new as the exchange."""
        await self.server.wait_projected(self.server.exchange.head)
        async with database.opened(self.url) as db:
            connection = await db.connect()
            for sql in statements:
                await connection.execute(sql)
            await connection.close()


@contextlib.asynccontextmanager
async def serving(url: str, folder: Path) -> AsyncIterator[Venue]:
    values = {
        "DATABASE_URL": url,
        "VERDICT_PORT": "0",
        "VERDICT_METRICS_PORT": "0",
        "VERDICT_MAKERS": "0",
        "VERDICT_DATA": str(folder),
    }
    settings = load_settings(values | {"VERDICT_ADMIN_PASSWORD": PASSWORD})
    async with running(settings, Clock()) as exchange:
        there = Venue(exchange.server, url)
        for user_id in ("ann", "ben"):
            await there.ask(OpenAccount(at=there.server.clock.now(), user_id=user_id))
            await there.deposit(user_id, 1000)
        with trio.fail_after(60):
            yield there


def moved_in_memory(server: Server) -> None:
    """What is in memory adds up as before."""
    server.exchange.accounts["ann"].available -= 100
    server.exchange.accounts["ben"].available += 100


async def test_an_exchange_at_work_has_nothing_to_report(database_url: str, tmp_path: Path) -> None:
    async with serving(database_url, tmp_path) as there:
        watch = LedgerWatch(there.server)
        async with trio.open_nursery() as nursery:
            for user_id in ("ann", "ben"):

                async def trade(user_id: str = user_id) -> None:
                    for number in range(50):
                        await there.buy(user_id, number)
                        await there.deposit(user_id, 1 + number)

                nursery.start_soon(trade)
            for _ in range(20):
                assert await watch.look() == []
        assert await watch.look() == []
        assert (await verify(there.server)).data.all_passed


async def test_cents_that_moved_in_memory_are_found_and_everything_is_halted(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_watch, "AUDIT_SECONDS", 0.02)
    async with serving(database_url, tmp_path) as there:
        server = there.server
        moved_in_memory(server)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(LedgerWatch(server).run)
            while not server.exchange.markets[MARKET].open_breakers:
                await trio.sleep(0.01)
            nursery.cancel_scope.cancel()
        invariants = {violation.invariant for violation in server.exchange.audit()}
        assert invariants == {"equity"}, "no sum over all accounts shows it, only what each has gained"
        history = await server.history_as_of(server.exchange.head)
        rows = await history.newest(
            "circuit_breaker_events", {"market_id": MARKET}, {}, before=None, limit=10
        )
        assert rows
        assert rows[0]["trigger_reason"] == "INVARIANT_BALANCE"
        reply = (await verify(server)).data
        failed = {check.name: check for check in reply.checks if not check.passed}
        assert failed.keys() == {"ledger_chain", "equity"}
        chain = failed["ledger_chain"]
        found = {told["user_id"]: told for told in chain.details["violations"]}
        assert found.keys() == {"ann", "ben"}
        assert (found["ann"]["available"], found["ann"]["last_balance_after"]) == (900, 1000)
        server.exchange.accounts["ann"].available += 100
        server.exchange.accounts["ben"].available -= 100


async def test_each_number_of_an_account_is_held_against_the_ledger(
    database_url: str, tmp_path: Path
) -> None:
    """Also when entries came in between: the first look's numbers are what they are added to."""
    async with serving(database_url, tmp_path) as there:
        watch, ann = LedgerWatch(there.server), there.server.exchange.accounts["ann"]
        assert await watch.look() == []
        for number, (available, frozen, version) in enumerate([(-7, 7, 0), (0, 7, 0), (7, 0, 0), (0, 0, 1)]):
            for _ in range(2):  # at rest, and with an order in between
                change(ann, available, frozen, version)
                for _ in range(2):
                    (violation,) = await watch.look()
                    assert (violation.invariant, violation.numbers["user_id"]) == ("ledger_chain", "ann")
                change(ann, -available, -frozen, -version)
                assert await watch.look() == []
                await there.buy("ann", number)


def change(account: Account, available: int, frozen: int, version: int) -> None:
    account.available += available
    account.frozen += frozen
    account.version += version


BY_HAND = (
    "UPDATE accounts SET available_balance = 1100 WHERE user_id = '{}'",
    "UPDATE accounts SET frozen_balance = 5 WHERE user_id = '{}'",
    "DELETE FROM accounts WHERE user_id = '{}'",
    "UPDATE ledger_entries SET balance_after = 1100 WHERE user_id = '{}'",
    "DELETE FROM ledger_entries WHERE user_id = '{}'",
    "UPDATE ledger_entries SET user_id = 'eve' WHERE user_id = '{}'",
)


async def test_what_is_changed_in_the_tables_is_found(database_url: str, tmp_path: Path) -> None:
    async with serving(database_url, tmp_path) as there:
        watch, names = LedgerWatch(there.server), [f"user-{number}" for number in range(len(BY_HAND))]
        for name in names:
            await there.ask(OpenAccount(at=there.server.clock.now(), user_id=name))
            await there.deposit(name, 1000)
        assert await watch.look() == []
        await there.by_hand(*[sql.format(name) for sql, name in zip(BY_HAND, names, strict=True)])
        assert [violation.numbers["user_id"] for violation in await watch.look()] == names
        assert not (await verify(there.server)).data.all_passed


async def test_only_what_moved_is_asked_for(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others have their turn; the loop is held by none of it."""
    monkeypatch.setattr(ledger_watch, "AT_REST", 100)
    async with serving(database_url, tmp_path) as there:
        server, asked = there.server, Asked(await there.server.history_as_of(0))
        watch = LedgerWatch(attrs.evolve(server, history=cast(History, asked)))
        at = server.clock.now()
        many = 2 * COMPARED_AT_ONCE + 10
        await there.ask(*[OpenAccount(at=at, user_id=f"user-{number}") for number in range(many)])
        everybody = set(server.exchange.accounts)
        with watching() as holding:
            assert await watch.look() == []
            assert (set(asked.names), len(asked.names)) == (everybody, len(everybody))
            assert max(asked.sizes) <= ASKED_AT_ONCE
            await there.deposit("user-4000", 5)
            asked.names.clear()
            assert await watch.look() == []
        assert holding.ms < 20, holding.by
        assert len(asked.names) == 101
        assert "user-4000" in asked.names
        for _ in range(len(everybody) // 100):
            await watch.look()
        assert set(asked.names) == everybody, "everybody at rest has a turn"


class Asked:
    """The tables, and whom they were asked for."""

    def __init__(self, history: Any) -> None:
        self._history = history
        self.names: list[str] = []
        self.sizes: list[int] = []

    async def balances(self, accounts: Any, ledger_id: int, at: int) -> Any:
        self.names += [name for name, _, _ in accounts]
        self.sizes.append(len(accounts))
        return await self._history.balances(accounts, ledger_id, at)
