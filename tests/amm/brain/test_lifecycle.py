"""Starting, emergencies, winding down and stopping, against a venue that answers."""

import pytest

from amm.brain.arithmetic import CENT
from amm.brain.commands import (
    AlertKind,
    BatchCancel,
    Burn,
    DropConnections,
    Mint,
    Place,
    Replace,
    SaveLatch,
    Sync,
)
from amm.brain.defence import Level, Reason
from amm.brain.inputs import Book, Kill, KnownEvents, Lost, Refunded, Resume, SteppedBack, Stop
from amm.brain.memory import Failure, Lifecycle
from amm.brain.phases import Phase
from amm.brain.quoting.ladder import Side
from amm.brain.wire import AmmStopped, MarketStatus, StopMode
from tests.amm.parts import HOUR, MARKET, NOON, config
from tests.amm.venue import Play, Venue, market_facts, opened, playing


def started(play: Play) -> Play:
    play.step(Book(play.venue.book(1, play.now_ms)))
    return play


def test_scenario_1_a_cold_start_quotes_ten_orders() -> None:
    """2,500 pairs and 250,000 cents: worth 500,000 at 50."""
    venue = Venue(yes=2_500, no=2_500, yes_cost=125_000, no_cost=125_000, cash=250_000)
    play = started(opened(venue, config(budget=500_000)))
    assert play.state.day.start_equity == 500_000
    assert (play.state.phase.phase, play.state.risk.level) == (Phase.EXPLORATION, Level.NORMAL)
    assert venue.ladder(Side.ASK) == venue.ladder(Side.BID) == "55x25 56x30 57x35 58x40 59x45"
    assert play.state.orders.pending_sell(Side.ASK) == play.state.orders.pending_sell(Side.BID) == 175
    assert not any(isinstance(one, Mint) for one in play.commands())


def test_scenario_1_a_process_killed_during_the_start_leaves_the_same_ten_orders() -> None:
    venue = Venue(yes=2_500, no=2_500, yes_cost=125_000, no_cost=125_000, cash=250_000)
    settings = config(budget=500_000)
    started(opened(venue, settings))  # its memory is gone; its orders rest
    venue.frames.clear()
    again = opened(venue, settings)
    again.now_ms += 2_000
    started(again)
    assert len(venue.live(Side.ASK)) == len(venue.live(Side.BID)) == 5
    assert venue.ladder(Side.ASK) == "55x25 56x30 57x35 58x40 59x45"
    assert (venue.yes, venue.cash, venue.operations) == (2_500, 250_000, 0)
    assert again.agrees()


def test_without_shares_nothing_is_minted_and_nothing_quoted() -> None:
    play = started(opened(Venue(yes=0, no=0, yes_cost=0, no_cost=0)))
    assert (play.state.life.lifecycle, play.state.life.failure) == (Lifecycle.STOPPED, Failure.NO_INVENTORY)
    assert not any(isinstance(one, Mint | Place) for one in play.commands())


def test_a_start_waits_for_a_suspended_market() -> None:
    play = started(opened(Venue(status=MarketStatus.SUSPENDED)))
    assert play.commands() == []
    play.venue.turn(MarketStatus.ACTIVE, play.now_ms)
    play.wait(1_000)
    assert play.state.life.lifecycle is Lifecycle.RUNNING


def test_a_start_in_a_market_that_is_over_fails() -> None:
    play = started(opened(Venue(status=MarketStatus.RESOLVED)))
    assert (play.state.life.lifecycle, play.state.life.failure) == (Lifecycle.STOPPED, Failure.NOT_ACTIVE)


def test_nothing_is_quoted_before_the_first_book() -> None:
    play = opened()
    play.step()
    assert play.state.life.lifecycle is Lifecycle.STARTING
    assert [type(one) for one in play.commands()] == [BatchCancel, Sync]


def test_a_latch_left_by_an_earlier_process_keeps_the_market_quiet() -> None:
    play = started(opened(killed=True))
    play.wait(5_000)
    assert play.state.life.lifecycle is Lifecycle.EMERGENCY
    assert not any(isinstance(one, Place) for one in play.commands())


