"""The outcome of one command while it is being built: facts so far, postings of the fact to come."""

from typing import NamedTuple

from kernel.codes import MarketStatus
from kernel.events import AnyEvent, Fact, Posting
from kernel.market import Market
from kernel.state import State


class Turn(NamedTuple):
    """A market has another status, or its end is complete."""

    market: Market
    previous: MarketStatus
    journal_id: int
    """Of the fact that says so."""


class Draft:
    """Collects what a decision changes. Once it has done anything, the decision can no longer refuse."""

    __slots__ = ("at", "expired", "facts", "imbalance", "moved", "postings", "state", "turns")

    def __init__(self, state: State, at: int) -> None:
        self.state = state
        self.at = at if at > state.now else state.now
        """The command's time; it never runs backwards."""
        self.facts: list[Fact] = []
        self.expired = 0
        """How many of them tell of what was overdue before the command was decided."""
        self.postings: list[Posting] = []
        self.moved: Market | None = None
        """A market in which it traded, if that may pause it."""
        self.turns: list[Turn] | None = None
        """The markets that got another status, where market-making orders have to follow."""
        self.imbalance = 0
        """What the postings since the last fact add to all accounts together."""

    def take_postings(self) -> tuple[int, list[Posting]]:
        """The entries for the fact about to be recorded, and the number of the first.

        They must neither create nor lose a cent; deposits and withdrawals, which do, declare it in
        `cross_border`.
        """
        assert self.imbalance == 0, f"postings out of balance by {self.imbalance}: {self.postings}"
        postings = self.postings
        if not postings:
            return 0, []
        self.postings = []
        state = self.state
        first = state.ledger_head + 1
        state.ledger_head += len(postings)
        return first, postings

    def cross_border(self, amount: int) -> None:
        """Money enters the exchange, or leaves it: the one reason for which balances change in sum."""
        self.state.external += amount
        self.imbalance -= amount

    def turn(self, market: Market, previous: MarketStatus) -> None:
        """The newest fact says that a market has another status; its orders follow after the command."""
        if market.desk.order_ids:
            self.turns = [*(self.turns or ()), Turn(market, previous, self.state.head)]

    def complete(self, event: AnyEvent) -> Fact:
        """The newest fact, which has been applied, tells besides what it has come to."""
        newest = self.facts[-1]
        self.facts[-1] = fact = Fact(newest.id, newest.at, newest.market_id, event)
        return fact

    def record(self, market_id: str | None, event: AnyEvent) -> Fact:
        """Give a fact its number and its time: from now on it has happened."""
        state = self.state
        state.head += 1
        state.now = self.at
        fact = Fact(state.head, self.at, market_id, event)
        self.facts.append(fact)
        return fact
