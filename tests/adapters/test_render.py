"""Displays and times, at the edges where they go wrong."""

import msgspec
import pytest

from adapters.wire import render, render_portfolio
from kernel.market import Holding
from kernel.portfolio import portfolio_of
from tests.kernel.trading import Trading


@pytest.mark.parametrize(
    ("cents", "shown"),
    [
        (0, "$0.00"),
        (1, "$0.01"),
        (-1, "-$0.01"),
        (99, "$0.99"),
        (-99, "-$0.99"),
        (100, "$1.00"),
        (-1250, "-$12.50"),
        (6500, "$65.00"),
        (150_000, "$1,500.00"),
        (-123_456_789, "-$1,234,567.89"),
        (2**63 - 1, "$92,233,720,368,547,758.07"),
    ],
)
def test_cents_are_shown_as_dollars(cents: int, shown: str) -> None:
    assert render.dollars(cents) == shown


def test_each_amount_of_a_portfolio_is_shown_as_it_is_told() -> None:
    """A gain has its sign, and what the sub-accounts have is in the total."""
    market = Trading(ann=20_000, ben=20_000)
    market.play("ann buys 10 YES at 60", "ben buys 10 NO at 40")
    market.play("ben buys 4 YES at 65", "ann sells 4 YES at 65")
    own = portfolio_of(market.exchange.accounts["ann"])
    told = msgspec.structs.asdict(render_portfolio.portfolio(own, 1_234, as_of=7))
    (stake,) = told.pop("positions")
    assert (own.realized, own.equity) == (20, 20_048)
    assert told["realized_pnl_display"] == "+$0.20"
    assert told["sub_accounts_equity_display"] == "$12.34"
    assert told["total_equity_display"] == "$212.82"
    for amounts in (told, msgspec.structs.asdict(stake)):
        for name in [name.removesuffix("_cents") for name in amounts if name.endswith("_cents")]:
            if name == "spot_half":
                continue
            show = render.gain if name.endswith("_pnl") else render.dollars
            assert amounts[f"{name}_display"] == show(amounts[f"{name}_cents"]), name


def test_a_gain_has_its_sign() -> None:
    assert [render.gain(cents) for cents in (314, 0, -120)] == ["+$3.14", "$0.00", "-$1.20"]


@pytest.mark.parametrize(
    ("cost_sum", "volume", "shown"),
    [
        (0, 0, "$0.00"),
        (1260, 20, "$0.63"),
        (125, 2, "$0.63"),  # 62.5 cents
        (187, 3, "$0.62"),  # 62.33 cents
        (188, 3, "$0.63"),  # 62.67 cents
        (1, 1, "$0.01"),
    ],
)
def test_an_average_is_rounded_half_up(cost_sum: int, volume: int, shown: str) -> None:
    assert render.average(Holding(volume=volume, cost_sum=cost_sum)) == shown


@pytest.mark.parametrize(
    ("microseconds", "shown"),
    [
        (0, "1970-01-01T00:00:00.000000Z"),
        (1, "1970-01-01T00:00:00.000001Z"),
        (-1, "1969-12-31T23:59:59.999999Z"),
        (1_795_168_800_000_000, "2026-11-20T10:00:00.000000Z"),
        (253_402_300_799_999_999, "9999-12-31T23:59:59.999999Z"),
        (-62_135_596_800_000_000, "0001-01-01T00:00:00.000000Z"),
    ],
)
def test_times_have_six_digits_and_z(microseconds: int, shown: str) -> None:
    assert render.time(microseconds) == shown
    assert render.time_or_null(microseconds) == shown
    assert render.time_or_null(None) is None
