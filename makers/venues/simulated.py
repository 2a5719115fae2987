"""A venue that is a file: it does what it is told beforehand, and forgets nothing when whoever uses it dies.

For tests and trials. Processes that open the same file are at the same venue: a worker, the worker that takes
over from it, and who chooses how the venue behaves. Nothing in it is left to chance or to a clock; what is to
take long takes a number of questions.
"""

import fcntl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import Enum
from pathlib import Path

import msgspec
import trio

from amm.brain.arithmetic import Shares
from amm.brain.book import PricedLevel
from amm.brain.wire import Order
from makers.cycle.commands import Command
from makers.quoter.view import View
from makers.venues import simulated_book
from makers.venues.venue import Answer, Asset, Word


class Call(Enum):
    SEND = "SEND"
    BRING_BACK = "BRING_BACK"


class Conduct(msgspec.Struct, frozen=True, kw_only=True):
    """How the venue behaves about one transfer; as it stands here it does at once what it is asked."""

    says: Word = Word.ACCEPTED
    """To whoever calls. With REJECTED and NOT_SENT that is all there is."""
    comes_to: Word = Word.CONFIRMED
    """What it says in the end when it is queried. UNCLEAR: it never knows of any such transfer."""
    after: float = 0.0
    """Seconds until the caller is answered; the call itself has its effect at once."""
    queries: int = 0
    """How many are answered before it comes to that."""
    looks: int = 0
    """How often nobody sees the money yet although it was sent."""
    short: int = 0
    """By how much less arrives than was sent."""


class Transfer(msgspec.Struct):
    call: Call
    order_id: str
    leg: Asset
    amount: int
    conduct: Conduct
    tx_id: str
    asked: int = 0
    looked: int = 0
    arrived: bool = False

    @property
    def word(self) -> Word:
        return Word.ACCEPTED if self.asked < self.conduct.queries else self.conduct.comes_to


class State(msgspec.Struct):
    conducts: dict[str, list[Conduct]] = {}
    """Of the next transfers, by call and leg."""
    called: list[tuple[Call, str]] = []
    """Every call that ever came, with its request key."""
    transfers: dict[str, Transfer] = {}
    holdings: dict[str, dict[Asset, int]] = {}
    resting: dict[str, list[Order]] = {}
    bids: list[PricedLevel] = []
    """What others rest, best first, in cents of YES."""
    asks: list[PricedLevel] = []


