"""What was brought forward of the months that have left trades and the ledger, held to the journal.

The sums stand here a second time, on purpose: over the rows that the journal's facts make, one by one.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

import attrs

from kernel.codes import LedgerEntryType
from persistence.postgres.database import Connection

Row = dict[str, Any]

FREEZES: Final = (LedgerEntryType.ORDER_FREEZE, LedgerEntryType.ORDER_UNFREEZE)


NO_TRADES: Final[Row] = {
    "trades": 0,
    "volume": 0,
    "fees": 0,
    "realized_pnl": 0,
    "last_price": None,
    "last_at": None,
}


@attrs.define(eq=False)
class ForwardComparison:
    """The rows that have left, as the facts tell them, and the sums that stand for them."""

    connection: Connection
    note: Callable[[str], None]
    _since: datetime | None = attrs.field(default=None, init=False)
    _is_known: bool = attrs.field(default=False, init=False)
    _entries: dict[str, Row] = attrs.field(factory=dict, init=False)
    _trades: dict[str, Row] = attrs.field(factory=dict, init=False)

    async def kept(self, rows: Mapping[Any, Row], time: str) -> dict[Any, Row]:
        """Those that must be there still; the others are added up."""
        if not self._is_known:
            self._since = await self.connection.fetch_value("SELECT max(complete_since) FROM history_cuts")
            self._is_known = True
        since = self._since
        if since is None:
            return dict(rows)
        kept = {}
        for key, row in rows.items():
            if row[time] >= since:
                kept[key] = row
            elif "entry_type" in row:
                self._add_entry(row)
            else:
                self._add_trade(row)
        return kept

    def _add_entry(self, row: Row) -> None:
        sums = self._entries.setdefault(
            row["user_id"], {"user_id": row["user_id"], "entries": 0, "balance": 0, "frozen": 0}
        )
        sums["entries"] += 1
        sums["balance"] = row["balance_after"]
        sums["frozen"] -= row["amount"] if row["entry_type"] in FREEZES else 0

    def _add_trade(self, row: Row) -> None:
        market_id = row["market_id"]
        sums = self._trades.setdefault(market_id, NO_TRADES | {"market_id": market_id})
        sums["fees"] += row["maker_fee"] + row["taker_fee"]
        sums["realized_pnl"] += (row["buy_realized_pnl"] or 0) + (row["sell_realized_pnl"] or 0)
        if not row["is_audit"]:
            sums["trades"] += 1
            sums["volume"] += row["quantity"]
            sums["last_price"], sums["last_at"] = row["price"], row["executed_at"]

    async def compare(self) -> None:
        """Both tables, row by row, once all facts were heard that they can reflect."""
        for table, key, expected in (
            ("ledger_forward", "user_id", self._entries),
            ("trades_forward", "market_id", self._trades),
        ):
            stored = {row[key]: dict(row) for row in await self.connection.fetch(f"SELECT * FROM {table}")}  # noqa: S608 - our own names
            for name in sorted(stored.keys() | expected.keys()):
                if (is_now := stored.get(name)) != (must_be := expected.get(name)):
                    self.note(f"{table} {name}: is {is_now}, must be {must_be}")
