"""What a run of facts makes of the tables, folded in memory. It repeats no rule; values come from the facts.

Of a row that changes a hundred times only the last values stay, and an order that comes and goes within one
batch is one row, as it ended. Rows that are only ever added (trades, ledger entries) are packed at once. It
knows what the tables hold; how they are written is the business of the projections.
"""

import struct
from collections.abc import Callable
from typing import Any, Final

import attrs

from kernel.clearing import SCENARIOS
from kernel.codes import (
    AUDIT_COUNTERPARTY,
    CancelReason,
    Direction,
    MarketStatus,
    OrderStatus,
    ReferenceType,
    ResolutionResult,
    StopMode,
    TradeScenario,
)
from kernel.events import (
    AccountOpened,
    AdminConfirmed,
    AdminProposed,
    AmmStarted,
    AmmStopped,
    AnyEvent,
    CircuitBreakerResolved,
    CircuitBreakerTriggered,
    Fact,
    FenceRaised,
    Fill,
    FundsDeposited,
    FundsTransferred,
    FundsWithdrawn,
    GuardSet,
    JournalAccepted,
    JournalOpened,
    MarketAfter,
    MarketAmmAuthorized,
    MarketClosing,
    MarketCreated,
    MarketSettled,
    MarketStatusChanged,
    NettingExecuted,
    OrderAccepted,
    OrderCancelled,
    OrderExpired,
    OrderMatched,
    OrderPartiallyFilled,
    PositionAfter,
    PositionSettled,
    SharesBurned,
    SharesMinted,
    SharesTransferred,
    reference,
    trade_name,
)
from persistence.postgres.packing import (
    FALSE,
    KEY,
    TRUE,
    cut,
    header,
    id_text,
    int2,
    int4,
    int8,
    int8_or_null,
    name,
    null,
    text,
    time,
    uuid,
)

PARTIES: Final = {scenario: parties for parties, scenario in SCENARIOS.items()}
"""Which book types meet in each scenario: buy, sell."""
AUDIT_PRICE: Final = 50
"""What a privileged mint or burn reckons each share at."""

TRADE_ROW: Final = header(21)
ABOUT_ORDER: Final = name(ReferenceType.ORDER)
entry_begin = struct.Struct(">hiq").pack
"""A ledger entry's ten columns, and the first of them: its number."""
entry_amounts = struct.Struct(">iqiq").pack


@attrs.define(eq=False)
class AccountNow:
    available: int
    frozen: int
    entries: int
    """How many ledger entries are new."""
    updated_at: int


@attrs.define(eq=False)
class OrderNow:
    status: OrderStatus
    remaining: int
    frozen: int
    updated_at: int
    cancel_reason: CancelReason | None = None


@attrs.define(eq=False)
class PositionNow:
    after: PositionAfter
    created_at: int
    """When it came to be, should it be new."""
    updated_at: int


@attrs.define(eq=False)
class MarketNow:
    """What changed of a market; null is what did not, for nothing here ever becomes null again."""

    updated_at: int
    status: MarketStatus | None = None
    resolution_result: ResolutionResult | None = None
    resolved_at: int | None = None
    settled_at: int | None = None
    amm_authorized: bool | None = None
    totals: MarketAfter | None = None


@attrs.define(eq=False)
class RunNow:
    """The market maker's run in a market: how it began, if it did so in this batch, and how it stopped."""

    started: tuple[Fact, AmmStarted] | None
    stopped_at: int | None = None
    stop_mode: StopMode | None = None
    first_started_at: int = 0
    """When it began for the first time in this batch."""


