-- What idempotency keys did leaves the exchange's memory, and a table answers for it.

-- A fact that the journal may hold from now on.
ALTER TABLE wal_events
    DROP CONSTRAINT ck_wal_event_type,
    ADD CONSTRAINT ck_wal_event_type CHECK (event_type IN (
        'JOURNAL_OPENED', 'JOURNAL_ACCEPTED',
        'ACCOUNT_OPENED', 'FUNDS_DEPOSITED', 'FUNDS_WITHDRAWN', 'FUNDS_TRANSFERRED', 'SHARES_TRANSFERRED',
        'FENCE_RAISED', 'GUARD_SET', 'ORDERS_FORGOTTEN', 'KEYS_FORGOTTEN',
        'MARKET_CREATED', 'MARKET_STATUS_CHANGED', 'MARKET_MODE_CHANGED', 'MARKET_AMM_AUTHORIZED', 'MARKET_CLOSING', 'MARKET_SETTLED',
        'ORDER_ACCEPTED', 'ORDER_PARTIALLY_FILLED', 'ORDER_MATCHED', 'ORDER_CANCELLED', 'ORDER_EXPIRED',
        'ORDER_AMENDED', 'ORDER_GROUP_SET', 'ORDER_GROUP_TRIGGERED', 'ORDER_GROUP_RESET', 'ORDER_GROUP_DELETED',
        'NETTING_EXECUTED', 'SHARES_MINTED', 'SHARES_BURNED', 'POSITION_SETTLED',
        'AMM_STARTED', 'AMM_STOPPED', 'CIRCUIT_BREAKER_TRIGGERED', 'CIRCUIT_BREAKER_RESOLVED',
        'ADMIN_PROPOSED', 'ADMIN_CONFIRMED',
        'MM_ORDER_CREATED', 'MM_ORDER_CHANGED', 'MM_LEASE_ACQUIRED', 'MM_LEASE_RENEWED', 'MM_LEASE_RELEASED',
        'MM_CAMPAIGN_CREATED', 'MM_CAMPAIGN_CHANGED', 'MM_PARTICIPATION_CHANGED',
        'MM_VENUE_CHANGED', 'MM_CASE_CHANGED'
    )) NOT VALID;

-- What idempotency keys did, once that is forgotten: the exchange looks here when one of them comes again.
CREATE TABLE key_uses (
    kind             VARCHAR(8)   NOT NULL,
    idempotency_key  VARCHAR(128) NOT NULL,
    journal_id       BIGINT       NOT NULL,
    at               TIMESTAMPTZ  NOT NULL,
    user_id          VARCHAR(64)  NOT NULL,
    to_user_id       VARCHAR(64)  NULL,
    market_id        VARCHAR(64)  NULL,
    reference_type   VARCHAR(20)  NULL,
    side             VARCHAR(3)   NULL,
    quantity         BIGINT       NOT NULL,
    cents            BIGINT       NOT NULL,
    yes_volume       BIGINT       NOT NULL,
    no_volume        BIGINT       NOT NULL,
    balance          BIGINT       NOT NULL,
    CONSTRAINT key_uses_pkey PRIMARY KEY (journal_id),
    CONSTRAINT ck_key_uses_kind CHECK (kind IN ('MINT', 'BURN', 'TRANSFER')),
    CONSTRAINT ck_key_uses_transfer CHECK ((kind = 'TRANSFER') = (to_user_id IS NOT NULL AND reference_type IS NOT NULL))
);
CREATE INDEX idx_key_uses_key ON key_uses (idempotency_key);

COMMENT ON TABLE key_uses IS 'What idempotency keys of mints, burns and transfers did that the exchange''s memory has let go of. Folded from KEYS_FORGOTTEN.';
COMMENT ON COLUMN key_uses.kind IS 'What the key was used for: the same key may stand once for each.';
COMMENT ON COLUMN key_uses.idempotency_key IS 'The sender''s name for the request.';
COMMENT ON COLUMN key_uses.journal_id IS 'Of the event that did it.';
COMMENT ON COLUMN key_uses.at IS 'When that was.';
COMMENT ON COLUMN key_uses.user_id IS 'Whose cash or shares moved; of a transfer, who gave.';
COMMENT ON COLUMN key_uses.to_user_id IS 'Of a transfer: who received.';
COMMENT ON COLUMN key_uses.market_id IS 'Null where cash was transferred.';
COMMENT ON COLUMN key_uses.reference_type IS 'Of a transfer: what it was for.';
COMMENT ON COLUMN key_uses.side IS 'Of shares that were transferred.';
COMMENT ON COLUMN key_uses.quantity IS 'Pairs, shares, or cents that were transferred.';
COMMENT ON COLUMN key_uses.cents IS 'What the pairs cost or brought.';
COMMENT ON COLUMN key_uses.yes_volume IS 'The account''s, after a mint or burn; so are the next two.';
COMMENT ON COLUMN key_uses.no_volume IS 'The account''s, after a mint or burn.';
COMMENT ON COLUMN key_uses.balance IS 'The account''s available cash, after a mint or burn.';
