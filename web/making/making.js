/** Markets that the exchange makes for me: what each order does, what it is worth, what it has brought in. */
import { h } from "../draw/dom.js";
import { dollars, profit, when } from "../draw/format.js";
import { createPages } from "../feeds/pages.js";
import { seldom } from "../feeds/seldom.js";
import { createTitles } from "../feeds/titles.js";
import { listing } from "../parts/listing.js";
import { notLive, staleFor } from "../parts/live.js";
import { createStore } from "../store/store.js";
import { stateBadge } from "./picture.js";
import { inWords, tableOf } from "./records.js";
import { STATES } from "./states.js";

const REST_MS = 3_000;
/** Equity moves with the market, which tells no event of its own. */
const EQUITY_MS = 10_000;

/** @param {import("../main.js").Page} page @returns {import("../main.js").Screen} */
export function open({ api, mine, redraw }) {
  const store = createStore({ state: "" });
  const titles = createTitles(api);
  const orders = createPages(async (cursor) => {
    const part = await api("GET /market-making/orders", { state: store.state.state, cursor, limit: 50 });
    titles.learn(part.items.map((/** @type {any} */ order) => order.market_id));
    return part;
  }, ({ order_id: id }) => id, { changes: true });
  const reading = seldom(orders.renew, REST_MS);
  const stops = [store, titles.store, orders.store].map((one) => one.read(redraw));
  stops.push(mine.hear((topic) => (topic === "mm_events" || topic === "everything") && reading.ask()));
  const equity = setInterval(() => document.hidden || reading.ask(), EQUITY_MS);
  const clock = setInterval(redraw, 1000);
  reading.ask();

  /** @param {Event} event */
  function choose(event) {
    store.set({ state: /** @type {HTMLSelectElement} */ (event.target).value });
    orders.forget();
    reading.ask();
  }

  const view = tableOf("Market-making orders", [
    { name: "Market", looks: "title", of: ({ order_id: id, market_id: market }) => h("a", { href: `/making/${id}` }, titles.of(market)) },
    { name: "State", of: ({ state }) => stateBadge(state) },
    { name: "Equity", looks: "number", of: ({ equity_cents: equity }) => dollars(equity) },
    { name: "Profit", looks: "number", of: ({ pnl_cents: pnl }) => profit(pnl) },
    { name: "Quotes", looks: "number", of: ({ quotes }) => String(quotes.length) },
    { name: "Last cycle", looks: "moment", of: ({ last_cycle: cycle }) => cycle && [when(cycle.at, "clock"), ` ${inWords(cycle.outcome)}`] },
  ]);

  const nothing = () =>
    store.state.state !== ""
      ? h("p", null, "No order of yours is in this state.")
      : [
          h("h2", null, "Have a market made"),
          h("p", null, "Choose a market and a budget. The exchange's makers then keep buy and sell quotes in it for you, earn the spread",
            " when both are hit, and stop when the loss that you allow is reached."),
          h("p", null, h("a", { class: "button primary", href: "/making/new" }, "Begin")),
        ];

  return {
    title: () => "Market making",
    close() {
      reading.stop();
      clearInterval(equity);
      clearInterval(clock);
      for (const stop of stops) stop();
    },
    view: () => [
      h("header", { class: "screen-head" },
        h("h1", null, "Market making"),
        notLive(staleFor([mine.liveness?.state], Date.now())),
        h("a", { class: "button primary", href: "/making/new" }, "New order")),
      h("section", { class: "card" },
        h("div", { class: "list-tools" },
          h("label", null, "Show ",
            h("select", { on: { change: choose } }, h("option", { value: "" }, "All states"),
              Object.entries(STATES).filter(([name]) => name !== "deleted").map(([name, { name: words }]) =>
                h("option", { key: name, value: name, selected: name === store.state.state }, words))))),
        listing(orders, nothing(), view)),
    ],
  };
}
