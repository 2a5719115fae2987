"""The order group by which the exchange brakes the maker: asked for, named, and respected once it brakes."""

import pytest

from amm.brain.commands import AlertKind, Command, Place, Replace, ResetGroup, SetGroup
from amm.brain.defence import Level, Reason
from amm.brain.inputs import Resume
from amm.brain.quoting.ladder import Side
from tests.amm.parts import config
from tests.amm.venue import Play, playing


@pytest.fixture
def play() -> Play:
    return playing(settings=config(group__max_fill_quantity=400, group__window_ms=2_000))


def named(sent: list[Command]) -> set[str | None]:
    return {
        (one.new_order if isinstance(one, Replace) else one).group_id
        for one in sent
        if isinstance(one, Place | Replace)
    }


def asked(play: Play) -> list[tuple[int, int]]:
    return [(one.max_fill_quantity, one.window_ms) for one in play.commands() if isinstance(one, SetGroup)]


def levels(play: Play) -> list[int]:
    return [len(play.venue.live(side)) for side in Side]


def test_no_group_unless_the_configuration_asks_for_one() -> None:
    play = playing()
    play.buys(Side.ASK, 40)
    play.drift_to(53)
    play.wait(10_000)
    assert named(play.orders_sent()) == {None}
    assert (asked(play), play.venue.group) == ([], None)


def test_every_order_names_the_group_that_was_asked_for_before_it(play: Play) -> None:
    play.buys(Side.ASK, 40)
    play.drift_to(53)
    play.wait(10_000)
    assert play.venue.group == "ACTIVE"
    assert named(play.orders_sent()) == {"amm"}
    assert play.state.group.standing == (400, 2_000)
    assert play.state.counts["group not found"] == play.state.counts["group refused"] == 0
    assert levels(play) == [5, 5]
    assert play.alerts == []


def test_once_it_was_triggered_the_market_waits_for_a_person(play: Play) -> None:
    play.venue.brake(play.now_ms)
    play.sent.clear()
    play.wait(120_000)
    assert play.state.risk.level is Level.AMM_PAUSE
    assert levels(play) == [0, 0]
    assert named(play.orders_sent()) == set()
    assert play.kinds() == [AlertKind.ORDER_GROUP]
    play.step(Resume())
    play.wait(30_000)
    assert [type(one) for one in play.commands() if isinstance(one, SetGroup | ResetGroup)] == [ResetGroup]
    assert play.venue.group == "ACTIVE"
    assert levels(play) == [5, 5]
    assert play.kinds() == [AlertKind.ORDER_GROUP]
    assert play.agrees()


def test_the_refusal_of_an_order_says_the_same_as_the_event(play: Play) -> None:
    """Where events are not heard, as by polling."""
    play.venue.group = "TRIGGERED"
    play.drift_to(53)
    play.wait(3_000)
    assert play.state.risk.latched == {Reason.ORDER_GROUP}
    assert play.kinds() == [AlertKind.ORDER_GROUP]
    assert not any(failed for _at, failed in play.state.health.outcomes)
    play.wait(3_000)
    assert levels(play) == [0, 0]


def test_a_group_that_is_gone_is_asked_for_again(play: Play) -> None:
    play.venue.group = None
    play.drift_to(53)
    play.wait(5_000)
    assert play.state.counts["group not found"] > 0
    assert play.venue.group == "ACTIVE"
    assert levels(play) == [5, 5]
    assert play.alerts == []
    assert play.agrees()


def test_after_a_break_of_the_line_it_is_asked_for_again_and_its_brake_seen(play: Play) -> None:
    play.cut()
    play.venue.group = "TRIGGERED"
    play.reconnect(blind_ms=1_000)
    play.wait(2_000)
    assert play.state.risk.latched == {Reason.ORDER_GROUP}


def test_where_the_reset_is_refused_it_goes_on_waiting(play: Play) -> None:
    """Its orders are, too, and say why."""
    play.venue.brake(play.now_ms)
    play.wait(10_000)
    play.venue.refuse["group_reset"] = 9003
    play.step(Resume())
    play.wait(10_000)
    assert play.state.risk.latched == {Reason.ORDER_GROUP}
    assert levels(play) == [0, 0]
    play.step(Resume())
    play.wait(30_000)
    assert play.venue.group == "ACTIVE"
    assert levels(play) == [5, 5]
