"""The whole state as bytes, and back. The digest is the hash of those bytes.

An image holds plain values in a fixed order (accounts and markets by id, orders by acceptance), so equal
states have equal bytes, on every machine. What can be recomputed (the book, its totals, who rests where) is
not in it.
"""

import hashlib
from collections.abc import Collection
from typing import Any, Final

import attrs
from cattrs.preconf.msgspec import make_converter

from kernel.codes import (
    AmmStatus,
    BookType,
    CancelReason,
    Direction,
    MarketStatus,
    OrderStatus,
    ResolutionResult,
    Side,
    StopMode,
    TimeInForce,
    TradeScenario,
)
from kernel.commands import MarketTerms
from kernel.events import Fact
from kernel.state import Account, AmmRun, Guard, Holding, Market, Order, Position, State

SNAPSHOT_FORMAT: Final = 1
HEADER: Final = b"VERDICT SNAPSHOT %d\n"


class SnapshotError(ValueError):
    """These bytes are no snapshot that this program can read; the message says why."""


@attrs.frozen
class AccountImage:
    id: str
    owner_id: str
    auto_netting: bool
    opened_at: int
    available: int
    frozen: int
    version: int
    fence: int


@attrs.frozen
class PositionImage:
    user_id: str
    yes: tuple[int, int, int]
    no: tuple[int, int, int]
    has_traded: bool
    updated_at: int | None


@attrs.frozen
class AmmImage:
    status: AmmStatus
    start_count: int
    initial_budget: int
    initial_price: int
    config_override: dict[str, Any]
    started_at: int
    stopped_at: int | None
    stop_mode: StopMode | None


@attrs.frozen
class MarketImage:
    id: str
    terms: MarketTerms
    amm_authorized: bool
    created_at: int
    created_seq: int
    updated_at: int
    freeze_bps: int
    status: MarketStatus
    reserve: int
    pnl_pool: int
    yes_shares: int
    no_shares: int
    resolution_result: ResolutionResult | None
    resolved_at: int | None
    settled_at: int | None
    cancelled_at_resolution: int
    unfrozen_at_resolution: int
    amm: AmmImage | None
    open_breakers: list[int]
    book_changed_at: int
    positions: list[PositionImage]
    last_trade_price: int | None
    trades: dict[TradeScenario, int]
    traded_volume: int
    fees: int


@attrs.frozen
class OrderImage:
    id: str
    client_order_id: str
    user_id: str
    market_id: str
    side: Side
    direction: Direction
    price: int
    book_type: BookType
    book_price: int
    is_bid: bool
    time_in_force: TimeInForce
    quantity: int
    remaining: int
    frozen: int
    accepted_seq: int
    replaces: str | None
    created_at: int
    updated_at: int
    status: OrderStatus
    cancel_reason: CancelReason | None


@attrs.frozen
class StateImage:
    now: int
    head: int
    ledger_head: int
    breaker_head: int
    external: int
    trade_ids: tuple[int, int]
    order_ids: tuple[int, int]
    accounts: list[AccountImage]
    markets: list[MarketImage]
    orders: list[OrderImage]
    guards: list[tuple[str, int, list[str] | None]]
    mints: list[tuple[str, Fact]]
    burns: list[tuple[str, Fact]]
    transfers: list[tuple[str, Fact]]


converter = make_converter()


def dump(state: State) -> bytes:
    """The state as bytes."""
    return HEADER % SNAPSHOT_FORMAT + converter.dumps(image(state))


def digest(state: State) -> str:
    return hashlib.sha256(dump(state)).hexdigest()


def load(data: bytes, state: State) -> None:
    """Fill an empty state with what `dump` wrote.

    Raises `SnapshotError` if the bytes are not whole or of another format; the state is then of no use.
    """
    header, newline, body = data.partition(b"\n")
    if not newline or header + newline != HEADER % SNAPSHOT_FORMAT:
        found = header[:40].decode("ascii", "replace")
        raise SnapshotError(f"not a snapshot of format {SNAPSHOT_FORMAT}: it begins with {found!r}")
    try:
        restore(state, converter.loads(body, StateImage))
    except (ExceptionGroup, LookupError, ValueError, TypeError) as error:
        raise SnapshotError(f"snapshot is truncated or altered: {error}") from error


