"""Each condition of the defence at its edge; how levels rise and fall; what our own fills set off."""

from typing import Any

import attrs
import pytest

from amm.brain.arithmetic import CENT, ONE
from amm.brain.config import Config
from amm.brain.defence import (
    Facts,
    Finding,
    Level,
    Reason,
    Stance,
    distress_discount,
    evaluate,
    extreme_stop,
)
from amm.brain.informed import InformedFlow, in_event_window
from amm.brain.phases import PhaseFacts, PhaseReason, leave_exploration, roll_back
from amm.brain.quoting.ladder import Side
from tests.amm.parts import HOUR, config, facts
from tests.amm.venue import Venue, playing

FED = config(
    budget=500_000,
    oracle__enabled=True,
    oracle__url="http://feed.test",
    defense__min_asset_floor_cents=100_000,
)

CONDITIONS = [
    (Reason.DAILY_LOSS, Level.KILL_SWITCH, facts(day_pnl=-100_000), facts(day_pnl=-99_999)),
    (Reason.INVENTORY_HARD, Level.KILL_SWITCH, facts(q=900_000), facts(q=899_999)),
    (Reason.ASSET_FLOOR, Level.KILL_SWITCH, facts(equity=100_000), facts(equity=100_001)),
    (Reason.VELOCITY, Level.KILL_SWITCH, facts(latched=(Reason.VELOCITY,)), facts()),
    (Reason.INTEGRITY, Level.KILL_SWITCH, facts(latched=(Reason.INTEGRITY,)), facts()),
    (Reason.ADMIN_KILL, Level.KILL_SWITCH, facts(latched=(Reason.ADMIN_KILL,)), facts()),
    (Reason.PRICE_JUMP, Level.AMM_PAUSE, facts(jump_range=8 * CENT), facts(jump_range=8 * CENT - 1)),
    (Reason.API_ERRORS, Level.AMM_PAUSE, facts(commands=20, errors=3), facts(commands=20, errors=2)),
    (Reason.API_ERRORS, Level.AMM_PAUSE, facts(commands=20, errors=19), facts(commands=19, errors=19)),
    (Reason.LATENCY, Level.AMM_PAUSE, facts(median_latency_ms=101), facts(median_latency_ms=100)),
    (Reason.FEED_STALE, Level.AMM_PAUSE, facts(silent_ms=5_001), facts(silent_ms=5_000)),
    (Reason.FEED_STALE, Level.AMM_PAUSE, facts(book_age_ms=45_001), facts(book_age_ms=45_000)),
    (Reason.EXTREME_STOP, Level.AMM_PAUSE, facts(extreme_stopped=True), facts()),
    (
        Reason.ORACLE_DEVIATION,
        Level.AMM_PAUSE,
        facts(oracle=54 * CENT + 1, oracle_age_ms=0),
        facts(oracle=54 * CENT, oracle_age_ms=0),
    ),
    (Reason.INVENTORY_DANGER, Level.ONE_SIDE, facts(q=-800_000), facts(q=-799_999)),
    (Reason.NET_LIMIT, Level.ONE_SIDE, facts(yes=2_500, no=0), facts(yes=2_499, no=0)),
    (
        Reason.ORACLE_GAP,
        Level.ONE_SIDE,
        facts(oracle=50 * CENT, oracle_age_ms=0, oracle_gap_only=Side.BID),
        facts(oracle=50 * CENT, oracle_age_ms=0),
    ),
    (Reason.INVENTORY_WARNING, Level.WIDEN, facts(q=600_000), facts(q=599_999)),
    (Reason.EXTREME_WIDEN, Level.WIDEN, facts(fair=10 * CENT), facts(fair=10 * CENT + 1)),
    (Reason.EXTREME_WIDEN, Level.WIDEN, facts(fair=90 * CENT), facts(fair=90 * CENT - 1)),
    (Reason.VPIN, Level.WIDEN, facts(vpin=700_001), facts(vpin=700_000)),
    (
        Reason.ORACLE_STALE,
        Level.WIDEN,
        facts(oracle=50 * CENT, oracle_age_ms=3_001),
        facts(oracle=50 * CENT, oracle_age_ms=3_000),
    ),
    (Reason.RATE_LIMITED, Level.WIDEN, facts(rate_limited=True), facts()),
]


@pytest.mark.parametrize(
    ("reason", "level", "over", "under"),
    CONDITIONS,
    ids=[f"{c[0].value}-{i}" for i, c in enumerate(CONDITIONS)],
)
def test_each_condition_has_its_edge(reason: Reason, level: Level, over: Facts, under: Facts) -> None:
    assert [finding.level for finding in evaluate(FED, over) if finding.reason is reason] == [level]
    assert reason not in {finding.reason for finding in evaluate(FED, under)}


def test_without_a_reference_feed_nothing_is_stale() -> None:
    assert evaluate(FED, facts()) == []


