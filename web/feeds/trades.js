/**
 * A market's trades as they happen, newest first, after those of the past. The feed leaves trades out for a slow reader
 * but counts them: what is missing is asked for again.
 */
import { createStore } from "../store/store.js";
import { connect } from "./connection.js";

const KEPT = 100;

/**
 * @typedef {{id: string, price: number, quantity: number, taker: "BUY" | "SELL", at: number}} Trade
 * @param {string} marketId
 * @param {import("../api/api.js").Api} api
 */
export function followTrades(marketId, api) {
  const trades = createStore({ items: /** @type {Trade[]} */ ([]), whole: false });
  let sequence = 0;

  async function lookBack() {
    const page = await api("GET /markets/{market_id}/trades", { market_id: marketId, limit: KEPT });
    trades.set({ items: merged(page.items.map(ofAnswer), trades.state.items), whole: true });
  }

  const connection = connect(() => `/ws/v1/trades/${encodeURIComponent(marketId)}`, {
    probe: () => ({}),
    opened: () => {
      sequence = 0;
      lookBack().catch(() => trades.set({ whole: false }));
    },
    heard(message) {
      if (message.type !== "TRADE") return;
      const missed = message.sequence_id !== sequence + 1;
      sequence = message.sequence_id;
      trades.set({ items: merged([ofFeed(message)], trades.state.items) });
      if (missed) lookBack().catch(() => trades.set({ whole: false }));
    },
  });
  return { store: trades, liveness: connection.liveness, close: connection.close };
}

/** @param {Trade[]} some @param {Trade[]} others @returns {Trade[]} */
function merged(some, others) {
  const all = new Map([...others, ...some].map((trade) => [trade.id, trade]));
  return [...all.values()].sort((a, b) => b.at - a.at || (a.id < b.id ? 1 : -1)).slice(0, KEPT);
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
