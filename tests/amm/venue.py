"""A little exchange with one market and one maker, honest in what the maker can see of it.

It keeps the exchange's rules for the maker's sales, replaces, batch cancels, mints, burns and idempotent
repetitions, numbers its events, and rounds cost sums and fees as the exchange does. `Play` lets a strategy
and a clock loose on it; everything happens in virtual time.
"""

from collections import deque
from collections.abc import Iterable
from typing import Any

import attrs

from amm.brain.arithmetic import CENT, Ms, read_epoch_ms
from amm.brain.budget import RateBudget
from amm.brain.commands import (
    Action,
    Alert,
    AlertKind,
    BatchCancel,
    Burn,
    Cancel,
    Command,
    Mint,
    NewOrder,
    Place,
    Replace,
    ResetGroup,
    SetGroup,
    Sync,
)
from amm.brain.config import AMM_USER_ID, Config
from amm.brain.inputs import Answer, Book, Connected, Delivered, Disconnected, Frame, Input
from amm.brain.memory import Lifecycle
from amm.brain.orders import side_of
from amm.brain.phases import Phase
from amm.brain.quoting.ladder import Side
from amm.brain.state import MarketFacts, MarketState, open_market
from amm.brain.strategy import decide, next_call_ms
from amm.brain.wire import (
    Balance,
    BatchCancelled,
    BookLevel,
    BookUpdate,
    Burned,
    Cancelled,
    Data,
    Event,
    FullyFilled,
    GroupStands,
    GroupView,
    Holding,
    Levels,
    Market,
    MarketStatus,
    MarketStatusChanged,
    Minted,
    Order,
    OrderGroupChanged,
    OrderStatus,
    OrderStatusChanged,
    OrderView,
    OutsideCollar,
    PartlyFilled,
    Party,
    Placed,
    Position,
    Replaced,
    Role,
    Synced,
    Trade,
    TradeExecuted,
    UpdateType,
)
from amm.brain.wire import Direction as Dir
from tests.amm.parts import HOUR, MARKET, NOON, config

USER = "0193f1c2-5a77-7c1e-9f10-3f2b8f1a0001"
MAKER_BPS = 10


@attrs.define
class Resting:
    order: Order
    cancel_reason: str | None = None

    @property
    def live(self) -> bool:
        return self.order.status in (OrderStatus.OPEN, OrderStatus.PARTIALLY_FILLED)

    def become(self, status: OrderStatus, filled: int = 0) -> None:
        old = self.order
        self.order = Order(
            old.id,
            old.client_order_id,
            old.market_id,
            old.original_side,
            old.original_direction,
            old.original_price_cents,
            old.quantity,
            old.filled_quantity + filled,
            old.remaining_quantity - filled,
            status,
        )


