"""A copy of what the maker knows, in Redis, for operators, their tools, and the next process's first prices.

Quoting never waits for Redis: a turn notes its market, and one task writes what was noted. If Redis is away,
one alert says so, and when it is back every market is written whole. Two things are read: an operator's
overrides, checked like any other, and, once, what a process that has just ended thought the price was.
"""

from collections.abc import Callable
from typing import TypeAlias

import attrs
import coredis
import msgspec
import structlog
import trio

from amm.brain.arithmetic import Cents, Ms
from amm.brain.commands import AlertKind
from amm.brain.inputs import EarlierPrices
from amm.brain.orders import OwnOrder
from amm.brain.quoting.ladder import Side
from amm.brain.state import MarketState
from amm.brain.wire import Direction
from amm.live.backoff import Backoff
from amm.live.markout import newer
from amm.live.overrides import Overrides, snapshot
from amm.live.redis_text import FROM_REDIS, EarlierTurn, strings
from amm.live.view import view

log = structlog.get_logger(__name__)

Redis: TypeAlias = "coredis.Redis[str]"

WRITE_EVERY = 0.2
"""Seconds between two writes of one market: as often as it may requote."""
ANSWER_SECONDS = 5.0
WARM_SECONDS = 3.0
"""A market that begins does not wait for Redis longer than this."""
WARM_MAX_AGE_MS: Ms = 60_000
"""An older price than this is none."""
PROCESSED_SECONDS = 86_400


@attrs.define(eq=False)
class Mirror:
    url: str | None
    clock: Callable[[], Ms]
    overrides: Overrides = attrs.field(init=False)
    account_cash: Callable[[], Cents] = attrs.field(init=False)
    """Both are set before `run`."""
    connected: bool = False
    _noted: dict[str, MarketState] = attrs.field(factory=dict)
    _known: dict[str, MarketState] = attrs.field(factory=dict)
    _something: trio.Event = attrs.field(factory=trio.Event)
    _versions: dict[str, int] = attrs.field(factory=dict)
    """Of the configuration that was last written."""
    _processed: dict[str, str] = attrs.field(factory=dict)
    """The last trade that was written."""
    _read_at: dict[str, Ms] = attrs.field(factory=dict)

    def note(self, state: MarketState) -> None:
        """Note that this market has had a turn, and is to be written."""
        if self.url is not None:
            self._noted[state.market_id] = self._known[state.market_id] = state
            self._something.set()

    async def run(self) -> None:
        if self.url is None:
            return
        backoff = Backoff()
        while True:
            try:
                async with coredis.Redis.from_url(self.url, decode_responses=True) as redis:
                    await self._copy(redis, backoff)
            except* Exception as failures:  # whatever it is, it is the copy's alone
                if self.connected or backoff.is_first:
                    log.warning(
                        "alert",
                        kind=AlertKind.REDIS_DOWN.value,
                        severity="WARNING",
                        why=repr(failures.exceptions[0]),
                    )
                self.connected = False
            await trio.sleep(backoff.next())

    async def _copy(self, redis: Redis, backoff: Backoff) -> None:
        self._noted = dict(self._known)  # what was missed is written again
        self._versions.clear()
        self._processed.clear()
        self._read_at.clear()
        while True:
            await self._something.wait()
            self._something = trio.Event()
            noted, self._noted = self._noted, {}
            with trio.fail_after(ANSWER_SECONDS):
                for state in noted.values():
                    await self._read_override(redis, state)
                    await self._write(redis, state)
            self.connected = True
            backoff.reset()
            await trio.sleep(WRITE_EVERY)

    async def _read_override(self, redis: Redis, state: MarketState) -> None:
        """Read an operator's override before a market is first written, and from time to time after that."""
        market_id, now_ms = state.market_id, self.clock()
        if now_ms < self._read_at.get(market_id, 0) + state.config.config_reload_interval_ms:
            return
        self._read_at[market_id] = now_ms
        text, until = await redis.hmget(f"amm:config:{market_id}", ["override_json", "override_expires_ms"])
        if text is None:
            self.overrides.forget(market_id)
        else:
            self.overrides.take(market_id, text, until or "", now_ms)

    async def _write(self, redis: Redis, state: MarketState) -> None:
        """Write one market's keys in one round trip; orders that are gone go with the whole key."""
        market_id, now_ms = state.market_id, self.clock()
        version = state.config.version  # it may have changed when the writing is done
        fresh = newer(state, self._processed.get(market_id))
        async with redis.pipeline(transaction=True) as pipe:
            pipe.hset(
                f"amm:inventory:{market_id}", strings(inventory_fields(state, self.account_cash(), now_ms))
            )
            pipe.delete([f"amm:orders:{market_id}"])
            if orders := order_fields(state):
                pipe.hset(f"amm:orders:{market_id}", orders)
            pipe.hset(f"amm:state:{market_id}", strings(view(state)))
            if self._versions.get(market_id) != version:
                pipe.hset(f"amm:config:{market_id}", self.overrides.fields(market_id, state, now_ms))
                pipe.set(f"amm:config:{market_id}:snapshot", snapshot(state))
            if fresh:
                pipe.sadd(f"amm:processed:{market_id}", fresh)
                pipe.expire(f"amm:processed:{market_id}", PROCESSED_SECONDS)
        self._versions[market_id] = version
        if fresh:
            self._processed[market_id] = fresh[-1]

    async def earlier_prices(self, state: MarketState) -> EarlierPrices | None:
        """The prices that a process which has just ended had learned for this start of the market."""
        if self.url is None:
            return None
        names = [field.name for field in attrs.fields(EarlierTurn)]
        try:
            with trio.fail_after(WARM_SECONDS):
                async with coredis.Redis.from_url(self.url, decode_responses=True) as redis:
                    found = await redis.hmget(f"amm:state:{state.market_id}", names)
            if not all(found):
                return None
            turn = FROM_REDIS.structure(dict(zip(names, found, strict=True)), EarlierTurn)
        except* Exception as failures:  # whatever it is, it is no reason not to begin
            why = repr(failures.exceptions[0])
            log.info("begins without earlier prices", market=state.market_id, why=why)
        else:
            young = 0 <= self.clock() - turn.decided_at_ms <= WARM_MAX_AGE_MS
            if young and turn.start_count == state.start_count:
                log.info("goes on from earlier prices", market=state.market_id)
                return EarlierPrices(turn.layer1_anchor_cents, turn.layer3_posterior_cents)
        return None


