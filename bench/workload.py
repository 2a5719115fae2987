"""The order flow that the benchmarks share: deterministic, and decided beforehand.

Half of the commands place an order that rests, a quarter cancel one, a fifth place one that trades, and one
in twenty is the market maker replacing a quote; ten markets, a thousand users.
"""

import random
from typing import Final

import attrs
import msgspec

from kernel import Exchange
from kernel.answers import Outcome, Placed, Replaced
from kernel.codes import AMM_ID, Direction, Side
from kernel.commands import (
    ActivateMarket,
    AnyCommand,
    CancelOrder,
    CreateMarket,
    Deposit,
    MarketTerms,
    MintShares,
    OpenAccount,
    OpenJournal,
    PlaceOrder,
    ReplaceOrder,
    StartAmm,
)
from kernel.limits import DEPOSIT_MAX, VOLUME_MAX

START_US: Final = 1_795_168_800_000_000
MARKETS: Final = 10
USERS: Final = 1_000
TAKERS: Final = 200
"""Of the users, those who only take: an owner may not meet its own resting orders."""
LOT: Final = 10


def user(number: int) -> str:
    return f"00000000-0000-7000-8000-{number:012d}"


def opening(markets: int = MARKETS, users: int = USERS) -> list[AnyCommand]:
    """Accounts with cash, markets that trade, and a market maker with shares and cash."""
    commands: list[AnyCommand] = [OpenJournal(at=START_US)]
    for number in range(users):
        commands.append(OpenAccount(at=START_US, user_id=user(number)))
        commands += [Deposit(at=START_US, user_id=user(number), amount=DEPOSIT_MAX) for _ in range(5)]
    terms = MarketTerms(
        title="Benchmark",
        max_position_per_user=VOLUME_MAX,
        max_order_quantity=1_000_000,
        max_order_amount_cents=10**9,
    )
    for number in range(markets):
        market_id = f"MKT-{number}"
        commands += [
            CreateMarket(at=START_US, market_id=market_id, terms=terms, by="bench"),
            ActivateMarket(at=START_US, market_id=market_id, by="bench"),
            StartAmm(
                at=START_US,
                market_id=market_id,
                initial_budget=10**9,
                initial_price=50,
                nonce=number,
                by="bench",
            ),
            MintShares(
                at=START_US,
                user_id=AMM_ID,
                market_id=market_id,
                quantity=10**5,
                idempotency_key=market_id,
                nonce=1,
            ),
        ]
    return commands


def accepted_id(outcome: Outcome) -> str:
    match outcome.answer:
        case Placed(order=now) | Replaced(new=now):
            return now.order.id
        case _:
            raise AssertionError(f"the flow makes no command that is refused: {outcome.answer}")


@attrs.define(eq=False)
class Flow:
    """Makes commands up, one at a time, with an exchange of its own to know what they would lead to."""

    exchange: Exchange = attrs.field(factory=Exchange)
    rng: random.Random = attrs.field(factory=lambda: random.Random(20261120))
    markets: int = MARKETS
    users: int = USERS
    resting: list[tuple[str, str]] = attrs.field(factory=list)
    """(user, order id) of users' orders that may still rest."""
    quotes: list[tuple[str, str]] = attrs.field(factory=list)
    """(market, order id) of the market maker's."""
    made: int = 0

    def commands(self, count: int) -> list[AnyCommand]:
        """The next `count` commands of the flow, and none of them refused."""
        return [self.one() for _ in range(count)]

    def one(self) -> AnyCommand:
        while True:
            draw = self.rng.random()
            command: AnyCommand | None
            if draw < 0.50:
                command = self.rest()
            elif draw < 0.75:
                command = self.cancel()
            elif draw < 0.95:
                command = self.take()
            else:
                command = self.requote()
            if command is not None:
                return command

    def stamp(self) -> int:
        self.made += 1
        return START_US + self.made * 10

    def market(self) -> str:
        return f"MKT-{self.rng.randrange(self.markets)}"

    def order(self, user_id: str, *, bid: bool, price: int, quantity: int) -> PlaceOrder:
        """A wish to open on either side of the book: buy YES, or buy NO at the rest of 100."""
        at = self.stamp()
        return PlaceOrder(
            at=at,
            user_id=user_id,
            client_order_id=f"b-{self.made}",
            market_id=self.market(),
            side=Side.YES if bid else Side.NO,
            direction=Direction.BUY,
            price=price if bid else 100 - price,
            quantity=quantity,
            nonce=self.made * 0x9E3779B97F4A7C15 & 2**62 - 1,
        )

    def rest(self) -> AnyCommand:
        bid = self.rng.random() < 0.5
        price = self.rng.randint(20, 49) if bid else self.rng.randint(51, 80)
        maker = user(self.rng.randrange(TAKERS, self.users))
        command = self.order(maker, bid=bid, price=price, quantity=LOT)
        self.resting.append((maker, accepted_id(self.exchange.execute(command))))
        return command

    def cancel(self) -> AnyCommand | None:
        while self.resting:
            index = self.rng.randrange(len(self.resting))
            self.resting[index], self.resting[-1] = self.resting[-1], self.resting[index]
            user_id, order_id = self.resting.pop()
            if self.exchange.orders[order_id].is_live:
                command = CancelOrder(at=self.stamp(), user_id=user_id, order_id=order_id)
                self.exchange.execute(command)
                return command
        return None

    def take(self) -> AnyCommand | None:
        bid = self.rng.random() < 0.5
        command = self.order(user(self.rng.randrange(TAKERS)), bid=bid, price=80 if bid else 20, quantity=LOT)
        book = self.exchange.markets[command.market_id].book
        if (book.best_ask if bid else book.best_bid) is None:
            return None
        self.exchange.execute(command)
        return command

    def requote(self) -> AnyCommand | None:
        """The market maker moves a quote by a cent; the first time it has to place one."""
        at = self.stamp()
        selling = self.rng.random() < 0.5
        quote = PlaceOrder(
            at=at,
            user_id=AMM_ID,
            client_order_id=f"q-{self.made}",
            market_id=self.market(),
            side=Side.YES,
            direction=Direction.SELL if selling else Direction.BUY,
            price=self.rng.randint(52, 60) if selling else self.rng.randint(40, 48),
            quantity=LOT,
            nonce=self.made,
        )
        market_id = quote.market_id
        command: AnyCommand = quote
        if len(self.quotes) >= 10 * self.markets:
            market_id, old = self.quotes.pop(self.rng.randrange(len(self.quotes)))
            if self.exchange.orders[old].filled or not self.exchange.orders[old].is_live:
                return None
            command = ReplaceOrder(
                **msgspec.structs.asdict(quote) | {"market_id": market_id}, old_order_id=old
            )
        outcome = self.exchange.execute(command)
        self.quotes.append((market_id, accepted_id(outcome)))
        return command
