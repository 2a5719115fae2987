"""Markets that pause: by every command that trades, and every way out of a pause.

Nobody else has an order in these markets, so that each trade has the price it is made for.
"""

from kernel.codes import AMM_ID, Direction, MarketStatus, Side
from kernel.commands import (
    ActivateMarket,
    AtomicBatch,
    CancelAll,
    HaltMarket,
    PlaceOrder,
    ResolveMarket,
    ResumeMarket,
    Tick,
    VoidMarket,
)
from tests.kernel.play.crowd import Reshape
from tests.kernel.play.trading import Trading
from tests.kernel.strategies import GTD, SECOND, Attributes

YES, NO, BUY = Side.YES, Side.NO, Direction.BUY
ACTIVE, SUSPENDED = MarketStatus.ACTIVE, MarketStatus.SUSPENDED
PAUSE = 2 * SECOND
TERMS: dict[str, int | None] = {
    "halt_move_cents": 8,
    "halt_window_ms": 16_000,
    "halt_pause_ms": PAUSE // 1000,
    "collar_cents": 30,
}
PAUSES = (
    *(f"VOLATILITY by {name}" for name in ("PlaceOrder", "AmendOrder", "ReplaceOrder", "AtomicBatch")),
    *(f"VOLATILITY closed by Tick, then {status}" for status in (ACTIVE, SUSPENDED)),
    *(f"VOLATILITY closed by {name}, then RESOLVED" for name in ("ResolveMarket", "VoidMarket")),
    "VOLATILITY closed by ResumeMarket, then ACTIVE",
    "MANUAL and VOLATILITY closed by ResumeMarket, then SUSPENDED",
    "due in a pause",
)
"""What has to come up, beside codes and events."""


def trade(play: Trading, market_id: str, price: int) -> None:
    """Cat buys what ben offers."""
    play.place("ben", market_id, NO, BUY, 100 - price, 1)
    play.place("cat", market_id, YES, BUY, price, 1)


def open_market(play: Trading, market_id: str, **terms: int | None) -> None:
    """With its first trade at 50."""
    play.an_administrator_creates_a_market(market_id, TERMS | terms)
    play.do(ActivateMarket(at=play.at, market_id=market_id, by="adm"))
    trade(play, market_id, 50)


def wait(play: Trading, market_id: str, time: int) -> None:
    play.time_passes(time, restart=True)
    play.do(Tick(at=play.at, market_id=market_id))


def resume(play: Trading, market_id: str, status: MarketStatus, note: str | None = None) -> None:
    play.do(
        ResumeMarket(at=play.at, market_id=market_id, target_status=status, resolution_note=note, by="adm")
    )


def an_order_moves_it(play: Trading) -> None:
    """It takes two levels, and what is left rests. In the pause an order expires, and others may go."""
    open_market(play, "moved")
    play.place("ann", "moved", YES, BUY, 20, 1, Attributes(GTD, expires_in=SECOND))
    play.place("ben", "moved", NO, BUY, 43, 1)
    play.place("ben", "moved", NO, BUY, 42, 1)
    play.place("cat", "moved", YES, BUY, 60, 5)
    play.place("cat", "moved", YES, BUY, 60, 1)
    wait(play, "moved", PAUSE - 1)
    play.do(CancelAll(at=play.at, user_id="cat", market_id="moved"))
    wait(play, "moved", 1)
    trade(play, "moved", 60)
    trade(play, "moved", 53)


def what_was_traded_is_forgotten(play: Trading) -> None:
    """A slot is a second: fifteen later the oldest still counts, sixteen later it does not."""
    for seconds in (16, 15):
        play.time_passes(20 * SECOND - play.at % SECOND, restart=True)
        trade(play, "moved", 60)
        play.time_passes(seconds * SECOND, restart=True)
        trade(play, "moved", 52)
    wait(play, "moved", PAUSE)


def every_command_that_trades_moves_it(play: Trading) -> None:
    """From 50 to 40, and an administrator ends the pause."""
    for number, who in enumerate(("cat", AMM_ID, "cat")):
        trade(play, "moved", 50)
        play.place(who, "moved", YES, BUY, 30, 1)
        order = play.world.orders[-1]
        for _ in range(2):
            play.place("ben", "moved", NO, BUY, 60, 1)
        match number:
            case 0:
                play.send(play.reshaping(Reshape(0, 40, None, post_only=False, by_name=False), order))
            case 1:
                play.replace(order, who, price=40)
            case _:
                two_at_once(play, who)
        play.do(CancelAll(at=play.at, user_id="ben", market_id="moved"))
        resume(play, "moved", ACTIVE)


def two_at_once(play: Trading, who: str) -> None:
    """Both trade, or nothing was traded: with a third that is refused the market goes on."""
    wishes: list[PlaceOrder] = [play.order(who, "moved", YES, BUY, 40, 1) for _ in range(2)]
    for commands in ([*wishes, play.order(who, "moved", YES, BUY, 40, 0)], wishes):
        play.do(AtomicBatch(at=play.at, user_id=who, market_id="moved", commands=tuple(commands)))


def a_pause_ends_otherwise(play: Trading) -> None:
    """By a halt, a resolution, the end of trading; and by nobody, where no time was set."""
    trade(play, "moved", 50)
    trade(play, "moved", 58)
    play.do(HaltMarket(at=play.at, market_id="moved", reason="smoke", by="adm"))
    wait(play, "moved", PAUSE)
    resume(play, "moved", SUSPENDED, "looked")
    wait(play, "moved", PAUSE)
    resume(play, "moved", ACTIVE)
    trade(play, "moved", 50)
    trade(play, "moved", 42)
    play.do(ResolveMarket(at=play.at, market_id="moved", result="YES", by="adm"))
    open_market(play, "endless", halt_pause_ms=0, trading_end_at=play.at + 3 * PAUSE)
    trade(play, "endless", 58)
    wait(play, "endless", 3 * PAUSE - 1)
    wait(play, "endless", 1)
    resume(play, "endless", ACTIVE)
    open_market(play, "void")
    trade(play, "void", 42)
    play.do(VoidMarket(at=play.at, market_id="void", void_price_cents=44, by="adm"))


def walk_of_halts(play: Trading) -> None:
    play.open_the_exchange(home="plain")
    an_order_moves_it(play)
    what_was_traded_is_forgotten(play)
    every_command_that_trades_moves_it(play)
    a_pause_ends_otherwise(play)
