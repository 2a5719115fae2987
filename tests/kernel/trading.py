"""The language the kernel's examples are written in: people, what they do, what they then hold.

    market = Trading(ann=1_000, ben=1_000, maker_fee_bps=0, taker_fee_bps=0)
    market.play("ann buys 10 YES at 60", "ben buys 10 NO at 40")
    assert market.holds("ann", available=400, yes=10)

Whatever is played goes to a real exchange, and after each command the same is checked: the audit is clean,
the facts, written as JSON and read back, bring a replica to the same digest, a snapshot restores to the same
digest, and a refusal left everything as it was.
"""

from typing import Any, NamedTuple, TypeVar

import msgspec

from kernel.answers import Answer, Outcome, Refusal, Unfinished
from kernel.codes import (
    CancelReason,
    Code,
    Direction,
    LedgerEntryType,
    MarketStatus,
    Side,
    TimeInForce,
    TradeScenario,
    TradingMode,
)
from kernel.commands import (
    AcceptJournal,
    ActivateMarket,
    AnyCommand,
    AuthorizeAmm,
    CreateMarket,
    DeleteGroup,
    Deposit,
    ForgetKeys,
    ForgetOrders,
    ForgetPositions,
    MarketTerms,
    OpenAccount,
    OpenJournal,
    OrderTerms,
    PlaceOrder,
    RaiseFence,
    ResetGroup,
    SetGroup,
    SetGuard,
    SetMarketMode,
    StartAmm,
    TriggerGroup,
    VoidMarket,
)
from kernel.events import Fact, Fill, NettingExecuted, OrderCancelled, decode_event, encode_event, event_type
from kernel.exchange import Exchange
from kernel.history import History
from kernel.life import OVER
from kernel.market import Market, Order, Position
from kernel.state import PORTION
from tests.kernel.language import command, user
from tests.kernel.making.desk import a_life

AnswerT = TypeVar("AnswerT")

NOON = 1_795_176_000_000_000
"""When a scenario begins: 2026-11-20 12:00:00 UTC, in microseconds."""
SECOND = 1_000_000
TERMS = {field.name for field in msgspec.structs.fields(MarketTerms)}
CHANGING_REFUSALS = (Code.REPLACE_PARTLY_FILLED, Code.INTERNAL)
"""The two noes that come with facts: a partly filled order is cancelled, a broken market is halted."""


class LedgerLine(NamedTuple):
    """One ledger entry as the published examples print it."""

    number: int
    account: str
    entry_type: LedgerEntryType
    amount: int
    balance_after: int


class Traded(NamedTuple):
    scenario: TradeScenario
    price: int
    quantity: int
    buy_pnl: int | None
    sell_pnl: int | None
    maker_fee: int
    taker_fee: int


def ledger(table: str) -> list[LedgerLine]:
    """A table of entries, written down as published: number, account, type, amount, balance after."""
    lines = []
    for row in table.strip().splitlines():
        number, account, entry_type, amount, after = (cell.strip() for cell in row.strip(" |").split("|"))
        lines.append(
            LedgerLine(int(number), user(account), LedgerEntryType(entry_type), int(amount), int(after))
        )
    return lines


