"""Inputs, written into the state. Nothing here decides what to quote.

Private trade events are the only thing that changes the inventory, besides our own mints and burns. Answers
and order events keep the map of our orders.
"""

from typing import assert_never

from amm.brain import group, lifecycle, operations, sweep
from amm.brain.answers import command_answered
from amm.brain.arithmetic import CENT, Cents, Ms
from amm.brain.commands import AlertKind, RequestSnapshot, Severity
from amm.brain.config import SigmaSource, TransportMode
from amm.brain.defence import Reason
from amm.brain.inputs import (
    Allocate,
    Answer,
    Book,
    CashRead,
    Connected,
    Delivered,
    Disconnected,
    EarlierPrices,
    Frame,
    HeldPrices,
    Input,
    Kill,
    KnownEvents,
    Lost,
    NewConfig,
    Polled,
    Pong,
    Reference,
    ReferenceAwaited,
    Refunded,
    Resume,
    StatusSeen,
    SteppedBack,
    Stop,
)
from amm.brain.memory import Lifecycle
from amm.brain.polled import attribute, close_filled
from amm.brain.pricing import RECENT_MS, learn, learning_rate
from amm.brain.quoting.inventory import Fill, Leg
from amm.brain.quoting.ladder import Side
from amm.brain.state import MarketState
from amm.brain.wire import (
    AmmStarted,
    AmmStopped,
    MarketStatus,
    MarketStatusChanged,
    OrderGroupChanged,
    OrderStatus,
    OrderStatusChanged,
    OrderView,
    Role,
    StopMode,
    Synced,
    Trade,
    TradeExecuted,
)

NOT_FROM_THE_EXCHANGE = (
    *(Kill, Resume, Allocate, KnownEvents, NewConfig, Stop, Lost, Disconnected),
    *(Reference, ReferenceAwaited, EarlierPrices, HeldPrices),
)
"""Inputs that do not prove that the exchange is alive."""


def apply_input(state: MarketState, item: Input, now_ms: Ms) -> None:
    """Write one input into the state."""
    if not isinstance(item, NOT_FROM_THE_EXCHANGE):
        state.health.heard_ms = now_ms
    match item:
        case Frame():
            _frame(state, item, now_ms)
        case Delivered(seq=seq):
            _delivered(state, seq, now_ms)
        case Polled(fills=fills) if state.life.lifecycle is Lifecycle.STARTING:
            state.ledger.know(fills)
        case Polled(fills=fills):
            _book_fills(state, None, [attribute(state, fill) for fill in fills], now_ms)
            close_filled(state, now_ms)
        case Book(update=update):
            if not state.book.take(update, now_ms):
                state.outbox.actions.append(RequestSnapshot(state.market_id))
        case Answer():
            _answer(state, item, now_ms)
        case Pong(round_trip_ms=round_trip):
            state.health.latencies.append((now_ms, round_trip))
        case Disconnected():
            _disconnected(state, now_ms)
        case Connected():
            _connected(state, item, now_ms)
        case Lost():
            _lost(state, "an event is missing")
        case StatusSeen(status=status, resolution_result=result):
            _market(state, status, result, now_ms)
        case SteppedBack(heard_seq=heard, seq=seq):
            _stepped_back(state, heard, seq)
        case CashRead():
            operations.compare_cash(state, item)
        case Refunded():
            operations.book_refund(state, item)
        case Reference(price=price):
            _reference(state, price, now_ms)
        case ReferenceAwaited():
            state.prices.reference_ms = state.prices.reference_ms or now_ms
        case EarlierPrices(anchor=anchor, posterior=posterior):
            state.prices.anchor, state.prices.posterior = anchor, posterior
        case HeldPrices(fair=fair, sigma=sigma):
            state.prices.fair_override, state.prices.sigma_override = fair, sigma
        case _:
            _person(state, item, now_ms)


