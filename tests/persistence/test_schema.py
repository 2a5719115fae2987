"""Every rule of schema.sql refuses what it is there to refuse.

One good row for each table, one bad change for each rule, and a look into the catalogue for any forgotten.
"""

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from kernel import events
from kernel.codes import AMM_ID
from persistence.postgres.database import Connection, ConstraintError, opened

UUID_1 = "00000000-0000-7000-8000-000000000001"
UUID_2 = "00000000-0000-7000-8000-000000000002"

MONTH = 1_795_000_000_000_000
"""A moment in November of 2026."""
Row = dict[str, str]  # column to SQL literal

GOOD: dict[str, Row] = {
    "wal_events": {"id": "1", "event_type": "'JOURNAL_OPENED'", "payload": "'{}'", "created_at": "now()"},
    "snapshots": {
        "journal_id": "1",
        "format": "1",
        "digest": "sha256('')",
        "chunks": "1",
        "created_at": "now()",
        "journal_digest": "sha256('')",
        "seal": "sha256('')",
    },
    "journal_archive": {
        "first_id": "1",
        "last_id": "7",
        "digest": "sha256('')",
        "journal_format": "1",
        "begun_at": "now()",
        "ended_at": "now()",
        "netted": "'{}'",
        "sha256": "sha256('')",
        "signature": "decode(repeat('00', 64), 'hex')",
        "folder": "'/archive'",
        "file": "'journal-000000000001-000000000007.jsonl.gz'",
    },
    "journal_seals": {"last_id": "1", "digest": "sha256('')", "signature": "decode(repeat('00', 64), 'hex')"},
    "snapshot_chunks": {"journal_id": "1", "number": "0", "content": "''"},
    "users": {
        "id": f"'{UUID_1}'",
        "username": "'ann'",
        "email": "'ann@example.com'",
        "password_hash": "'x'",
    },
    "sessions": {
        "id": f"'{UUID_1}'",
        "user_id": f"'{UUID_2}'",
        "refresh_hash": "sha256('')",
        "created_at": "now()",
        "last_used_at": "now()",
    },
    "ended_tokens": {
        "token_hash": "sha256('')",
        "user_id": f"'{UUID_2}'",
        "ends_at": "now()",
        "expires_at": "now()",
    },
    "api_keys": {
        "id": f"'{UUID_1}'",
        "user_id": f"'{UUID_2}'",
        "name": "'bot'",
        "prefix": "'Qm9vazEy'",
        "key_hash": "sha256('')",
        "scopes": "'read,trade'",
        "created_at": "now()",
    },
    "accounts": {"id": f"'{UUID_1}'", "user_id": "'ann'", "owner_id": "'ann'"},
    "markets": {
        "id": "'M'",
        "title": "'?'",
        "total_yes_shares": "1",
        "total_no_shares": "1",
        "reserve_balance": "100",
    },
    "amm_markets": {
        "market_id": "'M'",
        "status": "'STOPPED'",
        "start_count": "1",
        "initial_budget_cents": "1",
        "initial_price_cents": "50",
        "started_at": "now()",
        "first_started_at": "now()",
    },
    "orders": {
        "id": f"'{UUID_1}'",
        "client_order_id": "'c1'",
        "market_id": "'M'",
        "user_id": "'ann'",
        "original_side": "'YES'",
        "original_direction": "'BUY'",
        "original_price": "65",
        "book_type": "'NATIVE_BUY'",
        "book_direction": "'BUY'",
        "book_price": "65",
        "quantity": "10",
        "remaining_quantity": "10",
        "frozen_asset_type": "'FUNDS'",
        "accepted_seq": "1",
        "priority_seq": "1",
    },
    "trades": {
        "id": f"'{UUID_1}'",
        "trade_id": "'TRD_1'",
        "market_id": "'M'",
        "scenario": "'MINT'",
        "buy_order_id": f"'{UUID_1}'",
        "sell_order_id": f"'{UUID_2}'",
        "buy_user_id": "'ann'",
        "sell_user_id": "'ben'",
        "buy_book_type": "'NATIVE_BUY'",
        "sell_book_type": "'SYNTHETIC_SELL'",
        "price": "65",
        "quantity": "10",
        "maker_order_id": f"'{UUID_1}'",
        "taker_order_id": f"'{UUID_2}'",
        "executed_at": "'2026-11-20'",
    },
    "positions": {
        "id": f"'{UUID_1}'",
        "user_id": "'ann'",
        "market_id": "'M'",
        "yes_volume": "5",
        "no_volume": "5",
        "yes_pending_sell": "5",
        "no_pending_sell": "5",
    },
    "candles": {
        "market_id": "'M'",
        "interval": "'1m'",
        "start": "'2026-11-20 10:00Z'",
        "open_cents": "50",
        "high_cents": "60",
        "low_cents": "40",
        "close_cents": "50",
        "volume": "5",
        "trades": "1",
    },
    "market_activity": {
        "market_id": "'M'",
        "journal_id": "7",
        "at": "now()",
        "kind": "'STATUS'",
        "previous": "'DRAFT'",
        "new": "'ACTIVE'",
        "reason": "'ADMIN'",
    },
    "portfolio_days": {
        "user_id": "'ann'",
        "day": "'2026-11-20'",
        "equity": "90",
        "cash": "60",
        "positions_value": "30",
        "unrealized_pnl": "-10",
        "realized_pnl": "5",
        "fees_paid": "5",
        "net_deposits": "80",
        "net_transfers": "20",
    },
    "order_groups": {
        "user_id": "'ann'",
        "market_id": "'M'",
        "group_id": "'g'",
        "max_fill_quantity": "5",
        "window_ms": "1000",
        "state": "'ACTIVE'",
        "created_at": "'2026-11-20'",
        "updated_at": "'2026-11-20'",
    },
    "mm_order": {
        "order_id": f"'{UUID_1}'",
        "user_id": "'ann'",
        "market_id": "'M'",
        "escrow_id": "'mm:1'",
        "state": "'refunded'",
        "version": "1",
        "seq": "1",
        "venue": "'internal'",
        "location": "'escrow'",
        "held": "FALSE",
        "reason": "'REFUND'",
        "external_submitted": "FALSE",
        "reconcile_required": "FALSE",
        "refund_due": "FALSE",
        "fence": "1",
        "cycle_no": "1",
        "consecutive_failures": "0",
        "strategy": "'quoter.1'",
        "terms": "'{}'",
        "policy": "'{}'",
        "snapshot_hash": f"'{64 * 'a'}'",
        "required_cash_cents": "10",
        "required_yes_shares": "10",
        "required_no_shares": "10",
        "received_cash_cents": "10",
        "received_yes_shares": "10",
        "received_no_shares": "10",
        "paid_in_cents": "10",
        "paid_out_cents": "10",
        "rewards_cents": "0",
        "fees_cents": "0",
        "payment_deadline": "'2026-11-20'",
        "idempotency_key": "'k'",
        "created_at": "'2026-11-20'",
        "updated_at": "'2026-11-20'",
    },
    "mm_payment": {
        "order_id": f"'{UUID_1}'",
        "idempotency_key": "'k'",
        "asset": "'CASH'",
        "amount": "1",
        "journal_id": "7",
        "created_at": "'2026-11-20'",
    },
    "key_uses": {
        "kind": "'MINT'",
        "idempotency_key": "'k'",
        "journal_id": "7",
        "at": "'2026-11-20'",
        "user_id": "'ann'",
        "quantity": "1",
        "cents": "100",
        "yes_volume": "1",
        "no_volume": "1",
        "balance": "0",
    },
    "mm_lifecycle_event": {
        "event_id": "7",
        "order_id": f"'{UUID_1}'",
        "user_id": "'ann'",
        "seq": "1",
        "kind": "'TRANSITION'",
        "to_state": "'payment_pending'",
        "job_name": "'CREATE_MM_ORDER'",
        "trigger_id": "'new:ann:k'",
        "actor_type": "'USER'",
        "reason": "'USER_REQUEST'",
        "data": "'{}'",
        "version": "1",
        "fence": "0",
        "created_at": "'2026-11-20'",
    },
    "mm_execution": {
        "order_id": f"'{UUID_1}'",
        "cycle_no": "1",
        "fence": "2",
        "worker_id": "'w'",
        "started_at": "'2026-11-20'",
        "ended_at": "'2026-11-20'",
        "lateness_ms": "0",
        "outcome": "'DONE'",
        "placed": "0",
        "replaced": "0",
        "cancelled": "0",
        "burned": "0",
        "skipped": "0",
        "mark_half_cents": "100",
        "equity_cents": "0",
    },
    "mm_venue_withdrawal": {
        "order_id": f"'{UUID_1}'",
        "direction": "'OUT'",
        "leg": "'CASH'",
        "attempt": "1",
        "request_key": "'mmw:1:CASH:1'",
        "amount": "100",
        "status": "'INTENT'",
        "created_at": "'2026-11-20'",
        "updated_at": "'2026-11-20'",
    },
    "mm_reconciliation": {
        "order_id": f"'{UUID_1}'",
        "case_no": "1",
        "expected": "'{}'",
        "outcome": "'WRITTEN_OFF'",
        "proposed_by": "'a'",
        "closed_by": "'b'",
        "evidence": "'a letter'",
        "opened_at": "'2026-11-20'",
        "closed_at": "'2026-11-20'",
    },
    "mm_campaign": {
        "campaign_id": f"'{UUID_1}'",
        "name": "'Prize'",
        "market_id": "'M'",
        "starts_at": "'2026-11-20'",
        "ends_at": "'2026-11-21'",
        "reward_pool_cents": "1",
        "min_cash_cents": "0",
        "max_half_spread_cents": "3",
        "max_participants": "0",
        "status": "'draft'",
        "created_at": "'2026-11-20'",
        "updated_at": "'2026-11-20'",
    },
    "mm_campaign_participation": {
        "campaign_id": f"'{UUID_1}'",
        "order_id": f"'{UUID_1}'",
        "user_id": "'ann'",
        "joined_at": "'2026-11-20'",
        "contribution_cents": "0",
        "reward_cents": "0",
    },
    "ledger_entries": {
        "id": "1",
        "user_id": "'ann'",
        "entry_type": "'MINT_COST'",
        "amount": "-1",
        "balance_after": "0",
        "reference_type": "'AMM_MINT'",
        "reference_id": "'key'",
        "created_at": "'2026-11-20'",
    },
    "history_cuts": {"complete_since": "'2026-11-01'", "last_entry": "0", "last_trade": "0"},
    "ledger_forward": {"user_id": "'ann'", "entries": "1", "balance": "1", "frozen": "0"},
    "trades_forward": {"market_id": "'M'", "trades": "0", "volume": "0", "fees": "0", "realized_pnl": "0"},
    "circuit_breaker_events": {"id": "1", "market_id": "'M'", "trigger_reason": "'MANUAL'"},
    "schema_version": {"version": "99"},
    "projector_cursor": {"only_row": "TRUE", "journal_id": "0"},
}

