"""From TOML and overrides to one checked configuration; all that is wrong is said at once."""

import ast
from decimal import Decimal

import pytest

from amm.brain.arithmetic import CENT
from amm.brain.config import JumpResume
from amm.brain.config_checks import fee_half_spread
from amm.brain.config_layers import (
    ALIASES,
    PARAMETERS,
    SHARED_KEYS,
    ConfigFile,
    ConfigInvalidError,
    Layer,
    Start,
    amend,
    build,
    check_file,
    read_toml,
    value_of,
)
from tests.adapters.serving import ROOT
from tests.amm.parts import MARKET, config

START = Start(MARKET, 500_000, 50, 10)


def problems(*layers: Layer, start: Start = START) -> list[str]:
    with pytest.raises(ConfigInvalidError) as caught:
        build(start, layers)
    return caught.value.problems


def test_the_defaults_are_valid_for_a_small_and_a_large_budget() -> None:
    for budget in (20_000, 500_000, 2_000_000_000):
        settings = build(Start(MARKET, budget, 50, 10), [Layer("test", {})])
        assert settings.initial_mint == budget // 200


def test_defaults_follow_the_funding() -> None:
    settings = build(START, [])
    assert settings.q_reference == settings.defense.max_net_position == 2_500
    assert (settings.defense.daily_loss_limit, settings.rollback.pnl_rollback_threshold) == (100_000, 50_000)
    assert (settings.inv.position_limit, settings.inv.budget_limit_cents) == (5_000, 500_000)
    rich = build(Start(MARKET, 2_000_000, 50, 10), [])
    assert (rich.inv.position_limit, rich.defense.daily_loss_limit) == (20_000, 100_000)


def test_later_layers_win_key_by_key() -> None:
    file = read_toml(
        """
        quote_interval_ms = 500
        [stabilization]
        spread = 3
        levels = 4
        [market."MKT-TEST".stabilization]
        levels = 6
        [market."OTHER".stabilization]
        levels = 9
        """
    )
    settings = build(START, [*file.layers(MARKET), Layer("start", {"base_spread_cents": 4})])
    assert (settings.quote_interval_ms, settings.stabilization.levels, settings.stabilization.spread) == (
        500,
        6,
        4,
    )


def test_decimals_are_exact() -> None:
    """0.1 in the file is one tenth, and so is the float 0.1 of a start command's JSON."""
    file = read_toml("[lvr]\nvelocity_kill_ratio = 0.1\n")
    assert build(START, file.layers(MARKET)).lvr.velocity_kill_ratio == 100_000
    assert build(START, [Layer("start", {"lvr_velocity_threshold": 0.1})]).lvr.velocity_kill_ratio == 100_000
    assert build(START, [Layer("start", {"gamma_mid": Decimal("1.234567")})]).as_.gamma_mid == 1_234_567


def test_everything_wrong_is_said_at_once() -> None:
    found = problems(
        Layer("file", {"pricing": {"anchor_decay": 5}, "defence": {"vpin_window": 50}}),
        Layer(
            "start", {"gamma_short": Decimal("2.5000001"), "exploration": {"levels": 2.0, "qty_ratio": True}}
        ),
        Layer("override", {"defense": {"extreme_price_kill": 12, "price_jump_resume": "MAYBE"}}),
    )
    text = "\n".join(found)
    assert len(found) == 7
    assert "file: pricing.anchor_decay is not a parameter; did you mean pricing.anchor_decay_ms?" in text
    assert "did you mean defense.vpin_window?" in text
    assert "gamma_short has more than six decimals" in text
    assert "exploration.levels must be a whole number, not 2.0" in text
    assert "exploration.qty_ratio must be a number, not True" in text
    assert "must be one of AUTO, MANUAL" in text
    assert "defense.extreme_price_kill must be below defense.extreme_price_halt" in text


def test_a_short_name_without_its_section_is_recognised() -> None:
    assert "did you mean as.min_price?" in problems(Layer("start", {"min_price": 3}))[0]


@pytest.mark.parametrize("key", ["market_id", "initial_price_cents", "initial_budget_cents", "amm_user_id"])
def test_what_the_start_command_fixes_cannot_be_overridden(key: str) -> None:
    assert "fixed by the start command" in problems(Layer("file", {key: 1}))[0]


def test_a_key_and_its_alias_in_one_layer_are_an_error() -> None:
    assert "given twice" in problems(Layer("start", {"gamma_short": 2, "as": {"gamma_short": 2}}))[0]


def test_a_budget_that_pays_no_pair_is_refused() -> None:
    assert "does not pay one pair" in problems(start=Start(MARKET, 199, 50, 10))[0]


def test_scenario_1_a_maximum_price_of_3_is_refused() -> None:
    assert "as.max_price must be at least 70" in problems(Layer("start", {"as": {"max_price": 3}}))[0]


