"""What a void market pays: the published examples to the cent, and that nobody can trade himself into it."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernel.answers import Refusal, Resolved
from kernel.codes import Code
from kernel.events import Fill
from kernel.windows import Reference
from tests.kernel.language import command
from tests.kernel.trading import NOON, SECOND, Trading

MINUTE = 60 * SECOND
DOLLARS_10_000 = 1_000_000


def at(market: Trading, minute: int, *lines: str) -> None:
    """Do these things, all at that minute after the market was activated."""
    market.now = NOON + minute * MINUTE
    for line in lines:
        assert not isinstance(market.do(command(market, line)).answer, Refusal)


def payouts(market: Trading, line: str) -> dict[str, int]:
    start = market.exchange.ledger_head + 1
    market.play(line)
    return {line.account: line.amount for line in market.entries(start) if line.account != "SYSTEM_RESERVE"}


# The published examples


def attacked() -> Trading:
    """H rests at 90 for NO, A takes it at 10 for YES, and sells it for 99 to Z, which is A as well."""
    market = Trading(H=DOLLARS_10_000, A=DOLLARS_10_000, Z=DOLLARS_10_000)
    at(market, 0, "H buys 5000 NO at 90", "A buys 5000 YES at 10")
    at(market, 1_434, "A sells 5000 YES at 99", "Z buys 5000 YES at 99")
    market.now = NOON + 1_440 * MINUTE - SECOND
    return market


def test_the_attack_gets_back_what_it_was_worth_and_no_cent_of_the_victim() -> None:
    """In proportion to cost, 99 instead of 10 was worth 2103 dollars; now it costs 1585 cents of fees."""
    market = attacked()
    refusal = market.refused("root voids at reference")
    assert refusal.code is Code.NO_VOID_PRICE
    market.now = NOON + 1_440 * MINUTE
    assert market.market().prices.reference(market.now) == Reference(10, 85_500_000, 0)
    market.now -= SECOND
    assert payouts(market, "root voids at 10") == {"H": 450_000, "Z": 50_000}
    assert market.holds("H", available=DOLLARS_10_000 - 450)  # the fee of who rested
    assert cash(market, "A", "Z") == 2 * DOLLARS_10_000 - 1_585


def test_example_1_is_paid_its_average_if_somebody_says_so() -> None:
    """50 for 10 minutes, a lone bid of 65 for 10, and 65 for 20: (4900 + 40) // 80."""
    market = Trading(A=100_000, B=100_000)
    at(market, 10, "A buys 100 YES at 65")
    at(market, 20, "B buys 100 NO at 38")
    assert market.market().prices.reference(NOON + 40 * MINUTE) == Reference(61, 2_400_000, 0)
    market.now = NOON + 40 * MINUTE - SECOND
    refusal = market.refused("root voids at reference")
    assert refusal.code is Code.NO_VOID_PRICE
    assert payouts(market, "root voids at 61") == {"A": 6_100, "B": 3_900}


def after_example_6() -> Trading:
    """345 minutes quoted 58/61, then 1080 with nothing in the book after a trade at 65."""
    market = Trading(**dict.fromkeys("ABCDEX", 100_000))
    at(market, 0, "X buys 1 YES at 58 as bid")
    at(market, 0, "A buys 1 NO at 39 as ask")
    at(market, 345, "X cancels bid", "A cancels ask")
    at(market, 345, "A buys 100 YES at 65", "B buys 100 NO at 38", "C buys 40 YES at 62")
    at(market, 345, "A sells 40 YES at 60", "B sells 30 NO at 40", "D buys 30 NO at 42")
    at(market, 345, "C sells 20 YES at 58", "B sells 20 NO at 40", "A sells 50 YES at 63")
    at(market, 345, "D buys 50 YES at 63", "E buys 100 YES at 65 as e", "C sells 7 YES at 60")
    at(market, 345, "A sells 10 YES at 60", "E cancels e")
    market.now = NOON + 1_425 * MINUTE - SECOND
    return market


def test_example_6_at_its_average() -> None:
    """(181455 + 1425) // 2850 = 64. The reserve is 5000, costs were 4921."""
    assert payouts(after_example_6(), "root voids at reference") == {
        "B": 1_800,
        "C": 832,
        "D": 1_280,
        "E": 1_088,
    }


def test_example_6_at_a_price_that_somebody_names() -> None:
    assert payouts(after_example_6(), "root resolves VOID at 50") == {
        "B": 2_500,
        "C": 650,
        "D": 1_000,
        "E": 850,
    }


