"""The columns of every table that is folded from the journal, each said once.

Statements, packing and what readers of the past are told follow from here; `schema.sql` says it a second time
on purpose, with the rules that each row obeys, and a test holds the two together.
"""

from typing import Final

from kernel.limits import EVIDENCE_MAX, KEY_MAX
from persistence.postgres.columns import (
    ACCOUNT,
    BIGINT,
    BOOLEAN,
    DATE,
    INT,
    JSON,
    NAME,
    PACKED_UUID,
    SMALLINT,
    TIME,
    UUID,
    WORDS,
    Column,
    Table,
    text,
)
from persistence.postgres.packing import ID, KEY, SHORT, TITLE

ACCOUNTS: Final = Table(
    "accounts",
    key=("user_id",),
    columns=(
        Column("id", UUID, drawn=True),
        Column("user_id", ACCOUNT),
        Column("owner_id", ACCOUNT),
        Column("available_balance", BIGINT),
        Column("frozen_balance", BIGINT),
        Column("auto_netting_enabled", BOOLEAN),
        Column("version", BIGINT),
        Column("created_at", TIME),
        Column("updated_at", TIME),
        Column("net_deposits", BIGINT),
        Column("net_transfers", BIGINT),
    ),
)

MARKETS: Final = Table(
    "markets",
    key=("id",),
    columns=(
        Column("id", NAME),
        Column("title", text(TITLE)),
        Column("description", WORDS, nullable=True),
        Column("category", text(ID), nullable=True),
        Column("status", NAME),
        Column("min_price_cents", SMALLINT),
        Column("max_price_cents", SMALLINT),
        Column("max_order_quantity", INT),
        Column("max_position_per_user", INT),
        Column("max_order_amount_cents", BIGINT),
        Column("maker_fee_bps", SMALLINT),
        Column("taker_fee_bps", SMALLINT),
        Column("trading_start_at", TIME, nullable=True),
        Column("trading_end_at", TIME, nullable=True),
        Column("resolution_date", TIME, nullable=True),
        Column("resolved_at", TIME, nullable=True),
        Column("settled_at", TIME, nullable=True),
        Column("resolution_result", NAME, nullable=True),
        Column("reserve_balance", BIGINT),
        Column("pnl_pool", BIGINT),
        Column("total_yes_shares", BIGINT),
        Column("total_no_shares", BIGINT),
        Column("amm_authorized", BOOLEAN),
        Column("created_at", TIME),
        Column("updated_at", TIME),
        Column("trading_mode", NAME),
        Column("mode_until", TIME, nullable=True),
        Column("void_window_ms", INT),
        Column("max_open_orders", INT),
        Column("max_open_orders_total", INT),
        Column("max_open_orders_amm", INT),
        Column("void_price_cents", SMALLINT, nullable=True),
        Column("collar_cents", SMALLINT),
        Column("collar_window_ms", INT),
        Column("halt_move_cents", SMALLINT),
        Column("halt_window_ms", INT),
        Column("halt_pause_ms", INT),
    ),
)

MARKET_ACTIVITY: Final = Table(
    "market_activity",
    key=("market_id", "journal_id"),
    columns=(
        Column("market_id", NAME, public=None),
        Column("journal_id", BIGINT),
        Column("at", TIME),
        Column("kind", NAME),
        Column("previous", NAME),
        Column("new", NAME),
        Column("reason", WORDS),
        Column("until", TIME, nullable=True),
    ),
)

AMM_MARKETS: Final = Table(
    "amm_markets",
    key=("market_id",),
    columns=(
        Column("market_id", NAME),
        Column("status", NAME),
        Column("start_count", INT),
        Column("initial_budget_cents", BIGINT),
        Column("initial_price_cents", SMALLINT),
        Column("config_override", JSON),
        Column("started_at", TIME),
        Column("stopped_at", TIME, nullable=True),
        Column("stop_mode", NAME, nullable=True),
        Column("first_started_at", TIME),
    ),
)

