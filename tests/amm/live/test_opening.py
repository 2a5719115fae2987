"""What the exchange says of a market, turned into what the brain begins with."""

from datetime import UTC, datetime

import pytest

from amm.brain.arithmetic import CENT, Ms
from amm.brain.inputs import Frame
from amm.brain.wire import AmmMarket, Market, MarketStatus, Party, Role, Trade, TradeExecuted
from amm.live.opening import facts_of
from tests.amm.parts import HOUR, MARKET, NOON, config
from tests.amm.venue import USER, Play, playing

MONTH: Ms = 720 * HOUR


def moment(at_ms: Ms) -> str:
    return datetime.fromtimestamp(at_ms / 1_000, UTC).isoformat()


def maker_in(opened_ms: Ms, first_start_ms: Ms, started_ms: Ms = NOON) -> Play:
    """A maker that was told 70, in a market that opened then and then, in its last month."""
    line = AmmMarket(MARKET, "RUNNING", 200_000, 70, moment(first_start_ms), moment(started_ms))
    market = Market(
        MARKET,
        MarketStatus.ACTIVE,
        *(1, 99, 1_000_000, 10, 20),
        trading_start_at=moment(opened_ms),
        trading_end_at=moment(NOON + MONTH),
    )
    return playing(settings=config(price=70), fair=None, facts=facts_of(line, market))


def fair_after_five_sales_of_ten_at_40(play: Play) -> float:
    others = [Party(USER, f"order-{role.value}", role, 0) for role in (Role.MAKER, Role.TAKER)]
    for number in range(1, 6):
        trade = TradeExecuted(play.now_ms, MARKET, Trade(f"TRD_{number}", 40, 10, *others))
        play.step(Frame(play.venue.seq + number, (trade,)))
    play.wait(1_000)
    assert play.state.cycle.decision is not None
    return play.state.cycle.decision.fair.price / CENT


@pytest.mark.parametrize("open_for", [0, MONTH], ids=["just opened", "open for a month"])
def test_the_initial_price_weighs_the_same_however_long_the_market_has_been_open(open_for: Ms) -> None:
    """0.7 of 70 and 0.3 of the 57.57 that the trades teach."""
    play = maker_in(opened_ms=NOON - open_for, first_start_ms=NOON)
    assert fair_after_five_sales_of_ten_at_40(play) == pytest.approx(66.3, abs=0.05)


def test_the_initial_price_is_not_told_anew_by_a_later_start() -> None:
    play = maker_in(opened_ms=NOON - MONTH, first_start_ms=NOON - HOUR)
    assert fair_after_five_sales_of_ten_at_40(play) == pytest.approx(57.6, abs=0.05)


def test_the_lifetime_of_a_market_is_counted_from_its_opening() -> None:
    facts = maker_in(opened_ms=NOON - MONTH, first_start_ms=NOON).state.facts
    assert facts.lifetime_ms == 2 * MONTH