@attrs.define(eq=False)
class Batch:
    """The rows that are new, and the new values of those that are not."""

    after: int
    """The journal id up to which the tables tell already."""
    last: int = attrs.field(init=False)
    """The journal id up to which they tell with this batch."""
    digest: bytes | None = attrs.field(default=None, init=False)
    """The chain's as of `last`, where a transaction of the journal ends there; a batch may end within one."""
    opened: list[tuple[Fact, AccountOpened]] = attrs.field(factory=list)
    accounts: dict[str, AccountNow] = attrs.field(factory=dict)
    created: list[tuple[Fact, MarketCreated]] = attrs.field(factory=list)
    markets: dict[str, MarketNow] = attrs.field(factory=dict)
    runs: dict[str, RunNow] = attrs.field(factory=dict)
    accepted: dict[str, tuple[Fact, OrderAccepted]] = attrs.field(factory=dict)
    orders: dict[str, OrderNow] = attrs.field(factory=dict)
    """The accepted ones as they are now, and older ones that changed."""
    positions: dict[tuple[str, str], PositionNow] = attrs.field(factory=dict)
    """By market and account."""
    trades: list[bytes] = attrs.field(factory=list)
    """Rows of trades, packed, in pieces; so are the ledger entries."""
    entries: list[bytes] = attrs.field(factory=list)
    faults: list[tuple[Fact, CircuitBreakerTriggered]] = attrs.field(factory=list)
    mended: list[tuple[Fact, CircuitBreakerResolved]] = attrs.field(factory=list)

    def __attrs_post_init__(self) -> None:
        self.last = self.after

    def add(self, fact: Fact) -> None:
        """One fact more; it must be the next."""
        assert fact.id == self.last + 1, f"fact {fact.id} after {self.last}"
        self.last = fact.id
        event = fact.event
        FOLDS[type(event)](self, fact, event)
        if event.postings:
            self._post(fact, event)
        market_id = fact.market_id
        if market_id is None:
            return
        for after in event.positions:
            held = self.positions.get((market_id, after.user_id))
            if held is None:
                self.positions[market_id, after.user_id] = PositionNow(after, fact.at, fact.at)
            else:
                held.after, held.updated_at = after, fact.at
        if event.market is not None:
            self._market(fact).totals = event.market

    def _post(self, fact: Fact, event: AnyEvent) -> None:
        """Ledger entries, and the balances they lead to."""
        kind, reference_id = reference(fact)
        about = name(kind) + (null if reference_id is None else text(cut(reference_id, KEY)))
        market = null if fact.market_id is None else name(fact.market_id)
        where_why_when = market + text(described(event)) + time(fact.at)
        add, accounts = self.entries.extend, self.accounts
        for ledger_id, posting in enumerate(event.postings, event.ledger_id):
            user_id, amount, balance_after = posting.user_id, posting.amount, posting.balance_after
            of_order = posting.order_id
            add(
                (
                    entry_begin(10, 8, ledger_id),
                    id_text(user_id),
                    name(posting.entry_type),
                    entry_amounts(8, amount, 8, balance_after),
                    about if of_order is None else ABOUT_ORDER + text(of_order),
                    where_why_when,
                )
            )
            account = accounts.get(user_id)
            if account is None:
                accounts[user_id] = AccountNow(balance_after, posting.frozen_after, 1, fact.at)
            else:
                account.available = balance_after
                account.frozen = posting.frozen_after
                account.entries += 1
                account.updated_at = fact.at

    def _market(self, fact: Fact) -> MarketNow:
        """The fact's market, which it changes."""
        assert fact.market_id is not None
        market = self.markets.get(fact.market_id)
        if market is None:
            market = self.markets[fact.market_id] = MarketNow(fact.at)
        market.updated_at = fact.at
        return market

    def _nothing(self, _fact: Fact, _event: AnyEvent) -> None:
        """What it changed, its postings, positions and totals say; or no table tells of it."""

    def _open(self, fact: Fact, event: AccountOpened) -> None:
        self.opened.append((fact, event))

    def _create(self, fact: Fact, event: MarketCreated) -> None:
        self.created.append((fact, event))

    def _change_status(self, fact: Fact, event: MarketStatusChanged) -> None:
        market = self._market(fact)
        market.status = event.new_status
        market.resolution_result = event.resolution_result
        market.resolved_at = event.resolved_at

    def _authorize(self, fact: Fact, event: MarketAmmAuthorized) -> None:
        self._market(fact).amm_authorized = event.amm_authorized

    def _settle(self, fact: Fact, event: MarketSettled) -> None:
        market = self._market(fact)
        market.status = event.new_status
        market.settled_at = event.settled_at

    def _start(self, fact: Fact, event: AmmStarted) -> None:
        assert fact.market_id is not None
        before = self.runs.get(fact.market_id)
        first = before.first_started_at if before is not None and before.started is not None else fact.at
        self.runs[fact.market_id] = RunNow((fact, event), first_started_at=first)

    def _stop(self, fact: Fact, event: AmmStopped) -> None:
        assert fact.market_id is not None
        run = self.runs.setdefault(fact.market_id, RunNow(None))
        run.stopped_at, run.stop_mode = fact.at, event.stop_mode

    def _trip(self, fact: Fact, event: CircuitBreakerTriggered) -> None:
        self._market(fact)
        self.faults.append((fact, event))

    def _mend(self, fact: Fact, event: CircuitBreakerResolved) -> None:
        self.mended.append((fact, event))

    def _accept(self, fact: Fact, event: OrderAccepted) -> None:
        self.accepted[event.order_id] = fact, event
        self.orders[event.order_id] = OrderNow(
            OrderStatus.OPEN, event.remaining_qty, event.frozen_amount, fact.at
        )

    def _fill(self, fact: Fact, event: Fill) -> None:
        maker, taker = event.orders
        self.orders[event.order_id] = OrderNow(
            maker.status, maker.remaining_quantity, maker.frozen_amount, fact.at
        )
        self.orders[event.counterparty_order_id] = OrderNow(
            taker.status, taker.remaining_quantity, taker.frozen_amount, fact.at
        )
        trade = event.trade
        # Their positions are the maker's, then the taker's; where there is one, it met itself.
        makes, takes = uuid(event.order_id), uuid(event.counterparty_order_id)
        maker_user, taker_user = event.positions[0].user_id, event.positions[-1].user_id
        maker_buys = trade.maker_direction is Direction.BUY
        self._trade(
            fact,
            trade.trade_id,
            trade.scenario,
            makes + takes if maker_buys else takes + makes,
            (maker_user, taker_user) if maker_buys else (taker_user, maker_user),
            (event.trade_price, event.fill_qty),
            makes + takes,
            int8(trade.maker_fee) + int8(trade.taker_fee),
            int8_or_null(trade.buy_realized_pnl) + int8_or_null(trade.sell_realized_pnl) + FALSE,
        )

    def _mint(self, fact: Fact, event: SharesMinted) -> None:
        self._audit(fact, event, TradeScenario.MINT, (event.user_id, AUDIT_COUNTERPARTY))

    def _burn(self, fact: Fact, event: SharesBurned) -> None:
        self._audit(fact, event, TradeScenario.BURN, (AUDIT_COUNTERPARTY, event.user_id))

    def _audit(
        self, fact: Fact, event: SharesMinted | SharesBurned, scenario: TradeScenario, users: tuple[str, str]
    ) -> None:
        """The row of a privileged mint or burn: one order id for both sides, which names no order."""
        trade = event.trade
        both = uuid(trade.order_id) * 2
        self._trade(
            fact,
            trade.trade_id,
            scenario,
            both,
            users,
            (AUDIT_PRICE, event.quantity),
            both,
            int8(0) * 2,
            null + int8_or_null(trade.realized_pnl) + TRUE,
        )

    def _trade(
        self,
        fact: Fact,
        trade_id: int,
        scenario: TradeScenario,
        order_ids: bytes,
        users: tuple[str, str],
        terms: tuple[int, int],
        maker_and_taker: bytes,
        fees: bytes,
        realized: bytes,
    ) -> None:
        assert fact.market_id is not None
        (buyer, seller), (price, quantity) = users, terms
        buy_book_type, sell_book_type = PARTIES[scenario]
        at = time(fact.at)
        self.trades.extend(
            (
                TRADE_ROW,
                row_id(trade_id),
                text(trade_name(trade_id)),
                name(fact.market_id),
                name(scenario),
                order_ids,
                id_text(buyer),
                id_text(seller),
                name(buy_book_type),
                name(sell_book_type),
                int2(price),
                int4(quantity),
                maker_and_taker,
                fees,
                realized,
                at,
                at,
            )
        )

    def _cancel(self, fact: Fact, event: OrderCancelled) -> None:
        self.orders[event.order_id] = OrderNow(
            OrderStatus.CANCELLED, event.remaining_qty, 0, fact.at, event.cancel_reason
        )

    def _expire(self, fact: Fact, event: OrderExpired) -> None:
        self.orders[event.order_id] = OrderNow(
            OrderStatus.CANCELLED, event.expired_qty, 0, fact.at, CancelReason.IOC_UNFILLED
        )


