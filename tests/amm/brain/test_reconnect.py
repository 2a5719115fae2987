"""Lost lines, duplicates, drift, mint and burn on the wire: the maker's books stay the exchange's."""

import pytest

from amm.brain.commands import AlertKind, BatchCancel, Burn, Command, Mint, Place, Replace, Sync
from amm.brain.inputs import Allocate, Delivered, Frame, Lost, NewConfig, Polled
from amm.brain.memory import Lifecycle
from amm.brain.quoting.inventory import Fill, Leg
from amm.brain.quoting.ladder import Side
from amm.brain.wire import EventMessage, MarketStatus, MarketStatusChanged
from amm.live.sequencer import Sequencer
from tests.amm.parts import MARKET, NOON, config
from tests.amm.venue import Play, Venue, opened, playing


def commands_of(actions: list[object]) -> list[object]:
    return [one for one in actions if isinstance(one, Command) and not isinstance(one, Sync)]


def test_scenario_8_three_fills_while_away_count_once_each() -> None:
    """The second is delivered twice; YES falls by exactly 60 and one duplicate is counted."""
    play = playing()
    play.cut()
    for quantity in (10, 20, 30):
        play.venue.take(Side.ASK, quantity, play.now_ms)
    again = play.venue.frames[1]
    play.now_ms += 500
    play.reconnect(blind_ms=500)
    play.step(again)
    assert play.state.ledger.inventory.yes == 940
    assert play.state.ledger.duplicates == 1
    assert play.agrees()


def test_scenario_8_polled_trades_in_any_order_count_once_each() -> None:
    play = playing(settings=config(sync__transport="POLL"))
    legs = [Leg(Side.ASK, "gone", 52, quantity, 1, False) for quantity in (10, 20, 30)]
    fills = [Fill(f"TRD_{number}", (leg,)) for number, leg in enumerate(legs, start=7)]
    play.step(Polled((fills[2], fills[0])))
    play.step(Polled((fills[1], fills[0])))
    assert play.state.ledger.inventory.yes == 940


def test_scenario_8_two_seconds_blind_keep_the_orders() -> None:
    play = playing()
    play.cut()
    play.now_ms += 2_000
    actions = play.reconnect(blind_ms=2_000)
    assert commands_of(list(actions)) == []
    assert len(play.venue.live(Side.ASK)) == 5


def test_scenario_8_four_seconds_blind_cancel_before_anything_else() -> None:
    play = playing()
    play.cut()
    play.now_ms += 4_000
    actions = play.reconnect(blind_ms=4_000)
    assert isinstance(actions[0], BatchCancel)
    play.wait(2_000)
    assert play.venue.ladder(Side.ASK) == "52x100 55x70 58x49 61x34 64x24"
    assert play.kinds() == []


def test_scenario_8_after_the_guard_the_map_is_empty_before_requoting() -> None:
    play = playing()
    play.cut()
    play.venue.cancel_all("GUARD", play.now_ms)
    play.now_ms += 6_000
    actions = play.reconnect(blind_ms=6_000)
    first_place = next((i for i, one in enumerate(actions) if isinstance(one, Place)), len(actions))
    assert isinstance(actions[0], BatchCancel)
    assert any(isinstance(one, Sync) for one in actions[:first_place])
    play.wait(2_000)
    assert len(play.venue.live(Side.ASK)) == 5
    assert AlertKind.FOREIGN_CANCEL not in play.kinds()


def test_scenario_8_a_refused_resume_synchronises_and_quotes_again() -> None:
    """Events were lost for good, a fill among them: the position comes from the sync."""
    play = playing()
    play.cut()
    play.venue.take(Side.ASK, 30, play.now_ms)
    play.now_ms += 1_000
    play.reconnect(blind_ms=1_000, resumed=False)
    play.wait(4_000)
    mine, venue = play.state.ledger.inventory, play.venue
    assert (mine.yes, mine.no, mine.yes_cost, mine.no_cost) == (
        venue.yes,
        venue.no,
        venue.yes_cost,
        venue.no_cost,
    )
    assert play.venue.locked(Side.ASK) > 0


@pytest.mark.parametrize("status", [MarketStatus.SUSPENDED, MarketStatus.HALTED])
def test_a_market_that_opens_meanwhile_is_quoted_though_its_event_is_lost(status: MarketStatus) -> None:
    play = opened(Venue(status=status))
    play.wait(1_000)
    play.cut()
    play.venue.turn(MarketStatus.ACTIVE, play.now_ms)
    play.reconnect(blind_ms=100, resumed=False)
    play.wait(5_000)
    assert play.venue.locked(Side.ASK) > 0