# Rule, table, and what to change in the good row so that exactly this rule is broken.
BAD: list[tuple[str, str, Row]] = [
    ("ck_wal_id_gte_1", "wal_events", {"id": "0"}),
    ("ck_wal_event_type", "wal_events", {"event_type": "'ORDER_REJECTED'"}),
    ("ck_wal_digest", "wal_events", {"digest": "'short'"}),
    ("ck_snapshots_digest", "snapshots", {"digest": "'short'"}),
    ("ck_snapshots_chunks", "snapshots", {"chunks": "0"}),
    ("ck_sessions_refresh_hash", "sessions", {"refresh_hash": "'short'"}),
    ("ck_ended_tokens_hash", "ended_tokens", {"token_hash": "'short'"}),
    ("ck_api_keys_hash", "api_keys", {"key_hash": "'short'"}),
    ("ck_api_keys_scopes", "api_keys", {"scopes": "'trade,read'"}),
    ("ck_api_keys_scopes", "api_keys", {"scopes": "''"}),
    ("ck_snapshots_journal_digest", "snapshots", {"journal_digest": "'short'"}),
    ("ck_snapshots_seal", "snapshots", {"seal": "'short'"}),
    ("ck_journal_archive_ids", "journal_archive", {"first_id": "8"}),
    ("ck_journal_archive_digest", "journal_archive", {"digest": "'short'"}),
    ("ck_journal_archive_sha256", "journal_archive", {"sha256": "'short'"}),
    ("ck_journal_archive_signature", "journal_archive", {"signature": "sha256('')"}),
    ("ck_journal_seals_last_id", "journal_seals", {"last_id": "0"}),
    ("ck_journal_seals_digest", "journal_seals", {"digest": "'short'"}),
    ("ck_journal_seals_signature", "journal_seals", {"signature": "sha256('')"}),
    ("ck_snapshot_chunks_number", "snapshot_chunks", {"number": "-1"}),
    ("ck_users_username_len", "users", {"username": "'al'"}),
    ("ck_users_account_type", "users", {"account_type": "'ROOT'"}),
    ("ck_accounts_available_gte_0", "accounts", {"available_balance": "-1"}),
    ("ck_accounts_frozen_gte_0", "accounts", {"frozen_balance": "-1"}),
    (
        "ck_markets_reserve_gte_0",
        "markets",
        {"total_yes_shares": "-1", "total_no_shares": "-1", "reserve_balance": "-100"},
    ),
    ("ck_markets_yes_shares_gte_0", "markets", {"total_yes_shares": "-1"}),
    ("ck_markets_no_shares_gte_0", "markets", {"total_no_shares": "-1"}),
    ("ck_markets_shares_balanced", "markets", {"total_no_shares": "2"}),
    ("ck_markets_reserve_consistency", "markets", {"reserve_balance": "99"}),
    ("ck_markets_status", "markets", {"status": "'CLOSED'"}),
    ("ck_markets_price_range", "markets", {"min_price_cents": "0"}),
    ("ck_markets_price_range", "markets", {"max_price_cents": "100"}),
    ("ck_markets_price_range", "markets", {"min_price_cents": "50", "max_price_cents": "50"}),
    ("ck_markets_fee", "markets", {"maker_fee_bps": "-1"}),
    ("ck_markets_fee", "markets", {"taker_fee_bps": "1001"}),
    ("ck_markets_resolution", "markets", {"resolution_result": "'MAYBE'"}),
    ("ck_markets_void_price", "markets", {"void_price_cents": "100"}),
    ("ck_markets_trading_mode", "markets", {"trading_mode": "'SLOW'"}),
    ("ck_amm_markets_status", "amm_markets", {"status": "'PAUSED'"}),
    ("ck_amm_markets_initial_price", "amm_markets", {"initial_price_cents": "100"}),
    ("ck_amm_markets_stop_mode", "amm_markets", {"stop_mode": "'LATER'"}),
    ("ck_orders_original_side", "orders", {"original_side": "'MAYBE'"}),
    ("ck_orders_original_direction", "orders", {"original_direction": "'HOLD'"}),
    ("ck_orders_original_price", "orders", {"original_price": "100"}),
    ("ck_orders_book_type", "orders", {"book_type": "'OTHER'"}),
    ("ck_orders_book_direction", "orders", {"book_direction": "'HOLD'"}),
    ("ck_orders_book_type_dir_match", "orders", {"book_direction": "'SELL'"}),
    ("ck_orders_book_price", "orders", {"book_price": "0"}),
    ("ck_orders_price_type", "orders", {"price_type": "'MARKET'"}),
    ("ck_orders_tif", "orders", {"time_in_force": "'DAY'"}),
    ("ck_orders_gtd", "orders", {"time_in_force": "'GTD'"}),
    ("ck_orders_gtd", "orders", {"expires_at": "now()"}),
    ("ck_orders_post_only", "orders", {"time_in_force": "'IOC'", "post_only": "TRUE"}),
    ("ck_orders_max_cost", "orders", {"max_cost_cents": "5"}),
    ("ck_orders_max_cost", "orders", {"time_in_force": "'IOC'", "max_cost_cents": "0"}),
    ("ck_orders_self_trade_mode", "orders", {"self_trade_mode": "'BOTH'"}),
    ("ck_orders_quantity", "orders", {"quantity": "0", "remaining_quantity": "0"}),
    ("ck_orders_filled", "orders", {"filled_quantity": "-1", "remaining_quantity": "11"}),
    ("ck_orders_remaining", "orders", {"filled_quantity": "11", "remaining_quantity": "-1"}),
    ("ck_orders_fill_consistency", "orders", {"filled_quantity": "1"}),
    ("ck_orders_frozen_amount_gte_0", "orders", {"frozen_amount": "-1"}),
    ("ck_orders_frozen_asset_type", "orders", {"frozen_asset_type": "'GOLD'"}),
    ("ck_orders_amend_count", "orders", {"amend_count": "-1"}),
    ("ck_orders_priority", "orders", {"priority_seq": "2"}),
    ("ck_orders_priority", "orders", {"amend_count": "1", "priority_seq": "0"}),
    ("ck_orders_status", "orders", {"status": "'LOST'"}),
    ("ck_trades_scenario", "trades", {"scenario": "'SWAP'"}),
    ("ck_trades_buy_book_type", "trades", {"buy_book_type": "'NATIVE_SELL'"}),
    ("ck_trades_sell_book_type", "trades", {"sell_book_type": "'NATIVE_BUY'"}),
    ("ck_trades_price", "trades", {"price": "100"}),
    ("ck_trades_quantity", "trades", {"quantity": "0"}),
    ("ck_trades_fee_gte_0", "trades", {"maker_fee": "-1"}),
    ("ck_trades_fee_gte_0", "trades", {"taker_fee": "-1"}),
    ("ck_trades_diff_users", "trades", {"sell_user_id": "'ann'"}),
    ("ck_trades_is_audit", "trades", {"sell_user_id": "'SYSTEM'"}),
    ("ck_trades_is_audit", "trades", {"is_audit": "TRUE"}),
    ("ck_positions_yes_volume_gte_0", "positions", {"yes_volume": "-1", "yes_pending_sell": "-1"}),
    ("ck_positions_no_volume_gte_0", "positions", {"no_volume": "-1", "no_pending_sell": "-1"}),
    ("ck_positions_yes_cost_gte_0", "positions", {"yes_cost_sum": "-1"}),
    ("ck_positions_no_cost_gte_0", "positions", {"no_cost_sum": "-1"}),
    ("ck_positions_yes_pending_gte_0", "positions", {"yes_pending_sell": "-1"}),
    ("ck_positions_no_pending_gte_0", "positions", {"no_pending_sell": "-1"}),
    ("ck_positions_fees_gte_0", "positions", {"fees_paid": "-1"}),
    ("ck_positions_yes_pending_lte_vol", "positions", {"yes_pending_sell": "6"}),
    ("ck_positions_no_pending_lte_vol", "positions", {"no_pending_sell": "6"}),
    ("ck_candles_interval", "candles", {"interval": "'2m'"}),
    ("ck_candles_traded", "candles", {"open_cents": "NULL"}),
    ("ck_candles_traded", "candles", {"trades": "0", "volume": "0"}),
    ("ck_candles_volume", "candles", {"volume": "0"}),
    ("ck_candles_prices", "candles", {"low_cents": "0"}),
    ("ck_candles_prices", "candles", {"high_cents": "100"}),
    ("ck_candles_prices", "candles", {"open_cents": "39"}),
    ("ck_candles_prices", "candles", {"close_cents": "61"}),
    ("ck_candles_closes", "candles", {"bid_close_cents": "0", "ask_close_cents": "50"}),
    ("ck_candles_closes", "candles", {"bid_close_cents": "50", "ask_close_cents": "100"}),
    ("ck_candles_open_interest", "candles", {"open_interest": "-1"}),
    ("ck_market_activity_kind", "market_activity", {"kind": "'STATE'"}),
    ("ck_portfolio_days_equity", "portfolio_days", {"cash": "61"}),
    ("ck_portfolio_days_origin", "portfolio_days", {"net_deposits": "81"}),
    ("ck_order_groups_max_fill", "order_groups", {"max_fill_quantity": "0"}),
    ("ck_order_groups_window", "order_groups", {"window_ms": "99"}),
    ("ck_order_groups_window", "order_groups", {"window_ms": "86400001"}),
    ("ck_order_groups_state", "order_groups", {"state": "'DELETED'"}),
    ("ck_order_groups_triggered", "order_groups", {"state": "'TRIGGERED'"}),
    ("ck_mm_order_state", "mm_order", {"state": "'begun'"}),
    ("ck_mm_order_location", "mm_order", {"location": "'pocket'"}),
    ("ck_mm_order_lease", "mm_order", {"cycle_lease_token": "'t'"}),
    (
        "ck_mm_order_lease",
        "mm_order",
        {"cycle_lease_until": "now()", "cycle_lease_token": "'t'", "cycle_lease_worker": "'w'"},
    ),
    ("ck_mm_order_legs", "mm_order", {"received_cash_cents": "11"}),
    ("ck_mm_order_legs", "mm_order", {"received_yes_shares": "-1"}),
    ("ck_mm_order_legs", "mm_order", {"received_no_shares": "11"}),
    ("ck_mm_order_money", "mm_order", {"paid_in_cents": "-1"}),
    ("ck_mm_order_money", "mm_order", {"paid_out_cents": "-1"}),
    ("ck_mm_order_money", "mm_order", {"rewards_cents": "-1"}),
    ("ck_mm_order_money", "mm_order", {"fees_cents": "-1"}),
    ("ck_mm_order_final", "mm_order", {"refund_due": "TRUE"}),
    ("ck_mm_order_final", "mm_order", {"state": "'deleted'", "reconcile_required": "TRUE"}),
    ("ck_mm_order_hash", "mm_order", {"snapshot_hash": f"'{64 * 'A'}'"}),
    ("ck_mm_payment_asset", "mm_payment", {"asset": "'GOLD'"}),
    ("ck_mm_payment_amount", "mm_payment", {"amount": "0"}),
    ("ck_key_uses_kind", "key_uses", {"kind": "'GIFT'"}),
    ("ck_key_uses_transfer", "key_uses", {"kind": "'TRANSFER'"}),
    ("ck_key_uses_transfer", "key_uses", {"to_user_id": "'ben'", "reference_type": "'MM_FEE'"}),
    ("ck_mm_event_kind", "mm_lifecycle_event", {"kind": "'NEWS'"}),
    ("ck_mm_event_actor", "mm_lifecycle_event", {"actor_type": "'GOD'"}),
    ("ck_mm_event_states", "mm_lifecycle_event", {"seq": "2"}),
    ("ck_mm_event_states", "mm_lifecycle_event", {"from_state": "'begun'"}),
    ("ck_mm_event_states", "mm_lifecycle_event", {"to_state": "'begun'"}),
    ("ck_mm_event_seq", "mm_lifecycle_event", {"seq": "0", "from_state": "'paused'"}),
    ("ck_mm_execution_outcome", "mm_execution", {"outcome": "'FINE'"}),
    ("ck_mm_execution_times", "mm_execution", {"ended_at": "'2026-11-19'"}),
    ("ck_mm_venue_status", "mm_venue_withdrawal", {"status": "'LOST'"}),
    ("ck_mm_venue_direction", "mm_venue_withdrawal", {"direction": "'AWAY'"}),
    ("ck_mm_venue_leg", "mm_venue_withdrawal", {"leg": "'GOLD'"}),
    ("ck_mm_venue_attempt", "mm_venue_withdrawal", {"attempt": "0"}),
    ("ck_mm_venue_attempt", "mm_venue_withdrawal", {"attempt": "4"}),
    ("ck_mm_reconciliation_outcome", "mm_reconciliation", {"outcome": "'FORGOTTEN'"}),
    ("ck_mm_reconciliation_two", "mm_reconciliation", {"closed_by": "'a'"}),
    ("ck_mm_campaign_window", "mm_campaign", {"ends_at": "'2026-11-20'"}),
    ("ck_mm_campaign_status", "mm_campaign", {"status": "'over'"}),
    ("ck_mm_campaign_pool", "mm_campaign", {"reward_pool_cents": "0"}),
    ("ck_mm_participation_sums", "mm_campaign_participation", {"contribution_cents": "-1"}),
    ("ck_mm_participation_sums", "mm_campaign_participation", {"reward_cents": "-1"}),
    ("ck_ledger_balance_gte_0", "ledger_entries", {"balance_after": "-1"}),
    ("ck_ledger_entry_type", "ledger_entries", {"entry_type": "'GIFT'"}),
    ("ck_projector_cursor_only_row", "projector_cursor", {"only_row": "FALSE"}),
    ("ck_projector_cursor_journal_id", "projector_cursor", {"journal_id": "-1"}),
    ("ck_projector_cursor_digest", "projector_cursor", {"digest": "'short'"}),
]

