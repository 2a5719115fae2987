/** How markets stood in the last day: asked for when they are shown, fifty in one request. */
import { seldom } from "../feeds/seldom.js";
import { createStore } from "../store/store.js";

const HOUR = 3_600_000;
const OLD_AFTER_MS = HOUR / 4;
/** Whoever scrolls fast through all of them asks for no more than thirty times a minute. */
const REST_MS = 2_000;
/** What one request may name; and of how many it may have finer intervals: a young exchange has few markets and little past. */
const [MARKETS_MAX, FINE_MAX] = [50, 5];

/** @param {import("../api/api.js").Api} api */
export function createSparks(api) {
  const store = createStore({ byMarket: /** @type {Map<string, number[]>} */ (new Map()) });
  /** @type {Map<string, number>} */
  const askedAt = new Map();
  /** @type {string[]} */
  let shown = [];
  const reading = seldom(read, REST_MS);

  async function read() {
    const now = Date.now();
    const missing = shown.filter((id) => now - (askedAt.get(id) ?? 0) > OLD_AFTER_MS);
    const ids = missing.slice(0, MARKETS_MAX);
    if (ids.length === 0) return;
    const start = new Date(now - 24 * HOUR).toISOString();
    const answer = await api("GET /candles", { markets: ids.join(","), interval: ids.length > FINE_MAX ? "1h" : "5m", start });
    for (const id of ids) askedAt.set(id, now);
    for (const { market_id: id, items } of answer.items) store.state.byMarket.set(id, standing(items));
    store.set({});
    if (missing.length > ids.length) reading.ask();
  }

  return {
    store,
    /** @param {string[]} ids those on screen */
    show(ids) {
      shown = ids;
      reading.ask();
    },
    close: reading.stop,
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
