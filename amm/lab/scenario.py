"""What a run is made of: how the hidden truth moves, and who trades how often. Numbers, nothing that acts.

Every scenario is one line of changes to `calm`, so what a line does not name is the same in all of them.
"""

import attrs

from amm.brain.arithmetic import CENT, Cents, Ms, Ppm, Shares, Uc

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
    """How long a command takes to the exchange, and news from it."""

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


CALM = Scenario("calm", "the truth hardly moves")
HALF = 500_000

SCENARIOS: dict[str, Scenario] = {
    one.name: one
    for one in (
        CALM,
        attrs.evolve(
            CALM,
            name="mixed",
            says="everybody: informed, momentum, a whale, and news that moves the truth by 10 cents",
            volatility=CENT // 50,
            informed=100_000,
            momentum_ms=120_000,
            whales=(Move(250_000, 400),),
            jumps=(Move(600_000, 10),),
        ),
        attrs.evolve(CALM, name="trend", says="the truth drifts by 30 cents", drift=30, informed=HALF),
        attrs.evolve(
            CALM, name="shock", says="the truth jumps by 20 cents", jumps=(Move(HALF, 20),), informed=HALF
        ),
        attrs.evolve(
            CALM, name="expiry", says="the last 48 hours before the end", lifetime_hours=48, hours=47
        ),
        attrs.evolve(CALM, name="thin", says="somebody comes every five minutes", arrival_ms=300_000),
        attrs.evolve(CALM, name="whale", says="one order for 1,000 shares", whales=(Move(HALF, 1_000),)),
        attrs.evolve(
            CALM,
            name="late",
            says="open for a month before it, and somebody trades five times in the first minutes",
            open_hours=720,
            price=70,
            whales=tuple(Move(at, 10) for at in range(3_000, 8_000, 1_000)),
        ),
        attrs.evolve(CALM, name="rival", says="somebody else quotes, too", rival=True),
        attrs.evolve(
            CALM, name="status", says="suspended for a tenth of the time", suspended=(HALF, HALF + 100_000)
        ),
        attrs.evolve(
            CALM,
            name="spoof",
            says="somebody shows large orders and takes them back, beside a rival",
            rival=True,
            spoof_ms=60_000,
        ),
        attrs.evolve(
            CALM, name="restart", says="the process is killed, for ten seconds", killed=Move(HALF, 10_000)
        ),
        attrs.evolve(
            CALM,
            name="net",
            says="the line breaks ten times, for a tenth of a second to a minute",
            cuts=tuple(
                Move(at, ms)
                for at, ms in zip(
                    range(90_000, 990_000, 90_000),
                    (100, 500, 1_000, 2_000, 2_900, 3_100, 4_900, 5_100, 20_000, 60_000),
                    strict=True,
                )
            ),
        ),
        attrs.evolve(
            CALM,
            name="busy",
            says="twenty small traders a second",
            hours=1,
            arrival_ms=50,
            noise_max=2,
            informed_max=2,
            funding=2_000_000,
        ),
    )
}
"""By name."""
