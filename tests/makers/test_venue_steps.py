"""What a worker does next about one leg, for every status and every answer."""

import pytest

from makers.venues.steps import (
    AFTER_CALL,
    Direction,
    Leg,
    Next,
    Status,
    Step,
    Task,
    after_query,
    has_arrived,
    next_of,
)
from makers.venues.venue import Answer, Asset, Word


def leg(status: Status, direction: Direction = Direction.OUT) -> Leg:
    return Leg(direction=direction, leg=Asset.CASH, attempt=1, request_key="k", amount=7, status=status)


@pytest.mark.parametrize("task", Task)
def test_only_a_leg_that_nobody_ever_called_is_called(task: Task) -> None:
    """And none while an administrator looks into it."""
    called = [status for status in Status if next_of(leg(status), task) is Next.CALL]
    assert called == ([] if task is Task.WATCH else [Status.INTENT])


def test_where_it_is_unknown_there_are_only_questions() -> None:
    assert next_of(leg(Status.UNKNOWN), Task.OUT) is Next.QUERY
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


@pytest.mark.parametrize(("amount", "is_told"), [(0, False), (6, False), (7, True), (8, True)])
def test_what_is_sent_out_has_arrived_when_all_of_it_is_shown(amount: int, is_told: bool) -> None:
    assert has_arrived(leg(Status.CONFIRMED), amount, Task.OUT) is is_told
    assert has_arrived(leg(Status.CONFIRMED), amount, Task.WATCH) is (amount > 0)


@pytest.mark.parametrize(("amount", "is_told"), [(0, False), (6, True), (7, True), (8, True)])
def test_what_comes_back_is_told_as_it_came(amount: int, is_told: bool) -> None:
    assert has_arrived(leg(Status.CONFIRMED, Direction.BACK), amount, Task.BACK) is is_told
