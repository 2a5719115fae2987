"""What a worker does next about one leg, for every status and every answer."""

import pytest

from makers.venues.steps import AFTER_CALL, NEXT, Leg, Next, Status, Step, after_query, is_shown
from makers.venues.venue import Answer, Asset, Word


def leg(status: Status, amount: int = 7) -> Leg:
    return Leg(leg=Asset.CASH, attempt=1, request_key="k", amount=amount, status=status)


def test_only_a_leg_that_nobody_ever_called_is_called() -> None:
    assert [status for status in Status if NEXT[status] is Next.CALL] == [Status.INTENT]


def test_where_it_is_unknown_there_are_only_questions() -> None:
    assert NEXT[Status.UNKNOWN] is Next.QUERY
    assert {after_query(leg(Status.UNKNOWN), Answer(word)) for word in Word} == {
        *(Step.ACCEPTED, Step.REJECTED),
        None,
    }


@pytest.mark.parametrize("word", Word)
def test_only_who_knows_that_nothing_was_sent_may_try_again(word: Word) -> None:
    assert (AFTER_CALL[word] is Step.RETRY) == (word is Word.NOT_SENT)
    assert (AFTER_CALL[word] is Step.REJECTED) == (word is Word.REJECTED)


@pytest.mark.parametrize("word", [word for word in Word if word is not Word.CONFIRMED])
def test_what_is_under_way_is_waited_for(word: Word) -> None:
    assert after_query(leg(Status.SUBMITTED), Answer(word)) is None
    assert after_query(leg(Status.SUBMITTED), Answer(Word.CONFIRMED)) is Step.CONFIRMED


@pytest.mark.parametrize(
    ("shown", "is_there"), [({}, False), ({Asset.CASH: 6}, False), ({Asset.CASH: 7}, True)]
)
def test_money_is_there_when_all_of_it_is_shown(shown: dict[Asset, int], is_there: bool) -> None:
    assert is_shown(leg(Status.CONFIRMED), shown) is is_there
