"""Transfers within the exchange: cash and shares between accounts of one owner, once per key."""

import pytest

from kernel.answers import Transferred
from kernel.codes import Code, Side
from kernel.events import FundsTransferred, SharesTransferred, reference
from tests.kernel.trading import ledger, owned


def test_cash_moves_in_a_pair_of_entries_that_name_the_payment() -> None:
    market = owned()
    entry = market.exchange.ledger_head + 1
    answer = market.answer(Transferred, "ann gives mm:1 300 cents with key k")
    assert answer.journal_id == market.exchange.head
    assert market.entries(entry) == ledger(
        f"""
        | {entry}     | ann  | TRANSFER_PAYMENT | -300 | 8200 |
        | {entry + 1} | mm:1 | TRANSFER_RECEIPT | +300 | 1300 |
        """
    )
    fact = market.facts[-1]
    assert isinstance(fact.event, FundsTransferred)
    assert reference(fact) == ("MM_PAYMENT", "k")
    assert fact.market_id is None


def test_shares_move_with_their_part_of_the_cost_and_realize_nothing() -> None:
    """3 of 10 shares that cost 500 take 150 along; totals, reserve and pool stay."""
    market = owned()
    before = (market.reserve, market.pnl_pool, market.market().yes_shares)
    market.play("mm:1 gives ann 3 YES for MM_WITHDRAW")
    assert market.holds("mm:1", yes=7, yes_cost=350)
    assert market.holds("ann", yes=3, yes_cost=150)
    assert (market.reserve, market.pnl_pool, market.market().yes_shares) == before
    event = market.facts[-1].event
    assert isinstance(event, SharesTransferred)
    assert (event.side, event.quantity, event.cost_cents) == (Side.YES, 3, 150)
    assert event.postings == []


def test_shares_that_complete_a_pair_are_netted_where_they_arrive() -> None:
    market = owned()
    market.play("ann buys 2 NO at 40", "cat buys 2 YES at 60")
    head = market.exchange.head
    market.play("mm:1 gives ann 5 YES for MM_WITHDRAW")
    assert market.told(head) == ["SHARES_TRANSFERRED", "NETTING_EXECUTED"]
    assert market.holds("ann", yes=3, no=0)


@pytest.mark.parametrize("line", ["ann gives mm:1 300 cents with key k", "mm:1 gives ann 3 YES with key k"])
def test_a_transfer_asked_for_again_is_answered_and_moves_nothing(line: str) -> None:
    market = owned()
    first = market.answer(Transferred, line)
    head = market.exchange.head
    assert market.answer(Transferred, line) == first
    assert market.exchange.head == head


@pytest.mark.parametrize(
    "line",
    [
        "ann gives mm:1 301 cents with key k",
        "mm:1 gives ann 300 cents with key k",
        "ann gives mm:1 300 cents for MM_REFUND with key k",
        "mm:1 gives ann 3 YES with key k",
        "nobody gives mm:1 300 cents with key k",  # before the account is looked for
    ],
)
def test_a_key_moves_something_once(line: str) -> None:
    market = owned()
    market.play("ann gives mm:1 300 cents with key k")
    assert market.refused(line).code is Code.TRANSFER_KEY_USED


@pytest.mark.parametrize(
    "line",
    [
        "mm:1 gives ann 2 NO with key k",
        "mm:1 gives ann 2 YES in N with key k",
        "mm:1 gives ann 3 YES with key k",
        "mm:1 gives ann 2 YES for MM_REFUND with key k",
        "mm:1 gives ann 2 cents with key k",
    ],
)
def test_a_key_moves_the_same_shares_only(line: str) -> None:
    market = owned()
    market.create("N")
    market.play("mm:1 gives ann 2 YES with key k")
    assert market.refused(line).code is Code.TRANSFER_KEY_USED


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("ann gives ben 1 cents", Code.NOT_ALLOWED),
        ("ann gives ann 1 cents", Code.NOT_ALLOWED),
        ("ann gives mm:2 1 cents", Code.NOT_ALLOWED),
        ("mm:1 gives mm:2 1 cents", Code.NOT_ALLOWED),
        ("mm:1 gives ben 1 YES", Code.NOT_ALLOWED),
        ("mm:1 gives ben 1 cents for MM_WITHDRAW", Code.NOT_ALLOWED),
        ("mm:1 gives ben 1 cents for MM_REFUND", Code.NOT_ALLOWED),
        ("nobody gives mm:1 1 cents", Code.ACCOUNT_NOT_FOUND),
        ("ann gives nobody 1 cents", Code.ACCOUNT_NOT_FOUND),
        ("PLATFORM_FEE gives mm:1 1 cents", Code.ACCOUNT_NOT_FOUND),
        ("ann gives mm:1 0 cents", Code.MALFORMED),
        ("ann gives mm:1 -1 cents", Code.MALFORMED),
        ("ann gives mm:1 8501 cents", Code.INSUFFICIENT_BALANCE),
        ("mm:1 gives ann 0 YES", Code.MALFORMED),
        ("mm:1 gives ann -1 YES", Code.MALFORMED),
        ("mm:1 gives ann 11 YES", Code.INSUFFICIENT_SHARES),
        ("mm:1 gives ann 1 NO", Code.INSUFFICIENT_SHARES),
        ("ann gives mm:1 1 YES in NOWHERE", Code.MARKET_NOT_FOUND),
        ("nobody gives mm:1 0 cents", Code.MALFORMED),
        ("nobody gives mm:1 0 YES in NOWHERE", Code.MALFORMED),
        ("ann gives mm:1 1 cents for TRADE", Code.MALFORMED),
        ("ann gives mm:1 1 YES for AMM_MINT", Code.MALFORMED),
    ],
)
def test_what_a_transfer_may_not_do(line: str, code: Code) -> None:
    """Payments, withdrawals and refunds stay with one owner: cash does not wander between users."""
    assert owned().refused(line).code is code


@pytest.mark.parametrize("kind", ["MM_VENUE_OUT", "MM_VENUE_IN", "MM_REWARD", "MM_FEE"])
def test_venues_campaigns_and_fees_cross_owners(kind: str) -> None:
    """Their accounts belong to nobody's user; one end must still be a sub-account."""
    market = owned()
    market.play(f"mm:1 gives cat 10 cents for {kind}")
    assert market.refused(f"ann gives cat 10 cents for {kind}").code is Code.NOT_ALLOWED


def test_shares_on_offer_are_not_transferred() -> None:
    market = owned()
    market.play("mm:1 sells 8 YES at 90 with fence 0")
    assert market.refused("mm:1 gives ann 3 YES").code is Code.INSUFFICIENT_SHARES
    market.play("mm:1 gives ann 2 YES")


def test_no_share_moves_while_a_market_is_halted() -> None:
    market = owned()
    market.play("root halts")
    assert market.refused("mm:1 gives ann 1 YES").code is Code.MARKET_NOT_OPEN