def test_scenario_10_a_suspension_cancels_and_an_end_of_it_resumes() -> None:
    play = playing()
    play.venue.turn(MarketStatus.SUSPENDED, play.now_ms)
    play.step()
    assert [type(one) for one in play.orders_sent()] == [BatchCancel]
    assert (play.state.life.lifecycle, play.venue.locked(Side.ASK)) == (Lifecycle.EMERGENCY, 0)
    play.sent.clear()
    play.wait(10_000)
    assert play.orders_sent() == []
    play.venue.turn(MarketStatus.ACTIVE, play.now_ms)
    play.wait(1_500)
    assert play.orders_sent() == []
    play.wait(1_500)
    assert play.state.life.lifecycle is Lifecycle.RUNNING
    assert any(isinstance(one, Sync) for one in play.commands())
    assert play.venue.ladder(Side.ASK).startswith("55x100"), "with exploration's spread at first"
    play.wait(21_000)
    assert play.venue.ladder(Side.ASK).startswith("52x100")


def test_scenario_10_in_a_halt_nothing_is_sent_and_afterwards_the_first_command_cancels() -> None:
    play = playing()
    play.venue.turn(MarketStatus.HALTED, play.now_ms)
    play.wait(10_000)
    assert play.orders_sent() == []
    assert play.venue.locked(Side.ASK) == 277
    play.sent.clear()
    play.venue.turn(MarketStatus.ACTIVE, play.now_ms)
    play.step()
    assert isinstance(play.commands()[0], BatchCancel)
    play.wait(10_000)
    assert (play.state.life.lifecycle, play.venue.locked(Side.ASK)) == (Lifecycle.EMERGENCY, 0)
    play.step(Resume())
    play.wait(2_000)
    assert play.state.life.lifecycle is Lifecycle.RUNNING
    assert play.venue.locked(Side.ASK) > 0


@pytest.mark.parametrize(
    ("status", "quotes_again"), [(MarketStatus.SUSPENDED, True), (MarketStatus.HALTED, False)]
)
def test_a_suspension_or_a_halt_that_is_over_before_anybody_looks_is_one(
    status: MarketStatus, quotes_again: bool
) -> None:
    """Both events come in one breath: everything is cancelled, and after a halt a person has to look."""
    play = playing()
    play.venue.turn(status, play.now_ms)
    play.venue.turn(MarketStatus.ACTIVE, play.now_ms)
    play.step()
    assert [type(one) for one in play.orders_sent()] == [BatchCancel]
    assert (play.state.life.lifecycle, play.venue.locked(Side.ASK)) == (Lifecycle.EMERGENCY, 0)
    play.wait(10_000)
    assert (play.venue.locked(Side.ASK) > 0) is quotes_again


def test_a_journal_that_goes_back_kills_and_its_numbers_count_anew() -> None:
    """What was sold after the exchange's new end never happened there: its books are taken."""
    play = playing()
    seq = play.venue.seq
    play.step(SteppedBack(seq + 1_000, seq))
    play.wait(5_000)
    assert play.state.risk.killed
    assert Reason.INTEGRITY in play.state.risk.latched
    assert play.venue.locked(Side.ASK) == 0
    assert play.state.ledger.applied_seq <= play.venue.seq
    assert play.agrees()


def test_scenario_10_a_kill_in_a_halt_cancels_as_soon_as_that_is_possible() -> None:
    play = playing()
    play.venue.turn(MarketStatus.HALTED, play.now_ms)
    play.step()
    play.step(Kill("operator"))
    play.wait(5_000)
    assert play.venue.locked(Side.ASK) == 277
    play.venue.turn(MarketStatus.SUSPENDED, play.now_ms)
    play.step()
    assert play.venue.locked(Side.ASK) == 0
    assert play.state.risk.killed


def test_scenario_10_after_the_resolution_nothing_is_burned() -> None:
    """A pair is paid in full at the settlement anyway, and a burn needs an ACTIVE market."""
    play = playing()
    play.venue.cancel_all("MARKET_RESOLVED", play.now_ms)
    play.venue.turn(MarketStatus.RESOLVED, play.now_ms, "YES")
    play.wait(2_000)
    assert play.state.orders.live == {}
    assert not any(isinstance(one, Burn | BatchCancel) for one in play.commands())
    cash = play.state.ledger.inventory.cash
    play.venue.yes = play.venue.no = play.venue.yes_cost = play.venue.no_cost = 0
    play.venue.turn(MarketStatus.SETTLED, play.now_ms, "YES")
    play.wait(2_000)
    assert play.state.life.lifecycle is Lifecycle.STOPPED
    assert play.state.ledger.inventory.cash == cash + 1_000 * 100
    assert AlertKind.INVENTORY_DRIFT not in play.kinds()


