"""Translates facts of the journal to events of the topics, as they are sent.

The translation is pure: a fact gives the same events, with the same ids, now, after a restart and from the
journal. Only what never changes is read from an order, such as its owner; what changed is in the fact. So
the price and quantity of an amended order are those of the fact's view, else those it was accepted with.
"""

import enum
import functools
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final, NamedTuple, Protocol, assert_never

import msgspec

from adapters.runtime.times import DAY, EPOCH, MICROSECONDS
from adapters.wire.render import time, time_or_null
from adapters.wire.user_responses import WORKER_ID
from kernel.codes import (
    AMM_ID,
    CancelReason,
    Direction,
    GroupCause,
    GroupState,
    MarketStatus,
    OrderStatus,
    ResolutionResult,
    Side,
    StopMode,
    TradeScenario,
    TradingMode,
)
from kernel.events import (
    AmmStarted,
    AmmStopped,
    AnyEvent,
    Fact,
    Fill,
    GroupEvent,
    MarketModeChanged,
    MarketSettled,
    MarketStatusChanged,
    OrderAccepted,
    OrderAfter,
    OrderAmended,
    OrderCancelled,
    OrderExpired,
    OrderGroupDeleted,
    OrderGroupReset,
    OrderGroupSet,
    OrderGroupTriggered,
    OrderMatched,
    OrderPartiallyFilled,
    View,
    trade_name,
)
from kernel.making_edges import MmActor, MmKind, MmReason, MmState
from kernel.making_events import MmLeaseReleased, MmOrderChanged
from kernel.market import Order

NEW, OPEN, PARTIALLY_FILLED = OrderStatus.NEW, OrderStatus.OPEN, OrderStatus.PARTIALLY_FILLED
CANCELLED = OrderStatus.CANCELLED
BUY = Direction.BUY


class Orders(Protocol):
    """Orders by their ids: every one that a fact names."""

    def __getitem__(self, order_id: str, /) -> Order: ...


class Topic(enum.StrEnum):
    TRADES = "trade_events"
    ORDERS = "order_events"
    MARKETS = "market_events"
    AMM = "amm_events"
    MODES = "mode_events"
    GROUPS = "group_events"
    MAKING = "mm_events"
    MAKING_TRADES = "mm_trade_events"
    MAKING_WORK = "mm_work_events"


PRIVILEGED: Final = {Topic.AMM}
"""Public to the market maker and to administrators alone."""
OF_WORKERS: Final = {Topic.MAKING_WORK}
"""For workers of market-making orders alone."""
FOR_WORKERS: Final = {Topic.MAKING_WORK, Topic.MARKETS, Topic.MODES}
"""All that workers may hear of."""


class Role(enum.StrEnum):
    MAKER = "MAKER"
    TAKER = "TAKER"


class Party(msgspec.Struct, frozen=True, gc=False):
    """One side of a trade; its ids are null for everybody else."""

    user_id: str | None
    order_id: str | None
    role: Role
    fee_cents: int
    is_amm: bool


class TradeDetail(msgspec.Struct, frozen=True, gc=False):
    trade_id: str
    scenario: TradeScenario
    price_cents: int
    quantity: int
    buyer: Party
    seller: Party
    executed_at: str


class TradeExecuted(msgspec.Struct, frozen=True, tag_field="event_type", tag="TRADE_EXECUTED", gc=False):
    event_id: str
    timestamp_ms: int
    market_id: str
    trade: TradeDetail

    def seen_by(self, user_id: str) -> "TradeExecuted":
        """The event without the ids of the other party."""
        trade = self.trade
        return TradeExecuted(
            self.event_id,
            self.timestamp_ms,
            self.market_id,
            TradeDetail(
                trade.trade_id,
                trade.scenario,
                trade.price_cents,
                trade.quantity,
                masked(trade.buyer, user_id),
                masked(trade.seller, user_id),
                trade.executed_at,
            ),
        )


class OrderDetail(msgspec.Struct, frozen=True, gc=False):
    """An order in its owner's own view, as one fact left it."""

    order_id: str
    user_id: str
    side: Side
    direction: Direction
    price_cents: int
    original_quantity: int
    filled_quantity: int
    remaining_quantity: int
    status: OrderStatus
    previous_status: OrderStatus
    cancel_reason: CancelReason | None


