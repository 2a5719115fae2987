-- Trades and ledger entries are cut by months from now on. The tables that there are become the first ones, with all months
-- up to the present: their rows are looked through once, and none is copied.
ALTER TABLE trades RENAME TO trades_before;
ALTER TABLE trades_before DROP CONSTRAINT trades_pkey;  -- what no question asks; it follows from the trade's number
ALTER TABLE trades_before RENAME CONSTRAINT uq_trades_trade_id TO trades_before_trade_id;
ALTER INDEX idx_trades_buy_user RENAME TO trades_before_buy_user;
ALTER INDEX idx_trades_sell_user RENAME TO trades_before_sell_user;
ALTER INDEX idx_trades_market_time RENAME TO trades_before_market_time;
ALTER TABLE ledger_entries RENAME TO ledger_entries_before;
ALTER TABLE ledger_entries_before RENAME CONSTRAINT ledger_entries_pkey TO ledger_entries_before_pkey;
ALTER INDEX idx_ledger_user_time RENAME TO ledger_entries_before_user_time;
ALTER INDEX uq_ledger_amm_reference RENAME TO ledger_entries_before_amm_reference;
DROP INDEX idx_positions_user;  -- uq_positions_user_market finds them as well

CREATE TABLE trades (LIKE trades_before INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING COMMENTS)
    PARTITION BY RANGE (executed_at);
CREATE INDEX idx_trades_buy_user ON trades (buy_user_id, executed_at DESC);
CREATE INDEX idx_trades_sell_user ON trades (sell_user_id, executed_at DESC);
CREATE INDEX idx_trades_market_time ON trades (market_id, executed_at DESC);
COMMENT ON TABLE trades IS 'Every meeting of two orders; buy and sell are the sides of the book. Folded from the journal.';
CREATE TABLE ledger_entries (LIKE ledger_entries_before INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING COMMENTS)
    PARTITION BY RANGE (created_at);
CREATE INDEX idx_ledger_user_time ON ledger_entries (user_id, created_at DESC);
COMMENT ON TABLE ledger_entries IS 'Every change of an account''s available balance, a chain for each account. Folded from the journal; rows are never changed.';

-- The tables that trades and ledger_entries are made of: each holds a month of exchange time, in UTC.
CREATE VIEW history_months AS
SELECT parent.relname                                                                    AS name,
       child.relname                                                                     AS part,
       COALESCE(substring(bound FROM 'FROM \(''([^'']+)''')::TIMESTAMPTZ, '-infinity')   AS begins_at,
       substring(bound FROM 'TO \(''([^'']+)''')::TIMESTAMPTZ                            AS ends_at
FROM pg_inherits
JOIN pg_class parent ON parent.oid = inhparent
JOIN pg_class child ON child.oid = inhrelid,
     pg_get_expr(child.relpartbound, child.oid) AS bound
WHERE inhparent IN ('trades'::regclass, 'ledger_entries'::regclass);

-- Whoever gives one of them a disk of its own, by ALTER TABLE ... SET TABLESPACE, means its coming months, too.
CREATE FUNCTION fn_tablespace(parent REGCLASS) RETURNS TEXT LANGUAGE sql STABLE AS $$
    SELECT COALESCE((SELECT format('TABLESPACE %I', spcname) FROM pg_class JOIN pg_tablespace space ON space.oid = reltablespace
                     WHERE pg_class.oid = parent), '')
$$;

-- Have tables for the month of a moment, in microseconds since 1970. The projector does when the first row of it comes.
-- What is unique is so in each month: numbers rise with time, so none comes again in another. A table is finished
-- before it is taken in, so that nobody waits for it. Where trades are in one table, as while a rebuild fills copies,
-- that has room for all.
CREATE FUNCTION fn_make_month(at BIGINT) RETURNS VOID LANGUAGE plpgsql AS $$
DECLARE
    moment TIMESTAMPTZ := 'epoch'::TIMESTAMPTZ + at / 1000000 * INTERVAL '1 second';
    month  TIMESTAMP   := date_trunc('month', moment AT TIME ZONE 'UTC');
    named  TEXT        := to_char(month, 'YYYY_MM');
    bounds TEXT        := format('FROM (%L) TO (%L)', month AT TIME ZONE 'UTC', (month + INTERVAL '1 month') AT TIME ZONE 'UTC');
BEGIN
    IF (SELECT relkind <> 'p' FROM pg_class WHERE oid = 'trades'::regclass)
       OR EXISTS (SELECT FROM history_months WHERE begins_at <= moment AND moment < ends_at) THEN
        RETURN;
    END IF;
    EXECUTE format('CREATE TABLE trades_%s (LIKE trades INCLUDING ALL EXCLUDING COMMENTS, PRIMARY KEY (trade_id)) %s',
                   named, fn_tablespace('trades'));
    EXECUTE format('CREATE TABLE ledger_entries_%s (LIKE ledger_entries INCLUDING ALL EXCLUDING COMMENTS, PRIMARY KEY (id)) %s',
                   named, fn_tablespace('ledger_entries'));
    -- A key mints once and burns once.
    EXECUTE format('CREATE UNIQUE INDEX ledger_entries_%1$s_amm_reference ON ledger_entries_%1$s '
                   '(reference_type, reference_id, entry_type) WHERE reference_type IN (''AMM_MINT'', ''AMM_BURN'')', named);
    EXECUTE format('ALTER TABLE trades ATTACH PARTITION trades_%s FOR VALUES %s', named, bounds);
    EXECUTE format('ALTER TABLE ledger_entries ATTACH PARTITION ledger_entries_%s FOR VALUES %s', named, bounds);
END;
$$;

DO $$
DECLARE
    behind TIMESTAMPTZ;
    name   TEXT;
    given  RECORD;
BEGIN
    -- The tables tell nothing later than the row that they have reached, which never leaves the journal.
    SELECT (date_trunc('month', created_at AT TIME ZONE 'UTC') + INTERVAL '1 month') AT TIME ZONE 'UTC' INTO behind
    FROM wal_events, projector_cursor WHERE id = journal_id;
    FOREACH name IN ARRAY ARRAY['trades', 'ledger_entries'] LOOP
        -- Who might read them may read them still.
        FOR given IN
            SELECT coalesce(rolname, 'public') AS grantee, rolname IS NULL AS is_public, privilege_type, is_grantable
            FROM pg_class, aclexplode(relacl) AS granted LEFT JOIN pg_roles ON pg_roles.oid = granted.grantee
            WHERE pg_class.oid = (name || '_before')::regclass AND granted.grantee <> relowner
        LOOP
            EXECUTE format('GRANT %s ON %I TO %s%s', given.privilege_type, name,
                           CASE WHEN given.is_public THEN 'PUBLIC' ELSE quote_ident(given.grantee) END,
                           CASE WHEN given.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END);
        END LOOP;
        IF fn_tablespace((name || '_before')::regclass) <> '' THEN
            EXECUTE format('ALTER TABLE %I SET %s', name, fn_tablespace((name || '_before')::regclass));
        END IF;
        IF behind IS NULL THEN
            EXECUTE format('DROP TABLE %I', name || '_before');
            CONTINUE;
        END IF;
        EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (MINVALUE) TO (%L)', name, name || '_before', behind);
        FOR given IN SELECT attname FROM pg_attribute WHERE attrelid = (name || '_before')::regclass AND attnum > 0 LOOP
            EXECUTE format('COMMENT ON COLUMN %I.%I IS NULL', name || '_before', given.attname);
        END LOOP;
        EXECUTE format('COMMENT ON TABLE %I IS NULL', name || '_before');
    END LOOP;
END;
$$;
