/** How equity went: as it was at the end of each day, and as it was seen since this page was opened. */
import { createStore } from "../store/store.js";

const DAYS = 100;
/** Of what is seen, so many moments are kept; beyond that every other one goes. */
const SEEN_MAX = 400;

/** @param {import("../api/api.js").Api} api */
export function createHistory(api) {
  const store = createStore({ moments: /** @type {import("./summary.js").Moment[]} */ ([]) });
  /** @type {import("./summary.js").Moment[]} */
  let days = [];
  /** @type {import("./summary.js").Moment[]} */
  let seen = [];

  return {
    store,
    async read() {
      const { items } = await api("GET /account/portfolio/history", { limit: DAYS });
      // Today is as of now, and that is what is seen.
      days = items.slice(1).reverse().map((/** @type {any} */ day) => ({
        at: Date.parse(`${day.date}T00:00:00Z`) + 86_400_000, equity: day.equity_cents, paidIn: day.net_deposits_cents + day.net_transfers_cents,
      }));
      store.set({ moments: [...days, ...seen] });
    },
    /** @param {any} portfolio as the exchange answers */
    see(portfolio) {
      if (seen.length >= SEEN_MAX) seen = seen.filter((_, index) => index % 2 === 0);
      seen.push({ at: Date.now(), equity: portfolio.equity_cents, paidIn: portfolio.net_deposits_cents + portfolio.net_transfers_cents });
      store.set({ moments: [...days, ...seen] });
    },
  };
}