# Rule, table, and what to change in the good row so that a second row collides with it in nothing else.
TWICE: list[tuple[str, str, Row]] = [
    ("order_groups_pkey", "order_groups", {}),
    ("mm_order_pkey", "mm_order", {"escrow_id": "'mm:2'", "idempotency_key": "'k2'"}),
    ("uq_mm_order_escrow", "mm_order", {"order_id": f"'{UUID_2}'", "idempotency_key": "'k2'"}),
    ("uq_mm_order_key", "mm_order", {"order_id": f"'{UUID_2}'", "escrow_id": "'mm:2'"}),
    ("mm_payment_pkey", "mm_payment", {}),
    ("key_uses_pkey", "key_uses", {"idempotency_key": "'other'"}),
    ("mm_lifecycle_event_pkey", "mm_lifecycle_event", {"order_id": f"'{UUID_2}'"}),
    ("mm_execution_pkey", "mm_execution", {}),
    ("mm_venue_withdrawal_pkey", "mm_venue_withdrawal", {"request_key": "'another'"}),
    ("uq_mm_venue_request", "mm_venue_withdrawal", {"attempt": "2"}),
    ("mm_reconciliation_pkey", "mm_reconciliation", {}),
    ("mm_campaign_pkey", "mm_campaign", {}),
    ("mm_campaign_participation_pkey", "mm_campaign_participation", {}),
    ("uq_mm_participation_order", "mm_campaign_participation", {"campaign_id": f"'{UUID_2}'"}),
    ("uq_mm_event_seq", "mm_lifecycle_event", {"event_id": "8"}),
    ("wal_events_1_pkey", "wal_events", {}),
    ("snapshots_pkey", "snapshots", {}),
    ("journal_archive_pkey", "journal_archive", {"first_id": "2"}),
    ("journal_seals_pkey", "journal_seals", {}),
    ("snapshot_chunks_pkey", "snapshot_chunks", {}),
    ("sessions_pkey", "sessions", {}),
    ("ended_tokens_pkey", "ended_tokens", {}),
    ("api_keys_pkey", "api_keys", {"key_hash": "sha256('x')", "name": "'other'"}),
    ("uq_api_keys_hash", "api_keys", {"id": f"'{UUID_2}'", "name": "'other'"}),
    ("uq_api_keys_name", "api_keys", {"id": f"'{UUID_2}'", "key_hash": "sha256('x')"}),
    ("users_pkey", "users", {"username": "'ben'", "email": "'ben@example.com'"}),
    ("uq_users_username", "users", {"id": f"'{UUID_2}'", "email": "'ben@example.com'"}),
    ("uq_users_email", "users", {"id": f"'{UUID_2}'", "username": "'ben'"}),
    ("accounts_pkey", "accounts", {"user_id": "'ben'"}),
    ("uq_accounts_user_id", "accounts", {"id": f"'{UUID_2}'"}),
    ("markets_pkey", "markets", {}),
    ("amm_markets_pkey", "amm_markets", {}),
    ("orders_pkey", "orders", {"client_order_id": "'c2'", "accepted_seq": "2", "priority_seq": "2"}),
    (
        "uq_orders_user_client_order_id",
        "orders",
        {"id": f"'{UUID_2}'", "accepted_seq": "2", "priority_seq": "2"},
    ),
    ("uq_orders_accepted_seq", "orders", {"id": f"'{UUID_2}'", "client_order_id": "'c2'"}),
    ("trades_2026_11_pkey", "trades", {"id": f"'{UUID_2}'"}),
    ("positions_pkey", "positions", {"market_id": "'N'"}),
    ("uq_positions_user_market", "positions", {"id": f"'{UUID_2}'"}),
    ("candles_pkey", "candles", {}),
    ("portfolio_days_pkey", "portfolio_days", {}),
    ("ledger_entries_2026_11_pkey", "ledger_entries", {"reference_id": "'other'"}),
    ("ledger_entries_2026_11_amm_reference", "ledger_entries", {"id": "2"}),
    ("history_cuts_pkey", "history_cuts", {}),
    ("ledger_forward_pkey", "ledger_forward", {}),
    ("trades_forward_pkey", "trades_forward", {}),
    ("market_activity_pkey", "market_activity", {}),
    ("circuit_breaker_events_pkey", "circuit_breaker_events", {}),
    ("schema_version_pkey", "schema_version", {}),
    ("projector_cursor_pkey", "projector_cursor", {}),
]

