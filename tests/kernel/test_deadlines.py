"""valid_until: decided in time or not at all, and which answers come before that."""

from typing import Any

import msgspec
import pytest

from kernel.answers import BatchCancelled, Placed, Refusal
from kernel.codes import Code
from kernel.commands import AnyCommand, BatchCancel, CancelOrder
from kernel.deadlines import check_deadline, rfc3339
from tests.kernel.language import command
from tests.kernel.trading import NOON, SECOND, Trading

PAST, LATER = NOON - 1, NOON + 1_000 * SECOND


def staged() -> Trading:
    """The AMM has pairs and quotes q; ann bids; the sub-account of hers has pairs, too."""
    market = Trading(AMM=100_000, ann=10_000, maker_fee_bps=0, taker_fee_bps=0)
    market.escrow("mm:1", "ann")
    market.play("AMM mints 100 with key k", "AMM sells 50 YES at 60 as q", "ann buys 10 YES at 40 as bid")
    market.play("AMM burns 1 with key b")
    return market


def timed(market: Trading, line: str, valid_until: int) -> AnyCommand:
    wish: Any = command(market, line)
    late: AnyCommand = msgspec.structs.replace(wish, valid_until=valid_until)
    return late


@pytest.mark.parametrize(
    "line",
    [
        "ann buys 1 YES at 30",
        "AMM replaces q, selling 50 YES at 61",
        "ann cancels bid",
        "ann amends bid at 41",
        "AMM cancels everything",
        "AMM mints 1",
        "AMM burns 1",
    ],
)
def test_up_to_its_deadline_it_is_done_and_a_microsecond_later_it_is_not(line: str) -> None:
    market = staged()
    wish = timed(market, line, market.now - 1)
    refusal = market.refused(wish)
    assert refusal.code is Code.DEADLINE_PASSED
    assert refusal.data == {"valid_until": rfc3339(market.now - 1), "decided_at": rfc3339(market.now)}
    assert not isinstance(market.do(timed(market, line, market.now)).answer, Refusal)


def test_a_cancel_by_its_orders_id_has_one_too() -> None:
    market = staged()
    order_id = market.order("ann", "bid").id
    wish = CancelOrder(at=market.now, user_id="ann", order_id=order_id, valid_until=PAST)
    assert market.refused(wish).code is Code.DEADLINE_PASSED
    assert market.order("ann", "bid").is_live


def test_the_exchanges_time_counts_and_not_that_of_the_command() -> None:
    """A command that comes with an earlier time is decided at the time of the newest event."""
    market = staged()
    newest = market.exchange.now
    wish = msgspec.structs.replace(timed(market, "ann buys 1 YES at 30", newest - 1), at=NOON - SECOND)
    refusal = market.refused(wish)
    assert refusal.code is Code.DEADLINE_PASSED
    assert refusal.data is not None
    assert refusal.data["decided_at"] == rfc3339(newest)


@pytest.mark.parametrize(
    ("line", "code"),
    [
        # What is known is answered: that is how one learns what became of the first.
        ("ann buys 10 YES at 40 as bid", None),
        ("AMM mints 100 with key k", None),
        ("AMM burns 1 with key b", None),
        ("ann buys 11 YES at 40 as bid", Code.CLIENT_ORDER_ID_USED),
        ("AMM mints 101 with key k", Code.IDEMPOTENCY_KEY_USED),
        # Who asks, and for what, is judged before.
        ("mm:1 buys 1 YES at 40", Code.STALE_FENCE),
        ("ann cancels nothing", Code.ORDER_NOT_FOUND),
        ("ann replaces bid, buying 1 YES at 41", Code.AMM_ONLY),
        ("ann cancels everything", Code.AMM_ONLY),
        ("ann mints 1", Code.AMM_ONLY),
        # Whether it can be done, after.
        ("ann buys 1 YES at 40 in nowhere", Code.DEADLINE_PASSED),
        ("ann buys 0 YES at 0", Code.DEADLINE_PASSED),
        ("AMM mints 1 in nowhere", Code.DEADLINE_PASSED),
        ("AMM cancels everything in nowhere", Code.DEADLINE_PASSED),
    ],
)
def test_what_is_told_before_a_deadline_and_what_after(line: str, code: Code | None) -> None:
    market = staged()
    answer = market.do(timed(market, line, PAST)).answer
    assert (answer.code if isinstance(answer, Refusal) else None) is code


def test_of_an_order_that_is_closed_the_deadline_is_told_first() -> None:
    market = staged()
    market.play("ann cancels bid")
    assert market.refused(timed(market, "ann cancels bid", PAST)).code is Code.DEADLINE_PASSED
    assert market.refused(timed(market, "ann cancels bid", LATER)).code is Code.ORDER_CLOSED


def test_it_is_no_property_of_the_order() -> None:
    market = staged()
    first = market.do(timed(market, "ann buys 1 YES at 30 as x", LATER)).answer
    again = market.do(timed(market, "ann buys 1 YES at 30 as x", PAST)).answer
    assert isinstance(first, Placed)
    assert isinstance(again, Placed)
    assert again.repeated


def test_a_replacement_that_is_late_cancels_nothing() -> None:
    """Not even what is partly filled, which a replacement in time would take off the book."""
    market = staged()
    market.play("ann buys 5 YES at 60")
    late = timed(market, "AMM replaces q, selling 50 YES at 61", PAST)
    assert market.refused(late).code is Code.DEADLINE_PASSED
    assert market.order("AMM", "q").is_live


def test_what_was_begun_in_time_is_finished() -> None:
    """The portions of a large cancel are one command, also where the clock goes on between them."""
    market = Trading(AMM=100_000)
    market.play("AMM mints 10", *(f"AMM sells 1 YES at {price}" for price in (60, 61, 62)))
    market.exchange.portion = 1
    wish = timed(market, "AMM cancels everything", market.now)
    outcome = market.step(wish)
    while (then := outcome.then) is not None:
        assert isinstance(then, BatchCancel)
        outcome = market.step(msgspec.structs.replace(then, at=then.at + SECOND))
    assert isinstance(outcome.answer, BatchCancelled)
    assert outcome.answer.cancelled_count == 3


def test_times_that_no_calendar_knows_are_told_as_its_first_or_last() -> None:
    market = staged()
    wish: Any = timed(market, "ann buys 1 YES at 30", -(2**63))
    refusal = check_deadline(wish, 2**63 - 1)
    assert refusal is not None
    assert refusal.data == {
        "valid_until": "0001-01-01T00:00:00.000000Z",
        "decided_at": "9999-12-31T23:59:59.999999Z",
    }
