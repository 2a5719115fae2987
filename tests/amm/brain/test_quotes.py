"""The quote, from the inventory to both ladders: the numbers of the acceptance scenarios."""

import pytest

from amm.brain.arithmetic import CENT, ONE
from amm.brain.book import ForeignBook
from amm.brain.config import Config, SpreadModel
from amm.brain.defence import Level, allowed_sides, evaluate
from amm.brain.phases import Phase
from amm.brain.quoting.ladder import Side
from amm.brain.skew import adjustment, inventory_skew, risk_aversion, time_factor
from amm.brain.spread import Best, Bounds, model_half_spread
from tests.amm.parts import HOUR, config, facts, judged, quoted, quoted_at, sells, situation

DAY = 24 * HOUR


def test_scenario_1_a_cold_start_quotes_five_cents_around_the_price() -> None:
    """Half-spread 5, a quarter of the quantity, 20 percent more at each level: 25, 30, 35, 40, 45."""
    settings = config(budget=500_000)
    ladders = sells(quoted(settings, yes=2_500, no=2_500, phase=Phase.EXPLORATION))
    assert ladders == ("55x25 56x30 57x35 58x40 59x45",) * 2


def test_scenario_1_a_price_of_30_puts_the_no_ladder_at_75() -> None:
    settings = config(budget=500_000, price=30)
    yes, no = sells(quoted(settings, yes=2_500, no=2_500, fair=30 * CENT, phase=Phase.EXPLORATION))
    assert yes.startswith("35x25 36x30")
    assert no == "75x25 76x30 77x35 78x40 79x45"


def test_scenario_2_the_stabilization_ladder_is_geometric() -> None:
    """52 times 1.05, 1.1025, ... rounded up; 100 times 0.7, 0.49, ... rounded down."""
    assert sells(quoted(config())) == ("52x100 55x70 58x49 61x34 64x24",) * 2


SKEWED = [
    (1, -52_632, -305_605, "53x98 56x68 59x48 62x33 65x23", "52x101 55x71 58x49 61x34 64x24"),
    (2, -111_111, -1_000_000, "54x96 57x67 60x47 63x33 66x23", "51x103 54x72 57x50 60x35 62x24"),
    (3, -176_471, -1_024_670, "54x94 57x66 60x46 63x32 66x22", "51x105 54x73 57x51 60x36 62x25"),
    (4, -250_000, -1_451_613, "54x92 57x64 60x45 63x31 66x22", "51x107 54x75 57x52 60x36 62x25"),
    (5, -333_333, -1_935_482, "55x90 58x63 61x44 64x30 67x21", "50x110 53x77 56x53 58x37 61x26"),
    (6, -428_571, -2_488_477, "55x87 58x61 61x42 64x29 67x20", "50x112 53x78 56x55 58x38 61x27"),
]


@pytest.mark.parametrize(("bought", "q", "adj", "sell_yes", "sell_no"), SKEWED)
def test_scenario_3_each_hundred_bought_moves_the_quotes(
    bought: int, q: int, adj: int, sell_yes: str, sell_no: str
) -> None:
    """Fewer YES: the price of YES rises, YES is offered in smaller and NO in larger pieces."""
    settings = config()
    result = quoted(settings, yes=1_000 - 100 * bought, no=1_000)
    assert (result.q, result.adjustment, result.reservation) == (q, adj, 50 * CENT - adj)
    assert sells(result) == (sell_yes, sell_no)


@pytest.mark.parametrize(("bought", "q", "adj", "sell_yes", "sell_no"), SKEWED)
def test_scenario_3_sales_of_no_are_the_mirror(
    bought: int, q: int, adj: int, sell_yes: str, sell_no: str
) -> None:
    result = quoted(config(), yes=1_000, no=1_000 - 100 * bought)
    assert (result.q, result.adjustment) == (-q, -adj)
    assert sells(result) == (sell_no, sell_yes)


@pytest.mark.parametrize(
    ("hours", "gamma", "expected"),
    [
        (720, 1_500_000, 5_225_807),
        (24, 1_500_000, 2_700_000),
        (2, 1_500_000, 1_000_000),
        (48, 2_500_000, 6_000_003),
    ],
)
def test_scenario_3_the_adjustment_fades_with_the_time_left(hours: int, gamma: int, expected: int) -> None:
    """700 YES against 300 NO at sigma 3; two hours before the end only the minimum is left."""
    settings = config()
    q = inventory_skew(700, 300, settings.q_reference)
    tau = time_factor(settings.as_, hours * HOUR)
    assert adjustment(settings.as_, q, gamma, 3 * CENT, tau) == expected


def test_scenario_3_a_calmer_market_needs_less_adjustment() -> None:
    settings = config()
    q = inventory_skew(700, 300, settings.q_reference)
    tau = time_factor(settings.as_, 720 * HOUR)
    assert adjustment(settings.as_, q, 1_500_000, 1_800_000, tau) == 1_881_290