class Trading:
    """A market, M, where the people named in the arguments have an account with so many cents."""

    def __init__(self, **words: int) -> None:
        self.exchange = Exchange()
        self.exchange.parted = {}
        self.replica = Exchange()
        self.history = History()
        self.facts: list[Fact] = []
        self.now = NOON
        self.nonce = 0
        self.do(OpenJournal(at=self.now))
        for name, cents in words.items():
            if name not in TERMS:
                self.open(name, cents)
        self.create("M", terms={name: value for name, value in words.items() if name in TERMS})

    # The scene

    def open(self, name: str, cents: int = 0) -> None:
        """Somebody opens an account and pays in."""
        if name != "AMM":
            self.do(OpenAccount(at=self.now, user_id=name))
        if cents:
            self.do(Deposit(at=self.now, user_id=user(name), amount=cents))

    def create(self, market_id: str, *, terms: dict[str, int] | None = None, activate: bool = True) -> None:
        """A further market; trading, unless said otherwise."""
        wished = msgspec.convert({"title": "Will it?"} | (terms or {}), MarketTerms)
        self.do(CreateMarket(at=self.now, market_id=market_id, terms=wished, by="root"))
        if activate:
            self.do(ActivateMarket(at=self.now, market_id=market_id, by="root"))

    def escrow(self, account_id: str, owner: str, *, fence: int = 0) -> None:
        """A sub-account of somebody's, as the layer of market-making orders opens it."""
        self.do(OpenAccount(at=self.now, user_id=account_id, owner_id=owner, auto_netting=False))
        if fence:
            self.do(RaiseFence(at=self.now, user_id=account_id, fence=fence))

    # What is done

    def do(self, command: AnyCommand) -> Outcome:
        """Execute one command, to its end where it goes on in portions."""
        outcome = self.step(command)
        facts = [*outcome.facts]
        while isinstance(outcome.answer, Unfinished):
            outcome = self.step(outcome.answer.then)
            facts += outcome.facts
        return Outcome(outcome.answer, facts, outcome.seen)

    def step(self, command: AnyCommand) -> Outcome:
        """Execute one command, or one portion, and hold it to what must be true of each."""
        before = self.exchange.digest()
        outcome = self.exchange.execute(command)
        for fact in outcome.facts:
            self.record(fact)
        digest = self.exchange.digest()
        if isinstance(outcome.answer, Refusal) and outcome.answer.code not in CHANGING_REFUSALS:
            # What was overdue before it goes, whatever becomes of it.
            events = [fact.event for fact in outcome.facts]
            assert not [event for event in events if not isinstance(event, OrderCancelled | NettingExecuted)]
            reasons = {event.cancel_reason for event in events if isinstance(event, OrderCancelled)}
            assert reasons <= {CancelReason.EXPIRED}
        if not outcome.facts:
            assert digest == before, f"{command} changed the state and recorded nothing"
        assert self.replica.digest() == digest, f"replay of {command} gives another state"
        assert Exchange.restore(self.exchange.snapshot()).digest() == digest
        assert self.exchange.audit(self.history) == []
        assert outcome.seen == self.exchange.head
        return outcome

    def record(self, fact: Fact) -> None:
        """The journal in miniature: what happened, written, read again and replayed."""
        self.facts.append(fact)
        self.history.add(fact)
        event = decode_event(encode_event(fact.event))
        assert event == fact.event
        self.replica.apply(Fact(fact.id, fact.at, fact.market_id, event))

    def play(self, *lines: str) -> None:
        """Do what the lines say, one after the other; each must be granted."""
        for line in lines:
            self.grant(line)

    def grant(self, line: str) -> Answer:
        self.now += SECOND
        answer = self.do(command(self, line)).answer
        assert not isinstance(answer, Refusal), f"{line}: {answer.code.value} {answer.message}"
        return answer

    def answer(self, kind: type[AnswerT], line: str) -> AnswerT:
        """Do what the line says, and have the answer it must give."""
        answer = self.grant(line)
        assert isinstance(answer, kind)
        return answer

    def refused(self, wish: str | AnyCommand) -> Refusal:
        """Ask for something that must be refused, and have the refusal."""
        wished = command(self, wish) if isinstance(wish, str) else wish
        answer = self.do(wished).answer
        assert isinstance(answer, Refusal), f"{wish} was granted: {answer}"
        return answer

    def wish(
        self,
        name: str,
        side: Side = Side.YES,
        direction: Direction = Direction.BUY,
        *,
        price: int = 50,
        quantity: int = 1,
        client_order_id: str | None = None,
        market_id: str = "M",
        time_in_force: TimeInForce = TimeInForce.GTC,
        fence: int | None = None,
        **more: Any,
    ) -> PlaceOrder:
        """A placement, spelled out: for the prices and quantities that no line would speak of."""
        self.nonce += 1
        return PlaceOrder(
            at=self.now,
            user_id=user(name),
            client_order_id=client_order_id or f"{name}-{self.nonce}",
            market_id=market_id,
            terms=OrderTerms(side, direction, price, quantity, time_in_force, **more),
            nonce=self.nonce,
            fence=fence,
        )

    # What is so

    def market(self, market_id: str = "M") -> Market:
        return self.exchange.markets[market_id]

    @property
    def reserve(self) -> int:
        return self.market().reserve

    @property
    def pnl_pool(self) -> int:
        return self.market().pnl_pool

    @property
    def status(self) -> MarketStatus:
        return self.market().status

    def cost_sums(self, market_id: str = "M") -> int:
        """What the right side of I-3 adds up."""
        positions = self.market(market_id).positions.values()
        return sum(position.yes.cost_sum + position.no.cost_sum for position in positions)

    def order(self, name: str, client_order_id: str) -> Order:
        return self.exchange.accounts[user(name)].orders[client_order_id]

    def position(self, name: str, market_id: str = "M") -> Position:
        return self.market(market_id).positions[user(name)]

    def holds(self, name: str, market_id: str = "M", **expected: int) -> bool:
        """The account holds this; what is not named is not looked at."""
        account = self.exchange.accounts[user(name)]
        found = {"available": account.available, "frozen": account.frozen}
        position = self.market(market_id).positions.get(account.id)
        for side in Side:
            word = side.value.lower()
            holding = position.holding(side) if position is not None else None
            found[word] = holding.volume if holding is not None else 0
            found[f"{word}_cost"] = holding.cost_sum if holding is not None else 0
            found[f"{word}_pending"] = holding.pending_sell if holding is not None else 0
        assert {word: found[word] for word in expected} == expected
        return True

    def entries(self, first: int = 1) -> list[LedgerLine]:
        """The ledger from one entry on."""
        lines = []
        for fact in self.facts:
            for number, posting in enumerate(fact.event.postings, fact.event.ledger_id):
                if number >= first:
                    lines.append(
                        LedgerLine(
                            number, posting.user_id, posting.entry_type, posting.amount, posting.balance_after
                        )
                    )
        return lines

    @property
    def trades(self) -> list[Traded]:
        """Every trade so far, oldest first."""
        return [
            Traded(
                event.trade.scenario,
                event.trade_price,
                event.fill_qty,
                event.trade.buy_realized_pnl,
                event.trade.sell_realized_pnl,
                event.trade.maker_fee,
                event.trade.taker_fee,
            )
            for event in (fact.event for fact in self.facts)
            if isinstance(event, Fill)
        ]

    def prints(self) -> list[str]:
        """The trades in the short: `50@55`."""
        return [f"{trade.quantity}@{trade.price}" for trade in self.trades]

    def told(self, since: int = 0) -> list[str]:
        """The names of the facts after one journal id."""
        return [event_type(fact.event) for fact in self.facts if fact.id > since]


