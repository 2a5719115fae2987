"""Where kernel and model once disagreed, and the kernel was wrong."""

import pytest

from kernel.answers import Refusal
from kernel.codes import Code
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


def test_a_fence_that_the_journal_cannot_hold_is_malformed() -> None:
    """It was raised to any integer; the journal's payload holds 64 bits, so the fact could not be written."""
    assert refused(RaiseFence(at=NOW, user_id="mm:1", fence=2**70)) is Code.MALFORMED