FOLDS: Final[dict[type[AnyEvent], Callable[[Batch, Fact, Any], None]]] = {
    OrderAccepted: Batch._accept,
    OrderPartiallyFilled: Batch._fill,
    OrderMatched: Batch._fill,
    OrderCancelled: Batch._cancel,
    OrderExpired: Batch._expire,
    NettingExecuted: Batch._nothing,
    SharesMinted: Batch._mint,
    SharesBurned: Batch._burn,
    FundsDeposited: Batch._nothing,
    FundsWithdrawn: Batch._nothing,
    AccountOpened: Batch._open,
    FundsTransferred: Batch._nothing,
    SharesTransferred: Batch._nothing,
    FenceRaised: Batch._nothing,
    GuardSet: Batch._nothing,
    MarketCreated: Batch._create,
    MarketStatusChanged: Batch._change_status,
    MarketAmmAuthorized: Batch._authorize,
    PositionSettled: Batch._nothing,
    MarketClosing: Batch._nothing,
    MarketSettled: Batch._settle,
    AmmStarted: Batch._start,
    AmmStopped: Batch._stop,
    CircuitBreakerTriggered: Batch._trip,
    CircuitBreakerResolved: Batch._mend,
    AdminProposed: Batch._nothing,
    AdminConfirmed: Batch._nothing,
    JournalOpened: Batch._nothing,
    JournalAccepted: Batch._nothing,
}
"""What each kind of fact does to the tables, beside the members that every fact may have."""


