"""One live market: takes its inputs, calls `decide`, carries out what was decided.

It owns the market's state: whoever has something to say to the market sends an input.
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
from amm.brain.inputs import Allocate, Book, Delivered, Frame, Input
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
from amm.live.state_store import StateStore, StateStoreError, StoredMarket
from amm.live.transport import Transport

log = structlog.get_logger(__name__)
decode_book = msgspec.json.Decoder(BookUpdate).decode

Decide: TypeAlias = Callable[[MarketState, list[Input], Ms, RateBudget], list[Action]]
"""What `amm.brain.strategy.decide` is."""


@attrs.frozen
class Services:
    """What all markets of a process share."""

    stream: Transport
    budget: RateBudget
    store: StateStore
    clock: Callable[[], Ms]
    decide: Decide
    renew_token: Callable[[], None]
    took: Callable[[str, float], None]
    """Called with each turn's market and seconds, for the metrics."""
    marked_out: Callable[[str, Ms, float], None]
    """Called with each fill's markout at each horizon, in cents."""
    tls: ssl.SSLContext | None


@attrs.define(eq=False)
class LiveMarket:
    state: MarketState
    services: Services
    stored: StoredMarket
    feed_url: str
    credentials: Credentials
    inbox: list[Input]
    """Inputs for the next turn; those that came while the market was being opened are in it already."""
    after_turn: Callable[[MarketState], None]
    presence: Presence = attrs.field(factory=Presence)
    markouts: Markouts = attrs.field(factory=Markouts)
    feed: Feed = attrs.field(init=False)
    _awake: trio.Event = attrs.field(factory=trio.Event)

    def __attrs_post_init__(self) -> None:
        self.feed = Feed(self.feed_url, self.credentials, self.see, self.services.tls)

    @property
    def is_in_doubt(self) -> bool:
        """Whether the account's ledger must be read soon, because our cash is in doubt."""
        doubts = self.state.reconciliation.cash_doubt or self.state.reconciliation.refund_awaited
        return bool(doubts) or self.stored.tally_through == 0

    def tell(self, item: Input, *, wake: bool = True) -> None:
        self.inbox.append(item)
        if wake:
            self._awake.set()

    def hear(self, frame: Frame) -> None:
        """Take a frame. Events of our own orders only confirm the answers, so they do not wake the market."""
        wake = any(not isinstance(event, OrderStatusChanged) for event in frame.events)
        self.tell(frame, wake=wake)

    def see(self, frame: str | bytes) -> None:
        update = decode_book(frame)
        self.tell(Book(update), wake=update.update_type is UpdateType.SNAPSHOT)

    async def run(self) -> None:
        """Take turns, when there are inputs or when it is time, until the market has stopped."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.feed.run)
            nursery.start_soon(follow, self.state, self.services.clock, self.tell)
            while True:
                self._awake = trio.Event()
                self.turn()
                if self.state.life.lifecycle is Lifecycle.STOPPED:
                    break
                now = self.services.clock()
                with trio.move_on_after((next_call_ms(self.state, now) - now) / 1_000):
                    await self._awake.wait()
            nursery.cancel_scope.cancel()

    def turn(self) -> None:
        """Decide and carry out without an await in between, so that no input can come between the two."""
        began = trio.current_time()
        inputs = self.inbox
        if self.services.stream.delivered > self.state.reconciliation.delivered_seq:
            inputs.append(Delivered(self.services.stream.delivered))
        actions = self.services.decide(self.state, inputs, self.services.clock(), self.services.budget)
        self.inbox = []  # only now: where thinking fails, one looks here for a kill
        self._carry_out(actions)
        if any(isinstance(one, Allocate) for one in inputs):
            self.stored.allocated_cents = self.state.paid_in - self.state.config.initial_funding_cents
            self.services.store.write(self.stored)
        self._store_day()
        self.after_turn(self.state)
        self.presence.note(
            self.services.clock(), both_sides=all(any(self.state.orders.on(side)) for side in Side)
        )
        for horizon_ms, cents in self.markouts.due(self.state, self.services.clock()):
            self.services.marked_out(self.state.market_id, horizon_ms, cents)
        self.services.took(self.state.market_id, trio.current_time() - began)

    def _store_day(self) -> None:
        """Store what the day began with, so that a restart does not forget the day's loss."""
        day, stored = self.state.day, self.stored
        if day.day < 0 or (stored.day, stored.day_flows_cents) == (day.day, day.flows):
            return
        stored.day, stored.day_start_cents, stored.day_flows_cents = day.day, day.start_equity, day.flows
        try:
            self.services.store.write(stored)
        except StateStoreError as trouble:  # the next thing that is kept takes it along; the day goes on
            log.error("the day's account could not be kept", market=stored.market_id, why=str(trouble))

    def _carry_out(self, actions: list[Action]) -> None:
        """Store what must be stored, then send all commands as one batch."""
        commands: list[Command] = []
        for action in actions:
            match action:
                case Alert():
                    tell_people(action)
                case SaveLatch(reasons=reasons):
                    self.stored.killed = list(reasons)
                    self.services.store.write(self.stored)
                case ClearLatch():
                    self.stored.killed = None
                    self.services.store.write(self.stored)
                case RequestSnapshot():
                    self.feed.request_snapshot()
                case DropConnections():
                    self.services.stream.drop()
                case RenewToken():
                    self.services.renew_token()
                case _:
                    commands.append(action)
        if commands:
            self.services.stream.submit(self.state.market_id, commands)


def tell_people(alert: Alert) -> None:
    say = {Severity.INFO: log.info, Severity.WARNING: log.warning, Severity.CRITICAL: log.error}
    kind, severity = alert.kind.value, alert.severity.value
    say[alert.severity]("alert", market=alert.market_id, kind=kind, severity=severity, why=alert.detail)
