-- One order the ordinary way: a transaction of its own, statement by statement, as a web back end would do it.
-- Idempotency check, account locked, money frozen, order inserted, the best order of the other side taken,
-- trade, positions, ledger, commit.
\set user_id random(1, 1000)
\set market random(1, 10)
\set bid random(0, 1)
\set price random(40, 60)
\set name random(1, 1000000000000000)
BEGIN;
SELECT count(*) FROM plain_orders WHERE user_id = :user_id AND client_order_id = :name;
SELECT available FROM plain_accounts WHERE id = :user_id FOR UPDATE;
UPDATE plain_accounts SET available = available - :price * 10, frozen = frozen + :price * 10 WHERE id = :user_id;
INSERT INTO plain_ledger (user_id, entry_type, amount) VALUES (:user_id, 'ORDER_FREEZE', -:price * 10);
INSERT INTO plain_orders (user_id, client_order_id, market_id, is_bid, price, remaining, status)
    VALUES (:user_id, :name, :market, :bid = 1, :price, 10, 'OPEN') RETURNING id AS taker \gset
SELECT coalesce(max(id), 0) AS maker, coalesce(max(user_id), 0) AS maker_user FROM (
    SELECT id, user_id FROM plain_orders
    WHERE market_id = :market AND is_bid = (:bid = 0) AND status = 'OPEN' AND user_id <> :user_id
      AND CASE WHEN :bid = 1 THEN price <= :price ELSE price >= :price END
    ORDER BY CASE WHEN :bid = 1 THEN price ELSE -price END, id LIMIT 1 FOR UPDATE SKIP LOCKED) AS best \gset
\if :maker > 0
UPDATE plain_orders SET remaining = 0, status = 'FILLED' WHERE id IN (:taker, :maker);
INSERT INTO plain_trades (market_id, maker_order_id, taker_order_id, price, quantity)
    VALUES (:market, :maker, :taker, :price, 10);
UPDATE plain_accounts SET frozen = frozen - :price * 10 WHERE id IN (:user_id, :maker_user);
INSERT INTO plain_positions VALUES (:user_id, :market, 10), (:maker_user, :market, 10)
    ON CONFLICT (user_id, market_id) DO UPDATE SET volume = plain_positions.volume + 10;
INSERT INTO plain_ledger (user_id, entry_type, amount)
    VALUES (:user_id, 'MINT_COST', 0), (:user_id, 'FEE', -1), (:maker_user, 'MINT_COST', 0), (:maker_user, 'FEE', -1);
\endif
COMMIT;
