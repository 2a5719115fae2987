"""What must hold for every inventory, every book and every course of events."""

from itertools import pairwise

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from amm.brain.arithmetic import CENT, ONE, PAIR
from amm.brain.book import ForeignBook
from amm.brain.commands import AlertKind, Mint, NewOrder, Place, Replace
from amm.brain.defence import Level, evaluate
from amm.brain.inputs import Book, Kill, Resume
from amm.brain.memory import Lifecycle
from amm.brain.quote import Quote
from amm.brain.quoting.inventory import Fill, Inventory, Ledger, Leg
from amm.brain.quoting.ladder import Side
from amm.brain.wire import Direction, EventMessage, MarketStatus, Party, Role, Trade, TradeExecuted
from amm.live.sequencer import Sequencer
from tests.amm.parts import HOUR, MARKET, NOON, config, facts, quoted, quoted_at
from tests.amm.venue import USER, Venue, opened, playing

CONFIG = config(defense__max_net_position=1_000_000)
shares = st.integers(0, 5_000)
fairs = st.integers(CENT, 99 * CENT)
sigmas = st.integers(CENT, 15 * CENT)
ages = st.integers(0, 1_000 * HOUR)
levels = st.lists(
    st.tuples(st.integers(1, 99), st.integers(1, 500)), max_size=4, unique_by=lambda one: one[0]
)


@st.composite
def books(draw: st.DrawFn) -> ForeignBook:
    bids = sorted(draw(levels), reverse=True)
    asks = sorted(one for one in draw(levels) if not bids or one[0] > bids[0][0])
    return ForeignBook(tuple(bids), tuple(asks))


def mirrored(book: ForeignBook) -> ForeignBook:
    def turn(side: tuple[tuple[int, int], ...]) -> tuple[tuple[int, int], ...]:
        return tuple((100 - price, quantity) for price, quantity in side)

    return ForeignBook(bids=turn(book.asks), asks=turn(book.bids))


@given(shares, shares, fairs, sigmas, ages, books(), st.sampled_from([ONE, 2 * ONE, 5 * ONE]))
def test_invariant_1_and_2_quotes_are_whole_within_bounds_and_apart(
    yes: int, no: int, fair: int, sigma: int, left: int, book: ForeignBook, stress: int
) -> None:
    result = quoted_at(CONFIG, left, yes=yes, no=no, fair=fair, sigma=sigma, book=book, stress=stress)
    if result.best.ask is not None and result.best.bid is not None:
        assert result.best.ask - result.best.bid >= 2
    for side, held in ((Side.ASK, yes), (Side.BID, no)):
        targets = result.targets[side]
        assert all(5 <= target.price <= 95 and target.quantity >= 1 for target in targets)
        assert sum(target.quantity for target in targets) <= held
        assert all(near.price < far.price for near, far in pairwise(targets))
    if book.best_bid is not None and result.best.ask is not None:
        assert result.best.ask > book.best_bid
    if book.best_ask is not None and result.best.bid is not None:
        assert result.best.bid < book.best_ask


@given(shares, shares, fairs, sigmas, ages, books())
def test_invariant_3_exchanging_the_outcomes_exchanges_the_ladders(
    yes: int, no: int, fair: int, sigma: int, left: int, book: ForeignBook
) -> None:
    here = quoted_at(CONFIG, left, yes=yes, no=no, fair=fair, sigma=sigma, book=book)
    there = quoted_at(CONFIG, left, yes=no, no=yes, fair=100 * CENT - fair, sigma=sigma, book=mirrored(book))
    assert here.targets[Side.ASK] == there.targets[Side.BID]
    assert here.targets[Side.BID] == there.targets[Side.ASK]


@given(st.integers(0, 2_000), st.integers(0, 2_000), st.integers(10 * CENT, 90 * CENT), sigmas)
def test_invariant_4_more_yes_never_raises_the_quotes(first: int, second: int, fair: int, sigma: int) -> None:
    """With 2,000 shares in all; the step at a tenth moves in the same direction."""

    def at(yes: int) -> Quote:
        return quoted(CONFIG, yes=yes, no=2_000 - yes, fair=fair, sigma=sigma)

    less, more = at(min(first, second)), at(max(first, second))
    for few, many in ((less.best.ask, more.best.ask), (less.best.bid, more.best.bid)):
        if few is not None and many is not None:
            assert many <= few + 1


