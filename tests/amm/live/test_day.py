"""What a market was worth at midnight: kept, or reckoned back from the ledger and our trades."""

from datetime import UTC, datetime
from typing import Any

import httpx

from amm.brain.arithmetic import DAY_MS, Ms
from amm.brain.memory import DayBook
from amm.brain.wire import AmmMarket
from amm.live.credentials import Credentials
from amm.live.day import day_until_now
from amm.live.rest import ExchangeClient
from amm.live.state_store import StoredMarket
from tests.amm.parts import HOUR, MARKET, NOON
from tests.end_to_end.making import service_token

TODAY = NOON // DAY_MS
MIDNIGHT: Ms = TODAY * DAY_MS


def moment(at_ms: Ms) -> str:
    return datetime.fromtimestamp(at_ms / 1_000, UTC).isoformat()


def started(at_ms: Ms) -> AmmMarket:
    return AmmMarket(MARKET, "RUNNING", 200_000, 50, moment(at_ms), moment(at_ms))


def entry(number: int, at_ms: Ms, cents: int, kind: str) -> dict[str, Any]:
    return {
        "id": number,
        "amount_cents": cents,
        "created_at": moment(at_ms),
        "reference_type": kind,
        "reference_id": None,
    }


def trade(number: int, at_ms: Ms, side: str, price: int, quantity: int) -> dict[str, Any]:
    return {
        "trade_id": f"TRD_{number}",
        "market_id": MARKET,
        "my_side": side,
        "price_cents": price,
        "quantity": quantity,
        "role": "MAKER",
        "fee_cents": 1,
        "executed_at": moment(at_ms),
    }


class Books:
    """Answers as the exchange does, one row a page."""

    def __init__(
        self, entries: list[dict[str, Any]], trades: list[dict[str, Any]], yes: int, no: int
    ) -> None:
        self.rows = {"/api/v1/account/ledger": entries, "/api/v1/trades": trades}
        self.yes, self.no = yes, no

    def exchange(self) -> ExchangeClient:
        http = httpx.AsyncClient(base_url="http://exchange", transport=httpx.MockTransport(self.answer))
        return ExchangeClient(http, Credentials(service_token()))

    def answer(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        if path in self.rows:
            at = int(request.url.params.get("cursor", "0"))
            rows = self.rows[path]
            following = str(at + 1) if at + 1 < len(rows) else None
            return told({"items": rows[at : at + 1], "next_cursor": following})
        holdings = {"yes": self.yes, "no": self.no}
        return told({name: {"volume": held, "cost_sum_cents": 0} for name, held in holdings.items()})


def told(data: Any) -> httpx.Response:
    return httpx.Response(200, json={"code": 0, "message": "ok", "data": data})


async def test_without_a_memory_the_day_is_reckoned_back_from_ledger_and_trades() -> None:
    """At midnight: 500 pairs and 150,000 cents, YES last traded at 60.

    Since then 10 YES sold at 62 (620, fee 1), 5 NO at 41 (205, fee 1), and 100 pairs minted for 10,000.
    """
    books = Books(
        [
            entry(9, NOON, -10_000, "AMM_MINT"),
            entry(8, MIDNIGHT + HOUR, -1, "TRADE"),
            entry(7, MIDNIGHT + HOUR, 205, "TRADE"),
            entry(6, MIDNIGHT, -1, "TRADE"),
            entry(5, MIDNIGHT, 620, "TRADE"),
            entry(4, MIDNIGHT - 1, 777, "TRADE"),
        ],
        [
            trade(3, MIDNIGHT + HOUR, "BUY", 59, 5),
            trade(2, MIDNIGHT, "SELL", 62, 10),
            trade(1, MIDNIGHT - 1, "SELL", 60, 7),
        ],
        yes=590,
        no=595,
    )
    stored = StoredMarket(MARKET, tally_cents=150_000 + 620 - 1 + 205 - 1 - 10_000 - 200_000)
    day = await day_until_now(books.exchange(), started(MIDNIGHT - HOUR), stored, NOON)
    assert day == DayBook(TODAY, 150_000 + 500 * 60 + 500 * 40)


async def test_without_a_trade_before_midnight_the_initial_price_counts() -> None:
    books = Books([entry(4, MIDNIGHT - 1, -100_000, "AMM_MINT")], [], yes=1_000, no=900)
    stored = StoredMarket(MARKET, tally_cents=-100_000)
    day = await day_until_now(books.exchange(), started(MIDNIGHT - HOUR), stored, NOON)
    assert day == DayBook(TODAY, 100_000 + 1_900 * 50)


async def test_a_market_that_was_started_today_began_with_its_budget() -> None:
    nobody = Books([], [], 0, 0).exchange()
    stored = StoredMarket(MARKET, allocated_cents=5_000)
    assert await day_until_now(nobody, started(MIDNIGHT), stored, NOON) == DayBook(TODAY, 200_000, 5_000)


async def test_what_was_kept_is_believed_and_yesterdays_is_over() -> None:
    nobody = Books([], [], 0, 0).exchange()
    line = started(MIDNIGHT - HOUR)
    stored = StoredMarket(MARKET, day=TODAY, day_start_cents=199_000, day_flows_cents=-500)
    assert await day_until_now(nobody, line, stored, NOON) == DayBook(TODAY, 199_000, -500)
    assert await day_until_now(nobody, line, stored, NOON + DAY_MS) is None