def test_a_volatile_market_may_stray_further_from_the_reference() -> None:
    """Two sigma of 4 cents are 8: a distance of 7 is fine."""
    assert evaluate(FED, facts(sigma=4 * CENT, oracle=57 * CENT, oracle_age_ms=0)) == []


def test_an_extreme_price_must_come_two_cents_inside_to_count_as_over() -> None:
    defense = config().defense
    assert extreme_stop(defense, 5 * CENT, stopped=False)
    assert not extreme_stop(defense, 5 * CENT + 1, stopped=False)
    assert extreme_stop(defense, 7 * CENT - 1, stopped=True)
    assert not extreme_stop(defense, 7 * CENT, stopped=True)
    assert extreme_stop(defense, 95 * CENT, stopped=False)


@pytest.mark.parametrize(
    ("q", "discount"), [(700_000, 0), (800_000, 0), (850_000, 2), (-880_000, 4), (900_000, 5), (990_000, 5)]
)
def test_the_discount_grows_from_danger_to_the_hard_limit(q: int, discount: int) -> None:
    assert distress_discount(config().defense, q) == discount


WIDE = [Finding(Reason.VPIN, Level.WIDEN, 2 * ONE)]


def test_a_level_rises_at_once_and_falls_after_five_calmer_cycles() -> None:
    stance, defense = Stance(), config().defense
    stance.settle(WIDE, 0, defense)
    seen = []
    for _ in range(5):
        seen.append((stance.level, stance.multiplier))
        stance.settle([], 0, defense)
    assert seen == [(Level.WIDEN, 2 * ONE)] * 5
    assert (stance.level, stance.multiplier) == (Level.NORMAL, ONE)


def test_one_cycle_that_asks_again_starts_the_count_anew() -> None:
    stance, defense = Stance(), config().defense
    for findings in (WIDE, [], [], [], [], WIDE, [], [], [], []):
        stance.settle(findings, 0, defense)
    assert stance.level is Level.WIDEN


def test_a_level_falls_straight_to_what_is_asked() -> None:
    stance, defense = Stance(), config().defense
    stance.settle([Finding(Reason.PRICE_JUMP, Level.AMM_PAUSE)], 0, defense)
    for _ in range(5):
        stance.settle(WIDE, 0, defense)
    assert stance.level is Level.WIDEN


def test_scenario_5_back_in_balance_needs_five_cycles() -> None:
    """The first four calmer cycles still quote wide, the fifth does not."""
    lopsided = Venue(yes=400, no=1_600, yes_cost=20_000, no_cost=80_000)
    play = playing(lopsided, config(defense__max_net_position=9_999))
    play.wait(1_000)
    levels = [play.state.risk.level]
    play.state.ledger.inventory.yes = play.state.ledger.inventory.no = 1_000
    for _ in range(5):
        play.wait(1_000)
        levels.append(play.state.risk.level)
    assert levels == [Level.WIDEN] * 5 + [Level.NORMAL]


@pytest.fixture
def settings() -> Config:
    return config()


def test_a_big_fill_locks_its_side_and_the_third_kills(settings: Config) -> None:
    """100 of 277 within the window is more than a fifth."""
    flow = InformedFlow()
    kills = []
    for now in (0, 20_000, 40_000):
        kills.append(flow.own_fill(settings.lvr, Side.ASK, 100, resting=177, whole=277, now_ms=now))
        assert flow.sides[Side.ASK].is_locked(now + 9_999)
        assert not flow.sides[Side.BID].is_locked(now)
    assert kills == [False, False, True]


def test_big_fills_far_apart_do_not_kill(settings: Config) -> None:
    flow = InformedFlow()
    times = range(0, 300_000, 31_000)
    assert not any(flow.own_fill(settings.lvr, Side.ASK, 100, 177, 277, now) for now in times)


def test_exactly_the_ratio_is_not_too_fast(settings: Config) -> None:
    flow = InformedFlow()
    flow.own_fill(settings.lvr, Side.ASK, 20, resting=80, whole=100, now_ms=0)
    assert not flow.sides[Side.ASK].is_locked(0)
    flow.own_fill(settings.lvr, Side.ASK, 1, resting=79, whole=100, now_ms=400)
    assert flow.sides[Side.ASK].is_locked(400)


def test_a_side_that_is_nearly_sold_out_is_not_taken_too_fast_by_an_ordinary_order(settings: Config) -> None:
    """17 of the last 73 are more than a fifth, but 6% of the 277 that a side is meant to hold."""
    flow = InformedFlow()
    flow.own_fill(settings.lvr, Side.ASK, 17, resting=56, whole=277, now_ms=0)
    assert not flow.sides[Side.ASK].is_locked(0)
    flow.own_fill(settings.lvr, Side.ASK, 38, resting=18, whole=277, now_ms=100)
    assert not flow.sides[Side.ASK].is_locked(100), "55 of 277 are less than a fifth"
    flow.own_fill(settings.lvr, Side.ASK, 1, resting=17, whole=277, now_ms=200)
    assert flow.sides[Side.ASK].is_locked(200)


