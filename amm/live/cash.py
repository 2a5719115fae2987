"""How much of the account's cash belongs to one market, worked out from the account's ledger.

The exchange knows one cash balance for the whole account. A market's own is the budget of its present start
and every ledger entry of that market since: the mint of the start is the first of them. What an earlier start
left over belongs to no market, until somebody allocates it.
"""

import attrs

from amm.brain.arithmetic import Cents
from amm.live.rest import ExchangeClient, LedgerEntry


@attrs.frozen
class Tally:
    """The entries of one start, added up to an id. The ledger only grows, so a tally never becomes wrong."""

    start_key: str = ""
    through_id: int = 0
    sum_cents: Cents = 0


def start_key(market_id: str) -> str:
    """Return the prefix of the reference of a start's mint; the number of the start follows."""
    return f"amm_start_{market_id}_"


async def read_tally(exchange: ExchangeClient, market_id: str, known: Tally) -> tuple[Tally, int]:
    """Add up what is new since `known`; return it with the journal id that it stands for.

    Pages come newest first. Whatever is booked meanwhile only shifts what follows, so the first page alone
    decides up to where this tally reaches.
    """
    entries: list[LedgerEntry] = []
    cursor, seq = None, None
    while True:
        page, page_seq = await exchange.ledger(market_id, cursor)
        seq = page_seq if seq is None else seq
        for entry in page.items:
            if entry.id <= known.through_id:
                return _added(known.start_key, known, entries), seq
            entries.append(entry)
            if entry.reference_id is not None and entry.reference_id.startswith(start_key(market_id)):
                return _added(entry.reference_id, Tally(), entries), seq
        if page.next_cursor is None:
            return _added(known.start_key, known, entries), seq
        cursor = page.next_cursor


def _added(key: str, base: Tally, entries: list[LedgerEntry]) -> Tally:
    through = max([base.through_id, *(entry.id for entry in entries)])
    return Tally(key, through, base.sum_cents + sum(entry.amount_cents for entry in entries))
