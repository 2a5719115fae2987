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
