"""The whole state as bytes, and back. The digest is the hash of those bytes.

Lines of JSON: first everything but the orders, then the orders in portions; behind an empty line the names
that memory knows as fingerprints, as they are. So nobody who writes or reads it has all orders twice.

An image holds plain values in a fixed order (accounts and markets by id, orders by acceptance), so equal
states have equal bytes, on every machine. What can be recomputed (the book, its totals, who rests where) is
not in it. An image knows its original by the names of its attributes alone, which are also its own.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from operator import attrgetter
from typing import Any, Final

import msgspec
from msgspec.structs import asdict

from kernel import snapshot_before
from kernel.answers import Proposed
from kernel.brakes import Group
from kernel.codes import (
    AmmStatus,
    GroupState,
    MarketStatus,
    ResolutionResult,
    StopMode,
    TradeScenario,
    TradingMode,
)
from kernel.commands import MarketTerms
from kernel.events import AdminProposed, Fact
from kernel.market import Account, Holding, Market, Position
from kernel.order_image import order_image, reader, restored_order
from kernel.past import KeyUse, OrderImage
from kernel.proposals import proposed
from kernel.question import AmmRun, Closing
from kernel.snapshot_making import (
    CampaignImage,
    MmOrderImage,
    campaign_image,
    mm_order_image,
    restore_campaign,
    restore_mm_order,
)
from kernel.state import Guard, State
from kernel.windows import Prices

SNAPSHOT_FORMAT: Final = 10
HEADER: Final = b"VERDICT SNAPSHOT %d\n"


class SnapshotError(ValueError):
    """These bytes are no snapshot that this program can read; the message says why."""


class Image(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False):
    """Part of the state as plain values; nothing in it leads back, which spares the garbage collector."""


class AccountImage(Image, frozen=True):
    id: str
    owner_id: str
    auto_netting: bool
    opened_at: int
    available: int
    frozen: int
    version: int
    fence: int
    net_deposits: int
    net_transfers: int
    past_positions: int = 0
    past_realized: int = 0
    past_fees: int = 0


class PositionImage(Image, frozen=True):
    user_id: str
    yes: tuple[int, int, int]
    no: tuple[int, int, int]
    has_traded: bool
    updated_at: int | None
    realized_pnl: int
    fees_paid: int


class AmmImage(Image, frozen=True):
    status: AmmStatus
    start_count: int
    initial_budget: int
    initial_price: int
    config_override: dict[str, Any]
    first_started_at: int
    started_at: int
    stopped_at: int | None
    stop_mode: StopMode | None


class ClosingImage(Image, frozen=True):
    settles: bool
    paid: int
    winners: int
    costs: int
    void_price: int | None


class PricesImage(Image, frozen=True):
    """As of the state's newest fact. What stands then follows from the book."""

    time: int
    sums: list[int]
    two_sided: list[int]
    recent: list[tuple[int, int, int]]


class GroupImage(Image, frozen=True):
    group_id: str
    max_fill_quantity: int
    window_ms: int
    created_at: int
    updated_at: int
    state: GroupState
    triggered_at: int | None
    fills: list[tuple[int, int]]
    """Slots and what was traded in them, the oldest first."""


class MarketImage(Image, frozen=True):
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
    closing: ClosingImage | None
    amm: AmmImage | None
    open_breakers: list[int]
    book_changed_at: int
    positions: list[PositionImage]
    last_trade_price: int | None
    trades: dict[TradeScenario, int]
    traded_volume: int
    fees: int
    trading_mode: TradingMode
    mode_until: int | None
    prices: PricesImage
    void_price_cents: int | None
    is_paused: bool
    pause_until: int | None
    trade_range: list[tuple[int, int, int]]
    groups: list[tuple[str, list[GroupImage]]]
    let_go_filled: int
    let_go_realized: int = 0
    let_go_fees: int = 0
    let_go_traders: int = 0


class StateImage(Image, frozen=True):
    now: int
    head: int
    ledger_head: int
    breaker_head: int
    external: int
    trade_ids: tuple[int, int]
    order_ids: tuple[int, int]
    accounts: list[AccountImage]
    markets: list[MarketImage]
    orders: Sequence[OrderImage]
    guards: list[tuple[str, int, list[str] | None]]
    keys: list[KeyUse]
    """All but the forgotten ones, in the order in which they were used."""
    proposals: list[Proposed]
    making: list[MmOrderImage]
    campaigns: list[CampaignImage]
    closed: list[int]
    """The closed orders in the order in which they were closed, each by the journal id of its acceptance."""
    forgotten: bytes
    forgotten_seq: int
    forgotten_keys: bytes
    forgotten_keys_seq: int


class Contents(Image, frozen=True):
    state: StateImage
    """Without orders and fingerprints: these come behind it."""
    forgotten: int
    """Bytes of the fingerprints of orders' names, and of keys."""
    forgotten_keys: int


