"""One live market: its news in, decisions made, and what was decided carried out.

The loop around `decide`. It owns the market's state: nobody else writes to it, everybody else tells it news.
"""

import ssl
from collections.abc import Callable
from typing import TypeAlias

import attrs
import msgspec
import structlog
import trio

from amm.brain.arithmetic import Ms
from amm.brain.budget import RateBudget
from amm.brain.commands import (
    Action,
    Alert,
    ClearLatch,
    Command,
    DropConnections,
    RenewToken,
    RequestSnapshot,
    SaveLatch,
    Severity,
)
from amm.brain.inputs import Allocate, Book, Frame, Input, Progress
from amm.brain.memory import Lifecycle
from amm.brain.quoting.ladder import Side
from amm.brain.state import MarketState
from amm.brain.strategy import next_call_ms
from amm.brain.wire import BookUpdate, OrderStatusChanged, UpdateType
from amm.live.credentials import Credentials
from amm.live.feed import Feed
from amm.live.markout import Markouts
from amm.live.presence import Presence
from amm.live.reference import follow
from amm.live.state_store import Keep, KeepError, Kept
from amm.live.transport import Transport

log = structlog.get_logger(__name__)
decode_book = msgspec.json.Decoder(BookUpdate).decode

Think: TypeAlias = Callable[[MarketState, list[Input], Ms, RateBudget], list[Action]]
"""What `amm.brain.strategy.decide` is."""


@attrs.frozen
class Surroundings:
    """What all markets of a process share."""

    stream: Transport
    budget: RateBudget
    keep: Keep
    clock: Callable[[], Ms]
    think: Think
    renew_token: Callable[[], None]
    took: Callable[[str, float], None]
    """Told of each turn's market and seconds, for the metrics."""
    marked_out: Callable[[str, Ms, float], None]
    """Told of each fill's markout at each horizon, in cents."""
    tls: ssl.SSLContext | None


@attrs.define(eq=False)
class LiveMarket:
    state: MarketState
    around: Surroundings
    kept: Kept
    feed_url: str
    credentials: Credentials
    inbox: list[Input]
    """What arrived while the market was being opened is in it already."""
    after_turn: Callable[[MarketState], None]
    presence: Presence = attrs.field(factory=Presence)
    markouts: Markouts = attrs.field(factory=Markouts)
    feed: Feed = attrs.field(init=False)
    _awake: trio.Event = attrs.field(factory=trio.Event)

    def __attrs_post_init__(self) -> None:
        self.feed = Feed(self.feed_url, self.credentials, self.see, self.around.tls)

    @property
    def is_in_doubt(self) -> bool:
        """Whether the account's ledger must be read soon, for its word on our cash."""
        doubts = self.state.reconciliation.cash_doubt or self.state.reconciliation.refund_awaited
        return bool(doubts) or self.kept.tally_through == 0

    def tell(self, news: Input, *, wake: bool = True) -> None:
        self.inbox.append(news)
        if wake:
            self._awake.set()

    def hear(self, frame: Frame) -> None:
        """Our own orders' events confirm what the answers said: they need not wake anybody."""
        wake = any(not isinstance(event, OrderStatusChanged) for event in frame.events)
        self.tell(frame, wake=wake)

    def see(self, frame: str | bytes) -> None:
        update = decode_book(frame)
        self.tell(Book(update), wake=update.update_type is UpdateType.SNAPSHOT)

    async def run(self) -> None:
        """Think whenever there is reason to, until this market is done with."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.feed.run)
            nursery.start_soon(follow, self.state, self.around.clock, self.tell)
            while True:
                self._awake = trio.Event()
                self.turn()
                if self.state.life.lifecycle is Lifecycle.STOPPED:
                    break
                now = self.around.clock()
                with trio.move_on_after((next_call_ms(self.state, now) - now) / 1_000):
                    await self._awake.wait()
            nursery.cancel_scope.cancel()

    def turn(self) -> None:
        """Decide and carry out, without giving up the turn: no news can fall in between."""
        began = trio.current_time()
        news = self.inbox
        if self.around.stream.delivered > self.state.reconciliation.delivered_seq:
            news.append(Progress(self.around.stream.delivered))
        actions = self.around.think(self.state, news, self.around.clock(), self.around.budget)
        self.inbox = []  # only now: where thinking fails, one looks here for a kill
        self._carry_out(actions)
        if any(isinstance(one, Allocate) for one in news):
            self.kept.allocated_cents = self.state.paid_in - self.state.config.initial_funding_cents
            self.around.keep.write(self.kept)
        self._keep_day()
        self.after_turn(self.state)
        self.presence.note(
            self.around.clock(), both_sides=all(any(self.state.orders.on(side)) for side in Side)
        )
        for horizon_ms, cents in self.markouts.due(self.state, self.around.clock()):
            self.around.marked_out(self.state.market_id, horizon_ms, cents)
        self.around.took(self.state.market_id, trio.current_time() - began)

    def _keep_day(self) -> None:
        """Keep what the day began with, so that its loss counts on over a restart."""
        day, kept = self.state.day, self.kept
        if day.day < 0 or (kept.day, kept.day_flows_cents) == (day.day, day.flows):
            return
        kept.day, kept.day_start_cents, kept.day_flows_cents = day.day, day.start_equity, day.flows
        try:
            self.around.keep.write(kept)
        except KeepError as trouble:  # the next thing that is kept takes it along; the day goes on
            log.error("the day's account could not be kept", market=kept.market_id, why=str(trouble))

    def _carry_out(self, actions: list[Action]) -> None:
        """What is kept is kept before anything is sent; all commands go out as one batch."""
        commands: list[Command] = []
        for action in actions:
            match action:
                case Alert():
                    tell_people(action)
                case SaveLatch(reasons=reasons):
                    self.kept.killed = list(reasons)
                    self.around.keep.write(self.kept)
                case ClearLatch():
                    self.kept.killed = None
                    self.around.keep.write(self.kept)
                case RequestSnapshot():
                    self.feed.request_snapshot()
                case DropConnections():
                    self.around.stream.drop()
                case RenewToken():
                    self.around.renew_token()
                case _:
                    commands.append(action)
        if commands:
            self.around.stream.submit(self.state.market_id, commands)


def tell_people(alert: Alert) -> None:
    say = {Severity.INFO: log.info, Severity.WARNING: log.warning, Severity.CRITICAL: log.error}
    kind, severity = alert.kind.value, alert.severity.value
    say[alert.severity]("alert", market=alert.market_id, kind=kind, severity=severity, why=alert.detail)