ALLOWED: list[tuple[str, str, Row]] = [
    (
        "the market maker meets itself",
        "trades",
        {"buy_user_id": f"'{AMM_ID}'", "sell_user_id": f"'{AMM_ID}'"},
    ),
    ("the record of a privileged mint", "trades", {"sell_user_id": "'SYSTEM'", "is_audit": "TRUE"}),
    ("a ledger amount below zero", "ledger_entries", {"amount": "-5"}),
    ("a loss in the pool", "markets", {"pnl_pool": "-120"}),
    ("an event of no market", "wal_events", {"market_id": "NULL"}),
    ("the last event of a transaction", "wal_events", {"digest": "sha256('')"}),
    (
        "a cancelled rest",
        "orders",
        {"filled_quantity": "4", "remaining_quantity": "6", "status": "'CANCELLED'"},
    ),
]


@pytest.fixture
async def connection(shared_url: str) -> AsyncIterator[Connection]:
    """One database for all these tests: each works in a transaction that never commits."""
    async with opened(shared_url) as db:
        connected = await db.connect()
        await connected.execute("BEGIN")
        await connected.execute(f"SELECT fn_make_month({MONTH})")
        yield connected
        connected.abandon()


async def insert(connection: Connection, table: str, change: Row | None = None) -> None:
    row = GOOD[table] | (change or {})
    await connection.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join(row.values())})")