def _person(
    state: MarketState,
    item: Kill | Resume | Allocate | KnownEvents | NewConfig | Stop,
    now_ms: Ms,
) -> None:
    state.cycle.wake = True
    match item:
        case Kill(reason=reason):
            state.risk.latched.add(Reason.ADMIN_KILL)
            state.counts[f"admin kill: {reason}"] += 1
            lifecycle.kill(state, [Reason.ADMIN_KILL], now_ms)
        case Resume(override=override):
            if not lifecycle.resume(state, now_ms, override=override):
                state.alert(AlertKind.COMMAND_REFUSED, Severity.WARNING, "resume refused")
        case Allocate(amount=amount):
            _allocate(state, amount)
        case KnownEvents(times=times):
            state.event_times = times
        case NewConfig(config=config):
            state.config = config
            state.orders.fill_grace_ms = config.diff.fill_grace_ms
        case Stop(mode=mode):
            within = state.config.life.shutdown_timeout_ms
            lifecycle.stop(state, mode, now_ms, burn=False, within_ms=within)
        case _:
            assert_never(item)


def _allocate(state: MarketState, amount: Cents) -> None:
    """Move cash to or from the market: never more than its budget's limit, never more than it has."""
    too_much = state.paid_in + amount > state.config.inv.budget_limit_cents
    if too_much or state.ledger.inventory.cash + amount < 0:
        state.alert(AlertKind.COMMAND_REFUSED, Severity.WARNING, f"allocation of {amount} cents refused")
        return
    state.paid_in += amount
    state.ledger.flow(amount)
    state.day.flows += amount


def _frame(state: MarketState, frame: Frame, now_ms: Ms) -> None:
    """Apply everything of one journal id, then look whether the books still make sense."""
    fills: list[Fill] = []
    views: list[OrderView] = []
    for event in frame.events:
        match event:
            case TradeExecuted(trade=trade):
                _learn(state, trade, now_ms)
                if legs := _own_legs(state, trade):
                    fills.append(Fill(trade.trade_id, legs))
            case OrderStatusChanged(order=order):
                if order.user_id == state.config.amm_user_id:
                    views.append(order)
            case MarketStatusChanged():
                _market(state, event.new_status, event.resolution_result, now_ms)
            case OrderGroupChanged():
                group.changed(state, event)
            case AmmStopped(stop_mode=mode):
                burn, within = state.config.life.burn_on_stop, state.config.life.stop_drain_ms
                lifecycle.stop(state, mode or StopMode.GRACEFUL, now_ms, burn=burn, within_ms=within)
            case AmmStarted():
                if state.life.stopping is not None:
                    state.life.stopping.burn = False  # the pairs are the next start's now
            case _:
                assert_never(event)
    _book_fills(state, frame.seq, fills, now_ms)
    for order in views:
        _order(state, order, frame.seq, now_ms)
    _delivered(state, frame.seq, now_ms)
    if not fills and not views:
        return
    for side in Side:
        if state.ledger.inventory.held(side) < state.orders.promised(side):
            _broken(state, f"more {side.outcome.value} is in orders than we have")


def _delivered(state: MarketState, seq: int, now_ms: Ms) -> None:
    state.reconciliation.delivered_seq = max(state.reconciliation.delivered_seq, seq)
    operations.settle(state, now_ms)


def _own_legs(state: MarketState, trade: Trade) -> tuple[Leg, ...]:
    """Return what we sold: as the book's seller YES, as its buyer NO. We never hold a buying order."""
    me = state.config.amm_user_id
    legs = []
    for side, party in ((Side.ASK, trade.seller), (Side.BID, trade.buyer)):
        if party.user_id == me and party.order_id is not None:
            price, taker = side.own_price(trade.price_cents), party.role is Role.TAKER
            legs.append(Leg(side, party.order_id, price, trade.quantity, party.fee_cents, taker))
    return tuple(legs)


