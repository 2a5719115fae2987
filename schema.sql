-- The whole database of Verdict, readable from top to bottom.
--
--   the journal      wal_events, and snapshots to start from                      the only source of truth
--   its past         journal_archive                                             which files hold what has left it
--   its witnesses    journal_seals                                               show that it is what it was
--   its reading      journal_batches, wal_postings, wal_trades, ... (views)       the compact payloads with names
--   the projections  accounts, markets, market_activity, amm_markets, orders, trades, candles,
--                    positions, order_groups, ledger_entries, circuit_breaker_events,
--                    key_uses, mm_order, mm_payment, mm_lifecycle_event, mm_execution,
--                    mm_campaign, mm_campaign_participation,
--                    mm_venue_withdrawal, mm_reconciliation                   can be dropped and rebuilt
--   their past       history_cuts, ledger_forward, trades_forward                what the oldest months came to
--   apart from both  users, sessions, ended_tokens, api_keys                      credentials, never journaled
--   the house        projector_cursor, schema_version
--
-- Enumerations are VARCHAR with a CHECK, so that a new value is a line here and no ALTER TYPE. There are no
-- foreign keys: projections are written in bulk, in whatever order is fastest, and every link in them follows
-- from the journal. Money is in cents, BIGINT; quantities are shares, INT; prices are cents of the pair's 100.
-- Apart from users, every created_at, updated_at and executed_at is the time of a command, not of this server.
--
-- An index stands here for a rule, or for a question that the program asks; each costs something for every row.
-- Who asks other questions often has a replica, which can carry any index.
--
-- The CHECKs say again what the kernel guarantees. That is their point: they are a second auditor, who shares
-- no line of code with the first.


-- The journal ------------------------------------------------------------------------------------------------

-- One row per event. The kernel numbers them, without a gap, in the order in which it decided; the primary key
-- therefore refuses a second writer. No row is ever updated or deleted. The table is cut by ids, so that what is old
-- can be moved away whole; the program makes the next parts long before they are needed. (Rights go with wal_events:
-- nobody needs any on a part.)
CREATE TABLE wal_events (
    id          BIGINT       NOT NULL,  -- no sequence: a number that the kernel did not give would be a lie
    created_at  TIMESTAMPTZ  NOT NULL,  -- the time of the command; never before that of an earlier row
    market_id   VARCHAR(64)  NULL,      -- null: the event belongs to no market
    event_type  VARCHAR(30)  NOT NULL,
    -- JSON and not JSONB: it keeps the bytes that the digest was taken over, and is written half as fast again.
    payload     JSON         NOT NULL,
    -- What was asked, by whom, when and under which correlation id: on the first event of each command only.
    command     JSON         NULL,
    -- On the last event of each transaction: the SHA-256 of all events up to and with it, each taken over the
    -- one before. A row changed, missing or moved anywhere shows in every digest after it. It stands here and
    -- not in a table of its own so that a transaction of the journal is one COPY, one round trip.
    digest      BYTEA        NULL,
    CONSTRAINT wal_events_pkey PRIMARY KEY (id),
    CONSTRAINT ck_wal_id_gte_1 CHECK (id >= 1),
    CONSTRAINT ck_wal_digest CHECK (octet_length(digest) = 32),
    CONSTRAINT ck_wal_event_type CHECK (event_type IN (
        'JOURNAL_OPENED', 'JOURNAL_ACCEPTED',
        'ACCOUNT_OPENED', 'FUNDS_DEPOSITED', 'FUNDS_WITHDRAWN', 'FUNDS_TRANSFERRED', 'SHARES_TRANSFERRED',
        'FENCE_RAISED', 'GUARD_SET', 'ORDERS_FORGOTTEN', 'KEYS_FORGOTTEN', 'POSITIONS_FORGOTTEN',
        'MARKET_CREATED', 'MARKET_STATUS_CHANGED', 'MARKET_MODE_CHANGED', 'MARKET_AMM_AUTHORIZED', 'MARKET_CLOSING', 'MARKET_SETTLED',
        'ORDER_ACCEPTED', 'ORDER_PARTIALLY_FILLED', 'ORDER_MATCHED', 'ORDER_CANCELLED', 'ORDER_EXPIRED',
        'ORDER_AMENDED', 'ORDER_GROUP_SET', 'ORDER_GROUP_TRIGGERED', 'ORDER_GROUP_RESET', 'ORDER_GROUP_DELETED',
        'NETTING_EXECUTED', 'SHARES_MINTED', 'SHARES_BURNED', 'POSITION_SETTLED',
        'AMM_STARTED', 'AMM_STOPPED', 'CIRCUIT_BREAKER_TRIGGERED', 'CIRCUIT_BREAKER_RESOLVED',
        'ADMIN_PROPOSED', 'ADMIN_CONFIRMED',
        'MM_ORDER_CREATED', 'MM_ORDER_CHANGED', 'MM_LEASE_ACQUIRED', 'MM_LEASE_RENEWED', 'MM_LEASE_RELEASED',
        'MM_CAMPAIGN_CREATED', 'MM_CAMPAIGN_CHANGED', 'MM_PARTICIPATION_CHANGED',
        'MM_VENUE_CHANGED', 'MM_CASE_CHANGED'
    ))
) PARTITION BY RANGE (id);
CREATE TABLE wal_events_1 PARTITION OF wal_events FOR VALUES FROM (MINVALUE) TO (5000001);

-- Time rises with the id, so a block range index finds "as of noon", and costs nothing that can be measured.
-- A B-tree would cost a seventh of the journal's speed, a GIN index on the order id as much again; for one
-- order's events there is wal_of_order() below.
CREATE INDEX idx_wal_time ON wal_events USING brin (created_at);

-- What is written stays. Each part has the trigger, too, and one that is added gets it. No INSERT looks at it.
CREATE FUNCTION fn_refuse_change() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of % are only ever added', TG_TABLE_NAME;
END;
$$;
CREATE TRIGGER trg_wal_events_stays BEFORE UPDATE OR DELETE ON wal_events
    FOR EACH ROW EXECUTE FUNCTION fn_refuse_change();

-- The journal's transactions: the id each ended with, and the digest as of it.
CREATE VIEW journal_batches AS SELECT id AS last_id, digest FROM wal_events WHERE digest IS NOT NULL;

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

-- The whole state as of one journal id, so that a start replays only what came after. A snapshot is an
-- optimisation: any or all may be deleted. It counts only if its digest is that of the state it restores.
CREATE TABLE snapshots (
    journal_id  BIGINT       NOT NULL,
    format      SMALLINT     NOT NULL,  -- how the chunks are encoded
    digest      BYTEA        NOT NULL,  -- of the state, as the kernel computes it
    chunks      INT          NOT NULL,
    created_at  TIMESTAMPTZ  NOT NULL,
    journal_digest  BYTEA    NOT NULL,  -- the journal's own, as of that row
    seal        BYTEA        NOT NULL,  -- made with a key that is not in the database, over all that stands above
    CONSTRAINT snapshots_pkey PRIMARY KEY (journal_id),
    CONSTRAINT ck_snapshots_digest CHECK (octet_length(digest) = 32),
    CONSTRAINT ck_snapshots_chunks CHECK (chunks >= 1),
    CONSTRAINT ck_snapshots_journal_digest CHECK (octet_length(journal_digest) = 32),
    CONSTRAINT ck_snapshots_seal CHECK (octet_length(seal) = 32)
);

-- The exchange's signature under the end of its journal, each minute that journaled something. Who rewrites rows can
-- rewrite every digest behind them, but no seal: the key is not in the database. The public half verifies them.
CREATE TABLE journal_seals (
    last_id     BIGINT       NOT NULL,
    digest      BYTEA        NOT NULL,  -- the journal's, as of that row
    signature   BYTEA        NOT NULL,  -- Ed25519 over both
    created_at  TIMESTAMPTZ  NOT NULL DEFAULT NOW(),
    CONSTRAINT journal_seals_pkey PRIMARY KEY (last_id),
    CONSTRAINT ck_journal_seals_last_id CHECK (last_id >= 1),
    CONSTRAINT ck_journal_seals_digest CHECK (octet_length(digest) = 32),
    CONSTRAINT ck_journal_seals_signature CHECK (octet_length(signature) = 64)
);

-- In pieces, so that neither side ever holds one value of a gigabyte.
CREATE TABLE snapshot_chunks (
    journal_id  BIGINT  NOT NULL,
    number      INT     NOT NULL,
    content     BYTEA   NOT NULL,
    CONSTRAINT snapshot_chunks_pkey PRIMARY KEY (journal_id, number),
    CONSTRAINT ck_snapshot_chunks_number CHECK (number >= 0)
);


-- Users ------------------------------------------------------------------------------------------------------

CREATE TABLE users (
    id             UUID          NOT NULL DEFAULT gen_random_uuid(),
    username       VARCHAR(64)   NOT NULL,
    email          VARCHAR(255)  NOT NULL,
    password_hash  VARCHAR(255)  NOT NULL,
    account_type   VARCHAR(20)   NOT NULL DEFAULT 'USER',
    is_active      BOOLEAN       NOT NULL DEFAULT TRUE,
    created_at     TIMESTAMPTZ   NOT NULL DEFAULT NOW(),
    updated_at     TIMESTAMPTZ   NOT NULL DEFAULT NOW(),
    token_generation  INT        NOT NULL DEFAULT 0,  -- tokens of an earlier one open nothing any more
    CONSTRAINT users_pkey PRIMARY KEY (id),
    CONSTRAINT uq_users_username UNIQUE (username),
    CONSTRAINT uq_users_email UNIQUE (email),
    CONSTRAINT ck_users_username_len CHECK (length(username) >= 3),
    CONSTRAINT ck_users_account_type CHECK (account_type IN ('USER', 'ADMIN', 'SYSTEM_BOT', 'MM_WORKER'))
);
CREATE INDEX idx_users_email ON users (email);

CREATE FUNCTION fn_update_timestamp() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    NEW.updated_at = NOW();
    RETURN NEW;
END;
$$;
CREATE TRIGGER trg_users_updated_at BEFORE UPDATE ON users
    FOR EACH ROW EXECUTE FUNCTION fn_update_timestamp();

-- Whoever changes what a user is or may, by whatever program, ends the tokens that were given out for it. Role and
-- password of the exchange's own programs mean nothing: they have no password, and their role is fixed.
CREATE FUNCTION fn_raise_token_generation() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    NEW.token_generation = OLD.token_generation + 1;
    RETURN NEW;
END;
$$;
CREATE TRIGGER trg_users_token_generation BEFORE UPDATE ON users
    FOR EACH ROW WHEN (NEW.is_active IS DISTINCT FROM OLD.is_active
                       OR OLD.account_type NOT IN ('SYSTEM_BOT', 'MM_WORKER')
                          AND (NEW.account_type <> OLD.account_type OR NEW.password_hash <> OLD.password_hash))
    EXECUTE FUNCTION fn_raise_token_generation();

-- A session begins with a login and lives on by its refresh tokens, each of which is used once. Only the newest is
-- good; a used one that comes again is in two hands, and ends the session.
CREATE TABLE sessions (
    id            UUID           NOT NULL,
    user_id       UUID           NOT NULL,
    refresh_hash  BYTEA          NOT NULL,  -- SHA-256 of the name of the newest refresh token
    used_at       TIMESTAMPTZ[]  NOT NULL DEFAULT '{}',  -- when those before it were used up, as far as it matters yet
    created_at    TIMESTAMPTZ    NOT NULL,
    last_used_at  TIMESTAMPTZ    NOT NULL,
    ended_at      TIMESTAMPTZ    NULL,      -- null: it lives
    CONSTRAINT sessions_pkey PRIMARY KEY (id),
    CONSTRAINT ck_sessions_refresh_hash CHECK (octet_length(refresh_hash) = 32)
);
CREATE INDEX idx_sessions_user ON sessions (user_id);

-- Service tokens that end before their time: who renews one has a moment left for it.
CREATE TABLE ended_tokens (
    token_hash  BYTEA        NOT NULL,  -- SHA-256 of the token's name
    user_id     UUID         NOT NULL,
    ends_at     TIMESTAMPTZ  NOT NULL,
    expires_at  TIMESTAMPTZ  NOT NULL,  -- when it would have ended by itself, and this row can go
    CONSTRAINT ended_tokens_pkey PRIMARY KEY (token_hash),
    CONSTRAINT ck_ended_tokens_hash CHECK (octet_length(token_hash) = 32)
);
CREATE INDEX idx_ended_tokens_user ON ended_tokens (user_id);

