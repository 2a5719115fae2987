"""What a run of facts makes of the tables, folded in memory. It repeats no rule; values come from the facts.

If a row changes a hundred times only its last values remain, and an order that comes and goes within one
batch is one row, as it ended. Rows that are only ever added (trades, ledger entries) are packed at once.
Folding knows the values of each row; `table_writer.py` knows how they are written.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any, Final

import attrs
import msgspec

from kernel.clearing import PARTIES
from kernel.codes import (
    AUDIT_COUNTERPARTY,
    AmmStatus,
    CancelReason,
    Direction,
    GroupState,
    MarketStatus,
    OrderStatus,
    PriceType,
    ReferenceType,
    StatusReason,
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
    KeysForgotten,
    MarketAmmAuthorized,
    MarketClosing,
    MarketCreated,
    MarketModeChanged,
    MarketSettled,
    MarketStatusChanged,
    NettingExecuted,
    OrderAccepted,
    OrderAmended,
    OrderCancelled,
    OrderExpired,
    OrderGroupDeleted,
    OrderGroupReset,
    OrderGroupSet,
    OrderGroupTriggered,
    OrderMatched,
    OrderPartiallyFilled,
    OrdersForgotten,
    PositionSettled,
    PositionsForgotten,
    SharesBurned,
    SharesMinted,
    SharesTransferred,
    reference,
    trade_name,
)
from kernel.making_events import (
    MmCampaignChanged,
    MmCampaignCreated,
    MmCaseChanged,
    MmLeaseAcquired,
    MmLeaseReleased,
    MmLeaseRenewed,
    MmOrderChanged,
    MmOrderCreated,
    MmParticipationChanged,
    MmVenueChanged,
)
from persistence.postgres.columns import Row, Table
from persistence.postgres.packing import uuid
from persistence.tables.campaigns import CampaignRows
from persistence.tables.candles import Candles
from persistence.tables.changes import (
    AccountNow,
    AmendedNow,
    GroupStep,
    MarketNow,
    Moved,
    OrderNow,
    PositionNow,
)
from persistence.tables.columns import (
    ACCOUNTS,
    CIRCUIT_BREAKER_EVENTS,
    KEY_USES,
    LEDGER_ENTRIES,
    MARKET_ACTIVITY,
    MARKETS,
    ORDERS,
    TRADES,
)
from persistence.tables.making import MakingRows
from persistence.tables.quotes import Quotes
from persistence.tables.reasons import reason_of
from persistence.tables.venues import VenueRows


def members_reader(names: Sequence[str]) -> Callable[[Any], dict[str, Any]]:
    """Reads these members of something, by their names; written out as source, as the packers are."""
    members = ", ".join(f"{name!r}: event.{name}" for name in names)
    reader: Callable[[Any], dict[str, Any]] = eval(f"lambda event: {{{members}}}")  # noqa: S307 - our own words
    return reader


AUDIT_PRICE: Final = 50
"""What a privileged mint or burn reckons each share at."""

NEVER_AMENDED: Final[dict[str, Any]] = {"amend_count": 0, "accepted_price": None, "accepted_quantity": None}
(pack_order,) = ORDERS.packers()
accepted_members = members_reader(
    [name for name in OrderAccepted.__struct_fields__ if name in ORDERS.written and name != "frozen_amount"]
)
"""What an order's row has from the fact of its acceptance, and keeps; `frozen_amount` becomes less."""
(pack_trade,) = TRADES.packers()
pack_entry, pack_reference, pack_circumstances = LEDGER_ENTRIES.packers("reference_type", "market_id")
"""A ledger entry is packed in three parts: the entries of one fact share the last, and often the second."""