@given(shares, shares, st.integers(0, 10**7), fairs, st.integers(1, 10_000))
def test_invariant_6_mint_and_burn_are_neutral(yes: int, no: int, cash: int, fair: int, pairs: int) -> None:
    ledger = Ledger(Inventory(yes, no, 50 * yes, 50 * no, cash + PAIR * pairs))
    before = ledger.inventory.equity(fair)
    ledger.mint(1, pairs)
    assert ledger.inventory.equity(fair) == before
    ledger.mint(2, -pairs)
    assert ledger.inventory.equity(fair) == before
    assert ledger.inventory.faults() == []


def own_trade(n: int, price: int, quantity: int) -> EventMessage:
    us = Party("us", f"order-{n}", Role.MAKER, 1)
    trade = Trade(f"TRD_{n}", price, quantity, Party(USER, None, Role.TAKER, 1), us)
    return EventMessage(n, 100 + n, TradeExecuted(NOON, MARKET, trade))


def booked(messages: list[EventMessage]) -> Inventory:
    """Sequence the messages as a connection does, and book what comes out."""
    sequencer, ledger = Sequencer(), Ledger(Inventory(1_000, 1_000, 50_000, 50_000, 0))
    for message in messages:
        for ready in sequencer.take([message], 0):
            assert isinstance(ready.data, TradeExecuted)
            trade = ready.data.trade
            leg = Leg(Side.ASK, "order", trade.price_cents, trade.quantity, 1, False)
            ledger.take(ready.seq, [Fill(trade.trade_id, (leg,))])
    return ledger.inventory


@given(st.data(), st.lists(st.tuples(st.integers(1, 99), st.integers(1, 60)), min_size=1, max_size=12))
def test_invariant_7_order_and_repetition_of_events_do_not_matter(
    data: st.DataObject, trades: list[tuple[int, int]]
) -> None:
    messages = [own_trade(n, price, quantity) for n, (price, quantity) in enumerate(trades, start=1)]
    repeated = messages + data.draw(st.lists(st.sampled_from(messages), max_size=6))
    assert booked(data.draw(st.permutations(repeated))) == booked(messages)


@given(st.integers(-ONE, ONE), fairs, st.integers(-200_000, 200_000), st.integers(0, ONE))
def test_invariant_8_the_level_is_at_least_what_each_condition_asks(
    q: int, fair: int, pnl: int, vpin: int
) -> None:
    both = {f.reason: f.level for f in evaluate(CONFIG, facts(q=q, fair=fair, day_pnl=pnl, vpin=vpin))}
    for alone in (facts(q=q), facts(fair=fair), facts(day_pnl=pnl), facts(vpin=vpin)):
        for finding in evaluate(CONFIG, alone):
            assert both[finding.reason] >= finding.level
    assert max(both.values(), default=Level.NORMAL) in {*both.values(), Level.NORMAL}


ALARMING = frozenset(
    {AlertKind.PROGRAMMING_ERROR, AlertKind.SANITIZER, AlertKind.SELF_TRADE, AlertKind.INVENTORY_DRIFT}
)


