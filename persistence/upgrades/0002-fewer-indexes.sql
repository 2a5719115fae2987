-- Indexes that no question of the program uses go; what listed orders by user and status lists them by user alone.
-- And a change to users tells running servers, whoever makes it.

DROP INDEX idx_orders_user_status, idx_orders_market_active, idx_orders_self_trade,
           idx_trades_scenario, idx_ledger_reference, idx_ledger_type, idx_ledger_market;

CREATE INDEX idx_orders_user_time ON orders (user_id, created_at DESC);
ALTER TABLE orders SET (fillfactor = 85);

CREATE FUNCTION fn_tell_of_users() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('verdict_users', '');
    RETURN NULL;
END;
$$;
CREATE TRIGGER trg_users_told AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON users
    FOR EACH STATEMENT EXECUTE FUNCTION fn_tell_of_users();