def _learn(state: MarketState, trade: Trade, now_ms: Ms) -> None:
    """Let a public trade move the posterior. A trade with ourselves says nothing."""
    memory, config = state.prices, state.config
    number = int(trade.trade_id.rpartition("_")[2])
    if number <= memory.last_trade:
        return
    memory.last_trade = number
    if trade.buyer.user_id == trade.seller.user_id == config.amm_user_id:
        return
    while memory.recent_trades and memory.recent_trades[0] <= now_ms - RECENT_MS:
        memory.recent_trades.popleft()
    taker_buys = trade.buyer.role is Role.TAKER
    posterior = memory.anchor if memory.posterior is None else memory.posterior
    rate = learning_rate(config.pricing, len(memory.recent_trades), trade.quantity)
    memory.posterior = learn(posterior, rate, trade.price_cents * CENT, taker_buys=taker_buys)
    memory.recent_trades.append(now_ms)
    memory.window_trades.append(now_ms)
    memory.traded_since_sample = True
    memory.flow.add(taker_sells=not taker_buys, quantity=trade.quantity, window=config.defense.vpin_window)
    if config.vol.sigma_source is SigmaSource.TRADE:
        memory.samples.append(trade.price_cents * CENT)
    state.phase.volume += trade.quantity
    state.cycle.wake = True


def _book_fills(state: MarketState, seq: int | None, fills: list[Fill], now_ms: Ms) -> None:
    """Book own fills once. A fill of an order that we do not know means that events were lost."""
    fresh = [fill for fill in fills if seq is None or seq > state.ledger.applied_seq]
    streamed = state.config.sync.transport is TransportMode.STREAM
    for fill in fresh:
        if streamed and fill.trade_id not in state.ledger.booked_trades:
            strangers = [leg.order_id for leg in fill.legs if not state.orders.knows(leg.order_id)]
            if strangers:
                _lost(state, f"{fill.trade_id} filled {strangers[0]}, which we do not know")
                return
    booked, faults = state.ledger.take(seq, fills)
    for fill in booked:
        if len(fill.legs) > 1:
            state.alert(AlertKind.SELF_TRADE, Severity.CRITICAL, f"{fill.trade_id}: we met ourselves")
        for leg in fill.legs:
            _filled(state, leg, now_ms)
    for fault in faults:
        _broken(state, fault)


def _filled(state: MarketState, leg: Leg, now_ms: Ms) -> None:
    """Follow up on a booked leg: the order, the defences against informed flow, the counters."""
    state.orders.booked(leg.order_id, leg.quantity)
    state.day.fills += 1
    state.counts[f"fills {leg.side.value}"] += 1
    state.counts[f"filled shares {leg.side.value}"] += leg.quantity
    state.counts["taker fills"] += leg.is_taker
    resting = state.orders.pending_sell(leg.side)
    whole = 0 if state.cycle.decision is None else state.cycle.decision.whole_side
    if state.informed.own_fill(state.config.lvr, leg.side, leg.quantity, resting, whole, now_ms):
        state.risk.latched.add(Reason.VELOCITY)
    state.cycle.awaited_holds |= {side for side in Side if state.informed.sides[side].is_held(now_ms)}
    state.cycle.refresh = state.cycle.refresh or not state.cycle.awaited_holds
    state.cycle.wake = True


def _order(state: MarketState, order: OrderView, seq: int, now_ms: Ms) -> None:
    known = state.orders.live.get(order.order_id)
    if seq <= state.ledger.applied_seq and known is None:
        return
    if known is not None and order.status is OrderStatus.CANCELLED and seq > known.seq:
        asked = known.pending is not None or state.life.sweep is not None or state.risk.resyncing
        asked = asked or Reason.ORDER_GROUP in state.risk.latched
        if (
            not asked
            and state.life.status is MarketStatus.ACTIVE
            and state.life.lifecycle is Lifecycle.RUNNING
        ):
            state.reconciliation.unasked[order.order_id] = now_ms
        state.cycle.wake = True
    state.orders.view(order, seq, now_ms)


