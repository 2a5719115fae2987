-- What an order may ask for beside its price and quantity. Orders of before asked for none of it.
ALTER TABLE orders
    ADD COLUMN expires_at TIMESTAMPTZ NULL,
    ADD COLUMN post_only BOOLEAN NOT NULL DEFAULT FALSE,
    ADD COLUMN max_cost_cents BIGINT NULL,
    ADD COLUMN self_trade_mode VARCHAR(20) NOT NULL DEFAULT 'REJECT',
    ADD COLUMN group_id VARCHAR(64) NULL,
    DROP CONSTRAINT ck_orders_tif,
    ADD CONSTRAINT ck_orders_tif CHECK (time_in_force IN ('GTC', 'IOC', 'FOK', 'GTD')),
    ADD CONSTRAINT ck_orders_gtd CHECK ((time_in_force = 'GTD') = (expires_at IS NOT NULL)),
    ADD CONSTRAINT ck_orders_post_only CHECK (NOT post_only OR time_in_force IN ('GTC', 'GTD')),
    ADD CONSTRAINT ck_orders_max_cost CHECK (max_cost_cents IS NULL OR (
        max_cost_cents > 0 AND original_direction = 'BUY' AND time_in_force IN ('IOC', 'FOK'))),
    ADD CONSTRAINT ck_orders_self_trade_mode CHECK (self_trade_mode IN ('REJECT', 'CANCEL_MAKER', 'CANCEL_TAKER'));
COMMENT ON COLUMN orders.time_in_force IS 'What becomes of the part that finds nobody: GTC rests, GTD rests until expires_at, IOC is cancelled; of FOK there is none.';
COMMENT ON COLUMN orders.expires_at IS 'From when on it trades no more; of GTD orders only.';
COMMENT ON COLUMN orders.post_only IS 'Whether it was to be refused rather than to take.';
COMMENT ON COLUMN orders.max_cost_cents IS 'The most it was to cost, fees included.';
COMMENT ON COLUMN orders.self_trade_mode IS 'Which order gives way when it arrives at another of its owner: it is refused, or one of the two is cancelled.';
COMMENT ON COLUMN orders.group_id IS 'The order group whose limit holds for it.';

-- An order can get another price or quantity. Of those of before none did: each stands where it was accepted.
ALTER TABLE orders
    ADD COLUMN amend_count INT NOT NULL DEFAULT 0,
    ADD COLUMN priority_seq BIGINT;
UPDATE orders SET priority_seq = accepted_seq;
ALTER TABLE orders
    ALTER COLUMN priority_seq SET NOT NULL,
    ADD CONSTRAINT ck_orders_amend_count CHECK (amend_count >= 0),
    ADD CONSTRAINT ck_orders_priority CHECK (
        priority_seq = accepted_seq OR (priority_seq > accepted_seq AND amend_count > 0));
COMMENT ON COLUMN orders.accepted_seq IS 'The journal id of its ORDER_ACCEPTED.';
COMMENT ON COLUMN orders.amend_count IS 'How often it was amended: price and quantity are those of the last time.';
COMMENT ON COLUMN orders.priority_seq IS 'Its place in time priority: the journal id of its ORDER_ACCEPTED, or of the last ORDER_AMENDED that led it to the back of a queue.';
CREATE OR REPLACE VIEW wal_postings AS
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
                 WHEN 'FUNDS_DEPOSITED' THEN 'DEPOSIT'
                 WHEN 'FUNDS_WITHDRAWN' THEN 'WITHDRAW'
                 WHEN 'FUNDS_TRANSFERRED' THEN event.payload->>'reference_type'
                 WHEN 'SHARES_MINTED' THEN 'AMM_MINT'
                 WHEN 'SHARES_BURNED' THEN 'AMM_BURN'
                 ELSE 'MARKET' END
            END                                                 AS reference_type,
       COALESCE(
            posting->>5,
            CASE WHEN event.event_type IN ('FUNDS_DEPOSITED', 'FUNDS_WITHDRAWN') THEN NULL
                 ELSE COALESCE(
                    'TRD_' || CASE WHEN event.event_type IN ('ORDER_PARTIALLY_FILLED', 'ORDER_MATCHED')
                                   THEN event.payload->'trade'->>0 END,
                    event.payload->>'idempotency_key',
                    event.payload->>'order_id',
                    event.market_id) END)                       AS reference_id,
       event.market_id,
       event.created_at