-- What the programs of a user show instead of a token, until it expires or is revoked. A key's row is ended, not
-- deleted, so that people see what there was.
CREATE TABLE api_keys (
    id            UUID         NOT NULL,
    user_id       UUID         NOT NULL,
    name          VARCHAR(64)  NOT NULL,
    prefix        CHAR(8)      NOT NULL,  -- of the key itself, by which its owner knows it again
    key_hash      BYTEA        NOT NULL,  -- SHA-256 of the whole key, which is kept nowhere
    scopes        VARCHAR(32)  NOT NULL,
    created_at    TIMESTAMPTZ  NOT NULL,
    expires_at    TIMESTAMPTZ  NULL,
    last_used_at  TIMESTAMPTZ  NULL,
    revoked_at    TIMESTAMPTZ  NULL,
    CONSTRAINT api_keys_pkey PRIMARY KEY (id),
    CONSTRAINT uq_api_keys_hash UNIQUE (key_hash),
    CONSTRAINT ck_api_keys_hash CHECK (octet_length(key_hash) = 32),
    CONSTRAINT ck_api_keys_scopes CHECK (scopes IN (
        'read', 'trade', 'withdraw', 'read,trade', 'read,withdraw', 'trade,withdraw', 'read,trade,withdraw'))
);
CREATE UNIQUE INDEX uq_api_keys_name ON api_keys (user_id, name) WHERE revoked_at IS NULL;
CREATE INDEX idx_api_keys_user ON api_keys (user_id);

-- With the tokens of a generation end the sessions that they belong to.
CREATE FUNCTION fn_end_sessions() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    UPDATE sessions SET ended_at = NOW() WHERE user_id = NEW.id AND ended_at IS NULL;
    RETURN NULL;
END;
$$;
CREATE TRIGGER trg_users_sessions AFTER UPDATE ON users
    FOR EACH ROW WHEN (NEW.token_generation <> OLD.token_generation) EXECUTE FUNCTION fn_end_sessions();

-- A running server remembers what users may. Whoever changes it, by whatever program, it hears at the commit of whom:
-- the payload is the user's id, or nothing where all are meant.
CREATE FUNCTION fn_tell_of_users() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('verdict_users', COALESCE(
        CASE TG_OP WHEN 'INSERT' THEN to_jsonb(NEW) ELSE to_jsonb(OLD) END ->> TG_ARGV[0], ''));
    RETURN NULL;
END;
$$;
CREATE TRIGGER trg_users_told AFTER INSERT OR UPDATE OR DELETE ON users
    FOR EACH ROW EXECUTE FUNCTION fn_tell_of_users('id');
CREATE TRIGGER trg_users_gone AFTER TRUNCATE ON users
    FOR EACH STATEMENT EXECUTE FUNCTION fn_tell_of_users('id');
CREATE TRIGGER trg_sessions_ended AFTER UPDATE ON sessions
    FOR EACH ROW WHEN (NEW.ended_at IS DISTINCT FROM OLD.ended_at) EXECUTE FUNCTION fn_tell_of_users('user_id');
CREATE TRIGGER trg_sessions_deleted AFTER DELETE ON sessions
    FOR EACH ROW WHEN (OLD.ended_at IS NULL) EXECUTE FUNCTION fn_tell_of_users('user_id');
CREATE TRIGGER trg_sessions_gone AFTER TRUNCATE ON sessions
    FOR EACH STATEMENT EXECUTE FUNCTION fn_tell_of_users('user_id');
CREATE TRIGGER trg_ended_tokens_told AFTER INSERT OR UPDATE ON ended_tokens
    FOR EACH ROW EXECUTE FUNCTION fn_tell_of_users('user_id');
CREATE TRIGGER trg_api_keys_told AFTER INSERT OR DELETE ON api_keys
    FOR EACH ROW EXECUTE FUNCTION fn_tell_of_users('user_id');
-- All but last_used_at, which changes nobody's rights.
CREATE TRIGGER trg_api_keys_changed
    AFTER UPDATE OF id, user_id, name, prefix, key_hash, scopes, created_at, expires_at, revoked_at ON api_keys
    FOR EACH ROW EXECUTE FUNCTION fn_tell_of_users('user_id');
CREATE TRIGGER trg_api_keys_gone AFTER TRUNCATE ON api_keys
    FOR EACH STATEMENT EXECUTE FUNCTION fn_tell_of_users('user_id');

-- The market maker, and the one user that all workers of market-making orders share, which has no account. Their
-- hash is no hash, so no password is their password.
INSERT INTO users (id, username, email, password_hash, account_type)
VALUES ('00000000-0000-4000-a000-000000000001', 'amm_market_maker', 'amm@system.internal', '!', 'SYSTEM_BOT'),
       ('00000000-0000-4000-a000-000000000002', 'mm_worker', 'mm_worker@system.internal', '!', 'MM_WORKER');


-- Accounts and markets ---------------------------------------------------------------------------------------

CREATE TABLE accounts (
    id                    UUID         NOT NULL DEFAULT gen_random_uuid(),  -- shown nowhere
    user_id               VARCHAR(64)  NOT NULL,
    owner_id              VARCHAR(64)  NOT NULL,  -- of a sub-account, whose it is; else the user_id
    available_balance     BIGINT       NOT NULL DEFAULT 0,
    frozen_balance        BIGINT       NOT NULL DEFAULT 0,  -- set aside for the account's own open buy orders
    auto_netting_enabled  BOOLEAN      NOT NULL DEFAULT TRUE,
    version               BIGINT       NOT NULL DEFAULT 0,  -- how many ledger entries it has
    created_at            TIMESTAMPTZ  NOT NULL DEFAULT NOW(),
    updated_at            TIMESTAMPTZ  NOT NULL DEFAULT NOW(),
    net_deposits          BIGINT       NOT NULL DEFAULT 0,
    net_transfers         BIGINT       NOT NULL DEFAULT 0,  -- cash and the cost of shares, from other accounts
    CONSTRAINT accounts_pkey PRIMARY KEY (id),
    CONSTRAINT uq_accounts_user_id UNIQUE (user_id),
    CONSTRAINT ck_accounts_available_gte_0 CHECK (available_balance >= 0),
    CONSTRAINT ck_accounts_frozen_gte_0 CHECK (frozen_balance >= 0)
);

CREATE TABLE markets (
    id                      VARCHAR(64)   NOT NULL,
    title                   VARCHAR(500)  NOT NULL,
    description             TEXT          NULL,
    category                VARCHAR(64)   NULL,
    status                  VARCHAR(20)   NOT NULL DEFAULT 'DRAFT',
    min_price_cents         SMALLINT      NOT NULL DEFAULT 1,
    max_price_cents         SMALLINT      NOT NULL DEFAULT 99,
    max_order_quantity      INT           NOT NULL DEFAULT 10000,
    max_position_per_user   INT           NOT NULL DEFAULT 25000,
    max_order_amount_cents  BIGINT        NOT NULL DEFAULT 1000000,
    maker_fee_bps           SMALLINT      NOT NULL DEFAULT 10,
    taker_fee_bps           SMALLINT      NOT NULL DEFAULT 20,
    trading_start_at        TIMESTAMPTZ   NULL,
    trading_end_at          TIMESTAMPTZ   NULL,
    resolution_date         TIMESTAMPTZ   NULL,
    resolved_at             TIMESTAMPTZ   NULL,
    settled_at              TIMESTAMPTZ   NULL,
    resolution_result       VARCHAR(10)   NULL,
    reserve_balance         BIGINT        NOT NULL DEFAULT 0,  -- 100 for each pair that exists
    pnl_pool                BIGINT        NOT NULL DEFAULT 0,  -- realized profit and loss so far; may be negative
    total_yes_shares        BIGINT        NOT NULL DEFAULT 0,
    total_no_shares         BIGINT        NOT NULL DEFAULT 0,
    amm_authorized          BOOLEAN       NOT NULL DEFAULT TRUE,
    created_at              TIMESTAMPTZ   NOT NULL DEFAULT NOW(),
    updated_at              TIMESTAMPTZ   NOT NULL DEFAULT NOW(),
    trading_mode            VARCHAR(20)   NOT NULL DEFAULT 'NORMAL',
    mode_until              TIMESTAMPTZ   NULL,  -- when the mode ends by itself
    void_window_ms          INT           NOT NULL DEFAULT 86400000,
    max_open_orders         INT           NOT NULL DEFAULT 200,
    max_open_orders_total   INT           NOT NULL DEFAULT 2000,
    max_open_orders_amm     INT           NOT NULL DEFAULT 2000,
    void_price_cents        SMALLINT      NULL,
    collar_cents            SMALLINT      NOT NULL DEFAULT 0,
    collar_window_ms        INT           NOT NULL DEFAULT 60000,
    halt_move_cents         SMALLINT      NOT NULL DEFAULT 0,
    halt_window_ms          INT           NOT NULL DEFAULT 300000,
    halt_pause_ms           INT           NOT NULL DEFAULT 300000,
    CONSTRAINT markets_pkey PRIMARY KEY (id),
    CONSTRAINT ck_markets_reserve_gte_0 CHECK (reserve_balance >= 0),
    CONSTRAINT ck_markets_yes_shares_gte_0 CHECK (total_yes_shares >= 0),
    CONSTRAINT ck_markets_no_shares_gte_0 CHECK (total_no_shares >= 0),
    CONSTRAINT ck_markets_shares_balanced CHECK (total_yes_shares = total_no_shares),
    CONSTRAINT ck_markets_reserve_consistency CHECK (reserve_balance = total_yes_shares * 100),
    CONSTRAINT ck_markets_status CHECK (status IN (
        'DRAFT', 'ACTIVE', 'SUSPENDED', 'HALTED', 'RESOLVED', 'SETTLED', 'VOIDED')),
    CONSTRAINT ck_markets_price_range CHECK (
        min_price_cents >= 1 AND max_price_cents <= 99 AND min_price_cents < max_price_cents),
    CONSTRAINT ck_markets_fee CHECK (maker_fee_bps BETWEEN 0 AND 1000 AND taker_fee_bps BETWEEN 0 AND 1000),
    CONSTRAINT ck_markets_resolution CHECK (resolution_result IN ('YES', 'NO', 'VOID')),
    CONSTRAINT ck_markets_void_price CHECK (void_price_cents BETWEEN 1 AND 99),
    CONSTRAINT ck_markets_trading_mode CHECK (trading_mode IN ('NORMAL', 'POST_ONLY', 'CANCEL_ONLY'))
);
CREATE INDEX idx_markets_status ON markets (status);

-- What became of each market, as everybody is told it: changes of its status and of its trading mode.
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

-- Where the market maker runs, or ran.
CREATE TABLE amm_markets (
    market_id             VARCHAR(64)  NOT NULL,
    status                VARCHAR(10)  NOT NULL,
    start_count           INT          NOT NULL,
    initial_budget_cents  BIGINT       NOT NULL,
    initial_price_cents   SMALLINT     NOT NULL,
    config_override       JSONB        NOT NULL DEFAULT '{}',
    started_at            TIMESTAMPTZ  NOT NULL,
    stopped_at            TIMESTAMPTZ  NULL,
    stop_mode             VARCHAR(10)  NULL,  -- null while it runs, and when settlement stopped it
    first_started_at      TIMESTAMPTZ  NOT NULL,  -- of start number 1
    CONSTRAINT amm_markets_pkey PRIMARY KEY (market_id),
    CONSTRAINT ck_amm_markets_status CHECK (status IN ('RUNNING', 'STOPPED')),
    CONSTRAINT ck_amm_markets_initial_price CHECK (initial_price_cents BETWEEN 1 AND 99),
    CONSTRAINT ck_amm_markets_stop_mode CHECK (stop_mode IN ('GRACEFUL', 'IMMEDIATE'))
);


-- Orders and trades ------------------------------------------------------------------------------------------

