"""From one book to the next: what is sent after a fill, on a lost line, and when nothing is."""

import pytest

from amm.brain.commands import AlertKind, Cancel, Place, Replace
from amm.brain.inputs import NewConfig
from amm.brain.quoting.ladder import Outcome, Side
from tests.amm.parts import config
from tests.amm.venue import Play, Venue, playing

UNTOUCHED = "52x100 55x70 58x49 61x34 64x24"


@pytest.fixture
def play() -> Play:
    play = playing()
    assert (play.venue.ladder(Side.ASK), play.venue.ladder(Side.BID)) == (UNTOUCHED, UNTOUCHED)
    return play


def test_a_quiet_market_is_thought_of_once_and_a_changed_one_again() -> None:
    """The same situation gives the same quote without working it out; a parameter or a fill does not."""
    play = playing()
    play.wait(1_000)
    before = play.state.cycle.thought
    play.wait(3_000)
    assert play.state.cycle.thought is before
    play.step(NewConfig(config(ladder__level_qty=50)))
    play.wait(3_000)
    assert before is not None
    assert play.state.cycle.thought is not None
    assert [one.quantity for one in play.state.cycle.thought.targets[Side.ASK]] == [50, 35, 24, 17, 12]
    after = play.state.cycle.thought
    play.buys(Side.ASK, 1)
    play.wait(1_000)
    assert play.state.cycle.thought is not after


def test_a_second_cycle_without_change_sends_nothing(play: Play) -> None:
    """Refreshing what has not changed would lose the queue position of every order."""
    play.wait(60_000)
    assert play.orders_sent() == []


def test_scenario_7_a_fill_first_only_cancels_what_is_too_aggressive(play: Play) -> None:
    """40 of 277 is below the velocity limit. The new best is 53, so the rest at 52 goes, no more."""
    play.buys(Side.ASK, 40)
    play.wait(2_400)
    [only] = play.orders_sent()
    assert isinstance(only, Cancel)
    assert play.venue.ladder(Side.ASK) == "55x70 58x49 61x34 64x24"
    assert play.state.ledger.inventory.yes == 960


def test_scenario_7_after_the_delay_the_ladder_moves_in_four_replaces_and_one_place(play: Play) -> None:
    play.buys(Side.ASK, 40)
    play.wait(2_400)
    play.sent.clear()
    play.wait(600)
    *replaces, place = play.orders_sent()
    moved = [
        (one.new_order.price_cents, one.new_order.quantity) for one in replaces if isinstance(one, Replace)
    ]
    assert moved == [(65, 23), (62, 34), (59, 48), (56, 69)]
    assert isinstance(place, Place)
    assert (place.price_cents, place.quantity, place.side) == (53, 99, Outcome.YES)
    assert play.venue.ladder(Side.BID) == UNTOUCHED
    assert play.agrees()


def test_scenario_7_a_fill_during_its_replace_is_answered_6001_and_counts_once(play: Play) -> None:
    """20 of the 70 at 55 go while the replace is on its way: the fill event alone changes the inventory."""
    play.buys(Side.ASK, 40)
    play.wait(2_400)
    cash = play.state.ledger.inventory.cash
    play.heard = False  # the fill happens, but its event does not reach the maker yet
    play.venue.fill(Side.ASK, 55, 20, play.now_ms)
    play.wait(300)
    assert play.state.orders.settling
    play.heard = True
    play.wait(10_000)
    inventory = play.state.ledger.inventory
    assert inventory.yes == 940
    assert inventory.cash == cash + 1_100 - 2
    assert play.venue.ladder(Side.ASK) == "53x99 56x69 59x48 62x34 65x23"
    assert play.agrees()


def test_a_partly_filled_order_is_moved_by_cancel_and_place_in_one_batch(play: Play) -> None:
    """A replace would draw a 6001 every time."""
    play.buys_at(Side.ASK, 58, 10)
    touched = next(one.order.id for one in play.venue.live(Side.ASK) if one.order.filled_quantity)
    play.wait(3_000)
    sent = play.orders_sent()
    cancelled = next(i for i, one in enumerate(sent) if isinstance(one, Cancel) and one.order_id == touched)
    assert isinstance(sent[cancelled + 1], Place)
    assert AlertKind.COMMAND_REFUSED not in play.kinds()
    assert len(play.venue.live(Side.ASK)) == 5


def test_a_place_whose_answer_was_lost_becomes_one_order(play: Play) -> None:
    """The same client id on the next connection: the exchange answers with the order that exists."""
    play.buys(Side.ASK, 100)
    play.latency_ms = 50
    play.wait(11_000)
    sent = [one for one in play.commands() if isinstance(one, Place)]
    play.cut()
    play.reconnect(blind_ms=500)
    play.wait(3_000)
    assert len(play.venue.live(Side.ASK)) == 5
    assert len({one.client_order_id for one in sent}) == len(sent)
    assert play.agrees()


def test_an_answer_lost_in_flight_is_asked_for_again(play: Play) -> None:
    play.latency_ms = 100
    play.drift_to(53)
    play.wait(250)
    assert play.state.orders.pending
    play.cut()
    first = [one for one in play.orders_sent() if isinstance(one, Replace)]
    play.sent.clear()
    play.reconnect(blind_ms=500)
    again = [one for one in play.orders_sent() if isinstance(one, Replace)]
    assert {one.new_order.client_order_id for one in again} == {
        one.new_order.client_order_id for one in first
    }
    play.wait(3_000)
    assert play.venue.ladder(Side.ASK) == "55x100 58x70 61x49 64x34 67x24"
    assert play.state.orders.pending == {}


