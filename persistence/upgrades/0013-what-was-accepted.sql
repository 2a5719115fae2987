-- Version 12 looked up what amended orders were accepted with in the journal, and found nothing where those rows had left
-- the database already. There, everything that is folded from the journal is folded anew, out of the archive.
DO $$
BEGIN
    IF EXISTS (SELECT FROM journal_archive)
       AND EXISTS (SELECT FROM orders WHERE amend_count > 0 AND accepted_price IS NULL) THEN
        TRUNCATE accounts, markets, market_activity, amm_markets, orders, trades, candles, positions, portfolio_days,
                 order_groups, ledger_entries, circuit_breaker_events, mm_order, mm_payment, mm_lifecycle_event,
                 mm_execution, mm_campaign, mm_campaign_participation, mm_venue_withdrawal, mm_reconciliation;
        UPDATE projector_cursor SET journal_id = 0, digest = NULL;
    END IF;
END;
$$;
