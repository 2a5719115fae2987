/** The markets: what is asked, what the crowd thinks, and how that moved. */
import { h } from "../draw/dom.js";
import { brief, cents, chance } from "../draw/format.js";
import { followTickers } from "../feeds/tickers.js";
import { createStore } from "../store/store.js";

/** @param {import("../main.js").Page} page @returns {import("../main.js").Screen} */
export function open({ api, redraw }) {
  const tickers = followTickers();
  const markets = createStore({ items: /** @type {any[] | null} */ (null) });
  const stops = [tickers.store.read(redraw), markets.read(redraw)];
  api("GET /markets", { limit: 100 }).then((page) => markets.set({ items: page.items }));

  return {
    title: () => "Markets",
    close() {
      tickers.close();
      for (const stop of stops) stop();
    },
    view() {
      const { items } = markets.state;
      if (items === null) return h("p", { class: "loading", role: "status" }, "Loading");
      return h("section", null, h("h1", null, "Markets"),
        h("ul", { class: "markets" }, items.map((market) => row(market, tickers.store.state.byMarket.get(market.id)))));
    },
  };
}

/** @param {any} market @param {import("../feeds/tickers.js").Ticker | undefined} ticker */
function row(market, ticker) {
  const spot = ticker?.spot_half_cents ?? null;
  return h("li", { key: market.id, class: "card" },
    h("a", { href: `/markets/${encodeURIComponent(market.id)}` }, market.title),
    h("strong", null, chance(spot === null ? null : spot / 2)),
    h("span", null, `${cents(ticker?.best_bid_cents)} / ${cents(ticker?.best_ask_cents)}`),
    h("span", null, brief(ticker?.volume_24h ?? 0)));
}
