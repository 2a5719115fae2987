"""A copy of what the maker knows, in Redis, for operators and their tools. Nothing is ever read back from it.

Quoting never waits for Redis: a turn leaves a note, and one task writes what was noted. If Redis is away, one
alert says so, and when it is back every market is written whole.
"""

from collections.abc import Callable
from typing import Any

import attrs
import coredis
import coredis.exceptions
import msgspec
import structlog
import trio

from amm.arithmetic import Ms
from amm.backoff import Backoff
from amm.ladder import Side
from amm.orders import OwnOrder
from amm.state import MarketState
from amm.view import view
from amm.wire import Direction

log = structlog.get_logger(__name__)

WRITE_EVERY = 0.2
"""Seconds between two writes of one market: as often as it may requote."""
FAILURES = (coredis.exceptions.RedisError, OSError, trio.TooSlowError)
ANSWER_SECONDS = 5.0


@attrs.define(eq=False)
class Mirror:
    url: str | None
    clock: Callable[[], Ms]
    connected: bool = False
    _noted: dict[str, MarketState] = attrs.field(factory=dict)
    _known: dict[str, MarketState] = attrs.field(factory=dict)
    _something: trio.Event = attrs.field(factory=trio.Event)

    def note(self, state: MarketState) -> None:
        """This market has had a turn."""
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
            except* FAILURES as failures:
                if self.connected or backoff.is_first:
                    log.warning(
                        "alert", kind="REDIS_DOWN", severity="WARNING", why=repr(failures.exceptions[0])
                    )
                self.connected = False
            await trio.sleep(backoff.next())

    async def _copy(self, redis: "coredis.Redis[str]", backoff: Backoff) -> None:
        self._noted = dict(self._known)  # what was missed is written again
        while True:
            await self._something.wait()
            self._something = trio.Event()
            noted, self._noted = self._noted, {}
            with trio.fail_after(ANSWER_SECONDS):
                for state in noted.values():
                    await write(redis, state, self.clock())
            self.connected = True
            backoff.reset()
            await trio.sleep(WRITE_EVERY)


async def write(redis: "coredis.Redis[str]", state: MarketState, now_ms: Ms) -> None:
    """Write one market's three keys in one round trip; orders that are gone go with the whole key."""
    market_id, inventory = state.market_id, state.ledger.inventory
    async with redis.pipeline(transaction=True) as pipe:
        pipe.hset(
            f"amm:inventory:{market_id}",
            strings(
                {
                    "yes_volume": inventory.yes,
                    "no_volume": inventory.no,
                    "yes_available": inventory.yes - state.orders.pending_sell(Side.ASK),
                    "no_available": inventory.no - state.orders.pending_sell(Side.BID),
                    "yes_cost_sum_cents": inventory.yes_cost,
                    "no_cost_sum_cents": inventory.no_cost,
                    "cash_cents": inventory.cash,
                    "applied_seq": state.ledger.applied_seq,
                    "updated_at_ms": now_ms,
                }
            ),
        )
        pipe.delete([f"amm:orders:{market_id}"])
        if state.orders.live:
            orders = {order_id: order_json(order) for order_id, order in state.orders.live.items()}
            pipe.hset(f"amm:orders:{market_id}", orders)
        pipe.hset(f"amm:state:{market_id}", strings(view(state)))


def strings(values: dict[str, Any]) -> dict[str, str]:
    """All values in Redis are strings: nothing is empty, lists are JSON."""
    return {
        name: ""
        if value is None
        else value
        if isinstance(value, str)
        else msgspec.json.encode(value).decode()
        for name, value in values.items()
    }


def order_json(order: OwnOrder) -> str:
    shown = {
        "side": order.side.outcome.value,
        "direction": Direction.SELL.value,
        "price": order.price,
        "qty": order.quantity,
        "remaining": order.remaining,
        "book_type": "NATIVE_SELL" if order.side is Side.ASK else "SYNTHETIC_BUY",
        "created_ms": order.created_ms,
    }
    return msgspec.json.encode(shown).decode()
