-- Market-making orders are worked by programs that share one user of their own, without an account. Their hash is no
-- hash, so no password is their password. Whoever has the name or the address by now gets another.

ALTER TABLE users
    DROP CONSTRAINT ck_users_account_type,
    ADD CONSTRAINT ck_users_account_type CHECK (account_type IN ('USER', 'ADMIN', 'SYSTEM_BOT', 'MM_WORKER'));
COMMENT ON COLUMN users.account_type IS 'The role: USER, ADMIN, SYSTEM_BOT for the market maker, or MM_WORKER for workers of market-making orders.';

DROP TRIGGER trg_users_token_generation ON users;
CREATE TRIGGER trg_users_token_generation BEFORE UPDATE ON users
    FOR EACH ROW WHEN (NEW.is_active IS DISTINCT FROM OLD.is_active
                       OR OLD.account_type NOT IN ('SYSTEM_BOT', 'MM_WORKER')
                          AND (NEW.account_type <> OLD.account_type OR NEW.password_hash <> OLD.password_hash))
    EXECUTE FUNCTION fn_raise_token_generation();

UPDATE users SET username = 'user_' || id WHERE username = 'mm_worker';
UPDATE users SET email = id || '@moved.invalid' WHERE email = 'mm_worker@system.internal';
INSERT INTO users (id, username, email, password_hash, account_type)
VALUES ('00000000-0000-4000-a000-000000000002', 'mm_worker', 'mm_worker@system.internal', '!', 'MM_WORKER');

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
        'ADMIN_PROPOSED', 'ADMIN_CONFIRMED',
        'MM_ORDER_CREATED', 'MM_ORDER_CHANGED', 'MM_LEASE_ACQUIRED', 'MM_LEASE_RENEWED', 'MM_LEASE_RELEASED'
    ));

