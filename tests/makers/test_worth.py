"""What an order is worth, and when it has lost too much."""

from hypothesis import given
from hypothesis import strategies as st

from makers.quoter.worth import equity, loss

shares = st.integers(0, 25_000)


def test_shares_count_at_the_mark() -> None:
    """39 x 40 is a mark of 79 half cents: 500 YES come to 19,750, and of 100,000 a fifth and more is gone."""
    worth = equity(60_000, 500, 0, 39 + 40)
    assert worth == 79_750
    assert loss(100_000, 0, worth) == 20_250


def test_what_was_paid_out_is_not_lost() -> None:
    assert loss(100_000, 30_000, 70_048) == -48


@given(st.integers(0, 10**9), shares, shares, st.integers(2, 198))
def test_a_pair_is_worth_a_dollar_whatever_the_market_says(cash: int, yes: int, no: int, mark: int) -> None:
    """So to burn pairs changes nothing, and half a cent is never more than there is."""
    pairs = min(yes, no)
    assert equity(cash, yes, no, mark) == equity(cash + 100 * pairs, yes - pairs, no - pairs, mark)
    assert 0 <= yes * mark + no * (200 - mark) - 2 * (equity(cash, yes, no, mark) - cash) <= 1
