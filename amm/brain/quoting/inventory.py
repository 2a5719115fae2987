"""What we own in one market, what it cost, and that every fill is booked exactly once.

A fill is booked by our own leg: an ask of ours sold YES, a bid of ours sold NO. The exchange's scenario label
(TRANSFER or BURN) depends on the other party and has no effect on us, so this file does not know it.
"""

from collections import OrderedDict, deque
from collections.abc import Iterable

import attrs

from amm.brain.arithmetic import CENT, PAIR, Cents, Shares, Uc, fdiv
from amm.brain.quoting.ladder import Side

BOOKED_TRADES_MAX = 100_000
CHECKPOINTS = 512
"""How many past states can still be compared with an answer of the exchange that is older than we are."""


@attrs.frozen
class Leg:
    """Our side of one fill; the price is that of the share we sold."""

    side: Side
    order_id: str
    price: Cents
    quantity: Shares
    fee: Cents
    is_taker: bool


@attrs.frozen
class Fill:
    """A trade that we took part in, with one leg, or with two where we met ourselves."""

    trade_id: str
    legs: tuple[Leg, ...]


@attrs.define
class Inventory:
    """Shares, cost sums and this market's cash. Cost sums follow the exchange's own floors."""

    yes: Shares = 0
    no: Shares = 0
    yes_cost: Cents = 0
    no_cost: Cents = 0
    cash: Cents = 0
    realized_pnl: Cents = 0
    fees_paid: Cents = 0

    def copy(self) -> "Inventory":
        return Inventory(
            self.yes, self.no, self.yes_cost, self.no_cost, self.cash, self.realized_pnl, self.fees_paid
        )

    def held(self, side: Side) -> Shares:
        return self.yes if side is Side.ASK else self.no

    def sell(self, leg: Leg) -> None:
        proceeds = leg.price * leg.quantity
        self.realized_pnl += proceeds - self._release(leg.side, leg.quantity)
        self.take_cash(leg)

    def take_cash(self, leg: Leg) -> None:
        """Book only the money of a sale, if its shares are accounted for already."""
        self.cash += leg.price * leg.quantity - leg.fee
        self.fees_paid += leg.fee

    def mint(self, pairs: Shares) -> None:
        self.yes += pairs
        self.no += pairs
        self.yes_cost += pairs * PAIR // 2
        self.no_cost += pairs * PAIR // 2
        self.cash -= pairs * PAIR

    def burn(self, pairs: Shares) -> None:
        released = self._release(Side.ASK, pairs) + self._release(Side.BID, pairs)
        self.realized_pnl += pairs * PAIR - released
        self.cash += pairs * PAIR

    def _release(self, side: Side, quantity: Shares) -> Cents:
        """Let shares go and return what they had cost: the whole sum with the last share."""
        if side is Side.ASK:
            cost = released_cost(self.yes_cost, self.yes, quantity)
            self.yes -= quantity
            self.yes_cost -= cost
        else:
            cost = released_cost(self.no_cost, self.no, quantity)
            self.no -= quantity
            self.no_cost -= cost
        return cost

    def equity(self, fair: Uc) -> Cents:
        """Return cash and shares at the fair price, rounded down."""
        return self.cash + fdiv(self.yes * fair + self.no * (PAIR * CENT - fair), CENT)

    def shares(self) -> tuple[Shares, Shares, Cents, Cents]:
        """Return the four numbers that the exchange's position has, too."""
        return self.yes, self.no, self.yes_cost, self.no_cost

    def faults(self) -> list[str]:
        """Name what is impossible, and so proves that a fill was missed or booked twice."""
        counts = {"yes": self.yes, "no": self.no, "yes_cost": self.yes_cost, "no_cost": self.no_cost}
        found = [f"{name} is {value}" for name, value in counts.items() if value < 0]
        found += ["no YES but a YES cost"] * (self.yes == 0 and self.yes_cost != 0)
        found += ["no NO but a NO cost"] * (self.no == 0 and self.no_cost != 0)
        return found


def released_cost(cost: Cents, volume: Shares, quantity: Shares) -> Cents:
    if quantity == volume or volume <= 0:
        return cost
    return fdiv(cost * quantity, volume)


@attrs.frozen
class Checkpoint:
    """The inventory after everything up to one journal id, and what led there from the one before."""

    seq: int
    after: Inventory
    fills: tuple[Fill, ...] = ()
    minted: Shares = 0  # negative for a burn