@pytest.mark.parametrize("status", [MarketStatus.SUSPENDED, MarketStatus.HALTED])
def test_a_market_that_pauses_meanwhile_is_seen_to_though_its_event_is_lost(status: MarketStatus) -> None:
    play = playing()
    play.cut()
    play.venue.turn(status, play.now_ms)
    play.reconnect(blind_ms=100, resumed=False)
    play.wait(2_000)
    assert play.state.life.lifecycle is Lifecycle.EMERGENCY
    play.venue.turn(MarketStatus.ACTIVE, play.now_ms)
    play.wait(5_000)
    assert (play.venue.locked(Side.ASK) > 0) is (status is MarketStatus.SUSPENDED)


def test_a_payout_that_a_look_has_told_is_not_booked_again() -> None:
    play = playing()
    play.cut()
    play.venue.turn(MarketStatus.RESOLVED, play.now_ms)
    play.venue.turn(MarketStatus.SETTLED, play.now_ms, "YES")
    play.reconnect(blind_ms=100, resumed=False)
    play.wait(5_000)
    cash = play.state.ledger.inventory.cash
    event = MarketStatusChanged(play.now_ms, MARKET, MarketStatus.SETTLED, "YES")
    play.step(Frame(play.venue.seq, (event,)))
    assert play.state.ledger.inventory.cash == cash


def test_scenario_8_a_falsified_share_is_found_and_mended() -> None:
    play = playing()
    play.state.ledger.inventory.yes += 1
    play.state.ledger.checkpoints.clear()
    play.wait(70_000)
    assert AlertKind.INVENTORY_DRIFT in play.kinds()
    assert play.agrees()
    assert play.venue.ladder(Side.ASK) == "52x100 55x70 58x49 61x34 64x24"


def test_pairs_that_vanish_without_a_burn_of_ours_raise_the_alarm() -> None:
    """Automatic netting must be off for this account."""
    play = playing()
    play.venue.yes -= 50
    play.venue.no -= 50
    play.venue.yes_cost -= 2_500
    play.venue.no_cost -= 2_500
    play.venue.seq += 1
    play.wait(70_000)
    assert AlertKind.NETTING_OVERRIDE in play.kinds()


def test_a_reconciliation_that_finds_nothing_changes_nothing() -> None:
    play = playing()
    play.wait(200_000)
    assert sum(isinstance(one, Sync) for one in play.commands()) >= 2
    assert play.orders_sent() == []
    assert play.kinds() == []


def test_an_order_of_ours_that_we_do_not_know_is_cancelled() -> None:
    play = playing()
    wish = Place(
        ref=9_999,
        client_order_id="stray",
        market_id=MARKET,
        side=Side.ASK.outcome,
        price_cents=90,
        quantity=5,
    )
    play.venue.execute(wish, play.now_ms)
    play.venue.frames.clear()
    play.wait(70_000)
    assert AlertKind.ORPHAN_ORDER in play.kinds()
    assert play.venue.ladder(Side.ASK) == "52x100 55x70 58x49 61x34 64x24"


def test_a_fill_that_no_order_explains_is_a_loss() -> None:
    play = playing()
    victim = play.venue.live(Side.ASK)[0].order.id
    play.state.orders.live.pop(victim)
    play.venue.fill(Side.ASK, 52, 10, play.now_ms)
    play.wait(3_000)
    assert AlertKind.STREAM_GAP in play.kinds()
    assert (play.state.ledger.inventory.yes, play.venue.yes) == (990, 990)


def ready(venue: Venue, latency_ms: int = 0) -> Play:
    """Quote without minting or burning; then turn both on, with the line as slow as the test says."""
    play = playing(venue, config(inv__auto_reinvest_enabled=False, inv__auto_merge_enabled=False))
    play.latency_ms = latency_ms
    play.step(NewConfig(config()))
    return play


def poor() -> Venue:
    """300 pairs beside 600 more NO, and nearly no cash: a burn of 200 is due, but shares are in orders."""
    return Venue(yes=300, no=900, yes_cost=15_000, no_cost=45_000, cash=9_000)


def rich() -> Venue:
    return Venue(yes=150, no=180, yes_cost=7_500, no_cost=9_000, cash=120_000)


def test_scenario_9_a_burn_frees_its_shares_first_and_happens_once() -> None:
    play = ready(poor())
    play.wait(5_000)
    assert (play.venue.yes, play.venue.no, play.venue.cash) == (100, 700, 29_000)
    assert play.agrees()
    play.wait(200_000)
    assert play.venue.operations == 1
    assert AlertKind.INVENTORY_DRIFT not in play.kinds()


def test_scenario_9_a_mint_happens_once_and_agrees_to_the_cent() -> None:
    play = ready(rich())
    play.wait(2_000)
    assert (play.venue.yes, play.venue.no, play.venue.cash) == (1_000, 1_030, 35_000)
    assert play.agrees()
    play.wait(200_000)
    assert play.venue.operations == 1


def test_scenario_9_a_mint_goes_out_with_a_sync_right_behind_it() -> None:
    play = ready(rich())
    play.wait(2_000)
    sent = play.commands()
    [at] = [i for i, one in enumerate(sent) if isinstance(one, Mint)]
    assert isinstance(sent[at + 1], Sync)