FROM wal_readable event, json_array_elements(event.payload->'postings') WITH ORDINALITY AS list (posting, place);

-- Facts that the journal may hold from now on.
ALTER TABLE wal_events
    DROP CONSTRAINT ck_wal_event_type,
    ADD CONSTRAINT ck_wal_event_type CHECK (event_type IN (
        'JOURNAL_OPENED', 'JOURNAL_ACCEPTED',
        'ACCOUNT_OPENED', 'FUNDS_DEPOSITED', 'FUNDS_WITHDRAWN', 'FUNDS_TRANSFERRED', 'SHARES_TRANSFERRED',
        'FENCE_RAISED', 'GUARD_SET',
        'MARKET_CREATED', 'MARKET_STATUS_CHANGED', 'MARKET_MODE_CHANGED', 'MARKET_AMM_AUTHORIZED', 'MARKET_CLOSING', 'MARKET_SETTLED',
        'ORDER_ACCEPTED', 'ORDER_PARTIALLY_FILLED', 'ORDER_MATCHED', 'ORDER_CANCELLED', 'ORDER_EXPIRED',
        'ORDER_AMENDED',
        'NETTING_EXECUTED', 'SHARES_MINTED', 'SHARES_BURNED', 'POSITION_SETTLED',
        'AMM_STARTED', 'AMM_STOPPED', 'CIRCUIT_BREAKER_TRIGGERED', 'CIRCUIT_BREAKER_RESOLVED',
        'ADMIN_PROPOSED', 'ADMIN_CONFIRMED'
    ));

-- What a market takes while it is active.
ALTER TABLE markets
    ADD COLUMN trading_mode VARCHAR(20) NOT NULL DEFAULT 'NORMAL',
    ADD COLUMN mode_until TIMESTAMPTZ NULL,
    ADD CONSTRAINT ck_markets_trading_mode CHECK (trading_mode IN ('NORMAL', 'POST_ONLY', 'CANCEL_ONLY'));
COMMENT ON COLUMN markets.trading_mode IS 'Of what it could take while it is ACTIVE, what it takes: everything, what does not trade at once, or cancels alone.';
COMMENT ON COLUMN markets.mode_until IS 'When the mode ends by itself; null: when an administrator says so.';

-- Over what its price is averaged.
ALTER TABLE markets ADD COLUMN void_window_ms INT NOT NULL DEFAULT 86400000;
COMMENT ON COLUMN markets.void_window_ms IS 'Over how much of its trading time the market''s price is averaged, should it be void.';

-- How many orders may be open.
ALTER TABLE markets
    ADD COLUMN max_open_orders INT NOT NULL DEFAULT 200,
    ADD COLUMN max_open_orders_total INT NOT NULL DEFAULT 2000,
    ADD COLUMN max_open_orders_amm INT NOT NULL DEFAULT 2000;
COMMENT ON COLUMN markets.max_open_orders IS 'Live orders that one owner may have here, over all its accounts.';
COMMENT ON COLUMN markets.max_open_orders_total IS 'Live orders, in all markets, of an owner who places one here.';
COMMENT ON COLUMN markets.max_open_orders_amm IS 'Live orders that the market maker may have here.';
ALTER TABLE markets
    ADD COLUMN void_price_cents SMALLINT NULL,
    ADD CONSTRAINT ck_markets_void_price CHECK (void_price_cents BETWEEN 1 AND 99);
COMMENT ON COLUMN markets.void_price_cents IS 'What a YES share of a void market is paid; a NO share is paid the rest of 100. Null where an older version shared the reserve out.';
ALTER TABLE markets
    ADD COLUMN collar_cents SMALLINT NOT NULL DEFAULT 0,
    ADD COLUMN collar_window_ms INT NOT NULL DEFAULT 60000;
COMMENT ON COLUMN markets.collar_cents IS 'How far from its recent average a price may be at which anybody trades; 0: no bound.';
COMMENT ON COLUMN markets.collar_window_ms IS 'Over how long that average is taken.';
ALTER TABLE markets
    ADD COLUMN halt_move_cents SMALLINT NOT NULL DEFAULT 0,
    ADD COLUMN halt_window_ms INT NOT NULL DEFAULT 300000,
    ADD COLUMN halt_pause_ms INT NOT NULL DEFAULT 300000;
