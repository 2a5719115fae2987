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

-- With the tokens of a generation end the sessions that they belong to.
CREATE FUNCTION fn_end_sessions() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    UPDATE sessions SET ended_at = NOW() WHERE user_id = NEW.id AND ended_at IS NULL;
    RETURN NULL;
END;
$$;
CREATE TRIGGER trg_users_sessions AFTER UPDATE ON users
    FOR EACH ROW WHEN (NEW.token_generation <> OLD.token_generation) EXECUTE FUNCTION fn_end_sessions();

DROP TRIGGER trg_users_told ON users;
-- A running server remembers what users may. Whoever changes it, by whatever program, it hears at the commit of whom:
-- the payload is the user's id, or nothing where all are meant.
CREATE OR REPLACE FUNCTION fn_tell_of_users() RETURNS TRIGGER LANGUAGE plpgsql AS $$
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

-- Since when the market maker knows a market: from its first start on, whatever came after.

ALTER TABLE amm_markets ADD COLUMN first_started_at TIMESTAMPTZ;
UPDATE amm_markets SET first_started_at = CASE start_count WHEN 1 THEN started_at ELSE (
    SELECT min(created_at) FROM wal_events
    WHERE wal_events.market_id = amm_markets.market_id AND event_type = 'AMM_STARTED'
) END;
ALTER TABLE amm_markets ALTER COLUMN first_started_at SET NOT NULL;

-- A market too large to end in one step ends in portions, and says so first; and an operator may go on from an older
-- journal, and says so, too.
-- The gravest acts may need two administrators: what one asks for, and that another asked for the same.
ALTER TABLE wal_events DROP CONSTRAINT ck_wal_event_type;
ALTER TABLE wal_events ADD CONSTRAINT ck_wal_event_type CHECK (event_type IN (
        'JOURNAL_OPENED', 'JOURNAL_ACCEPTED',
        'ACCOUNT_OPENED', 'FUNDS_DEPOSITED', 'FUNDS_WITHDRAWN', 'FUNDS_TRANSFERRED', 'SHARES_TRANSFERRED',
        'FENCE_RAISED', 'GUARD_SET',
        'MARKET_CREATED', 'MARKET_STATUS_CHANGED', 'MARKET_AMM_AUTHORIZED', 'MARKET_CLOSING', 'MARKET_SETTLED',
        'ORDER_ACCEPTED', 'ORDER_PARTIALLY_FILLED', 'ORDER_MATCHED', 'ORDER_CANCELLED', 'ORDER_EXPIRED',
        'NETTING_EXECUTED', 'SHARES_MINTED', 'SHARES_BURNED', 'POSITION_SETTLED',
        'AMM_STARTED', 'AMM_STOPPED', 'CIRCUIT_BREAKER_TRIGGERED', 'CIRCUIT_BREAKER_RESOLVED',
        'ADMIN_PROPOSED', 'ADMIN_CONFIRMED'
    ));

-- What names do not say.

COMMENT ON TABLE wal_events IS 'The journal: one row per event, numbered by the kernel without a gap. The only source of truth; rows are never changed.';
COMMENT ON COLUMN wal_events.id IS 'The journal id: the place of the event in the order of all decisions.';
COMMENT ON COLUMN wal_events.created_at IS 'The time of the command; never before that of an earlier row.';
COMMENT ON COLUMN wal_events.market_id IS 'Null: the event belongs to no market.';
COMMENT ON COLUMN wal_events.payload IS 'Everything that the event changed, lists without names; the views wal_... name them.';
COMMENT ON COLUMN wal_events.command IS 'On the first event of each command: what was asked, by whom, when, under which request id.';
COMMENT ON COLUMN wal_events.digest IS 'On the last event of each transaction: SHA-256 of all events up to it, each taken over the one before.';

COMMENT ON TABLE snapshots IS 'The whole state as of one journal id, so that a start replays only what came after. Any may be deleted.';
COMMENT ON COLUMN snapshots.format IS 'How the chunks are encoded.';
COMMENT ON COLUMN snapshots.digest IS 'Of the state, as the kernel computes it.';
COMMENT ON COLUMN snapshots.chunks IS 'How many rows of snapshot_chunks belong to it.';
COMMENT ON TABLE snapshot_chunks IS 'A snapshot in pieces.';
COMMENT ON COLUMN snapshot_chunks.number IS 'The place of the piece, from 0.';

COMMENT ON TABLE users IS 'Who may sign in: credentials and roles. Never journaled, so back it up beside the journal.';
COMMENT ON COLUMN users.password_hash IS 'Argon2id; what is no hash is nobody''s password.';
COMMENT ON COLUMN users.account_type IS 'The role: USER, ADMIN, or SYSTEM_BOT for the market maker.';
COMMENT ON COLUMN users.is_active IS 'FALSE: may not do anything, whatever tokens there are.';
COMMENT ON COLUMN users.token_generation IS 'Raised when role, password or is_active changes; tokens of an earlier one open nothing.';

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