@pytest.mark.parametrize(
    ("rule", "table", "change"), BAD, ids=[f"{rule}-{change}" for rule, _, change in BAD]
)
async def test_a_row_that_breaks_one_rule_is_refused_by_that_rule(
    connection: Connection, rule: str, table: str, change: Row
) -> None:
    """The table's other checks are taken away first: some rows break two, and each must hold alone."""
    others = await connection.fetch(
        "SELECT conname FROM pg_constraint "
        "WHERE conrelid = $1::text::regclass AND contype = 'c' AND conname <> $2",
        table,
        rule,
    )
    for other in others:
        await connection.execute(f"ALTER TABLE {table} DROP CONSTRAINT {other['conname']}")
    with pytest.raises(ConstraintError) as refused:
        await insert(connection, table, change)
    assert refused.value.constraint == rule


@pytest.mark.parametrize(("rule", "table", "change"), TWICE, ids=[rule for rule, _, _ in TWICE])
async def test_a_second_row_that_must_be_the_only_one_is_refused(
    connection: Connection, rule: str, table: str, change: Row
) -> None:
    if table != "projector_cursor":  # it has its only row from the start
        await insert(connection, table)
    with pytest.raises(ConstraintError) as refused:
        await insert(connection, table, change)
    assert refused.value.constraint == rule