def inventory_fields(state: MarketState, account_cash: Cents, now_ms: Ms) -> dict[str, int]:
    inventory = state.ledger.inventory
    return {
        "yes_volume": inventory.yes,
        "no_volume": inventory.no,
        "yes_available": inventory.yes - state.orders.pending_sell(Side.ASK),
        "no_available": inventory.no - state.orders.pending_sell(Side.BID),
        "yes_cost_sum_cents": inventory.yes_cost,
        "no_cost_sum_cents": inventory.no_cost,
        "cash_cents": account_cash,
        "market_cash_cents": inventory.cash,
        "applied_seq": state.ledger.applied_seq,
        "updated_at_ms": now_ms,
    }


def order_fields(state: MarketState) -> dict[str, str]:
    """Each order by its id, with its slot: 0 is the best of its side."""
    return {
        order.order_id: order_json(order, slot)
        for side in Side
        for slot, order in enumerate(sorted(state.orders.on(side), key=lambda order: order.price))
    }


def order_json(order: OwnOrder, slot: int) -> str:
    shown = {
        "side": order.side.outcome.value,
        "direction": Direction.SELL.value,
        "price": order.price,
        "qty": order.quantity,
        "remaining": order.remaining,
        "book_type": "NATIVE_SELL" if order.side is Side.ASK else "SYNTHETIC_BUY",
        "slot": slot,
        "created_at_ms": order.created_ms,
    }
    return msgspec.json.encode(shown).decode()