ORDERS: Final = Table(
    "orders",
    key=("id",),
    newest=("created_at", "accepted_seq"),
    columns=(
        Column("id", UUID),
        Column("client_order_id", text(ID)),
        Column("market_id", NAME),
        Column("user_id", ACCOUNT, public=None),
        Column("original_side", NAME),
        Column("original_direction", NAME),
        Column("original_price", SMALLINT, public="original_price_cents"),
        Column("book_type", NAME),
        Column("book_direction", NAME),
        Column("book_price", SMALLINT, public="book_price_cents"),
        Column("price_type", NAME),
        Column("time_in_force", NAME),
        Column("quantity", INT),
        Column("filled_quantity", INT),
        Column("remaining_quantity", INT),
        Column("frozen_amount", BIGINT),
        Column("frozen_asset_type", NAME),
        Column("status", NAME),
        Column("cancel_reason", NAME, nullable=True),
        Column("accepted_seq", BIGINT, public=None),
        Column("replaces_order_id", UUID, nullable=True, public=None),
        Column("created_at", TIME),
        Column("updated_at", TIME),
        Column("expires_at", TIME, nullable=True),
        Column("post_only", BOOLEAN),
        Column("max_cost_cents", BIGINT, nullable=True),
        Column("self_trade_mode", NAME),
        Column("group_id", NAME, nullable=True),
        Column("amend_count", INT),
        Column("priority_seq", BIGINT, public=None),
        Column("accepted_price", BIGINT, nullable=True, public=None),
        Column("accepted_quantity", BIGINT, nullable=True, public=None),
    ),
)

TRADES: Final = Table(
    "trades",
    key=("trade_id",),
    columns=(
        Column("id", PACKED_UUID, public=None),
        Column("trade_id", WORDS),
        Column("market_id", NAME),
        Column("scenario", NAME),
        Column("buy_order_id", PACKED_UUID),
        Column("sell_order_id", PACKED_UUID, public=None),
        Column("buy_user_id", ACCOUNT),
        Column("sell_user_id", ACCOUNT),
        Column("buy_book_type", NAME),
        Column("sell_book_type", NAME),
        Column("price", SMALLINT, public="price_cents"),
        Column("quantity", INT),
        Column("maker_order_id", PACKED_UUID),
        Column("taker_order_id", PACKED_UUID),
        Column("maker_fee", BIGINT),
        Column("taker_fee", BIGINT),
        Column("buy_realized_pnl", BIGINT, nullable=True),
        Column("sell_realized_pnl", BIGINT, nullable=True),
        Column("is_audit", BOOLEAN),
        Column("executed_at", TIME),
        Column("created_at", TIME, public=None),
    ),
)

POSITIONS: Final = Table(
    "positions",
    key=("user_id", "market_id"),
    columns=(
        Column("id", UUID, drawn=True),
        Column("user_id", ACCOUNT),
        Column("market_id", NAME),
        Column("yes_volume", INT),
        Column("no_volume", INT),
        Column("yes_cost_sum", BIGINT),
        Column("no_cost_sum", BIGINT),
        Column("yes_pending_sell", INT),
        Column("no_pending_sell", INT),
        Column("created_at", TIME),
        Column("updated_at", TIME),
        Column("realized_pnl", BIGINT),
        Column("fees_paid", BIGINT),
    ),
)

LEDGER_ENTRIES: Final = Table(
    "ledger_entries",
    key=("id",),
    newest=("created_at", "id"),
    columns=(
        Column("id", BIGINT),
        Column("user_id", ACCOUNT, public=None),
        Column("entry_type", NAME),
        Column("amount", BIGINT, public="amount_cents"),
        Column("balance_after", BIGINT, public="balance_after_cents"),
        Column("reference_type", NAME, nullable=True),
        Column("reference_id", text(KEY), nullable=True),
        Column("market_id", NAME, nullable=True),
        Column("description", WORDS, nullable=True),
        Column("created_at", TIME),
    ),
)

CIRCUIT_BREAKER_EVENTS: Final = Table(
    "circuit_breaker_events",
    key=("id",),
    newest=("triggered_at", "id"),
    columns=(
        Column("id", BIGINT),
        Column("market_id", NAME),
        Column("trigger_reason", NAME),
        Column("context", JSON),
        Column("resolved_at", TIME, nullable=True),
        Column("resolved_by", text(SHORT), nullable=True),
        Column("resolution_note", WORDS, nullable=True),
        Column("triggered_at", TIME),
    ),
)

CANDLES: Final = Table(
    "candles",
    key=("market_id", "interval", "start"),
    columns=(
        Column("market_id", NAME),
        Column("interval", NAME),
        Column("start", TIME),
        Column("open_cents", SMALLINT, nullable=True),
        Column("high_cents", SMALLINT, nullable=True),
        Column("low_cents", SMALLINT, nullable=True),
        Column("close_cents", SMALLINT, nullable=True),
        Column("bid_close_cents", SMALLINT, nullable=True),
        Column("ask_close_cents", SMALLINT, nullable=True),
        Column("volume", BIGINT),
        Column("trades", INT),
        Column("open_interest", BIGINT),
    ),
)

