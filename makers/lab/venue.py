"""The exchange as one order has it: an account of its own with a fence, leases with a view, its commands.

The leases are the laboratory's own, and come whenever they are asked for. Each raises the fence, as the
exchange's do; an order that has lost what it may gets none any more, and its quotes are taken off.
"""

from typing import TypeAlias

import attrs
import msgspec

from amm.brain.arithmetic import Cents, Ms
from amm.brain.inputs import Answer
from amm.lab.scenario import START_MS, Scenario
from amm.lab.traders import TRADERS
from amm.lab.venue import MARKET, SIDES, Venue, open_exchange, said, shown
from kernel import commands
from kernel.codes import Direction, ReferenceType, Side
from kernel.market import Position
from kernel.orders import order_now
from makers.cycle.commands import Burn, Cancel, Command, NewOrder, Place, Replace
from makers.cycle.lease import Lease
from makers.quoter.terms import STRATEGY, Terms
from makers.quoter.view import Book, Holding, MarketLimits, Room
from makers.quoter.worth import equity, loss

OWNER, ACCOUNT = "owner", "order"
ORDER_ID = "0193f1c2-5a77-7c1e-9f10-3f2b8f1a0001"
LEASE_MS: Ms = 15_000
DEPTH = 20
"""Levels of each side that a view shows."""
LOSS_PART = 5
"""An order may lose a fifth of what was paid in, unless its owner says otherwise."""


class Acquire(msgspec.Struct, frozen=True):
    """The wish for a lease."""


Wish: TypeAlias = Acquire | Command


@attrs.define(eq=False)
class Counter:
    """Where leases are given, and everything is done under them."""

    venue: Venue
    terms: Terms
    paid_in: Cents
    lease: Lease | None = None
    """The newest, for whoever asked; none before the first and once it was stopped."""
    is_stopped: bool = False
    cycle_no: int = 0
    asked: int = 0

    def carry_out(self, wish: Wish, now_ms: Ms) -> Answer:
        self.asked += 1
        if isinstance(wish, Acquire):
            self._acquire(now_ms)
            return Answer(self.asked, 0, self.venue.exchange.head)
        outcome = self.venue.execute(self._command(wish, now_ms * 1_000))
        return Answer(self.asked, said(outcome.answer)[0], outcome.seen)

    def _acquire(self, now_ms: Ms) -> None:
        at, venue = now_ms * 1_000, self.venue
        self.cycle_no += 1
        venue.execute(commands.RaiseFence(at=at, user_id=ACCOUNT, fence=self.cycle_no))
        if loss(self.paid_in, 0, self.worth) >= self.paid_in // LOSS_PART:
            cancels = commands.BatchCancel(at=at, user_id=ACCOUNT, market_id=MARKET, fence=self.cycle_no)
            venue.execute(cancels)
            self.is_stopped, self.lease = True, None
        else:
            self.lease = self._lease()

    @property
    def worth(self) -> Cents:
        position = self.venue.maker
        cash = position.account.available + position.account.frozen
        return equity(cash, position.yes.volume, position.no.volume, self.venue.market.spot)

    def _lease(self) -> Lease:
        position, market = self.venue.maker, self.venue.market
        asked, (bids, asks) = market.terms, market.book.depth()
        return Lease(
            order_id=ORDER_ID,
            account=ACCOUNT,
            cycle_no=self.cycle_no,
            fence=self.cycle_no,
            token=f"{self.cycle_no:016x}",
            lease_ms=LEASE_MS,
            strategy=STRATEGY,
            terms=self.terms,
            cash_cents=position.account.available,
            yes=Holding(position.yes.volume, position.yes.free),
            no=Holding(position.no.volume, position.no.free),
            room=Room(room(position, Side.YES), room(position, Side.NO)),
            orders=[shown(order_now(order)) for order in position.live],
            market=MarketLimits(
                MARKET,
                asked.min_price_cents,
                asked.max_price_cents,
                asked.max_order_quantity,
                asked.max_order_amount_cents,
                max(asked.maker_fee_bps, asked.taker_fee_bps),
            ),
            book=Book(bids[:DEPTH], asks[:DEPTH]),
            last_trade_price_cents=market.last_trade_price,
        )

    def _command(self, command: Command, at: int) -> commands.AnyCommand:
        match command:
            case Place():
                return commands.PlaceOrder(
                    at=at,
                    user_id=command.account,
                    fence=command.fence,
                    client_order_id=command.client_order_id,
                    market_id=command.market_id,
                    terms=terms_of(command),
                    nonce=self.asked,
                )
            case Replace(new_order=new):
                return commands.ReplaceOrder(
                    at=at,
                    user_id=command.account,
                    fence=command.fence,
                    old_order_id=command.old_order_id,
                    client_order_id=new.client_order_id,
                    market_id=new.market_id,
                    terms=terms_of(new),
                    nonce=self.asked,
                )
            case Cancel(order_id=order_id):
                return commands.CancelOrder(
                    at=at, user_id=command.account, fence=command.fence, order_id=order_id
                )
            case Burn(quantity=quantity, idempotency_key=key):
                return commands.BurnShares(
                    at=at,
                    user_id=command.account,
                    fence=command.fence,
                    market_id=command.market_id,
                    quantity=quantity,
                    idempotency_key=key,
                    nonce=self.asked,
                )


def terms_of(wish: Place | NewOrder) -> commands.OrderTerms:
    return commands.OrderTerms(
        SIDES[wish.side],
        Direction(wish.direction.value),
        wish.price_cents,
        wish.quantity,
        post_only=wish.post_only,
    )


def room(position: Position, side: Side) -> int:
    holding = position.holding(side)
    return position.market.terms.max_position_per_user - holding.volume - holding.opening


def open_counter(scenario: Scenario, terms: Terms) -> Counter:
    """An exchange with one market, and an order that was paid as much as the market maker is given."""
    at, paid = START_MS * 1_000, scenario.funding
    exchange = open_exchange(
        scenario,
        TRADERS,
        [
            commands.OpenAccount(at=at, user_id=OWNER),
            commands.Deposit(at=at, user_id=OWNER, amount=paid),
            commands.OpenAccount(at=at, user_id=ACCOUNT, owner_id=OWNER, auto_netting=False),
            commands.TransferFunds(
                at=at,
                from_id=OWNER,
                to_id=ACCOUNT,
                amount=paid,
                reference_type=ReferenceType.MM_PAYMENT,
                idempotency_key="paid",
            ),
        ],
    )
    market = exchange.markets[MARKET]
    return Counter(Venue(exchange, market, market.position(exchange.accounts[ACCOUNT])), terms, paid)