def test_the_side_that_moves_away_goes_first(play: Play) -> None:
    """When the price rises the asks go first: a bid raised before them could meet our own ask."""
    play.drift_to(56)
    play.wait(1_100)
    sides = [one.new_order.side for one in play.orders_sent() if isinstance(one, Replace)]
    assert sides[:5] == [Outcome.YES] * 5
    play.sent.clear()
    play.drift_to(50)
    play.wait(1_100)
    sides = [one.new_order.side for one in play.orders_sent() if isinstance(one, Replace)]
    assert sides[:5] == [Outcome.NO] * 5


def test_a_move_smaller_than_the_requote_limit_leaves_everything(play: Play) -> None:
    play.state.prices.fair_override = 50_900_000
    play.wait(5_000)
    assert play.orders_sent() == []


def test_a_rate_limit_stops_moving_until_the_minute_is_over(play: Play) -> None:
    play.state.health.limited_until_ms = play.now_ms + 30_000
    play.drift_to(53)
    play.wait(20_000)
    assert play.orders_sent() == []
    play.wait(15_000)
    assert play.venue.ladder(Side.ASK) == "55x100 58x70 61x49 64x34 67x24"


def test_an_unknown_outcome_is_asked_again_with_the_same_id(play: Play) -> None:
    """9003 says nothing about what happened; the client id makes the repetition harmless."""
    play.venue.refuse["replace"] = 9003
    play.drift_to(53)
    play.wait(3_000)
    assert play.venue.ladder(Side.ASK) == "55x100 58x70 61x49 64x34 67x24"


def test_a_replace_of_a_vanished_order_is_looked_into(play: Play) -> None:
    """4006: gone, but how much of it was filled? The side waits for a sync."""
    victim = play.venue.live(Side.ASK)[2].order.id
    play.heard = False
    play.venue._close(play.venue.orders[victim], "GUARD", play.now_ms)
    play.venue.frames.clear()
    play.heard = True
    play.drift_to(53)
    play.wait(3_000)
    assert play.venue.ladder(Side.ASK) == "55x100 58x70 61x49 64x34 67x24"
    assert play.agrees()


def test_a_cancel_that_nobody_asked_for_is_reported(play: Play) -> None:
    victim = play.venue.live(Side.ASK)[2]
    play.venue._close(victim, "USER_CANCELLED", play.now_ms)
    play.wait(3_000)
    assert AlertKind.FOREIGN_CANCEL in play.kinds()
    assert play.venue.ladder(Side.ASK) == UNTOUCHED


def test_nothing_is_sent_on_a_dead_line(play: Play) -> None:
    play.cut()
    play.sent.clear()
    play.drift_to(60)
    play.wait(3_000)
    assert play.commands() == []


def test_a_price_that_moves_on_while_answers_are_on_their_way_is_followed() -> None:
    play = playing(settings=config(defense__max_latency_ms=5_000))
    play.latency_ms = 300
    play.drift_to(52)
    play.wait(250)
    assert play.state.orders.pending
    play.drift_to(54)
    play.venue.trade_between_others(54, 1, play.now_ms, taker_buys=True)  # wakes a cycle
    play.latency_ms = 0
    play.step()
    play.latency_ms = 300
    play.wait(200)
    assert play.state.orders.pending
    play.wait(3_000)
    assert play.venue.ladder(Side.ASK) == "56x100 59x70 62x49 65x34 69x24"


def test_shares_of_a_closed_order_stay_bound_until_its_fills_are_booked() -> None:
    """Of 280 YES the ladder offers 277. 6001 tells of 20 fills whose events are late: 260 are left."""
    play = playing(Venue(yes=280, no=280, yes_cost=14_000, no_cost=14_000))
    before = play.state.orders.bound(Side.ASK)
    play.heard = False
    play.venue.fill(Side.ASK, 55, 20, play.now_ms)
    play.drift_to(53)
    play.wait(900)
    assert play.state.orders.settling
    assert play.venue.oversold == 0
    assert play.state.orders.bound(Side.ASK) <= 280
    play.heard = True
    play.wait(10_000)
    assert (before, play.venue.oversold) == (277, 0)
    assert play.agrees()


def test_what_is_to_come_and_what_is_to_go_may_be_more_than_we_have() -> None:
    """335 YES, of which 272 are offered: moving a touched order of 95 adds 99 before the 95 are seen to go.

    Answers and events come one after the other. Between them is no moment at which the books are broken.
    """
    play = playing(Venue(yes=340, no=340, yes_cost=17_000, no_cost=17_000))
    play.buys_at(Side.ASK, 52, 5)
    play.latency_ms = 5
    play.drift_to(47)
    play.wait(20_000)
    assert play.alerts == []
    assert play.venue.ladder(Side.ASK).startswith("50x99 ")
    assert play.agrees()


def test_many_markets_keep_to_a_beat_of_their_own() -> None:
    """Whatever woke them all at once, each falls back to its own moment of the second."""
    moments = []
    for beat in (130, 700):
        play = playing()
        play.state.cycle.beat = beat
        play.wait(3_000)
        play.state.cycle.wake = True
        play.wait(2_500)
        assert play.state.cycle.last_ms is not None
        moments.append(play.state.cycle.last_ms % 1_000)
    assert moments == [130, 700]
