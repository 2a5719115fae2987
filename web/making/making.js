/** Markets that the exchange makes for me: what each order does, what it is worth, what it has brought in. */
import { h } from "../draw/dom.js";
import { dollars, inWords, profit, when } from "../draw/format.js";
import { createPages } from "../feeds/pages.js";
import { seldom } from "../feeds/seldom.js";
import { createTitles } from "../feeds/titles.js";
import { listing } from "../parts/listing.js";
import { notLive, staleFor } from "../parts/live.js";
import { select } from "../parts/select.js";
import { createStore } from "../store/store.js";
import { stateBadge } from "./picture.js";
import { tableOf } from "./records.js";
import { STATES } from "./states.js";

const REST_MS = 3_000;
/** Equity moves with the market, which tells no event of its own. */
const EQUITY_MS = 10_000;

/** The states of what is in a list. */
const LISTED = Object.fromEntries(Object.entries(STATES).filter(([state]) => state !== "deleted").map(([state, { name }]) => [state, name]));

/** @param {import("../main.js").Page} page @returns {import("../main.js").Screen} */
export function open({ api, mine }) {
  const store = createStore({ state: "" });
  const titles = createTitles(api);
  const orders = createPages((cursor) => titles.page("GET /market-making/orders", { state: store.state.state, cursor, limit: 50 }), ({ order_id: id }) => id, { changes: true });
  const reading = seldom(orders.renew, REST_MS, EQUITY_MS);
  const deaf = mine.hear((topic) => (topic === "mm_events" || topic === "everything") && reading.ask());
  reading.ask();

  /** @param {string} state */
  function choose(state) {
    store.set({ state });
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
      ? h("p", "No order of yours is in this state.")
      : [
          h("h2", "Have a market made"),
          h("p", "Choose a market and a budget. The exchange's makers then keep buy and sell quotes in it for you, earn the spread",
            " when both are hit, and stop when the loss that you allow is reached."),
          h("p", h("a.button.primary", { href: "/making/new" }, "Begin")),
        ];

  return {
    title: () => "Market making",
    close() {
      reading.stop();
      deaf();
    },
    view: () => [
      h("header.screen-head",
        h("h1", "Market making"),
        notLive(staleFor([mine.liveness?.state], Date.now())),
        h("a.button", { href: "/making/campaigns" }, "Campaigns"), h("a.button.primary", { href: "/making/new" }, "New order")),
      h("section.card",
        h("div.list-tools",
          h("label", "Show ",
            select({}, { "": "All states", ...LISTED }, store.state.state, choose))),
        listing(orders, nothing(), view)),
    ],
  };
}
