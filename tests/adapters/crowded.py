"""An exchange that is full: 25,000 orders rest, 100,000 accounts hold shares, and there are 2,000 markets.

Commands would take minutes to bring that about. So a small exchange is opened in earnest, and its snapshot is
filled up before the server starts again: what was minted is dealt out to accounts that never moved a cent, so
neither ledger nor journal have anything to tell of them, and every invariant holds.
"""

import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Final

import msgspec

from adapters.cli.serve import Running, running
from adapters.runtime.clock import Clock
from adapters.runtime.settings import Settings, load_settings
from kernel.answers import Refusal
from kernel.codes import AMM_ID, BookType, Direction, OrderStatus, SelfTradeMode, Side, StopMode, TimeInForce
from kernel.commands import (
    ActivateMarket,
    AnyCommand,
    CreateMarket,
    Deposit,
    MarketTerms,
    MintShares,
    OpenAccount,
    OrderTerms,
    PlaceOrder,
    StartAmm,
    StopAmm,
)
from kernel.exchange import Exchange
from kernel.limits import DEPOSIT_MAX
from kernel.market import Order
from kernel.past import OrderImage
from kernel.snapshot import (
    AccountImage,
    MarketImage,
    PositionImage,
    decode,
    dump,
    encode,
)
from persistence.journal import snapshots
from persistence.journal.recovery import undisturbed
from persistence.journal.seals import SealKey
from persistence.postgres import database
from persistence.postgres.columns import Row
from persistence.tables.columns import ORDERS as ORDERS_TABLE
from persistence.tables.projector import Projector
from persistence.tables.verify_tables import order_row
from tests.adapters.serving import ADMIN, PASSWORD, SECRET

MAKER: Final = AMM_ID
"""Who has placed all that rests."""
EVERYWHERE: Final = "00000000-0000-4000-8000-00000000feed"
"""Who holds a share in every market."""
OTHER: Final = "00000000-0000-4000-8000-00000000beef"
BIG: Final = "BIG"
"""The market in which everybody is."""
ORDERS, HOLDERS, MARKETS = 25_000, 100_000, 2_000
ENDS: Final = 4
"""Markets to be ended in each way; a tenth of the big one."""
WAYS: Final = ("VOID", "RESOLVE", "SETTLE")
TRADES: Final = 120
"""More than a page: of orders, of trades and of ledger entries."""
SPARE: Final = 5_000
"""Pairs of each large market that the maker can still sell."""


