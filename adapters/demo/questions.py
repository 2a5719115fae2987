"""What the demo asks: enough questions, of several kinds and ends, that looking around is worth it.

They are made as an administrator would make them, and made anew once trading in them has ended.
"""

from datetime import timedelta
from typing import Final

import attrs

from adapters.cli.first_start import execute
from adapters.runtime.times import to_datetime, to_microseconds
from adapters.service.server import Server
from kernel.codes import MarketStatus
from kernel.commands import ActivateMarket, CreateMarket, MarketTerms

BY: Final = "demo"
OVER: Final = (MarketStatus.RESOLVED, MarketStatus.SETTLED, MarketStatus.VOIDED)
HOUR: Final = 3600
DAY: Final = 24 * HOUR


@attrs.frozen
class Question:
    """A market in the making: what is asked, and for how long."""

    name: str
    title: str
    category: str
    description: str
    seconds: int
    """From now until trading in it ends."""
    halt_move_cents: int = 0


QUESTIONS: Final = (
    Question(
        "RAIN",
        "Will it rain in London tomorrow?",
        "weather",
        "Resolves YES if the station at Heathrow reports at least 0.2 mm of rain for the day.",
        20 * HOUR,
    ),
    Question(
        "CHESS",
        "Will the next game of the title match end in a draw?",
        "sports",
        "Resolves YES if the game is drawn, however that comes about; VOID if it is not played.",
        3 * HOUR,
    ),
    Question(
        "MARATHON",
        "Will a marathon be run in under two hours this year?",
        "sports",
        "Resolves YES if World Athletics ratifies a time below 2:00:00 over the full distance.",
        40 * DAY,
    ),
    Question(
        "MOON",
        "Will people stand on the moon before 2030?",
        "science",
        "Resolves YES if a person has set foot on the moon between now and 2030-01-01 00:00 UTC.",
        900 * DAY,
    ),
    Question(
        "OIL",
        "Will Brent crude settle above $80 this month?",
        "economics",
        "Resolves YES if the front-month contract settles above $80.00 on any day of this month.",
        9 * DAY,
        # What a market looks like whose price moves too fast: it pauses for a while by itself.
        halt_move_cents=15,
    ),
    Question(
        "ELECTION",
        "Will turnout in the next general election exceed 70%?",
        "politics",
        "Resolves YES if the electoral commission's final figure is above 70.0%.",
        120 * DAY,
    ),
    Question(
        "FILM",
        "Will a documentary win the festival's main prize?",
        "culture",
        "Resolves YES if the jury's first prize goes to a film entered as a documentary.",
        5 * DAY,
    ),
)
HALT_WINDOW_MS: Final = 120_000
HALT_PAUSE_MS: Final = 60_000


async def ask_missing(server: Server) -> None:
    """Open a market for each question that none is open for."""
    for question in QUESTIONS:
        beginning, now = f"MKT-{question.name}-", server.clock.now()
        asked = [one for one in server.exchange.markets.values() if one.id.startswith(beginning)]
        if any(one.status not in OVER and (one.terms.trading_end_at or 0) > now for one in asked):
            continue
        ends = to_datetime(now).replace(microsecond=0) + timedelta(seconds=question.seconds)
        market_id = f"{beginning}{ends:%Y%m%d-%H%M%S}"
        terms = MarketTerms(
            title=question.title,
            description=question.description,
            category=question.category,
            trading_end_at=to_microseconds(ends),
            resolution_date=to_microseconds(ends + timedelta(days=1)),
            halt_move_cents=question.halt_move_cents,
            halt_window_ms=HALT_WINDOW_MS,
            halt_pause_ms=HALT_PAUSE_MS,
        )
        await execute(server.actors, CreateMarket(at=now, market_id=market_id, terms=terms, by=BY))
        await execute(server.actors, ActivateMarket(at=now, market_id=market_id, by=BY))