class AnyCourseOfEvents(RuleBasedStateMachine):
    """A maker in a venue where everything happens in any order; after each step the promises hold."""

    def __init__(self) -> None:
        super().__init__()
        self.play = playing(Venue(yes=600, no=600, yes_cost=30_000, no_cost=30_000, cash=60_000), fair=None)
        self.blind_since = self.play.now_ms
        self.checked = 0

    @rule(side=st.sampled_from(Side), quantity=st.integers(1, 150))
    @precondition(lambda self: self.play.venue.status is MarketStatus.ACTIVE)
    def somebody_buys(self, side: Side, quantity: int) -> None:
        self.play.venue.take(side, quantity, self.play.now_ms)
        self.play.step()

    @rule(price=st.integers(2, 98), quantity=st.integers(1, 200), buys=st.booleans())
    def others_trade(self, price: int, quantity: int, buys: bool) -> None:
        self.play.venue.trade_between_others(price, quantity, self.play.now_ms, taker_buys=buys)
        self.play.step()

    @rule(ms=st.sampled_from([1, 50, 250, 1_000, 3_000, 12_000, 70_000]))
    def time_passes(self, ms: int) -> None:
        self.play.wait(ms)

    @rule(latency=st.sampled_from([0, 20, 150]))
    def the_line_gets_slower(self, latency: int) -> None:
        if not self.play.inputs:
            self.play.latency_ms = latency
            self.play.venue.oversold = 0

    @rule()
    @precondition(lambda self: self.play.connected)
    def the_line_breaks(self) -> None:
        self.play.cut()
        self.blind_since = self.play.now_ms

    @rule(resumed=st.sampled_from([True, True, False]))
    @precondition(lambda self: not self.play.connected)
    def the_line_is_back(self, resumed: bool) -> None:
        # Without a resume the venue's events are lost; the money of fills among them is lost with them, so
        # that variant only happens where nothing was filled meanwhile.
        events = [event for frame in self.play.venue.frames for event in frame.events]
        filled = any(isinstance(event, TradeExecuted) for event in events)
        self.play.reconnect(self.play.now_ms - self.blind_since, resumed=resumed or filled)

    @rule(
        op=st.sampled_from(["place", "replace", "cancel", "mint", "burn"]),
        code=st.sampled_from([9002, 9003, 5001]),
    )
    def the_exchange_stumbles(self, op: str, code: int) -> None:
        self.play.venue.refuse[op] = code

    @rule(status=st.sampled_from([MarketStatus.ACTIVE, MarketStatus.SUSPENDED, MarketStatus.HALTED]))
    def the_market_turns(self, status: MarketStatus) -> None:
        if status is not self.play.venue.status:
            self.play.venue.turn(status, self.play.now_ms)
            self.play.step()

    @rule()
    def somebody_kills(self) -> None:
        self.play.step(Kill("test"))

    @rule()
    def somebody_resumes(self) -> None:
        self.play.step(Resume())

    @rule()
    def the_process_dies_and_starts_again(self) -> None:
        """What it knew is gone; orders and position are at the exchange."""
        venue, now = self.play.venue, self.play.now_ms + 50
        venue.frames.clear()
        venue.oversold = 0
        self.play = opened(venue, killed=self.play.state.risk.killed)
        self.play.now_ms = now
        self.play.state.health.heard_ms = now
        self.play.step(Book(venue.book(1, now)))
        self.checked = 0

    @invariant()
    def orders_only_sell_what_is_there_and_never_meet(self) -> None:
        venue = self.play.venue
        asks, bids = venue.live(Side.ASK), venue.live(Side.BID)
        assert venue.locked(Side.ASK) <= venue.yes
        assert venue.locked(Side.BID) <= venue.no
        if not self.play.latency_ms:
            assert venue.oversold == 0, "with events at once, the maker never asks for what is not there"
        if asks and bids:
            lowest = min(one.order.original_price_cents for one in asks)
            highest = max(100 - one.order.original_price_cents for one in bids)
            assert lowest > highest

    @invariant()
    def what_is_sent_sells_within_the_bounds(self) -> None:
        for action in self.play.sent[self.checked :]:
            order = action.new_order if isinstance(action, Replace) else action
            if isinstance(order, Place | NewOrder):
                assert order.direction is Direction.SELL
                assert 5 <= order.price_cents <= 95
        self.checked = len(self.play.sent)

    @invariant()
    def killed_means_nothing_is_placed(self) -> None:
        state = self.play.state
        if state.risk.killed and state.health.connected and not self.play.inputs:
            before = len(self.play.sent)
            self.play.step()
            assert not any(isinstance(one, Place | Replace | Mint) for one in self.play.sent[before:])

    @invariant()
    def nothing_looked_like_a_bug_of_ours(self) -> None:
        found = [alert for alert in self.play.alerts if alert.kind in ALARMING]
        assert found == []

    def teardown(self) -> None:
        """Given a quiet minute, the books and the orders are the exchange's."""
        play = self.play
        if play.venue.status is not MarketStatus.ACTIVE:
            play.venue.turn(MarketStatus.ACTIVE, play.now_ms)
        if not play.connected:
            play.reconnect(play.now_ms - self.blind_since)
        play.venue.refuse.clear()
        play.latency_ms = 0
        play.wait(90_000)
        assert play.agrees()
        live = {key for key, one in play.venue.orders.items() if one.live}
        assert live == set(play.state.orders.live)
        assert play.state.life.lifecycle in (Lifecycle.RUNNING, Lifecycle.EMERGENCY, Lifecycle.STARTING)


TestAnyCourseOfEvents = AnyCourseOfEvents.TestCase
TestAnyCourseOfEvents.settings = settings(
    max_examples=40,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
