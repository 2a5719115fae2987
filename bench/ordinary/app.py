"""Placing an order the ordinary way: FastAPI, SQLAlchemy, and one transaction per order.

What a competent person writes in an hour, to compare with: the caller from a JWT, the order checked against
what was asked before under its name, the market locked (price and time priority need an order of events, and
deadlocks cannot be), the account locked and the money frozen, the order filed, the best order of the other
side met, both sides' trade, positions and ledger, commit. No netting, no position limits, no feeds.

Started by bench/beside.py in an environment that has these packages; the project has not.
"""

import contextlib
import datetime
import os
import uuid
from collections.abc import AsyncIterator
from typing import Annotated, Literal

import jwt
from fastapi import Depends, FastAPI, Header, HTTPException
from pydantic import BaseModel, Field
from sqlalchemy import BigInteger, ForeignKey, Index, UniqueConstraint, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

PAIR_CENTS = 100
TAKER_FEE_BPS = 20
POOL = 16

engine = create_async_engine(os.environ["ORDINARY_DATABASE"], pool_size=POOL, max_overflow=0)
Session = async_sessionmaker(engine, expire_on_commit=False)


class Table(DeclarativeBase):
    pass


class Account(Table):
    __tablename__ = "accounts"
    user_id: Mapped[str] = mapped_column(primary_key=True)
    available: Mapped[int] = mapped_column(BigInteger)
    frozen: Mapped[int] = mapped_column(BigInteger, default=0)


class Market(Table):
    __tablename__ = "markets"
    id: Mapped[str] = mapped_column(primary_key=True)
    status: Mapped[str]
    reserve: Mapped[int] = mapped_column(BigInteger, default=0)


class Order(Table):
    __tablename__ = "orders"
    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    public_id: Mapped[uuid.UUID] = mapped_column(default=uuid.uuid4, unique=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("accounts.user_id"))
    client_order_id: Mapped[str]
    market_id: Mapped[str] = mapped_column(ForeignKey("markets.id"))
    side: Mapped[str]
    price_cents: Mapped[int]
    quantity: Mapped[int]
    remaining: Mapped[int]
    status: Mapped[str]
    created_at: Mapped[datetime.datetime] = mapped_column(default=datetime.datetime.now)
    __table_args__ = (
        UniqueConstraint("user_id", "client_order_id"),
        Index("best", "market_id", "side", "price_cents", "id", postgresql_where="status = 'OPEN'"),
    )


class Trade(Table):
    __tablename__ = "trades"
    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    market_id: Mapped[str]
    maker_order_id: Mapped[int] = mapped_column(BigInteger)
    taker_order_id: Mapped[int] = mapped_column(BigInteger)
    price_cents: Mapped[int]
    quantity: Mapped[int]


class Position(Table):
    __tablename__ = "positions"
    user_id: Mapped[str] = mapped_column(primary_key=True)
    market_id: Mapped[str] = mapped_column(primary_key=True)
    side: Mapped[str] = mapped_column(primary_key=True)
    volume: Mapped[int]


class LedgerEntry(Table):
    __tablename__ = "ledger_entries"
    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    user_id: Mapped[str]
    entry_type: Mapped[str]
    amount: Mapped[int] = mapped_column(BigInteger)
    balance_after: Mapped[int] = mapped_column(BigInteger)


class PlaceOrder(BaseModel):
    client_order_id: str = Field(min_length=1, max_length=64)
    market_id: str
    side: Literal["YES", "NO"]
    direction: Literal["BUY"]
    price_cents: int = Field(ge=1, le=99)
    quantity: int = Field(ge=1, le=10_000)


class TradeView(BaseModel):
    id: int
    price_cents: int
    quantity: int


class Placed(BaseModel):
    order_id: uuid.UUID
    client_order_id: str
    market_id: str
    side: str
    direction: str
    price_cents: int
    quantity: int
    remaining: int
    status: str
    created_at: datetime.datetime
    trades: list[TradeView]


@contextlib.asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    async with engine.begin() as connection:
        await connection.execute(select(func.pg_advisory_xact_lock(1)))  # the other worker starts, too
        await connection.run_sync(Table.metadata.create_all)
    async with Session.begin() as session:
        users = os.environ["ORDINARY_USERS"].split()
        await session.execute(
            insert(Account)
            .values([{"user_id": user, "available": 10**12, "frozen": 0} for user in users])
            .on_conflict_do_nothing()
        )
        await session.execute(
            insert(Market)
            .values(id=os.environ["ORDINARY_MARKET"], status="ACTIVE", reserve=0)
            .on_conflict_do_nothing()
        )
    yield


