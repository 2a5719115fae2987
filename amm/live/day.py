"""What a market was worth when the day began: a day's loss counts on over a restart.

The maker keeps that number. Where it is lost it is reckoned back: from what the market has now, less what the
ledger and our trades say has changed since 00:00 UTC.
"""

from collections.abc import AsyncIterator

from amm.brain.arithmetic import DAY_MS, PAIR, Cents, Ms, Shares, milliseconds
from amm.brain.memory import DayBook
from amm.brain.quoting.ladder import Side
from amm.brain.wire import AmmMarket
from amm.live.rest import Exchange, LedgerEntry, OwnTrade
from amm.live.state_store import Kept

MINTED_OR_BURNED = frozenset({"AMM_MINT", "AMM_BURN"})


async def day_until_now(exchange: Exchange, line: AmmMarket, kept: Kept, now_ms: Ms) -> DayBook | None:
    """Return today's account as far as it was written before; None lets the first cycle begin it.

    That is right where the last word is of an earlier day: none of our orders has been there today.
    """
    today = now_ms // DAY_MS
    if kept.day is not None:
        same = kept.day == today
        return DayBook(today, kept.day_start_cents, kept.day_flows_cents) if same else None
    if _at(line.started_at) >= today * DAY_MS:
        return DayBook(today, line.initial_budget_cents, kept.allocated_cents)
    return DayBook(today, await _reckoned_back(exchange, line, kept, today * DAY_MS))


async def _reckoned_back(exchange: Exchange, line: AmmMarket, kept: Kept, midnight_ms: Ms) -> Cents:
    """Return cash and shares as of midnight; the shares at our last price before it, for want of a better."""
    position = await exchange.position(line.market_id)
    held: dict[Side, Shares] = {Side.ASK: position.yes.volume, Side.BID: position.no.volume}
    cash = kept.cash(line.initial_budget_cents)
    async for entry in _entries(exchange, line.market_id):
        if _at(entry.created_at) < midnight_ms:
            break
        cash -= entry.amount_cents
        if entry.reference_type in MINTED_OR_BURNED:
            for side in Side:
                held[side] += entry.amount_cents // PAIR
    price = line.initial_price_cents
    async for trade in _trades(exchange, line.market_id):
        if _at(trade.executed_at) < midnight_ms:
            price = trade.price_cents
            break
        for leg in trade.fill().legs:
            held[leg.side] += leg.quantity
    return cash + held[Side.ASK] * price + held[Side.BID] * (PAIR - price)


async def _entries(exchange: Exchange, market_id: str) -> AsyncIterator[LedgerEntry]:
    """Newest first."""
    page, _seq = await exchange.ledger(market_id, None)
    while True:
        for entry in page.items:
            yield entry
        if page.next_cursor is None:
            return
        page, _seq = await exchange.ledger(market_id, page.next_cursor)


async def _trades(exchange: Exchange, market_id: str) -> AsyncIterator[OwnTrade]:
    """Newest first."""
    page = await exchange.trades_back(market_id, None)
    while True:
        for trade in page.items:
            yield trade
        if page.next_cursor is None:
            return
        page = await exchange.trades_back(market_id, page.next_cursor)


def _at(moment: str) -> Ms:
    at_ms = milliseconds(moment)
    assert at_ms is not None
    return at_ms