@pytest.mark.parametrize("table", [table for table in GOOD if table != "projector_cursor"])
async def test_a_good_row_is_taken(connection: Connection, table: str) -> None:
    """Else the tests above would show nothing."""
    await insert(connection, table)


@pytest.mark.parametrize(("what", "table", "change"), ALLOWED, ids=[what for what, _, _ in ALLOWED])
async def test_what_looks_wrong_and_is_right_is_taken(
    connection: Connection, what: str, table: str, change: Row
) -> None:
    await insert(connection, table, change)


async def test_no_rule_of_the_schema_is_without_a_test(connection: Connection) -> None:
    """Constraints, and the unique indexes that are none because they are partial."""
    rules = await connection.fetch(
        "SELECT conname AS name FROM pg_constraint "
        "WHERE contype <> 'n' AND connamespace = 'public'::regnamespace "
        "UNION SELECT relname FROM pg_index JOIN pg_class ON oid = indexrelid "
        "WHERE indisunique AND relnamespace = 'public'::regnamespace"
    )
    # What is unique in wal_events is told by the name that this has in a part of it.
    assert {row["name"] for row in rules} - {"wal_events_pkey"} == {rule for rule, _, _ in BAD + TWICE}


async def test_the_journal_takes_exactly_the_events_of_the_kernel(connection: Connection) -> None:
    """The list stands in schema.sql and in the kernel; here they are held together."""
    rule = await connection.fetch_value(
        "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'ck_wal_event_type'"
    )
    written = {word for word in rule.split("'") if word.isupper() and word.replace("_", "").isalpha()}
    assert written == {kind.__struct_config__.tag for kind in events.AnyEvent.__args__}


