"""Holds the tables to the kernel: every row to the state, or to the fact that it came of.

What a row must be is said here a second time, on purpose: the columns stand here by name, and not as
`columns.py` describes them; values come from the state that replay leads to, not from what the projector
folded. A column that one of the two forgets or confuses is the other's to find. They share the facts, and how
a text or a time that PostgreSQL cannot hold is stored. It changes nothing; it names what differs.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final
from uuid import UUID

import attrs

from kernel.brakes import Group
from kernel.campaign import Participation
from kernel.clearing import PARTIES
from kernel.codes import AUDIT_COUNTERPARTY, Direction, PriceType, ReferenceType, TradeScenario
from kernel.events import (
    CircuitBreakerResolved,
    CircuitBreakerTriggered,
    Fact,
    Fill,
    KeysForgotten,
    MarketModeChanged,
    MarketSettled,
    MarketStatusChanged,
    SharesBurned,
    SharesMinted,
    reference,
    trade_name,
)
from kernel.exchange import Exchange
from kernel.market import Account, Market, Order, Position
from persistence.postgres.database import Connection
from persistence.postgres.packing import ID, KEY, SHORT, TITLE
from persistence.postgres.storable import plain_json, storable_json, storable_text, storable_time
from persistence.tables import verify_making
from persistence.tables.making import executions_kept_since
from persistence.tables.verify_candles import CandleComparison
from persistence.tables.verify_days import DayComparison
from persistence.tables.verify_forward import ForwardComparison

Row = dict[str, Any]

CHUNK: Final = 5_000
"""Rows looked up by one statement."""
JSON_COLUMNS: Final = ("context", "config_override", *verify_making.JSON_COLUMNS)
SHOWN: Final = 20
"""Differences that are told in words; the others are counted."""


@attrs.frozen
class KeyedTable:
    """A table: how its rows are looked up by their keys, and counted."""

    name: str
    key: str
    kind: str = "text"
    within: str = ""

    @property
    def look_up(self) -> str:
        return f"SELECT * FROM {self.name} WHERE {self.key} = ANY($1::{self.kind}[]){self.within}"  # noqa: S608 - our own names

    @property
    def count(self) -> str:
        return f"SELECT count(*) FROM {self.name}"  # noqa: S608 - the same


ACCOUNTS: Final = KeyedTable("accounts", "user_id")
MARKETS: Final = KeyedTable("markets", "id")
AMM_MARKETS: Final = KeyedTable("amm_markets", "market_id")
ORDERS: Final = KeyedTable("orders", "id", "uuid")
TRADES: Final = KeyedTable("trades", "trade_id")
POSITIONS: Final = KeyedTable("positions", "user_id", within=" AND market_id = $2")
ORDER_GROUPS: Final = KeyedTable("order_groups", "group_id", within=" AND market_id = $2 AND user_id = $3")
LEDGER_ENTRIES: Final = KeyedTable("ledger_entries", "id", "bigint")
FAULTS: Final = KeyedTable("circuit_breaker_events", "id", "bigint")
ACTIVITY: Final = KeyedTable("market_activity", "journal_id", "bigint")
MM_ORDER: Final = KeyedTable("mm_order", "order_id", "uuid")
MM_PAYMENT: Final = KeyedTable("mm_payment", "journal_id", "bigint")
MM_EXECUTION: Final = KeyedTable("mm_execution", "cycle_no", "bigint", within=" AND order_id = $2")
MM_CAMPAIGN: Final = KeyedTable("mm_campaign", "campaign_id", "uuid")
MM_PARTICIPATION: Final = KeyedTable("mm_campaign_participation", "order_id", "uuid")
MM_VENUE_WITHDRAWAL: Final = KeyedTable("mm_venue_withdrawal", "request_key")
MM_RECONCILIATION: Final = KeyedTable("mm_reconciliation", "case_no", "integer", within=" AND order_id = $2")
KEY_USES: Final = KeyedTable("key_uses", "journal_id", "bigint")
MM_TRAIL: Final = KeyedTable("mm_lifecycle_event", "event_id", "bigint")


@attrs.define(eq=False)
class Findings:
    """What was found wrong: the first few in words, and how many in all."""

    words: list[str] = attrs.field(factory=list)
    count: int = 0

    def note(self, finding: str | None) -> None:
        """One more, if it is one."""
        if finding is None:
            return
        self.count += 1
        if self.count <= SHOWN:
            self.words.append(finding)


@attrs.define(eq=False)
class TableComparison:
    """The tables as one connection sees them, beside what they should hold."""

    connection: Connection
    findings: Findings
    candles: CandleComparison = attrs.field(init=False)
    days: DayComparison = attrs.field(init=False)
    faults: dict[int, Row] = attrs.field(factory=dict)
    """Circuit breakers, as the facts tell them; the state remembers the open ones only."""
    entries: int = 0
    trades: int = 0
    activity: int = 0
    payments: int = 0
    keys: int = 0
    trail: int = 0
    executions: int = 0
    forward: ForwardComparison = attrs.field(init=False)
    kept_since: int | None = None
    """From when on cycles are kept, once that is known."""
    let_go: int = 0
    """Orders that the state no longer has."""
    let_go_positions: int = 0

    def __attrs_post_init__(self) -> None:
        self.candles = CandleComparison(self.connection, self.findings.note)
        self.days = DayComparison(self.connection, self.findings.note)
        self.forward = ForwardComparison(self.connection, self.findings.note)

    async def compare_added(self, facts: Sequence[Fact]) -> None:
        """The rows that these facts added."""
        entries = await self.forward.kept(
            {row["id"]: row for fact in facts for row in entry_rows(fact)}, "created_at"
        )
        trades = await self.forward.kept(
            {row["trade_id"]: row for fact in facts for row in trade_rows(fact)}, "executed_at"
        )
        self.entries += len(entries)
        self.trades += len(trades)
        await self._compare(LEDGER_ENTRIES, entries)
        await self._compare(TRADES, trades)
        activity = {row["journal_id"]: row for fact in facts for row in activity_rows(fact)}
        self.activity += len(activity)
        await self._compare(ACTIVITY, activity)
        payments = {row["journal_id"]: row for fact in facts for row in verify_making.payment_rows(fact)}
        trail = {row["event_id"]: row for fact in facts for row in verify_making.trail_rows(fact)}
        self.payments += len(payments)
        self.trail += len(trail)
        await self._compare(MM_PAYMENT, payments)
        uses = {row["journal_id"]: row for fact in facts for row in use_rows(fact)}
        self.keys += len(uses)
        await self._compare(KEY_USES, uses)
        await self._compare(MM_TRAIL, trail)
        await self._compare_executions(facts)
        await self.candles.compare_past()
        for fact in facts:
            self._note_fault(fact)

    async def compare_let_go(self, exchange: Exchange) -> None:
        """The rows of orders and positions that were let go since the last time: as they were, they stay."""
        assert exchange.parted is not None
        rows = {order_id: order_row(order) for order_id, (_, order) in exchange.parted.items()}
        self.let_go += len(rows)
        for part in chunks(rows):
            await self._compare(ORDERS, {order_id: rows[order_id] for order_id in part})
        exchange.parted.clear()
        assert exchange.parted_positions is not None
        held = [position for position in exchange.parted_positions if position.updated_at is not None]
        self.let_go_positions += len(held)
        for position in held:
            where = storable_text(position.account.id, ID)
            await self._compare(POSITIONS, {where: position_row(position)}, position.market.id)
        exchange.parted_positions.clear()

    async def compare_state(self, exchange: Exchange) -> None:
        """Every other row, with the state as of the fact that the tables have reached; and nothing beyond."""
        await self._compare_all(ACCOUNTS, exchange.accounts, account_row)
        await self._compare_all(MARKETS, exchange.markets, market_row)
        runs = {market.id: market for market in exchange.markets.values() if market.amm is not None}
        await self._compare_all(AMM_MARKETS, runs, run_row)
        await self._compare_all(ORDERS, exchange.orders, order_row, elsewhere=self.let_go)
        await self._compare_all(FAULTS, self.faults, dict)
        held = 0
        for market in exchange.markets.values():
            # A position that never held anything is a place to keep orders in, and no row.
            positions = {p.account.id: p for p in market.positions.values() if p.updated_at is not None}
            held += len(positions)
            for part in chunks(positions):
                rows = {user_id: position_row(positions[user_id]) for user_id in part}
                await self._compare(POSITIONS, rows, market.id)
        await self._count(POSITIONS, held + self.let_go_positions)
        await self._compare_groups(exchange)
        await self._count(LEDGER_ENTRIES, self.entries)
        await self._count(TRADES, self.trades)
        await self.forward.compare()
        await self._count(ACTIVITY, self.activity)
        await self._compare_all(MM_ORDER, exchange.making.orders, verify_making.order_row)
        await self._compare_all(MM_CAMPAIGN, exchange.making.campaigns, verify_making.campaign_row)
        await self._compare_venues(exchange)
        await self._compare_participations(exchange)
        await self._count(MM_PAYMENT, self.payments)
        await self._count(KEY_USES, self.keys)
        await self._count(MM_TRAIL, self.trail)
        await self._count(MM_EXECUTION, self.executions)
        await self.candles.compare_rest()
        await self.days.compare_count()

    async def _compare_executions(self, facts: Sequence[Fact]) -> None:
        """Those of one order at a time; the old ones are gone."""
        if self.kept_since is None:
            self.kept_since = await executions_kept_since(self.connection)
        by_order: dict[str, dict[int, Row]] = {}
        for fact in facts:
            if fact.at >= self.kept_since:
                for row in verify_making.execution_rows(fact):
                    by_order.setdefault(row["order_id"], {})[row["cycle_no"]] = row
        for order_id, rows in by_order.items():
            self.executions += len(rows)
            await self._compare(MM_EXECUTION, rows, order_id)

    async def _compare_venues(self, exchange: Exchange) -> None:
        """What went to venues elsewhere, and the cases of one order at a time."""
        orders = exchange.making.orders.values()
        legs = {leg.request_key: (order, leg) for order in orders for leg in order.venue_legs}
        await self._compare_all(MM_VENUE_WITHDRAWAL, legs, lambda each: verify_making.leg_row(*each))
        for order in orders:
            rows = {case.number: verify_making.case_row(order, case) for case in order.cases}
            if rows:
                await self._compare(MM_RECONCILIATION, rows, order.id)
        await self._count(MM_RECONCILIATION, sum(len(order.cases) for order in orders))

    async def _compare_participations(self, exchange: Exchange) -> None:
        making = exchange.making
        parts = {
            part.order_id: part
            for campaign in making.campaigns.values()
            for part in campaign.participations.values()
        }

        def row_of(part: Participation) -> Row:
            return verify_making.participation_row(part, making.orders[part.order_id].owner.id)

        await self._compare_all(MM_PARTICIPATION, parts, row_of)

    async def _compare_groups(self, exchange: Exchange) -> None:
        """Those of one account in one market at a time: their names mean nothing elsewhere."""
        count = 0
        for market in exchange.markets.values():
            for user_id, groups in market.groups.items():
                count += len(groups)
                rows = {group.group_id: group_row(group, user_id) for group in groups.values()}
                await self._compare(ORDER_GROUPS, rows, market.id, storable_text(user_id, ID))
        await self._count(ORDER_GROUPS, count)

    async def _compare_all(
        self,
        table: KeyedTable,
        things: Mapping[Any, Any],
        row_of: Callable[[Any], Row],
        elsewhere: int = 0,
    ) -> None:
        """So many rows besides were compared already."""
        for part in chunks(things):
            await self._compare(table, {key: row_of(things[key]) for key in part})
        await self._count(table, len(things) + elsewhere)

    async def _compare(self, table: KeyedTable, expected: Mapping[Any, Row], *within: str | None) -> None:
        """Each expected row, column by column, with the one that the table has under its key."""
        if not expected:
            return
        keys = [storable_text(key, ID) if isinstance(key, str) else key for key in expected]
        rows = await self.connection.fetch(table.look_up, keys, *within)
        found = {str(row[table.key]) if table.kind == "uuid" else row[table.key]: row for row in rows}
        for key, row in zip(keys, expected.values(), strict=True):
            where = f"{table.name} {key}" + "".join(f" in {place}" for place in within)
            if (stored := found.get(key)) is None:
                self.findings.note(f"{where}: the row is missing")
                continue
            for column, value in row.items():
                if (is_now := plain(column, stored[column])) != value:
                    self.findings.note(f"{where}: {column} is {is_now}, must be {value}")

    async def _count(self, table: KeyedTable, expected: int) -> None:
        rows = await self.connection.fetch_value(table.count)
        if rows != expected:
            self.findings.note(f"{table.name}: {rows} rows, must be {expected}")

    def _note_fault(self, fact: Fact) -> None:
        match fact.event:
            case CircuitBreakerTriggered() as event:
                self.faults[event.breaker_id] = {
                    "id": event.breaker_id,
                    "market_id": fact.market_id,
                    "trigger_reason": event.trigger_reason,
                    "context": plain_json(storable_json(event.context)),
                    "triggered_at": storable_time(fact.at),
                    "resolved_at": None,
                    "resolved_by": None,
                    "resolution_note": None,
                }
            case CircuitBreakerResolved() as event:
                for breaker_id in event.breaker_ids:
                    self.faults[breaker_id] |= {
                        "resolved_at": storable_time(fact.at),
                        "resolved_by": storable_text(event.resolved_by, SHORT),
                        "resolution_note": storable_text(event.resolution_note),
                    }
            case _:
                pass


def chunks(keys: Iterable[Any]) -> Iterable[tuple[Any, ...]]:
    keys = iter(keys)
    while part := tuple(islice(keys, CHUNK)):
        yield part


def plain(column: str, value: Any) -> Any:
    """A stored value as the kernel would have it."""
    if column in JSON_COLUMNS:
        return None if value is None else plain_json(value)
    return str(value) if isinstance(value, UUID) else value


def entry_rows(fact: Fact) -> Iterator[Row]:
    kind, reference_id = reference(fact)
    for ledger_id, posting in enumerate(fact.event.postings, fact.event.ledger_id):
        yield {
            "id": ledger_id,
            "user_id": storable_text(posting.user_id, ID),
            "entry_type": posting.entry_type,
            "amount": posting.amount,
            "balance_after": posting.balance_after,
            "reference_type": kind if posting.order_id is None else ReferenceType.ORDER,
            "reference_id": storable_text(reference_id, KEY)
            if posting.order_id is None
            else posting.order_id,
            "market_id": fact.market_id,
            "created_at": storable_time(fact.at),
        }


def activity_rows(fact: Fact) -> Iterator[Row]:
    match fact.event:
        case MarketStatusChanged(previous, new, reason, until=until):
            kind = "STATUS"
        case MarketSettled(previous, new):
            kind, reason, until = "STATUS", "RESOLUTION", None
        case MarketModeChanged(previous, new, until, reason):
            kind = "MODE"
        case _:
            return
    yield {
        "market_id": fact.market_id,
        "journal_id": fact.id,
        "at": storable_time(fact.at),
        "kind": kind,
        "previous": previous,
        "new": new,
        "reason": storable_text(reason),
        "until": storable_time(until),
    }


def use_rows(fact: Fact) -> Iterator[Row]:
    """What the fact says of each key, the exchange has held against what it knew when it applied the fact."""
    if isinstance(fact.event, KeysForgotten):
        for use in fact.event.uses:
            yield {
                "kind": use.kind,
                "idempotency_key": storable_text(use.idempotency_key, KEY),
                "journal_id": use.journal_id,
                "at": storable_time(use.at),
                "user_id": storable_text(use.user_id, ID),
                "to_user_id": storable_text(use.to_user_id, ID),
                "market_id": use.market_id,
                "reference_type": use.reference_type,
                "side": use.side,
                "quantity": use.quantity,
                "cents": use.cents,
                "yes_volume": use.yes_volume,
                "no_volume": use.no_volume,
                "balance": use.balance,
            }


def trade_rows(fact: Fact) -> Iterator[Row]:
    match fact.event:
        case Fill(trade=trade, positions=positions) as event:
            maker, taker = (
                (event.order_id, positions[0].user_id),
                (
                    event.counterparty_order_id,
                    positions[-1].user_id,
                ),
            )
            buy, sell = (maker, taker) if trade.maker_direction is Direction.BUY else (taker, maker)
            numbers: Row = {
                "scenario": trade.scenario,
                "price": event.trade_price,
                "quantity": event.fill_qty,
                "maker_fee": trade.maker_fee,
                "taker_fee": trade.taker_fee,
                "buy_realized_pnl": trade.buy_realized_pnl,
                "sell_realized_pnl": trade.sell_realized_pnl,
                "is_audit": False,
            }
        case SharesMinted(trade=trade, quantity=quantity, user_id=user_id):
            buy, sell = (trade.order_id, user_id), (trade.order_id, AUDIT_COUNTERPARTY)
            maker = taker = buy
            numbers = audit_numbers(TradeScenario.MINT, quantity, trade.realized_pnl)
        case SharesBurned(trade=trade, quantity=quantity, user_id=user_id):
            buy, sell = (trade.order_id, AUDIT_COUNTERPARTY), (trade.order_id, user_id)
            maker = taker = sell
            numbers = audit_numbers(TradeScenario.BURN, quantity, trade.realized_pnl)
        case _:
            return
    buy_book_type, sell_book_type = PARTIES[numbers["scenario"]]
    yield numbers | {
        "trade_id": trade_name(trade.trade_id),
        "market_id": fact.market_id,
        "buy_order_id": buy[0],
        "buy_user_id": storable_text(buy[1], ID),
        "sell_order_id": sell[0],
        "sell_user_id": storable_text(sell[1], ID),
        "buy_book_type": buy_book_type,
        "sell_book_type": sell_book_type,
        "maker_order_id": maker[0],
        "taker_order_id": taker[0],
        "executed_at": storable_time(fact.at),
    }


def audit_numbers(scenario: TradeScenario, quantity: int, realized_pnl: int | None) -> Row:
    return {
        "scenario": scenario,
        "price": 50,
        "quantity": quantity,
        "maker_fee": 0,
        "taker_fee": 0,
        "buy_realized_pnl": None,
        "sell_realized_pnl": realized_pnl,
        "is_audit": True,
    }


def account_row(account: Account) -> Row:
    return {
        "user_id": storable_text(account.id, ID),
        "owner_id": storable_text(account.owner_id, ID),
        "available_balance": account.available,
        "frozen_balance": account.frozen,
        "auto_netting_enabled": account.auto_netting,
        "version": account.version,
        "net_deposits": account.net_deposits,
        "net_transfers": account.net_transfers,
        "created_at": storable_time(account.opened_at),
    }


def group_row(group: Group, user_id: str) -> Row:
    return {
        "user_id": storable_text(user_id, ID),
        "max_fill_quantity": group.max_fill_quantity,
        "window_ms": group.window_ms,
        "state": group.state,
        "triggered_at": storable_time(group.triggered_at),
        "created_at": storable_time(group.created_at),
        "updated_at": storable_time(group.updated_at),
    }


def market_row(market: Market) -> Row:
    terms = market.terms
    return {
        "id": market.id,
        "title": storable_text(terms.title, TITLE),
        "description": storable_text(terms.description),
        "category": storable_text(terms.category, ID),
        "status": market.status,
        "min_price_cents": terms.min_price_cents,
        "max_price_cents": terms.max_price_cents,
        "max_order_quantity": terms.max_order_quantity,
        "max_position_per_user": terms.max_position_per_user,
        "max_order_amount_cents": terms.max_order_amount_cents,
        "maker_fee_bps": terms.maker_fee_bps,
        "taker_fee_bps": terms.taker_fee_bps,
        "trading_start_at": storable_time(terms.trading_start_at),
        "trading_end_at": storable_time(terms.trading_end_at),
        "resolution_date": storable_time(terms.resolution_date),
        "resolved_at": storable_time(market.resolved_at),
        "settled_at": storable_time(market.settled_at),
        "resolution_result": market.resolution_result,
        "reserve_balance": market.reserve,
        "pnl_pool": market.pnl_pool,
        "total_yes_shares": market.yes_shares,
        "total_no_shares": market.no_shares,
        "amm_authorized": market.amm_authorized,
        "created_at": storable_time(market.created_at),
        "updated_at": storable_time(market.updated_at),
        "trading_mode": market.trading_mode,
        "mode_until": storable_time(market.mode_until),
        "void_window_ms": terms.void_window_ms,
        "max_open_orders": terms.max_open_orders,
        "max_open_orders_total": terms.max_open_orders_total,
        "max_open_orders_amm": terms.max_open_orders_amm,
        "void_price_cents": market.void_price_cents,
        "collar_cents": terms.collar_cents,
        "collar_window_ms": terms.collar_window_ms,
        "halt_move_cents": terms.halt_move_cents,
        "halt_window_ms": terms.halt_window_ms,
        "halt_pause_ms": terms.halt_pause_ms,
    }


def run_row(market: Market) -> Row:
    run = market.amm
    assert run is not None
    return {
        "market_id": market.id,
        "status": run.status,
        "start_count": run.start_count,
        "initial_budget_cents": run.initial_budget,
        "initial_price_cents": run.initial_price,
        "config_override": plain_json(storable_json(run.config_override)),
        "started_at": storable_time(run.started_at),
        "stopped_at": storable_time(run.stopped_at),
        "stop_mode": run.stop_mode,
        "first_started_at": storable_time(run.first_started_at),
    }


def order_row(order: Order) -> Row:
    return {
        "id": order.id,
        "client_order_id": storable_text(order.client_order_id, ID),
        "market_id": order.market.id,
        "user_id": storable_text(order.account.id, ID),
        "original_side": order.terms.side,
        "original_direction": order.terms.direction,
        "original_price": order.terms.price,
        "book_type": order.book_type,
        "book_direction": order.book_direction,
        "book_price": order.book_price,
        "price_type": PriceType.LIMIT,
        "time_in_force": order.terms.time_in_force,
        "quantity": order.terms.quantity,
        "filled_quantity": order.filled,
        "remaining_quantity": order.remaining,
        "frozen_amount": order.frozen,
        "frozen_asset_type": order.frozen_asset_type,
        "status": order.status,
        "cancel_reason": order.cancel_reason,
        "accepted_seq": order.accepted_seq,
        "replaces_order_id": order.replaces,
        "expires_at": storable_time(order.terms.expires_at),
        "post_only": order.terms.post_only,
        "max_cost_cents": order.terms.max_cost_cents,
        "self_trade_mode": order.terms.self_trade_mode,
        "group_id": order.terms.group_id,
        "amend_count": order.amend_count,
        "accepted_price": order.accepted_terms.price if order.amend_count else None,
        "accepted_quantity": order.accepted_terms.quantity if order.amend_count else None,
        "priority_seq": order.priority_seq,
        "created_at": storable_time(order.created_at),
        "updated_at": storable_time(order.updated_at),
    }


def position_row(position: Position) -> Row:
    yes, no = position.yes, position.no
    return {
        "user_id": storable_text(position.account.id, ID),
        "market_id": position.market.id,
        "yes_volume": yes.volume,
        "yes_cost_sum": yes.cost_sum,
        "yes_pending_sell": yes.pending_sell,
        "no_volume": no.volume,
        "no_cost_sum": no.cost_sum,
        "no_pending_sell": no.pending_sell,
        "updated_at": storable_time(position.updated_at),
        "realized_pnl": position.realized_pnl,
        "fees_paid": position.fees_paid,
    }
