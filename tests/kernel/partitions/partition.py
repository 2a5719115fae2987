"""One partition: a whole exchange with its journal, and an account for each partition that cash may go to.

Cash goes as it goes between banks. A keeps an account "to B", B one "to A", both filled beforehand by an
operator. Somebody's cash goes to "to B" in A; for it, B pays the same amount from "to A". Each is one
transfer of one journal, and the name of the first is part of the name of the second: a name moves once.
"""

from collections import defaultdict

import attrs

from kernel.answers import Outcome, Refusal
from kernel.codes import Code, Direction, ReferenceType, Side
from kernel.commands import (
    ActivateMarket,
    AnyCommand,
    CreateMarket,
    Deposit,
    MarketTerms,
    OpenAccount,
    OpenJournal,
    OrderTerms,
    PlaceOrder,
    TransferFunds,
)
from kernel.events import Fact, FundsTransferred, decode_event, encode_event
from kernel.exchange import Exchange

OPERATOR = "operator"
FLOAT = 2_000
"""What an operator puts into an account to another partition at a time."""


@attrs.frozen
class Letter:
    """Somebody's cash has left one partition and is awaited in another."""

    sender: str
    name: str
    """Of the transfer that took it."""
    amount: int
    user_id: str
    """Who shall have it."""


TO = "to "


def to(partition: str) -> str:
    return TO + partition


UNWANTED = " came in vain"


def unwanted(partition: str) -> str:
    """Where cash from there waits that its account cannot take, until it is sent back."""
    return partition + UNWANTED


def received(letter: Letter) -> str:
    """The name of the transfer that pays a letter out."""
    return f"{letter.sender}: {letter.name}"


