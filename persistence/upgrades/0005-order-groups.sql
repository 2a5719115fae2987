-- Facts that the journal may hold from now on.
ALTER TABLE wal_events
    DROP CONSTRAINT ck_wal_event_type,
    ADD CONSTRAINT ck_wal_event_type CHECK (event_type IN (
        'JOURNAL_OPENED', 'JOURNAL_ACCEPTED',
        'ACCOUNT_OPENED', 'FUNDS_DEPOSITED', 'FUNDS_WITHDRAWN', 'FUNDS_TRANSFERRED', 'SHARES_TRANSFERRED',
        'FENCE_RAISED', 'GUARD_SET',
        'MARKET_CREATED', 'MARKET_STATUS_CHANGED', 'MARKET_MODE_CHANGED', 'MARKET_AMM_AUTHORIZED', 'MARKET_CLOSING', 'MARKET_SETTLED',
        'ORDER_ACCEPTED', 'ORDER_PARTIALLY_FILLED', 'ORDER_MATCHED', 'ORDER_CANCELLED', 'ORDER_EXPIRED',
        'ORDER_AMENDED', 'ORDER_GROUP_SET', 'ORDER_GROUP_TRIGGERED', 'ORDER_GROUP_RESET', 'ORDER_GROUP_DELETED',
        'NETTING_EXECUTED', 'SHARES_MINTED', 'SHARES_BURNED', 'POSITION_SETTLED',
        'AMM_STARTED', 'AMM_STOPPED', 'CIRCUIT_BREAKER_TRIGGERED', 'CIRCUIT_BREAKER_RESOLVED',
        'ADMIN_PROPOSED', 'ADMIN_CONFIRMED'
    ));

-- What an account's orders in a market may trade together in so long. They end with their market.
CREATE TABLE order_groups (
    user_id           VARCHAR(64) NOT NULL,
    market_id         VARCHAR(64) NOT NULL,
    group_id          VARCHAR(64) NOT NULL,
    max_fill_quantity INT         NOT NULL,
    window_ms         INT         NOT NULL,
    state             VARCHAR(10) NOT NULL,
    triggered_at      TIMESTAMPTZ NULL,
    created_at        TIMESTAMPTZ NOT NULL,
    updated_at        TIMESTAMPTZ NOT NULL,
    CONSTRAINT order_groups_pkey PRIMARY KEY (user_id, market_id, group_id),
    CONSTRAINT ck_order_groups_max_fill CHECK (max_fill_quantity >= 1),
    CONSTRAINT ck_order_groups_window CHECK (window_ms BETWEEN 100 AND 86400000),
    CONSTRAINT ck_order_groups_state CHECK (state IN ('ACTIVE', 'TRIGGERED')),
    CONSTRAINT ck_order_groups_triggered CHECK (state = 'ACTIVE' OR triggered_at IS NOT NULL)
);
COMMENT ON TABLE order_groups IS 'Orders of one account in one market that brake together, while their market is open. Folded from the journal.';
COMMENT ON COLUMN order_groups.group_id IS 'Chosen by the account, and its own.';
COMMENT ON COLUMN order_groups.window_ms IS 'How long a fill counts, in milliseconds.';
COMMENT ON COLUMN order_groups.max_fill_quantity IS 'The shares that they may trade within the window.';
COMMENT ON COLUMN order_groups.state IS 'ACTIVE, or TRIGGERED: it takes no orders until it is reset.';
COMMENT ON COLUMN order_groups.triggered_at IS 'When it was triggered last, also if it was reset since.';
