/** How markets stood in the last day: asked for when they are shown, fifty in one request. */
import { createStore } from "../store/store.js";

const HOUR = 3_600_000;
const OLD_AFTER_MS = HOUR / 4;
const TRIED_AGAIN_AFTER_MS = 20_000;
/** What one request may name; and of how many it may have finer intervals: a young exchange has few markets and little past. */
const [MARKETS_MAX, FINE_MAX] = [50, 5];

/** @param {import("../api/api.js").Api} api */
export function createSparks(api) {
  const store = createStore({ byMarket: /** @type {Map<string, number[]>} */ (new Map()) });
  /** @type {Map<string, number>} */
  const askedAt = new Map();
  let notBefore = 0;

  /** @param {string[]} ids */
  async function load(ids) {
    const start = new Date(Date.now() - 24 * HOUR).toISOString();
    try {
      const answer = await api("GET /candles", { markets: ids.join(","), interval: ids.length > FINE_MAX ? "1h" : "5m", start });
      for (const { market_id: id, items } of answer.items) store.state.byMarket.set(id, standing(items));
      store.set({});
    } catch {
      // A picture beside a number that is there anyway: it comes later.
      notBefore = Date.now() + TRIED_AGAIN_AFTER_MS;
      for (const id of ids) askedAt.delete(id);
    }
  }

  return {
    store,
    /** @param {string[]} ids those on screen */
    show(ids) {
      const now = Date.now();
      if (now < notBefore) return;
      const missing = ids.filter((id) => now - (askedAt.get(id) ?? 0) > OLD_AFTER_MS);
      for (const id of missing) askedAt.set(id, now);
      while (missing.length > 0) load(missing.splice(0, MARKETS_MAX));
    },
  };
}

/**
 * The price at the end of each candle: between the quotes, else that of the last trade, else as it was.
 * @param {{bid_close_cents: number | null, ask_close_cents: number | null, close_cents: number | null}[]} candles
 */
function standing(candles) {
  /** @type {number[]} */
  const prices = [];
  for (const { bid_close_cents: bid, ask_close_cents: ask, close_cents: close } of candles) {
    const price = bid !== null && ask !== null ? (bid + ask) / 2 : (close ?? prices.at(-1));
    if (price !== undefined) prices.push(price);
  }
  return prices;
}
