"""The hidden truth: the probability of YES at every second of a run, in uc. It knows no traders, no market.

The whole path is drawn beforehand from the seed alone, so every maker that is tried meets the same one.
"""

import attrs

from amm.brain.arithmetic import CENT, Ms, Uc, clamp
from amm.lab.chance import Chance
from amm.lab.scenario import SECOND_MS, START_MS, Scenario

LOWEST: Uc = CENT
HIGHEST: Uc = 99 * CENT


@attrs.frozen
class Truth:
    path: tuple[Uc, ...]
    """One value a second, the first at the start."""

    def at(self, now_ms: Ms) -> Uc:
        """The truth at a time; before the start it is what it was there, after the end what it became."""
        second = (now_ms - START_MS) // SECOND_MS
        return self.path[second] if 0 <= second < len(self.path) else self.path[0 if second < 0 else -1]


def draw_truth(scenario: Scenario, seed: int) -> Truth:
    """A random walk with drift and jumps, kept within 1 to 99 cents."""
    walk, direction = Chance(seed, "truth"), Chance(seed, "direction")
    seconds = scenario.hours * 3_600
    drift = direction.sign() * scenario.drift * CENT
    jumps = {
        (scenario.moment(jump.at) - START_MS) // SECOND_MS: direction.sign() * jump.size * CENT
        for jump in scenario.jumps
    }
    value = scenario.price * CENT
    path = [value]
    for second in range(1, seconds + 1):
        # The drift's share of this second, so that all of them add up to the whole.
        step = drift * second // seconds - drift * (second - 1) // seconds
        step += walk.gauss(scenario.volatility) + jumps.get(second, 0)
        value = clamp(value + step, LOWEST, HIGHEST)
        path.append(value)
    return Truth(tuple(path))
