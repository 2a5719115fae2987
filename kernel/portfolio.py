"""What an account has, at the prices of this moment, and what came of it. It changes nothing.

Money is in cents; a value is worked out from a price in half cents, rounded down.
"""

from collections.abc import Iterable

import msgspec

from kernel.codes import ResolutionResult
from kernel.market import Account, Market, Position

PAIR_HALF_CENTS = 200


class Stake(msgspec.Struct, frozen=True, gc=False):
    """A position, and what it is worth."""

    position: Position
    spot: int
    """The price it is valued at, in half cents of YES."""
    value: int
    cost: int

    @property
    def unrealized(self) -> int:
        return self.value - self.cost


class Portfolio(msgspec.Struct, frozen=True, gc=False):
    """An account's stakes, and what they and its cash come to."""

    account: Account
    stakes: list[Stake]
    """What it holds, and what brought something in or cost a fee, as far as memory has it; by market id."""
    value: int
    cost: int
    realized: int
    """By all it ever had; so is the next."""
    fees: int

    @property
    def unrealized(self) -> int:
        return self.value - self.cost

    @property
    def cash(self) -> int:
        return self.account.available + self.account.frozen

    @property
    def equity(self) -> int:
        return self.cash + self.value


def portfolio_of(account: Account) -> Portfolio:
    stakes = [
        stake_in(position) for position in account.positions.values() if has_come_to_something(position)
    ]
    stakes.sort(key=lambda stake: stake.position.market.id)
    positions = account.positions.values()
    return Portfolio(
        account,
        stakes,
        sum([stake.value for stake in stakes]),
        sum([stake.cost for stake in stakes]),
        account.past_realized + sum([position.realized_pnl for position in positions]),
        account.past_fees + sum([position.fees_paid for position in positions]),
    )


def equity_of(accounts: Iterable[Account]) -> int:
    """What several accounts have together."""
    return sum([portfolio_of(account).equity for account in accounts])


def has_come_to_something(position: Position) -> bool:
    return bool(position.yes.volume or position.no.volume or position.realized_pnl or position.fees_paid)


def stake_in(position: Position) -> Stake:
    yes, no = position.yes, position.no
    spot = price_of(position.market)
    value = (yes.volume * spot + no.volume * (PAIR_HALF_CENTS - spot)) // 2
    return Stake(position, spot, value, yes.cost_sum + no.cost_sum)


def price_of(market: Market) -> int:
    """What a YES share is worth, in half cents: as the market stands, or as it was resolved."""
    match market.resolution_result:
        case ResolutionResult.YES:
            return PAIR_HALF_CENTS
        case ResolutionResult.NO:
            return 0
        case ResolutionResult.VOID if market.void_price_cents is not None:
            return 2 * market.void_price_cents
        case _:
            return market.spot