-- The original columns are the user's own view; the book columns are the same wish in the one book, which is
-- quoted in YES.
CREATE TABLE orders (
    id                  UUID          NOT NULL DEFAULT gen_random_uuid(),
    client_order_id     VARCHAR(64)   NOT NULL,
    market_id           VARCHAR(64)   NOT NULL,
    user_id             VARCHAR(64)   NOT NULL,
    original_side       VARCHAR(10)   NOT NULL,
    original_direction  VARCHAR(10)   NOT NULL,
    original_price      SMALLINT      NOT NULL,
    book_type           VARCHAR(20)   NOT NULL,
    book_direction      VARCHAR(10)   NOT NULL,
    book_price          SMALLINT      NOT NULL,
    price_type          VARCHAR(20)   NOT NULL DEFAULT 'LIMIT',
    time_in_force       VARCHAR(10)   NOT NULL DEFAULT 'GTC',
    quantity            INT           NOT NULL,
    filled_quantity     INT           NOT NULL DEFAULT 0,
    remaining_quantity  INT           NOT NULL,  -- of a cancelled order: what was cancelled
    frozen_amount       BIGINT        NOT NULL DEFAULT 0,  -- cents for FUNDS, else shares
    frozen_asset_type   VARCHAR(20)   NOT NULL,
    status              VARCHAR(20)   NOT NULL DEFAULT 'NEW',
    cancel_reason       VARCHAR(100)  NULL,
    accepted_seq        BIGINT        NOT NULL,  -- journal id of its ORDER_ACCEPTED
    replaces_order_id   UUID          NULL,
    created_at          TIMESTAMPTZ   NOT NULL DEFAULT NOW(),
    updated_at          TIMESTAMPTZ   NOT NULL DEFAULT NOW(),
    expires_at          TIMESTAMPTZ   NULL,
    post_only           BOOLEAN       NOT NULL DEFAULT FALSE,
    max_cost_cents      BIGINT        NULL,
    self_trade_mode     VARCHAR(20)   NOT NULL DEFAULT 'REJECT',
    group_id            VARCHAR(64)   NULL,
    amend_count         INT           NOT NULL DEFAULT 0,
    priority_seq        BIGINT        NOT NULL,
    accepted_price      BIGINT        NULL,  -- of an amended order: what it was accepted with
    accepted_quantity   BIGINT        NULL,
    CONSTRAINT orders_pkey PRIMARY KEY (id),
    CONSTRAINT uq_orders_user_client_order_id UNIQUE (user_id, client_order_id),
    CONSTRAINT uq_orders_accepted_seq UNIQUE (accepted_seq),
    CONSTRAINT ck_orders_original_side CHECK (original_side IN ('YES', 'NO')),
    CONSTRAINT ck_orders_original_direction CHECK (original_direction IN ('BUY', 'SELL')),
    CONSTRAINT ck_orders_original_price CHECK (original_price BETWEEN 1 AND 99),
    CONSTRAINT ck_orders_book_type CHECK (book_type IN (
        'NATIVE_BUY', 'NATIVE_SELL', 'SYNTHETIC_BUY', 'SYNTHETIC_SELL')),
    CONSTRAINT ck_orders_book_direction CHECK (book_direction IN ('BUY', 'SELL')),
    CONSTRAINT ck_orders_book_type_dir_match CHECK (
        (book_type IN ('NATIVE_BUY', 'SYNTHETIC_BUY') AND book_direction = 'BUY')
        OR (book_type IN ('NATIVE_SELL', 'SYNTHETIC_SELL') AND book_direction = 'SELL')),
    CONSTRAINT ck_orders_book_price CHECK (book_price BETWEEN 1 AND 99),
    CONSTRAINT ck_orders_price_type CHECK (price_type IN ('LIMIT')),
    CONSTRAINT ck_orders_tif CHECK (time_in_force IN ('GTC', 'IOC', 'FOK', 'GTD')),
    CONSTRAINT ck_orders_quantity CHECK (quantity > 0),
    CONSTRAINT ck_orders_filled CHECK (filled_quantity BETWEEN 0 AND quantity),
    CONSTRAINT ck_orders_remaining CHECK (remaining_quantity BETWEEN 0 AND quantity),
    CONSTRAINT ck_orders_fill_consistency CHECK (filled_quantity + remaining_quantity = quantity),
    CONSTRAINT ck_orders_frozen_amount_gte_0 CHECK (frozen_amount >= 0),
    CONSTRAINT ck_orders_frozen_asset_type CHECK (frozen_asset_type IN ('FUNDS', 'YES_SHARES', 'NO_SHARES')),
    CONSTRAINT ck_orders_status CHECK (status IN (
        'NEW', 'OPEN', 'PARTIALLY_FILLED', 'FILLED', 'CANCELLED', 'REJECTED')),
    CONSTRAINT ck_orders_gtd CHECK ((time_in_force = 'GTD') = (expires_at IS NOT NULL)),
    CONSTRAINT ck_orders_post_only CHECK (NOT post_only OR time_in_force IN ('GTC', 'GTD')),
    CONSTRAINT ck_orders_max_cost CHECK (max_cost_cents IS NULL OR (
        max_cost_cents > 0 AND original_direction = 'BUY' AND time_in_force IN ('IOC', 'FOK'))),
    CONSTRAINT ck_orders_self_trade_mode CHECK (self_trade_mode IN ('REJECT', 'CANCEL_MAKER', 'CANCEL_TAKER')),
    CONSTRAINT ck_orders_amend_count CHECK (amend_count >= 0),
    -- Who was never amended stands where it was accepted; a move leads to the back, never forward.
    CONSTRAINT ck_orders_priority CHECK (
        priority_seq = accepted_seq OR (priority_seq > accepted_seq AND amend_count > 0))
)
-- No index has a column in it that changes while an order lives, and each page keeps room for its rows' next
-- versions: so a change of an order touches no index.
WITH (fillfactor = 85);
CREATE INDEX idx_orders_user_time ON orders (user_id, created_at DESC);

-- Buy and sell are the sides of the book, not the users' intents. Cut by months, as ledger_entries are: see there.
CREATE TABLE trades (
    id                 UUID         NOT NULL DEFAULT gen_random_uuid(),  -- shown nowhere; follows from trade_id
    trade_id           VARCHAR(64)  NOT NULL,  -- unique
    market_id          VARCHAR(64)  NOT NULL,
    scenario           VARCHAR(20)  NOT NULL,
    buy_order_id       UUID         NOT NULL,
    sell_order_id      UUID         NOT NULL,
    buy_user_id        VARCHAR(64)  NOT NULL,
    sell_user_id       VARCHAR(64)  NOT NULL,
    buy_book_type      VARCHAR(20)  NOT NULL,
    sell_book_type     VARCHAR(20)  NOT NULL,
    price              SMALLINT     NOT NULL,  -- in cents of YES
    quantity           INT          NOT NULL,
    maker_order_id     UUID         NOT NULL,
    taker_order_id     UUID         NOT NULL,
    maker_fee          BIGINT       NOT NULL DEFAULT 0,
    taker_fee          BIGINT       NOT NULL DEFAULT 0,
    buy_realized_pnl   BIGINT       NULL,  -- null: that side opened its position; 0: closed at cost
    sell_realized_pnl  BIGINT       NULL,
    is_audit           BOOLEAN      NOT NULL DEFAULT FALSE,  -- the record of a privileged mint or burn
    executed_at        TIMESTAMPTZ  NOT NULL,
    created_at         TIMESTAMPTZ  NOT NULL DEFAULT NOW(),
    CONSTRAINT ck_trades_scenario CHECK (scenario IN ('MINT', 'TRANSFER_YES', 'TRANSFER_NO', 'BURN')),
    CONSTRAINT ck_trades_buy_book_type CHECK (buy_book_type IN ('NATIVE_BUY', 'SYNTHETIC_BUY')),
    CONSTRAINT ck_trades_sell_book_type CHECK (sell_book_type IN ('NATIVE_SELL', 'SYNTHETIC_SELL')),
    CONSTRAINT ck_trades_price CHECK (price BETWEEN 1 AND 99),
    CONSTRAINT ck_trades_quantity CHECK (quantity > 0),
    CONSTRAINT ck_trades_fee_gte_0 CHECK (maker_fee >= 0 AND taker_fee >= 0),
    -- Only the market maker may meet itself.
    CONSTRAINT ck_trades_diff_users CHECK (
        buy_user_id <> sell_user_id OR buy_user_id = '00000000-0000-4000-a000-000000000001'),
    CONSTRAINT ck_trades_is_audit CHECK (is_audit = (buy_user_id = 'SYSTEM' OR sell_user_id = 'SYSTEM'))
) PARTITION BY RANGE (executed_at);
CREATE INDEX idx_trades_buy_user ON trades (buy_user_id, executed_at DESC);
CREATE INDEX idx_trades_sell_user ON trades (sell_user_id, executed_at DESC);
CREATE INDEX idx_trades_market_time ON trades (market_id, executed_at DESC);

-- What was traded in an interval, and how the market stood at its end. A row exists where something was traded,
-- where a close changed, or where the market was first activated; what lies between is as the row before it ended.
CREATE TABLE candles (
    market_id        VARCHAR(64)  NOT NULL,
    interval         VARCHAR(2)   NOT NULL,
    start            TIMESTAMPTZ  NOT NULL,
    open_cents       SMALLINT     NULL,  -- all four are null where nothing was traded
    high_cents       SMALLINT     NULL,
    low_cents        SMALLINT     NULL,
    close_cents      SMALLINT     NULL,
    bid_close_cents  SMALLINT     NULL,  -- null: nobody stood there
    ask_close_cents  SMALLINT     NULL,
    volume           BIGINT       NOT NULL DEFAULT 0,
    trades           INT          NOT NULL DEFAULT 0,
    open_interest    BIGINT       NOT NULL DEFAULT 0,
    CONSTRAINT candles_pkey PRIMARY KEY (market_id, interval, start),
    CONSTRAINT ck_candles_interval CHECK (interval IN ('1m', '5m', '1h', '1d')),
    CONSTRAINT ck_candles_traded CHECK (
        num_nulls(open_cents, high_cents, low_cents, close_cents) = CASE WHEN trades = 0 THEN 4 ELSE 0 END),
    CONSTRAINT ck_candles_volume CHECK (trades >= 0 AND volume >= trades AND (volume = 0) = (trades = 0)),
    CONSTRAINT ck_candles_prices CHECK (
        low_cents BETWEEN 1 AND high_cents AND high_cents <= 99
        AND open_cents BETWEEN low_cents AND high_cents AND close_cents BETWEEN low_cents AND high_cents),
    CONSTRAINT ck_candles_closes CHECK (bid_close_cents BETWEEN 1 AND 99 AND ask_close_cents BETWEEN 1 AND 99),
    CONSTRAINT ck_candles_open_interest CHECK (open_interest >= 0)
);


-- Positions and the ledger -----------------------------------------------------------------------------------

-- One row for each user and market, YES and NO side by side. Cost sums, never averages: no cent is rounded away.
CREATE TABLE positions (
    id                UUID         NOT NULL DEFAULT gen_random_uuid(),  -- shown nowhere
    user_id           VARCHAR(64)  NOT NULL,
    market_id         VARCHAR(64)  NOT NULL,
    yes_volume        INT          NOT NULL DEFAULT 0,
    no_volume         INT          NOT NULL DEFAULT 0,
    yes_cost_sum      BIGINT       NOT NULL DEFAULT 0,
    no_cost_sum       BIGINT       NOT NULL DEFAULT 0,
    yes_pending_sell  INT          NOT NULL DEFAULT 0,  -- set aside for the user's own open sell orders
    no_pending_sell   INT          NOT NULL DEFAULT 0,
    created_at        TIMESTAMPTZ  NOT NULL DEFAULT NOW(),
    updated_at        TIMESTAMPTZ  NOT NULL DEFAULT NOW(),
    realized_pnl      BIGINT       NOT NULL DEFAULT 0,
    fees_paid         BIGINT       NOT NULL DEFAULT 0,
    CONSTRAINT positions_pkey PRIMARY KEY (id),
    CONSTRAINT uq_positions_user_market UNIQUE (user_id, market_id),
    CONSTRAINT ck_positions_yes_volume_gte_0 CHECK (yes_volume >= 0),
    CONSTRAINT ck_positions_no_volume_gte_0 CHECK (no_volume >= 0),
    CONSTRAINT ck_positions_yes_cost_gte_0 CHECK (yes_cost_sum >= 0),
    CONSTRAINT ck_positions_no_cost_gte_0 CHECK (no_cost_sum >= 0),
    CONSTRAINT ck_positions_yes_pending_gte_0 CHECK (yes_pending_sell >= 0),
    CONSTRAINT ck_positions_no_pending_gte_0 CHECK (no_pending_sell >= 0),
    CONSTRAINT ck_positions_yes_pending_lte_vol CHECK (yes_pending_sell <= yes_volume),
    CONSTRAINT ck_positions_no_pending_lte_vol CHECK (no_pending_sell <= no_volume),
    CONSTRAINT ck_positions_fees_gte_0 CHECK (fees_paid >= 0)
);