def described(event: AnyEvent) -> str:
    """Why an account changed, in a few words for people."""
    match event:
        case OrderAccepted():
            return (
                f"Freeze for {event.original_direction} {event.original_side} "
                f"{event.quantity} @{event.original_price}"
            )
        case Fill():
            return f"{event.trade.scenario} {event.fill_qty} @{event.trade_price}"
        case OrderCancelled():
            return f"Cancelled: {event.cancel_reason}"
        case OrderExpired():
            return f"Expired with {event.expired_qty} not filled"
        case NettingExecuted():
            return f"Netted {event.quantity} pairs"
        case SharesMinted():
            return f"Minted {event.quantity} pairs"
        case SharesBurned():
            return f"Burned {event.quantity} pairs"
        case PositionSettled():
            return f"Settled {event.resolution_result}"
        case FundsDeposited():
            return f"Deposit: {event.cause}"
        case FundsTransferred():
            return f"Transfer: {event.reference_type}"
        case _:
            return "Withdrawal"


def row_id(trade_id: int) -> bytes:
    """The surrogate id of a trade's row: made from its number, so that it sorts, and repeats in a rebuild."""
    high, middle, low = trade_id >> 16, trade_id >> 4 & 0xFFF, trade_id & 0xF
    version, variant = 0x8, 0b10
    value = high << 80 | version << 76 | middle << 64 | variant << 62 | low << 58
    return b"\0\0\0\x10" + value.to_bytes(16, "big")
