"""A user's order in the laboratory: the kernel carries out what it sends, and its books are clean."""

import attrs
import pytest

from amm.brain.arithmetic import CENT
from amm.lab.jobs import do, do_all, plan
from amm.lab.measure import Result
from amm.lab.run import Simulation
from amm.lab.scenario import CALM, SCENARIOS, START_MS
from kernel.codes import Side
from makers.cycle.commands import Place
from makers.cycle.cycle import Cycle
from makers.lab.order import ORDERS, OrderContender
from makers.lab.venue import ACCOUNT, Acquire, open_counter

RIVALLED = attrs.evolve(CALM, rival=True, hours=1)
LATER = START_MS + 10_000


def simulated(name: str = "order", seed: int = 1) -> tuple[Simulation, Result]:
    run = Simulation(RIVALLED, OrderContender(name, name).stage(RIVALLED), seed)
    return run, run.run()


def test_its_quotes_stand_two_cents_from_the_middle_of_the_others() -> None:
    """The run itself holds the split of the gain against the kernel's books, and audits the exchange."""
    run, result = simulated()
    assert result.spread_sum > 4 * result.both > 0
    assert result.fills > 50
    account = run.venue.maker.account
    assert account.id == ACCOUNT
    assert account.available == RIVALLED.funding + result.settled_cents
    assert result.commands["Place"] >= result.fills // 2
    assert set(result.notes) <= {"DONE", "UNCHANGED", "skipped 4007", "skipped 2001", "skipped 5001"}
    assert result.commands["Acquire"] == result.notes["DONE"] + result.notes["UNCHANGED"] == 360


def test_the_same_seed_gives_the_same_run_in_a_process_of_its_own() -> None:
    jobs = plan([OrderContender("order", "order")], RIVALLED, [100_000], [3, 4])
    alone = [do(job) for job in jobs]
    assert alone == do_all(jobs, lambda: None, 2)
    assert alone[0].split != alone[1].split


@pytest.mark.parametrize("name", ORDERS)
def test_an_order_ends_with_clean_books_when_the_truth_jumps(name: str) -> None:
    scenario = attrs.evolve(SCENARIOS["shock"], rival=True, hours=1)
    result = Simulation(scenario, OrderContender(name, name).stage(scenario), 2).run()
    assert result.seconds == 3_600
    assert result.shares > 0


def test_whoever_follows_the_last_trade_follows_himself() -> None:
    """Around the others' middle an order gains; around the last trade, which is mostly its own, it loses."""
    gains = {name: simulated(name)[1].split.gain for name in ORDERS}
    assert gains["order"] > 10_00 * CENT > 0 > gains["order-last"]


def test_a_purchase_of_yes_counts_as_a_sale_of_no() -> None:
    counter = open_counter(RIVALLED, ORDERS["order"])
    venue = counter.venue
    venue.rest("rival", Side.YES, 46, 10, START_MS)
    venue.rest("rival", Side.NO, 46, 10, START_MS)
    counter.carry_out(Acquire(), LATER)
    assert counter.lease is not None
    for command in Cycle(counter.lease).begin():
        assert isinstance(command, Place)
        assert counter.carry_out(command, LATER).ok
    venue.buy("noise", Side.NO, 60, 4, LATER)
    (met,) = venue.met
    assert (met.side, met.yes_price, met.quantity, met.with_user) == (Side.NO, 48, 4, "noise")
    assert (venue.maker.yes.volume, venue.maker.no.volume) == (4, 0)


def test_each_lease_makes_the_one_before_it_worthless() -> None:
    counter = open_counter(RIVALLED, ORDERS["order"])
    counter.venue.rest("rival", Side.YES, 46, 10, START_MS)
    counter.venue.rest("rival", Side.NO, 46, 10, START_MS)
    counter.carry_out(Acquire(), LATER)
    assert counter.lease is not None
    late = Cycle(counter.lease).begin()
    counter.carry_out(Acquire(), LATER)
    assert [counter.carry_out(command, LATER).code for command in late] == [7105, 7105]


def test_an_order_that_has_lost_a_fifth_is_stopped_and_its_quotes_go() -> None:
    counter = open_counter(RIVALLED, ORDERS["order"])
    venue = counter.venue
    venue.rest("rival", Side.YES, 46, 10, START_MS)
    venue.rest("rival", Side.NO, 46, 10, START_MS)
    counter.carry_out(Acquire(), LATER)
    assert counter.lease is not None
    for command in Cycle(counter.lease).begin():
        counter.carry_out(command, LATER)
    assert venue.maker.live
    counter.paid_in = RIVALLED.funding * 5 // 4
    counter.carry_out(Acquire(), LATER)
    assert counter.is_stopped
    assert counter.lease is None
    assert not venue.maker.live