def over(play: Play, status: MarketStatus, result: str) -> None:
    """Resolved with everything cancelled, paid out, and only then told to be over: as large markets end."""
    play.venue.cancel_all("MARKET_RESOLVED", play.now_ms)
    play.venue.turn(MarketStatus.RESOLVED, play.now_ms, result)
    play.venue.yes = play.venue.no = play.venue.yes_cost = play.venue.no_cost = 0
    play.wait(2_000)
    play.venue.turn(status, play.now_ms, result)
    play.wait(2_000)


def test_what_was_paid_before_the_look_at_what_is_left_is_booked_as_well() -> None:
    play = playing()
    cash = play.state.ledger.inventory.cash
    over(play, MarketStatus.SETTLED, "YES")
    inventory = play.state.ledger.inventory
    assert (inventory.cash, inventory.yes_cost) == (cash + 1_000 * 100, 0)
    assert AlertKind.INVENTORY_DRIFT not in play.kinds()


def test_a_void_market_is_over_when_the_ledger_has_told_what_it_paid() -> None:
    """Each gets back in proportion to what all have paid, and nobody but the exchange knows that."""
    play = playing()
    before = play.state.ledger.inventory.copy()
    over(play, MarketStatus.VOIDED, "VOID")
    play.venue.tell(AmmStopped(play.now_ms, MARKET, None))
    play.wait(60_000)
    state = play.state
    assert state.life.lifecycle.value == "WINDING_DOWN"
    play.step(Refunded(before.cash + 99_000))
    assert state.life.lifecycle.value == "STOPPED"
    inventory = play.state.ledger.inventory
    assert (inventory.cash, inventory.shares()) == (before.cash + 99_000, (0, 0, 0, 0))
    assert inventory.realized_pnl == before.realized_pnl + 99_000 - before.yes_cost - before.no_cost


def stopped_by_the_exchange(play: Play, mode: StopMode) -> None:
    """The exchange cancels our orders itself, then tells that it has stopped us."""
    play.venue.cancel_all("AMM_STOPPED", play.now_ms)
    play.venue.tell(AmmStopped(play.now_ms, MARKET, mode))
    play.wait(5_000)


def unequal() -> Venue:
    return Venue(yes=1_800, no=1_500, yes_cost=90_000, no_cost=75_000)


def test_scenario_10_a_graceful_stop_burns_the_pairs() -> None:
    play = playing(unequal())
    stopped_by_the_exchange(play, StopMode.GRACEFUL)
    assert play.state.life.lifecycle is Lifecycle.STOPPED
    assert (play.venue.yes, play.venue.no) == (300, 0)
    assert play.agrees()
    assert AlertKind.FOREIGN_CANCEL not in play.kinds()


def test_scenario_10_a_graceful_stop_may_be_told_not_to_burn() -> None:
    play = playing(unequal(), config(life__burn_on_stop=False))
    stopped_by_the_exchange(play, StopMode.GRACEFUL)
    assert (play.state.life.lifecycle, play.venue.yes, play.venue.no) == (Lifecycle.STOPPED, 1_800, 1_500)


def test_scenario_10_an_immediate_stop_burns_nothing() -> None:
    play = playing(unequal())
    stopped_by_the_exchange(play, StopMode.IMMEDIATE)
    assert (play.state.life.lifecycle, play.venue.yes, play.venue.no) == (Lifecycle.STOPPED, 1_800, 1_500)


def test_scenario_10_a_place_in_flight_at_the_stop_leaves_no_order_behind() -> None:
    """It lands after the exchange's own cancel: only our second look finds it."""
    play = playing()
    play.latency_ms = 100
    play.drift_to(54)
    play.wait(250)
    assert play.state.orders.pending
    stopped_by_the_exchange(play, StopMode.GRACEFUL)
    assert play.state.life.lifecycle is Lifecycle.STOPPED
    assert play.venue.locked(Side.ASK) == play.venue.locked(Side.BID) == 0


def test_a_shutdown_of_the_process_cancels_and_keeps_the_shares() -> None:
    play = playing()
    play.step(Stop())
    play.wait(3_000)
    assert play.state.life.lifecycle is Lifecycle.STOPPED
    assert (play.venue.locked(Side.ASK), play.venue.yes) == (0, 1_000)


