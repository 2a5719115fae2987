"""Cash between exchanges with markets of their own: nothing is made or lost, whatever dies at any moment."""

import pytest

from tests.kernel.partitions.simulation import Faults, Simulation, WrongError

STEPS = 6_000


@pytest.mark.parametrize("seed", range(8))
def test_nothing_is_made_or_lost_whatever_dies(seed: int) -> None:
    simulation = Simulation(seed)
    simulation.run(STEPS)
    simulation.come_to_rest()
    # It was no quiet day: processes died, moves were made, some came in vain and went back, accounts ran dry.
    moves = [name for partition in simulation.partitions.values() for name in partition.moves]
    filled = [times for partition in simulation.partitions.values() for times in partition.filled.values()]
    assert simulation.crashes > 100
    assert len(simulation.promised) > 100
    assert any(name.startswith("back ") for name in moves)
    assert max(filled) > 1


@pytest.mark.parametrize(
    "faults",
    [Faults(reads_ahead=True), Faults(forgets_names=True), Faults(refuses_in_vain=True)],
    ids=["reads ahead", "forgets names", "refuses in vain"],
)
def test_a_courier_that_gets_it_wrong_is_noticed(faults: Faults) -> None:
    simulation = Simulation(1, faults)
    with pytest.raises(WrongError):
        simulation.run(STEPS)