def image(state: State) -> StateImage:
    return StateImage(
        now=state.now,
        head=state.head,
        ledger_head=state.ledger_head,
        breaker_head=state.breaker_head,
        external=state.external,
        trade_ids=(state.trade_ids.ms, state.trade_ids.used),
        order_ids=(state.order_ids.ms, state.order_ids.used),
        accounts=[
            AccountImage(**copied(state.accounts[user_id], AccountImage))
            for user_id in sorted(state.accounts)
        ],
        markets=[market_image(state.markets[market_id]) for market_id in sorted(state.markets)],
        orders=[order_image(order) for order in state.orders.values()],
        guards=[
            (user_id, guard.grace_ms, list(guard.markets) if guard.markets is not None else None)
            for user_id, guard in sorted(state.guards.items())
        ],
        mints=list(state.mints.items()),
        burns=list(state.burns.items()),
        transfers=list(state.transfers.items()),
    )


def copied(
    source: object, kind: type[attrs.AttrsInstance], *, without: Collection[str] = ()
) -> dict[str, Any]:
    """What an object and its image have in common, by name: the image's members, from either of the two."""
    return {
        field.name: getattr(source, field.name) for field in attrs.fields(kind) if field.name not in without
    }


def market_image(market: Market) -> MarketImage:
    return MarketImage(
        **copied(market, MarketImage, without=("amm", "positions")),
        amm=AmmImage(**copied(market.amm, AmmImage)) if market.amm is not None else None,
        positions=[position_image(market.positions[user_id]) for user_id in sorted(market.positions)],
    )


def position_image(position: Position) -> PositionImage:
    return PositionImage(
        position.account.id,
        holding_image(position.yes),
        holding_image(position.no),
        position.has_traded,
        position.updated_at,
    )


def holding_image(holding: Holding) -> tuple[int, int, int]:
    return holding.volume, holding.cost_sum, holding.pending_sell


def order_image(order: Order) -> OrderImage:
    own = copied(order, OrderImage, without=("user_id", "market_id"))
    return OrderImage(user_id=order.account.id, market_id=order.market.id, **own)


def restore(state: State, image: StateImage) -> None:
    """Build the objects again, then let the live orders rest in acceptance order."""
    state.now = image.now
    state.head = image.head
    state.ledger_head = image.ledger_head
    state.breaker_head = image.breaker_head
    state.external = image.external
    state.trade_ids.resume(*image.trade_ids)
    state.order_ids.resume(*image.order_ids)
    for account in image.accounts:
        state.accounts[account.id] = Account(**copied(account, AccountImage))
    for market in image.markets:
        restore_market(state, market)
    for order in image.orders:
        restore_order(state, order)
    for user_id, grace_ms, markets in image.guards:
        state.guards[user_id] = Guard(grace_ms, tuple(markets) if markets is not None else None)
    state.mints.update(image.mints)
    state.burns.update(image.burns)
    state.transfers.update(image.transfers)


def restore_market(state: State, image: MarketImage) -> None:
    market = Market(**copied(image, MarketImage, without=("amm", "positions")))
    state.markets[market.id] = market
    if image.amm is not None:
        market.amm = AmmRun(**copied(image.amm, AmmImage))
    for held in image.positions:
        position = market.position(state.accounts[held.user_id])
        for holding, values in ((position.yes, held.yes), (position.no, held.no)):
            holding.volume, holding.cost_sum, holding.pending_sell = values
        position.has_traded = held.has_traded
        position.updated_at = held.updated_at


def restore_order(state: State, image: OrderImage) -> None:
    account, market = state.accounts[image.user_id], state.markets[image.market_id]
    position = market.position(account)
    order = Order(
        account=account,
        market=market,
        position=position,
        holding=position.holding(image.side),
        opens=image.direction is Direction.BUY,
        **copied(image, OrderImage, without=("user_id", "market_id")),
    )
    state.orders[order.id] = order
    account.orders[order.client_order_id] = order
    if order.is_live:
        market.rest(order)