def test_the_answer_says_where_the_price_comes_from() -> None:
    market = after_example_6()
    answer = market.answer(Resolved, "root voids at 50")
    assert answer.void_price_cents == 50
    assert answer.void_basis is not None
    assert answer.void_basis.source == "ADMIN"
    assert answer.void_basis.reference == Reference(64, 1_425 * 60_000, 345 * 60_000)


# Nobody trades himself into it


def cash(market: Trading, *names: str) -> int:
    accounts = market.exchange.accounts
    return sum(accounts[name].available + accounts[name].frozen for name in names)


PEOPLE = ("ann", "ben", "cat", "dan", "eve")


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32), price=st.integers(1, 99), band=st.sets(st.sampled_from(PEOPLE), min_size=1)
)
def test_no_coalition_gets_more_than_its_trades_with_others_were_worth(
    seed: int, price: int, band: set[str]
) -> None:
    """Each share bought from others, or sold to them, is worth the price; what its members trade among each
    other comes to nothing but fees. So no printed price and no inflated cost is worth anything."""
    dice = random.Random(seed)
    market = Trading(**dict.fromkeys(PEOPLE, 100_000))
    market.escrow("ann:1", "ann")
    execute, history = market.exchange.execute, market.history
    of_band = {*band, *(["ann:1"] if "ann" in band else [])}
    before, expected = cash(market, *of_band), 0
    for _ in range(40):
        name = dice.choice(PEOPLE)
        verb, side = dice.choice(("buys", "buys", "sells")), dice.choice(("YES", "NO"))
        line = f"{name} {verb} {dice.randint(1, 40)} {side} at {dice.choice((1, 10, 40, 50, 60, 90, 99))}"
        market.now += SECOND
        for fact in execute(command(market, line)).facts:
            history.add(fact)
            if isinstance(fact.event, Fill):
                expected += worth(market, fact.event, of_band, price)
    fees = sum(position.fees_paid for name, position in market.market().positions.items() if name in of_band)
    for fact in execute(command(market, f"root voids at {price}")).facts:
        history.add(fact)
    assert cash(market, *of_band) - before == expected - fees
    assert market.exchange.audit(history) == []


def worth(market: Trading, fill: Fill, band: set[str], price: int) -> int:
    """What the band gains by a trade if YES is paid so much: nothing, if both are of it or neither."""
    maker = market.exchange.orders[fill.order_id]
    taker = market.exchange.orders[fill.counterparty_order_id]
    buyer, seller = (maker, taker) if maker.is_bid else (taker, maker)
    gain = (price - fill.trade_price) * fill.fill_qty
    return gain * ((buyer.account.id in band) - (seller.account.id in band))


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_between_the_quotes_of_others_nobody_moves_the_reference_beyond_them(seed: int) -> None:
    """Others stand at 40 and 60. Eve and dan quote and trade inside, as they like, for a day."""
    dice = random.Random(seed)
    market = Trading(ann=10_000, ben=10_000, dan=10_000_000, eve=10_000_000)
    market.now = NOON - SECOND
    execute = market.exchange.execute
    for line in ("ann buys 1 YES at 40", "ben buys 1 NO at 40"):
        execute(command(market, line))
    for _ in range(60):
        market.now += dice.randrange(40 * MINUTE)
        side, price = dice.choice((("YES", dice.randint(41, 59)), ("NO", dice.randint(41, 59))))
        execute(command(market, f"{dice.choice(('dan', 'eve'))} buys {dice.randint(1, 9)} {side} at {price}"))
    average = market.market().prices.as_of(market.now).average
    seen, sums = average.observed, sum(average.sums)
    assert 81 * seen <= sums + 100 * SECOND
    assert sums <= 119 * seen + 100 * SECOND


@pytest.mark.parametrize("price", [1, 99])
def test_one_side_alone_is_paid_as_well(price: int) -> None:
    """Who holds all YES and who holds all NO share the reserve by the price, and by nothing else."""
    market = Trading(ann=100_000, ben=100_000)
    market.play("ann buys 10 YES at 80", "ben buys 10 NO at 20")
    paid = payouts(market, f"root voids at {price}")
    assert paid == {"ann": 10 * price, "ben": 10 * (100 - price)}


def test_nothing_held_nothing_paid() -> None:
    market = Trading(ann=100_000)
    market.play("ann buys 10 YES at 80")
    assert payouts(market, "root voids at 50") == {"ann": 10 * 80 + 2}
    assert market.exchange.reserve_account.available == 0