def test_scenario_9_a_mint_whose_answer_was_lost_is_one_mint() -> None:
    play = ready(rich(), latency_ms=100)
    play.wait(250)
    assert play.state.pairs.operation is not None
    play.cut()
    play.now_ms += 500
    play.reconnect(blind_ms=500)
    play.wait(3_000)
    assert play.venue.operations == 1
    assert sum(isinstance(one, Mint) for one in play.commands()) == 2
    assert play.agrees()


def test_a_mint_inside_an_adopted_position_is_not_counted_twice() -> None:
    """The mint happened, its answer was lost, and the stream could not be resumed: all three tell of it."""
    play = ready(rich(), latency_ms=100)
    play.wait(250)
    play.cut()
    play.now_ms += 500
    play.reconnect(blind_ms=500, resumed=False)
    play.wait(5_000)
    assert (play.venue.operations, play.venue.yes) == (1, 1_000)
    assert play.agrees()
    assert AlertKind.INVENTORY_DRIFT not in play.kinds()


def test_a_mint_adopted_before_its_answer_is_not_counted_twice() -> None:
    """The exchange minted but answered 9003; a resync adopts the position; the repetition then succeeds."""
    venue = rich()
    venue.mumble.add("mint")
    play = ready(venue)
    play.wait(210)
    assert play.state.pairs.operation is not None
    play.step(Lost())
    play.wait(5_000)
    assert (venue.operations, play.state.ledger.inventory.yes) == (1, 1_000)
    assert play.agrees()
    assert AlertKind.INVENTORY_DRIFT not in play.kinds()


def test_a_mint_with_an_unknown_outcome_is_asked_again_with_its_key() -> None:
    venue = rich()
    venue.refuse["mint"] = 9003
    play = ready(venue)
    play.wait(5_000)
    keys = [one.idempotency_key for one in play.commands() if isinstance(one, Mint)]
    assert (len(keys), len(set(keys))) == (2, 1)
    assert venue.operations == 1
    assert play.agrees()


def test_an_unauthorised_market_is_not_asked_to_mint_again() -> None:
    venue = rich()
    venue.stuck["mint"] = 6009
    play = ready(venue)
    play.wait(200_000)
    assert play.kinds().count(AlertKind.MARKET_UNAUTHORISED) == 1
    assert not any(isinstance(one, Burn) for one in play.commands())


def test_a_fill_between_a_mint_and_its_answer_keeps_the_books_exact() -> None:
    play = ready(rich(), latency_ms=100)
    play.wait(250)
    assert play.state.pairs.operation is not None
    play.venue.take(Side.ASK, 7, play.now_ms)
    play.wait(5_000)
    assert play.agrees()
    assert AlertKind.INVENTORY_DRIFT not in play.kinds()


def test_money_that_people_move_is_no_profit() -> None:
    play = playing()
    play.wait(1_100)
    play.step(Allocate(50_000))
    play.wait(1_100)
    assert play.state.cycle.decision is not None
    assert (play.state.cycle.decision.day_pnl, play.state.ledger.inventory.cash) == (0, 150_000)


@pytest.mark.parametrize("amount", [300_001, -100_001])
def test_an_allocation_beyond_the_budget_or_below_nothing_is_refused(amount: int) -> None:
    """200,000 of at most 500,000 are paid in; 100,000 of them are cash."""
    play = playing()
    play.step(Allocate(amount))
    assert play.state.ledger.inventory.cash == 100_000
    assert AlertKind.COMMAND_REFUSED in play.kinds()


@pytest.fixture
def messages() -> list[EventMessage]:
    event = MarketStatusChanged(NOON, MARKET, MarketStatus.ACTIVE)
    return [EventMessage(n, 100 + n, event) for n in range(1, 6)]


def test_a_connections_events_come_out_in_their_order(messages: list[EventMessage]) -> None:
    sequencer = Sequencer()
    assert sequencer.take([messages[1], messages[2]], 0) == []
    assert sequencer.take([messages[0]], 10) == messages[:3]
    assert sequencer.take([messages[2]], 20) == []
    assert sequencer.duplicates == 1


def test_a_hole_that_does_not_fill_is_a_loss(messages: list[EventMessage]) -> None:
    sequencer = Sequencer()
    sequencer.take([messages[1]], 0)
    assert not sequencer.is_lost(999, 1_000)
    assert sequencer.is_lost(1_000, 1_000)
    sequencer.take([messages[0]], 1_000)
    assert not sequencer.is_lost(9_000, 1_000)


def test_progress_alone_moves_nothing() -> None:
    play = playing()
    play.step(Delivered(10_000), Frame(10_001, ()))
    assert play.agrees()
    assert not any(isinstance(one, Replace) for one in play.commands())
