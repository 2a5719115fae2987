"""Orders that the exchange will not have: they would take, came too late, or the market forbids them."""

import pytest

from amm.brain.arithmetic import read_epoch_ms
from amm.brain.commands import AlertKind, BatchCancel, Command, Place, Replace
from amm.brain.execution import VALID_MS
from amm.brain.memory import Cause, Lifecycle
from amm.brain.quoting.ladder import Side
from amm.brain.wire import MarketStatus
from tests.amm.parts import config
from tests.amm.venue import Play, playing

UNTOUCHED = "52x100 55x70 58x49 61x34 64x24"
REFRESH_MS = 300_000


@pytest.fixture
def play() -> Play:
    return playing()


def wishes(sent: list[Command]) -> list[Place | Replace]:
    return [one for one in sent if isinstance(one, Place | Replace)]


def test_every_order_may_only_add_to_the_book_and_is_good_for_two_seconds(play: Play) -> None:
    play.buys(Side.ASK, 40)
    play.wait(4_000)
    sent = wishes(play.orders_sent())
    assert {type(one) for one in sent} == {Place, Replace}
    orders = [one.new_order if isinstance(one, Replace) else one for one in sent]
    assert all(one.post_only for one in orders)
    times = [read_epoch_ms(one.valid_until) for one in orders]
    decided = {int(one.client_order_id.split("_")[-2]) for one in orders}
    assert {None if time is None else time - 2_000 for time in times} == decided


def test_what_would_take_is_dropped_and_thought_of_anew_with_the_next_book(play: Play) -> None:
    """Somebody asks 49 where we want to bid 51, and the feed has not told us yet: what stood there stays."""
    play.venue.foreign_asks = {49: 10}
    play.drift_to(53)
    play.now_ms += 1_000
    play.step()
    refused = play.state.counts["would take"]
    assert refused == 1, "of the five bids one is above 48"
    assert play.venue.ladder(Side.ASK) == "55x100 58x70 61x49 64x34 67x24"
    assert play.venue.ladder(Side.BID) == "52x70 55x49 57x34 58x49 60x24"
    play.wait(3_000)
    assert play.venue.ladder(Side.BID).startswith("52x"), "a bid of 48"
    assert play.state.counts["would take"] == refused, "the feed has told, so nothing crosses any more"
    assert not any(failed for _at, failed in play.state.health.outcomes)
    assert play.alerts == []


def test_a_late_order_is_refused_and_not_sent_again(play: Play) -> None:
    """What is decided after two seconds never happened: the next cycle thinks of a new one."""
    play.venue.refuse["replace"] = 4010
    play.drift_to(53)
    play.wait(1_100)
    assert play.kinds() == [AlertKind.COMMAND_REFUSED]
    names = [one.new_order.client_order_id for one in wishes(play.commands()) if isinstance(one, Replace)]
    assert len(names) == len(set(names))
    play.wait(3_000)
    assert play.venue.ladder(Side.ASK) == "55x100 58x70 61x49 64x34 67x24"
    assert play.agrees()


def test_an_order_asked_for_again_after_its_time_is_known_not_to_exist(play: Play) -> None:
    """Nothing of it arrived before the line broke: the repetition is refused, which is nobody's fault."""
    play.venue.refuse["replace"] = 9003
    play.drift_to(53)
    play.now_ms += 1_000
    play.step()
    asked = [one.command for one in play.state.orders.pending.values()]
    assert len(asked) == 1
    play.cut()
    play.sent.clear()
    play.now_ms += VALID_MS + 1
    play.reconnect(blind_ms=1_000)
    assert wishes(play.orders_sent())[:1] == asked, "word for word"
    play.wait(3_000)
    assert play.alerts == []
    assert sum(failed for _at, failed in play.state.health.outcomes) == 1, "the 9003 alone"
    assert play.venue.ladder(Side.ASK) == "55x100 58x70 61x49 64x34 67x24"
    assert play.agrees()


def test_a_market_that_only_takes_cancels_is_left_as_if_suspended_and_tried_again(play: Play) -> None:
    play.venue.cancel_only = True
    play.drift_to(53)
    play.wait(2_000)
    assert (play.state.life.lifecycle, play.state.life.cause) == (Lifecycle.EMERGENCY, Cause.SUSPENDED)
    assert (play.venue.ladder(Side.ASK), play.venue.ladder(Side.BID)) == ("", "")
    assert any(isinstance(one, BatchCancel) for one in play.commands())
    assert AlertKind.COMMAND_REFUSED not in play.kinds()
    play.sent.clear()
    play.wait(REFRESH_MS - 10_000)
    assert wishes(play.commands()) == [], "not before the next refresh"
    play.wait(12_000)
    assert wishes(play.commands()), "then it looks whether that is over"
    assert play.venue.ladder(Side.ASK) == ""
    play.venue.cancel_only = False
    play.wait(REFRESH_MS + 5_000)
    assert play.state.life.lifecycle is Lifecycle.RUNNING
    assert len(play.venue.live(Side.ASK)) == len(play.venue.live(Side.BID)) == 5
    assert play.agrees()


def test_a_mint_that_the_mode_forbids_says_the_same_as_an_order() -> None:
    play = playing(settings=config(budget=400_000))
    play.venue.stuck["mint"] = play.venue.stuck["burn"] = 3008
    for _ in range(40):
        play.buys(Side.ASK, 30)
        play.buys(Side.BID, 30)
        play.wait(10_000)
        if play.state.counts["cancel only"]:
            break
    assert play.state.counts["cancel only"] == 1
    assert AlertKind.COMMAND_REFUSED not in play.kinds()


def test_a_halt_ends_the_waiting_for_the_mode(play: Play) -> None:
    play.venue.cancel_only = True
    play.drift_to(53)
    play.wait(2_000)
    play.venue.turn(MarketStatus.HALTED, play.now_ms)
    play.wait(1_000)
    assert play.state.life.cause is Cause.HALTED


def test_a_level_outside_the_collar_is_pulled_and_the_others_stay(play: Play) -> None:
    """Nothing may be sold below 54 YES: the asks above that are offered, the one at 52 goes."""
    play.venue.collar = (54, 99)
    play.drift_to(51)
    play.wait(2_500)
    assert play.state.counts["outside collar"] >= 1
    assert play.venue.ladder(Side.ASK) == "56x70 59x49 62x34 65x24"
    assert play.venue.ladder(Side.BID) == "51x100 54x70 57x49 60x34 62x24"
    assert play.alerts == []
    play.sent.clear()
    play.wait(1_500)
    assert play.orders_sent() == [], "it is not asked for again at once"
    play.venue.collar = None
    play.wait(6_000)
    assert play.venue.ladder(Side.ASK).startswith("53x100 ")
    assert play.agrees()


def test_bids_above_the_collar_go_and_far_quotes_may_rest(play: Play) -> None:
    """A bid of 47 is beyond the highest that may be paid; asks far above the band give nothing away."""
    play.venue.collar = (1, 40)
    play.drift_to(49)
    play.wait(3_500)
    assert play.venue.ladder(Side.ASK) == "51x100 54x70 57x49 60x34 62x24"
    prices = [100 - one.order.original_price_cents for one in play.venue.live(Side.BID)]
    assert prices
    assert max(prices) <= 40