class OrderStatusChanged(
    msgspec.Struct, frozen=True, tag_field="event_type", tag="ORDER_STATUS_CHANGED", gc=False
):
    event_id: str
    timestamp_ms: int
    market_id: str
    order: OrderDetail


class MarketChanged(
    msgspec.Struct, frozen=True, tag_field="event_type", tag="MARKET_STATUS_CHANGED", gc=False
):
    event_id: str
    timestamp_ms: int
    market_id: str
    previous_status: MarketStatus
    new_status: MarketStatus
    resolution_result: ResolutionResult | None
    resolved_at: str | None
    until: str | None
    """When it goes on by itself."""


class ModeChanged(msgspec.Struct, frozen=True, tag_field="event_type", tag="MARKET_MODE_CHANGED", gc=False):
    event_id: str
    timestamp_ms: int
    market_id: str
    previous_mode: TradingMode
    new_mode: TradingMode
    until: str | None
    """When it ends by itself."""
    reason: str


class GroupDetail(msgspec.Struct, frozen=True, gc=False):
    group_id: str
    user_id: str
    previous_state: GroupState | None
    """Null: it came to be."""
    state: GroupState
    max_fill_quantity: int
    window_ms: int
    filled_in_window: int
    cause: GroupCause | None
    """Why it was triggered; null unless it was."""


class GroupChanged(msgspec.Struct, frozen=True, tag_field="event_type", tag="ORDER_GROUP_CHANGED", gc=False):
    event_id: str
    timestamp_ms: int
    market_id: str
    group: GroupDetail


class AmmChanged(msgspec.Struct, frozen=True, gc=False):
    """The market maker was told to start, or to stop."""

    event_type: str
    event_id: str
    timestamp_ms: int
    market_id: str
    initial_budget_cents: int | None = None
    initial_price_cents: int | None = None
    config_override: dict[str, Any] | None = None
    stop_mode: StopMode | None = None


class MakingDetail(msgspec.Struct, frozen=True, gc=False):
    """One entry of a market-making order's trail."""

    order_id: str
    user_id: str
    seq: int
    kind: MmKind
    from_state: MmState | None
    to_state: MmState
    reason: MmReason
    job_name: str
    actor_type: MmActor
    version: int
    drained: bool
    """Nothing of it rests anywhere, as this left it."""
    allowed_commands: list[str]
    """What its owner may tell it then."""


class MakingChanged(msgspec.Struct, frozen=True, tag_field="event_type", tag="MM_ORDER_CHANGED", gc=False):
    event_id: str
    timestamp_ms: int
    market_id: str
    order: MakingDetail
    data: dict[str, Any]


class MakingTraded(msgspec.Struct, frozen=True, tag_field="event_type", tag="MM_TRADE_EXECUTED", gc=False):
    """An order of a market-making order has traded. The ids of the other party are null."""

    event_id: str
    timestamp_ms: int
    market_id: str
    mm_order_id: str
    trade: TradeDetail


class MakingDue(msgspec.Struct, frozen=True, tag_field="event_type", tag="MM_DUE", gc=False):
    """There is, or will be, something to do. A hint: who misses one asks what is due."""

    event_id: str
    timestamp_ms: int
    market_id: str
    order_id: str
    due_at_ms: int


Payload = (
    TradeExecuted
    | OrderStatusChanged
    | MarketChanged
    | ModeChanged
    | GroupChanged
    | AmmChanged
    | MakingChanged
    | MakingTraded
    | MakingDue
)


class TopicEvent(msgspec.Struct, frozen=True, gc=False):
    """One event, and whose it is."""

    topic: Topic
    owners: tuple[str, ...]
    """The users it is private to; empty if it is public."""
    payload: Payload


def topic_events(fact: Fact, orders: Orders) -> list[TopicEvent]:
    """The events of one fact, in order. `orders` knows every order the fact names."""
    found = TRANSLATIONS.get(type(fact.event))
    return found.translate(fact, fact.event, orders) if found is not None else []