app = FastAPI(lifespan=lifespan)


async def session_of_request() -> AsyncIterator[AsyncSession]:
    async with Session.begin() as session:
        yield session


def caller(authorization: Annotated[str, Header()]) -> str:
    try:
        claims = jwt.decode(
            authorization.removeprefix("Bearer "), os.environ["ORDINARY_SECRET"], algorithms=["HS256"]
        )
    except jwt.InvalidTokenError:
        raise HTTPException(401) from None
    return str(claims["sub"])


@app.post("/api/v1/orders", status_code=201)
async def place_order(
    body: PlaceOrder,
    user_id: Annotated[str, Depends(caller)],
    session: Annotated[AsyncSession, Depends(session_of_request, scope="function")],
) -> Placed:
    asked_before = await session.scalar(
        select(Order).where(Order.user_id == user_id, Order.client_order_id == body.client_order_id)
    )
    if asked_before is not None:
        raise HTTPException(409)
    market = await session.get(Market, body.market_id, with_for_update=True)
    if market is None or market.status != "ACTIVE":
        raise HTTPException(422)
    account = await session.get(Account, user_id, with_for_update=True)
    cost = body.price_cents * body.quantity
    if account is None or account.available < cost + fee(cost):
        raise HTTPException(422)
    account.available -= cost
    account.frozen += cost
    session.add(entry(account, "ORDER_FREEZE", -cost))
    order = Order(
        user_id=user_id,
        client_order_id=body.client_order_id,
        market_id=market.id,
        side=body.side,
        price_cents=body.price_cents,
        quantity=body.quantity,
        remaining=body.quantity,
        status="OPEN",
    )
    session.add(order)
    await session.flush()
    trades = await match(session, market, order, account)
    await session.flush()
    return Placed(
        order_id=order.public_id,
        client_order_id=order.client_order_id,
        market_id=order.market_id,
        side=order.side,
        direction=body.direction,
        price_cents=order.price_cents,
        quantity=order.quantity,
        remaining=order.remaining,
        status=order.status,
        created_at=order.created_at,
        trades=[TradeView(id=one.id, price_cents=one.price_cents, quantity=one.quantity) for one in trades],
    )


async def match(session: AsyncSession, market: Market, taker: Order, account: Account) -> list[Trade]:
    """Buyers of both outcomes meet: together they pay for a pair, which comes to be."""
    trades = []
    while taker.remaining:
        maker = await session.scalar(
            select(Order)
            .where(
                Order.market_id == market.id,
                Order.side == ("NO" if taker.side == "YES" else "YES"),
                Order.status == "OPEN",
                Order.price_cents >= PAIR_CENTS - taker.price_cents,
                Order.user_id != taker.user_id,
            )
            .order_by(Order.price_cents.desc(), Order.id)
            .limit(1)
            .with_for_update()
        )
        if maker is None:
            break
        making = await session.get(Account, maker.user_id, with_for_update=True)
        assert making is not None
        quantity = min(taker.remaining, maker.remaining)
        trade = Trade(
            market_id=market.id,
            maker_order_id=maker.id,
            taker_order_id=taker.id,
            price_cents=PAIR_CENTS - maker.price_cents,
            quantity=quantity,
        )
        session.add(trade)
        for order, owner, price in (
            (maker, making, maker.price_cents),
            (taker, account, PAIR_CENTS - maker.price_cents),
        ):
            order.remaining -= quantity
            if not order.remaining:
                order.status = "FILLED"
            owner.frozen -= order.price_cents * quantity
            owner.available += (order.price_cents - price) * quantity
            session.add(entry(owner, "MINT_COST", -price * quantity))
            await hold(session, owner.user_id, market.id, order.side, quantity)
        charge = fee(trade.price_cents * quantity)
        account.available -= charge
        session.add(entry(account, "FEE", -charge))
        market.reserve += PAIR_CENTS * quantity
        await session.flush()
        trades.append(trade)
    return trades


async def hold(session: AsyncSession, user_id: str, market_id: str, side: str, quantity: int) -> None:
    more = insert(Position).values(user_id=user_id, market_id=market_id, side=side, volume=quantity)
    await session.execute(
        more.on_conflict_do_update(
            index_elements=["user_id", "market_id", "side"], set_={"volume": Position.volume + quantity}
        )
    )


def entry(account: Account, entry_type: str, amount: int) -> LedgerEntry:
    return LedgerEntry(
        user_id=account.user_id, entry_type=entry_type, amount=amount, balance_after=account.available
    )


def fee(cents: int) -> int:
    return -(-cents * TAKER_FEE_BPS // 10_000)