-- An order by which a user has a market made, and how far it has come.
CREATE TABLE mm_order (
    order_id              UUID         NOT NULL,
    user_id               VARCHAR(64)  NOT NULL,
    market_id             VARCHAR(64)  NOT NULL,
    escrow_id             VARCHAR(64)  NOT NULL,
    state                 VARCHAR(20)  NOT NULL,
    version               BIGINT       NOT NULL,
    seq                   BIGINT       NOT NULL,
    venue                 VARCHAR(64)  NOT NULL,
    location              VARCHAR(10)  NOT NULL,
    held                  BOOLEAN      NOT NULL,
    reason                VARCHAR(24)  NOT NULL,
    external_submitted    BOOLEAN      NOT NULL,
    reconcile_required    BOOLEAN      NOT NULL,
    refund_due            BOOLEAN      NOT NULL,
    failure_code          VARCHAR(24)  NULL,
    failed_from           VARCHAR(20)  NULL,
    fence                 BIGINT       NOT NULL,
    cycle_no              BIGINT       NOT NULL,
    next_cycle_at         TIMESTAMPTZ  NULL,
    cycle_lease_until     TIMESTAMPTZ  NULL,
    cycle_lease_token     VARCHAR(16)  NULL,
    cycle_lease_worker    VARCHAR(64)  NULL,
    lease_started_at      TIMESTAMPTZ  NULL,
    consecutive_failures  INT          NOT NULL,
    last_cycle_at         TIMESTAMPTZ  NULL,
    last_cycle_outcome    VARCHAR(12)  NULL,
    pause_due_at          TIMESTAMPTZ  NULL,
    strategy              VARCHAR(64)  NOT NULL,
    terms                 JSONB        NOT NULL,
    policy                JSONB        NOT NULL,
    snapshot_hash         VARCHAR(64)  NOT NULL,
    required_cash_cents   BIGINT       NOT NULL,
    required_yes_shares   INT          NOT NULL,
    required_no_shares    INT          NOT NULL,
    received_cash_cents   BIGINT       NOT NULL,
    received_yes_shares   INT          NOT NULL,
    received_no_shares    INT          NOT NULL,
    paid_in_cents         BIGINT       NOT NULL,
    paid_out_cents        BIGINT       NOT NULL,
    rewards_cents         BIGINT       NOT NULL,
    fees_cents            BIGINT       NOT NULL,
    payment_deadline      TIMESTAMPTZ  NOT NULL,
    campaign_id           UUID         NULL,
    idempotency_key       VARCHAR(64)  NULL,
    created_at            TIMESTAMPTZ  NOT NULL,
    updated_at            TIMESTAMPTZ  NOT NULL,
    CONSTRAINT mm_order_pkey PRIMARY KEY (order_id),
    CONSTRAINT uq_mm_order_escrow UNIQUE (escrow_id),
    CONSTRAINT ck_mm_order_state CHECK (state IN (
        'payment_pending', 'payment_incomplete', 'payment_complete',
        'withdrawing', 'withdrawal_confirmed', 'deposit_confirming', 'deposit_confirmed',
        'joining_campaign', 'campaign_joined', 'created', 'running', 'paused', 'stopped',
        'failed', 'refunded', 'deleted')),
    CONSTRAINT ck_mm_order_location CHECK (location IN ('escrow', 'transit', 'venue')),
    CONSTRAINT ck_mm_order_lease CHECK (
        num_nulls(cycle_lease_until, cycle_lease_token, cycle_lease_worker) = 3
        OR num_nulls(cycle_lease_until, cycle_lease_token, cycle_lease_worker) = 0 AND state = 'running'),
    CONSTRAINT ck_mm_order_legs CHECK (
        received_cash_cents BETWEEN 0 AND required_cash_cents
        AND received_yes_shares BETWEEN 0 AND required_yes_shares
        AND received_no_shares BETWEEN 0 AND required_no_shares),
    CONSTRAINT ck_mm_order_money CHECK (
        paid_in_cents >= 0 AND paid_out_cents >= 0 AND rewards_cents >= 0 AND fees_cents >= 0),
    CONSTRAINT ck_mm_order_final CHECK (
        state NOT IN ('refunded', 'deleted') OR NOT (refund_due OR reconcile_required)),
    CONSTRAINT ck_mm_order_hash CHECK (snapshot_hash ~ '^[0-9a-f]{64}$')
);
CREATE UNIQUE INDEX uq_mm_order_key ON mm_order (user_id, idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX idx_mm_order_user ON mm_order (user_id, created_at DESC);
CREATE INDEX idx_mm_order_market ON mm_order (market_id, state);

-- What was paid to an order. Nothing that was paid is ever written otherwise.
CREATE TABLE mm_payment (
    order_id         UUID         NOT NULL,
    idempotency_key  VARCHAR(64)  NOT NULL,
    asset            VARCHAR(4)   NOT NULL,
    amount           BIGINT       NOT NULL,
    journal_id       BIGINT       NOT NULL,
    created_at       TIMESTAMPTZ  NOT NULL,
    CONSTRAINT mm_payment_pkey PRIMARY KEY (order_id, idempotency_key),
    CONSTRAINT ck_mm_payment_asset CHECK (asset IN ('CASH', 'YES', 'NO')),
    CONSTRAINT ck_mm_payment_amount CHECK (amount > 0)
);

-- The trail of an order: what became of it, through whom, and why. seq has no gap within an order.
CREATE TABLE mm_lifecycle_event (
    event_id    BIGINT       NOT NULL,  -- the journal id of the fact
    order_id    UUID         NOT NULL,
    user_id     VARCHAR(64)  NOT NULL,
    seq         BIGINT       NOT NULL,
    kind        VARCHAR(12)  NOT NULL,
    from_state  VARCHAR(20)  NULL,
    to_state    VARCHAR(20)  NOT NULL,
    job_name    VARCHAR(40)  NOT NULL,
    trigger_id  VARCHAR(128) NOT NULL,
    actor_type  VARCHAR(8)   NOT NULL,
    actor_id    VARCHAR(64)  NULL,
    reason      VARCHAR(24)  NOT NULL,
    data        JSONB        NOT NULL,
    version     BIGINT       NOT NULL,
    fence       BIGINT       NOT NULL,
    created_at  TIMESTAMPTZ  NOT NULL,
    CONSTRAINT mm_lifecycle_event_pkey PRIMARY KEY (event_id),
    CONSTRAINT uq_mm_event_seq UNIQUE (order_id, seq),
    CONSTRAINT ck_mm_event_kind CHECK (kind IN (
        'TRANSITION', 'PAYMENT', 'COMMAND', 'CYCLE', 'CAMPAIGN', 'WITHDRAWAL', 'REFUND', 'VENUE', 'RECONCILE')),
    CONSTRAINT ck_mm_event_actor CHECK (actor_type IN ('USER', 'ADMIN', 'WORKER', 'SYSTEM', 'MARKET')),
    CONSTRAINT ck_mm_event_states CHECK (
        (from_state IS NOT NULL OR seq = 1)
        AND from_state IN (
            'payment_pending', 'payment_incomplete', 'payment_complete',
            'withdrawing', 'withdrawal_confirmed', 'deposit_confirming', 'deposit_confirmed',
            'joining_campaign', 'campaign_joined', 'created', 'running', 'paused', 'stopped',
            'failed', 'refunded', 'deleted')
        AND to_state IN (
            'payment_pending', 'payment_incomplete', 'payment_complete',
            'withdrawing', 'withdrawal_confirmed', 'deposit_confirming', 'deposit_confirmed',
            'joining_campaign', 'campaign_joined', 'created', 'running', 'paused', 'stopped',
            'failed', 'refunded', 'deleted')),
    CONSTRAINT ck_mm_event_seq CHECK (seq >= 1)
);
CREATE INDEX idx_mm_event_trigger ON mm_lifecycle_event (order_id, trigger_id);

-- How each cycle of an order ended: the seven days before the newest event's, and that day.
CREATE TABLE mm_execution (
    order_id         UUID         NOT NULL,
    cycle_no         BIGINT       NOT NULL,
    fence            BIGINT       NOT NULL,
    worker_id        VARCHAR(64)  NOT NULL,
    started_at       TIMESTAMPTZ  NOT NULL,
    ended_at         TIMESTAMPTZ  NOT NULL,
    lateness_ms      BIGINT       NOT NULL,
    outcome          VARCHAR(12)  NOT NULL,
    placed           BIGINT       NOT NULL,
    replaced         BIGINT       NOT NULL,
    cancelled        BIGINT       NOT NULL,
    burned           BIGINT       NOT NULL,
    skipped          BIGINT       NOT NULL,
    bid_cents        BIGINT       NULL,
    ask_cents        BIGINT       NULL,
    mark_half_cents  INT          NOT NULL,
    equity_cents     BIGINT       NOT NULL,
    error            VARCHAR(200) NULL,
    CONSTRAINT mm_execution_pkey PRIMARY KEY (order_id, cycle_no),
    CONSTRAINT ck_mm_execution_outcome CHECK (
        outcome IN ('DONE', 'UNCHANGED', 'ERROR', 'INTERRUPTED', 'ABANDONED')),
    CONSTRAINT ck_mm_execution_times CHECK (ended_at >= started_at)
);
CREATE INDEX idx_mm_execution_ended ON mm_execution (ended_at);

-- An audit that can be changed is none. A rebuild empties both tables whole, which no trigger for rows sees.
CREATE FUNCTION fn_refuse_change() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of % are only ever added', TG_TABLE_NAME;
END;
$$;
CREATE TRIGGER trg_mm_payment_stays BEFORE UPDATE OR DELETE ON mm_payment
    FOR EACH ROW EXECUTE FUNCTION fn_refuse_change();
CREATE TRIGGER trg_mm_lifecycle_event_stays BEFORE UPDATE OR DELETE ON mm_lifecycle_event
    FOR EACH ROW EXECUTE FUNCTION fn_refuse_change();

-- The orders on the book that belong to market-making orders, with the lease that each was placed under.
CREATE VIEW mm_exchange_order AS
SELECT substr(user_id, 4)::UUID                                  AS mm_order_id,
       split_part(client_order_id, '_', 3)::BIGINT               AS fence,
       orders.*
FROM orders WHERE user_id LIKE 'mm:%';

COMMENT ON TABLE mm_order IS 'Market-making orders: whose they are, what was agreed, and how far they have come. Folded from the journal.';
COMMENT ON COLUMN mm_order.order_id IS 'The kernel''s; it sorts as the orders were created.';
COMMENT ON COLUMN mm_order.escrow_id IS 'The account that holds the order''s money and shares.';
COMMENT ON COLUMN mm_order.state IS 'One of the sixteen.';
COMMENT ON COLUMN mm_order.version IS 'How many transitions there were.';
COMMENT ON COLUMN mm_order.seq IS 'How many entries its trail has.';
COMMENT ON COLUMN mm_order.venue IS 'Where it quotes: internal is this exchange.';
COMMENT ON COLUMN mm_order.location IS 'Where its money is: escrow, transit or venue.';
COMMENT ON COLUMN mm_order.held IS 'Paused by an administrator, so only one resumes it.';
COMMENT ON COLUMN mm_order.reason IS 'Of the last transition.';
COMMENT ON COLUMN mm_order.external_submitted IS 'Whether money may have left this exchange.';
COMMENT ON COLUMN mm_order.reconcile_required IS 'Whether a case is open that an administrator has to close.';
COMMENT ON COLUMN mm_order.refund_due IS 'It has failed, and its refund waits for the end of a halt.';
COMMENT ON COLUMN mm_order.failure_code IS 'Why it failed, if it did.';
COMMENT ON COLUMN mm_order.failed_from IS 'The state that it failed in.';
COMMENT ON COLUMN mm_order.fence IS 'The escrow''s: a command that carries another comes too late.';
COMMENT ON COLUMN mm_order.cycle_no IS 'The number of its newest cycle.';
COMMENT ON COLUMN mm_order.cycle_lease_until IS 'Until when a worker has it for a cycle; null: none has.';
COMMENT ON COLUMN mm_order.cycle_lease_token IS 'By which that worker shows that it has it.';
COMMENT ON COLUMN mm_order.cycle_lease_worker IS 'Which worker.';
COMMENT ON COLUMN mm_order.lease_started_at IS 'When the newest cycle began.';
COMMENT ON COLUMN mm_order.last_cycle_at IS 'When the last cycle that has ended did.';
COMMENT ON COLUMN mm_order.last_cycle_outcome IS 'How it ended.';
COMMENT ON COLUMN mm_order.next_cycle_at IS 'From when on its quotes may be looked after next.';
COMMENT ON COLUMN mm_order.consecutive_failures IS 'Cycles that have failed, one after the other.';
COMMENT ON COLUMN mm_order.pause_due_at IS 'When it is paused, unless its market trades again.';
COMMENT ON COLUMN mm_order.strategy IS 'The strategy and its version.';
COMMENT ON COLUMN mm_order.terms IS 'How it quotes; fixed when it was created.';
COMMENT ON COLUMN mm_order.policy IS 'How the exchange treats it; fixed when it was created.';
COMMENT ON COLUMN mm_order.snapshot_hash IS 'SHA-256 of strategy, terms and policy as JSON, keys sorted, no spaces.';
COMMENT ON COLUMN mm_order.required_cash_cents IS 'What is to be paid before it runs.';
COMMENT ON COLUMN mm_order.required_yes_shares IS 'The same in shares.';
COMMENT ON COLUMN mm_order.required_no_shares IS 'The same in shares.';
COMMENT ON COLUMN mm_order.received_cash_cents IS 'What was paid of that.';
COMMENT ON COLUMN mm_order.received_yes_shares IS 'What was paid of those.';
COMMENT ON COLUMN mm_order.received_no_shares IS 'What was paid of those.';
COMMENT ON COLUMN mm_order.paid_in_cents IS 'All that was paid in; shares count as what they were worth then.';
COMMENT ON COLUMN mm_order.paid_out_cents IS 'All that was paid out, counted likewise.';
COMMENT ON COLUMN mm_order.rewards_cents IS 'What campaigns have paid it.';
COMMENT ON COLUMN mm_order.fees_cents IS 'The service fee; fees of trades are the escrow''s.';
COMMENT ON COLUMN mm_order.payment_deadline IS 'From then on it can not be paid any more.';
COMMENT ON COLUMN mm_order.campaign_id IS 'The campaign that it was to join, or has joined.';
COMMENT ON COLUMN mm_order.idempotency_key IS 'The owner''s name for the request: it makes one order.';

COMMENT ON TABLE mm_payment IS 'What was paid to market-making orders. Folded from the journal; rows are never changed.';
COMMENT ON COLUMN mm_payment.order_id IS 'The market-making order.';
COMMENT ON COLUMN mm_payment.idempotency_key IS 'The payer''s name for the payment: it pays once.';
COMMENT ON COLUMN mm_payment.asset IS 'CASH in cents, YES or NO in shares.';
COMMENT ON COLUMN mm_payment.amount IS 'So many cents or shares.';

COMMENT ON TABLE mm_execution IS 'How each cycle of a market-making order ended. Folded from the journal; kept for seven days before the newest.';
COMMENT ON COLUMN mm_execution.order_id IS 'The market-making order.';
COMMENT ON COLUMN mm_execution.cycle_no IS '1, 2, 3 and so on within an order.';
COMMENT ON COLUMN mm_execution.fence IS 'The escrow''s, after it.';
COMMENT ON COLUMN mm_execution.worker_id IS 'Who had the order.';
COMMENT ON COLUMN mm_execution.ended_at IS 'When it was told to have ended.';
COMMENT ON COLUMN mm_execution.lateness_ms IS 'How much later than it was due it began.';
COMMENT ON COLUMN mm_execution.outcome IS 'DONE, UNCHANGED or ERROR by its worker''s word; INTERRUPTED or ABANDONED by the exchange''s.';
COMMENT ON COLUMN mm_execution.placed IS 'Orders placed, by its worker''s count, as the next four.';
COMMENT ON COLUMN mm_execution.replaced IS 'Orders put in the place of others.';
COMMENT ON COLUMN mm_execution.cancelled IS 'Orders cancelled.';
COMMENT ON COLUMN mm_execution.burned IS 'Pairs turned into cash.';
COMMENT ON COLUMN mm_execution.skipped IS 'Quotes that the exchange did not take.';
COMMENT ON COLUMN mm_execution.bid_cents IS 'The order''s own best bid when it ended; null: none.';
COMMENT ON COLUMN mm_execution.ask_cents IS 'Its best offer.';
COMMENT ON COLUMN mm_execution.mark_half_cents IS 'The price of YES then, in half cents.';
COMMENT ON COLUMN mm_execution.equity_cents IS 'What the order had then, its shares at that price.';
COMMENT ON COLUMN mm_execution.error IS 'In its worker''s words.';

COMMENT ON TABLE mm_lifecycle_event IS 'The trail of every market-making order. Folded from the journal; rows are never changed.';
COMMENT ON COLUMN mm_lifecycle_event.event_id IS 'The journal id of the fact.';
COMMENT ON COLUMN mm_lifecycle_event.order_id IS 'The market-making order.';
COMMENT ON COLUMN mm_lifecycle_event.seq IS 'Its place in the trail: 1, 2, 3 and so on, without a gap.';
COMMENT ON COLUMN mm_lifecycle_event.kind IS 'TRANSITION, or what else is told: only that changes the state.';
COMMENT ON COLUMN mm_lifecycle_event.from_state IS 'Null at creation.';
COMMENT ON COLUMN mm_lifecycle_event.to_state IS 'Equal to from_state where nothing but the trail grew.';
COMMENT ON COLUMN mm_lifecycle_event.job_name IS 'The command that did it.';
COMMENT ON COLUMN mm_lifecycle_event.trigger_id IS 'What brought the command about; all that one command did has the same.';
COMMENT ON COLUMN mm_lifecycle_event.actor_type IS 'USER, ADMIN, WORKER, SYSTEM or MARKET.';
COMMENT ON COLUMN mm_lifecycle_event.actor_id IS 'Which user or worker; null for the last two.';
COMMENT ON COLUMN mm_lifecycle_event.reason IS 'Why.';
COMMENT ON COLUMN mm_lifecycle_event.data IS 'Amounts, keys and words.';
COMMENT ON COLUMN mm_lifecycle_event.fence IS 'The escrow''s, after it.';
