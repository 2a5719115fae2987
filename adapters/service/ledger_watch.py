"""Checks every minute that balances in memory agree with the ledger in the tables.

The audit of the state only adds up what is in memory, so it misses cents that moved between accounts without
a ledger entry. Here each balance is compared with the account's last entry, and its change since the previous
check with the entries since then; earlier entries need not be read again. Accounts whose balance changed are
checked every time. The others are checked in turn, which finds rows that were tampered with.
"""

from collections.abc import Sequence
from typing import Any, Final

import attrs
import structlog
import trio

from adapters.service.schedule import AUDIT_SECONDS, halt
from adapters.service.server import Row, Server
from adapters.wire.status import RefusedError
from kernel.invariants import Violation
from kernel.market import Account

log = structlog.get_logger(__name__)

ASKED_AT_ONCE: Final = 250
"""Accounts in one query: reading the answer takes some milliseconds of the loop."""
COMPARED_AT_ONCE: Final = 2_000
"""Accounts compared in one step: about a millisecond."""
AT_REST: Final = 10_000
"""Unchanged accounts in one check; if there are more, the rest follow in the next minutes."""
ENTRIES_MAX: Final = 100_000
"""Entries of one account that are added up; with more since the previous check, only the last is compared."""


@attrs.frozen
class Balance:
    """An account's balance as of one entry of the ledger."""

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
    """Checks again and again, and remembers the last balance found in order."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._seen: dict[str, Balance] = {}
        """By account, its balance when it was last found in order."""
        self._turn = 0
        """Where the check of unchanged accounts goes on."""

    async def run(self) -> None:
        """Halt all markets when a balance is not what the ledger says; run until cancelled."""
        silences: tuple[type[Exception], ...] = (RefusedError, *self._server.unavailable)
        while True:
            try:
                violations = await self.look()
            except silences as trouble:
                # Nothing is remembered of accounts that were not checked: they come first next time.
                log.warning("the ledger could not be looked at", why=str(trouble))
                violations = []
            if violations:
                for market in self._server.going.markets():
                    await halt(self._server, market, violations)
            await trio.sleep(AUDIT_SECONDS)

    async def look(self) -> list[Violation]:
        """Check every account whose balance has changed since the last check, and some of the others.

        The first time, that is every account.
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
        """Compare these accounts, as they are now, with the tables, once those have caught up."""
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
        """The balance after which entries are added up: at the first check the present one, so none are."""
        seen = self._seen.get(balance.user_id)
        return balance if seen is None or balance.version - seen.version > ENTRIES_MAX else seen


def is_written_down(balance: Balance, before: Balance, row: Row) -> bool:
    """Whether the balance follows from `before` and the entries since, and the tables say the same."""
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
