"""The journal's views give every compact list its names back: what the kernel writes, a person reads."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from kernel import events
from kernel.codes import (
    AMM_ID,
    BookType,
    CancelReason,
    DepositCause,
    Direction,
    FrozenAssetType,
    LedgerEntryType,
    OrderStatus,
    ReferenceType,
    Side,
    TimeInForce,
    TradeScenario,
)
from kernel.events import (
    AnyEvent,
    AuditTrade,
    Fact,
    FundsDeposited,
    FundsTransferred,
    FundsWithdrawn,
    MarketAfter,
    NettingExecuted,
    OrderAccepted,
    OrderAfter,
    OrderCancelled,
    OrderExpired,
    OrderMatched,
    PositionAfter,
    Posting,
    SharesBurned,
    SharesMinted,
    Trade,
)
from persistence.postgres.database import Connection
from tests.database import forge

MAKER, TAKER = "00000000-0000-7000-8000-000000000001", "00000000-0000-7000-8000-000000000002"
NOON = datetime(2026, 2, 20, 12, tzinfo=UTC)


async def write(connection: Connection, *happened: AnyEvent) -> list[Fact]:
    """File events as the journal does, and return them as facts."""
    facts = [
        Fact(number, int(NOON.timestamp()) * 1_000_000 + number, "M", event)
        for number, event in enumerate(happened, 1)
    ]
    await connection.execute_many(
        "INSERT INTO wal_events (id, market_id, event_type, payload, created_at) "
        "VALUES ($1, $2, $3, $4, to_timestamp($5::numeric / 1000000))",
        [
            (
                fact.id,
                fact.market_id,
                events.event_type(fact.event),
                events.encode_event(fact.event).decode(),
                fact.at,
            )
            for fact in facts
        ],
    )
    return facts


async def read(connection: Connection, view: str, columns: Sequence[str]) -> list[dict[str, Any]]:
    rows = await connection.fetch(f"SELECT {', '.join(columns)} FROM {view} ORDER BY journal_id")
    return [
        {name: str(value) if name.endswith("order_id") else value for name, value in row.items()}
        for row in rows
    ]


def accepted(**change: Any) -> OrderAccepted:
    return msgspec.structs.replace(
        OrderAccepted(
            order_id=MAKER,
            user_id="ann",
            client_order_id="c1",
            original_side=Side.YES,
            original_direction=Direction.BUY,
            original_price=65,
            book_type=BookType.NATIVE_BUY,
            book_direction=Direction.BUY,
            book_price=65,
            time_in_force=TimeInForce.GTC,
            quantity=100,
            remaining_qty=100,
            frozen_amount=6513,
            frozen_asset_type=FrozenAssetType.FUNDS,
        ),
        **change,
    )


def filled(scenario: TradeScenario, maker_direction: Direction, **change: Any) -> OrderMatched:
    """Ann, the maker, meets ben."""
    return msgspec.structs.replace(
        OrderMatched(
            order_id=MAKER,
            fill_qty=100,
            trade_price=65,
            new_remaining_qty=0,
            counterparty_order_id=TAKER,
            trade=Trade(77, scenario, maker_direction, 7, 8, None, -120),
            orders=(
                OrderAfter(OrderStatus.FILLED, 100, 0, 0),
                OrderAfter(OrderStatus.PARTIALLY_FILLED, 100, 20, 704),
            ),
            positions=[
                PositionAfter("ann", 100, 6500, 1, 2, 3, 4),
                PositionAfter("ben", 0, 0, 0, 100, 3500, 0),
            ],
            market=MarketAfter(10000, -120, 100, 100),
        ),
        **change,
    )


def posting(order_id: str | None = None) -> Posting:
    return Posting("ann", LedgerEntryType.FEE, -7, 93493, 12, order_id)


async def test_positions_orders_and_the_market_after_a_fill_are_read_by_name(connection: Connection) -> None:
    """Each column is checked against the member of the same name, so an order changed on one side shows."""
    event = filled(TradeScenario.MINT, Direction.BUY)
    await write(connection, event)
    assert event.market is not None
    written: dict[str, Sequence[msgspec.Struct]] = {
        "wal_positions": event.positions,
        "wal_orders": event.orders,
        "wal_markets": [event.market],
    }
    for view, structs in written.items():
        assert await read(connection, view, list(named(structs[0]))) == [named(struct) for struct in structs]


def named(struct: msgspec.Struct) -> dict[str, Any]:
    return {field.name: getattr(struct, field.name) for field in msgspec.structs.fields(struct)}


async def test_an_orders_state_after_a_fill_names_maker_and_taker(connection: Connection) -> None:
    await write(connection, filled(TradeScenario.MINT, Direction.BUY))
    assert [row["order_id"] for row in await read(connection, "wal_orders", ["order_id"])] == [MAKER, TAKER]


@pytest.mark.parametrize(
    ("scenario", "buy_book_type", "sell_book_type"),
    [
        (TradeScenario.MINT, "NATIVE_BUY", "SYNTHETIC_SELL"),
        (TradeScenario.TRANSFER_YES, "NATIVE_BUY", "NATIVE_SELL"),
        (TradeScenario.TRANSFER_NO, "SYNTHETIC_BUY", "SYNTHETIC_SELL"),
        (TradeScenario.BURN, "SYNTHETIC_BUY", "NATIVE_SELL"),
    ],
)
@pytest.mark.parametrize("maker_direction", Direction)
async def test_a_trade_is_read_by_name_whoever_was_first(
    connection: Connection,
    scenario: TradeScenario,
    buy_book_type: str,
    sell_book_type: str,
    maker_direction: Direction,
) -> None:
    await write(connection, filled(scenario, maker_direction))
    maker_buys = maker_direction is Direction.BUY
    expected = {
        "trade_id": "TRD_77",
        "market_id": "M",
        "scenario": scenario,
        "price": 65,
        "quantity": 100,
        "buy_order_id": MAKER if maker_buys else TAKER,
        "sell_order_id": TAKER if maker_buys else MAKER,
        "buy_user_id": "ann" if maker_buys else "ben",
        "sell_user_id": "ben" if maker_buys else "ann",
        "buy_book_type": buy_book_type,
        "sell_book_type": sell_book_type,
        "maker_order_id": MAKER,
        "taker_order_id": TAKER,
        "maker_fee": 7,
        "taker_fee": 8,
        "buy_realized_pnl": None,
        "sell_realized_pnl": -120,
        "is_audit": False,
    }
    assert await read(connection, "wal_trades", list(expected)) == [expected]


async def test_a_trade_of_the_market_maker_with_itself_has_it_on_both_sides(connection: Connection) -> None:
    """Then the event holds one position only."""
    itself = [PositionAfter(AMM_ID, 1, 50, 0, 1, 50, 0)]
    await write(connection, filled(TradeScenario.BURN, Direction.SELL, positions=itself))
    (row,) = await read(connection, "wal_trades", ["buy_user_id", "sell_user_id"])
    assert row == {"buy_user_id": AMM_ID, "sell_user_id": AMM_ID}


async def test_a_privileged_mint_and_burn_are_audit_trades(connection: Connection) -> None:
    """The counterparty is SYSTEM, which is no account; the price says that a pair costs 50 and 50."""
    common: dict[str, Any] = {
        "user_id": AMM_ID,
        "quantity": 10,
        "new_yes_inventory": 10,
        "new_no_inventory": 10,
        "remaining_balance_cents": 0,
    }
    mint = SharesMinted(cost_cents=1000, idempotency_key="k1", trade=AuditTrade(1, MAKER, None), **common)
    burn = SharesBurned(
        recovered_cents=1000,
        idempotency_key="k2",
        yes_cost_released=600,
        no_cost_released=652,
        trade=AuditTrade(2, TAKER, -252),
        **common,
    )
    await write(connection, mint, burn)
    columns = [
        "trade_id",
        "scenario",
        "price",
        "buy_user_id",
        "sell_user_id",
        "buy_book_type",
        "sell_book_type",
    ]
    columns += ["buy_order_id", "taker_order_id", "buy_realized_pnl", "sell_realized_pnl", "is_audit"]
    minted, burned = [tuple(row.values()) for row in await read(connection, "wal_trades", columns)]
    assert minted == (
        *("TRD_1", "MINT", 50, AMM_ID, "SYSTEM", "NATIVE_BUY", "SYNTHETIC_SELL"),
        *(MAKER, MAKER, None, None, True),
    )
    assert burned == (
        *("TRD_2", "BURN", 50, "SYSTEM", AMM_ID, "SYNTHETIC_BUY", "NATIVE_SELL"),
        *(TAKER, TAKER, None, -252, True),
    )


POSTED: list[AnyEvent] = [
    accepted(),
    filled(TradeScenario.MINT, Direction.BUY),
    OrderCancelled(
        order_id=MAKER,
        user_id="ann",
        remaining_qty=1,
        frozen_amount=1,
        cancel_reason=CancelReason.USER_CANCELLED,
    ),
    OrderExpired(order_id=MAKER, user_id="ann", expired_qty=1, filled_qty=1, frozen_amount=1),
    FundsDeposited(user_id="ann", amount_cents=1, cause=DepositCause.USER),
    FundsWithdrawn(user_id="ann", amount_cents=1),
    FundsTransferred(
        from_user_id="ann",
        to_user_id="ben",
        amount_cents=1,
        reference_type=ReferenceType.MM_PAYMENT,
        idempotency_key="pay",
    ),
    SharesMinted(
        user_id=AMM_ID,
        quantity=1,
        cost_cents=100,
        idempotency_key="key",
        new_yes_inventory=1,
        new_no_inventory=1,
        remaining_balance_cents=0,
        trade=AuditTrade(1, MAKER, None),
    ),
    NettingExecuted(user_id="ann", quantity=1, released_cents=100, yes_cost_released=50, no_cost_released=50),
]


@pytest.mark.parametrize("event", POSTED, ids=events.event_type)
async def test_ledger_entries_are_numbered_and_refer_to_what_the_kernel_says(
    connection: Connection, event: AnyEvent
) -> None:
    """The second entry names an order of its own, as the freeze of a fill's buyer does."""
    posted = msgspec.structs.replace(event, ledger_id=40, postings=[posting(), posting(order_id=TAKER)])
    (fact,) = await write(connection, posted)
    kind, reference_id = events.reference(fact)
    rows = await connection.fetch("SELECT * FROM wal_postings ORDER BY ledger_id")
    assert [(row["ledger_id"], row["reference_type"], row["reference_id"]) for row in rows] == [
        (40, kind, reference_id),
        (41, "ORDER", TAKER),
    ]
    first = dict(rows[0])
    assert {
        name: first[name] for name in ("user_id", "entry_type", "amount", "balance_after", "frozen_after")
    } == {
        "user_id": "ann",
        "entry_type": "FEE",
        "amount": -7,
        "balance_after": 93493,
        "frozen_after": 12,
    }