PORTFOLIO_DAYS: Final = Table(
    "portfolio_days",
    key=("user_id", "day"),
    columns=(
        Column("user_id", ACCOUNT, public=None),
        Column("day", DATE),
        Column("equity", BIGINT, public="equity_cents"),
        Column("cash", BIGINT, public="cash_cents"),
        Column("positions_value", BIGINT, public="positions_value_cents"),
        Column("unrealized_pnl", BIGINT, public="unrealized_pnl_cents"),
        Column("realized_pnl", BIGINT, public="realized_pnl_cents"),
        Column("fees_paid", BIGINT, public="fees_paid_cents"),
        Column("net_deposits", BIGINT, public="net_deposits_cents"),
        Column("net_transfers", BIGINT, public="net_transfers_cents"),
    ),
)

ORDER_GROUPS: Final = Table(
    "order_groups",
    key=("user_id", "market_id", "group_id"),
    columns=(
        Column("user_id", ACCOUNT, public=None),
        Column("market_id", NAME),
        Column("group_id", NAME),
        Column("max_fill_quantity", INT),
        Column("window_ms", INT),
        Column("state", NAME),
        Column("triggered_at", TIME, nullable=True),
        Column("created_at", TIME),
        Column("updated_at", TIME),
    ),
)

MM_ORDER: Final = Table(
    "mm_order",
    key=("order_id",),
    columns=(
        Column("order_id", UUID),
        Column("user_id", ACCOUNT),
        Column("market_id", NAME),
        Column("escrow_id", NAME),
        Column("state", NAME),
        Column("version", BIGINT),
        Column("seq", BIGINT),
        Column("venue", NAME),
        Column("location", NAME),
        Column("held", BOOLEAN),
        Column("reason", NAME),
        Column("external_submitted", BOOLEAN),
        Column("reconcile_required", BOOLEAN),
        Column("refund_due", BOOLEAN),
        Column("failure_code", NAME, nullable=True),
        Column("failed_from", NAME, nullable=True),
        Column("fence", BIGINT),
        Column("cycle_no", BIGINT),
        Column("next_cycle_at", TIME, nullable=True),
        Column("cycle_lease_until", TIME, nullable=True),
        Column("cycle_lease_token", NAME, nullable=True),
        Column("cycle_lease_worker", ACCOUNT, nullable=True),
        Column("lease_started_at", TIME, nullable=True),
        Column("consecutive_failures", INT),
        Column("last_cycle_at", TIME, nullable=True),
        Column("last_cycle_outcome", NAME, nullable=True),
        Column("pause_due_at", TIME, nullable=True),
        Column("strategy", NAME),
        Column("terms", JSON),
        Column("policy", JSON),
        Column("snapshot_hash", NAME),
        Column("required_cash_cents", BIGINT),
        Column("required_yes_shares", INT),
        Column("required_no_shares", INT),
        Column("received_cash_cents", BIGINT),
        Column("received_yes_shares", INT),
        Column("received_no_shares", INT),
        Column("paid_in_cents", BIGINT),
        Column("paid_out_cents", BIGINT),
        Column("rewards_cents", BIGINT),
        Column("fees_cents", BIGINT),
        Column("payment_deadline", TIME),
        Column("campaign_id", UUID, nullable=True),
        Column("idempotency_key", NAME, nullable=True),
        Column("created_at", TIME),
        Column("updated_at", TIME),
    ),
)

MM_PAYMENT: Final = Table(
    "mm_payment",
    key=("order_id", "idempotency_key"),
    columns=(
        Column("order_id", UUID),
        Column("idempotency_key", NAME),
        Column("asset", NAME),
        Column("amount", BIGINT),
        Column("journal_id", BIGINT),
        Column("created_at", TIME),
    ),
)

MM_LIFECYCLE_EVENT: Final = Table(
    "mm_lifecycle_event",
    key=("event_id",),
    columns=(
        Column("event_id", BIGINT),
        Column("order_id", UUID),
        Column("user_id", ACCOUNT, public=None),
        Column("seq", BIGINT),
        Column("kind", NAME),
        Column("from_state", NAME, nullable=True),
        Column("to_state", NAME),
        Column("job_name", NAME),
        Column("trigger_id", NAME),
        Column("actor_type", NAME),
        Column("actor_id", ACCOUNT, nullable=True),
        Column("reason", NAME),
        Column("data", JSON),
        Column("version", BIGINT),
        Column("fence", BIGINT),
        Column("created_at", TIME),
    ),
)