def test_the_strategy_knows_what_a_side_is_meant_to_hold() -> None:
    """100 + 70 + 49 + 34 + 24 would be 277; only 150 are left, of which 50 are taken: more than a fifth."""
    play = playing(Venue(yes=150))
    assert play.venue.ladder(Side.ASK) == "59x77 62x54 66x19"
    play.buys(Side.ASK, 50)
    play.wait(1_000)
    assert play.state.cycle.decision is not None
    assert play.state.cycle.decision.whole_side == 277
    assert not play.state.informed.sides[Side.ASK].is_locked(play.now_ms)


def test_one_sweep_through_the_ladder_is_one_event(settings: Config) -> None:
    flow = InformedFlow()
    resting = 277
    for part in (100, 70, 49, 34):
        resting -= part
        assert not flow.own_fill(settings.lvr, Side.ASK, part, resting, 277, now_ms=1_000)
    assert len(flow.velocity_events) == 1


def test_tiny_trades_cannot_hold_a_side_for_ever(settings: Config) -> None:
    """Each fill renews the 2.5 seconds, but the streak ends ten seconds after its first."""
    flow = InformedFlow()
    for now in range(0, 10_000, 1_000):
        flow.own_fill(settings.lvr, Side.ASK, 1, 276, 277, now)
    assert flow.sides[Side.ASK].held_until_ms == 10_000
    assert flow.next_release_ms(9_500) == 10_000


def test_a_fill_may_hold_both_sides(settings: Config) -> None:
    both = config(lvr__post_fill_scope="MARKET")
    flow = InformedFlow()
    flow.own_fill(both.lvr, Side.ASK, 1, 276, 277, 0)
    assert flow.sides[Side.BID].is_held(2_499)
    assert not flow.sides[Side.BID].is_held(2_500)


def test_a_sweep_in_the_market_takes_the_side_off_for_ten_seconds() -> None:
    play = playing()
    play.buys(Side.ASK, 100)
    play.wait(2_000)
    assert play.venue.ladder(Side.ASK) == ""
    play.wait(7_000)
    assert play.venue.ladder(Side.ASK) == ""
    play.wait(3_000)
    assert len(play.venue.live(Side.ASK)) == 5
    assert len(play.venue.live(Side.BID)) == 5


def test_an_event_window_reaches_both_ways(settings: Config) -> None:
    at = 100 * HOUR
    assert in_event_window(settings.lvr, [at], at - 900_000)
    assert in_event_window(settings.lvr, [at], at + 900_000)
    assert not in_event_window(settings.lvr, [at], at + 900_001)


def phase_facts(**changes: Any) -> PhaseFacts:
    quiet = PhaseFacts(
        in_phase_ms=900_000,
        volume=0,
        trades_in_window=0,
        range_in_window=0,
        range_five_minutes=0,
        day_pnl=0,
        since_rollback_ms=None,
    )
    return attrs.evolve(quiet, **changes)


def test_exploration_ends_by_time_volume_or_calm_in_that_order(settings: Config) -> None:
    exploration = settings.exploration
    assert leave_exploration(exploration, phase_facts()) is None
    late = phase_facts(in_phase_ms=3_600_000, volume=200, trades_in_window=10)
    assert leave_exploration(exploration, late) is PhaseReason.TIME_EXPIRED
    busy = phase_facts(volume=200, trades_in_window=10)
    assert leave_exploration(exploration, busy) is PhaseReason.VOLUME_REACHED
    calm = phase_facts(trades_in_window=10, range_in_window=CENT)
    assert leave_exploration(exploration, calm) is PhaseReason.PRICE_STABLE
    assert leave_exploration(exploration, phase_facts(trades_in_window=9)) is None
    assert leave_exploration(exploration, phase_facts(trades_in_window=10, range_in_window=CENT + 1)) is None
    early = phase_facts(trades_in_window=10, in_phase_ms=899_999)
    assert leave_exploration(exploration, early) is None, "the window has not been watched in full"


def test_a_violent_or_costly_market_rolls_back_but_not_twice_in_ten_minutes(settings: Config) -> None:
    rollback = settings.rollback
    assert roll_back(rollback, phase_facts(range_five_minutes=5 * CENT)) is PhaseReason.EMERGENCY_ROLLBACK
    assert roll_back(rollback, phase_facts(day_pnl=-20_000)) is PhaseReason.EMERGENCY_ROLLBACK
    assert roll_back(rollback, phase_facts(range_five_minutes=5 * CENT - 1, day_pnl=-19_999)) is None
    violent = phase_facts(range_five_minutes=9 * CENT, since_rollback_ms=600_000)
    assert roll_back(rollback, violent) is None
    assert (
        roll_back(rollback, phase_facts(range_five_minutes=9 * CENT, since_rollback_ms=600_001)) is not None
    )