def test_scenario_4_the_learned_price_and_the_skew_add_up() -> None:
    """After three buys of 100: fair 51.101424 and 300 YES gone."""
    bests = []
    for bought, posterior in ((100, 50_450_000), (200, 50_826_591), (300, 51_101_424)):
        result = quoted(config(), yes=1_000 - bought, fair=posterior)
        bests.append((result.best.ask, result.best.bid))
    assert bests == [(53, 48), (54, 49), (55, 50)]
    assert sells(result) == ("55x94 58x66 61x46 64x32 67x22", "50x105 53x73 56x51 58x36 61x25")


@pytest.fixture
def lopsided() -> Config:
    """The inventory table of scenario 5, where the net limit plays no part."""
    return config(defense__max_net_position=1_000_000)


def test_scenario_5_a_skew_below_the_warning_is_normal(lopsided: Config) -> None:
    stance, _ = judged(lopsided, 401, 1_599)
    assert stance.level is Level.NORMAL


def test_scenario_5_the_warning_widens_both_sides(lopsided: Config) -> None:
    stance, result = judged(lopsided, 400, 1_600)
    assert (stance.level, result.best) == (Level.WIDEN, Best(58, 51))
    assert sells(result) == ("58x82 61x57 64x40 68x28 71x19", "49x118 52x82 55x57 57x40 60x28")


def test_scenario_5_danger_leaves_one_side(lopsided: Config) -> None:
    stance, result = judged(lopsided, 200, 1_800)
    assert stance.level is Level.ONE_SIDE
    assert result.targets[Side.ASK] == []
    assert result.targets[Side.BID]


def test_scenario_5_distress_sells_the_heavy_side_two_cents_cheaper(lopsided: Config) -> None:
    """(0.85 - 0.80) of the 0.10 up to the hard limit, times 5 cents, is 2.5: two whole cents."""
    stance, result = judged(lopsided, 150, 1_850)
    assert stance.level is Level.ONE_SIDE
    assert sells(result) == ("", "45x125 48x87 50x61 53x43 55x30")


def test_scenario_5_the_discount_grows_and_the_hard_limit_kills(lopsided: Config) -> None:
    stance, result = judged(lopsided, 120, 1_880)
    without = quoted(lopsided, yes=120, no=1_880, stress=stance.multiplier)
    assert result.best.bid is not None
    assert without.best.bid is not None
    assert result.best.bid - without.best.bid == 4
    assert judged(lopsided, 100, 1_900)[0].level is Level.KILL_SWITCH


def test_scenario_5_one_sided_takers_double_the_spread() -> None:
    settings = config()
    findings = evaluate(settings, facts(vpin=704_000))
    result = quoted(settings, level=Level.WIDEN, stress=findings[0].multiplier)
    assert result.best == Best(54, 46)
    assert evaluate(settings, facts(vpin=700_000)) == []


def test_a_lenient_one_side_quotes_the_light_side_far_away() -> None:
    """Three times the spread belongs to the side that would add to the inventory, not to the other."""
    settings = config(defense__one_side_strict=False, defense__max_net_position=1_000_000)
    stance, result = judged(settings, 200, 1_800)
    strict_stance, strict = judged(config(defense__max_net_position=1_000_000), 200, 1_800)
    assert stance.level is strict_stance.level is Level.ONE_SIDE
    assert result.best.bid == strict.best.bid
    assert result.ask_half > 2 * strict.ask_half * 9 // 10
    assert result.targets[Side.ASK]