class SimulatedVenue:
    trades = True

    def __init__(self, path: Path) -> None:
        self._path = path

    # What a test chooses, and looks at.

    def behave(self, call: Call, leg: Asset, *conducts: Conduct) -> None:
        """So it will behave about the next transfers of that kind."""
        with self._changed() as state:
            state.conducts.setdefault(kind(call, leg), []).extend(conducts)

    def rest(self, bids: Sequence[PricedLevel], asks: Sequence[PricedLevel]) -> None:
        """So much others have on the book from now on."""
        with self._changed() as state:
            state.bids, state.asks = list(bids), list(asks)

    def fill(self, order_id: str, client_order_id: str, quantity: Shares) -> None:
        """Somebody meets this quote."""
        with self._changed() as state:
            simulated_book.fill(
                self._holding(state, order_id), state.resting[order_id], client_order_id, quantity
            )

    def gain(self, order_id: str, leg: Asset, amount: int) -> None:
        """What is there becomes more, or less, through nobody's order."""
        with self._changed() as state:
            self._holding(state, order_id)[leg] += amount

    @property
    def state(self) -> State:
        with self._changed() as state:
            return state

    # What a worker asks.

    async def send(self, request_key: str, leg: Asset, amount: int) -> Answer:
        return await self._called(Call.SEND, request_key, leg, amount)

    async def bring_back(self, request_key: str, leg: Asset, amount: int) -> Answer:
        return await self._called(Call.BRING_BACK, request_key, leg, amount)

    async def query(self, request_key: str) -> Answer:
        await trio.lowlevel.checkpoint()
        with self._changed() as state:
            transfer = state.transfers.get(request_key)
            if transfer is None:
                return Answer(Word.UNCLEAR)
            word = transfer.word
            transfer.asked += 1
            if word is not Word.CONFIRMED:
                return Answer(word, None if word is Word.UNCLEAR else transfer.tx_id)
            return Answer(word, transfer.tx_id, transfer.amount - transfer.conduct.short)

    async def credited(self, order_id: str) -> Mapping[Asset, int]:
        await trio.lowlevel.checkpoint()
        with self._changed() as state:
            holding = self._holding(state, order_id)
            for transfer in state.transfers.values():
                if (transfer.order_id, transfer.call) == (order_id, Call.SEND) and not transfer.arrived:
                    self._arrive(transfer, holding)
            return dict(holding)

    async def view(self, order_id: str, market_id: str) -> View:
        await trio.lowlevel.checkpoint()
        with self._changed() as state:
            holding, resting = self._holding(state, order_id), state.resting.get(order_id, [])
            return simulated_book.view(market_id, holding, resting, state.bids, state.asks)

    async def carry_out(self, order_id: str, commands: Sequence[Command]) -> list[int]:
        await trio.lowlevel.checkpoint()
        with self._changed() as state:
            holding, resting = self._holding(state, order_id), state.resting.setdefault(order_id, [])
            counter = simulated_book.Counter(holding, resting, state.bids, state.asks)
            return [counter.carry_out(command) for command in commands]

    async def clear(self, order_id: str) -> bool:
        await trio.lowlevel.checkpoint()
        with self._changed() as state:
            state.resting.pop(order_id, None)
        return True

    # Both ways.

    async def _called(self, call: Call, request_key: str, leg: Asset, amount: int) -> Answer:
        answer, seconds = self._begin(call, request_key, leg, amount)
        await trio.sleep(seconds)
        return answer

    def _begin(self, call: Call, request_key: str, leg: Asset, amount: int) -> tuple[Answer, float]:
        with self._changed() as state:
            state.called.append((call, request_key))
            if (known := state.transfers.get(request_key)) is not None:
                return Answer(Word.ACCEPTED, known.tx_id), 0.0
            chosen = state.conducts.get(kind(call, leg), [])
            conduct = chosen.pop(0) if chosen else Conduct()
            if conduct.says in (Word.REJECTED, Word.NOT_SENT):
                return Answer(conduct.says), conduct.after
            order_id = request_key.split(":")[1]
            transfer = Transfer(call, order_id, leg, amount, conduct, f"tx-{len(state.called)}")
            holding = self._holding(state, order_id)
            if call is Call.BRING_BACK and conduct.comes_to is Word.CONFIRMED:
                if holding[leg] < amount:
                    return Answer(Word.REJECTED), conduct.after
                holding[leg] -= amount
            state.transfers[request_key] = transfer
            if conduct.says is Word.UNCLEAR:
                return Answer(Word.UNCLEAR), conduct.after
            return Answer(conduct.says, transfer.tx_id), conduct.after

    @staticmethod
    def _arrive(transfer: Transfer, holding: dict[Asset, int]) -> None:
        if transfer.word is not Word.CONFIRMED:
            return
        transfer.looked += 1
        if transfer.looked > transfer.conduct.looks:
            transfer.arrived = True
            holding[transfer.leg] += transfer.amount - transfer.conduct.short

    @staticmethod
    def _holding(state: State, order_id: str) -> dict[Asset, int]:
        return state.holdings.setdefault(order_id, dict.fromkeys(Asset, 0))

    @contextmanager
    def _changed(self) -> Iterator[State]:
        """One process at a time; whoever dies in here has changed nothing."""
        with self._path.with_suffix(".lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            known = self._path.read_bytes() if self._path.exists() else b"{}"
            state = msgspec.json.decode(known, type=State)
            yield state
            after = msgspec.json.encode(state)
            if after != known:
                draft = self._path.with_suffix(".new")
                draft.write_bytes(after)
                draft.replace(self._path)


def kind(call: Call, leg: Asset) -> str:
    return f"{call.value} {leg.value}"