@attrs.define(eq=False)
class Batch:
    """The rows that are new, and the new values of those that are not."""

    after: int
    """The journal id that the tables have reached."""
    quotes: Quotes = attrs.field(repr=False)
    """How every market stands; it outlives the batch."""
    last: int = attrs.field(init=False)
    """The journal id that they reach with this batch."""
    at: int = attrs.field(default=0, init=False)
    """The time of its newest fact."""
    ended: range = attrs.field(default=range(0), init=False)
    """The days that were over when its first fact came, counted since 1970."""
    is_cut: bool = attrs.field(default=False, init=False)
    """Whether it ends because its day does, or because it is large: the journal goes on behind it."""
    digest: bytes | None = attrs.field(default=None, init=False)
    """The chain's digest at `last`, if a transaction of the journal ends there and not later."""
    new: dict[Table, list[Row]] = attrs.field(factory=lambda: defaultdict(list))
    """New rows of the tables that seldom get any."""
    accounts: dict[str, AccountNow] = attrs.field(factory=dict)
    moved: dict[str, Moved] = attrs.field(factory=lambda: defaultdict(Moved))
    markets: dict[str, MarketNow] = attrs.field(factory=dict)
    modes: dict[str, Row] = attrs.field(factory=dict)
    """By market: its trading mode, where that has changed, and when it ends."""
    groups: list[GroupStep] = attrs.field(factory=list)
    """What became of order groups, one after the other."""
    making: MakingRows = attrs.field(factory=MakingRows)
    """What became of market-making orders."""
    campaigns: CampaignRows = attrs.field(factory=CampaignRows)
    venues: VenueRows = attrs.field(factory=VenueRows)
    """What became of what rewards them."""
    started: dict[str, Row] = attrs.field(factory=dict)
    """By market: the market maker's newest start."""
    stopped: dict[str, Row] = attrs.field(factory=dict)
    """By market: how the market maker was stopped, if it has not been started again."""
    accepted: dict[str, tuple[Fact, OrderAccepted]] = attrs.field(factory=dict)
    orders: dict[str, OrderNow] = attrs.field(factory=dict)
    """Those accepted in this batch, as they are now, and older ones that have changed."""
    amended: dict[str, AmendedNow] = attrs.field(factory=dict)
    """Those with other terms than before this batch, or than they were accepted with in it."""
    positions: dict[tuple[str, str], PositionNow] = attrs.field(factory=dict)
    """By market and account."""
    trades: list[bytes] = attrs.field(factory=list)
    """Rows of trades, packed, in pieces; so are the ledger entries."""
    entries: list[bytes] = attrs.field(factory=list)
    resolved: list[Row] = attrs.field(factory=list)
    """Circuit breakers that were resolved."""
    candles: Candles = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.last = self.after
        self.candles = Candles(self.quotes)

    def add(self, fact: Fact, *, begins: bool = True) -> None:
        """One fact more; it must be the next, and may be the first of its command."""
        assert fact.id == self.last + 1, f"fact {fact.id} after {self.last}"
        self.last, self.at = fact.id, fact.at
        event, market_id = fact.event, fact.market_id
        if market_id is not None:
            for after in event.positions:
                held = self.positions.get((market_id, after.user_id))
                if held is None:
                    self.positions[market_id, after.user_id] = PositionNow(after, fact.at, fact.at)
                else:
                    held.after, held.updated_at = after, fact.at
        FOLDS[type(event)](self, fact, event)
        self.candles.hear(fact, begins=begins)
        if event.postings:
            self._post(fact, event)
        if event.market is not None:
            self._market(fact).totals = event.market

    def _post(self, fact: Fact, event: AnyEvent) -> None:
        """Ledger entries, and the balances they lead to."""
        about = pack_reference(*reference(fact))
        circumstances = pack_circumstances(fact.market_id, reason_of(event), fact.at)
        add, accounts = self.entries.extend, self.accounts
        for ledger_id, posting in enumerate(event.postings, event.ledger_id):
            user_id, amount, balance_after = posting.user_id, posting.amount, posting.balance_after
            of_order = posting.order_id
            add(
                (
                    pack_entry(ledger_id, user_id, posting.entry_type, amount, balance_after),
                    about if of_order is None else pack_reference(ReferenceType.ORDER, of_order),
                    circumstances,
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
        """Its postings, positions and totals say all that it changed; or it changed no table."""

    def _deposit(self, _fact: Fact, event: FundsDeposited) -> None:
        self.moved[event.user_id].deposits += event.amount_cents

    def _withdraw(self, _fact: Fact, event: FundsWithdrawn) -> None:
        self.moved[event.user_id].deposits -= event.amount_cents

    def _transfer_funds(self, _fact: Fact, event: FundsTransferred) -> None:
        self._hand_over(event.from_user_id, event.to_user_id, event.amount_cents)

    def _transfer_shares(self, _fact: Fact, event: SharesTransferred) -> None:
        self._hand_over(event.from_user_id, event.to_user_id, event.cost_cents)

    def _hand_over(self, giver: str, taker: str, worth: int) -> None:
        self.moved[giver].transfers -= worth
        self.moved[taker].transfers += worth

    def _file_keys(self, _fact: Fact, event: KeysForgotten) -> None:
        self.new[KEY_USES] += map(msgspec.structs.asdict, event.uses)

    def _realize(self, fact: Fact, user_id: str, gain: int) -> None:
        """The position is among those that the fact has changed."""
        assert fact.market_id is not None
        self.positions[fact.market_id, user_id].realized += gain

    def _net(self, fact: Fact, event: NettingExecuted) -> None:
        gain = event.released_cents - event.yes_cost_released - event.no_cost_released
        self._realize(fact, event.user_id, gain)

    def _pay_out(self, fact: Fact, event: PositionSettled) -> None:
        gain = event.payout_cents - event.yes_cost_sum - event.no_cost_sum
        self._realize(fact, event.user_id, gain)

    def _open(self, fact: Fact, event: AccountOpened) -> None:
        self.new[ACCOUNTS].append(
            {
                "user_id": event.user_id,
                "owner_id": event.owner_id,
                "auto_netting_enabled": event.auto_netting_enabled,
                "created_at": fact.at,
                "updated_at": fact.at,
            }
        )

    def _create(self, fact: Fact, event: MarketCreated) -> None:
        self.new[MARKETS].append(
            {
                "id": fact.market_id,
                **msgspec.structs.asdict(event.terms),
                "amm_authorized": event.amm_authorized,
                "created_at": fact.at,
                "updated_at": fact.at,
            }
        )

    def _change_status(self, fact: Fact, event: MarketStatusChanged) -> None:
        market = self._market(fact)
        market.status = event.new_status
        market.resolution_result = event.resolution_result
        market.resolved_at = event.resolved_at
        market.void_price_cents = event.void_price_cents
        if event.new_status is MarketStatus.RESOLVED:
            self.groups.append(GroupStep({"market_id": fact.market_id}))
        self._note(fact, "STATUS", event.previous_status, event.new_status, event.reason, event.until)

    def _change_mode(self, fact: Fact, event: MarketModeChanged) -> None:
        self._market(fact)
        assert fact.market_id is not None
        self.modes[fact.market_id] = {
            "id": fact.market_id,
            "trading_mode": event.new_mode,
            "mode_until": event.until,
        }
        self._note(fact, "MODE", event.previous_mode, event.new_mode, event.reason, event.until)

    def _note(
        self, fact: Fact, kind: str, previous: str, new: str, reason: str, until: int | None = None
    ) -> None:
        """What everybody is told of a market."""
        self.new[MARKET_ACTIVITY].append(
            {
                "market_id": fact.market_id,
                "journal_id": fact.id,
                "at": fact.at,
                "kind": kind,
                "previous": previous,
                "new": new,
                "reason": reason,
                "until": until,
            }
        )

    def _set_group(self, fact: Fact, event: OrderGroupSet) -> None:
        bounds = {"max_fill_quantity": event.max_fill_quantity, "window_ms": event.window_ms}
        new = {"state": GroupState.ACTIVE, "triggered_at": None, "created_at": fact.at}
        self.groups.append(
            GroupStep({**group_key(fact, event), **bounds, **new, "updated_at": fact.at}, is_set=True)
        )

    def _trigger_group(self, fact: Fact, event: OrderGroupTriggered) -> None:
        now = {"state": GroupState.TRIGGERED, "triggered_at": fact.at, "updated_at": fact.at}
        self.groups.append(GroupStep({**group_key(fact, event), **now}))

    def _reset_group(self, fact: Fact, event: OrderGroupReset) -> None:
        now = {"state": GroupState.ACTIVE, "updated_at": fact.at}
        self.groups.append(GroupStep({**group_key(fact, event), **now}))

    def _delete_group(self, fact: Fact, event: OrderGroupDeleted) -> None:
        self.groups.append(GroupStep(group_key(fact, event)))

    def _authorize(self, fact: Fact, event: MarketAmmAuthorized) -> None:
        self._market(fact).amm_authorized = event.amm_authorized

    def _settle(self, fact: Fact, event: MarketSettled) -> None:
        market = self._market(fact)
        market.status = event.new_status
        market.settled_at = event.settled_at
        market.void_price_cents = event.void_price_cents
        # A payout has no reason of its own: it follows from the resolution.
        self._note(fact, "STATUS", event.previous_status, event.new_status, StatusReason.RESOLUTION)

    def _start(self, fact: Fact, event: AmmStarted) -> None:
        assert fact.market_id is not None
        earlier = self.started.get(fact.market_id)
        self.stopped.pop(fact.market_id, None)
        self.started[fact.market_id] = {
            "market_id": fact.market_id,
            "status": AmmStatus.RUNNING,
            "start_count": event.start_count,
            "initial_budget_cents": event.initial_budget_cents,
            "initial_price_cents": event.initial_price_cents,
            "config_override": event.config_override,
            "started_at": fact.at,
            "stopped_at": None,
            "stop_mode": None,
            "first_started_at": fact.at if earlier is None else earlier["first_started_at"],
        }

    def _stop(self, fact: Fact, event: AmmStopped) -> None:
        assert fact.market_id is not None
        self.stopped[fact.market_id] = {
            "market_id": fact.market_id,
            "status": AmmStatus.STOPPED,
            "stopped_at": fact.at,
            "stop_mode": event.stop_mode,
        }

    def _trip(self, fact: Fact, event: CircuitBreakerTriggered) -> None:
        self._market(fact)
        self.new[CIRCUIT_BREAKER_EVENTS].append(
            {
                "id": event.breaker_id,
                "market_id": fact.market_id,
                "trigger_reason": event.trigger_reason,
                "context": event.context,
                "triggered_at": fact.at,
            }
        )

    def _resolve(self, fact: Fact, event: CircuitBreakerResolved) -> None:
        self._market(fact)
        self.resolved += (
            {
                "id": breaker_id,
                "resolved_at": fact.at,
                "resolved_by": event.resolved_by,
                "resolution_note": event.resolution_note,
            }
            for breaker_id in event.breaker_ids
        )

    @property
    def new_orders(self) -> list[bytes]:
        """Rows of the orders that were accepted in this batch, as they are at its end, packed."""
        rows: list[bytes] = []
        for order_id, (fact, event) in self.accepted.items():
            now = self.orders[order_id]
            terms = accepted_members(event) | NEVER_AMENDED | {"priority_seq": fact.id}
            if (amended := self.amended.get(order_id)) is not None:
                terms |= amended.terms
            rows.append(
                pack_order(
                    id=order_id,
                    **terms,
                    market_id=fact.market_id,
                    price_type=PriceType.LIMIT,
                    filled_quantity=terms["quantity"] - now.remaining,
                    remaining_quantity=now.remaining,
                    frozen_amount=now.frozen,
                    status=now.status,
                    cancel_reason=now.cancel_reason,
                    accepted_seq=fact.id,
                    created_at=fact.at,
                    updated_at=now.updated_at,
                )
            )
        return rows

    @property
    def older_orders(self) -> list[Row]:
        """New values of the orders that are older than this batch, and have the terms they had before it."""
        return [
            now.row(order_id)
            for order_id, now in self.orders.items()
            if order_id not in self.accepted and order_id not in self.amended
        ]

    @property
    def amended_orders(self) -> list[Row]:
        """New values of the orders that are older than this batch, and have other terms."""
        return [
            {**self.orders[order_id].row(order_id), **amended.row()}
            for order_id, amended in self.amended.items()
            if order_id not in self.accepted
        ]

    def _accept(self, fact: Fact, event: OrderAccepted) -> None:
        self.accepted[event.order_id] = fact, event
        self.orders[event.order_id] = OrderNow(
            OrderStatus.OPEN, event.remaining_qty, event.frozen_amount, fact.at
        )

    def _amend(self, fact: Fact, event: OrderAmended) -> None:
        order_id = event.order_id
        status = OrderStatus.PARTIALLY_FILLED if event.filled_qty else OrderStatus.OPEN
        self.orders[order_id] = OrderNow(status, event.remaining_qty, event.frozen_amount, fact.at)
        earlier = self.amended.get(order_id)
        if earlier is None:
            earlier = self.amended[order_id] = AmendedNow()
        earlier.amend(event, fact.id)

    def _fill(self, fact: Fact, event: Fill) -> None:
        maker, taker = event.orders
        market_id = fact.market_id
        assert market_id is not None
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
        if event.contribution:
            self.campaigns.contribute(maker_user, event.contribution)
        maker_buys = trade.maker_direction is Direction.BUY
        makes_gain, takes_gain = trade.buy_realized_pnl or 0, trade.sell_realized_pnl or 0
        if not maker_buys:
            makes_gain, takes_gain = takes_gain, makes_gain
        for user_id, gain, fee in (
            (maker_user, makes_gain, trade.maker_fee),
            (taker_user, takes_gain, trade.taker_fee),
        ):
            held = self.positions[market_id, user_id]
            held.realized += gain
            held.fees += fee
        self._trade(
            fact,
            trade.trade_id,
            trade.scenario,
            buy_order_id=makes if maker_buys else takes,
            sell_order_id=takes if maker_buys else makes,
            buy_user_id=maker_user if maker_buys else taker_user,
            sell_user_id=taker_user if maker_buys else maker_user,
            price=event.trade_price,
            quantity=event.fill_qty,
            maker_order_id=makes,
            taker_order_id=takes,
            maker_fee=trade.maker_fee,
            taker_fee=trade.taker_fee,
            buy_realized_pnl=trade.buy_realized_pnl,
            sell_realized_pnl=trade.sell_realized_pnl,
            is_audit=False,
        )

    def _mint(self, fact: Fact, event: SharesMinted) -> None:
        self._audit(fact, event, TradeScenario.MINT, event.user_id, AUDIT_COUNTERPARTY)

    def _burn(self, fact: Fact, event: SharesBurned) -> None:
        self._realize(fact, event.user_id, event.trade.realized_pnl or 0)
        self._audit(fact, event, TradeScenario.BURN, AUDIT_COUNTERPARTY, event.user_id)

    def _audit(
        self,
        fact: Fact,
        event: SharesMinted | SharesBurned,
        scenario: TradeScenario,
        buyer: str,
        seller: str,
    ) -> None:
        """The row of a privileged mint or burn: one order id for both sides, which names no order."""
        trade = event.trade
        order_id = uuid(trade.order_id)
        self._trade(
            fact,
            trade.trade_id,
            scenario,
            buy_order_id=order_id,
            sell_order_id=order_id,
            buy_user_id=buyer,
            sell_user_id=seller,
            price=AUDIT_PRICE,
            quantity=event.quantity,
            maker_order_id=order_id,
            taker_order_id=order_id,
            maker_fee=0,
            taker_fee=0,
            buy_realized_pnl=None,
            sell_realized_pnl=trade.realized_pnl,
            is_audit=True,
        )

    def _trade(self, fact: Fact, trade_id: int, scenario: TradeScenario, **terms: Any) -> None:
        buy_book_type, sell_book_type = PARTIES[scenario]
        row = pack_trade(
            id=row_id(trade_id),
            trade_id=trade_name(trade_id),
            market_id=fact.market_id,
            scenario=scenario,
            buy_book_type=buy_book_type,
            sell_book_type=sell_book_type,
            executed_at=fact.at,
            created_at=fact.at,
            **terms,
        )
        self.trades.append(row)

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
    OrderAmended: Batch._amend,
    OrderCancelled: Batch._cancel,
    OrderExpired: Batch._expire,
    NettingExecuted: Batch._net,
    SharesMinted: Batch._mint,
    SharesBurned: Batch._burn,
    FundsDeposited: Batch._deposit,
    FundsWithdrawn: Batch._withdraw,
    AccountOpened: Batch._open,
    FundsTransferred: Batch._transfer_funds,
    SharesTransferred: Batch._transfer_shares,
    OrderGroupSet: Batch._set_group,
    OrderGroupTriggered: Batch._trigger_group,
    OrderGroupReset: Batch._reset_group,
    OrderGroupDeleted: Batch._delete_group,
    FenceRaised: Batch._nothing,
    OrdersForgotten: Batch._nothing,
    KeysForgotten: Batch._file_keys,
    PositionsForgotten: Batch._nothing,
    GuardSet: Batch._nothing,
    MarketCreated: Batch._create,
    MarketStatusChanged: Batch._change_status,
    MarketModeChanged: Batch._change_mode,
    MarketAmmAuthorized: Batch._authorize,
    PositionSettled: Batch._pay_out,
    MarketClosing: Batch._nothing,
    MarketSettled: Batch._settle,
    AmmStarted: Batch._start,
    AmmStopped: Batch._stop,
    CircuitBreakerTriggered: Batch._trip,
    CircuitBreakerResolved: Batch._resolve,
    MmOrderCreated: lambda batch, fact, event: batch.making.create(fact, event),
    MmOrderChanged: lambda batch, fact, event: batch.making.change(fact, event),
    MmLeaseAcquired: lambda batch, fact, event: batch.making.lease(fact, event),
    MmLeaseRenewed: lambda batch, _, event: batch.making.renew(event),
    MmLeaseReleased: lambda batch, fact, event: batch.making.release(fact, event),
    MmCampaignCreated: lambda batch, fact, event: batch.campaigns.create(fact, event),
    MmCampaignChanged: lambda batch, fact, event: batch.campaigns.change(fact, event),
    MmParticipationChanged: lambda batch, _, event: batch.campaigns.take_part(event),
    MmVenueChanged: lambda batch, _, event: batch.venues.move(event),
    MmCaseChanged: lambda batch, _, event: batch.venues.judge(event),
    AdminProposed: Batch._nothing,
    AdminConfirmed: Batch._nothing,
    JournalOpened: Batch._nothing,
    JournalAccepted: Batch._nothing,
}
"""What each kind of fact does to the tables, beside the members that every fact may have."""


def group_key(
    fact: Fact, event: OrderGroupSet | OrderGroupTriggered | OrderGroupReset | OrderGroupDeleted
) -> Row:
    return {"user_id": event.user_id, "market_id": fact.market_id, "group_id": event.group_id}


def row_id(trade_id: int) -> bytes:
    """The surrogate id of a trade's row: made from its number, so that it sorts, and repeats in a rebuild."""
    high, middle, low = trade_id >> 16, trade_id >> 4 & 0xFFF, trade_id & 0xF
    version, variant = 0x8, 0b10
    value = high << 80 | version << 76 | middle << 64 | variant << 62 | low << 58
    return b"\0\0\0\x10" + value.to_bytes(16, "big")
