"""What a run is made of: how the hidden truth moves, and who trades how often. Numbers, nothing that acts.

`scenarios.toml` has the scenarios. Each says only what is special about it: the rest is as it is here.
"""

import tomllib
from pathlib import Path

import attrs
from cattrs import ClassValidationError, Converter

from amm.brain.arithmetic import CENT, Cents, Ms, Ppm, Shares, Uc
from amm.brain.parameter import read_flag, read_whole
from amm.brain.structuring import faults

HOUR_MS: Ms = 3_600_000
SECOND_MS: Ms = 1_000
START_MS: Ms = 1_795_132_800_000
"""When every run begins: 20 November 2026, 00:00 UTC. Six hours later it is still the same day."""


@attrs.frozen
class Move:
    """Something that happens once: when, as a share of the run, and how much of it."""

    at: Ppm
    size: int


@attrs.frozen
class Scenario:
    name: str
    says: str
    hours: int = 6
    lifetime_hours: int = 720
    """From the start of the run to the end of trading."""
    open_hours: int = 0
    """How long the market had been open before the maker was started, when the run begins."""
    funding: Cents = 200_000
    price: Cents = 50
    """What the maker is told at the start, and where the truth begins."""
    maker_fee_bps: int = 10
    taker_fee_bps: int = 20
    collar_cents: Cents = 0
    """How far from its recent average the market's price may be taken; 0 is however far."""

    drift: Cents = 0
    """Of the truth over the whole run; up or down is a matter of the seed."""
    volatility: Uc = CENT // 100
    """Standard deviation of a second's step."""
    jumps: tuple[Move, ...] = ()
    """News: in cents, up or down by the seed."""

    arrival_ms: Ms = 20_000
    """Mean gap between ordinary traders; each is informed with probability `informed`."""
    informed: Ppm = 0
    informed_max: Shares = 20
    informed_edge: Uc = CENT
    """What an informed trader wants to gain on a share before it moves."""
    noise_max: Shares = 20
    noise_width: Cents = 15
    """How far from the public's idea of the truth the uninformed still trade."""
    public_lag_ms: Ms = 60_000
    """By how much that idea is older than the truth."""
    momentum_ms: Ms | None = None
    """Mean gap between looks of those who follow the last price changes."""
    momentum_max: Shares = 10
    whales: tuple[Move, ...] = ()
    """In shares, all of them YES or all NO, by the seed."""
    rival: bool = False
    """Somebody else quotes, too: at a fixed distance around the public's idea."""
    suspended: tuple[Ppm, Ppm] | None = None
    """The market is suspended from one share of the run to another."""

    spoof_ms: Ms | None = None
    """Mean gap between large orders that somebody shows and takes back."""
    cuts: tuple[Move, ...] = ()
    """The strategy's line to the exchange breaks, for so many milliseconds."""
    killed: Move | None = None
    """The strategy's process is killed, and there is a new one after so many milliseconds."""

    command_ms: Ms = 5
    feed_ms: Ms = 5
    """How long a command takes to the exchange, and what it says takes back."""

    @property
    def opened_ms(self) -> Ms:
        return START_MS - self.open_hours * HOUR_MS

    @property
    def trading_end_ms(self) -> Ms:
        return START_MS + self.lifetime_hours * HOUR_MS

    @property
    def end_ms(self) -> Ms:
        return START_MS + self.hours * HOUR_MS

    def moment(self, share: Ppm) -> Ms:
        """The time at a share of the run, on a full second."""
        return START_MS + self.hours * 3_600 * share // 1_000_000 * SECOND_MS


def read_scenarios(text: str) -> dict[str, Scenario]:
    """Read scenarios by name, in the order in which they are written.

    Raise `ValueError` with a line for everything that is wrong: a slip would simulate something else.
    """
    converter = Converter(forbid_extra_keys=True)
    converter.register_structure_hook(int, lambda raw, _: read_whole(raw))
    converter.register_structure_hook(bool, lambda raw, _: read_flag(raw))
    scenarios, problems = {}, []
    for name, changes in tomllib.loads(text).items():
        try:
            scenarios[name] = converter.structure({"name": name, **changes}, Scenario)
        except ClassValidationError as trouble:
            problems += [f"{name}.{place}".rstrip(".") + f": {fault}" for place, fault in faults(trouble)]
    if problems:
        raise ValueError("\n".join(problems))
    return scenarios


SCENARIOS = read_scenarios(Path(__file__).with_name("scenarios.toml").read_text())
CALM = SCENARIOS["calm"]
