-- Closed orders leave the exchange's memory, and the tables answer for them.

-- Facts that the journal may hold from now on. Rows of before are not looked through: they obey a shorter list.
ALTER TABLE wal_events
    DROP CONSTRAINT ck_wal_event_type,
    ADD CONSTRAINT ck_wal_event_type CHECK (event_type IN (
        'JOURNAL_OPENED', 'JOURNAL_ACCEPTED',
        'ACCOUNT_OPENED', 'FUNDS_DEPOSITED', 'FUNDS_WITHDRAWN', 'FUNDS_TRANSFERRED', 'SHARES_TRANSFERRED',
        'FENCE_RAISED', 'GUARD_SET', 'ORDERS_FORGOTTEN',
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

-- What an amended order was accepted with: a request that comes again is held to that, whatever became of it.
ALTER TABLE orders ADD COLUMN accepted_price BIGINT NULL, ADD COLUMN accepted_quantity BIGINT NULL;
-- By their ids: no statistics tell PostgreSQL how few they are among the rows of years.
SET LOCAL enable_hashjoin = off;
SET LOCAL enable_mergejoin = off;
SET LOCAL enable_seqscan = off;
UPDATE orders SET accepted_price = (fn_readable(payload)->>'original_price')::INT, accepted_quantity = (fn_readable(payload)->>'quantity')::INT
FROM wal_events WHERE amend_count > 0 AND wal_events.id = accepted_seq;
COMMENT ON COLUMN orders.accepted_price IS 'Of an order that was amended: the price it was accepted with.';
COMMENT ON COLUMN orders.accepted_quantity IS 'Of an order that was amended: the quantity it was accepted with.';
CREATE OR REPLACE VIEW mm_exchange_order AS
SELECT substr(user_id, 4)::UUID                                  AS mm_order_id,
       split_part(client_order_id, '_', 3)::BIGINT               AS fence,
       orders.*
FROM orders WHERE user_id LIKE 'mm:%';