-- What each account had at the end of each day in UTC: as the last event of the day left it, at the prices of that
-- moment. The rows of a day are written when the first event of a later one is.
CREATE TABLE portfolio_days (
    user_id          VARCHAR(64)  NOT NULL,
    day              DATE         NOT NULL,
    equity           BIGINT       NOT NULL,
    cash             BIGINT       NOT NULL,
    positions_value  BIGINT       NOT NULL,
    unrealized_pnl   BIGINT       NOT NULL,
    realized_pnl     BIGINT       NOT NULL,
    fees_paid        BIGINT       NOT NULL,
    net_deposits     BIGINT       NOT NULL,
    net_transfers    BIGINT       NOT NULL,
    CONSTRAINT portfolio_days_pkey PRIMARY KEY (user_id, day),
    CONSTRAINT ck_portfolio_days_equity CHECK (equity = cash + positions_value),
    CONSTRAINT ck_portfolio_days_origin CHECK (
        equity = net_deposits + net_transfers + realized_pnl + unrealized_pnl - fees_paid)
);

-- What an account's orders in a market may trade together in so long. They end with their market.
CREATE TABLE order_groups (
    user_id           VARCHAR(64) NOT NULL,
    market_id         VARCHAR(64) NOT NULL,
    group_id          VARCHAR(64) NOT NULL,
    max_fill_quantity INT         NOT NULL,
    window_ms         INT         NOT NULL,
    state             VARCHAR(10) NOT NULL,
    triggered_at      TIMESTAMPTZ NULL,
    created_at        TIMESTAMPTZ NOT NULL,
    updated_at        TIMESTAMPTZ NOT NULL,
    CONSTRAINT order_groups_pkey PRIMARY KEY (user_id, market_id, group_id),
    CONSTRAINT ck_order_groups_max_fill CHECK (max_fill_quantity >= 1),
    CONSTRAINT ck_order_groups_window CHECK (window_ms BETWEEN 100 AND 86400000),
    CONSTRAINT ck_order_groups_state CHECK (state IN ('ACTIVE', 'TRIGGERED')),
    CONSTRAINT ck_order_groups_triggered CHECK (state = 'ACTIVE' OR triggered_at IS NOT NULL)
);

-- A chain for each account: amount is the change of its available balance, balance_after what it is then.
CREATE TABLE ledger_entries (
    id              BIGINT        NOT NULL,  -- the kernel's number, without a gap; unique
    user_id         VARCHAR(64)   NOT NULL,
    entry_type      VARCHAR(30)   NOT NULL,
    amount          BIGINT        NOT NULL,
    balance_after   BIGINT        NOT NULL,
    reference_type  VARCHAR(30)   NULL,
    reference_id    VARCHAR(128)  NULL,
    market_id       VARCHAR(64)   NULL,
    description     VARCHAR(500)  NULL,
    created_at      TIMESTAMPTZ   NOT NULL DEFAULT NOW(),
    CONSTRAINT ck_ledger_balance_gte_0 CHECK (balance_after >= 0),
    CONSTRAINT ck_ledger_entry_type CHECK (entry_type IN (
        'DEPOSIT', 'WITHDRAW', 'ORDER_FREEZE', 'ORDER_UNFREEZE',
        'MINT_COST', 'MINT_RESERVE_IN', 'BURN_REVENUE', 'BURN_RESERVE_OUT',
        'TRANSFER_PAYMENT', 'TRANSFER_RECEIPT', 'NETTING', 'NETTING_RESERVE_OUT',
        'FEE', 'FEE_REVENUE', 'SETTLEMENT_PAYOUT', 'SETTLEMENT_VOID'))
) PARTITION BY RANGE (created_at);
CREATE INDEX idx_ledger_user_time ON ledger_entries (user_id, created_at DESC);

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

-- What has left trades and ledger_entries, by `verdict archive`: a row each time, the newest of which tells from when on
-- both are complete. `verdict rebuild` brings all of it back, and empties this table and the two behind it.
CREATE TABLE history_cuts (
    complete_since  TIMESTAMPTZ  NOT NULL,
    last_entry      BIGINT       NOT NULL,  -- the highest number of an entry that has left; 0: none has
    last_trade      BIGINT       NOT NULL,  -- the same of trades
    cut_at          TIMESTAMPTZ  NOT NULL DEFAULT NOW(),
    CONSTRAINT history_cuts_pkey PRIMARY KEY (complete_since)
);

-- What the entries that have left come to: so the chains of all accounts go on where they begin now.
CREATE TABLE ledger_forward (
    user_id  VARCHAR(64)  NOT NULL,
    entries  BIGINT       NOT NULL,
    balance  BIGINT       NOT NULL,  -- available
    frozen   BIGINT       NOT NULL,
    CONSTRAINT ledger_forward_pkey PRIMARY KEY (user_id)
);

-- What the trades that have left come to.
CREATE TABLE trades_forward (
    market_id     VARCHAR(64)  NOT NULL,
    trades        BIGINT       NOT NULL,  -- the records of privileged mints and burns are none
    volume        BIGINT       NOT NULL,
    fees          BIGINT       NOT NULL,
    realized_pnl  BIGINT       NOT NULL,
    last_price    SMALLINT     NULL,      -- of the last trade; null: there was none
    last_at       TIMESTAMPTZ  NULL,
    CONSTRAINT trades_forward_pkey PRIMARY KEY (market_id)
);

CREATE TABLE circuit_breaker_events (
    id               BIGINT       NOT NULL,  -- the kernel's number
    market_id        VARCHAR(64)  NOT NULL,
    trigger_reason   VARCHAR(50)  NOT NULL,
    context          JSONB        NOT NULL DEFAULT '{}',
    resolved_at      TIMESTAMPTZ  NULL,
    resolved_by      VARCHAR(50)  NULL,
    resolution_note  TEXT         NULL,
    triggered_at     TIMESTAMPTZ  NOT NULL DEFAULT NOW(),
    CONSTRAINT circuit_breaker_events_pkey PRIMARY KEY (id)
);
CREATE INDEX idx_cb_market ON circuit_breaker_events (market_id, triggered_at DESC);


-- Market-making orders ---------------------------------------------------------------------------------------

