"""The life of a market: every command in every status. The table of steps is what is seen on the way."""

from collections.abc import Callable
from typing import get_args

import attrs
import pytest

from kernel.answers import Refusal
from kernel.codes import (
    AMM_ID,
    CircuitBreakerTrigger,
    Code,
    Direction,
    MarketStatus,
    ReferenceType,
    Side,
    TradingMode,
)
from kernel.commands import (
    AcceptJournal,
    ActivateMarket,
    AmendByClientId,
    AmendOrder,
    AnyCommand,
    AtomicBatch,
    AuthorizeAmm,
    BatchCancel,
    BurnShares,
    CancelAll,
    CancelByClientId,
    CancelOrder,
    CloseMarket,
    Command,
    CreateMarket,
    DeleteGroup,
    Deposit,
    FireGuard,
    ForgetKeys,
    ForgetOrders,
    ForgetPositions,
    HaltMarket,
    MarketTerms,
    MintShares,
    OpenAccount,
    OpenJournal,
    OrderTerms,
    PlaceOrder,
    RaiseFence,
    ReplaceOrder,
    ResetGroup,
    ResolveMarket,
    ResumeMarket,
    SetGroup,
    SetGuard,
    SetMarketMode,
    SettleMarket,
    StartAmm,
    StopAmm,
    SuspendMarket,
    Tick,
    TransferFunds,
    TransferShares,
    TriggerGroup,
    TripBreaker,
    VoidMarket,
    Withdraw,
)
from kernel.events import MarketSettled, MarketStatusChanged
from kernel.exchange import Exchange
from kernel.life import EDGES
from kernel.making_commands import AnyMmCommand
from tests.kernel.trading import NOON

END = NOON + 1_000_000
"""Trading ends, where the market is walked on until then."""
M = "M"


def traded() -> Exchange:
    """A market that trades, in which the market maker runs, and with an order of everybody's at rest."""
    exchange = drafted()
    do(exchange, ActivateMarket(at=NOON, market_id=M, by="root"))
    do(
        exchange,
        StartAmm(at=NOON, market_id=M, initial_budget=100_000, initial_price=50, nonce=1, by="root"),
        place("ann", "bid", OrderTerms(Side.YES, Direction.BUY, 40, 5)),
        place("ben", "taken", OrderTerms(Side.YES, Direction.BUY, 60, 2)),
        place(AMM_ID, "sold", OrderTerms(Side.YES, Direction.SELL, 60, 2)),
        place(AMM_ID, "quote", OrderTerms(Side.YES, Direction.SELL, 70, 5)),
    )
    return exchange


def drafted() -> Exchange:
    exchange = Exchange()
    terms = MarketTerms(title="Will it?", trading_end_at=END)
    do(
        exchange,
        OpenJournal(at=NOON),
        OpenAccount(at=NOON, user_id="ann"),
        OpenAccount(at=NOON, user_id="ben"),
        OpenAccount(at=NOON, user_id="sub", owner_id="ann", auto_netting=False),
        Deposit(at=NOON, user_id="ann", amount=10_000),
        Deposit(at=NOON, user_id="ben", amount=10_000),
        Deposit(at=NOON, user_id=AMM_ID, amount=100_000),
        SetGuard(at=NOON, user_id="ann", grace_ms=0),
        CreateMarket(at=NOON, market_id=M, terms=terms, by="root"),
    )
    return exchange


def do(exchange: Exchange, *commands: AnyCommand) -> Exchange:
    for command in commands:
        answer = exchange.execute(command).answer
        assert not isinstance(answer, Refusal), answer
    return exchange


def closing(result: str) -> Exchange:
    """Resolved, with more to do than one step does: the first portion of it is done."""
    exchange = traded()
    exchange.portion = 1
    return do(exchange, resolve(result, settle=True))


def place(user_id: str, name: str, terms: OrderTerms, at: int = NOON) -> PlaceOrder:
    return PlaceOrder(at=at, user_id=user_id, client_order_id=name, market_id=M, terms=terms, nonce=0)


def resolve(result: str, *, settle: bool) -> ResolveMarket:
    price = 50 if result == "VOID" else None
    return ResolveMarket(
        at=NOON, market_id=M, result=result, settle=settle, void_price_cents=price, by="root"
    )


def suspended() -> Exchange:
    return do(traded(), SuspendMarket(at=NOON, market_id=M, by="root"))


def halted() -> Exchange:
    return do(traded(), HaltMarket(at=NOON, market_id=M, reason="smoke", by="root"))