async def test_only_users_and_what_is_theirs_and_what_stays_have_triggers(connection: Connection) -> None:
    """Elsewhere updated_at is the time of a command, which no trigger may overwrite."""
    rows = await connection.fetch(
        "SELECT tgrelid::regclass::text AS place FROM pg_trigger WHERE NOT tgisinternal"
    )
    assert {row["place"] for row in rows} == {
        *("users", "sessions", "ended_tokens", "api_keys"),
        *("mm_payment", "mm_lifecycle_event", "wal_events", "wal_events_1"),
    }


@pytest.mark.parametrize("table", ["mm_payment", "mm_lifecycle_event"])
async def test_what_was_paid_and_what_became_of_an_order_is_never_written_otherwise(
    connection: Connection, table: str
) -> None:
    """Only a rebuild, which empties the whole table, gets rid of a row."""
    await insert(connection, table, {})
    for change in (f"UPDATE {table} SET created_at = now()", f"DELETE FROM {table}"):
        await connection.execute("SAVEPOINT before")
        with pytest.raises(asyncpg.RaiseError, match="only ever added"):
            await connection.execute(change)
        await connection.execute("ROLLBACK TO before")
    await connection.execute(f"TRUNCATE {table}")
    assert await connection.fetch_value(f"SELECT count(*) FROM {table}") == 0


