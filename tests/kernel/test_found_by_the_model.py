"""Where kernel and model once disagreed, and the kernel was wrong."""

import pytest

from kernel.answers import Refusal
from kernel.codes import Code, MarketStatus
from kernel.commands import (
    AnyCommand,
    CancelByClientId,
    CancelOrder,
    CreateMarket,
    MarketTerms,
    OpenAccount,
    OpenJournal,
    RaiseFence,
)
from kernel.exchange import Exchange
from tests.kernel.trading import Trading

NOW = 1_790_000_000_000_000


def an_exchange() -> Exchange:
    exchange = Exchange()
    for command in (
        OpenJournal(at=NOW),
        OpenAccount(at=NOW, user_id="ann"),
        OpenAccount(at=NOW, user_id="mm:1", owner_id="ann", auto_netting=False),
        RaiseFence(at=NOW, user_id="mm:1", fence=4),
    ):
        exchange.execute(command)
    return exchange


def refused(command: AnyCommand) -> Code:
    exchange = an_exchange()
    before = exchange.digest()
    outcome = exchange.execute(command)
    assert isinstance(outcome.answer, Refusal)
    assert outcome.facts == []
    assert exchange.digest() == before
    return outcome.answer.code


@pytest.mark.parametrize("fence", [3, None])
def test_a_stale_worker_is_told_so_whatever_it_wants_to_cancel(fence: int | None) -> None:
    """It was told that the order does not exist: an answer, and so a sign that it may go on."""
    by_id = CancelOrder(at=NOW, user_id="mm:1", order_id="no such order", fence=fence)
    by_name = CancelByClientId(at=NOW, user_id="mm:1", market_id="M", client_order_id="none", fence=fence)
    assert refused(by_id) is Code.STALE_FENCE
    assert refused(by_name) is Code.STALE_FENCE


def test_an_order_limit_that_no_table_can_hold_is_malformed() -> None:
    """2**63 cents were accepted; the column of the markets ends one below."""
    terms = MarketTerms(title="Too rich", max_order_amount_cents=2**63)
    assert refused(CreateMarket(at=NOW, market_id="M", terms=terms, by="adm")) is Code.MALFORMED


def test_shares_on_offer_at_another_price_leave_the_holders_position_as_it_was() -> None:
    """It was said to have changed at the time of the amend, with the same six numbers."""
    market = Trading(ann=1_000, ben=1_000)
    market.play("ann buys 5 YES at 60", "ben buys 5 NO at 40", "ann sells 5 YES at 70 as offer")
    position = market.market().positions["ann"]
    before = position.updated_at
    market.now += 1
    market.play("ann amends offer to 5 at 71")
    assert market.order("ann", "offer").book_price == 71
    assert position.updated_at == before


def test_a_market_of_many_holders_is_paid_only_when_somebody_asks_for_it() -> None:
    """With an empty book and more holders than one step pays, a mere resolution went on and paid them."""
    market = Trading(ann=1_000, ben=1_000)
    market.exchange.portion = 1
    market.play("ann buys 5 YES at 60", "ben buys 5 NO at 40", "root resolves YES without settling")
    assert market.market().status is MarketStatus.RESOLVED
    assert market.market().closing is None
    assert market.holds("ann", yes=5)


def test_a_fence_that_the_journal_cannot_hold_is_malformed() -> None:
    """It was raised to any integer; the journal's payload holds 64 bits, so the fact could not be written."""
    assert refused(RaiseFence(at=NOW, user_id="mm:1", fence=2**70)) is Code.MALFORMED
