"""A price from outside the exchange, asked for again and again, and sent to the market as an input.

It asks whether or not the market is quoting: otherwise nobody would see that a feed has recovered.
"""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal

import httpx
import msgspec
import structlog
import trio

from amm.brain.arithmetic import CENT, Ms, Uc, epoch_ms
from amm.brain.config import Oracle
from amm.brain.inputs import Input, Reference, ReferenceAwaited
from amm.brain.state import MarketState

log = structlog.get_logger(__name__)

LOOKS_PER_LAG = 3
"""How often to ask within the time after which a price is stale: one lost answer must not make it so."""
IDLE_SECONDS = 1.0
"""Between two looks whether a feed has been configured meanwhile."""


class ReportedPrice(msgspec.Struct, frozen=True):
    price_cents: Decimal
    updated_at: datetime | None = None

    @property
    def price(self) -> Uc:
        return int((self.price_cents * CENT).to_integral_value())

    def is_fresh(self, oracle: Oracle, now_ms: Ms) -> bool:
        """A feed that says when its price was true is not fresh merely because it answers."""
        return self.updated_at is None or now_ms - epoch_ms(self.updated_at) <= oracle.max_oracle_lag_ms


async def follow(state: MarketState, clock: Callable[[], Ms], tell: Callable[[Input], None]) -> None:
    """Ask the feed that the configuration names now, for as long as the market is quoted."""
    async with httpx.AsyncClient() as http:
        well = True
        while True:
            oracle = state.config.oracle
            if not (oracle.enabled and oracle.url):
                await trio.sleep(IDLE_SECONDS)
                continue
            if state.prices.reference_ms is None:
                tell(ReferenceAwaited())
            every = oracle.max_oracle_lag_ms / 1_000 / LOOKS_PER_LAG
            began = trio.current_time()
            try:
                answer = await ask(http, oracle.url.replace("{market_id}", state.market_id), every)
                if answer.is_fresh(oracle, clock()):
                    tell(Reference(answer.price))
                well = True
            except (httpx.HTTPError, httpx.InvalidURL, msgspec.MsgspecError, ValueError) as trouble:
                if well:
                    log.warning("no price from outside", market=state.market_id, why=repr(trouble))
                well = False
            await trio.sleep_until(began + every)


async def ask(http: httpx.AsyncClient, url: str, seconds: float) -> ReportedPrice:
    """Raise what httpx and msgspec raise, and ValueError for what is no price of a share."""
    response = await http.get(url, timeout=seconds)
    response.raise_for_status()
    answer = msgspec.json.decode(response.content, type=ReportedPrice)
    if not (answer.price_cents.is_finite() and 0 < answer.price_cents < 100):
        raise ValueError(f"{answer.price_cents} cents is no price")
    if answer.updated_at is not None and answer.updated_at.tzinfo is None:
        raise ValueError("updated_at has no zone")
    return answer
