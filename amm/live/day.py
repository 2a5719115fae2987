"""What a market was worth when the day began: a day's loss counts on over a restart.

The maker stores that number. If it is lost it is worked out backwards: what the market has now, less what the
ledger and our trades say has changed since 00:00 UTC.
"""

from collections.abc import AsyncIterator

from amm.brain.arithmetic import DAY_MS, PAIR, Cents, Ms, Shares, read_epoch_ms
from amm.brain.memory import DayBook
from amm.brain.quoting.ladder import Side
from amm.brain.wire import AmmMarket
from amm.live.rest import ExchangeClient, LedgerEntry, OwnTrade
from amm.live.state_store import StoredMarket

MINTED_OR_BURNED = frozenset({"AMM_MINT", "AMM_BURN"})


async def day_until_now(
    exchange: ExchangeClient, line: AmmMarket, stored: StoredMarket, now_ms: Ms
) -> DayBook | None:
    """Return today's account as stored or worked out; None lets the first cycle begin it.

    None is right if the last entry is from an earlier day: none of our orders has been there today.
    """
    today = now_ms // DAY_MS
    if stored.day is not None:
        same = stored.day == today
        return DayBook(today, stored.day_start_cents, stored.day_flows_cents) if same else None
    if _at(line.started_at) >= today * DAY_MS:
        return DayBook(today, line.initial_budget_cents, stored.allocated_cents)
    return DayBook(today, await _reckoned_back(exchange, line, stored, today * DAY_MS))


async def _reckoned_back(
    exchange: ExchangeClient, line: AmmMarket, stored: StoredMarket, midnight_ms: Ms
) -> Cents:
    """Return what cash and shares were worth at midnight; the shares at our last price before it."""
    position = await exchange.position(line.market_id)
    held: dict[Side, Shares] = {Side.ASK: position.yes.volume, Side.BID: position.no.volume}
    cash = stored.cash(line.initial_budget_cents)
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


async def _entries(exchange: ExchangeClient, market_id: str) -> AsyncIterator[LedgerEntry]:
    """Newest first."""
    page, _seq = await exchange.ledger(market_id, None)
    while True:
        for entry in page.items:
            yield entry
        if page.next_cursor is None:
            return
        page, _seq = await exchange.ledger(market_id, page.next_cursor)


async def _trades(exchange: ExchangeClient, market_id: str) -> AsyncIterator[OwnTrade]:
    """Newest first."""
    page = await exchange.trades_back(market_id, None)
    while True:
        for trade in page.items:
            yield trade
        if page.next_cursor is None:
            return
        page = await exchange.trades_back(market_id, page.next_cursor)


def _at(moment: str) -> Ms:
    at_ms = read_epoch_ms(moment)
    assert at_ms is not None
    return at_ms