@attrs.define
class Ledger:
    """The only writer of the inventory. Each journal id and each trade id counts once."""

    inventory: Inventory = attrs.field(factory=Inventory)
    applied_seq: int = 0
    cash_seq: int = 0
    """Adopted shares may include fills whose events are still on the way: up to `applied_seq` the shares are
    booked, up to here the money too."""
    duplicates: int = 0
    booked_trades: OrderedDict[str, tuple[Leg, ...]] = attrs.field(factory=OrderedDict)
    checkpoints: deque[Checkpoint] = attrs.field(factory=lambda: deque(maxlen=CHECKPOINTS))

    def take(self, seq: int | None, fills: Iterable[Fill]) -> tuple[list[Fill], list[str]]:
        """Book what is new of one journal id; return it, and what is wrong with the books now.

        Polled trades come without a journal id: there the trade id alone decides.
        """
        booked: list[Fill] = []
        faults: list[str] = []
        for fill in fills:
            known = self.booked_trades.get(fill.trade_id)
            if known is not None:
                self.duplicates += 1
                if known != fill.legs:
                    faults.append(f"trade {fill.trade_id} came again with other numbers")
            elif seq is not None and seq <= self.applied_seq:
                self._take_late(seq, fill)
            else:
                self._book(fill)
                booked.append(fill)
        if seq is not None and seq > self.applied_seq:
            self.applied_seq = self.cash_seq = seq
        if booked:
            self._checkpoint(self.applied_seq, tuple(booked), 0)
            faults += self.inventory.faults()
        return booked, faults

    def _take_late(self, seq: int, fill: Fill) -> None:
        """A fill whose shares an adopted position already contains: only its money may be missing."""
        if seq <= self.cash_seq:
            self.duplicates += 1
            return
        self._remember(fill)
        for leg in fill.legs:
            self.inventory.take_cash(leg)

    def know(self, fills: Iterable[Fill]) -> None:
        """Note fills that the cash and the position with which a market begins contain already."""
        for fill in fills:
            self._remember(fill)

    def _book(self, fill: Fill) -> None:
        self._remember(fill)
        for leg in fill.legs:
            self.inventory.sell(leg)

    def _remember(self, fill: Fill) -> None:
        self.booked_trades[fill.trade_id] = fill.legs
        if len(self.booked_trades) > BOOKED_TRADES_MAX:
            self.booked_trades.popitem(last=False)

    def _checkpoint(self, seq: int, fills: tuple[Fill, ...], minted: Shares) -> None:
        self.checkpoints.append(Checkpoint(seq, self.inventory.copy(), fills, minted))

    def mint(self, seq: int, pairs: Shares) -> None:
        """Book the answer to our own mint; a burn is a negative mint. No event will tell of it."""
        if pairs > 0:
            self.inventory.mint(pairs)
        else:
            self.inventory.burn(-pairs)
        self._checkpoint(seq, (), pairs)

    def settle(self, winning: Shares) -> None:
        """Book the payout: 100 cents for each share of the outcome that came true, nothing for the other."""
        inventory = self.inventory
        payout = winning * PAIR
        inventory.realized_pnl += payout - inventory.yes_cost - inventory.no_cost
        inventory.cash += payout
        inventory.yes = inventory.no = inventory.yes_cost = inventory.no_cost = 0
        self._checkpoint(self.applied_seq, (), 0)

    def refund(self, cents: Cents) -> None:
        """Book what a void market paid for shares that are gone already."""
        self.inventory.cash += cents
        self.inventory.realized_pnl += cents
        self._checkpoint(self.applied_seq, (), 0)

    def flow(self, cents: Cents) -> None:
        """Book money that was allocated to this market or taken from it."""
        self.inventory.cash += cents
        self._checkpoint(self.applied_seq, (), 0)

    def correct_cash(self, cents: Cents) -> None:
        """Correct the cash, and every checkpoint by the same amount: it was wrong all along."""
        self.inventory.cash += cents
        for checkpoint in self.checkpoints:
            checkpoint.after.cash += cents

    def step_back(self, seq: int) -> None:
        """Forget the numbers after `seq`: the journal will use them again."""
        self.applied_seq = min(self.applied_seq, seq)
        self.cash_seq = min(self.cash_seq, seq)
        self.checkpoints.clear()
        self.booked_trades.clear()

    def as_of(self, seq: int) -> Inventory:
        """Return the inventory as it was after `seq`, as far as we know."""
        for checkpoint in reversed(self.checkpoints):
            if checkpoint.seq <= seq:
                return checkpoint.after
        return self.inventory

    def adopt(self, seq: int, shares: tuple[Shares, Shares, Cents, Cents], *, money_complete: bool) -> None:
        """Take the exchange's shares and cost sums as of `seq`, and add what we know of since."""
        later = [checkpoint for checkpoint in self.checkpoints if checkpoint.seq > seq]
        current = self.inventory
        adopted = Inventory(*shares)
        for checkpoint in later:
            for leg in (leg for fill in checkpoint.fills for leg in fill.legs):
                adopted.sell(leg)
            if checkpoint.minted > 0:
                adopted.mint(checkpoint.minted)
            elif checkpoint.minted < 0:
                adopted.burn(-checkpoint.minted)
        adopted.cash, adopted.realized_pnl = current.cash, current.realized_pnl
        adopted.fees_paid = current.fees_paid
        self.inventory = adopted
        self.applied_seq = max(self.applied_seq, seq)
        if money_complete:
            self.cash_seq = self.applied_seq
        self.checkpoints.clear()
        self._checkpoint(self.applied_seq, (), 0)
