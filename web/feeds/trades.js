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
 * @param {string} marketId
 * @param {import("../api/api.js").Api} api
 */
export function followTrades(marketId, api) {
  const trades = createStore(/** @type {import("./pages.js").Known} */ ({ items: null, more: true, since: null, busy: false, problem: null }));
  let sequence = 0;
  let kept = PAGE;
  /** Where the past goes on behind the oldest; null where that is no longer known. @type {string | null} */
  let cursor = null;

  /** @param {string | null} from */
  async function page(from) {
    const part = await api("GET /markets/{market_id}/trades", { market_id: marketId, limit: PAGE, cursor: from });
    cursor = part.next_cursor;
    trades.set({ since: part.complete_since ?? null });
    return part.items.map(tradeOf);
  }

  /** The newest, and what has come since they were asked for; what is older may have a gap before it, and goes. */
  async function lookBack() {
    const newest = await page(null);
    const since = newest[0]?.at ?? 0;
    keep(newest, (trades.state.items ?? []).filter(({ at }) => at >= since), cursor !== null);
  }

  /** @param {Trade[]} some @param {Trade[] | null} others @param {boolean} [more] whether there are older ones */
  function keep(some, others, more = trades.state.more) {
    const all = new Map([...(others ?? []), ...some].map((trade) => [trade.id, trade]));
    const items = [...all.values()].sort((a, b) => b.at - a.at || (a.id < b.id ? 1 : -1)).slice(0, kept);
    const isCut = all.size > kept;
    if (isCut) cursor = null;
    trades.set({ items, more: more || isCut });
  }

  const looking = seldom(lookBack, REST_MS);

  const connection = connect(`/ws/v1/trades/${encodeURIComponent(marketId)}`, {
    probe: () => ({}),
    opened: () => {
      sequence = 0;
      looking.ask();
    },
    heard(message) {
      if (message.type !== "TRADE") return;
      const isNext = message.sequence_id === sequence + 1;
      sequence = message.sequence_id;
      keep([tradeOf(message)], trades.state.items);
      if (!isNext) looking.ask();
    },
  });
  return {
    ...connection,
    store: trades,
    async older() {
      trades.set({ busy: true, problem: null });
      kept = MOST;
      try {
        if (cursor === null) await lookBack();
        keep(await page(cursor), trades.state.items, cursor !== null);
      } catch (error) {
        trades.set({ problem: /** @type {Error} */ (error) });
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

/** As the feed tells it, or an answer. @param {any} told @returns {Trade} */
function tradeOf({ trade_id: id, price_cents: price, quantity, aggressor_side: taker, timestamp_ms: at, executed_at: when }) {
  return { id, price, quantity, taker, at: at ?? Date.parse(when) };
}