STAGES: dict[str, tuple[Callable[[], Exchange], int]] = {
    "DRA": (drafted, NOON),
    "ACT": (traded, NOON),
    "late": (traded, END),
    "SUS": (suspended, NOON),
    "late,": (suspended, END),
    "HAL": (halted, NOON),
    "late.": (halted, END),
    "RES": (lambda: do(traded(), resolve("YES", settle=False)), NOON),
    "void": (lambda: do(traded(), resolve("VOID", settle=False)), NOON),
    "pays": (lambda: closing("NO"), NOON),
    "void,": (lambda: closing("VOID"), NOON),
    "SET": (lambda: do(traded(), resolve("YES", settle=True)), NOON),
    "VOI": (lambda: do(traded(), resolve("VOID", settle=True)), NOON),
}
"""Where a market can be, by the beginnings of its status, and when it is asked.

`late`: its trading window is over; `void`: resolved as void; `pays`: resolved, and its end is under way, in
portions.
"""


def given(exchange: Exchange, at: int) -> dict[str, AnyCommand]:
    """One of each kind; but for the market's status nothing speaks against any of them."""
    orders = {order.client_order_id: order.id for order in exchange.orders.values()}
    new = OrderTerms(Side.YES, Direction.BUY, 30, 1)
    commands: list[AnyCommand] = [
        place("ann", "new", new, at),
        ReplaceOrder(
            at=at,
            user_id=AMM_ID,
            client_order_id="new",
            market_id=M,
            terms=new,
            nonce=9,
            old_order_id=orders.get("quote", "none"),
        ),
        CancelOrder(at=at, user_id="ann", order_id=orders.get("bid", "none")),
        CancelByClientId(at=at, user_id="ann", market_id=M, client_order_id="bid"),
        AmendOrder(at=at, user_id="ann", order_id=orders.get("bid", "none"), price=41),
        AmendByClientId(at=at, user_id="ann", market_id=M, client_order_id="bid", quantity=4),
        BatchCancel(at=at, user_id=AMM_ID, market_id=M),
        CancelAll(at=at, user_id="ann", market_id=M),
        AtomicBatch(at=at, user_id="ann", market_id=M, commands=(place("ann", "newer", new, at),)),
        SetGroup(at=at, user_id="ann", market_id=M, group_id="g", max_fill_quantity=1, window_ms=100),
        ResetGroup(at=at, user_id="ann", market_id=M, group_id="g"),
        TriggerGroup(at=at, user_id="ann", market_id=M, group_id="g"),
        DeleteGroup(at=at, user_id="ann", market_id=M, group_id="g"),
        FireGuard(at=at, user_id="ann", market_id=M),
        MintShares(at=at, user_id=AMM_ID, market_id=M, quantity=1, idempotency_key="k", nonce=9),
        BurnShares(at=at, user_id=AMM_ID, market_id=M, quantity=1, idempotency_key="k", nonce=9),
        TransferShares(
            at=at,
            from_id="ben",
            to_id="sub",
            market_id=M,
            side=Side.YES,
            quantity=1,
            reference_type=ReferenceType.MM_REWARD,
            idempotency_key="k",
        ),
        SetGuard(at=at, user_id="ben", grace_ms=5, markets=(M,)),
        CreateMarket(at=at, market_id=M, terms=MarketTerms(title="?"), by="root"),
        ActivateMarket(at=at, market_id=M, by="root"),
        SuspendMarket(at=at, market_id=M, by="root"),
        Tick(at=at, market_id=M),
        HaltMarket(at=at, market_id=M, reason="smoke", by="root"),
        TripBreaker(at=at, market_id=M, trigger=CircuitBreakerTrigger.MANUAL, context={}),
        ResumeMarket(at=at, market_id=M, resolution_note="fine", by="root"),
        SetMarketMode(at=at, market_id=M, mode=TradingMode.CANCEL_ONLY, by="root"),
        ResolveMarket(at=at, market_id=M, result="NO", settle=False, by="root"),
        VoidMarket(at=at, market_id=M, void_price_cents=50, by="root"),
        SettleMarket(at=at, market_id=M, by="root"),
        CloseMarket(at=at, market_id=M),
        StartAmm(at=at, market_id=M, initial_budget=200, initial_price=50, nonce=9, by="root"),
        StopAmm(at=at, market_id=M, by="root"),
        AuthorizeAmm(at=at, market_id=M, authorized=False, by="root"),
        # What belongs to no market.
        OpenAccount(at=at, user_id="eve"),
        Deposit(at=at, user_id="ann", amount=1),
        Withdraw(at=at, user_id="ann", amount=1),
        TransferFunds(
            at=at,
            from_id="ann",
            to_id="sub",
            amount=1,
            reference_type=ReferenceType.MM_PAYMENT,
            idempotency_key="k",
        ),
        RaiseFence(at=at, user_id="sub", fence=1),
        ForgetOrders(at=at, before=at, most=500),
        ForgetKeys(at=at, before=at, most=500),
        ForgetPositions(at=at, market_id="M", before=at, most=500),
        AcceptJournal(at=at, last_id=exchange.head, reason="a backup", witnesses=(), by="root"),
    ]
    named = {type(command).__name__: command for command in commands}
    named["... to SUSPENDED"] = ResumeMarket(
        at=at, market_id=M, target_status=MarketStatus.SUSPENDED, resolution_note="fine", by="root"
    )
    named["... and settle"] = ResolveMarket(at=at, market_id=M, result="NO", by="root")
    return named


