"""What an account has, to the cent, and that it is what came in and what was gained."""

import pytest

from kernel.codes import ReferenceType, Side
from kernel.commands import TransferFunds, TransferShares
from kernel.portfolio import Portfolio, equity_of, portfolio_of
from tests.kernel.test_worked_examples import story
from tests.kernel.trading import Trading


def portfolio(market: Trading, name: str) -> Portfolio:
    """Somebody's, whose equity can be explained."""
    own = portfolio_of(market.exchange.accounts[name])
    account = own.account
    came_in = account.net_deposits + account.net_transfers
    assert own.equity == came_in + own.realized + own.unrealized - own.fees
    return own


def test_after_a_sale_at_a_loss() -> None:
    """60 YES that cost 3900 are worth 62 each; 40 were sold for 120 less than they cost."""
    own = portfolio(story(2), "A")
    assert (own.cash, own.value, own.cost, own.unrealized) == (95_968, 3_720, 3_900, -180)
    assert (own.realized, own.fees, own.account.net_deposits) == (-120, 12, 100_000)
    assert own.equity == 99_688 == 100_000 - 120 - 180 - 12


@pytest.mark.parametrize("examples", range(1, 7))
def test_what_all_have_is_what_came_in_less_the_fees(examples: int) -> None:
    market = story(examples)
    everybody = [portfolio(market, name) for name in "ABCDE"]
    worth = sum(own.equity for own in everybody)
    # What a YES share is worth, its NO share is not: all shares together are the reserve.
    assert worth == 500_000 - market.exchange.fee_account.available
    assert sum(own.realized for own in everybody) == market.pnl_pool
    assert sum(own.value for own in everybody) == market.reserve


def test_half_a_cent_is_not_counted() -> None:
    """Between a bid of 50 and an ask of 53 a YES share is worth 51.5."""
    market = Trading(ann=10_000, ben=10_000, cat=10_000)
    market.play("ann buys 1 YES at 50", "ben buys 1 NO at 50", "cat buys 1 YES at 50", "cat buys 1 NO at 47")
    assert portfolio(market, "ann").value == 51
    assert portfolio(market, "ben").value == 48


@pytest.mark.parametrize(("result", "yes", "no"), [("YES", 100, 0), ("NO", 0, 100), ("VOID at 7", 7, 93)])
def test_shares_of_a_resolved_market_are_worth_what_they_will_be_paid(result: str, yes: int, no: int) -> None:
    market = Trading(ann=10_000, ben=10_000)
    market.play("ann buys 1 YES at 50", "ben buys 1 NO at 50", f"root resolves {result} without settling")
    assert (portfolio(market, "ann").value, portfolio(market, "ben").value) == (yes, no)
    before = [portfolio(market, name).equity for name in ("ann", "ben")]
    market.play("root settles")
    assert [portfolio(market, name).equity for name in ("ann", "ben")] == before
    (stake,) = portfolio(market, "ann").stakes
    assert (stake.value, stake.cost, stake.position.realized_pnl) == (0, 0, yes - 50)


def test_what_nobody_ever_had_is_not_listed() -> None:
    """An order alone is no stake."""
    market = Trading(ann=10_000)
    market.play("ann buys 1 YES at 50")
    own = portfolio(market, "ann")
    assert (own.stakes, own.cash, own.equity) == ([], 10_000, 10_000)


def test_what_goes_to_a_sub_account_is_a_transfer_at_its_cost() -> None:
    market = Trading(ann=10_000, ben=10_000)
    market.play("ann buys 10 YES at 60", "ben buys 10 NO at 40")
    ann = "ann"
    market.escrow("sub", ann)
    market.do(
        TransferFunds(
            at=market.now,
            from_id=ann,
            to_id="sub",
            amount=1_000,
            reference_type=ReferenceType.MM_PAYMENT,
            idempotency_key="cash",
        )
    )
    market.do(
        TransferShares(
            at=market.now,
            from_id=ann,
            to_id="sub",
            market_id="M",
            side=Side.YES,
            quantity=4,
            reference_type=ReferenceType.MM_PAYMENT,
            idempotency_key="shares",
        )
    )
    accounts = market.exchange.accounts
    assert accounts[ann].net_transfers == -1_000 - 240
    assert accounts["sub"].net_transfers == 1_240
    assert equity_of([accounts["sub"]]) == 1_000 + 4 * 60
    assert portfolio(market, "ann").account.net_deposits == 10_000
