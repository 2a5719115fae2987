"""Holds the table of days to the kernel: what each account had when a day was over, by the replayed state."""

from collections.abc import Callable
from itertools import islice
from typing import Final

import attrs

from kernel.exchange import Exchange
from kernel.portfolio import Portfolio, portfolio_of
from persistence.postgres.database import Connection
from persistence.postgres.packing import ID
from persistence.postgres.storable import storable_text
from persistence.tables.portfolio_days import DAY

CHUNK: Final = 5_000
"""Accounts looked up by one statement."""
LOOK_UP: Final = """
    SELECT user_id, COUNT(*) AS days, equity, cash, positions_value, unrealized_pnl, realized_pnl, fees_paid,
           net_deposits, net_transfers
    FROM portfolio_days
    WHERE user_id = ANY($1::text[]) AND day - '1970-01-01'::DATE >= $2 AND day - '1970-01-01'::DATE < $3
    GROUP BY user_id, equity, cash, positions_value, unrealized_pnl, realized_pnl, fees_paid, net_deposits,
             net_transfers
"""


@attrs.define(eq=False)
class DayComparison:
    """The days as one connection sees them, beside what they should be."""

    connection: Connection
    note: Callable[[str], None]
    count: int = 0

    async def compare(self, exchange: Exchange, *, until: int) -> None:
        """The days that were over when a fact of that time came, which the exchange has not heard of yet."""
        first, end = exchange.now // DAY, until // DAY
        if exchange.head == 0 or first == end:
            return
        held = (a for a in exchange.accounts.values() if a.has_held and not a.is_system)
        while accounts := list(islice(held, CHUNK)):
            expected = {storable_text(account.id, ID): figures(portfolio_of(account)) for account in accounts}
            self.count += len(expected) * (end - first)
            rows = await self.connection.fetch(LOOK_UP, list(expected), first, end)
            found: dict[str | None, list[tuple[int, ...]]] = {}
            for row in rows:
                user_id, *amounts = row
                found.setdefault(user_id, []).append(tuple(amounts))
            for user_id, values in expected.items():
                told, must = found.get(user_id), [(end - first, *values)]
                if told != must:
                    self.note(f"portfolio_days {user_id}, from day {first} on: {told}, must be {must}")

    async def compare_count(self) -> None:
        rows = await self.connection.fetch_value("SELECT COUNT(*) FROM portfolio_days")
        if rows != self.count:
            self.note(f"portfolio_days: {rows} rows, must be {self.count}")


def figures(own: Portfolio) -> tuple[int, ...]:
    """The eight amounts, in the order of the columns."""
    account = own.account
    return (
        own.equity,
        own.cash,
        own.value,
        own.unrealized,
        own.realized,
        own.fees,
        account.net_deposits,
        account.net_transfers,
    )
