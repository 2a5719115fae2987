-- Tokens can be ended: each names the generation of its user that it was given out for.

ALTER TABLE users ADD COLUMN token_generation INT NOT NULL DEFAULT 0;

-- Whoever changes what a user is or may, by whatever program, ends the tokens that were given out for it. Role and
-- password of the market maker mean nothing: it has no password, and its role is fixed.
CREATE FUNCTION fn_raise_token_generation() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    NEW.token_generation = OLD.token_generation + 1;
    RETURN NEW;
END;
$$;
CREATE TRIGGER trg_users_token_generation BEFORE UPDATE ON users
    FOR EACH ROW WHEN (NEW.is_active IS DISTINCT FROM OLD.is_active
                       OR OLD.account_type <> 'SYSTEM_BOT'
                          AND (NEW.account_type <> OLD.account_type OR NEW.password_hash <> OLD.password_hash))
    EXECUTE FUNCTION fn_raise_token_generation();

-- Since when the market maker knows a market: from its first start on, whatever came after.

ALTER TABLE amm_markets ADD COLUMN first_started_at TIMESTAMPTZ;
UPDATE amm_markets SET first_started_at = CASE start_count WHEN 1 THEN started_at ELSE (
    SELECT min(created_at) FROM wal_events
    WHERE wal_events.market_id = amm_markets.market_id AND event_type = 'AMM_STARTED'
) END;
ALTER TABLE amm_markets ALTER COLUMN first_started_at SET NOT NULL;

-- A market too large to end in one step ends in portions, and says so first.
ALTER TABLE wal_events DROP CONSTRAINT ck_wal_event_type;
ALTER TABLE wal_events ADD CONSTRAINT ck_wal_event_type CHECK (event_type IN (
        'JOURNAL_OPENED',
        'ACCOUNT_OPENED', 'FUNDS_DEPOSITED', 'FUNDS_WITHDRAWN', 'FUNDS_TRANSFERRED', 'SHARES_TRANSFERRED',
        'FENCE_RAISED', 'GUARD_SET',
        'MARKET_CREATED', 'MARKET_STATUS_CHANGED', 'MARKET_AMM_AUTHORIZED', 'MARKET_CLOSING', 'MARKET_SETTLED',
        'ORDER_ACCEPTED', 'ORDER_PARTIALLY_FILLED', 'ORDER_MATCHED', 'ORDER_CANCELLED', 'ORDER_EXPIRED',
        'NETTING_EXECUTED', 'SHARES_MINTED', 'SHARES_BURNED', 'POSITION_SETTLED',
        'AMM_STARTED', 'AMM_STOPPED', 'CIRCUIT_BREAKER_TRIGGERED', 'CIRCUIT_BREAKER_RESOLVED'
    ));
