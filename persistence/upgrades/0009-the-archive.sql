-- Rows of the journal that were moved into files, by `verdict archive`: a row for each file, from the journal's first
-- row on, without a gap. Where rows are in both, for their part has others, they are the same.
CREATE TABLE journal_archive (
    first_id        BIGINT         NOT NULL,
    last_id         BIGINT         NOT NULL,  -- ends a transaction of the journal
    digest          BYTEA          NOT NULL,  -- the journal's, as of that row
    journal_format  SMALLINT       NOT NULL,  -- of the payloads
    begun_at        TIMESTAMPTZ    NOT NULL,  -- the time of the first row
    ended_at        TIMESTAMPTZ    NOT NULL,  -- the time of the last
    netted          JSONB          NOT NULL,  -- by market: what nettings in these rows realized, in cents
    sha256          BYTEA          NOT NULL,  -- of the file's content
    signature       BYTEA          NOT NULL,  -- Ed25519 over ids and content
    folder          VARCHAR(4096)  NOT NULL,
    file            VARCHAR(64)    NOT NULL,
    archived_at     TIMESTAMPTZ    NOT NULL DEFAULT NOW(),
    CONSTRAINT journal_archive_pkey PRIMARY KEY (last_id),
    CONSTRAINT ck_journal_archive_ids CHECK (first_id >= 1 AND last_id >= first_id),
    CONSTRAINT ck_journal_archive_digest CHECK (octet_length(digest) = 32),
    CONSTRAINT ck_journal_archive_sha256 CHECK (octet_length(sha256) = 32),
    CONSTRAINT ck_journal_archive_signature CHECK (octet_length(signature) = 64)
);
COMMENT ON TABLE journal_archive IS 'The files that the journal''s oldest rows were moved into, from its first row on, without a gap.';
COMMENT ON COLUMN journal_archive.first_id IS 'The journal id of its first row.';
COMMENT ON COLUMN journal_archive.last_id IS 'The journal id of its last row, which ends a transaction.';
COMMENT ON COLUMN journal_archive.digest IS 'The journal''s, as of the last row.';
COMMENT ON COLUMN journal_archive.journal_format IS 'Of the payloads.';
COMMENT ON COLUMN journal_archive.begun_at IS 'The time of the first row.';
COMMENT ON COLUMN journal_archive.ended_at IS 'The time of the last row.';
COMMENT ON COLUMN journal_archive.netted IS 'By market: what nettings in these rows realized, in cents.';
COMMENT ON COLUMN journal_archive.sha256 IS 'Of the content of the file, uncompressed, but for its last line.';
COMMENT ON COLUMN journal_archive.signature IS 'The exchange''s, over the ids and that hash.';
COMMENT ON COLUMN journal_archive.folder IS 'Where the file is, on the machine of the exchange.';
COMMENT ON COLUMN journal_archive.file IS 'Its name there.';
COMMENT ON COLUMN journal_archive.archived_at IS 'When it was written, by this server''s clock.';

-- What has left the database is not told here, nor is half of a story.
CREATE OR REPLACE FUNCTION wal_of_order(wanted UUID) RETURNS SETOF wal_events LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF EXISTS (SELECT FROM orders JOIN journal_archive ON accepted_seq BETWEEN first_id AND last_id WHERE id = wanted) THEN
        RAISE EXCEPTION 'the events of order % begin in the archive of the journal', wanted
            USING HINT = 'verdict replay --show order ' || wanted;
    END IF;
    RETURN QUERY
    SELECT event.*
    FROM orders
    JOIN wal_events event ON event.id >= orders.accepted_seq
                         AND event.created_at BETWEEN orders.created_at AND orders.updated_at
    WHERE orders.id = wanted
      AND wanted::TEXT IN (fn_readable(event.payload)->>'order_id', fn_readable(event.payload)->>'counterparty_order_id')
    ORDER BY event.id;
END;
$$;