CROSSED: list[tuple[dict[str, object], str]] = [
    ({"pricing.anchor_initial_weight": 0.9}, "must not exceed 1"),
    ({"pricing.anchor_floor_weight": 0.4, "pricing.anchor_initial_weight": 0.3}, "must not exceed pricing"),
    ({"defense.inventory_warning": 0.8}, "inventory_warning < inventory_danger"),
    ({"defense.spread_multiplier_warning": 3}, "must be below defense.spread_multiplier_danger"),
    ({"vol.sigma_min_cents": 5, "vol.sigma_max_cents": 5}, "sigma_min_cents must be below"),
    ({"stabilization.spread": 1, "as.min_half_spread": 2}, "stabilization.spread must lie within"),
    ({"exploration.spread": 20, "as.max_half_spread": 15}, "exploration.spread must lie within"),
    ({"rollback.pnl_rollback_threshold": 100_001}, "must not exceed defense.daily_loss_limit"),
    ({"defense.daily_loss_limit": 250_001}, "half of the initial funding"),
    ({"inv.mint_keep_cash_cents": 10_000}, "undo each other forever"),
    ({"inv.position_limit": 2_499}, "at least the initial mint"),
    ({"inv.budget_limit_cents": 499_999}, "at least the initial funding"),
    ({"lvr.post_fill_delay_ms": 5_000, "lvr.post_fill_max_hold_ms": 4_999}, "post_fill_max_hold_ms"),
]


@pytest.mark.parametrize(("values", "complaint"), CROSSED, ids=[next(iter(values)) for values, _ in CROSSED])
def test_parameters_that_contradict_each_other_are_refused(values: dict[str, object], complaint: str) -> None:
    assert any(complaint in problem for problem in problems(Layer("test", values)))


def test_a_high_loss_limit_can_be_forced() -> None:
    settings = build(START, [Layer("test", {"defense.daily_loss_limit": 300_000, "force": True})])
    assert settings.defense.daily_loss_limit == 300_000


def test_a_spread_must_pay_its_fees() -> None:
    """10 bps of at most 130 cents, halved: 0.065 cents; 200 bps: 1.3 cents, more than a spread of one."""
    assert fee_half_spread(10, 15) == 65_000
    assert fee_half_spread(200, 15) == 1_300_000
    found = problems(Layer("test", {"stabilization.spread": 1}), start=Start(MARKET, 500_000, 50, 200))
    assert "does not cover half of a round trip's fees" in found[0]


def test_a_running_market_takes_hot_values_and_refuses_cold_ones() -> None:
    running = build(START, [])
    changed = amend(START, [Layer("override", {"stabilization.spread": 3})], running)
    assert (changed.stabilization.spread, changed.version) == (3, 2)
    with pytest.raises(ConfigInvalidError, match="q_reference cannot change while the market runs"):
        amend(START, [Layer("override", {"q_reference": 7})], running)


def test_a_broken_file_is_one_clear_line() -> None:
    with pytest.raises(ConfigInvalidError, match="not valid TOML"):
        read_toml("[pricing\n")


def test_every_alias_names_a_parameter() -> None:
    assert set(ALIASES.values()) <= set(PARAMETERS)


def test_every_default_lies_in_its_own_range() -> None:
    settings = config(budget=500_000)
    for key, parameter in PARAMETERS.items():
        value = value_of(settings, key)
        assert parameter.low is None or value >= parameter.low, key
        assert parameter.high is None or value <= parameter.high, key
    assert settings.defense.price_jump_resume is JumpResume.AUTO
    assert settings.exploration.spread * CENT == 5_000_000


@pytest.mark.parametrize("key", sorted(SHARED_KEYS))
def test_what_holds_for_all_markets_is_not_taken_from_one(key: str) -> None:
    """The account has one connection and one count of its commands: a market's own would do nothing."""
    file = ConfigFile({}, {MARKET: {key: 10}})
    with pytest.raises(ConfigInvalidError, match="holds for all markets"):
        check_file(file)
    assert "holds for all markets" in problems(Layer("start", {key: 10}, is_shared=False))[0]


def test_polling_is_slower_by_default_and_may_not_be_as_fast_as_the_stream() -> None:
    polled = build(START, [Layer("file", {"sync.transport": "POLL"})])
    assert polled.quote_interval_ms == 2_000
    found = problems(Layer("file", {"sync.transport": "POLL", "quote_interval_ms": 1_000}))
    assert "quote_interval_ms must be at least 2000" in found[0]


def test_a_reference_price_needs_an_address() -> None:
    assert "oracle.enabled needs oracle.url" in problems(Layer("file", {"oracle.enabled": True}))[0]
    assert "an http or https address" in problems(Layer("file", {"oracle.url": "localhost"}))[0]


def test_no_parameter_is_accepted_and_then_forgotten() -> None:
    """Something besides the table reads each of them, or names it where it holds for all markets."""
    table = {"config.py", "config_layers.py"}
    files = [path for room in ("brain", "live") for path in (ROOT / "amm" / room).rglob("*.py")]
    live = [path.read_text() for path in files if path.name not in table]
    attributes = {
        node.attr for text in live for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Attribute)
    }
    words = "\n".join(live)
    for key in PARAMETERS:
        name = key.rpartition(".")[2]
        assert name in attributes or f'"{key}"' in words, key
