-- Months of trades and of the ledger may leave the database, when the archive has them.
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
