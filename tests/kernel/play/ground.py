"""Where the play begins: accounts with money, markets that trade, and everybody holding something."""

from collections import Counter

import msgspec

from kernel.answers import Outcome
from kernel.codes import AMM_ID, Direction, ReferenceType, Side
from kernel.commands import (
    ActivateMarket,
    AnyCommand,
    CreateMarket,
    Deposit,
    MintShares,
    OpenAccount,
    OpenJournal,
    OrderTerms,
    PlaceOrder,
    ReplaceOrder,
    TimedCommand,
    TransferFunds,
)
from tests.kernel.reference.order import Order
from tests.kernel.reference.world import World
from tests.kernel.side_by_side import SideBySide
from tests.kernel.strategies import ESCROW, MARKETS, NOTHING, SECOND, START, Attributes, pick

SEEN: Counter[str] = Counter()
"""What came up in the runs of this process."""

PEOPLE = (("ann", None, True), ("ben", None, True), ("cat", None, False), ("dan", None, True))
FIRST_ORDERS = (
    ("ann", Side.YES, 50),
    ("ben", Side.NO, 50),
    ("cat", Side.YES, 52),
    (ESCROW, Side.NO, 48),
    ("cat", Side.NO, 55),
    ("ann", Side.YES, 45),
)
"""Every two of them meet and mint shares."""
GROUNDS: dict[str, tuple[SideBySide, list[PlaceOrder | ReplaceOrder]]] = {}


HALF_A_SECOND = SECOND // 2


class Ground:
    def __init__(self) -> None:
        self.both = SideBySide(SEEN)
        self.at = START
        self.home = ""
        self.forgets = 0
        """How many closed orders leave the exchange's memory after each command, once the ground is laid."""
        self.names = 0
        self.patience: int | None = None
        """How long whoever sends the next command is willing to wait."""
        self.wishes: list[PlaceOrder | ReplaceOrder] = []

    @property
    def world(self) -> World:
        return self.both.model.world

    def do(self, command: AnyCommand) -> Outcome:
        if self.patience is not None and isinstance(command, TimedCommand):
            valid_until = max(self.at, self.world.at) + self.patience
            command = msgspec.structs.replace(command, valid_until=valid_until)
            self.patience = None
        return self.both.do(command)

    def open_the_exchange(self, home: str) -> None:
        """The same ground for every run on one market: laid once, then copied."""
        self.home = home
        if home not in GROUNDS:
            self.lay_the_ground(home)
            GROUNDS[home] = (self.both, self.wishes)
        laid, wishes = GROUNDS[home]
        self.both = laid.copy()
        self.both.forgets = self.forgets
        self.wishes = list(wishes)
        self.names = len(wishes)
        if home == "timed":
            self.at += 10 * SECOND

    def lay_the_ground(self, home: str) -> None:
        self.both.do(OpenJournal(at=self.at))
        for name, owner, netting in (*PEOPLE, (ESCROW, "ann", False)):
            self.both.do(OpenAccount(at=self.at, user_id=name, owner_id=owner, auto_netting=netting))
        for name in ("ann", "ben", "cat", AMM_ID):
            self.both.do(Deposit(at=self.at, user_id=name, amount=30_000))
        self.both.do(
            TransferFunds(
                at=self.at,
                from_id="ann",
                to_id=ESCROW,
                amount=15_000,
                reference_type=ReferenceType.MM_PAYMENT,
                idempotency_key="opening",
            )
        )
        for market_id in dict.fromkeys([home, "small", "timed", "free"]):
            terms = MARKETS[market_id]
            self.both.do(CreateMarket(at=self.at, market_id=market_id, terms=terms, by="adm"))
            if market_id != "free" or home == "free":
                self.both.do(ActivateMarket(at=self.at, market_id=market_id, by="adm"))
        at = START + 10 * SECOND if home == "timed" else START
        for number, (user_id, side, price) in enumerate(FIRST_ORDERS):
            wish = PlaceOrder(
                at=at,
                user_id=user_id,
                client_order_id=f"o{number + 1}",
                market_id=home,
                terms=OrderTerms(side, Direction.BUY, price, 7),
                nonce=number,
                fence=self.fence(user_id),
            )
            self.wishes.append(wish)
            self.both.do(wish)
        self.both.do(
            MintShares(at=at, user_id=AMM_ID, market_id=home, quantity=20, idempotency_key="k0", nonce=1)
        )

    def market(self, elsewhere: int) -> str:
        """Mostly at home, where things meet."""
        return self.home if elsewhere < 56 else [*sorted(MARKETS), "unknown", ""][elsewhere - 56]

    def governed(self, elsewhere: int) -> str:
        """Where administrators act: in any market alike, for at home little would happen any more."""
        known = [*self.world.markets, "unknown"]
        return known[elsewhere % len(known)]

    def fence(self, user_id: str, off: int = 0) -> int | None:
        """The newest for the sub-account; what others send does not matter."""
        account = self.world.accounts.get(user_id)
        if account is None or not account.is_sub_account:
            return off or None
        return account.fence + off

    def new_name(self) -> str:
        self.names += 1
        return f"o{self.names}"

    def some_order(self, which: int, *, only: str | None = None) -> Order | None:
        """Mostly a live one; sometimes any."""
        orders = [o for o in self.world.orders if only is None or o.user_id == only]
        live = [o for o in orders if o.is_live]
        chosen = live if live and which < 58 else orders
        return chosen[-1 - which % len(chosen)] if chosen else None

    def place(
        self,
        user_id: str,
        market_id: str,
        side: Side,
        direction: Direction,
        price: int,
        quantity: int,
        how: Attributes = NOTHING,
        nonce: int = 0,
    ) -> None:
        self.wish(self.order(user_id, market_id, side, direction, price, quantity, how, nonce))

    def order(
        self,
        user_id: str,
        market_id: str,
        side: Side,
        direction: Direction,
        price: int,
        quantity: int,
        how: Attributes = NOTHING,
        nonce: int = 0,
    ) -> PlaceOrder:
        return PlaceOrder(
            at=self.at,
            user_id=user_id,
            client_order_id=self.new_name(),
            market_id=market_id,
            terms=self.terms(side, direction, price, quantity, how),
            nonce=nonce,
            fence=self.fence(user_id),
        )

    def terms(
        self, side: Side, direction: Direction, price: int, quantity: int, how: Attributes
    ) -> OrderTerms:
        return OrderTerms(
            side,
            direction,
            price,
            quantity,
            how.time_in_force,
            None if how.expires_in is None else self.end(how.expires_in),
            how.post_only,
            how.most if direction is Direction.BUY else None,
            how.self_trade_mode,
            how.group_id,
        )

    def end(self, expires_in: int) -> int:
        """What ends later ends with a half second, so that orders end together."""
        end = max(self.at, self.world.at) + expires_in
        return end - end % HALF_A_SECOND if expires_in >= HALF_A_SECOND else end

    def wish(self, wish: PlaceOrder | ReplaceOrder) -> None:
        """What was accepted may be asked for again."""
        if self.do(wish).facts:
            self.wishes.append(wish)


elsewhere = pick
"""0..63: at home, or from 56 on in one of the other markets, or in none."""