def owners_of(fact: Fact, orders: Orders) -> tuple[str, ...] | None:
    """The users to whom a fact's events are private, without translating it; None if it has no events."""
    found = TRANSLATIONS.get(type(fact.event))
    return found.owners(fact.event, orders) if found is not None else None


def accepted(fact: Fact, event: OrderAccepted, orders: Orders) -> list[TopicEvent]:
    return [order_event(fact, 0, orders[event.order_id], None, 0, OPEN, NEW)]


def amended(fact: Fact, event: OrderAmended, orders: Orders) -> list[TopicEvent]:
    status = PARTIALLY_FILLED if event.filled_qty else OPEN
    view = event.original_price, event.quantity
    return [order_event(fact, 0, orders[event.order_id], view, event.filled_qty, status, status)]


def filled(fact: Fact, event: Fill, orders: Orders) -> list[TopicEvent]:
    maker, taker = orders[event.order_id], orders[event.counterparty_order_id]
    traded = trade_event(fact, event, maker, taker)
    return [
        traded,
        *(
            order_event(
                fact, number, order, view, after.filled_quantity, after.status, before(after, event.fill_qty)
            )
            for number, (order, view, after) in enumerate(
                zip((maker, taker), (event.maker_view, event.taker_view), event.orders, strict=True)
            )
        ),
        *(
            making_traded(fact, number, traded, order)
            for number, order in enumerate((maker, taker))
            if order.account.leash is not None
        ),
    ]


def cancelled(fact: Fact, event: OrderCancelled, orders: Orders) -> list[TopicEvent]:
    order = orders[event.order_id]
    _, quantity = terms_seen(order, event.view)
    return [closed(fact, order, event.view, quantity - event.remaining_qty, event.cancel_reason)]


def expired(fact: Fact, event: OrderExpired, orders: Orders) -> list[TopicEvent]:
    return [closed(fact, orders[event.order_id], None, event.filled_qty, CancelReason.IOC_UNFILLED)]


def making_traded(fact: Fact, number: int, traded: TopicEvent, order: Order) -> TopicEvent:
    """The trade, for the owner of the market-making order that this one belongs to."""
    account = order.account
    assert account.leash is not None
    assert isinstance(traded.payload, TradeExecuted)
    seen = traded.payload.seen_by(account.id)
    payload = MakingTraded(
        event_id(fact, "mmtrade", number),
        seen.timestamp_ms,
        seen.market_id,
        account.leash.order_id,
        seen.trade,
    )
    return TopicEvent(Topic.MAKING_TRADES, (account.owner_id,), payload)


def making_changed(fact: Fact, event: MmOrderChanged, _: Orders) -> list[TopicEvent]:
    detail = MakingDetail(
        event.order_id,
        event.user_id,
        event.seq,
        event.kind,
        event.from_state,
        event.to_state,
        event.reason,
        event.job_name,
        event.actor_type,
        event.version,
        event.drained,
        list(event.allowed_commands),
    )
    payload = MakingChanged(
        event_id(fact, "mm", 0), fact.at // 1000, market_of(fact), detail, event.data or {}
    )
    told = [TopicEvent(Topic.MAKING, (event.user_id,), payload)]
    if is_work(event):
        told.append(work(fact, event.order_id, due_at(event) or fact.at))
    return told


def lease_ended(fact: Fact, event: MmLeaseReleased, _: Orders) -> list[TopicEvent]:
    assert event.next_cycle_at is not None, "an order that was leased ran"
    return [work(fact, event.order_id, event.next_cycle_at)]