@pytest.mark.parametrize(
    ("left", "ladder"),
    [
        (25 * HOUR, "52x100 55x70 58x49 61x34 64x24"),
        (24 * HOUR, "53x50 56x35 59x24 62x17 65x12"),
        (HOUR, "54x20 57x14 60x9 63x6 66x4"),
        (HOUR // 4, "56x5 59x3 62x2 65x1 69x1"),
    ],
)
def test_scenario_6_quotes_grow_wide_and_small_towards_the_end(left: int, ladder: str) -> None:
    assert sells(quoted_at(config(), left)) == (ladder,) * 2


def test_scenario_6_known_news_makes_quotes_wide_and_small() -> None:
    assert sells(quoted(config(), in_event=True)) == ("60x5 63x3 67x2 70x1 73x1",) * 2


def test_scenario_6_exploration_in_an_event_is_capped_at_the_widest_spread() -> None:
    """Five times five cents would be 25; the cap is 15."""
    result = quoted(config(), in_event=True, phase=Phase.EXPLORATION)
    assert sells(result) == ("65x1 66x1 67x1 68x2 69x2",) * 2


def test_scenario_6_near_the_edge_only_the_far_side_is_quoted() -> None:
    """At 8 cents the widened bid would be 2, below the least price of 5: dropped, not moved inward."""
    stance, result = judged(config(), 1_000, 1_000, fair=8 * CENT)
    assert stance.level is Level.WIDEN
    assert result.best == Best(14, None)
    assert sells(result)[0].startswith("14x100")


@pytest.mark.parametrize("fair", [1, 99])
def test_at_the_edges_of_the_price_only_the_side_with_room_is_quoted(fair: int) -> None:
    result = quoted(config(), fair=fair * CENT)
    quoted_side, empty_side = (Side.ASK, Side.BID) if fair == 1 else (Side.BID, Side.ASK)
    assert result.targets[empty_side] == []
    assert result.targets[quoted_side][0].price == 6


def test_zero_inventory_quotes_nothing() -> None:
    assert sells(quoted(config(), yes=0, no=0)) == ("", "")


def test_one_outcome_alone_is_quoted_on_its_side() -> None:
    result = quoted(config(), yes=0, no=50)
    assert result.targets[Side.ASK] == []
    assert sum(target.quantity for target in result.targets[Side.BID]) == 50


def test_the_ladder_ends_where_the_shares_end() -> None:
    """Of 180 shares the first level takes 100 and the second 70; the third gets 10 and the rest nothing."""
    assert sells(quoted(config(), yes=180, no=180))[0] == "52x100 55x70 58x10"


def test_shares_in_reserve_are_not_offered() -> None:
    settings = config(ladder__reserve_shares=950)
    assert sum(target.quantity for target in quoted(settings).targets[Side.ASK]) == 50


def test_no_level_exceeds_the_markets_largest_order() -> None:
    assert sells(quoted(config(), max_quantity=60))[0] == "52x60 55x60 58x49 61x34 64x24"


def test_a_foreign_bid_pushes_the_ask_behind_it() -> None:
    """There is no post-only order: at or below a foreign bid we would be the taker."""
    book = ForeignBook(bids=((53, 10),), asks=((60, 10),))
    assert quoted(config(), book=book).best == Best(54, 48)


def test_a_foreign_ask_pushes_the_bid_behind_it() -> None:
    book = ForeignBook(asks=((47, 10),))
    assert quoted(config(), book=book).best == Best(52, 46)


def test_a_foreign_bid_at_the_bound_drops_the_ask() -> None:
    book = ForeignBook(bids=((95, 10),))
    assert quoted(config(), book=book).best.ask is None


def test_both_views_of_an_order_stay_within_the_markets_own_bounds() -> None:
    """A market of 10..80: NO at 100 - p must lie in it too, so YES prices end at 20 below and 80 above."""
    assert Bounds.of(config().as_, 10, 80) == Bounds(20, 80)


def test_the_heavy_side_never_reaches_the_other() -> None:
    assert Best(52, 50).discounted(5, heavy_yes=True) == Best(51, 50)
    assert Best(52, 50).discounted(5, heavy_yes=False) == Best(52, 51)
    assert Best(52, None).discounted(5, heavy_yes=True) == Best(47, None)


def test_the_model_spread_is_the_published_number() -> None:
    """gamma 1.5, sigma 2, tau 0.968, k 1.5: (5.806 + 0.924) / 2 = 3.365 cents."""
    settings = config(as__spread_model="AS")
    assert settings.as_.spread_model is SpreadModel.AS
    tau = time_factor(settings.as_, 720 * HOUR)
    assert model_half_spread(settings.as_, 1_500_000, 2 * CENT, tau) == pytest.approx(3_365_000, abs=500)
    assert quoted(settings).half_spread == pytest.approx(3_365_000, abs=500)


def test_gamma_follows_the_markets_whole_life() -> None:
    """Below a week short, up to ninety days mid, beyond long; no end counts as long."""
    skew = config().as_
    days = [6, 7, 90, 91]
    assert [risk_aversion(skew, day * DAY) for day in days] == [2_500_000, 1_500_000, 1_500_000, 800_000]
    assert risk_aversion(skew, None) == 800_000


def test_nothing_left_and_no_end_are_not_the_same() -> None:
    skew = config().as_
    assert time_factor(skew, 0) == 0
    assert time_factor(skew, None) == ONE
    assert time_factor(skew, 720 * HOUR) == 967_742


def test_a_nearly_empty_inventory_does_not_look_lopsided() -> None:
    """10 YES against 100 NO is 90 shares of exposure, not 82 percent of anything."""
    assert inventory_skew(10, 100, 1_000) == -90_000


def test_an_oracle_gap_and_a_heavy_side_can_leave_nothing_to_quote() -> None:
    """An upward jump makes our asks stale; too much YES allows only asks: neither side is left."""
    settings = config(oracle__enabled=True, oracle__url="http://feed.test")
    findings = evaluate(
        settings, facts(q=850_000, oracle=50 * CENT, oracle_age_ms=0, oracle_gap_only=Side.BID)
    )
    assert allowed_sides(findings, 850_000, strict=True) == frozenset()
    assert situation(settings).allowed == frozenset(Side)