@attrs.frozen
class Seen:
    """What came of one command, to its last portion."""

    code: Code | None
    steps: list[tuple[MarketStatus, MarketStatus]]

    def __str__(self) -> str:
        if self.code is not None:
            return str(self.code.value)
        return self.steps[-1][1].value[:3] if self.steps else "."


def see(stage: str, name: str) -> Seen:
    start, at = STAGES[stage]
    exchange = start()
    exchange.portion = 200
    command: AnyCommand | None = given(exchange, at)[name]
    steps: list[tuple[MarketStatus, MarketStatus]] = []
    while command is not None:
        before = exchange.markets[M].status
        outcome = exchange.execute(command)
        events = [fact.event for fact in outcome.facts]
        changes = [event for event in events if isinstance(event, MarketStatusChanged | MarketSettled)]
        steps += [(event.previous_status, event.new_status) for event in changes]
        assert exchange.markets[M].status is (steps[-1][1] if steps else before)
        command = outcome.then
    code = outcome.answer.code if isinstance(outcome.answer, Refusal) else None
    assert code is None or not steps, "who is refused has changed nothing"
    return Seen(code, steps)


WALK = """
                        DRA   ACT   late  SUS   late, HAL   late. RES   void  pays  void, SET   VOI
PlaceOrder              3001  .     3002  3002  3002  3002  3002  3002  3002  3002  3002  3002  3002
ReplaceOrder            6002  .     3002  3002  3002  3002  3002  4006  4006  4006  4006  4006  4006
CancelOrder             4004  .     .     .     .     3002  3002  4006  4006  4006  4006  4006  4006
CancelByClientId        4004  .     .     .     .     3002  3002  4006  4006  4006  4006  4006  4006
AmendOrder              4004  .     3002  3002  3002  3002  3002  4006  4006  4006  4006  4006  4006
AmendByClientId         4004  .     .     .     .     3002  3002  4006  4006  4006  4006  4006  4006
BatchCancel             3001  .     .     .     .     3002  3002  .     .     .     .     .     .
CancelAll               3001  .     .     .     .     3002  3002  .     .     .     .     .     .
AtomicBatch             3001  .     4014  4014  4014  4014  4014  4014  4014  4014  4014  4014  4014
SetGroup                3001  .     .     .     .     3002  3002  3002  3002  3002  3002  3002  3002
ResetGroup              3001  4016  4016  4016  4016  3002  3002  3002  3002  3002  3002  3002  3002
TriggerGroup            3001  4016  4016  4016  4016  3002  3002  3002  3002  3002  3002  3002  3002
DeleteGroup             3001  4016  4016  4016  4016  3002  3002  3002  3002  3002  3002  3002  3002
FireGuard               .     .     .     .     .     3002  3002  .     .     .     .     .     .
MintShares              3001  .     3002  3002  3002  3002  3002  3002  3002  3002  3002  3002  3002
BurnShares              3001  .     3002  3002  3002  3002  3002  3002  3002  3002  3002  3002  3002
TransferShares          3001  .     .     .     .     3002  3002  .     .     3002  3002  5001  5001
SetGuard                3001  .     .     .     .     .     .     .     .     .     .     .     .
CreateMarket            3006  3006  3006  3006  3006  3006  3006  3006  3006  3006  3006  3006  3006
ActivateMarket          ACT   3005  3005  3005  3005  3005  3005  3005  3005  3005  3005  3005  3005
SuspendMarket           3005  SUS   SUS   3005  3005  3005  3005  3005  3005  3005  3005  3005  3005
Tick                    .     .     SUS   .     .     .     .     .     .     .     .     .     .
HaltMarket              3005  HAL   HAL   HAL   HAL   3005  3005  3005  3005  3005  3005  3005  3005
TripBreaker             .     HAL   HAL   HAL   HAL   .     .     .     .     .     .     .     .
ResumeMarket            3005  3005  3005  ACT   3005  ACT   3005  3005  3005  3005  3005  3005  3005
SetMarketMode           .     .     .     .     .     .     .     3005  3005  3005  3005  3005  3005
ResolveMarket           3003  RES   RES   RES   RES   RES   RES   3003  3003  3003  3003  3003  3003
VoidMarket              3003  VOI   VOI   VOI   VOI   VOI   VOI   3003  3003  3003  3003  3003  3003
SettleMarket            3005  3005  3005  3005  3005  3005  3005  SET   VOI   3005  3005  3005  3005
CloseMarket             3005  3005  3005  3005  3005  3005  3005  3005  3005  SET   VOI   3005  3005
StartAmm                3002  6007  3002  3002  3002  3002  3002  3002  3002  3002  3002  3002  3002
StopAmm                 6008  .     .     .     .     .     .     .     .     .     .     6008  6008
AuthorizeAmm            .     .     .     .     .     .     .     .     .     .     .     .     .
OpenAccount             .     .     .     .     .     .     .     .     .     .     .     .     .
Deposit                 .     .     .     .     .     .     .     .     .     .     .     .     .
Withdraw                .     .     .     .     .     .     .     .     .     .     .     .     .
TransferFunds           .     .     .     .     .     .     .     .     .     .     .     .     .
RaiseFence              .     .     .     .     .     .     .     .     .     .     .     .     .
ForgetOrders            .     .     .     .     .     .     .     .     .     .     .     .     .
ForgetKeys              .     .     .     .     .     .     .     .     .     .     .     .     .
ForgetPositions         3001  .     .     .     .     .     .     .     .     .     .     .     .
AcceptJournal           .     .     .     .     .     .     .     .     .     .     .     .     .
... to SUSPENDED        3005  3005  3005  3005  3005  SUS   SUS   3005  3005  3005  3005  3005  3005
... and settle          3003  SET   SET   SET   SET   SET   SET   3003  3003  3003  3003  3003  3003
"""
"""Of each command in each place: the code it is refused with, or the status the market has then, or a dot."""
HEADER, *ROWS = WALK.strip("\n").splitlines()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[:24].strip())
def test_each_command_does_in_each_status_what_the_walk_says(row: str) -> None:
    name, cells = row[:24].strip(), row[24:].split()
    assert dict(zip(STAGES, cells, strict=True)) == {stage: str(see(stage, name)) for stage in STAGES}