async def test_every_kind_of_list_has_a_view() -> None:
    """A struct that is written without names needs a view that has them; a new one will fail here."""
    positional = {
        name
        for name, kind in vars(events).items()
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct) and kind.__struct_config__.array_like
    }
    # Where the uses of keys are read by name, that is the table key_uses.
    positional.remove("KeyUse")
    assert positional == {
        "Posting",
        "PositionAfter",
        "OrderAfter",
        "MarketAfter",
        "Trade",
        "AuditTrade",
    }


async def test_a_command_is_found_with_its_first_and_last_event(connection: Connection) -> None:
    await write(connection, *[accepted(order_id=MAKER)] * 5)
    await forge(connection, "UPDATE wal_events SET command = '{}' WHERE id IN (1, 2, 4)")
    rows = await connection.fetch("SELECT first, last FROM wal_commands ORDER BY first")
    assert [tuple(row) for row in rows] == [(1, 1), (2, 3), (4, 5)]


async def test_the_transactions_of_the_journal_are_the_events_with_a_digest(connection: Connection) -> None:
    await write(connection, *[accepted()] * 3)
    await forge(connection, "UPDATE wal_events SET digest = sha256('') WHERE id IN (1, 3)")
    rows = await connection.fetch("SELECT last_id FROM journal_batches ORDER BY last_id")
    assert [row["last_id"] for row in rows] == [1, 3]


