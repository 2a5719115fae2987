/**
 * What the reader has in one market: cash, shares, open orders and what waits ahead of them. Events tell that it has
 * changed and not to what, so it is read again, however many came; nothing of it is ever guessed.
 */
import { createStore } from "../store/store.js";
import { seldom } from "./seldom.js";

/** Two questions at each turn, of the hundred and twenty that a user has in a minute. */
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
    const seen = await mine.look(marketId);
    if (seen === undefined) return;
    const { balance: cash, position, orders } = seen;
    const { items } = orders.length ? await api("GET /orders/queue", { market_id: marketId }) : { items: [] };
    const queue = new Map(items.map((/** @type {any} */ one) => [one.order_id, one]));
    own.set({ cash, position, orders, queue, whole: true });
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