-- An order by which a user has a market made, and how far it has come.
CREATE TABLE mm_order (
    order_id              UUID         NOT NULL,
    user_id               VARCHAR(64)  NOT NULL,
    market_id             VARCHAR(64)  NOT NULL,
    escrow_id             VARCHAR(64)  NOT NULL,
    state                 VARCHAR(20)  NOT NULL,
    version               BIGINT       NOT NULL,
    seq                   BIGINT       NOT NULL,
    venue                 VARCHAR(64)  NOT NULL,
    location              VARCHAR(10)  NOT NULL,
    held                  BOOLEAN      NOT NULL,
    reason                VARCHAR(24)  NOT NULL,
    external_submitted    BOOLEAN      NOT NULL,
    reconcile_required    BOOLEAN      NOT NULL,
    refund_due            BOOLEAN      NOT NULL,
    failure_code          VARCHAR(24)  NULL,
    failed_from           VARCHAR(20)  NULL,
    fence                 BIGINT       NOT NULL,
    cycle_no              BIGINT       NOT NULL,
    next_cycle_at         TIMESTAMPTZ  NULL,
    cycle_lease_until     TIMESTAMPTZ  NULL,
    cycle_lease_token     VARCHAR(16)  NULL,
    cycle_lease_worker    VARCHAR(64)  NULL,
    lease_started_at      TIMESTAMPTZ  NULL,
    consecutive_failures  INT          NOT NULL,
    last_cycle_at         TIMESTAMPTZ  NULL,
    last_cycle_outcome    VARCHAR(12)  NULL,
    pause_due_at          TIMESTAMPTZ  NULL,
    strategy              VARCHAR(64)  NOT NULL,
    terms                 JSONB        NOT NULL,
    policy                JSONB        NOT NULL,
    snapshot_hash         VARCHAR(64)  NOT NULL,
    required_cash_cents   BIGINT       NOT NULL,
    required_yes_shares   INT          NOT NULL,
    required_no_shares    INT          NOT NULL,
    received_cash_cents   BIGINT       NOT NULL,
    received_yes_shares   INT          NOT NULL,
    received_no_shares    INT          NOT NULL,
    paid_in_cents         BIGINT       NOT NULL,
    paid_out_cents        BIGINT       NOT NULL,
    rewards_cents         BIGINT       NOT NULL,
    fees_cents            BIGINT       NOT NULL,
    payment_deadline      TIMESTAMPTZ  NOT NULL,
    campaign_id           UUID         NULL,
    idempotency_key       VARCHAR(64)  NULL,
    created_at            TIMESTAMPTZ  NOT NULL,
    updated_at            TIMESTAMPTZ  NOT NULL,
    CONSTRAINT mm_order_pkey PRIMARY KEY (order_id),
    CONSTRAINT uq_mm_order_escrow UNIQUE (escrow_id),
    CONSTRAINT ck_mm_order_state CHECK (state IN (
        'payment_pending', 'payment_incomplete', 'payment_complete',
        'withdrawing', 'withdrawal_confirmed', 'deposit_confirming', 'deposit_confirmed',
        'joining_campaign', 'campaign_joined', 'created', 'running', 'paused', 'stopped',
        'failed', 'refunded', 'deleted')),
    CONSTRAINT ck_mm_order_location CHECK (location IN ('escrow', 'transit', 'venue')),
    CONSTRAINT ck_mm_order_lease CHECK (
        num_nulls(cycle_lease_until, cycle_lease_token, cycle_lease_worker) = 3
        OR num_nulls(cycle_lease_until, cycle_lease_token, cycle_lease_worker) = 0 AND state = 'running'),
    CONSTRAINT ck_mm_order_legs CHECK (
        received_cash_cents BETWEEN 0 AND required_cash_cents
        AND received_yes_shares BETWEEN 0 AND required_yes_shares
        AND received_no_shares BETWEEN 0 AND required_no_shares),
    CONSTRAINT ck_mm_order_money CHECK (
        paid_in_cents >= 0 AND paid_out_cents >= 0 AND rewards_cents >= 0 AND fees_cents >= 0),
    CONSTRAINT ck_mm_order_final CHECK (
        state NOT IN ('refunded', 'deleted') OR NOT (refund_due OR reconcile_required)),
    CONSTRAINT ck_mm_order_hash CHECK (snapshot_hash ~ '^[0-9a-f]{64}$')
);
CREATE UNIQUE INDEX uq_mm_order_key ON mm_order (user_id, idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX idx_mm_order_user ON mm_order (user_id, created_at DESC);
CREATE INDEX idx_mm_order_market ON mm_order (market_id, state);

-- What was paid to an order. Nothing that was paid is ever written otherwise.
CREATE TABLE mm_payment (
    order_id         UUID         NOT NULL,
    idempotency_key  VARCHAR(64)  NOT NULL,
    asset            VARCHAR(4)   NOT NULL,
    amount           BIGINT       NOT NULL,
    journal_id       BIGINT       NOT NULL,
    created_at       TIMESTAMPTZ  NOT NULL,
    CONSTRAINT mm_payment_pkey PRIMARY KEY (order_id, idempotency_key),
    CONSTRAINT ck_mm_payment_asset CHECK (asset IN ('CASH', 'YES', 'NO')),
    CONSTRAINT ck_mm_payment_amount CHECK (amount > 0)
);

-- The trail of an order: what became of it, through whom, and why. seq has no gap within an order.
CREATE TABLE mm_lifecycle_event (
    event_id    BIGINT       NOT NULL,  -- the journal id of the fact
    order_id    UUID         NOT NULL,
    user_id     VARCHAR(64)  NOT NULL,
    seq         BIGINT       NOT NULL,
    kind        VARCHAR(12)  NOT NULL,
    from_state  VARCHAR(20)  NULL,
    to_state    VARCHAR(20)  NOT NULL,
    job_name    VARCHAR(40)  NOT NULL,
    trigger_id  VARCHAR(128) NOT NULL,
    actor_type  VARCHAR(8)   NOT NULL,
    actor_id    VARCHAR(64)  NULL,
    reason      VARCHAR(24)  NOT NULL,
    data        JSONB        NOT NULL,
    version     BIGINT       NOT NULL,
    fence       BIGINT       NOT NULL,
    created_at  TIMESTAMPTZ  NOT NULL,
    CONSTRAINT mm_lifecycle_event_pkey PRIMARY KEY (event_id),
    CONSTRAINT uq_mm_event_seq UNIQUE (order_id, seq),
    CONSTRAINT ck_mm_event_kind CHECK (kind IN (
        'TRANSITION', 'PAYMENT', 'COMMAND', 'CYCLE', 'CAMPAIGN', 'WITHDRAWAL', 'REFUND', 'VENUE', 'RECONCILE')),
    CONSTRAINT ck_mm_event_actor CHECK (actor_type IN ('USER', 'ADMIN', 'WORKER', 'SYSTEM', 'MARKET')),
    CONSTRAINT ck_mm_event_states CHECK (
        (from_state IS NOT NULL OR seq = 1)
        AND from_state IN (
            'payment_pending', 'payment_incomplete', 'payment_complete',
            'withdrawing', 'withdrawal_confirmed', 'deposit_confirming', 'deposit_confirmed',
            'joining_campaign', 'campaign_joined', 'created', 'running', 'paused', 'stopped',
            'failed', 'refunded', 'deleted')
        AND to_state IN (
            'payment_pending', 'payment_incomplete', 'payment_complete',
            'withdrawing', 'withdrawal_confirmed', 'deposit_confirming', 'deposit_confirmed',
            'joining_campaign', 'campaign_joined', 'created', 'running', 'paused', 'stopped',
            'failed', 'refunded', 'deleted')),
    CONSTRAINT ck_mm_event_seq CHECK (seq >= 1)
);
CREATE INDEX idx_mm_event_trigger ON mm_lifecycle_event (order_id, trigger_id);

-- How each cycle of an order ended: the seven days before the newest event's, and that day.
CREATE TABLE mm_execution (
    order_id         UUID         NOT NULL,
    cycle_no         BIGINT       NOT NULL,
    fence            BIGINT       NOT NULL,
    worker_id        VARCHAR(64)  NOT NULL,
    started_at       TIMESTAMPTZ  NOT NULL,
    ended_at         TIMESTAMPTZ  NOT NULL,
    lateness_ms      BIGINT       NOT NULL,
    outcome          VARCHAR(12)  NOT NULL,
    placed           BIGINT       NOT NULL,
    replaced         BIGINT       NOT NULL,
    cancelled        BIGINT       NOT NULL,
    burned           BIGINT       NOT NULL,
    skipped          BIGINT       NOT NULL,
    bid_cents        BIGINT       NULL,
    ask_cents        BIGINT       NULL,
    mark_half_cents  INT          NOT NULL,
    equity_cents     BIGINT       NOT NULL,
    error            VARCHAR(200) NULL,
    CONSTRAINT mm_execution_pkey PRIMARY KEY (order_id, cycle_no),
    CONSTRAINT ck_mm_execution_outcome CHECK (
        outcome IN ('DONE', 'UNCHANGED', 'ERROR', 'INTERRUPTED', 'ABANDONED')),
    CONSTRAINT ck_mm_execution_times CHECK (ended_at >= started_at)
);
CREATE INDEX idx_mm_execution_ended ON mm_execution (ended_at);

-- A reward for quoting one market while its time lasts.
CREATE TABLE mm_campaign (
    campaign_id            UUID         NOT NULL,
    name                   VARCHAR(100) NOT NULL,
    market_id              VARCHAR(64)  NOT NULL,
    sponsor_id             VARCHAR(64)  NULL,
    starts_at              TIMESTAMPTZ  NOT NULL,
    ends_at                TIMESTAMPTZ  NOT NULL,
    reward_pool_cents      BIGINT       NOT NULL,
    min_cash_cents         BIGINT       NOT NULL,
    max_half_spread_cents  INT          NOT NULL,
    max_participants       INT          NOT NULL,
    status                 VARCHAR(10)  NOT NULL,
    created_at             TIMESTAMPTZ  NOT NULL,
    updated_at             TIMESTAMPTZ  NOT NULL,
    CONSTRAINT mm_campaign_pkey PRIMARY KEY (campaign_id),
    CONSTRAINT ck_mm_campaign_window CHECK (ends_at > starts_at),
    CONSTRAINT ck_mm_campaign_status CHECK (status IN ('draft', 'active', 'ended', 'settled', 'cancelled')),
    CONSTRAINT ck_mm_campaign_pool CHECK (reward_pool_cents > 0)
);

-- The part that a market-making order has in a campaign; it has one in its life.
CREATE TABLE mm_campaign_participation (
    campaign_id         UUID         NOT NULL,
    order_id            UUID         NOT NULL,
    user_id             VARCHAR(64)  NOT NULL,
    joined_at           TIMESTAMPTZ  NOT NULL,
    left_at             TIMESTAMPTZ  NULL,
    contribution_cents  BIGINT       NOT NULL,
    reward_cents        BIGINT       NOT NULL,
    external_ref        VARCHAR(128) NULL,
    CONSTRAINT mm_campaign_participation_pkey PRIMARY KEY (campaign_id, order_id),
    CONSTRAINT uq_mm_participation_order UNIQUE (order_id),
    CONSTRAINT ck_mm_participation_sums CHECK (contribution_cents >= 0 AND reward_cents >= 0)
);

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

-- What idempotency keys did, once that is forgotten: the exchange looks here when one of them comes again.
CREATE TABLE key_uses (
    kind             VARCHAR(8)   NOT NULL,
    idempotency_key  VARCHAR(128) NOT NULL,
    journal_id       BIGINT       NOT NULL,
    at               TIMESTAMPTZ  NOT NULL,
    user_id          VARCHAR(64)  NOT NULL,
    to_user_id       VARCHAR(64)  NULL,
    market_id        VARCHAR(64)  NULL,
    reference_type   VARCHAR(20)  NULL,
    side             VARCHAR(3)   NULL,
    quantity         BIGINT       NOT NULL,
    cents            BIGINT       NOT NULL,
    yes_volume       BIGINT       NOT NULL,
    no_volume        BIGINT       NOT NULL,
    balance          BIGINT       NOT NULL,
    CONSTRAINT key_uses_pkey PRIMARY KEY (journal_id),
    CONSTRAINT ck_key_uses_kind CHECK (kind IN ('MINT', 'BURN', 'TRANSFER')),
    CONSTRAINT ck_key_uses_transfer CHECK ((kind = 'TRANSFER') = (to_user_id IS NOT NULL AND reference_type IS NOT NULL))
);
CREATE INDEX idx_key_uses_key ON key_uses (idempotency_key);

-- An audit that can be changed is none. A rebuild empties both tables whole, which no trigger for rows sees.
CREATE TRIGGER trg_mm_payment_stays BEFORE UPDATE OR DELETE ON mm_payment
    FOR EACH ROW EXECUTE FUNCTION fn_refuse_change();
CREATE TRIGGER trg_mm_lifecycle_event_stays BEFORE UPDATE OR DELETE ON mm_lifecycle_event
    FOR EACH ROW EXECUTE FUNCTION fn_refuse_change();

-- The orders on the book that belong to market-making orders, with the lease that each was placed under.
CREATE VIEW mm_exchange_order AS
SELECT substr(user_id, 4)::UUID                                  AS mm_order_id,
       split_part(client_order_id, '_', 3)::BIGINT               AS fence,
       orders.*
FROM orders WHERE user_id LIKE 'mm:%';


-- The house --------------------------------------------------------------------------------------------------

-- Which version of this file the database has, and had. The program upgrades an older one, refuses a newer one.
CREATE TABLE schema_version (
    version     INT          NOT NULL,
    applied_at  TIMESTAMPTZ  NOT NULL DEFAULT NOW(),
    CONSTRAINT schema_version_pkey PRIMARY KEY (version)
);
INSERT INTO schema_version (version) VALUES (17);

-- How far the projections are. It moves in the transaction that writes them: so each event counts once.
CREATE TABLE projector_cursor (
    only_row    BOOLEAN  NOT NULL DEFAULT TRUE,
    journal_id  BIGINT   NOT NULL,
    digest      BYTEA    NULL,  -- the journal's as of that row; null within one of its transactions
    CONSTRAINT projector_cursor_pkey PRIMARY KEY (only_row),
    CONSTRAINT ck_projector_cursor_only_row CHECK (only_row),
    CONSTRAINT ck_projector_cursor_journal_id CHECK (journal_id >= 0),
    CONSTRAINT ck_projector_cursor_digest CHECK (octet_length(digest) = 32)
);
INSERT INTO projector_cursor (journal_id) VALUES (0);


-- The journal with names -------------------------------------------------------------------------------------
--
-- Payloads hold what is many as arrays without names, since they are written at every command and read by
-- people seldom. These views are their key: the place in the array, and what stands there. (kernel/events.py
-- has the same order; a test writes events there and reads them here.)

-- A text of PostgreSQL cannot hold the character 0, which a JSON string can, escaped. One such row would end each
-- query that takes payloads apart; as in the projections, it is shown as the replacement character.
CREATE FUNCTION fn_readable(payload JSON) RETURNS JSON LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN strpos(payload::TEXT, '\u0000') = 0 THEN payload
           ELSE regexp_replace(payload::TEXT, '(?<!\\)((?:\\\\)*)\\u0000', '\1\\ufffd', 'g')::JSON END
$$;
CREATE VIEW wal_readable AS
SELECT id, created_at, market_id, event_type, fn_readable(payload) AS payload FROM wal_events;

-- postings: [user_id, entry_type, amount, balance_after, frozen_after, order_id]
CREATE VIEW wal_postings AS
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

-- positions: [user_id, yes_volume, yes_cost_sum, yes_pending_sell, no_volume, no_cost_sum, no_pending_sell]
CREATE VIEW wal_positions AS
SELECT event.id                 AS journal_id,
       event.market_id,
       position->>0             AS user_id,
       (position->>1)::INT      AS yes_volume,
       (position->>2)::BIGINT   AS yes_cost_sum,
       (position->>3)::INT      AS yes_pending_sell,
       (position->>4)::INT      AS no_volume,
       (position->>5)::BIGINT   AS no_cost_sum,
       (position->>6)::INT      AS no_pending_sell,
       event.created_at
FROM wal_readable event, json_array_elements(event.payload->'positions') AS list (position);

-- orders: the maker's [status, filled_quantity, remaining_quantity, frozen_amount], then the taker's
CREATE VIEW wal_orders AS
SELECT event.id                                                                  AS journal_id,
       event.market_id,
       (event.payload->>CASE place WHEN 1 THEN 'order_id' ELSE 'counterparty_order_id' END)::UUID AS order_id,
       after->>0                                                                 AS status,
       (after->>1)::INT                                                          AS filled_quantity,
       (after->>2)::INT                                                          AS remaining_quantity,
       (after->>3)::BIGINT                                                       AS frozen_amount,
       event.created_at
FROM wal_readable event, json_array_elements(event.payload->'orders') WITH ORDINALITY AS list (after, place);

-- market: [reserve_balance, pnl_pool, total_yes_shares, total_no_shares]
CREATE VIEW wal_markets AS
SELECT event.id                                 AS journal_id,
       event.market_id,
       (event.payload->'market'->>0)::BIGINT    AS reserve_balance,
       (event.payload->'market'->>1)::BIGINT    AS pnl_pool,
       (event.payload->'market'->>2)::BIGINT    AS total_yes_shares,
       (event.payload->'market'->>3)::BIGINT    AS total_no_shares,
       event.created_at
FROM wal_readable event
WHERE event.payload->>'market' IS NOT NULL;

-- trade of a fill: [trade_id, scenario, maker_direction, maker_fee, taker_fee, buy_realized_pnl, sell_realized_pnl]
-- trade of a privileged mint or burn: [trade_id, order_id, realized_pnl]
-- A fill changes the maker's position, then the taker's, so these say whose it is; where there is only one,
-- it is the market maker's with itself. The book types follow from the scenario.
CREATE VIEW wal_trades AS
WITH fill AS (
    SELECT id, market_id, created_at, payload,
           payload->'trade'                                                     AS trade,
           payload->'trade'->>2 = 'BUY'                                         AS maker_buys,
           (payload->>'order_id')::UUID                                         AS maker_order_id,
           (payload->>'counterparty_order_id')::UUID                            AS taker_order_id,
           payload->'positions'->0->>0                                          AS maker_user_id,
           COALESCE(payload->'positions'->1->>0, payload->'positions'->0->>0)   AS taker_user_id
    FROM wal_readable
    WHERE event_type IN ('ORDER_PARTIALLY_FILLED', 'ORDER_MATCHED')
)
SELECT id                                                                       AS journal_id,
       'TRD_' || (trade->>0)                                                    AS trade_id,
       market_id,
       trade->>1                                                                AS scenario,
       (payload->>'trade_price')::INT                                           AS price,
       (payload->>'fill_qty')::INT                                              AS quantity,
       CASE WHEN maker_buys THEN maker_order_id ELSE taker_order_id END         AS buy_order_id,
       CASE WHEN maker_buys THEN taker_order_id ELSE maker_order_id END         AS sell_order_id,
       CASE WHEN maker_buys THEN maker_user_id ELSE taker_user_id END           AS buy_user_id,
       CASE WHEN maker_buys THEN taker_user_id ELSE maker_user_id END           AS sell_user_id,
       CASE WHEN trade->>1 IN ('MINT', 'TRANSFER_YES') THEN 'NATIVE_BUY' ELSE 'SYNTHETIC_BUY' END   AS buy_book_type,
       CASE WHEN trade->>1 IN ('TRANSFER_YES', 'BURN') THEN 'NATIVE_SELL' ELSE 'SYNTHETIC_SELL' END AS sell_book_type,
       maker_order_id,
       taker_order_id,
       (trade->>3)::BIGINT                                                      AS maker_fee,
       (trade->>4)::BIGINT                                                      AS taker_fee,
       (trade->>5)::BIGINT                                                      AS buy_realized_pnl,
       (trade->>6)::BIGINT                                                      AS sell_realized_pnl,
       FALSE                                                                    AS is_audit,
       created_at                                                               AS executed_at
FROM fill
UNION ALL
SELECT id,
       'TRD_' || (payload->'trade'->>0),
       market_id,
       CASE event_type WHEN 'SHARES_MINTED' THEN 'MINT' ELSE 'BURN' END,
       50,
       (payload->>'quantity')::INT,
       (payload->'trade'->>1)::UUID,
       (payload->'trade'->>1)::UUID,
       CASE event_type WHEN 'SHARES_MINTED' THEN payload->>'user_id' ELSE 'SYSTEM' END,
       CASE event_type WHEN 'SHARES_MINTED' THEN 'SYSTEM' ELSE payload->>'user_id' END,
       CASE event_type WHEN 'SHARES_MINTED' THEN 'NATIVE_BUY' ELSE 'SYNTHETIC_BUY' END,
       CASE event_type WHEN 'SHARES_MINTED' THEN 'SYNTHETIC_SELL' ELSE 'NATIVE_SELL' END,
       (payload->'trade'->>1)::UUID,
       (payload->'trade'->>1)::UUID,
       0,
       0,
       NULL,
       (payload->'trade'->>2)::BIGINT,
       TRUE,
       created_at
FROM wal_readable
WHERE event_type IN ('SHARES_MINTED', 'SHARES_BURNED');

-- Who asked for what, and which events came of it.
CREATE VIEW wal_commands AS
SELECT event.id AS first,
       COALESCE((SELECT MIN(later.id) FROM wal_events later WHERE later.id > event.id AND later.command IS NOT NULL),
                (SELECT MAX(id) + 1 FROM wal_events)) - 1 AS last,
       event.command,
       event.created_at
FROM wal_events event
WHERE event.command IS NOT NULL;

-- Every event that names an order, oldest first. The order's own times bound what must be read. What has left the
-- database is not told here, nor is half of a story.
CREATE FUNCTION wal_of_order(wanted UUID) RETURNS SETOF wal_events LANGUAGE plpgsql STABLE AS $$
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


-- What names do not say ----------------------------------------------------------------------------------------
--
-- For whoever looks at the database with nothing but the database. The comments beside the columns above are for
-- whoever changes this file.

COMMENT ON TABLE wal_events IS 'The journal: one row per event, numbered by the kernel without a gap. The only source of truth; rows are never changed.';
COMMENT ON COLUMN wal_events.id IS 'The journal id: the place of the event in the order of all decisions.';
COMMENT ON COLUMN wal_events.created_at IS 'The time of the command; never before that of an earlier row.';
COMMENT ON COLUMN wal_events.market_id IS 'Null: the event belongs to no market.';
COMMENT ON COLUMN wal_events.payload IS 'Everything that the event changed, lists without names; the views wal_... name them.';
COMMENT ON COLUMN wal_events.command IS 'On the first event of each command: what was asked, by whom, when, under which request id.';
COMMENT ON COLUMN wal_events.digest IS 'On the last event of each transaction: SHA-256 of all events up to it, each taken over the one before.';

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

COMMENT ON TABLE snapshots IS 'The whole state as of one journal id, so that a start replays only what came after. Any may be deleted.';
COMMENT ON COLUMN snapshots.format IS 'How the chunks are encoded.';
COMMENT ON COLUMN snapshots.digest IS 'Of the state, as the kernel computes it.';
COMMENT ON COLUMN snapshots.chunks IS 'How many rows of snapshot_chunks belong to it.';
COMMENT ON TABLE snapshot_chunks IS 'A snapshot in pieces.';
COMMENT ON COLUMN snapshot_chunks.number IS 'The place of the piece, from 0.';

COMMENT ON TABLE users IS 'Who may sign in: credentials and roles. Never journaled, so back it up beside the journal.';
COMMENT ON COLUMN users.password_hash IS 'Argon2id; what is no hash is nobody''s password.';
COMMENT ON COLUMN users.account_type IS 'The role: USER, ADMIN, SYSTEM_BOT for the market maker, or MM_WORKER for workers of market-making orders.';
COMMENT ON COLUMN users.is_active IS 'FALSE: may not do anything, whatever tokens there are.';
COMMENT ON COLUMN users.token_generation IS 'Raised when role, password or is_active changes, or the user logs out everywhere; tokens of an earlier one open nothing.';

COMMENT ON TABLE sessions IS 'What began with a login and lives on by refresh tokens. Never journaled.';
COMMENT ON COLUMN sessions.id IS 'Named by every token of the session.';
COMMENT ON COLUMN sessions.user_id IS 'Who logged in.';
COMMENT ON COLUMN sessions.refresh_hash IS 'SHA-256 of the name of the newest refresh token, the only one that is good.';
COMMENT ON COLUMN sessions.used_at IS 'When the latest of those before it were used up, newest last.';
COMMENT ON COLUMN sessions.created_at IS 'When the login was.';
COMMENT ON COLUMN sessions.last_used_at IS 'When a refresh token was used last; with its lifetime the session ends by itself.';
COMMENT ON COLUMN sessions.ended_at IS 'Null while it lives; tokens of an ended one open nothing.';
COMMENT ON TABLE ended_tokens IS 'Service tokens that end before their time, having been renewed.';
COMMENT ON COLUMN ended_tokens.token_hash IS 'SHA-256 of the token''s name.';
COMMENT ON COLUMN ended_tokens.user_id IS 'Whose token it is.';
COMMENT ON COLUMN ended_tokens.ends_at IS 'When it ends: a minute after its renewal.';
COMMENT ON COLUMN ended_tokens.expires_at IS 'When it would have ended by itself; the row can go then.';
COMMENT ON TABLE api_keys IS 'What programs of a user show instead of a token. Never journaled.';
COMMENT ON COLUMN api_keys.name IS 'What its owner calls it; no other that is not revoked has the same.';
COMMENT ON COLUMN api_keys.prefix IS 'The first characters of the key after vk_, by which its owner knows it again.';
COMMENT ON COLUMN api_keys.key_hash IS 'SHA-256 of the whole key, which is kept nowhere.';
COMMENT ON COLUMN api_keys.scopes IS 'What it opens: read, trade, withdraw, in this order.';
COMMENT ON COLUMN api_keys.expires_at IS 'From when on it opens nothing; null: never.';
COMMENT ON COLUMN api_keys.last_used_at IS 'When it was used last, to the minute.';
COMMENT ON COLUMN api_keys.revoked_at IS 'Null while it is its owner''s; one that was revoked opens nothing.';

COMMENT ON TABLE accounts IS 'Cash in cents, by account. Folded from the journal.';
COMMENT ON COLUMN accounts.id IS 'Shown nowhere; another one after a rebuild.';
COMMENT ON COLUMN accounts.user_id IS 'The account''s name: a user''s id, or that of a sub-account or of the exchange itself.';
COMMENT ON COLUMN accounts.owner_id IS 'Of a sub-account, whose it is; else the same as user_id.';
COMMENT ON COLUMN accounts.available_balance IS 'Cents to spend or withdraw.';
COMMENT ON COLUMN accounts.frozen_balance IS 'Cents set aside for the account''s own open buy orders.';
COMMENT ON COLUMN accounts.auto_netting_enabled IS 'Whether a pair of YES and NO turns back into cash by itself.';
COMMENT ON COLUMN accounts.version IS 'How many ledger entries the account has.';
COMMENT ON COLUMN accounts.net_deposits IS 'Cents paid in, less those paid out.';
COMMENT ON COLUMN accounts.net_transfers IS 'Cents, and the cost of shares, that came from other accounts, less what went to them.';

COMMENT ON TABLE markets IS 'Questions that are traded, with their terms and totals. Folded from the journal.';
COMMENT ON COLUMN markets.description IS 'How the question is decided: Resolves YES if ...';
COMMENT ON COLUMN markets.status IS 'DRAFT, ACTIVE, SUSPENDED, HALTED, RESOLVED, SETTLED or VOIDED.';
COMMENT ON COLUMN markets.min_price_cents IS 'The lowest price of an order, on either side.';
COMMENT ON COLUMN markets.max_price_cents IS 'The highest price of an order, on either side.';
COMMENT ON COLUMN markets.max_order_quantity IS 'Shares of one order.';
COMMENT ON COLUMN markets.max_position_per_user IS 'Shares of one side that a user may hold, open buy orders included.';
COMMENT ON COLUMN markets.max_order_amount_cents IS 'Price times quantity of one order.';
COMMENT ON COLUMN markets.maker_fee_bps IS 'Of who rested, in ten-thousandths.';
COMMENT ON COLUMN markets.taker_fee_bps IS 'Of who arrived, in ten-thousandths.';
COMMENT ON COLUMN markets.trading_start_at IS 'Orders are taken from then on; null: from activation.';
COMMENT ON COLUMN markets.trading_end_at IS 'Orders are taken until then; null: until resolution.';
COMMENT ON COLUMN markets.resolution_date IS 'When the answer is expected; it decides nothing.';
COMMENT ON COLUMN markets.resolution_result IS 'YES, NO or VOID; null while open.';
COMMENT ON COLUMN markets.reserve_balance IS '100 cents for each pair that exists: what the market owes its holders.';
COMMENT ON COLUMN markets.pnl_pool IS 'Realized profit and loss so far, in cents; may be negative.';
COMMENT ON COLUMN markets.total_yes_shares IS 'Always as many as total_no_shares: shares come and go in pairs.';
COMMENT ON COLUMN markets.amm_authorized IS 'Whether the market maker may be started here.';
COMMENT ON COLUMN markets.trading_mode IS 'Of what it could take while it is ACTIVE, what it takes: everything, what does not trade at once, or cancels alone.';
COMMENT ON COLUMN markets.mode_until IS 'When the mode ends by itself; null: when an administrator says so.';
COMMENT ON COLUMN markets.void_window_ms IS 'Over how much of its trading time the market''s price is averaged, should it be void.';
COMMENT ON COLUMN markets.max_open_orders IS 'Live orders that one owner may have here, over all its accounts.';
COMMENT ON COLUMN markets.max_open_orders_total IS 'Live orders, in all markets, of an owner who places one here.';
COMMENT ON COLUMN markets.max_open_orders_amm IS 'Live orders that the market maker may have here.';
COMMENT ON COLUMN markets.void_price_cents IS 'What a YES share of a void market is paid; a NO share is paid the rest of 100. Null where an older version shared the reserve out.';
COMMENT ON COLUMN markets.collar_cents IS 'How far from its recent average a price may be at which anybody trades; 0: no bound.';
COMMENT ON COLUMN markets.collar_window_ms IS 'Over how long that average is taken.';
COMMENT ON COLUMN markets.halt_move_cents IS 'How far apart the prices of recent trades may be before trading pauses; 0: no bound.';
COMMENT ON COLUMN markets.halt_window_ms IS 'How recent they are.';
COMMENT ON COLUMN markets.halt_pause_ms IS 'How long the pause is; 0: until an administrator ends it.';

COMMENT ON TABLE market_activity IS 'Changes of markets'' status and trading mode. Folded from the journal; rows are never changed.';
COMMENT ON COLUMN market_activity.at IS 'The time of the command.';
COMMENT ON COLUMN market_activity.kind IS 'STATUS or MODE: what changed.';
COMMENT ON COLUMN market_activity.previous IS 'The status or mode before.';
COMMENT ON COLUMN market_activity.new IS 'The status or mode since.';
COMMENT ON COLUMN market_activity.reason IS 'Why; a payout follows from the RESOLUTION.';
COMMENT ON COLUMN market_activity.until IS 'When it ends by itself; null: it does not.';

COMMENT ON TABLE amm_markets IS 'Where the market maker runs, or ran. Folded from the journal.';
COMMENT ON COLUMN amm_markets.status IS 'RUNNING or STOPPED.';
COMMENT ON COLUMN amm_markets.initial_budget_cents IS 'Cash that the last start gave it for this market.';
COMMENT ON COLUMN amm_markets.initial_price_cents IS 'The price of YES that the last start told it to begin from.';
COMMENT ON COLUMN amm_markets.config_override IS 'Parameters that the last start set for this market only.';
COMMENT ON COLUMN amm_markets.first_started_at IS 'When the market maker first ran here: the age of its initial price counts from then.';
COMMENT ON COLUMN amm_markets.stop_mode IS 'GRACEFUL or IMMEDIATE; null while it runs, and when settlement stopped it.';

COMMENT ON TABLE orders IS 'Every order: original_... as the user meant it, book_... as it stands in the one book, which is quoted in YES. Folded from the journal.';
COMMENT ON COLUMN orders.client_order_id IS 'The user''s own name for it; the same again is the same order.';
COMMENT ON COLUMN orders.original_side IS 'YES or NO.';
COMMENT ON COLUMN orders.original_direction IS 'BUY or SELL.';
COMMENT ON COLUMN orders.original_price IS 'Cents a share, of the side that the user named.';
COMMENT ON COLUMN orders.book_type IS 'NATIVE for YES; SYNTHETIC for NO, which stands on the other side of the book.';
COMMENT ON COLUMN orders.book_direction IS 'Its side of the book.';
COMMENT ON COLUMN orders.book_price IS 'Cents of YES; for an order in NO, 100 less its price.';
COMMENT ON COLUMN orders.time_in_force IS 'What becomes of the part that finds nobody: GTC rests, GTD rests until expires_at, IOC is cancelled; of FOK there is none.';
COMMENT ON COLUMN orders.remaining_quantity IS 'Shares that were not traded; of a cancelled order, those that were cancelled.';
COMMENT ON COLUMN orders.frozen_amount IS 'What backs it still: cents for FUNDS, else shares.';
COMMENT ON COLUMN orders.frozen_asset_type IS 'FUNDS for a buy order, YES_SHARES or NO_SHARES for a sell order.';
COMMENT ON COLUMN orders.accepted_seq IS 'The journal id of its ORDER_ACCEPTED.';
COMMENT ON COLUMN orders.replaces_order_id IS 'The order that was cancelled in the same step to make room for this one.';
COMMENT ON COLUMN orders.expires_at IS 'From when on it trades no more; of GTD orders only.';
COMMENT ON COLUMN orders.post_only IS 'Whether it was to be refused rather than to take.';
COMMENT ON COLUMN orders.max_cost_cents IS 'The most it was to cost, fees included.';
COMMENT ON COLUMN orders.self_trade_mode IS 'Which order gives way when it arrives at another of its owner: it is refused, or one of the two is cancelled.';
COMMENT ON COLUMN orders.group_id IS 'The order group whose limit holds for it.';
COMMENT ON COLUMN orders.amend_count IS 'How often it was amended: price and quantity are those of the last time.';
COMMENT ON COLUMN orders.priority_seq IS 'Its place in time priority: the journal id of its ORDER_ACCEPTED, or of the last ORDER_AMENDED that led it to the back of a queue.';
COMMENT ON COLUMN orders.accepted_price IS 'Of an order that was amended: the price it was accepted with.';
COMMENT ON COLUMN orders.accepted_quantity IS 'Of an order that was amended: the quantity it was accepted with.';

COMMENT ON TABLE trades IS 'Every meeting of two orders; buy and sell are the sides of the book. Folded from the journal.';
COMMENT ON COLUMN trades.id IS 'Shown nowhere; another one after a rebuild.';
COMMENT ON COLUMN trades.scenario IS 'MINT: both buy, a pair comes to be. BURN: both sell, it ceases. TRANSFER_YES, TRANSFER_NO: shares change hands.';
COMMENT ON COLUMN trades.buy_book_type IS 'NATIVE_BUY bought YES, SYNTHETIC_BUY sold NO.';
COMMENT ON COLUMN trades.sell_book_type IS 'NATIVE_SELL sold YES, SYNTHETIC_SELL bought NO.';
COMMENT ON COLUMN trades.price IS 'Cents of YES; who trades NO pays or gets 100 less it.';
COMMENT ON COLUMN trades.maker_order_id IS 'The order that rested.';
COMMENT ON COLUMN trades.taker_order_id IS 'The order that arrived.';
COMMENT ON COLUMN trades.maker_fee IS 'Cents.';
COMMENT ON COLUMN trades.taker_fee IS 'Cents.';
COMMENT ON COLUMN trades.buy_realized_pnl IS 'Cents gained or lost by closing; null: that side opened its position.';
COMMENT ON COLUMN trades.sell_realized_pnl IS 'Cents gained or lost by closing; null: that side opened its position.';
COMMENT ON COLUMN trades.is_audit IS 'The record of a privileged mint or burn, with SYSTEM on the other side; nobody met.';
COMMENT ON COLUMN trades.executed_at IS 'The time of the command that traded.';

COMMENT ON TABLE positions IS 'Shares by user and market, YES and NO side by side. Folded from the journal.';
COMMENT ON COLUMN positions.id IS 'Shown nowhere; another one after a rebuild.';
COMMENT ON COLUMN positions.yes_volume IS 'Shares held.';
COMMENT ON COLUMN positions.no_volume IS 'Shares held.';
COMMENT ON COLUMN positions.yes_cost_sum IS 'Cents paid for the shares held; a sum and no average, so that no cent is rounded away.';
COMMENT ON COLUMN positions.no_cost_sum IS 'Cents paid for the shares held; a sum and no average, so that no cent is rounded away.';
COMMENT ON COLUMN positions.yes_pending_sell IS 'Of the shares held, those set aside for the user''s own open sell orders.';
COMMENT ON COLUMN positions.no_pending_sell IS 'Of the shares held, those set aside for the user''s own open sell orders.';
COMMENT ON COLUMN positions.realized_pnl IS 'Cents that trades, nettings, burns and the settlement brought in beyond the cost of the shares they took.';
COMMENT ON COLUMN positions.fees_paid IS 'Cents.';
COMMENT ON TABLE portfolio_days IS 'What each account had at the end of each day in UTC. Folded from the journal.';
COMMENT ON COLUMN portfolio_days.day IS 'Its last event left things as the row tells; where it had none, that of an earlier day.';
COMMENT ON COLUMN portfolio_days.equity IS 'Cents: cash, and what the shares were worth; also all that came in and was gained.';
COMMENT ON COLUMN portfolio_days.cash IS 'Cents, available and frozen.';
COMMENT ON COLUMN portfolio_days.positions_value IS 'Cents: the shares at the prices of that moment.';
COMMENT ON COLUMN portfolio_days.unrealized_pnl IS 'Cents: the value of the shares less their cost.';
COMMENT ON COLUMN portfolio_days.realized_pnl IS 'Cents, since the account was opened.';
COMMENT ON COLUMN portfolio_days.fees_paid IS 'Cents, since the account was opened.';
COMMENT ON COLUMN portfolio_days.net_deposits IS 'Cents, since the account was opened.';
COMMENT ON COLUMN portfolio_days.net_transfers IS 'Cents, since the account was opened: from other accounts, less what went to them.';

COMMENT ON TABLE order_groups IS 'Orders of one account in one market that brake together, while their market is open. Folded from the journal.';
COMMENT ON COLUMN order_groups.group_id IS 'Chosen by the account, and its own.';
COMMENT ON COLUMN order_groups.window_ms IS 'How long a fill counts, in milliseconds.';
COMMENT ON COLUMN order_groups.max_fill_quantity IS 'The shares that they may trade within the window.';
COMMENT ON COLUMN order_groups.state IS 'ACTIVE, or TRIGGERED: it takes no orders until it is reset.';
COMMENT ON COLUMN order_groups.triggered_at IS 'When it was triggered last, also if it was reset since.';

COMMENT ON TABLE ledger_entries IS 'Every change of an account''s available balance, a chain for each account. Folded from the journal; rows are never changed.';
COMMENT ON COLUMN ledger_entries.id IS 'The kernel''s number, without a gap.';
COMMENT ON COLUMN ledger_entries.user_id IS 'The account.';
COMMENT ON COLUMN ledger_entries.amount IS 'Cents by which the available balance changed.';
COMMENT ON COLUMN ledger_entries.balance_after IS 'Cents available after it.';
COMMENT ON COLUMN ledger_entries.reference_type IS 'What the entry is about.';
COMMENT ON COLUMN ledger_entries.reference_id IS 'Which one of those: an order, a trade, a market, a key.';

COMMENT ON TABLE history_cuts IS 'Which months have left trades and ledger_entries. The newest row counts.';
COMMENT ON COLUMN history_cuts.complete_since IS 'From then on both tables are complete; before, they have nothing.';
COMMENT ON COLUMN history_cuts.last_entry IS 'The highest number of a ledger entry that has left.';
COMMENT ON COLUMN history_cuts.last_trade IS 'The highest number of a trade that has left.';
COMMENT ON COLUMN history_cuts.cut_at IS 'When they left, by this server''s clock.';
COMMENT ON TABLE ledger_forward IS 'What the ledger entries that have left come to, by account.';
COMMENT ON COLUMN ledger_forward.user_id IS 'The account.';
COMMENT ON COLUMN ledger_forward.entries IS 'How many have left.';
COMMENT ON COLUMN ledger_forward.balance IS 'Cents available after the last of them.';
COMMENT ON COLUMN ledger_forward.frozen IS 'Cents frozen after the last of them.';
COMMENT ON TABLE trades_forward IS 'What the trades that have left come to, by market.';
COMMENT ON COLUMN trades_forward.trades IS 'How many there were, without the records of privileged mints and burns.';
COMMENT ON COLUMN trades_forward.volume IS 'Shares in them.';
COMMENT ON COLUMN trades_forward.fees IS 'Cents that they paid.';
COMMENT ON COLUMN trades_forward.realized_pnl IS 'Cents gained or lost in them by closing.';
COMMENT ON COLUMN trades_forward.last_price IS 'Cents of YES in the last of them.';
COMMENT ON COLUMN trades_forward.last_at IS 'When that was.';

COMMENT ON TABLE candles IS 'What was traded in each interval of a market, and how the market stood at its end. Folded from the journal.';
COMMENT ON COLUMN candles.interval IS '1m, 5m, 1h or 1d.';
COMMENT ON COLUMN candles.start IS 'When it began: a multiple of its length since 1970.';
COMMENT ON COLUMN candles.open_cents IS 'The price of the first trade; null: there was none.';
COMMENT ON COLUMN candles.high_cents IS 'The highest price of a trade.';
COMMENT ON COLUMN candles.low_cents IS 'The lowest price of a trade.';
COMMENT ON COLUMN candles.close_cents IS 'The price of the last trade.';
COMMENT ON COLUMN candles.bid_close_cents IS 'The best bid after the last command of the interval; null: nobody bid.';
COMMENT ON COLUMN candles.ask_close_cents IS 'The best ask then; null: nobody offered.';
COMMENT ON COLUMN candles.volume IS 'Shares traded; the records of privileged mints and burns are no trades.';
COMMENT ON COLUMN candles.trades IS 'How many there were.';
COMMENT ON COLUMN candles.open_interest IS 'The pairs that existed after the last command of the interval.';

COMMENT ON TABLE circuit_breaker_events IS 'Halts and pauses of markets, by the exchange or by an administrator, and how they ended. Folded from the journal.';
COMMENT ON COLUMN circuit_breaker_events.id IS 'The kernel''s number.';
COMMENT ON COLUMN circuit_breaker_events.context IS 'What was found: the numbers behind the reason.';
COMMENT ON COLUMN circuit_breaker_events.resolved_at IS 'Null: the market is halted, or pauses, still.';
COMMENT ON COLUMN circuit_breaker_events.resolved_by IS 'Who let it go on.';

COMMENT ON TABLE mm_order IS 'Market-making orders: whose they are, what was agreed, and how far they have come. Folded from the journal.';
COMMENT ON COLUMN mm_order.order_id IS 'The kernel''s; it sorts as the orders were created.';
COMMENT ON COLUMN mm_order.escrow_id IS 'The account that holds the order''s money and shares.';
COMMENT ON COLUMN mm_order.state IS 'One of the sixteen.';
COMMENT ON COLUMN mm_order.version IS 'How many transitions there were.';
COMMENT ON COLUMN mm_order.seq IS 'How many entries its trail has.';
COMMENT ON COLUMN mm_order.venue IS 'Where it quotes: internal is this exchange.';
COMMENT ON COLUMN mm_order.location IS 'Where its money is: escrow, transit or venue.';
COMMENT ON COLUMN mm_order.held IS 'Paused by an administrator, so only one resumes it.';
COMMENT ON COLUMN mm_order.reason IS 'Of the last transition.';
COMMENT ON COLUMN mm_order.external_submitted IS 'Whether money may have left this exchange.';
COMMENT ON COLUMN mm_order.reconcile_required IS 'Whether a case is open that an administrator has to close.';
COMMENT ON COLUMN mm_order.refund_due IS 'It has failed, and its refund waits for the end of a halt.';
COMMENT ON COLUMN mm_order.failure_code IS 'Why it failed, if it did.';
COMMENT ON COLUMN mm_order.failed_from IS 'The state that it failed in.';
COMMENT ON COLUMN mm_order.fence IS 'The escrow''s: a command that carries another comes too late.';
COMMENT ON COLUMN mm_order.cycle_no IS 'The number of its newest cycle.';
COMMENT ON COLUMN mm_order.cycle_lease_until IS 'Until when a worker has it for a cycle; null: none has.';
COMMENT ON COLUMN mm_order.cycle_lease_token IS 'By which that worker shows that it has it.';
COMMENT ON COLUMN mm_order.cycle_lease_worker IS 'Which worker.';
COMMENT ON COLUMN mm_order.lease_started_at IS 'When the newest cycle began.';
COMMENT ON COLUMN mm_order.last_cycle_at IS 'When the last cycle that has ended did.';
COMMENT ON COLUMN mm_order.last_cycle_outcome IS 'How it ended.';
COMMENT ON COLUMN mm_order.next_cycle_at IS 'From when on its quotes may be looked after next.';
COMMENT ON COLUMN mm_order.consecutive_failures IS 'Cycles that have failed, one after the other.';
COMMENT ON COLUMN mm_order.pause_due_at IS 'When it is paused, unless its market trades again.';
COMMENT ON COLUMN mm_order.strategy IS 'The strategy and its version.';
COMMENT ON COLUMN mm_order.terms IS 'How it quotes; fixed when it was created.';
COMMENT ON COLUMN mm_order.policy IS 'How the exchange treats it; fixed when it was created.';
COMMENT ON COLUMN mm_order.snapshot_hash IS 'SHA-256 of strategy, terms and policy as JSON, keys sorted, no spaces.';
COMMENT ON COLUMN mm_order.required_cash_cents IS 'What is to be paid before it runs.';
COMMENT ON COLUMN mm_order.required_yes_shares IS 'The same in shares.';
COMMENT ON COLUMN mm_order.required_no_shares IS 'The same in shares.';
COMMENT ON COLUMN mm_order.received_cash_cents IS 'What was paid of that.';
COMMENT ON COLUMN mm_order.received_yes_shares IS 'What was paid of those.';
COMMENT ON COLUMN mm_order.received_no_shares IS 'What was paid of those.';
COMMENT ON COLUMN mm_order.paid_in_cents IS 'All that was paid in; shares count as what they were worth then.';
COMMENT ON COLUMN mm_order.paid_out_cents IS 'All that was paid out, counted likewise.';
COMMENT ON COLUMN mm_order.rewards_cents IS 'What campaigns have paid it.';
COMMENT ON COLUMN mm_order.fees_cents IS 'The service fee; fees of trades are the escrow''s.';
COMMENT ON COLUMN mm_order.payment_deadline IS 'From then on it can not be paid any more.';
COMMENT ON COLUMN mm_order.campaign_id IS 'The campaign that it was to join, or has joined.';
COMMENT ON COLUMN mm_order.idempotency_key IS 'The owner''s name for the request: it makes one order.';

COMMENT ON TABLE key_uses IS 'What idempotency keys of mints, burns and transfers did that the exchange''s memory has let go of. Folded from KEYS_FORGOTTEN.';
COMMENT ON COLUMN key_uses.kind IS 'What the key was used for: the same key may stand once for each.';
COMMENT ON COLUMN key_uses.idempotency_key IS 'The sender''s name for the request.';
COMMENT ON COLUMN key_uses.journal_id IS 'Of the event that did it.';
COMMENT ON COLUMN key_uses.at IS 'When that was.';
COMMENT ON COLUMN key_uses.user_id IS 'Whose cash or shares moved; of a transfer, who gave.';
COMMENT ON COLUMN key_uses.to_user_id IS 'Of a transfer: who received.';
COMMENT ON COLUMN key_uses.market_id IS 'Null where cash was transferred.';
COMMENT ON COLUMN key_uses.reference_type IS 'Of a transfer: what it was for.';
COMMENT ON COLUMN key_uses.side IS 'Of shares that were transferred.';
COMMENT ON COLUMN key_uses.quantity IS 'Pairs, shares, or cents that were transferred.';
COMMENT ON COLUMN key_uses.cents IS 'What the pairs cost or brought.';
COMMENT ON COLUMN key_uses.yes_volume IS 'The account''s, after a mint or burn; so are the next two.';
COMMENT ON COLUMN key_uses.no_volume IS 'The account''s, after a mint or burn.';
COMMENT ON COLUMN key_uses.balance IS 'The account''s available cash, after a mint or burn.';

COMMENT ON TABLE mm_payment IS 'What was paid to market-making orders. Folded from the journal; rows are never changed.';
COMMENT ON COLUMN mm_payment.order_id IS 'The market-making order.';
COMMENT ON COLUMN mm_payment.idempotency_key IS 'The payer''s name for the payment: it pays once.';
COMMENT ON COLUMN mm_payment.asset IS 'CASH in cents, YES or NO in shares.';
COMMENT ON COLUMN mm_payment.amount IS 'So many cents or shares.';

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

COMMENT ON TABLE mm_execution IS 'How each cycle of a market-making order ended. Folded from the journal; kept for seven days before the newest.';
COMMENT ON COLUMN mm_execution.order_id IS 'The market-making order.';
COMMENT ON COLUMN mm_execution.cycle_no IS '1, 2, 3 and so on within an order.';
COMMENT ON COLUMN mm_execution.fence IS 'The escrow''s, after it.';
COMMENT ON COLUMN mm_execution.worker_id IS 'Who had the order.';
COMMENT ON COLUMN mm_execution.ended_at IS 'When it was told to have ended.';
COMMENT ON COLUMN mm_execution.lateness_ms IS 'How much later than it was due it began.';
COMMENT ON COLUMN mm_execution.outcome IS 'DONE, UNCHANGED or ERROR by its worker''s word; INTERRUPTED or ABANDONED by the exchange''s.';
COMMENT ON COLUMN mm_execution.placed IS 'Orders placed, by its worker''s count, as the next four.';
COMMENT ON COLUMN mm_execution.replaced IS 'Orders put in the place of others.';
COMMENT ON COLUMN mm_execution.cancelled IS 'Orders cancelled.';
COMMENT ON COLUMN mm_execution.burned IS 'Pairs turned into cash.';
COMMENT ON COLUMN mm_execution.skipped IS 'Quotes that the exchange did not take.';
COMMENT ON COLUMN mm_execution.bid_cents IS 'The order''s own best bid when it ended; null: none.';
COMMENT ON COLUMN mm_execution.ask_cents IS 'Its best offer.';
COMMENT ON COLUMN mm_execution.mark_half_cents IS 'The price of YES then, in half cents.';
COMMENT ON COLUMN mm_execution.equity_cents IS 'What the order had then, its shares at that price.';
COMMENT ON COLUMN mm_execution.error IS 'In its worker''s words.';

COMMENT ON TABLE mm_campaign IS 'Campaigns, which reward market-making orders for quoting a market. Folded from the journal.';
COMMENT ON COLUMN mm_campaign.campaign_id IS 'The kernel''s; it sorts as the campaigns were created.';
COMMENT ON COLUMN mm_campaign.name IS 'What people call it.';
COMMENT ON COLUMN mm_campaign.sponsor_id IS 'The administrator who paid for it; null while nobody has.';
COMMENT ON COLUMN mm_campaign.starts_at IS 'From then on what is traded counts.';
COMMENT ON COLUMN mm_campaign.ends_at IS 'From then on it counts no longer; the pool is divided.';
COMMENT ON COLUMN mm_campaign.reward_pool_cents IS 'What is divided.';
COMMENT ON COLUMN mm_campaign.min_cash_cents IS 'So much cash an order must require to take part.';
COMMENT ON COLUMN mm_campaign.max_half_spread_cents IS 'No further from the middle it must quote; what is placed further away does not count.';
COMMENT ON COLUMN mm_campaign.max_participants IS '0: as many as any campaign may have.';
COMMENT ON COLUMN mm_campaign.status IS 'draft, active, ended, settled or cancelled.';

COMMENT ON TABLE mm_campaign_participation IS 'Which market-making orders take part in campaigns. Folded from the journal.';
COMMENT ON COLUMN mm_campaign_participation.campaign_id IS 'The campaign.';
COMMENT ON COLUMN mm_campaign_participation.order_id IS 'The market-making order.';
COMMENT ON COLUMN mm_campaign_participation.user_id IS 'Whose the order is.';
COMMENT ON COLUMN mm_campaign_participation.joined_at IS 'When it began to take part.';
COMMENT ON COLUMN mm_campaign_participation.left_at IS 'When it left before the end, if it did.';
COMMENT ON COLUMN mm_campaign_participation.contribution_cents IS 'The value of its own that others took from it, as far as that counts.';
COMMENT ON COLUMN mm_campaign_participation.reward_cents IS 'What it was paid.';
COMMENT ON COLUMN mm_campaign_participation.external_ref IS 'By which a programme outside knows it.';

COMMENT ON TABLE mm_lifecycle_event IS 'The trail of every market-making order. Folded from the journal; rows are never changed.';
COMMENT ON COLUMN mm_lifecycle_event.event_id IS 'The journal id of the fact.';
COMMENT ON COLUMN mm_lifecycle_event.order_id IS 'The market-making order.';
COMMENT ON COLUMN mm_lifecycle_event.seq IS 'Its place in the trail: 1, 2, 3 and so on, without a gap.';
COMMENT ON COLUMN mm_lifecycle_event.kind IS 'TRANSITION, or what else is told: only that changes the state.';
COMMENT ON COLUMN mm_lifecycle_event.from_state IS 'Null at creation.';
COMMENT ON COLUMN mm_lifecycle_event.to_state IS 'Equal to from_state where nothing but the trail grew.';
COMMENT ON COLUMN mm_lifecycle_event.job_name IS 'The command that did it.';
COMMENT ON COLUMN mm_lifecycle_event.trigger_id IS 'What brought the command about; all that one command did has the same.';
COMMENT ON COLUMN mm_lifecycle_event.actor_type IS 'USER, ADMIN, WORKER, SYSTEM or MARKET.';
COMMENT ON COLUMN mm_lifecycle_event.actor_id IS 'Which user or worker; null for the last two.';
COMMENT ON COLUMN mm_lifecycle_event.reason IS 'Why.';
COMMENT ON COLUMN mm_lifecycle_event.data IS 'Amounts, keys and words.';
COMMENT ON COLUMN mm_lifecycle_event.fence IS 'The escrow''s, after it.';

COMMENT ON TABLE schema_version IS 'Which version of the schema the database has, and had.';
COMMENT ON TABLE projector_cursor IS 'How far the tables that are folded from the journal are. One row.';
COMMENT ON COLUMN projector_cursor.only_row IS 'There is no second one.';
COMMENT ON COLUMN projector_cursor.journal_id IS 'The newest event that they reflect.';

COMMENT ON TABLE journal_seals IS 'The exchange''s signature under the end of its journal, each minute that journaled something.';
COMMENT ON COLUMN journal_seals.last_id IS 'The newest row of the journal then.';
COMMENT ON COLUMN journal_seals.digest IS 'The journal''s, as of that row.';
COMMENT ON COLUMN journal_seals.signature IS 'Ed25519 over both, made with a key that is not in the database.';
COMMENT ON COLUMN snapshots.journal_digest IS 'The journal''s, as of that row.';
COMMENT ON COLUMN snapshots.seal IS 'Made with a key that is not in the database; a snapshot without a right one is never used.';
COMMENT ON COLUMN projector_cursor.digest IS 'The journal''s, as of that row; null within one of its transactions.';
