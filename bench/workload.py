"""The order flow that the benchmarks share: deterministic, decided beforehand, and none of it refused.

Half of the commands place an order that rests, a quarter cancel one, a fifth place one that trades, and one
in twenty is the market maker replacing a quote; ten markets, a thousand users. A quote that somebody took is
placed anew, which counts as an order that rests.
"""

import random
from collections import defaultdict
from collections.abc import Iterator
from typing import Any, Final

import attrs

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
    OrderTerms,
    PlaceOrder,
    ReplaceOrder,
    StartAmm,
)
from kernel.exchange import Exchange
from kernel.limits import DEPOSIT_MAX, VOLUME_MAX

START_US: Final = 1_795_168_800_000_000
"""When the flow begins; what is made ready before it happened a minute earlier."""
BEFORE_US: Final = START_US - 60_000_000
MARKETS: Final = 10
USERS: Final = 1_000
TAKERS: Final = 200
"""Of the users, those who only take: an owner may not meet its own resting orders."""
LOT: Final = 10
"""Every order is for as much, so whoever takes meets exactly one maker."""
QUOTES: Final = 10
"""How many the market maker keeps in each market."""
MIX: Final = {"rest": 50, "cancel": 25, "take": 20, "replace": 5}
"""Per hundred commands."""


def user(number: int) -> str:
    return f"00000000-0000-7000-8000-{number:012d}"


def market(number: int) -> str:
    return f"MKT-{number}"


def nonce(number: int) -> int:
    """62 bits that look random and are not."""
    return number * 0x9E3779B97F4A7C15 & 2**62 - 1


def opening(markets: int = MARKETS, users: int = USERS, **more: Any) -> list[AnyCommand]:
    """Accounts with cash, markets that trade, on such terms, and a market maker with shares and cash."""
    at = BEFORE_US
    commands: list[AnyCommand] = [OpenJournal(at=at)]
    for number in range(users):
        commands.append(OpenAccount(at=at, user_id=user(number)))
        commands += [Deposit(at=at, user_id=user(number), amount=DEPOSIT_MAX) for _ in range(5)]
    terms = MarketTerms(
        title="Benchmark",
        max_position_per_user=VOLUME_MAX,
        max_order_quantity=1_000_000,
        max_order_amount_cents=10**9,
        max_open_orders=10_000,
        max_open_orders_total=100_000,
        max_open_orders_amm=100_000,
        **more,
    )
    for number in range(markets):
        name = market(number)
        commands += [
            CreateMarket(at=at, market_id=name, terms=terms, by="bench"),
            ActivateMarket(at=at, market_id=name, by="bench"),
            StartAmm(at=at, market_id=name, initial_budget=10**9, initial_price=50, nonce=number, by="bench"),
            MintShares(
                at=at, user_id=AMM_ID, market_id=name, quantity=10**5, idempotency_key=name, nonce=number
            ),
        ]
    return commands


