-- The journal is cut by ids from now on. The table that there is becomes the first part, as it lies on the disk: its
-- rows are looked through once, and none is copied.

ALTER TABLE wal_events RENAME TO wal_events_1;
ALTER INDEX wal_events_pkey RENAME TO wal_events_1_pkey;
ALTER INDEX idx_wal_activity RENAME TO wal_events_1_market_id_id_idx;
ALTER INDEX idx_wal_time RENAME TO wal_events_1_created_at_idx;

CREATE TABLE wal_events (LIKE wal_events_1 INCLUDING CONSTRAINTS INCLUDING COMMENTS) PARTITION BY RANGE (id);
ALTER TABLE wal_events ADD CONSTRAINT wal_events_pkey PRIMARY KEY (id);
CREATE INDEX idx_wal_time ON wal_events USING brin (created_at);
COMMENT ON TABLE wal_events IS 'The journal: one row per event, numbered by the kernel without a gap. The only source of truth; rows are never changed.';

DO $$
DECLARE
    bound BIGINT;
    given RECORD;
BEGIN
    -- A round number, as those of all later parts, and behind every row.
    SELECT (coalesce(max(id), 0) / 5000000 + 1) * 5000000 + 1 INTO bound FROM wal_events_1;
    EXECUTE format('ALTER TABLE wal_events ATTACH PARTITION wal_events_1 FOR VALUES FROM (MINVALUE) TO (%s)', bound);

    -- Who might read the journal may read it still.
    FOR given IN
        SELECT coalesce(rolname, 'public') AS grantee, rolname IS NULL AS is_public, privilege_type, is_grantable
        FROM pg_class, aclexplode(relacl) AS granted LEFT JOIN pg_roles ON pg_roles.oid = granted.grantee
        WHERE pg_class.oid = 'wal_events_1'::regclass AND granted.grantee <> relowner
    LOOP
        EXECUTE format('GRANT %s ON wal_events TO %s%s', given.privilege_type,
                       CASE WHEN given.is_public THEN 'PUBLIC' ELSE quote_ident(given.grantee) END,
                       CASE WHEN given.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END);
    END LOOP;
    FOR given IN SELECT attname FROM pg_attribute WHERE attrelid = 'wal_events_1'::regclass AND attnum > 0 LOOP
        EXECUTE format('COMMENT ON COLUMN wal_events_1.%I IS NULL', given.attname);
    END LOOP;
END;
$$;
COMMENT ON TABLE wal_events_1 IS NULL;

-- What was made over the table of before is about its first part now.
CREATE OR REPLACE VIEW journal_batches AS SELECT id AS last_id, digest FROM wal_events WHERE digest IS NOT NULL;
CREATE OR REPLACE VIEW wal_readable AS
SELECT id, created_at, market_id, event_type, fn_readable(payload) AS payload FROM wal_events;
CREATE OR REPLACE VIEW wal_commands AS
SELECT event.id AS first,
       COALESCE((SELECT MIN(later.id) FROM wal_events later WHERE later.id > event.id AND later.command IS NOT NULL),
                (SELECT MAX(id) + 1 FROM wal_events)) - 1 AS last,
       event.command,
       event.created_at
FROM wal_events event
WHERE event.command IS NOT NULL;
DROP FUNCTION wal_of_order(UUID);
CREATE FUNCTION wal_of_order(wanted UUID) RETURNS SETOF wal_events LANGUAGE sql STABLE AS $$
    SELECT event.*
    FROM orders
    JOIN wal_events event ON event.id >= orders.accepted_seq
                         AND event.created_at BETWEEN orders.created_at AND orders.updated_at
    WHERE orders.id = wanted
      AND wanted::TEXT IN (fn_readable(event.payload)->>'order_id', fn_readable(event.payload)->>'counterparty_order_id')
    ORDER BY event.id
$$;

-- What became of each market has a table of its own, for the journal will not reach back so far. Until here an index found it.
CREATE TABLE market_activity (
    market_id   VARCHAR(64)  NOT NULL,
    journal_id  BIGINT       NOT NULL,
    at          TIMESTAMPTZ  NOT NULL,
    kind        VARCHAR(10)  NOT NULL,
    previous    VARCHAR(20)  NOT NULL,
    new         VARCHAR(20)  NOT NULL,
    reason      TEXT         NOT NULL,
    until       TIMESTAMPTZ  NULL,
    CONSTRAINT market_activity_pkey PRIMARY KEY (market_id, journal_id),
    CONSTRAINT ck_market_activity_kind CHECK (kind IN ('STATUS', 'MODE'))
);
COMMENT ON TABLE market_activity IS 'Changes of markets'' status and trading mode. Folded from the journal; rows are never changed.';
COMMENT ON COLUMN market_activity.at IS 'The time of the command.';
COMMENT ON COLUMN market_activity.kind IS 'STATUS or MODE: what changed.';
COMMENT ON COLUMN market_activity.previous IS 'The status or mode before.';
COMMENT ON COLUMN market_activity.new IS 'The status or mode since.';
COMMENT ON COLUMN market_activity.reason IS 'Why; a payout follows from the RESOLUTION.';
COMMENT ON COLUMN market_activity.until IS 'When it ends by itself; null: it does not.';

INSERT INTO market_activity
SELECT told.market_id, told.id, told.created_at, CASE told.event_type WHEN 'MARKET_MODE_CHANGED' THEN 'MODE' ELSE 'STATUS' END,
       COALESCE(told.payload->>'previous_status', told.payload->>'previous_mode'),
       COALESCE(told.payload->>'new_status', told.payload->>'new_mode'),
       CASE told.event_type WHEN 'MARKET_SETTLED' THEN 'RESOLUTION' ELSE told.payload->>'reason' END,
       -- In two steps, for microseconds of far years are more than a floating-point number holds.
       'epoch'::TIMESTAMPTZ + (told.payload->>'until')::BIGINT / 1000000 * INTERVAL '1 second'
                            + (told.payload->>'until')::BIGINT % 1000000 * INTERVAL '1 microsecond'
FROM wal_readable told, projector_cursor
WHERE told.event_type IN ('MARKET_STATUS_CHANGED', 'MARKET_SETTLED', 'MARKET_MODE_CHANGED') AND told.id <= projector_cursor.journal_id;
DROP INDEX wal_events_1_market_id_id_idx;
