-- Market-making orders may have their market made at a venue elsewhere: their money goes there, and comes back.

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
        'MM_CAMPAIGN_CREATED', 'MM_CAMPAIGN_CHANGED', 'MM_PARTICIPATION_CHANGED',
        'MM_VENUE_CHANGED', 'MM_CASE_CHANGED'
    )) NOT VALID;

-- Money of an order on its way to a venue elsewhere, or back: one attempt to move one asset.
CREATE TABLE mm_venue_withdrawal (
    order_id       UUID         NOT NULL,
    direction      VARCHAR(4)   NOT NULL,
    leg            VARCHAR(4)   NOT NULL,
    attempt        INT          NOT NULL,
    request_key    VARCHAR(128) NOT NULL,
    amount         BIGINT       NOT NULL,
    status         VARCHAR(10)  NOT NULL,
    tx_id          VARCHAR(128) NULL,
    claimed_by     VARCHAR(64)  NULL,
    claimed_until  TIMESTAMPTZ  NULL,
    created_at     TIMESTAMPTZ  NOT NULL,
    updated_at     TIMESTAMPTZ  NOT NULL,
    CONSTRAINT mm_venue_withdrawal_pkey PRIMARY KEY (order_id, direction, leg, attempt),
    CONSTRAINT uq_mm_venue_request UNIQUE (request_key),
    CONSTRAINT ck_mm_venue_status CHECK (status IN (
        'INTENT', 'CALLING', 'UNKNOWN', 'SUBMITTED', 'CONFIRMED', 'CREDITED', 'REJECTED')),
    CONSTRAINT ck_mm_venue_direction CHECK (direction IN ('OUT', 'BACK')),
    CONSTRAINT ck_mm_venue_leg CHECK (leg IN ('CASH', 'YES', 'NO')),
    CONSTRAINT ck_mm_venue_attempt CHECK (attempt BETWEEN 1 AND 3)
);

-- Money of which no rule can tell where it is. Administrators find out; a loss takes two of them.
CREATE TABLE mm_reconciliation (
    order_id     UUID          NOT NULL,
    case_no      INT           NOT NULL,
    expected     JSONB         NOT NULL,
    observed     JSONB         NULL,
    outcome      VARCHAR(20)   NULL,
    proposed_by  VARCHAR(64)   NULL,
    closed_by    VARCHAR(64)   NULL,
    evidence     VARCHAR(2000) NULL,
    opened_at    TIMESTAMPTZ   NOT NULL,
    closed_at    TIMESTAMPTZ   NULL,
    CONSTRAINT mm_reconciliation_pkey PRIMARY KEY (order_id, case_no),
    CONSTRAINT ck_mm_reconciliation_outcome CHECK (
        outcome IN ('RECOVERED_TO_ESCROW', 'CONFIRMED_AT_VENUE', 'WRITTEN_OFF')),
    CONSTRAINT ck_mm_reconciliation_two CHECK (outcome <> 'WRITTEN_OFF' OR closed_by <> proposed_by)
);

