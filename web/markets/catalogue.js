/**
 * Every market that the exchange tells the public of, newest first, with what it asks. Numbers that move come by the
 * tickers; the list itself is read anew when they speak of a market that it does not know, or no longer of one it does.
 */
import { ExchangeError } from "../api/api.js";
import { createStore } from "../store/store.js";

/** New markets cost one request, all of them as many as there are pages. */
const [NEWS_AFTER_MS, ALL_AFTER_MS] = [1_500, 10_000];
/** Statuses of which the tickers do not tell. */
const UNTOLD = ["DRAFT", "SETTLED", "VOIDED"];
const TRIED_AGAIN_AFTER_MS = 3_000;

/**
 * @typedef {{
 *   id: string, title: string, category: string | null, status: string, trading_mode: string,
 *   trading_end_at: string | null, resolution_date: string | null, volume_24h: number, open_interest: number,
 *   best_bid_cents: number | null, best_ask_cents: number | null, spot_half_cents: number | null,
 *   last_trade_price_cents: number | null,
 * }} Market
 */

/** @param {import("../api/api.js").Api} api @param {{drafts?: boolean}} [kinds] drafts are told to administrators alone */
export function createCatalogue(api, { drafts = false } = {}) {
  const store = createStore({
    items: /** @type {Market[]} */ ([]),
    /** All pages are there. */
    whole: false,
    problem: /** @type {ExchangeError | null} */ (null),
  });
  const closing = new AbortController();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  let readAt = 0;

  /** @param {boolean} [onlyNew] down to the first market that is known: newer ones stand before it */
  async function load(onlyNew = false) {
    clearTimeout(timer);
    timer = undefined;
    readAt = Date.now();
    const known = onlyNew ? store.state.items : [];
    /** @type {Market[]} */
    const read = [];
    try {
      for (let cursor; cursor !== null; ) {
        const page = await api("GET /markets", { status: "ALL", limit: 100, cursor }, closing.signal);
        read.push(...page.items.filter((/** @type {Market} */ { status }) => drafts || status !== "DRAFT"));
        cursor = read.some(({ id }) => id === known[0]?.id) ? null : page.next_cursor;
      }
      const ids = idsOf(read);
      store.set({ items: [...read, ...known.filter(({ id }) => !ids.has(id))], whole: true, problem: null });
    } catch (error) {
      if (closing.signal.aborted) return;
      const problem = /** @type {ExchangeError} */ (error);
      store.set(store.state.whole ? { problem } : { problem, items: read });
      timer = setTimeout(load, problem.retryAfter * 1000 || TRIED_AGAIN_AFTER_MS);
    }
  }

  load();
  return {
    store,
    load,
    /** @param {Map<string, import("../feeds/tickers.js").Ticker>} tickers all of them */
    compare(tickers) {
      const { items, whole } = store.state;
      if (!whole || timer !== undefined) return;
      for (const item of items) item.status = tickers.get(item.id)?.status ?? item.status;
      const ids = idsOf(items);
      const isNews = [...tickers.keys()].some((id) => !ids.has(id));
      // What is paid out leaves the tickers after it was told; one that left untold, left while nothing was heard.
      const isLost = items.some(({ id, status }) => !UNTOLD.includes(status) && !tickers.has(id));
      const wait = isLost ? ALL_AFTER_MS : NEWS_AFTER_MS;
      if (isNews || isLost) timer = setTimeout(load, Math.max(0, readAt + wait - Date.now()), !isLost);
    },
    close() {
      clearTimeout(timer);
      closing.abort();
    },
  };
}

/** @param {Market[]} markets */
const idsOf = (markets) => new Set(markets.map(({ id }) => id));