async def test_all_events_of_one_order_are_found_from_the_order(connection: Connection) -> None:
    """Maker or taker; within the order's own life, which is what makes it cheap."""
    await write(
        connection,
        accepted(order_id=TAKER),
        accepted(order_id=MAKER),
        filled(TradeScenario.MINT, Direction.BUY),
        accepted(order_id=TAKER),
    )
    await connection.execute(
        """
        INSERT INTO orders (id, client_order_id, market_id, user_id, original_side, original_direction,
                            original_price, book_type, book_direction, book_price, quantity,
                            remaining_quantity, frozen_asset_type, accepted_seq, priority_seq,
                            created_at, updated_at)
        SELECT $1::TEXT::UUID, 'c1', 'M', 'ann', 'YES', 'BUY',
               65, 'NATIVE_BUY', 'BUY', 65, 100,
               100, 'FUNDS', 2, 2, MIN(created_at), MAX(created_at)
        FROM wal_events WHERE id IN (2, 3)
        """,
        MAKER,
    )
    rows = await connection.fetch("SELECT id FROM wal_of_order($1)", MAKER)
    assert [row["id"] for row in rows] == [2, 3]


async def test_a_character_0_in_a_text_ends_no_query(connection: Connection) -> None:
    """JSON can hold it and a text of PostgreSQL cannot. A backslash that somebody wrote stays what it is."""
    key = "a\0\0b\\u0000c\\\0"
    await write(
        connection,
        SharesMinted(
            user_id=AMM_ID,
            quantity=1,
            cost_cents=100,
            idempotency_key=key,
            new_yes_inventory=1,
            new_no_inventory=1,
            remaining_balance_cents=0,
            trade=AuditTrade(1, MAKER, None),
            ledger_id=1,
            postings=[posting()],
            positions=[PositionAfter(AMM_ID, 1, 50, 0, 1, 50, 0)],
            market=MarketAfter(100, 0, 1, 1),
        ),
    )
    (entry,) = await read(connection, "wal_postings", ["reference_id"])
    assert entry["reference_id"] == "a\ufffd\ufffdb\\u0000c\\\ufffd"
    for view in ("wal_positions", "wal_markets", "wal_trades"):
        assert len(await connection.fetch(f"SELECT * FROM {view}")) == 1
    assert await connection.fetch("SELECT * FROM wal_orders") == []
    assert await connection.fetch("SELECT * FROM wal_of_order($1)", MAKER) == []