encode = msgspec.json.Encoder().encode
decode = msgspec.json.Decoder(Contents).decode
decode_orders = msgspec.json.Decoder(list[OrderImage]).decode
decode_before = snapshot_before.reader_of(StateImage)
READABLE: Final = (snapshot_before.FORMAT, 9, SNAPSHOT_FORMAT)
"""In the second nothing told of positions that were let go, for none was: their members have defaults."""
PORTION: Final = 5_000
"""Orders that are images at once."""


def dump(state: State) -> bytes:
    """The state as bytes."""
    return b"".join(parts(state))


def digest(state: State) -> str:
    hashed = hashlib.sha256()
    for part in parts(state):
        hashed.update(part)
    return hashed.hexdigest()


def parts(state: State) -> Iterator[bytes]:
    names, keys = state.forgotten.image(), state.keys.forgotten.image()
    yield HEADER % SNAPSHOT_FORMAT
    yield encode(Contents(image(state), len(names), len(keys)))
    orders = iter(state.orders.values())
    while portion := list(map(order_image, islice(orders, PORTION))):
        yield b"\n"
        yield encode(portion)
    yield b"\n\n"
    yield names
    yield keys


def load(data: bytes, state: State) -> None:
    """Fill an empty state with what `dump` wrote.

    Raises `SnapshotError` if the bytes are not whole or of a format unknown; the state is then of no use.
    """
    written = next((known for known in READABLE if data.startswith(HEADER % known)), None)
    if written is None:
        found = data[:40].partition(b"\n")[0].decode("ascii", "replace")
        raise SnapshotError(f"not a snapshot of format {SNAPSHOT_FORMAT}: it begins with {found!r}")
    begin = len(HEADER % written)
    try:
        if written == snapshot_before.FORMAT:
            image = StateImage(**decode_before(memoryview(data)[begin:]))
            restore(state, image, image.orders, image.forgotten, image.forgotten_keys)
        else:
            load_lines(data, begin, state)
    except (AssertionError, LookupError, ValueError) as error:
        raise SnapshotError(f"snapshot is truncated or altered: {error}") from error


def load_lines(data: bytes, place: int, state: State) -> None:
    told, lines = memoryview(data), []
    while (end := data.index(b"\n", place)) > place:
        lines.append(told[place:end])
        place = end + 1
    contents, names = decode(lines[0]), told[place + 1 :]
    assert len(names) == contents.forgotten + contents.forgotten_keys, "fingerprints are missing"
    orders = chain.from_iterable(map(decode_orders, lines[1:]))
    forgotten = contents.forgotten
    restore(state, contents.state, orders, names[:forgotten], names[forgotten:])


def image(state: State) -> StateImage:
    """All but the orders, and the fingerprints of what was forgotten."""
    return StateImage(
        now=state.now,
        head=state.head,
        ledger_head=state.ledger_head,
        breaker_head=state.breaker_head,
        external=state.external,
        trade_ids=(state.trade_ids.ms, state.trade_ids.used),
        order_ids=(state.order_ids.ms, state.order_ids.used),
        accounts=[
            AccountImage(*account_values(state.accounts[user_id])) for user_id in sorted(state.accounts)
        ],
        markets=[market_image(state.markets[market_id], state.now) for market_id in sorted(state.markets)],
        orders=(),
        guards=[
            (user_id, guard.grace_ms, list(guard.markets) if guard.markets is not None else None)
            for user_id, guard in sorted(state.guards.items())
        ],
        keys=list(state.keys.image()),
        proposals=list(map(proposed, state.proposals.values())),
        making=list(map(mm_order_image, state.making.orders.values())),
        campaigns=list(map(campaign_image, state.making.campaigns.values())),
        closed=[order.accepted_seq for order in state.closed.orders()],
        forgotten=b"",
        forgotten_seq=state.forgotten_seq,
        forgotten_keys=b"",
        forgotten_keys_seq=state.keys.forgotten_seq,
    )


account_values = reader(AccountImage)
amm_values = reader(AmmImage)
group_values = reader(GroupImage)
closing_values = reader(ClosingImage)
market_values = reader(MarketImage)


def market_image(market: Market, now: int) -> MarketImage:
    amm, closing = market.amm, market.closing
    return msgspec.structs.replace(
        MarketImage(*market_values(market)),
        closing=ClosingImage(*closing_values(closing)) if closing is not None else None,
        amm=AmmImage(*amm_values(amm)) if amm is not None else None,
        positions=[position_image(market.positions[user_id]) for user_id in sorted(market.positions)],
        prices=prices_image(market.prices.as_of(now), now),
        trade_range=market.trade_range.kept(now) if market.trade_range is not None else [],
        groups=[
            (user_id, [group_image(group) for _, group in sorted(market.groups[user_id].items())])
            for user_id in sorted(market.groups)
        ],
    )


def prices_image(prices: Prices, now: int) -> PricesImage:
    average = prices.average
    recent = prices.recent.kept(now) if prices.recent is not None else []
    return PricesImage(average.time, average.sums, average.two_sided, recent)