PLAIN = set(get_args(AnyCommand)) - set(get_args(AnyMmCommand))
"""What a status means for market-making orders has a table of its own."""


def test_the_walk_leaves_nothing_out() -> None:
    """No command but the one that a market never sees, and no status."""
    commands = given(drafted(), NOON)
    assert [row[:24].strip() for row in ROWS] == list(commands)
    assert {type(command) for command in commands.values()} == PLAIN - {OpenJournal}
    assert HEADER.split() == list(STAGES)
    assert {start().markets[M].status for start, _ in STAGES.values()} == set(MarketStatus)


def test_the_table_of_steps_is_what_is_seen_on_the_walk() -> None:
    """Not one more, not one less. Who resolves and settles at once takes the step of a settlement, too."""
    taken = set[tuple[MarketStatus, type[Command], MarketStatus]]()
    commands = given(drafted(), NOON)
    for stage in STAGES:
        for name in commands:
            kind = type(commands[name])
            for number, (start, end) in enumerate(see(stage, name).steps):
                taken.add((start, SettleMarket if number else kind, end))
    assert taken == {(edge.start, edge.command, edge.end) for edge in EDGES}


def test_a_broken_invariant_halts_whatever_a_halt_can_stop() -> None:
    """The breaker is tripped in the middle of another command, and only then."""
    for stage, (start, at) in STAGES.items():
        exchange = start()
        market = exchange.markets[M]
        before = market.status
        market.yes_shares += 1
        outcome = exchange.execute(given(exchange, at)["PlaceOrder"])
        halts = stage == "ACT"
        assert market.status is (MarketStatus.HALTED if halts else before), stage
        assert isinstance(outcome.answer, Refusal)
        assert (outcome.answer.code is Code.INTERNAL) == halts