def work(fact: Fact, order_id: str, due_at: int) -> TopicEvent:
    payload = MakingDue(event_id(fact, "work", 0), fact.at // 1000, market_of(fact), order_id, due_at // 1000)
    return TopicEvent(Topic.MAKING_WORK, (WORKER_ID,), payload)


def market_changed(fact: Fact, event: MarketStatusChanged | MarketSettled, _: Orders) -> list[TopicEvent]:
    result: ResolutionResult | None
    until: int | None = None
    match event:
        case MarketStatusChanged(resolution_result=result, resolved_at=resolved_at, until=until):
            pass
        case MarketSettled(resolution_result=result, settled_at=resolved_at):
            pass
        case _:
            assert_never(event)
    payload = MarketChanged(
        event_id(fact, "market", 0),
        fact.at // 1000,
        market_of(fact),
        event.previous_status,
        event.new_status,
        result,
        time_or_null(resolved_at),
        time_or_null(until),
    )
    return [TopicEvent(Topic.MARKETS, (), payload)]


def mode_changed(fact: Fact, event: MarketModeChanged, _: Orders) -> list[TopicEvent]:
    payload = ModeChanged(
        event_id(fact, "mode", 0),
        fact.at // 1000,
        market_of(fact),
        event.previous_mode,
        event.new_mode,
        time_or_null(event.until),
        event.reason,
    )
    return [TopicEvent(Topic.MODES, (), payload)]


def group_changed(fact: Fact, event: GroupEvent, _: Orders) -> list[TopicEvent]:
    cause: GroupCause | None = None
    match event:
        case OrderGroupTriggered():
            state, cause = GroupState.TRIGGERED, event.cause
        case OrderGroupReset():
            state = GroupState.ACTIVE
        case OrderGroupDeleted():
            state = GroupState.DELETED
        case _:  # other bounds leave the state as it is
            state = event.previous_state or GroupState.ACTIVE
    detail = GroupDetail(
        event.group_id,
        event.user_id,
        event.previous_state,
        state,
        event.max_fill_quantity,
        event.window_ms,
        event.filled_in_window,
        cause,
    )
    payload = GroupChanged(event_id(fact, "group", 0), fact.at // 1000, market_of(fact), detail)
    return [TopicEvent(Topic.GROUPS, (event.user_id,), payload)]


def amm_started(fact: Fact, event: AmmStarted, _: Orders) -> list[TopicEvent]:
    payload = AmmChanged(
        "AMM_STARTED",
        event_id(fact, "amm", 0),
        fact.at // 1000,
        market_of(fact),
        initial_budget_cents=event.initial_budget_cents,
        initial_price_cents=event.initial_price_cents,
        config_override=event.config_override,
    )
    return [TopicEvent(Topic.AMM, (), payload)]


def amm_stopped(fact: Fact, event: AmmStopped, _: Orders) -> list[TopicEvent]:
    payload = AmmChanged(
        "AMM_STOPPED",
        event_id(fact, "amm", 0),
        fact.at // 1000,
        market_of(fact),
        stop_mode=event.stop_mode,
    )
    return [TopicEvent(Topic.AMM, (), payload)]


def its_user(
    event: OrderAccepted | OrderAmended | OrderCancelled | OrderExpired | GroupEvent, _: Orders
) -> tuple[str, ...]:
    return (event.user_id,)


def both_users(event: Fill, orders: Orders) -> tuple[str, ...]:
    """And whose market-making orders they are."""
    making, taking = orders[event.order_id].account, orders[event.counterparty_order_id].account
    if making.leash is None and taking.leash is None:
        return making.id, taking.id
    return making.id, taking.id, making.owner_id, taking.owner_id


def its_owner_and_workers(event: MmOrderChanged, _: Orders) -> tuple[str, ...]:
    return (event.user_id, WORKER_ID) if is_work(event) else (event.user_id,)


def is_work(event: MmOrderChanged) -> bool:
    """Whether it brings workers something to do: a cycle, or the first step of a task at a venue."""
    begins = event.kind is MmKind.TRANSITION or (event.after is not None and event.after.rests_away is False)
    return due_at(event) is not None or (event.awaited and begins)


def due_at(event: MmOrderChanged) -> int | None:
    """When there will be something to do for workers, if this is what brings it about."""
    at = event.after.next_cycle_at if event.after is not None else None
    return at if event.to_state is MmState.RUNNING and isinstance(at, int) else None


def workers(event: MmLeaseReleased, _: Orders) -> tuple[str, ...]:
    return (WORKER_ID,)


def nobody(event: AnyEvent, _: Orders) -> tuple[str, ...]:
    """It is public: whoever has subscribed to its topic hears of it."""
    return ()


class Translation(NamedTuple):
    """What an event means, and to whom it is private."""

    translate: Callable[[Fact, Any, Orders], list[TopicEvent]]
    owners: Callable[[Any, Orders], tuple[str, ...]]


TRANSLATIONS: Final[dict[type[AnyEvent], Translation]] = {
    OrderAccepted: Translation(accepted, its_user),
    OrderPartiallyFilled: Translation(filled, both_users),
    OrderMatched: Translation(filled, both_users),
    OrderAmended: Translation(amended, its_user),
    OrderCancelled: Translation(cancelled, its_user),
    OrderExpired: Translation(expired, its_user),
    MarketStatusChanged: Translation(market_changed, nobody),
    MarketSettled: Translation(market_changed, nobody),
    MarketModeChanged: Translation(mode_changed, nobody),
    OrderGroupSet: Translation(group_changed, its_user),
    OrderGroupTriggered: Translation(group_changed, its_user),
    OrderGroupReset: Translation(group_changed, its_user),
    OrderGroupDeleted: Translation(group_changed, its_user),
    AmmStarted: Translation(amm_started, nobody),
    AmmStopped: Translation(amm_stopped, nobody),
    MmOrderChanged: Translation(making_changed, its_owner_and_workers),
    MmLeaseReleased: Translation(lease_ended, workers),
}
"""The translation of each event that callers can subscribe to."""


def closed(fact: Fact, order: Order, view: View | None, done: int, reason: CancelReason) -> TopicEvent:
    """The event of a cancel, after so much was filled."""
    return order_event(fact, 0, order, view, done, CANCELLED, PARTIALLY_FILLED if done else OPEN, reason)


def order_event(
    fact: Fact,
    number: int,
    order: Order,
    view: View | None,
    done: int,
    status: OrderStatus,
    previous: OrderStatus,
    reason: CancelReason | None = None,
) -> TopicEvent:
    user_id, terms = order.account.id, order.accepted_terms
    price, quantity = terms_seen(order, view)
    detail = OrderDetail(
        order.id,
        user_id,
        terms.side,
        terms.direction,
        price,
        quantity,
        done,
        quantity - done,
        status,
        previous,
        reason,
    )
    payload = OrderStatusChanged(event_id(fact, "order", number), fact.at // 1000, market_of(fact), detail)
    return TopicEvent(Topic.ORDERS, (user_id,), payload)


def terms_seen(order: Order, view: View | None) -> View:
    """An order's price and quantity as of a fact."""
    return view if view is not None else (order.accepted_terms.price, order.accepted_terms.quantity)


def trade_event(fact: Fact, event: Fill, maker: Order, taker: Order) -> TopicEvent:
    trade = event.trade
    making = party(maker, Role.MAKER, trade.maker_fee)
    taking = party(taker, Role.TAKER, trade.taker_fee)
    buyer, seller = (making, taking) if trade.maker_direction is BUY else (taking, making)
    detail = TradeDetail(
        trade_name(trade.trade_id),
        trade.scenario,
        event.trade_price,
        event.fill_qty,
        buyer,
        seller,
        time(fact.at),
    )
    owners = (maker.account.id, taker.account.id)
    return TopicEvent(
        Topic.TRADES,
        owners if owners[0] != owners[1] else owners[:1],
        TradeExecuted(event_id(fact, "trade", 0), fact.at // 1000, market_of(fact), detail),
    )


def party(order: Order, role: Role, fee: int) -> Party:
    user_id = order.account.id
    return Party(user_id, order.id, role, fee, user_id == AMM_ID)


def masked(party: Party, viewer_id: str) -> Party:
    if party.user_id == viewer_id:
        return party
    return Party(None, None, party.role, party.fee_cents, party.is_amm)


def before(after: OrderAfter, fill_quantity: int) -> OrderStatus:
    """An order's status before the fill that left it like this."""
    return PARTIALLY_FILLED if after.filled_quantity > fill_quantity else OPEN


def market_of(fact: Fact) -> str:
    assert fact.market_id is not None
    return fact.market_id


def event_id(fact: Fact, kind: str, number: int) -> str:
    return f"evt_{date_of(fact.at // (DAY * MICROSECONDS))}_{kind}_{fact.id}_{number}"


@functools.lru_cache(maxsize=8)
def date_of(day: int) -> str:
    """The date, as it is written in ids, of a day counted from the epoch."""
    return f"{EPOCH + timedelta(days=day):%Y%m%d}"