MM_EXECUTION: Final = Table(
    "mm_execution",
    key=("order_id", "cycle_no"),
    columns=(
        Column("order_id", UUID, public=None),
        Column("cycle_no", BIGINT),
        Column("fence", BIGINT, public=None),
        Column("worker_id", ACCOUNT, public=None),
        Column("started_at", TIME),
        Column("ended_at", TIME),
        Column("lateness_ms", BIGINT),
        Column("outcome", NAME),
        Column("placed", BIGINT),
        Column("replaced", BIGINT),
        Column("cancelled", BIGINT),
        Column("burned", BIGINT),
        Column("skipped", BIGINT),
        Column("bid_cents", BIGINT, nullable=True),
        Column("ask_cents", BIGINT, nullable=True),
        Column("mark_half_cents", INT),
        Column("equity_cents", BIGINT),
        Column("error", text(200), nullable=True),
    ),
)

MM_CAMPAIGN: Final = Table(
    "mm_campaign",
    key=("campaign_id",),
    columns=(
        Column("campaign_id", UUID),
        Column("name", text(100)),
        Column("market_id", NAME),
        Column("sponsor_id", ACCOUNT, nullable=True),
        Column("starts_at", TIME),
        Column("ends_at", TIME),
        Column("reward_pool_cents", BIGINT),
        Column("min_cash_cents", BIGINT),
        Column("max_half_spread_cents", INT),
        Column("max_participants", INT),
        Column("status", NAME),
        Column("created_at", TIME),
        Column("updated_at", TIME),
    ),
)

MM_PARTICIPATION: Final = Table(
    "mm_campaign_participation",
    key=("campaign_id", "order_id"),
    columns=(
        Column("campaign_id", UUID),
        Column("order_id", UUID),
        Column("user_id", ACCOUNT),
        Column("joined_at", TIME),
        Column("left_at", TIME, nullable=True),
        Column("contribution_cents", BIGINT),
        Column("reward_cents", BIGINT),
        Column("external_ref", text(128), nullable=True),
    ),
)

MM_VENUE_WITHDRAWAL: Final = Table(
    "mm_venue_withdrawal",
    key=("order_id", "direction", "leg", "attempt"),
    columns=(
        Column("order_id", UUID),
        Column("direction", NAME),
        Column("leg", NAME),
        Column("attempt", INT),
        Column("request_key", NAME),
        Column("amount", BIGINT),
        Column("status", NAME),
        Column("tx_id", text(KEY_MAX), nullable=True),
        Column("claimed_by", ACCOUNT, nullable=True),
        Column("claimed_until", TIME, nullable=True),
        Column("created_at", TIME),
        Column("updated_at", TIME),
    ),
)

MM_RECONCILIATION: Final = Table(
    "mm_reconciliation",
    key=("order_id", "case_no"),
    columns=(
        Column("order_id", UUID),
        Column("case_no", INT),
        Column("expected", JSON),
        Column("observed", JSON, nullable=True),
        Column("outcome", NAME, nullable=True),
        Column("proposed_by", ACCOUNT, nullable=True),
        Column("closed_by", ACCOUNT, nullable=True),
        Column("evidence", text(EVIDENCE_MAX), nullable=True),
        Column("opened_at", TIME),
        Column("closed_at", TIME, nullable=True),
    ),
)

KEY_USES: Final = Table(
    "key_uses",
    key=("journal_id",),
    columns=(
        Column("kind", NAME),
        Column("idempotency_key", text(KEY_MAX)),
        Column("journal_id", BIGINT),
        Column("at", TIME),
        Column("user_id", ACCOUNT),
        Column("to_user_id", ACCOUNT, nullable=True),
        Column("market_id", NAME, nullable=True),
        Column("reference_type", NAME, nullable=True),
        Column("side", NAME, nullable=True),
        Column("quantity", BIGINT),
        Column("cents", BIGINT),
        Column("yes_volume", BIGINT),
        Column("no_volume", BIGINT),
        Column("balance", BIGINT),
    ),
)

TABLES: Final = {
    table.name: table
    for table in (
        *(ACCOUNTS, MARKETS, AMM_MARKETS, ORDERS, TRADES, POSITIONS, LEDGER_ENTRIES),
        *(MARKET_ACTIVITY, CIRCUIT_BREAKER_EVENTS, CANDLES, PORTFOLIO_DAYS, ORDER_GROUPS),
        *(MM_ORDER, MM_PAYMENT, MM_LIFECYCLE_EVENT, MM_EXECUTION, MM_CAMPAIGN, MM_PARTICIPATION),
        *(MM_VENUE_WITHDRAWAL, MM_RECONCILIATION, KEY_USES),
    )
}
"""All of them: what a rebuild fills anew."""