def resting(count: int, users: int = USERS) -> Iterator[AnyCommand]:
    """So many orders of all makers in all markets, at prices that the flow never reaches."""
    for number in range(count):
        yield order(
            BEFORE_US + number,
            user(TAKERS + number % (users - TAKERS)),
            f"r-{number}",
            market(number // 7 % MARKETS),
            bid=number % 2 == 0,
            price=1 + number % 19 if number % 2 == 0 else 99 - number % 19,
            quantity=1,
        )


def order(
    at: int, user_id: str, name: str, market_id: str, *, bid: bool, price: int, quantity: int
) -> PlaceOrder:
    """A wish to open on either side of the book: buy YES, or buy NO at the rest of 100."""
    return PlaceOrder(
        at=at,
        user_id=user_id,
        client_order_id=name,
        market_id=market_id,
        terms=OrderTerms(
            Side.YES if bid else Side.NO, Direction.BUY, price if bid else 100 - price, quantity
        ),
        nonce=nonce(at),
    )


def opened(preload: int = 0, **terms: Any) -> Exchange:
    """An exchange on which the flow can begin."""
    exchange = Exchange()
    for command in opening(**terms):
        exchange.execute(command)
    for command in resting(preload):
        exchange.execute(command)
    return exchange


@attrs.define(eq=False)
class Flow:
    """Makes commands up, with an exchange of its own to know what each leads to.

    They mean the same on any exchange that is opened the same way, whatever rests there out of reach.
    """

    mix: dict[str, int] = MIX
    markets: int = MARKETS
    burst: int = 1
    """How many commands in a row go to one market."""
    exchange: Exchange = attrs.field(factory=opened)
    rng: random.Random = attrs.field(factory=lambda: random.Random(20261120))
    orders: dict[str, list[tuple[str, str]]] = attrs.field(factory=lambda: defaultdict(list))
    """By market, (user, order id) of users' orders that may still rest."""
    quotes: dict[str, list[str]] = attrs.field(factory=lambda: defaultdict(list))
    """By market, the market maker's orders that may still rest."""
    made: int = 0
    market_id: str = ""

    def decide(self, command: AnyCommand) -> Outcome:
        """See what a command leads to."""
        return self.exchange.execute(command)

    def commands(self, count: int) -> list[AnyCommand]:
        """The next `count` commands of the flow."""
        kinds = self.rng.choices(list(self.mix), list(self.mix.values()), k=count)
        return [self.one(kind) for kind in kinds]

    def one(self, kind: str) -> AnyCommand:
        """A command of this kind; where there is nothing to cancel, take or replace, an order that rests."""
        if self.made % self.burst == 0:
            self.market_id = market(self.rng.randrange(self.markets))
        self.made += 1
        command: AnyCommand | None = None
        match kind:
            case "cancel":
                command = self.cancel()
            case "take":
                command = self.take()
            case "replace":
                command = self.replace()
        if command is None:
            wants_quote = "replace" in self.mix and len(self.quotes[self.market_id]) < QUOTES
            command = self.quote() if wants_quote else self.rest()
        answer = self.decide(command).answer
        match command, answer:
            case PlaceOrder() | ReplaceOrder(), Placed(order=now) | Replaced(new=now):
                if command.user_id == AMM_ID:
                    self.quotes[self.market_id].append(now.order.id)
                elif now.remaining_quantity:
                    self.orders[self.market_id].append((command.user_id, now.order.id))
            case CancelOrder(), _:
                pass
            case _:
                raise AssertionError(f"the flow makes nothing that is refused: {answer}")
        return command

    @property
    def at(self) -> int:
        return START_US + self.made * 10

    def rest(self) -> PlaceOrder:
        bid, price = self.price()
        maker = user(self.rng.randrange(TAKERS, USERS))
        return self.wish(maker, bid=bid, price=price)

    def take(self) -> PlaceOrder | None:
        bid = self.rng.random() < 0.5
        price = 80 if bid else 20
        book = self.exchange.markets[self.market_id].book
        best = book.best_ask if bid else book.best_bid
        if best is None or (best > price if bid else best < price):
            return None
        return self.wish(user(self.rng.randrange(TAKERS)), bid=bid, price=price)

    def cancel(self) -> CancelOrder | None:
        orders = self.orders[self.market_id]
        while orders:
            index = self.rng.randrange(len(orders))
            orders[index], orders[-1] = orders[-1], orders[index]
            user_id, order_id = orders.pop()
            if self.is_live(order_id):
                return CancelOrder(at=self.at, user_id=user_id, order_id=order_id)
        return None

    def is_live(self, order_id: str) -> bool:
        """Whether an order still rests; closed ones may have left memory."""
        order = self.exchange.orders.get(order_id)
        return order is not None and order.is_live

    def quote(self) -> PlaceOrder:
        """The market maker buys or sells YES."""
        bid, price = self.price()
        return PlaceOrder(
            at=self.at,
            user_id=AMM_ID,
            client_order_id=f"q-{self.made}",
            market_id=self.market_id,
            terms=OrderTerms(Side.YES, Direction.BUY if bid else Direction.SELL, price, LOT),
            nonce=nonce(self.made),
        )

    def replace(self) -> ReplaceOrder | None:
        quotes = self.quotes[self.market_id]
        while quotes:
            old = quotes.pop(self.rng.randrange(len(quotes)))
            if self.is_live(old):
                new = self.quote()
                return ReplaceOrder(
                    at=new.at,
                    user_id=new.user_id,
                    client_order_id=new.client_order_id,
                    market_id=new.market_id,
                    terms=new.terms,
                    nonce=new.nonce,
                    old_order_id=old,
                )
        return None

    def wish(self, user_id: str, *, bid: bool, price: int) -> PlaceOrder:
        return order(self.at, user_id, f"b-{self.made}", self.market_id, bid=bid, price=price, quantity=LOT)

    def price(self) -> tuple[bool, int]:
        """A side of the book, and a price on it at which nobody of the other side waits."""
        bid = self.rng.random() < 0.5
        return bid, self.rng.randint(20, 49) if bid else self.rng.randint(51, 80)