async def test_a_changed_user_has_a_new_time(connection: Connection) -> None:
    await insert(connection, "users", {"created_at": "'2026-01-01'", "updated_at": "'2026-01-01'"})
    await connection.execute("UPDATE users SET is_active = FALSE WHERE username = 'ann'")
    assert await connection.fetch_value("SELECT updated_at > created_at FROM users WHERE username = 'ann'")


async def test_nobody_can_log_in_as_a_program_of_the_exchange(connection: Connection) -> None:
    """Their hash is none, so there is no password that it is the hash of."""
    rows = await connection.fetch("SELECT * FROM users ORDER BY id")
    assert [str(row["id"]) for row in rows] == [AMM_ID, AMM_ID[:-1] + "2"]
    maker, worker = rows
    assert (maker["username"], maker["email"]) == ("amm_market_maker", "amm@system.internal")
    assert (maker["account_type"], maker["is_active"], maker["password_hash"]) == ("SYSTEM_BOT", True, "!")
    assert (worker["username"], worker["email"]) == ("mm_worker", "mm_worker@system.internal")
    assert (worker["account_type"], worker["is_active"], worker["password_hash"]) == ("MM_WORKER", True, "!")


async def test_the_journal_index_on_time_is_the_cheap_kind(connection: Connection) -> None:
    """Beside the primary key a block range index: any other costs a tenth of the journal's speed or more."""
    rows: list[Any] = await connection.fetch(
        "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'wal_events' ORDER BY indexname"
    )
    assert [row["indexname"] for row in rows] == ["idx_wal_time", "wal_events_pkey"]
    assert "USING brin" in rows[0]["indexdef"]


SPEAKING = {
    *("id", "market_id", "user_id", "journal_id", "trade_id", "buy_order_id", "sell_order_id"),
    *("buy_user_id", "sell_user_id", "username", "email", "title", "category", "status", "quantity"),
    *("filled_quantity", "price_type", "cancel_reason", "entry_type", "event_type", "description", "content"),
    *("start_count", "trigger_reason", "resolution_note", "version", "total_no_shares"),
    *(
        "created_at",
        "updated_at",
        "started_at",
        "stopped_at",
        "first_started_at",
        "resolved_at",
        "settled_at",
    ),
    *("triggered_at", "applied_at"),
}
"""Columns whose name says it all, in every table where no comment says more."""


async def test_what_no_name_says_is_said_by_a_comment(connection: Connection) -> None:
    """For whoever looks at the database with nothing but the database."""
    tables = await connection.fetch(
        "SELECT relname, obj_description(oid, 'pg_class') AS comment FROM pg_class"
        " WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition"
    )
    assert [row["relname"] for row in tables if not row["comment"]] == []
    columns = await connection.fetch(
        "SELECT relname, attname, col_description(pg_class.oid, attnum) AS comment FROM pg_class"
        " JOIN pg_attribute ON attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped"
        " WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition"
    )
    silent = [(row["relname"], row["attname"]) for row in columns if not row["comment"]]
    assert [place for place in silent if place[1] not in SPEAKING] == []
    assert {row["attname"] for row in columns} >= SPEAKING
