-- Indexes that no question of the program uses go; what listed orders by user and status lists them by user alone.
-- A change to users tells running servers, whoever makes it. And a character 0 in a payload ends no query.

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

CREATE FUNCTION fn_readable(payload JSON) RETURNS JSON LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN strpos(payload::TEXT, '\u0000') = 0 THEN payload
           ELSE regexp_replace(payload::TEXT, '(?<!\\)((?:\\\\)*)\\u0000', '\1\\ufffd', 'g')::JSON END
$$;
CREATE VIEW wal_readable AS
SELECT id, created_at, market_id, event_type, fn_readable(payload) AS payload FROM wal_events;

-- Each view that takes payloads apart does so with the readable ones.
DO $$
DECLARE
    found RECORD;
BEGIN
    FOR found IN
        SELECT viewname, definition FROM pg_views
        WHERE schemaname = current_schema()
          AND viewname IN ('wal_postings', 'wal_positions', 'wal_orders', 'wal_markets', 'wal_trades')
    LOOP
        EXECUTE format('CREATE OR REPLACE VIEW %I AS %s', found.viewname,
                       regexp_replace(found.definition, '\mwal_events\M', 'wal_readable', 'g'));
    END LOOP;
END;
$$;
CREATE OR REPLACE FUNCTION wal_of_order(wanted UUID) RETURNS SETOF wal_events LANGUAGE sql STABLE AS $$
    SELECT event.*
    FROM orders
    JOIN wal_events event ON event.id >= orders.accepted_seq
                         AND event.created_at BETWEEN orders.created_at AND orders.updated_at
    WHERE orders.id = wanted
      AND wanted::TEXT IN (fn_readable(event.payload)->>'order_id', fn_readable(event.payload)->>'counterparty_order_id')
    ORDER BY event.id
$$;