def test_a_stop_that_cannot_be_confirmed_says_so() -> None:
    play = playing()
    play.cut()
    play.step(Stop(StopMode.IMMEDIATE))
    play.wait(6_000)
    assert play.state.life.lifecycle is Lifecycle.STOPPED
    assert AlertKind.UNCONFIRMED_CANCELS in play.kinds()


def test_a_kill_latches_before_anything_is_sent() -> None:
    play = playing()
    actions = play.step(Kill("operator"))
    kinds = [type(one) for one in actions]
    assert kinds.index(SaveLatch) < kinds.index(BatchCancel)
    play.wait(100_000)
    assert not any(isinstance(one, Place | Replace) for one in play.commands())
    assert play.venue.locked(Side.ASK) == 0


def test_scenario_5_a_day_loss_kills_once_and_is_not_resumed_without_override() -> None:
    """Day start 500,000; 365,000 cash, 200 YES and 2,500 NO are worth 398,800 at 94: a loss of 101,200."""
    venue = Venue(yes=200, no=2_500, yes_cost=10_000, no_cost=125_000, cash=365_000)
    play = playing(venue, config(budget=500_000, defense__inventory_hard_limit=0.99), fair=90)
    play.state.day.start_equity = 500_000
    play.wait(1_100)
    assert AlertKind.LOSS_WARNING in play.kinds()
    assert not play.state.risk.killed
    play.drift_to(94)
    play.sent.clear()
    play.wait(1_100)
    assert play.state.risk.killed
    assert sum(isinstance(one, BatchCancel) for one in play.commands()) == 1
    play.wait(100_000)
    assert not any(isinstance(one, Place | Replace) for one in play.commands())
    play.step(Resume())
    assert play.state.life.lifecycle is Lifecycle.EMERGENCY
    play.step(Resume(override=True))
    play.wait(2_000)
    assert play.state.life.lifecycle is Lifecycle.RUNNING
    assert not play.state.risk.killed


def test_scenario_5_half_of_the_loss_goes_back_to_exploration() -> None:
    """340,000 cash, 700 YES and 2,500 NO at 85: 437,000, a loss of 63,000 against a threshold of 50,000."""
    venue = Venue(yes=700, no=2_500, yes_cost=35_000, no_cost=125_000, cash=340_000)
    play = playing(venue, config(budget=500_000), fair=85)
    play.state.day.start_equity = 500_000
    play.wait(1_100)
    assert play.state.cycle.decision is not None
    assert (play.state.cycle.decision.equity, play.state.cycle.decision.day_pnl) == (437_000, -63_000)
    assert play.state.phase.phase is Phase.EXPLORATION


def test_a_kill_stops_the_repetition_of_a_mint() -> None:
    venue = Venue(yes=150, no=180, yes_cost=7_500, no_cost=9_000, cash=120_000)
    venue.stuck["mint"] = 9003
    play = playing(venue)
    assert play.state.pairs.operation is not None
    play.step(Kill("operator"))
    play.sent.clear()
    play.wait(10_000)
    assert not any(isinstance(one, Mint) for one in play.commands())


def test_an_order_that_lands_after_the_cancel_is_cancelled_too() -> None:
    """Found by the look afterwards: the exchange lists it, so everything begins again."""
    play = playing()
    play.latency_ms = 50
    play.step(Kill("operator"))
    late = Place(
        ref=0, client_order_id="late", market_id=MARKET, side=Side.ASK.outcome, price_cents=60, quantity=5
    )
    play.venue.execute(late, play.now_ms)
    play.wait(5_000)
    assert sum(isinstance(one, BatchCancel) for one in play.commands()) == 2
    assert play.venue.locked(Side.ASK) == 0


def test_a_kill_that_cannot_cancel_closes_the_connections() -> None:
    """After thirty seconds the exchange's guard has to do it."""
    play = playing()
    play.venue.stuck["batch_cancel"] = 9002
    play.step(Kill("operator"))
    play.wait(29_000)
    assert not any(isinstance(one, DropConnections) for one in play.sent)
    play.wait(2_000)
    assert any(isinstance(one, DropConnections) for one in play.sent)