def _market(state: MarketState, status: MarketStatus, result: str | None, now_ms: Ms) -> None:
    """Follow the market's status. It is told by an event, or by a look at the market if that may be lost."""
    if status is state.life.status:
        return
    lifecycle.status_changed(state, status, now_ms)
    if status is MarketStatus.SETTLED and result in ("YES", "NO"):
        inventory = state.ledger.inventory
        state.ledger.settle(inventory.yes if result == "YES" else inventory.no)
    elif status is MarketStatus.VOIDED:
        # What a share is paid is the exchange's to say: what it paid for ours stands in its ledger.
        state.ledger.settle(0)
        state.reconciliation.refund_awaited = True


def _stepped_back(state: MarketState, heard: int, seq: int) -> None:
    """Trust nothing from after `seq`: the exchange's journal has gone back to there."""
    _broken(state, f"the exchange's journal went back from {heard} to {seq}")
    state.ledger.step_back(seq)
    state.reconciliation.delivered_seq = min(state.reconciliation.delivered_seq, seq)
    state.prices.last_trade = 0
    state.risk.resyncing = True


def _broken(state: MarketState, detail: str) -> None:
    state.risk.latched.add(Reason.INTEGRITY)
    state.alert(AlertKind.PROGRAMMING_ERROR, Severity.CRITICAL, detail)
    state.cycle.wake = True


def _lost(state: MarketState, detail: str) -> None:
    state.alert(AlertKind.STREAM_GAP, Severity.WARNING, detail)
    state.counts["stream gaps"] += 1
    state.risk.resyncing = state.cycle.wake = True


def _answer(state: MarketState, answer: Answer, now_ms: Ms) -> None:
    events_lost = state.risk.resyncing
    if group.answered(state, answer, now_ms):
        return
    if sweep.answered(state, answer, now_ms) or operations.answered(state, answer, now_ms):
        if events_lost and isinstance(answer.data, Synced):
            _market(state, answer.data.market.status, answer.data.market.resolution_result, now_ms)
        state.health.outcomes.append((now_ms, not answer.ok))
        state.cycle.wake = True
    else:
        command_answered(state, answer, now_ms)


def _disconnected(state: MarketState, now_ms: Ms) -> None:
    """The outcome of every unanswered command is unknown; nothing is sent until there is a connection."""
    state.health.connected = False
    group.interrupted(state)
    for pending in state.orders.pending.values():
        pending.retry_at_ms = now_ms
    sweep.interrupted(state)
    operations.interrupted(state, now_ms)


def _connected(state: MarketState, connected: Connected, now_ms: Ms) -> None:
    """Go on if nothing was lost and the break was short; otherwise remove all orders first."""
    state.health.connected = True
    # A new connection was made with a token that the exchange took.
    state.risk.latched.discard(Reason.NOT_RECOGNISED)
    state.cycle.wake = True
    state.book.snapshot_ms = (
        None if connected.blind_ms >= state.config.defense.book_stale_ms else state.book.snapshot_ms
    )
    if not connected.resumed:
        _lost(state, "the stream could not be resumed")
    elif connected.blind_ms >= state.config.sync.max_blind_ms:
        state.risk.resyncing = True


def _reference(state: MarketState, price: int, now_ms: Ms) -> None:
    """Follow the outside feed; a jump of it makes one of our sides stale for a while."""
    memory, config = state.prices, state.config.oracle
    if memory.reference is not None and abs(price - memory.reference) > config.gap_threshold_cents * CENT:
        memory.gap_only = Side.BID if price > memory.reference else Side.ASK
        memory.gap_until_ms = now_ms + config.observation_period_ms
    memory.reference, memory.reference_ms = price, now_ms
    memory.anchor = price
    state.cycle.wake = True