@attrs.define
class Venue:
    yes: int = 1_000
    no: int = 1_000
    yes_cost: int = 50_000
    no_cost: int = 50_000
    cash: int = 100_000
    status: MarketStatus = MarketStatus.ACTIVE
    seq: int = 100
    trades: int = 0
    orders: dict[str, Resting] = attrs.field(factory=dict)
    keys: dict[str, tuple[int, Data]] = attrs.field(factory=dict)
    frames: deque[Frame] = attrs.field(factory=deque)
    foreign_bids: dict[int, int] = attrs.field(factory=dict)
    foreign_asks: dict[int, int] = attrs.field(factory=dict)
    refuse: dict[str, int] = attrs.field(factory=dict)
    """Answer the next command of an op with this code, without doing it."""
    stuck: dict[str, int] = attrs.field(factory=dict)
    """The same, for every command of an op."""
    cancel_only: bool = False
    """The market's trading mode."""
    group: str | None = None
    """How the maker's order group stands, if it has one."""
    collar: tuple[int, int] | None = None
    """The lowest and the highest price at which anybody may give away, in YES cents."""
    mumble: set[str] = attrs.field(factory=set)
    """Do the next command of an op, but answer that something went wrong."""
    operations: int = 0
    oversold: int = 0
    """How often the maker asked for more shares than are free."""

    # What the maker asks.

    def execute(self, command: Command, now_ms: Ms) -> Answer:
        op = str(type(command).__struct_config__.tag)
        if (code := self.stuck.get(op) or self.refuse.pop(op, None)) is not None:
            return Answer(command.ref, code, self.seq)
        answer = self._execute(command, now_ms)
        if op in self.mumble:
            self.mumble.remove(op)
            return Answer(command.ref, 9003, answer.seq)
        return answer

    def _execute(self, command: Command, now_ms: Ms) -> Answer:
        match command:
            case Place():
                return self._place(command.ref, command, now_ms, None)
            case Replace():
                return self._replace(command, now_ms)
            case Cancel(order_id=order_id):
                return self._cancel(command.ref, order_id, now_ms)
            case BatchCancel():
                return self._batch_cancel(command.ref, now_ms)
            case SetGroup():
                self.group = self.group or "ACTIVE"
                return Answer(command.ref, 0, self.seq, GroupStands(self.group))
            case ResetGroup() if self.group is None:
                return Answer(command.ref, 4016, self.seq)
            case ResetGroup():
                self.group = "ACTIVE"
                return Answer(command.ref, 0, self.seq, GroupStands(self.group))
            case Mint(quantity=quantity, idempotency_key=key):
                return self._operate(command.ref, quantity, key, Minted(MARKET, quantity))
            case Burn(quantity=quantity, idempotency_key=key):
                return self._operate(command.ref, -quantity, key, Burned(MARKET, quantity))
            case Sync():
                return Answer(command.ref, 0, self.seq, self.synced())

    def _place(self, ref: int, wish: Place | NewOrder, now_ms: Ms, replacing: Resting | None) -> Answer:
        for resting in self.orders.values():
            if resting.order.client_order_id == wish.client_order_id:
                return Answer(ref, 0, self.seq, Placed(resting.order))
        if self._is_late(wish, now_ms):
            return Answer(ref, 4010, self.seq)
        if (no := self._closed(ref) or self._braked(ref, wish) or self._misplaced(ref, wish)) is not None:
            return no
        side = side_of(wish.side)
        freed = replacing.order.remaining_quantity if replacing else 0
        if wish.quantity > self.free(side) + freed:
            self.oversold += 1
            return Answer(ref, 5001, self.seq)
        if replacing is not None:
            self._close(replacing, "REPLACED", now_ms)
        self.seq += 1
        order = Order(
            f"order-{self.seq}",
            wish.client_order_id,
            MARKET,
            wish.side,
            wish.direction,
            wish.price_cents,
            wish.quantity,
            0,
            wish.quantity,
            OrderStatus.OPEN,
        )
        self.orders[order.id] = Resting(order)
        self._tell(self._view(order, OrderStatus.NEW, now_ms))
        return Answer(ref, 0, self.seq, Placed(order))

    def _is_late(self, wish: Place | NewOrder, now_ms: Ms) -> bool:
        valid_until = read_epoch_ms(wish.valid_until)
        return valid_until is not None and now_ms > valid_until

    def _closed(self, ref: int) -> Answer | None:
        if self.status is not MarketStatus.ACTIVE:
            return Answer(ref, 3002, self.seq)
        return Answer(ref, 3008, self.seq) if self.cancel_only else None

    def _braked(self, ref: int, wish: Place | NewOrder) -> Answer | None:
        if wish.group_id is None or self.group == "ACTIVE":
            return None
        return Answer(ref, 4016 if self.group is None else 4017, self.seq)

    def _misplaced(self, ref: int, wish: Place | NewOrder) -> Answer | None:
        """Refuse what would take, or gives too much away."""
        side = side_of(wish.side)
        price = side.own_price(wish.price_cents)
        if wish.post_only and self._crosses(side, price):
            return Answer(ref, 4007, self.seq)
        if self.collar is not None:
            lowest, highest = self.collar
            if price < lowest if side is Side.ASK else price > highest:
                return Answer(ref, 4011, self.seq, OutsideCollar(lowest, highest))
        return None

    def _crosses(self, side: Side, price: int) -> bool:
        if side is Side.ASK:
            return any(bid >= price for bid in self.foreign_bids)
        return any(ask <= price for ask in self.foreign_asks)

    def _replace(self, command: Replace, now_ms: Ms) -> Answer:
        old = self.orders.get(command.old_order_id)
        if old is None:
            return Answer(command.ref, 6002, self.seq)
        done = next(
            (r for r in self.orders.values() if r.order.client_order_id == command.new_order.client_order_id),
            None,
        )
        if done is not None:
            return Answer(command.ref, 0, self.seq, Replaced(old.order.id, done.order))
        if self._is_late(command.new_order, now_ms):
            return Answer(command.ref, 4010, self.seq)
        if old.order.status is OrderStatus.FILLED:
            return Answer(command.ref, 6003, self.seq, FullyFilled(old.order.id, old.order.filled_quantity))
        if not old.live:
            return Answer(command.ref, 4006, self.seq)
        if (no := self._closed(command.ref)) is not None:
            return no
        if old.order.filled_quantity:
            rest = old.order.remaining_quantity
            self._close(old, "REPLACE_PARTIAL_FILL", now_ms)
            data = PartlyFilled(old.order.id, old.order.filled_quantity, rest)
            return Answer(command.ref, 6001, self.seq, data)
        placed = self._place(command.ref, command.new_order, now_ms, old)
        if not isinstance(placed.data, Placed):
            return placed
        return Answer(command.ref, 0, self.seq, Replaced(old.order.id, placed.data.order))

    def _cancel(self, ref: int, order_id: str, now_ms: Ms) -> Answer:
        resting = self.orders.get(order_id)
        if resting is None:
            return Answer(ref, 4004, self.seq)
        if not resting.live:
            return Answer(ref, 4006, self.seq)
        if self.status is MarketStatus.HALTED:
            return Answer(ref, 3002, self.seq)
        self._close(resting, "USER_CANCELLED", now_ms)
        return Answer(ref, 0, self.seq, Cancelled(order_id, resting.order.remaining_quantity))

    def _batch_cancel(self, ref: int, now_ms: Ms) -> Answer:
        if self.status is MarketStatus.HALTED:
            return Answer(ref, 3002, self.seq)
        count = self.cancel_all("BATCH_CANCELLED", now_ms)
        return Answer(ref, 0, self.seq, BatchCancelled(MARKET, count))

    def _operate(self, ref: int, pairs: int, key: str, data: Data) -> Answer:
        if key in self.keys:
            return Answer(ref, 0 if self.keys[key][0] == pairs else 6006, self.seq, self.keys[key][1])
        if self.status is not MarketStatus.ACTIVE:
            return Answer(ref, 3002, self.seq)
        if pairs > 0 and self.cancel_only:
            return Answer(ref, 3008, self.seq)
        if pairs < 0 and min(self.free(Side.ASK), self.free(Side.BID)) < -pairs:
            return Answer(ref, 5001, self.seq)
        if pairs > 0:
            self.yes_cost += 50 * pairs
            self.no_cost += 50 * pairs
        else:
            self.yes_cost -= self._released(self.yes_cost, self.yes, -pairs)
            self.no_cost -= self._released(self.no_cost, self.no, -pairs)
        self.yes += pairs
        self.no += pairs
        self.cash -= 100 * pairs
        self.seq += 1
        self.operations += 1
        self.keys[key] = (pairs, data)
        return Answer(ref, 0, self.seq, data)

    # What happens around it.

    def take(self, side: Side, quantity: int, now_ms: Ms, limit: int = 99) -> int:
        """Let a user buy what the maker sells on a side, best price first; return what was filled."""
        filled = 0
        for resting in sorted(self.live(side), key=lambda one: one.order.original_price_cents):
            if filled == quantity or resting.order.original_price_cents > limit:
                break
            part = min(quantity - filled, resting.order.remaining_quantity)
            self._fill(resting, side, part, now_ms)
            filled += part
        return filled

    def fill(self, side: Side, price: int, quantity: int, now_ms: Ms) -> None:
        """Let a user take part of the order at one price, whatever else rests."""
        resting = next(one for one in self.live(side) if one.order.original_price_cents == price)
        self._fill(resting, side, quantity, now_ms)

    def _fill(self, resting: Resting, side: Side, quantity: int, now_ms: Ms) -> None:
        price = resting.order.original_price_cents
        before = resting.order.status
        status = (
            OrderStatus.FILLED
            if quantity == resting.order.remaining_quantity
            else OrderStatus.PARTIALLY_FILLED
        )
        resting.become(status, quantity)
        fee = -(-price * quantity * MAKER_BPS // 10_000)
        self.cash += price * quantity - fee
        if side is Side.ASK:
            self.yes_cost -= self._released(self.yes_cost, self.yes, quantity)
            self.yes -= quantity
        else:
            self.no_cost -= self._released(self.no_cost, self.no, quantity)
            self.no -= quantity
        self.seq += 1
        self.trades += 1
        us = Party(AMM_USER_ID, resting.order.id, Role.MAKER, fee)
        them = Party(USER, f"user-order-{self.seq}", Role.TAKER, 0)
        buyer, seller = (them, us) if side is Side.ASK else (us, them)
        trade = Trade(f"TRD_{self.trades}", side.own_price(price), quantity, buyer, seller)
        self._tell(
            TradeExecuted(now_ms, MARKET, trade),
            self._view(resting.order, before, now_ms),
        )

    def trade_between_others(self, price: int, quantity: int, now_ms: Ms, *, taker_buys: bool) -> None:
        self.seq += 1
        self.trades += 1
        roles = (Role.TAKER, Role.MAKER) if taker_buys else (Role.MAKER, Role.TAKER)
        parties = [Party(f"{USER[:-1]}{i}", f"other-{self.seq}-{i}", role, 0) for i, role in enumerate(roles)]
        trade = Trade(f"TRD_{self.trades}", price, quantity, parties[0], parties[1])
        self._tell(TradeExecuted(now_ms, MARKET, trade))

    def brake(self, now_ms: Ms) -> None:
        """So much was taken that the group is triggered."""
        self.group = "TRIGGERED"
        self.seq += 1
        self._tell(OrderGroupChanged(now_ms, MARKET, GroupView("amm", AMM_USER_ID, self.group)))
        self.cancel_all("GROUP_LIMIT", now_ms)

    def turn(self, status: MarketStatus, now_ms: Ms, result: str | None = None) -> None:
        self.status = status
        self.seq += 1
        self._tell(MarketStatusChanged(now_ms, MARKET, status, result))

    def cancel_all(self, reason: str, now_ms: Ms) -> int:
        live = [resting for resting in self.orders.values() if resting.live]
        for resting in live:
            self._close(resting, reason, now_ms)
        return len(live)

    def _close(self, resting: Resting, reason: str, now_ms: Ms) -> None:
        before = resting.order.status
        resting.become(OrderStatus.CANCELLED)
        resting.cancel_reason = reason
        self.seq += 1
        self._tell(self._view(resting.order, before, now_ms))

    def tell(self, event: Event) -> None:
        self.seq += 1
        self._tell(event)

    def _tell(self, *events: Event) -> None:
        self.frames.append(Frame(self.seq, events))

    def _view(self, order: Order, before: OrderStatus, now_ms: Ms) -> OrderStatusChanged:
        return OrderStatusChanged(
            now_ms,
            MARKET,
            OrderView(
                order.id,
                AMM_USER_ID,
                order.original_side,
                Dir.SELL,
                order.original_price_cents,
                order.quantity,
                order.filled_quantity,
                order.remaining_quantity,
                order.status,
                before,
            ),
        )

    @staticmethod
    def _released(cost: int, volume: int, quantity: int) -> int:
        return cost if quantity == volume else cost * quantity // volume

    # What can be looked at.

    def live(self, side: Side) -> list[Resting]:
        return [one for one in self.orders.values() if one.live and side_of(one.order.original_side) is side]

    def locked(self, side: Side) -> int:
        return sum(one.order.remaining_quantity for one in self.live(side))

    def free(self, side: Side) -> int:
        return (self.yes if side is Side.ASK else self.no) - self.locked(side)

    def ladder(self, side: Side) -> str:
        """Write down what rests on a side, as `parts.written` does."""
        orders = sorted((one.order for one in self.live(side)), key=lambda order: order.original_price_cents)
        return " ".join(f"{order.original_price_cents}x{order.remaining_quantity}" for order in orders)

    def book(self, sequence_id: int, now_ms: Ms) -> BookUpdate:
        bids, asks = dict(self.foreign_bids), dict(self.foreign_asks)
        for side, levels in ((Side.ASK, asks), (Side.BID, bids)):
            for resting in self.live(side):
                price = side.own_price(resting.order.original_price_cents)
                levels[price] = levels.get(price, 0) + resting.order.remaining_quantity
        return BookUpdate(
            UpdateType.SNAPSHOT,
            sequence_id,
            MARKET,
            now_ms,
            Levels(
                [BookLevel(price, bids[price]) for price in sorted(bids, reverse=True)],
                [BookLevel(price, asks[price]) for price in sorted(asks)],
            ),
        )

    def synced(self) -> Synced:
        live = [one.order for one in self.orders.values() if one.live]
        return Synced(
            self.seq,
            Balance(self.cash, 0),
            Position(Holding(self.yes, self.yes_cost), Holding(self.no, self.no_cost)),
            live,
            Market(MARKET, self.status, 1, 99, 1_000_000, MAKER_BPS, 20),
        )


def market_facts(now_ms: Ms, days: int = 30) -> MarketFacts:
    end = now_ms + days * 24 * HOUR
    return MarketFacts(MARKET, 1, 99, 1_000_000, MAKER_BPS, now_ms, now_ms, end, end)


@attrs.define
class Play:
    """The strategy at work in the venue. `sent` is everything that left it since it was last cleared."""

    venue: Venue
    state: MarketState
    budget: RateBudget
    now_ms: Ms = NOON
    latency_ms: Ms = 0
    inputs: list[tuple[Ms, Input]] = attrs.field(factory=list)
    sent: list[Action] = attrs.field(factory=list)
    alerts: list[Alert] = attrs.field(factory=list)
    connected: bool = True
    heard: bool = True  # frames reach the strategy at once

    def step(self, *inputs: Input) -> list[Action]:
        """Give these inputs and what has arrived by now; carry out what comes back until it is quiet."""
        waiting = list(inputs)
        done: list[Action] = []
        while True:
            waiting += self._arrived()
            actions = decide(self.state, waiting, self.now_ms, self.budget)
            waiting = []
            done += actions
            self._carry_out(actions)
            if not (actions and self._has_arrived()):
                break
        self.sent += done
        return done

    def _arrived(self) -> list[Input]:
        if self.heard and self.connected:
            while self.venue.frames:
                self.inputs.append((self.now_ms + self.latency_ms, self.venue.frames.popleft()))
        ready = [one for at, one in self.inputs if at <= self.now_ms]
        self.inputs = [(at, one) for at, one in self.inputs if at > self.now_ms]
        return ready

    def _has_arrived(self) -> bool:
        frames = bool(self.venue.frames) and self.heard and self.connected and not self.latency_ms
        return frames or any(at <= self.now_ms for at, _ in self.inputs)

    def _carry_out(self, actions: Iterable[Action]) -> None:
        for action in actions:
            if isinstance(action, Alert):
                self.alerts.append(action)
            elif isinstance(action, Command) and self.connected:
                answer = self.venue.execute(action, self.now_ms)
                self.inputs.append((self.now_ms + self.latency_ms, answer))
                if self.heard:
                    while self.venue.frames:
                        self.inputs.append((self.now_ms + self.latency_ms, self.venue.frames.popleft()))

    def wait(self, ms: Ms) -> list[Action]:
        """Let time pass; the book feed sends a snapshot every second."""
        end, done = self.now_ms + ms, []
        while self.now_ms < end:
            arrivals = [at for at, _ in self.inputs]
            following = min([next_call_ms(self.state, self.now_ms), *arrivals, self.now_ms + 1_000])
            self.now_ms = min(end, max(self.now_ms + 1, following))
            alive = (
                [Delivered(self.venue.seq)] if self.heard and self.connected and not self.venue.frames else []
            )
            feed = [Book(self.venue.book(1, self.now_ms))] if self.connected else []
            done += self.step(*feed, *alive)
        return done

    def buys(self, side: Side, quantity: int) -> int:
        """Let a user buy from a side, best price first, and tell the maker."""
        filled = self.venue.take(side, quantity, self.now_ms)
        self.step()
        return filled

    def buys_at(self, side: Side, price: int, quantity: int) -> None:
        """Let a user buy from the order at one price, whatever else rests, and tell the maker."""
        self.venue.fill(side, price, quantity, self.now_ms)
        self.step()

    def drift_to(self, cents: int) -> None:
        """Move the held fair price."""
        self.state.prices.fair_override = cents * CENT

    def cut(self) -> None:
        """Cut the connection: answers and events on their way are lost, but the events can be had again."""
        self.connected = False
        missed = [one for _, one in self.inputs if isinstance(one, Frame)]
        self.venue.frames.extendleft(reversed(missed))
        self.inputs.clear()
        self.step(Disconnected())

    def reconnect(self, blind_ms: Ms, *, resumed: bool = True) -> list[Action]:
        self.connected = True
        if not resumed:
            self.venue.frames.clear()
        return self.step(Connected(blind_ms, resumed))

    def kinds(self) -> list[AlertKind]:
        return [alert.kind for alert in self.alerts]

    def commands(self) -> list[Command]:
        return [action for action in self.sent if isinstance(action, Command)]

    def orders_sent(self) -> list[Command]:
        """Return the commands that touch orders, in the order they were sent."""
        return [one for one in self.commands() if not isinstance(one, Sync | Mint | Burn)]

    def agrees(self) -> bool:
        """Say whether the maker's books are the exchange's, to the share and cent."""
        mine, venue = self.state.ledger.inventory, self.venue
        held = (mine.yes, mine.no, mine.yes_cost, mine.no_cost, mine.cash)
        return held == (venue.yes, venue.no, venue.yes_cost, venue.no_cost, venue.cash)


def opened(venue: Venue | None = None, settings: Config | None = None, **changes: Any) -> Play:
    """Open a market that has not started yet."""
    venue = venue or Venue()
    settings = settings or config()
    state = open_market(
        changes.pop("facts", market_facts(NOON)),
        settings,
        venue.status,
        now_ms=NOON,
        cash=venue.cash,
        boot_id="boot",
        **changes,
    )
    return Play(venue, state, RateBudget(settings.limits, {MARKET}))


def playing(
    venue: Venue | None = None, settings: Config | None = None, fair: int | None = 50, **changes: Any
) -> Play:
    """Open a market and quote it in STABILIZATION, with fair price and sigma held unless `fair` is None."""
    play = opened(venue, settings, **changes)
    play.state.phase.phase = Phase.STABILIZATION
    if fair is not None:
        play.state.prices.fair_override = fair * CENT
        play.state.prices.sigma_override = 2 * CENT
    play.step(Book(play.venue.book(1, play.now_ms)))
    assert play.state.life.lifecycle is Lifecycle.RUNNING
    play.sent.clear()
    return play