@attrs.define
class Partition:
    name: str
    exchange: Exchange = attrs.field(factory=Exchange)
    rows: list[tuple[int, int, str | None, bytes]] = attrs.field(factory=list)
    """The journal; what lies behind `durable` is lost when the process is killed."""
    durable: int = 0
    digest: str = ""
    """Of the exchange as it was at the newest durable row."""
    moves: dict[str, tuple[int, FundsTransferred]] = attrs.field(factory=dict)
    """What the journal tells of transfers, by their names, with their rows."""
    gone: defaultdict[str, dict[str, int]] = attrs.field(factory=lambda: defaultdict(dict))
    """Of those, what went to each other partition; "to X" is its account, and an operator only fills it."""
    come: defaultdict[str, dict[str, int]] = attrs.field(factory=lambda: defaultdict(dict))
    """And what came from each, by the name that its sender gave it."""
    filled: dict[str, int] = attrs.field(factory=dict)
    """How often an operator has filled the account to each other partition."""
    now: int = 0

    def do(self, command: AnyCommand) -> Outcome:
        outcome = self.exchange.execute(command)
        for fact in outcome.facts:
            self.rows.append((fact.id, fact.at, fact.market_id, encode_event(fact.event)))
            self.note(fact)
        return outcome

    def note(self, fact: Fact) -> None:
        if isinstance(fact.event, FundsTransferred):
            event, name = fact.event, fact.event.idempotency_key
            self.moves[name] = fact.id, event
            if event.to_user_id.startswith(TO) and event.from_user_id != OPERATOR:
                self.gone[event.to_user_id.removeprefix(TO)][name] = fact.id
            elif event.from_user_id.startswith(TO):
                sender, _, its_name = name.partition(": ")
                self.come[sender][its_name] = fact.id

    def commit(self) -> None:
        self.durable = len(self.rows)
        self.digest = self.exchange.digest()

    def crash(self) -> None:
        """Killed and started again: what it knows is what its journal tells."""
        del self.rows[self.durable :]
        self.exchange = Exchange()
        for noted in (self.moves, self.gone, self.come):
            noted.clear()
        for fact_id, at, market_id, payload in self.rows:
            fact = Fact(fact_id, at, market_id, decode_event(payload))
            self.exchange.apply(fact)
            self.note(fact)
        assert self.exchange.digest() == self.digest

    def open(self, others: list[str], users: list[str], cents: int) -> None:
        """A market, its users, and an account to each of the others with something in it."""
        self.do(OpenJournal(at=0))
        for user_id in (OPERATOR, *users):
            self.do(OpenAccount(at=0, user_id=user_id))
            self.do(Deposit(at=0, user_id=user_id, amount=cents))
        for other in others:
            for account in (to(other), unwanted(other)):
                self.do(OpenAccount(at=0, user_id=account, owner_id=OPERATOR, auto_netting=False))
            self.fill(other)
        self.do(CreateMarket(at=0, market_id=self.name, terms=MarketTerms(title="Will it?"), by="root"))
        self.do(ActivateMarket(at=0, market_id=self.name, by="root"))
        self.commit()

    def fill(self, other: str) -> None:
        """More than anybody has under way can then be paid out."""
        self.filled[other] = self.filled.get(other, 0) + 1
        self.do(Deposit(at=self.now, user_id=OPERATOR, amount=FLOAT))
        self.move(OPERATOR, to(other), FLOAT, f"float {other} {self.filled[other]}", ReferenceType.MM_PAYMENT)
        self.commit()

    def move(self, giver: str, taker: str, amount: int, name: str, kind: ReferenceType) -> Code | None:
        """Why it was refused; nothing, when it is done or was done before."""
        answer = self.do(
            TransferFunds(
                at=self.now,
                from_id=giver,
                to_id=taker,
                amount=amount,
                reference_type=kind,
                idempotency_key=name,
            )
        ).answer
        return answer.code if isinstance(answer, Refusal) else None

    def trade(self, user_id: str, name: str, price: int, side: Side) -> None:
        """Somebody uses the cash that is here for what it is for."""
        terms = OrderTerms(side, Direction.BUY, price, 10)
        self.do(
            PlaceOrder(
                at=self.now,
                user_id=user_id,
                client_order_id=name,
                market_id=self.name,
                terms=terms,
                nonce=len(self.rows),
            )
        )

    # Cash on its way

    def send(self, user_id: str, receiver: str, amount: int, name: str) -> Code | None:
        return self.move(user_id, to(receiver), amount, name, ReferenceType.MM_VENUE_OUT)

    def receive(self, letter: Letter) -> None:
        """Pay it to whom it is for; if that cannot be, keep it aside under the same name.

        Whichever comes first is in the journal and decides for ever: a letter that comes once more finds its
        name used, also when the account that was missing has been opened since. Where too little is left in
        the account that pays, the letter waits for what comes the other way.
        """
        source, name = to(letter.sender), received(letter)
        refused = self.move(source, letter.user_id, letter.amount, name, ReferenceType.MM_VENUE_IN)
        if refused is Code.ACCOUNT_NOT_FOUND:
            self.move(source, unwanted(letter.sender), letter.amount, name, ReferenceType.MM_WITHDRAW)

    def send_back(self) -> None:
        """What was kept aside goes where it came from: found in the journal, whoever put it there."""
        for name, (_, event) in [*self.moves.items()]:
            back = f"back {name}"
            if event.to_user_id.endswith(UNWANTED) and back not in self.moves:
                other = event.to_user_id.removesuffix(UNWANTED)
                self.move(event.to_user_id, to(other), event.amount_cents, back, ReferenceType.MM_PAYMENT)

    # What its journal tells others

    def sent(self, receiver: str, upto: int) -> set[str]:
        """The names of what went to another partition, in the rows of the journal up to one of them."""
        return {name for name, row in self.gone[receiver].items() if row <= upto}

    def received(self, sender: str, upto: int) -> set[str]:
        """The names, as their sender gave them, of what came from another partition."""
        return {name for name, row in self.come[sender].items() if row <= upto}

    def available(self, account: str) -> int:
        return self.exchange.accounts[account].available