COMMENT ON TABLE accounts IS 'Cash in cents, by account. Folded from the journal.';
COMMENT ON COLUMN accounts.id IS 'Shown nowhere; another one after a rebuild.';
COMMENT ON COLUMN accounts.user_id IS 'The account''s name: a user''s id, or that of a sub-account or of the exchange itself.';
COMMENT ON COLUMN accounts.owner_id IS 'Of a sub-account, whose it is; else the same as user_id.';
COMMENT ON COLUMN accounts.available_balance IS 'Cents to spend or withdraw.';
COMMENT ON COLUMN accounts.frozen_balance IS 'Cents set aside for the account''s own open buy orders.';
COMMENT ON COLUMN accounts.auto_netting_enabled IS 'Whether a pair of YES and NO turns back into cash by itself.';
COMMENT ON COLUMN accounts.version IS 'How many ledger entries the account has.';

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
COMMENT ON COLUMN orders.time_in_force IS 'What becomes of the part that finds nobody: GTC rests, IOC is cancelled.';
COMMENT ON COLUMN orders.remaining_quantity IS 'Shares that were not traded; of a cancelled order, those that were cancelled.';
COMMENT ON COLUMN orders.frozen_amount IS 'What backs it still: cents for FUNDS, else shares.';
COMMENT ON COLUMN orders.frozen_asset_type IS 'FUNDS for a buy order, YES_SHARES or NO_SHARES for a sell order.';
COMMENT ON COLUMN orders.accepted_seq IS 'The journal id of its ORDER_ACCEPTED: its place in time priority.';
COMMENT ON COLUMN orders.replaces_order_id IS 'The order that was cancelled in the same step to make room for this one.';

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

COMMENT ON TABLE ledger_entries IS 'Every change of an account''s available balance, a chain for each account. Folded from the journal; rows are never changed.';
COMMENT ON COLUMN ledger_entries.id IS 'The kernel''s number, without a gap.';
COMMENT ON COLUMN ledger_entries.user_id IS 'The account.';
COMMENT ON COLUMN ledger_entries.amount IS 'Cents by which the available balance changed.';
COMMENT ON COLUMN ledger_entries.balance_after IS 'Cents available after it.';
COMMENT ON COLUMN ledger_entries.reference_type IS 'What the entry is about.';
COMMENT ON COLUMN ledger_entries.reference_id IS 'Which one of those: an order, a trade, a market, a key.';

COMMENT ON TABLE circuit_breaker_events IS 'Halts of markets, by the exchange or by an administrator, and how they ended. Folded from the journal.';
COMMENT ON COLUMN circuit_breaker_events.id IS 'The kernel''s number.';
COMMENT ON COLUMN circuit_breaker_events.context IS 'What was found: the numbers behind the reason.';
COMMENT ON COLUMN circuit_breaker_events.resolved_at IS 'Null: the market is halted still.';
COMMENT ON COLUMN circuit_breaker_events.resolved_by IS 'Who let it go on.';

COMMENT ON TABLE schema_version IS 'Which version of the schema the database has, and had.';
COMMENT ON TABLE projector_cursor IS 'How far the tables that are folded from the journal are. One row.';
COMMENT ON COLUMN projector_cursor.only_row IS 'There is no second one.';
COMMENT ON COLUMN projector_cursor.journal_id IS 'The newest event that they reflect.';
-- What was acknowledged cannot be changed without being noticed: the cursor and each snapshot know the journal's
-- digest where they stand, and what the exchange has signed shows who made it.

ALTER TABLE projector_cursor
    ADD COLUMN digest BYTEA NULL,
    ADD CONSTRAINT ck_projector_cursor_digest CHECK (octet_length(digest) = 32);
UPDATE projector_cursor SET digest = (SELECT digest FROM wal_events WHERE id = journal_id);

-- Nobody sealed the snapshots that there are, and no sign tells those of this program from what somebody put there:
-- they go, and the first start replays the journal from its first row.
DELETE FROM snapshot_chunks;
DELETE FROM snapshots;
ALTER TABLE snapshots
    ADD COLUMN journal_digest BYTEA NOT NULL,
    ADD COLUMN seal BYTEA NOT NULL,
    ADD CONSTRAINT ck_snapshots_journal_digest CHECK (octet_length(journal_digest) = 32),
    ADD CONSTRAINT ck_snapshots_seal CHECK (octet_length(seal) = 32);

CREATE TABLE journal_seals (
    last_id     BIGINT       NOT NULL,
    digest      BYTEA        NOT NULL,
    signature   BYTEA        NOT NULL,
    created_at  TIMESTAMPTZ  NOT NULL DEFAULT NOW(),
    CONSTRAINT journal_seals_pkey PRIMARY KEY (last_id),
    CONSTRAINT ck_journal_seals_last_id CHECK (last_id >= 1),
    CONSTRAINT ck_journal_seals_digest CHECK (octet_length(digest) = 32),
    CONSTRAINT ck_journal_seals_signature CHECK (octet_length(signature) = 64)
);

COMMENT ON TABLE journal_seals IS 'The exchange''s signature under the end of its journal, each minute that journaled something.';
COMMENT ON COLUMN journal_seals.last_id IS 'The newest row of the journal then.';
COMMENT ON COLUMN journal_seals.digest IS 'The journal''s, as of that row.';
COMMENT ON COLUMN journal_seals.signature IS 'Ed25519 over both, made with a key that is not in the database.';
COMMENT ON COLUMN snapshots.journal_digest IS 'The journal''s, as of that row.';
COMMENT ON COLUMN snapshots.seal IS 'Made with a key that is not in the database; a snapshot without a right one is never used.';
COMMENT ON COLUMN projector_cursor.digest IS 'The journal''s, as of that row; null within one of its transactions.';
