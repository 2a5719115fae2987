"""The minute's look at the ledger: does what an account has in memory follow from what was written down?

The audit of the state adds up what is in memory, so cents that moved from one account to another without an
entry escape it. Here each balance is held against the account's last entry, and what came since the look
before against the entries since then. What an account had at that look is remembered, so the past costs
nothing. Accounts whose balance moved are judged at once. Those at rest are judged in turn: that finds what
was changed in the tables.
"""

from collections.abc import Sequence
from typing import Any, Final

import attrs
import structlog
import trio

from adapters.service.schedule import AUDIT_SECONDS, halt
from adapters.service.server import Row, Server
from adapters.wire.status import RefusedError
from kernel.audit import Violation
from kernel.state import Account

log = structlog.get_logger(__name__)

ASKED_AT_ONCE: Final = 250
"""Accounts of one query: some milliseconds of the loop for the answer."""
COMPARED_AT_ONCE: Final = 2_000
"""Accounts of one step through the memory: a millisecond."""
AT_REST: Final = 10_000
"""Accounts judged in one look although nothing moved: of more, each has its turn some minutes later."""
ENTRIES_MAX: Final = 100_000
"""Entries of an account since the look before that are added up; of more, the last alone is looked at."""


@attrs.frozen
class Balance:
    """What an account had at one moment of the ledger."""

    user_id: str
    available: int
    frozen: int
    version: int
    ledger_id: int
    at: int

    def is_still(self, account: Account) -> bool:
        return (account.available, account.frozen, account.version) == (
            self.available,
            self.frozen,
            self.version,
        )


class LedgerWatch:
    """Looks again and again, and knows what it saw."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._seen: dict[str, Balance] = {}
        """What each account had when it was last found in order."""
        self._turn = 0
        """Which account at rest is next."""

    async def run(self) -> None:
        """Halt everything that moves when a balance is not what the ledger says."""
        silences: tuple[type[Exception], ...] = (RefusedError, *self._server.unavailable)
        while True:
            try:
                violations = await self.look()
            except silences as trouble:
                # What was not judged is looked at next time: nothing is forgotten.
                log.warning("the ledger could not be looked at", why=str(trouble))
                violations = []
            if violations:
                for market in list(self._server.exchange.markets.values()):
                    await halt(self._server, market, violations)
            await trio.sleep(AUDIT_SECONDS)

    async def look(self) -> list[Violation]:
        """Every account whose balance is not what it was at the last look, and some of the others.

        With nothing seen before, that is every account.
        """
        accounts = list(self._server.exchange.accounts.values())
        begin = self._turn if self._turn < len(accounts) else 0
        self._turn = begin + AT_REST
        violations: list[Violation] = []
        for first in range(0, len(accounts), COMPARED_AT_ONCE):
            suspects = [
                account
                for place, account in enumerate(accounts[first : first + COMPARED_AT_ONCE], first)
                if begin <= place < self._turn
                or (seen := self._seen.get(account.id)) is None
                or not seen.is_still(account)
            ]
            await trio.lowlevel.checkpoint()
            for start in range(0, len(suspects), ASKED_AT_ONCE):
                violations += await self._judge(suspects[start : start + ASKED_AT_ONCE])
        return violations

    async def _judge(self, accounts: Sequence[Account]) -> list[Violation]:
        """Hold these accounts, as they are now, against the tables, once those are as new as that."""
        server, state = self._server, self._server.exchange
        ledger_id, at, head = state.ledger_head, state.now, state.head
        balances = {
            account.id: Balance(account.id, account.available, account.frozen, account.version, ledger_id, at)
            for account in accounts
        }
        await server.wait_durable(head)
        history = await server.history_as_of(head)
        since = [self._since(balance) for balance in balances.values()]
        rows = await history.balances(
            [(balance.user_id, balance.ledger_id, balance.at) for balance in since], ledger_id, at
        )
        violations = []
        for before, row in zip(since, rows, strict=True):
            balance = balances[row["user_id"]]
            if is_written_down(balance, before, row):
                self._seen[balance.user_id] = balance
            else:
                violations.append(Violation("ledger_chain", None, numbers(balance, row)))
        return violations

    def _since(self, balance: Balance) -> Balance:
        """From where on the entries are added up; from here on, so not at all, at the first look."""
        seen = self._seen.get(balance.user_id)
        return balance if seen is None or balance.version - seen.version > ENTRIES_MAX else seen


def is_written_down(balance: Balance, before: Balance, row: Row) -> bool:
    """Whether a balance follows from the entries since `before`, and the tables have the same numbers."""
    told = (row["available_balance"], row["frozen_balance"], row["version"])
    is_moved_since = row["version"] is not None and row["version"] > balance.version
    return (
        row["last_balance"] == balance.available
        and row["amount"] == balance.available - before.available
        and row["frozen"] == balance.frozen - before.frozen
        and row["entries"] == balance.version - before.version
        and (is_moved_since or told == (balance.available, balance.frozen, balance.version))
    )


def numbers(balance: Balance, row: Row) -> dict[str, Any]:
    return {
        "user_id": balance.user_id,
        "available": balance.available,
        "frozen": balance.frozen,
        "version": balance.version,
        "last_balance_after": row["last_balance"],
        "accounts_row": [row["available_balance"], row["frozen_balance"], row["version"]],
        "ledger_id": balance.ledger_id,
    }
