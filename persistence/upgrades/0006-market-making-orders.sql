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
