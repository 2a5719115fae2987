/**
 * A market's trades as they happen, newest first, after those of the past. The feed leaves trades out for a slow reader
 * but counts them: what is missing is asked for again. Nothing in the list is missing between two others.
 */
import { createStore } from "../store/store.js";
import { connect } from "./connection.js";
import { seldom } from "./seldom.js";

const PAGE = 100;
/** A reader too slow for the feed misses something again and again. */
const REST_MS = 3_000;
/** For whoever looks back: what a page remembers has an end. */
const MOST = 2_000;

/**
 * @typedef {{id: string, price: number, quantity: number, taker: "BUY" | "SELL", at: number}} Trade
 * @typedef {{items: Trade[], whole: boolean, hasMore: boolean, busy: boolean}} Trades `whole` once the past has been read;
 *   `hasMore`: there are older ones than the last; `busy` while they are read
 * @param {string} marketId
 * @param {import("../api/api.js").Api} api
 */
export function followTrades(marketId, api) {
  const trades = createStore(/** @type {Trades} */ ({ items: [], whole: false, hasMore: false, busy: false }));
  let sequence = 0;
  let kept = PAGE;
  /** Where the past goes on behind the oldest; null where that is no longer known. @type {string | null} */
  let cursor = null;

  /** @param {string | null} from */
  function page(from) {
    return api("GET /markets/{market_id}/trades", { market_id: marketId, limit: PAGE, cursor: from });
  }

  /** The newest, and what has come since they were asked for; what is older may have a gap before it, and goes. */
  async function lookBack() {
    const { items, next_cursor: next, has_more: hasMore } = await page(null);
    const newest = items.map(ofAnswer);
    const since = newest.length > 0 ? newest[0].at : 0;
    cursor = next;
    keep(merged(newest, trades.state.items.filter(({ at }) => at >= since)), { whole: true, hasMore });
  }

  /** @param {Trade[]} items @param {Partial<Trades>} [more] */
  function keep(items, more) {
    trades.set({ items, ...more });
    if (items.length <= kept) return;
    cursor = null;
    trades.set({ items: items.slice(0, kept), hasMore: true });
  }

  const looking = seldom(() => lookBack().catch((error) => {
    trades.set({ whole: false });
    throw error;
  }), REST_MS);

  const connection = connect(() => `/ws/v1/trades/${encodeURIComponent(marketId)}`, {
    probe: () => ({}),
    opened: () => {
      sequence = 0;
      looking.ask();
    },
    heard(message) {
      if (message.type !== "TRADE") return;
      const missed = message.sequence_id !== sequence + 1;
      sequence = message.sequence_id;
      keep(merged([ofFeed(message)], trades.state.items));
      if (missed) looking.ask();
    },
  });
  return {
    store: trades,
    liveness: connection.liveness,
    async older() {
      if (trades.state.busy) return;
      trades.set({ busy: true });
      kept = MOST;
      try {
        if (cursor === null) await lookBack();
        const { items, next_cursor: next, has_more: hasMore } = await page(cursor);
        cursor = next;
        keep(merged(items.map(ofAnswer), trades.state.items), { hasMore });
      } finally {
        trades.set({ busy: false });
      }
    },
    close() {
      looking.stop();
      connection.close();
    },
  };
}

/** @param {Trade[]} some @param {Trade[]} others @returns {Trade[]} */
function merged(some, others) {
  const all = new Map([...others, ...some].map((trade) => [trade.id, trade]));
  return [...all.values()].sort((a, b) => b.at - a.at || (a.id < b.id ? 1 : -1));
}

/** @param {any} message @returns {Trade} */
function ofFeed(message) {
  const { trade_id: id, price_cents: price, quantity, aggressor_side: taker, timestamp_ms: at } = message;
  return { id, price, quantity, taker, at };
}

/** @param {any} item @returns {Trade} */
function ofAnswer(item) {
  const { trade_id: id, price_cents: price, quantity, aggressor_side: taker, executed_at: at } = item;
  return { id, price, quantity, taker, at: Date.parse(at) };
}