def test_a_pause_clears_the_market_and_ends_by_itself() -> None:
    """Fair 5 stops; 6 is not far enough inside; 7 goes on after five calmer cycles."""
    play = playing(settings=config(defense__price_jump_cents=50), fair=5)
    play.wait(1_000)
    assert (play.state.risk.level, play.venue.locked(Side.ASK)) == (Level.AMM_PAUSE, 0)
    play.drift_to(6)
    play.wait(20_000)
    assert play.venue.locked(Side.ASK) == 0
    play.drift_to(7)
    play.wait(3_000)
    assert play.venue.locked(Side.ASK) == 0
    play.wait(5_000)
    assert play.venue.locked(Side.ASK) > 0


def test_known_news_is_quoted_through_with_care() -> None:
    play = playing()
    play.step(KnownEvents((play.now_ms + HOUR // 4,)))
    play.wait(1_100)
    assert play.venue.ladder(Side.ASK) == "60x5 63x3 67x2 70x1 73x1"


def test_the_end_of_trading_counts_as_a_suspension() -> None:
    facts = market_facts(NOON)
    play = playing(facts=facts)
    assert facts.trading_end_ms is not None
    play.now_ms = facts.trading_end_ms - 1_000
    play.wait(2_000)
    assert (play.state.life.lifecycle, play.venue.locked(Side.ASK)) == (Lifecycle.EMERGENCY, 0)


def test_a_lost_event_clears_the_market_and_quotes_again() -> None:
    play = playing()
    play.step(Lost())
    assert any(isinstance(one, BatchCancel) for one in play.commands())
    play.wait(2_000)
    assert play.venue.ladder(Side.ASK) == "52x100 55x70 58x49 61x34 64x24"
    assert Reason.RESYNC not in play.state.risk.latched


@pytest.mark.parametrize("status", [MarketStatus.SUSPENDED, MarketStatus.HALTED])
def test_a_resume_is_refused_while_the_market_is_not_active(status: MarketStatus) -> None:
    play = playing()
    play.venue.turn(status, play.now_ms)
    play.step()
    play.step(Kill("operator"))
    play.wait(1_000)
    play.step(Resume(override=True))
    assert play.state.life.lifecycle is Lifecycle.EMERGENCY
    assert play.state.prices.fair_override == 50 * CENT


def test_a_price_jump_that_waits_for_a_person_ends_when_one_says_so() -> None:
    """Nine cents in a second pause the quotes. Time and a calm price do not end that; a resume does."""
    settings = config(defense__price_jump_resume="MANUAL", defense__price_jump_hold_ms=0)
    play = playing(settings=settings)
    play.wait(2_000)
    play.drift_to(59)
    play.wait(600_000)
    assert (play.state.risk.level, play.venue.locked(Side.ASK)) == (Level.AMM_PAUSE, 0)
    play.step(Resume())
    play.wait(3_000)
    assert (play.state.risk.level, play.venue.locked(Side.ASK) > 0) == (Level.NORMAL, True)


def test_a_resume_right_after_a_jump_does_not_wait_for_a_second_one() -> None:
    play = playing(settings=config(defense__price_jump_resume="MANUAL"))
    play.wait(2_000)
    play.drift_to(59)
    play.wait(5_000)
    play.step(Resume())
    play.wait(3_000)
    assert (play.state.risk.level, play.venue.locked(Side.ASK) > 0) == (Level.NORMAL, True)


def test_a_pause_for_a_mistake_of_ours_ends_when_a_person_says_so() -> None:
    """A refused number (4001) must not come again by itself; a person may have mended what caused it."""
    play = playing()
    play.venue.refuse["replace"] = 4001
    play.drift_to(52)
    play.wait(60_000)
    assert Reason.PROGRAMMING_ERROR in play.state.risk.latched
    assert play.venue.locked(Side.ASK) == 0
    play.step(Resume())
    play.wait(3_000)
    assert play.venue.locked(Side.ASK) > 0


def test_the_day_begins_at_the_price_that_it_goes_on_with() -> None:
    """A price learned before the restart, and 1,800 NO more than YES: valued at the anchor they would look
    like a loss of 36,000 cents that nobody made."""
    play = opened(Venue(yes=700, no=2_500, yes_cost=35_000, no_cost=125_000), config(budget=500_000))
    play.state.prices.posterior = 80 * CENT
    started(play)
    play.wait(1_100)
    assert play.state.cycle.decision is not None
    assert play.state.cycle.decision.fair.price > 58 * CENT
    assert abs(play.state.cycle.decision.day_pnl) < 100
