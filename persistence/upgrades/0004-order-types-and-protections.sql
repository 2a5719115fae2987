-- What an order may ask for beside its price and quantity. Orders of before asked for none of it.
ALTER TABLE orders
    ADD COLUMN expires_at TIMESTAMPTZ NULL,
    ADD COLUMN post_only BOOLEAN NOT NULL DEFAULT FALSE,
    ADD COLUMN max_cost_cents BIGINT NULL,
    ADD COLUMN self_trade_mode VARCHAR(20) NOT NULL DEFAULT 'REJECT',
    ADD COLUMN group_id VARCHAR(64) NULL,
    DROP CONSTRAINT ck_orders_tif,
    ADD CONSTRAINT ck_orders_tif CHECK (time_in_force IN ('GTC', 'IOC', 'FOK', 'GTD')),
    ADD CONSTRAINT ck_orders_gtd CHECK ((time_in_force = 'GTD') = (expires_at IS NOT NULL)),
    ADD CONSTRAINT ck_orders_post_only CHECK (NOT post_only OR time_in_force IN ('GTC', 'GTD')),
    ADD CONSTRAINT ck_orders_max_cost CHECK (max_cost_cents IS NULL OR (
        max_cost_cents > 0 AND original_direction = 'BUY' AND time_in_force IN ('IOC', 'FOK'))),
    ADD CONSTRAINT ck_orders_self_trade_mode CHECK (self_trade_mode IN ('REJECT', 'CANCEL_MAKER', 'CANCEL_TAKER'));
COMMENT ON COLUMN orders.time_in_force IS 'What becomes of the part that finds nobody: GTC rests, GTD rests until expires_at, IOC is cancelled; of FOK there is none.';
COMMENT ON COLUMN orders.expires_at IS 'From when on it trades no more; of GTD orders only.';
COMMENT ON COLUMN orders.post_only IS 'Whether it was to be refused rather than to take.';
COMMENT ON COLUMN orders.max_cost_cents IS 'The most it was to cost, fees included.';
COMMENT ON COLUMN orders.self_trade_mode IS 'Which order gives way when it arrives at another of its owner: it is refused, or one of the two is cancelled.';
COMMENT ON COLUMN orders.group_id IS 'The order group whose limit holds for it.';

-- Facts that the journal may hold from now on.
ALTER TABLE wal_events
    DROP CONSTRAINT ck_wal_event_type,
    ADD CONSTRAINT ck_wal_event_type CHECK (event_type IN (
        'JOURNAL_OPENED', 'JOURNAL_ACCEPTED',
        'ACCOUNT_OPENED', 'FUNDS_DEPOSITED', 'FUNDS_WITHDRAWN', 'FUNDS_TRANSFERRED', 'SHARES_TRANSFERRED',
        'FENCE_RAISED', 'GUARD_SET',
        'MARKET_CREATED', 'MARKET_STATUS_CHANGED', 'MARKET_MODE_CHANGED', 'MARKET_AMM_AUTHORIZED', 'MARKET_CLOSING', 'MARKET_SETTLED',
        'ORDER_ACCEPTED', 'ORDER_PARTIALLY_FILLED', 'ORDER_MATCHED', 'ORDER_CANCELLED', 'ORDER_EXPIRED',
        'NETTING_EXECUTED', 'SHARES_MINTED', 'SHARES_BURNED', 'POSITION_SETTLED',
        'AMM_STARTED', 'AMM_STOPPED', 'CIRCUIT_BREAKER_TRIGGERED', 'CIRCUIT_BREAKER_RESOLVED',
        'ADMIN_PROPOSED', 'ADMIN_CONFIRMED'
    ));

-- What a market takes while it is active.
ALTER TABLE markets
    ADD COLUMN trading_mode VARCHAR(20) NOT NULL DEFAULT 'NORMAL',
    ADD COLUMN mode_until TIMESTAMPTZ NULL,
    ADD CONSTRAINT ck_markets_trading_mode CHECK (trading_mode IN ('NORMAL', 'POST_ONLY', 'CANCEL_ONLY'));
COMMENT ON COLUMN markets.trading_mode IS 'Of what it could take while it is ACTIVE, what it takes: everything, what does not trade at once, or cancels alone.';
COMMENT ON COLUMN markets.mode_until IS 'When the mode ends by itself; null: when an administrator says so.';

-- What each account and position has come to. The values of before come from the journal.
ALTER TABLE accounts
    ADD COLUMN net_deposits BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN net_transfers BIGINT NOT NULL DEFAULT 0;
COMMENT ON COLUMN accounts.net_deposits IS 'Cents paid in, less those paid out.';
COMMENT ON COLUMN accounts.net_transfers IS 'Cents, and the cost of shares, that came from other accounts, less what went to them.';
ALTER TABLE positions
    ADD COLUMN realized_pnl BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN fees_paid BIGINT NOT NULL DEFAULT 0,
    ADD CONSTRAINT ck_positions_fees_gte_0 CHECK (fees_paid >= 0);
COMMENT ON COLUMN positions.realized_pnl IS 'Cents that trades, nettings, burns and the settlement brought in beyond the cost of the shares they took.';
COMMENT ON COLUMN positions.fees_paid IS 'Cents.';

-- What is new in the tables comes from the journal, from its first row on: everything that is folded from it is
-- folded anew. The first start does so while it serves; the past is complete once it is done.
TRUNCATE accounts, markets, amm_markets, orders, trades, positions, ledger_entries, circuit_breaker_events;
UPDATE projector_cursor SET journal_id = 0, digest = NULL;
