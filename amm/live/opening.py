"""Opening a market: what it is, how to quote it, and how much of the account's cash belongs to it."""

from hashlib import sha256

import attrs

from amm.brain.arithmetic import Ms, read_epoch_ms
from amm.brain.config import Config, TransportMode
from amm.brain.config_layers import ConfigFile, Layer, Start, build
from amm.brain.memory import DayBook
from amm.brain.state import MarketFacts, MarketState, open_market
from amm.brain.sweep import MARKET_CLOSED
from amm.brain.wire import AmmMarket, Market
from amm.live.cash import read_tally
from amm.live.day import day_until_now
from amm.live.rest import ExchangeClient, RefusedError
from amm.live.state_store import StateStore, StoredMarket


@attrs.frozen
class OpenedMarket:
    state: MarketState
    stored: StoredMarket


def start_of(line: AmmMarket, market: Market) -> Start:
    return Start(line.market_id, line.initial_budget_cents, line.initial_price_cents, market.maker_fee_bps)


def layers_of(line: AmmMarket, file: ConfigFile) -> list[Layer]:
    return [*file.layers(line.market_id), Layer("start", line.config_override or {}, is_shared=False)]


async def open_run(
    exchange: ExchangeClient, store: StateStore, file: ConfigFile, line: AmmMarket, boot_id: str, now_ms: Ms
) -> OpenedMarket:
    """Raise `ConfigInvalidError` if this market cannot be quoted as it was asked for."""
    market = await exchange.market(line.market_id)
    config = build(start_of(line, market), layers_of(line, file))
    stored = store.read(line.market_id)
    if config.life.cancel_on_start or config.sync.transport is TransportMode.POLL:
        # Nothing may be filled between reading the ledger and the brain's own look at the position; and
        # without the stream there is no guard that would have removed what an earlier process left.
        await cancel_everything(exchange, line.market_id)
    tally, _seq = await read_tally(exchange, line.market_id, stored.tally)
    stored.note(tally)
    store.write(stored)
    day = await day_until_now(exchange, line, stored, now_ms)
    return OpenedMarket(_state(line, market, config, stored, day, boot_id, now_ms), stored)


def _state(
    line: AmmMarket,
    market: Market,
    config: Config,
    stored: StoredMarket,
    day: DayBook | None,
    boot_id: str,
    now_ms: Ms,
) -> MarketState:
    return open_market(
        facts_of(line, market),
        config,
        market.status,
        now_ms=now_ms,
        cash=stored.cash(line.initial_budget_cents),
        boot_id=boot_id,
        start_count=int(stored.tally_key.rpartition("_")[2] or 0),
        killed=stored.killed is not None,
        allocated=stored.allocated_cents,
        day=day,
        beat=int.from_bytes(sha256(line.market_id.encode()).digest()[:4], "big"),
    )


async def cancel_everything(exchange: ExchangeClient, market_id: str) -> bool:
    """Cancel all own orders of a market; return False if the market does not allow it now."""
    try:
        await exchange.batch_cancel(market_id)
    except RefusedError as refusal:
        if refusal.code != MARKET_CLOSED:
            raise
        return False
    return True


def facts_of(line: AmmMarket, market: Market) -> MarketFacts:
    trading_end = read_epoch_ms(market.trading_end_at)
    ends = [end for end in (trading_end, read_epoch_ms(market.resolution_date)) if end is not None]
    first_start = read_epoch_ms(line.first_started_at)
    opened = read_epoch_ms(market.trading_start_at) or read_epoch_ms(line.started_at)
    assert first_start is not None
    assert opened is not None
    return MarketFacts(
        market_id=market.id,
        min_price=market.min_price_cents,
        max_price=market.max_price_cents,
        max_order_quantity=market.max_order_quantity,
        maker_fee_bps=market.maker_fee_bps,
        opened_ms=opened,
        first_start_ms=first_start,
        trading_end_ms=trading_end,
        end_ms=min(ends, default=None),
    )