COMMENT ON COLUMN markets.halt_move_cents IS 'How far apart the prices of recent trades may be before trading pauses; 0: no bound.';
COMMENT ON COLUMN markets.halt_window_ms IS 'How recent they are.';
COMMENT ON COLUMN markets.halt_pause_ms IS 'How long the pause is; 0: until an administrator ends it.';
COMMENT ON TABLE circuit_breaker_events IS 'Halts and pauses of markets, by the exchange or by an administrator, and how they ended. Folded from the journal.';
COMMENT ON COLUMN circuit_breaker_events.resolved_at IS 'Null: the market is halted, or pauses, still.';

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
CREATE TRIGGER trg_api_keys_told AFTER INSERT OR DELETE ON api_keys
    FOR EACH ROW EXECUTE FUNCTION fn_tell_of_users('user_id');
-- All but last_used_at, which changes nobody's rights.
CREATE TRIGGER trg_api_keys_changed
    AFTER UPDATE OF id, user_id, name, prefix, key_hash, scopes, created_at, expires_at, revoked_at ON api_keys
    FOR EACH ROW EXECUTE FUNCTION fn_tell_of_users('user_id');
CREATE TRIGGER trg_api_keys_gone AFTER TRUNCATE ON api_keys
    FOR EACH STATEMENT EXECUTE FUNCTION fn_tell_of_users('user_id');
COMMENT ON TABLE api_keys IS 'What programs of a user show instead of a token. Never journaled.';
COMMENT ON COLUMN api_keys.name IS 'What its owner calls it; no other that is not revoked has the same.';
COMMENT ON COLUMN api_keys.prefix IS 'The first characters of the key after vk_, by which its owner knows it again.';
COMMENT ON COLUMN api_keys.key_hash IS 'SHA-256 of the whole key, which is kept nowhere.';
COMMENT ON COLUMN api_keys.scopes IS 'What it opens: read, trade, withdraw, in this order.';
COMMENT ON COLUMN api_keys.expires_at IS 'From when on it opens nothing; null: never.';
COMMENT ON COLUMN api_keys.last_used_at IS 'When it was used last, to the minute.';
COMMENT ON COLUMN api_keys.revoked_at IS 'Null while it is its owner''s; one that was revoked opens nothing.';
COMMENT ON COLUMN users.token_generation IS 'Raised when role, password or is_active changes, or the user logs out everywhere; tokens of an earlier one open nothing.';

-- What each account and position has come to. The values of before come from the journal.
ALTER TABLE accounts
    ADD COLUMN net_deposits BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN net_transfers BIGINT NOT NULL DEFAULT 0;
COMMENT ON COLUMN accounts.net_deposits IS 'Cents paid in, less those paid out.';
COMMENT ON COLUMN accounts.net_transfers IS 'Cents, and the cost of shares, that came from other accounts, less what went to them.';
ALTER TABLE positions
    ADD COLUMN realized_pnl BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN fees_paid BIGINT NOT NULL DEFAULT 0,
    ADD CONSTRAINT ck_positions_fees_gte_0 CHECK (fees_paid >= 0);
COMMENT ON COLUMN positions.realized_pnl IS 'Cents that trades, nettings, burns and the settlement brought in beyond the cost of the shares they took.';
COMMENT ON COLUMN positions.fees_paid IS 'Cents.';

-- What a market's activity is read by. Few rows are in it: to the others it costs a comparison.
CREATE INDEX idx_wal_activity ON wal_events (market_id, id)
    WHERE event_type IN ('MARKET_STATUS_CHANGED', 'MARKET_SETTLED', 'MARKET_MODE_CHANGED');

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

-- What is new in the tables comes from the journal, from its first row on: everything that is folded from it is
-- folded anew. The first start does so while it serves; the past is complete once it is done.
TRUNCATE accounts, markets, amm_markets, orders, trades, positions, ledger_entries, circuit_breaker_events;
UPDATE projector_cursor SET journal_id = 0, digest = NULL;