def crowds() -> dict[str, tuple[int, int]]:
    """How many orders and holders each of the large markets has."""
    few = (ORDERS // 10, HOLDERS // 10)
    return {BIG: (ORDERS, HOLDERS)} | {f"{way}-{number}": few for way in WAYS for number in range(ENDS)}


def holder(number: int) -> str:
    return f"{number * 2654435761 % 2**32:08x}-0000-4000-9000-{number:012x}"


def settings_of(url: str, folder: Path) -> Settings:
    return load_settings(
        {
            "DATABASE_URL": url,
            "VERDICT_PORT": "0",
            "VERDICT_METRICS_PORT": "0",
            "VERDICT_DATA": str(folder),
            "VERDICT_JWT_SECRET": SECRET,
            "VERDICT_SEAL_KEY": SECRET,
            "VERDICT_ADMIN_USERNAME": ADMIN,
            "VERDICT_ADMIN_PASSWORD": PASSWORD,
            "VERDICT_RATE_LIMITS": "0",
            "VERDICT_MAKERS": "0",
            "VERDICT_SAMPLE_MARKETS": "0",
        }
    )


@contextlib.asynccontextmanager
async def crowded(url: str, folder: Path) -> AsyncIterator[Running]:
    settings = settings_of(url, folder)
    async with running(settings, Clock()) as small:
        actors = small.server.actors
        for outcome in await actors.ask(*opening(small.server.clock)):
            assert not isinstance(outcome.answer, Refusal), outcome.answer
        exchange = actors.exchange
    with undisturbed():
        full = Exchange.restore(filled(exchange))
        assert full.audit() == []
        async with database.opened(url) as db:
            await snapshots.write(db, full, SealKey(SECRET))
            connection = await db.connect()
            await connection.execute(
                "INSERT INTO accounts (user_id, owner_id) SELECT name, name FROM unnest($1::text[]) AS name",
                [holder(number) for number in range(HOLDERS)],
            )
            await Projector(db).catch_up()  # the crowd's orders need their markets
            await ORDERS_TABLE.insert(
                connection,
                [row_of(order) for order_id, order in full.orders.items() if order_id not in exchange.orders],
            )
            await connection.close()
        del full, exchange, actors, small
    async with running(settings, Clock()) as large:
        assert len(large.server.exchange.orders) > ORDERS
        yield large


def opening(clock: Clock) -> Iterator[AnyCommand]:
    """What is done in earnest."""
    at = clock.now()
    for name in (MAKER, EVERYWHERE, OTHER):
        if name != MAKER:
            yield OpenAccount(at=at, user_id=name)
        for _ in range(20):
            yield Deposit(at=at, user_id=name, amount=DEPOSIT_MAX)
    for market_id, (orders, holders) in crowds().items():
        # A pair for each two holders, one for each order, two for who is everywhere, and some to sell.
        yield from opened(market_id, at, orders + holders // 2 + 2 + SPARE)
    for number in range(MARKETS - len(crowds())):
        yield from opened(f"M-{number}", at, 2)
    for number in range(TRADES):
        for name, side in ((EVERYWHERE, Side.YES), (OTHER, Side.NO)):
            yield PlaceOrder(
                at=at,
                user_id=name,
                client_order_id=f"trade-{number}",
                market_id="M-0",
                terms=OrderTerms(side, Direction.BUY, 50, 1),
                nonce=number,
            )


def opened(market_id: str, at: int, pairs: int) -> Iterator[AnyCommand]:
    terms = MarketTerms(
        title=f"Is {market_id} full?",
        description="x" * 200,
        max_position_per_user=2**31 - 1,
        # As wide as they may be, for one maker has placed all that rests.
        max_open_orders_total=100_000,
        max_open_orders_amm=100_000,
    )
    yield CreateMarket(at=at, market_id=market_id, terms=terms, by=ADMIN)
    yield ActivateMarket(at=at, market_id=market_id, by=ADMIN)
    yield MintShares(
        at=at, user_id=MAKER, market_id=market_id, quantity=pairs, idempotency_key=market_id, nonce=1
    )
    yield StartAmm(
        at=at,
        market_id=market_id,
        initial_budget=100,
        initial_price=50,
        config_override={"spread_cents": 3},
        nonce=1,
        by=ADMIN,
    )
    yield StopAmm(at=at, market_id=market_id, stop_mode=StopMode.GRACEFUL, by=ADMIN)


def filled(exchange: Exchange) -> bytes:
    """The exchange's snapshot with everybody in it."""
    data = dump(exchange)
    header, body, *portions = data.split(b"\n")
    contents = decode(body)
    image = contents.state
    large, orders = crowds(), list[OrderImage]()
    markets = []
    for market in image.markets:
        crowd = large.get(market.id)
        if crowd is not None:
            orders += resting(market, crowd[0], len(orders))
        markets.append(dealt(market, *(crowd or (0, 0))))
    crowd_accounts = [AccountImage(holder(i), holder(i), True, 1, 0, 0, 0, 0, 0, 0) for i in range(HOLDERS)]
    given = costs(markets)
    given.subtract(costs(image.markets))
    accounts = [
        msgspec.structs.replace(account, net_transfers=given[account.id])
        for account in image.accounts + crowd_accounts
    ]
    whole = msgspec.structs.replace(image, accounts=accounts, markets=markets)
    contents = msgspec.structs.replace(contents, state=whole)
    return b"\n".join((header, encode(contents), encode(orders), *portions))


def row_of(order: Order) -> Row:
    """As the projector would have written it down, which has not heard of it."""
    return order_row(order) | {"created_at": order.created_at, "updated_at": order.updated_at}


def costs(markets: list[MarketImage]) -> Counter[str]:
    """What each holder's shares cost, in all markets together."""
    held = Counter[str]()
    for market in markets:
        for position in market.positions:
            held[position.user_id] += position.yes[1] + position.no[1]
    return held


def dealt(market: MarketImage, orders: int, holders: int) -> MarketImage:
    """The market with the maker's shares in many hands: pairs were paid 100 cents, half of it a share."""
    positions = {position.user_id: position for position in market.positions}
    maker = positions[MAKER]
    for number in range(holders):
        name = holder(number)
        held = ((1, 50, 0), (0, 0, 0)) if number % 2 else ((0, 0, 0), (1, 50, 0))
        positions[name] = PositionImage(name, *held, True, 1, 0, 0)
    if EVERYWHERE not in positions:
        positions[EVERYWHERE] = PositionImage(EVERYWHERE, (1, 50, 0), (0, 0, 0), True, 1, 0, 0)
        given = holders // 2
        (yes, yes_cost, _), (no, no_cost, _) = maker.yes, maker.no
        positions[MAKER] = msgspec.structs.replace(
            maker,
            yes=(yes - given - 1, yes_cost - 50 * (given + 1), orders),
            no=(no - given, no_cost - 50 * given, 0),
        )
    return msgspec.structs.replace(market, positions=list(positions.values()))


def resting(market: MarketImage, count: int, before: int) -> list[OrderImage]:
    """Sells of one YES each, older than whatever was placed in earnest."""
    orders = []
    for number in range(before, before + count):
        price = 60 + number % 40
        orders.append(
            OrderImage(
                id=f"00000001-0000-7000-8000-{number:012x}",
                client_order_id=f"rests-{number}",
                user_id=MAKER,
                market_id=market.id,
                side=Side.YES,
                direction=Direction.SELL,
                price=price,
                book_type=BookType.NATIVE_SELL,
                book_price=price,
                is_bid=False,
                time_in_force=TimeInForce.GTC,
                expires_at=None,
                post_only=False,
                max_cost_cents=None,
                self_trade_mode=SelfTradeMode.REJECT,
                group_id=None,
                quantity=1,
                remaining=1,
                frozen=1,
                accepted_seq=number - 1_000_000,
                replaces=None,
                created_at=1,
                updated_at=1,
                status=OrderStatus.OPEN,
                cancel_reason=None,
                priority_seq=number - 1_000_000,
                amend_count=0,
                accepted_price=price,
                accepted_quantity=1,
                eligible=False,
            )
        )
    return orders