-- What comes back more or less than was sent is a deposit or a withdrawal with a name of its own.
CREATE OR REPLACE VIEW wal_postings AS
SELECT event.id                                                 AS journal_id,
       (event.payload->>'ledger_id')::BIGINT + place - 1        AS ledger_id,
       posting->>0                                              AS user_id,
       posting->>1                                              AS entry_type,
       (posting->>2)::BIGINT                                    AS amount,
       (posting->>3)::BIGINT                                    AS balance_after,
       (posting->>4)::BIGINT                                    AS frozen_after,
       -- An entry refers to the order it names, else to what the event is about.
       CASE WHEN posting->>5 IS NOT NULL THEN 'ORDER'
            ELSE CASE event.event_type
                 WHEN 'ORDER_ACCEPTED' THEN 'ORDER'
                 WHEN 'ORDER_CANCELLED' THEN 'ORDER'
                 WHEN 'ORDER_EXPIRED' THEN 'ORDER'
                 WHEN 'ORDER_AMENDED' THEN 'ORDER'
                 WHEN 'ORDER_PARTIALLY_FILLED' THEN 'TRADE'
                 WHEN 'ORDER_MATCHED' THEN 'TRADE'
                 WHEN 'FUNDS_DEPOSITED' THEN
                    CASE WHEN event.payload->>'cause' = 'VENUE' THEN 'MM_VENUE_IN' ELSE 'DEPOSIT' END
                 WHEN 'FUNDS_WITHDRAWN' THEN
                    CASE WHEN event.payload->>'cause' = 'VENUE' THEN 'MM_VENUE_IN' ELSE 'WITHDRAW' END
                 WHEN 'FUNDS_TRANSFERRED' THEN event.payload->>'reference_type'
                 WHEN 'SHARES_MINTED' THEN 'AMM_MINT'
                 WHEN 'SHARES_BURNED' THEN 'AMM_BURN'
                 ELSE 'MARKET' END
            END                                                 AS reference_type,
       COALESCE(
            posting->>5,
            CASE WHEN event.event_type IN ('FUNDS_DEPOSITED', 'FUNDS_WITHDRAWN') THEN event.payload->>'idempotency_key'
                 ELSE COALESCE(
                    'TRD_' || CASE WHEN event.event_type IN ('ORDER_PARTIALLY_FILLED', 'ORDER_MATCHED')
                                   THEN event.payload->'trade'->>0 END,
                    event.payload->>'idempotency_key',
                    event.payload->>'order_id',
                    event.market_id) END)                       AS reference_id,
       event.market_id,
       event.created_at
FROM wal_readable event, json_array_elements(event.payload->'postings') WITH ORDINALITY AS list (posting, place);

COMMENT ON TABLE mm_venue_withdrawal IS 'What market-making orders moved to venues elsewhere, and back, attempt by attempt. Folded from the journal.';
COMMENT ON COLUMN mm_venue_withdrawal.order_id IS 'The market-making order.';
COMMENT ON COLUMN mm_venue_withdrawal.direction IS 'OUT to the venue, BACK from it.';
COMMENT ON COLUMN mm_venue_withdrawal.leg IS 'CASH, YES or NO.';
COMMENT ON COLUMN mm_venue_withdrawal.attempt IS '1 to 3. Another is made only where the venue vouches that nothing was sent.';
COMMENT ON COLUMN mm_venue_withdrawal.request_key IS 'By which the venue knows the request again.';
COMMENT ON COLUMN mm_venue_withdrawal.amount IS 'So many cents or shares.';
COMMENT ON COLUMN mm_venue_withdrawal.status IS 'INTENT, CALLING, UNKNOWN, SUBMITTED, CONFIRMED, CREDITED or REJECTED.';
COMMENT ON COLUMN mm_venue_withdrawal.tx_id IS 'The venue''s name for it.';
COMMENT ON COLUMN mm_venue_withdrawal.claimed_by IS 'The worker that called the venue.';
COMMENT ON COLUMN mm_venue_withdrawal.claimed_until IS 'Until when nobody else dealt with it.';

COMMENT ON TABLE mm_reconciliation IS 'Cases: money of market-making orders that people had to find. Folded from the journal.';
COMMENT ON COLUMN mm_reconciliation.order_id IS 'The market-making order.';
COMMENT ON COLUMN mm_reconciliation.case_no IS '1, 2, 3 and so on within an order.';
COMMENT ON COLUMN mm_reconciliation.expected IS 'Each leg as it was when the case was opened, and what the clearing account held.';
COMMENT ON COLUMN mm_reconciliation.observed IS 'What has come back, where it was recovered.';
COMMENT ON COLUMN mm_reconciliation.outcome IS 'What was said, or, until it is closed, proposed.';
COMMENT ON COLUMN mm_reconciliation.proposed_by IS 'The administrator who said so first.';
COMMENT ON COLUMN mm_reconciliation.closed_by IS 'The administrator who closed it; null: it is open.';
COMMENT ON COLUMN mm_reconciliation.evidence IS 'What it rests on, in an administrator''s words.';
COMMENT ON COLUMN mm_reconciliation.opened_at IS 'When it was found that nobody could tell.';
COMMENT ON COLUMN mm_reconciliation.closed_at IS 'When it was known; null: it is not.';