def group_image(group: Group) -> GroupImage:
    return msgspec.structs.replace(GroupImage(*group_values(group)), fills=list(group.fills.items()))


def position_image(position: Position) -> PositionImage:
    return PositionImage(
        position.account.id,
        holding_image(position.yes),
        holding_image(position.no),
        position.has_traded,
        position.updated_at,
        position.realized_pnl,
        position.fees_paid,
    )


def holding_image(holding: Holding) -> tuple[int, int, int]:
    return holding.volume, holding.cost_sum, holding.pending_sell


def restore(
    state: State,
    image: StateImage,
    orders: Iterable[OrderImage],
    forgotten: bytes | memoryview,
    forgotten_keys: bytes | memoryview,
) -> None:
    """Build the objects again, then let the live orders rest."""
    state.now = image.now
    state.head = image.head
    state.ledger_head = image.ledger_head
    state.breaker_head = image.breaker_head
    state.external = image.external
    state.trade_ids.resume(*image.trade_ids)
    state.order_ids.resume(*image.order_ids)
    for account in image.accounts:
        state.open_account(Account(**asdict(account)))
    for market in image.markets:
        restore_market(state, market)
    for order in orders:
        restore_order(state, order)
    restore_books(state)
    restore_closed(state, image.closed)
    state.forgotten.restore(forgotten)
    state.forgotten_seq = image.forgotten_seq
    for market in image.markets:
        restore_prices(state.markets[market.id], market.prices, state.now)
    for user_id, grace_ms, markets in image.guards:
        state.guards[user_id] = Guard(grace_ms, tuple(markets) if markets is not None else None)
    for campaign in image.campaigns:
        restore_campaign(state, campaign)
    for making in image.making:
        restore_mm_order(state, making)
    for use in image.keys:
        state.remember(use)
    state.keys.forgotten.restore(forgotten_keys)
    state.keys.forgotten_seq = image.forgotten_keys_seq
    state.has_forgotten = bool(len(forgotten) or len(forgotten_keys))
    for waiting in image.proposals:
        state.proposals[waiting.action, waiting.market_id] = restored_proposal(waiting)


def restore_market(state: State, image: MarketImage) -> None:
    closing = Closing(**asdict(image.closing)) if image.closing is not None else None
    amm = AmmRun(**asdict(image.amm)) if image.amm is not None else None
    members = asdict(image)
    del members["prices"], members["trade_range"]  # which a market makes by itself
    groups = {user_id: {each.group_id: restored_group(each) for each in own} for user_id, own in image.groups}
    market = Market(**members | {"closing": closing, "amm": amm, "positions": {}, "groups": groups})
    if market.trade_range is not None:
        market.trade_range.slots = {number: (low, high) for number, low, high in image.trade_range}
    state.markets[market.id] = market
    for held in image.positions:
        position = market.position(state.accounts[held.user_id])
        for holding, values in ((position.yes, held.yes), (position.no, held.no)):
            holding.volume, holding.cost_sum, holding.pending_sell = values
        if held.has_traded:
            position.begin_to_trade()
        position.updated_at = held.updated_at
        position.realized_pnl = held.realized_pnl
        position.fees_paid = held.fees_paid


def restored_group(image: GroupImage) -> Group:
    return Group(**asdict(image) | {"fills": dict(image.fills)})


def restore_prices(market: Market, image: PricesImage, now: int) -> None:
    """Once the orders rest: what stands follows from the book."""
    prices, average = market.prices, market.prices.average
    average.time, average.sums, average.two_sided = image.time, image.sums, image.two_sided
    if prices.recent is not None:
        prices.recent.slots = {number: (weighed, time) for number, weighed, time in image.recent}
    prices.at = prices.simple_since = now
    prices.is_active = market.status is MarketStatus.ACTIVE
    prices.change(now, market.book.best_bid, market.book.best_ask, market.last_trade_price)


def restored_proposal(image: Proposed) -> Fact:
    event = AdminProposed(
        image.proposal_id, image.action, image.request, image.by, image.by_id, image.expires_at
    )
    return Fact(image.proposal_id, image.created_at, image.market_id, event)


def restore_order(state: State, image: OrderImage) -> None:
    order = restored_order(state, image)
    state.orders[order.id] = order
    order.account.orders[order.client_order_id] = order


def restore_closed(state: State, closed: list[int]) -> None:
    orders = {order.accepted_seq: order for order in state.orders.values() if not order.is_live}
    for accepted_seq in closed:
        state.closed.add(orders[accepted_seq])


def restore_books(state: State) -> None:
    """Let the live orders rest: among the live in acceptance order, in their queues by priority."""
    resting = [order for order in state.orders.values() if order.is_live]
    for order in sorted(resting, key=attrgetter("priority_seq")):
        order.market.rest(order, order.market.book_changed_at)
    for order in resting:
        for live in (order.market.book.live, order.position.live):
            del live[order]
            live[order] = None  # behind all that were accepted earlier
        if order.terms.expires_at is not None:
            state.expire_later(order, order.terms.expires_at)
