/**
 * What the reader has in one market: cash, shares, open orders and what waits ahead of them. Events tell that it has
 * changed and not to what, so it is read again, however many came; nothing of it is ever guessed.
 */
import { createStore } from "../store/store.js";
import { seldom } from "./seldom.js";

/** Four questions at each turn, of the hundred and twenty that a user has in a minute. */
const REST_MS = 3_000;
const MARKETS_OWN = ["order_events", "trade_events", "market_events"];

/**
 * @typedef {{
 *   cash: any, position: any, orders: any[], queue: Map<string, any>, whole: boolean,
 * }} Own `cash` and `position` as the exchange answers; `queue` by order id; `whole` once all has been read
 * @param {string} marketId
 * @param {Pick<import("../main.js").Page, "api" | "mine" | "session">} page
 */
export function followOwn(marketId, { api, mine, session }) {
  const own = createStore(/** @type {Own} */ ({ cash: null, position: null, orders: [], queue: new Map(), whole: false }));
  const reading = seldom(read, REST_MS);

  async function read() {
    const [cash, position, orders, queue] = await Promise.all([
      api("GET /account/balance"),
      api("GET /positions/{market_id}", { market_id: marketId }),
      openOrders(),
      api("GET /orders/queue", { market_id: marketId }),
    ]);
    const ahead = new Map(queue.items.map((/** @type {any} */ one) => [one.order_id, one]));
    own.set({ cash, position, orders, queue: ahead, whole: true });
  }

  /** All of them from here on. @param {string | null} cursor @returns {Promise<any[]>} */
  async function openOrders(cursor = null) {
    const page = await api("GET /orders", { market_id: marketId, status: "OPEN,PARTIALLY_FILLED", limit: 100, cursor });
    return page.next_cursor === null ? page.items : [...page.items, ...await openOrders(page.next_cursor)];
  }

  const isSomebody = session.store.state.user !== null;
  if (isSomebody) reading.ask();
  const deaf = mine.hear((topic, event) => {
    if (topic === "everything" || (MARKETS_OWN.includes(topic) && event.market_id === marketId)) reading.ask();
  });

  return {
    store: own,
    /** Read it again: the exchange has just answered that it changed, or time has passed. */
    refresh() {
      if (isSomebody) reading.ask();
    },
    close() {
      reading.stop();
      deaf();
    },
  };
}