class Recorded(Trading):
    """One whose commands are kept."""

    def __init__(self, **words: int) -> None:
        self.asked: list[AnyCommand] = []
        super().__init__(**words)

    def step(self, command: AnyCommand) -> Outcome:
        self.asked.append(command)
        return super().step(command)


def owned() -> Trading:
    """Ann with a sub-account that holds 10 YES and 1000 cents; ben, who has one too, and cat."""
    market = Trading(
        ann=10_000, ben=10_000, cat=10_000, maker_fee_bps=0, taker_fee_bps=0, max_position_per_user=30
    )
    market.escrow("mm:1", "ann")
    market.escrow("mm:2", "ben")
    market.play("ann buys 10 YES at 50", "cat buys 10 NO at 50")
    market.play("ann gives mm:1 10 YES", "ann gives mm:1 1000 cents", "ben gives mm:2 1000 cents")
    return market


def busy_day() -> Trading:
    """A day on which everything happens that can happen: every kind of fact is among its facts."""
    day = Trading(AMM=50_000, ann=100_000, ben=100_000)
    day.create("N", terms={"maker_fee_bps": 5, "trading_end_at": day.now + 1_000 * SECOND})
    day.create("V")
    day.create("D", activate=False)
    day.escrow("mm:1", "ann", fence=3)
    day.play("ann buys 100 YES at 65", "ben buys 100 NO at 38", "ann gives mm:1 5000 cents with key pay")
    day.play("ann gives mm:1 10 YES with key shares", "mm:1 sells 4 YES at 80 as q with fence 3")
    day.play("AMM mints 100 with key m", "AMM sells 50 YES at 70 as old", "ann sells 5 YES at 90 as offer")
    day.play("AMM replaces old, selling 50 YES at 71 as new", "ben buys 20 YES at 71", "ben withdraws 100")
    for mode, until in ((TradingMode.POST_ONLY, day.now + SECOND), (TradingMode.NORMAL, None)):
        day.do(SetMarketMode(at=day.now, market_id="V", mode=mode, until=until, by="root"))
    day.play("ann amends offer to 7", "ann amends offer to 5")
    day.play("AMM burns 10 with key b", "ann buys 3 YES at 2 IOC", "ann buys 7 NO at 30 as part in N")
    day.play("ann amends part to 9 at 29 in N", "ann amends part to 7 in N", "ann amends part at 30 in N")
    day.play(
        "ben buys 3 YES at 70 in N", "root starts the AMM with 5000 at 60 in N", "root stops the AMM in N"
    )
    day.do(SetGuard(at=day.now, user_id="ann", grace_ms=5_000, markets=("M", "N")))
    day.do(AuthorizeAmm(at=day.now, market_id="V", authorized=False, by="root"))
    day.play("ann buys 1 YES at 50 in V", "ben buys 1 NO at 50 in V", "root halts in V: smoke")
    day.play("root resumes to SUSPENDED in V: toast")
    for number, by_id in enumerate(("first", "second")):
        day.do(
            StartAmm(
                at=day.now,
                market_id="N",
                initial_budget=1,
                initial_price=60,
                nonce=number,
                by="root",
                by_id=by_id,
                four_eyes=True,
            )
        )
    day.do(
        VoidMarket(at=day.now, market_id="V", void_price_cents=50, by="root", by_id="first", four_eyes=True)
    )
    group: dict[str, Any] = {"at": day.now, "user_id": "ann", "market_id": "N", "group_id": "g"}
    day.do(SetGroup(**group, max_fill_quantity=5, window_ms=1_000))
    day.do(day.wish("ann", price=2, quantity=7, market_id="N", group_id="g"))
    day.do(TriggerGroup(**group))
    day.do(ResetGroup(**group))
    day.do(day.wish("ann", price=2, quantity=7, market_id="N", group_id="g"))
    day.do(DeleteGroup(**group))
    day.do(ForgetOrders(at=day.now, before=day.now, most=3))
    day.do(ForgetKeys(at=day.now, before=day.now, most=3))
    day.do(SetGroup(**group | {"group_id": "stays"}, max_fill_quantity=5, window_ms=1_000))
    day.play("root stops the AMM in N")
    day.do(
        SetMarketMode(
            at=day.now,
            market_id="N",
            mode=TradingMode.CANCEL_ONLY,
            until=day.now + SECOND,
            reason="a storm",
            by="root",
        )
    )
    day.exchange.portion = 1
    day.play("root voids in V", "root halts in N: look")
    day.exchange.portion = PORTION
    told = ("the newest seal tells of a row more",)
    head = day.exchange.head
    day.do(AcceptJournal(at=day.now, last_id=head, reason="a backup", witnesses=told, by="root"))
    day.create("Q")
    day.open("mia", 100_000)
    a_life(day, "mia", "Q")
    over = next(market for market in day.exchange.markets.values() if market.status in OVER)
    day.do(ForgetPositions(at=day.now, market_id=over.id, before=day.now + 1, most=1))
    return day
