-- Campaigns reward market-making orders for quoting a market.

-- Facts that the journal may hold from now on. Rows of before are not looked through: they obey a shorter list.
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
        'MM_ORDER_CREATED', 'MM_ORDER_CHANGED', 'MM_LEASE_ACQUIRED', 'MM_LEASE_RENEWED', 'MM_LEASE_RELEASED',
        'MM_CAMPAIGN_CREATED', 'MM_CAMPAIGN_CHANGED', 'MM_PARTICIPATION_CHANGED'
    )) NOT VALID;

-- A reward for quoting one market while its time lasts.
CREATE TABLE mm_campaign (
    campaign_id            UUID         NOT NULL,
    name                   VARCHAR(100) NOT NULL,
    market_id              VARCHAR(64)  NOT NULL,
    sponsor_id             VARCHAR(64)  NULL,
    starts_at              TIMESTAMPTZ  NOT NULL,
    ends_at                TIMESTAMPTZ  NOT NULL,
    reward_pool_cents      BIGINT       NOT NULL,
    min_cash_cents         BIGINT       NOT NULL,
    max_half_spread_cents  INT          NOT NULL,
    max_participants       INT          NOT NULL,
    status                 VARCHAR(10)  NOT NULL,
    created_at             TIMESTAMPTZ  NOT NULL,
    updated_at             TIMESTAMPTZ  NOT NULL,
    CONSTRAINT mm_campaign_pkey PRIMARY KEY (campaign_id),
    CONSTRAINT ck_mm_campaign_window CHECK (ends_at > starts_at),
    CONSTRAINT ck_mm_campaign_status CHECK (status IN ('draft', 'active', 'ended', 'settled', 'cancelled')),
    CONSTRAINT ck_mm_campaign_pool CHECK (reward_pool_cents > 0)
);

-- The part that a market-making order has in a campaign; it has one in its life.
CREATE TABLE mm_campaign_participation (
    campaign_id         UUID         NOT NULL,
    order_id            UUID         NOT NULL,
    user_id             VARCHAR(64)  NOT NULL,
    joined_at           TIMESTAMPTZ  NOT NULL,
    left_at             TIMESTAMPTZ  NULL,
    contribution_cents  BIGINT       NOT NULL,
    reward_cents        BIGINT       NOT NULL,
    external_ref        VARCHAR(128) NULL,
    CONSTRAINT mm_campaign_participation_pkey PRIMARY KEY (campaign_id, order_id),
    CONSTRAINT uq_mm_participation_order UNIQUE (order_id),
    CONSTRAINT ck_mm_participation_sums CHECK (contribution_cents >= 0 AND reward_cents >= 0)
);

COMMENT ON TABLE mm_campaign IS 'Campaigns, which reward market-making orders for quoting a market. Folded from the journal.';
COMMENT ON COLUMN mm_campaign.campaign_id IS 'The kernel''s; it sorts as the campaigns were created.';
COMMENT ON COLUMN mm_campaign.name IS 'What people call it.';
COMMENT ON COLUMN mm_campaign.sponsor_id IS 'The administrator who paid for it; null while nobody has.';
COMMENT ON COLUMN mm_campaign.starts_at IS 'From then on what is traded counts.';
COMMENT ON COLUMN mm_campaign.ends_at IS 'From then on it counts no longer; the pool is divided.';
COMMENT ON COLUMN mm_campaign.reward_pool_cents IS 'What is divided.';
COMMENT ON COLUMN mm_campaign.min_cash_cents IS 'So much cash an order must require to take part.';
COMMENT ON COLUMN mm_campaign.max_half_spread_cents IS 'No further from the middle it must quote; what is placed further away does not count.';
COMMENT ON COLUMN mm_campaign.max_participants IS '0: as many as any campaign may have.';
COMMENT ON COLUMN mm_campaign.status IS 'draft, active, ended, settled or cancelled.';

COMMENT ON TABLE mm_campaign_participation IS 'Which market-making orders take part in campaigns. Folded from the journal.';
COMMENT ON COLUMN mm_campaign_participation.campaign_id IS 'The campaign.';
COMMENT ON COLUMN mm_campaign_participation.order_id IS 'The market-making order.';
COMMENT ON COLUMN mm_campaign_participation.user_id IS 'Whose the order is.';
COMMENT ON COLUMN mm_campaign_participation.joined_at IS 'When it began to take part.';
COMMENT ON COLUMN mm_campaign_participation.left_at IS 'When it left before the end, if it did.';
COMMENT ON COLUMN mm_campaign_participation.contribution_cents IS 'The value of its own that others took from it, as far as that counts.';
COMMENT ON COLUMN mm_campaign_participation.reward_cents IS 'What it was paid.';
COMMENT ON COLUMN mm_campaign_participation.external_ref IS 'By which a programme outside knows it.';
