/** One market-making order: where it stands, what it is worth, what can be done with it, and all that is on record about it. */
import { h } from "../draw/dom.js";
import { dollars, inWords, profit, shares } from "../draw/format.js";
import { createPages } from "../feeds/pages.js";
import { seldom } from "../feeds/seldom.js";
import { createTitles } from "../feeds/titles.js";
import { card, nothing } from "../parts/card.js";
import { facts } from "../parts/facts.js";
import { listing } from "../parts/listing.js";
import { notLive, staleFor } from "../parts/live.js";
import { tabs } from "../parts/tabs.js";
import { createStore } from "../store/store.js";
import { createControls } from "./controls.js";
import { keyed } from "./keyed.js";
import { partCard } from "./part.js";
import { createPayment } from "./payment.js";
import { picture, stateBadge } from "./picture.js";
import { quotes, RECORDS, trail } from "./records.js";
import { stateOf } from "./states.js";
import { termsOf } from "./terms.js";

/** There is none, or what stands in the address cannot be one. */
const UNKNOWN = [7101, 9004];
const REST_MS = 3_000;
/** Equity moves with the market, which tells no event of its own. */
const EQUITY_MS = 5_000;

/** @param {import("../main.js").Page} page @returns {import("../main.js").Screen} */
export function open({ api, mine, names: { id }, notices }) {
  const titles = createTitles(api);
  const store = createStore({ order: /** @type {any} */ (null), campaign: /** @type {any} */ (null), isUnknown: false, tab: "executions", events: /** @type {any[]} */ ([]) });
  const lists = Object.fromEntries(Object.entries(RECORDS).map(([name, { request }]) => [
    name, createPages((cursor) => api(request, { order_id: id, cursor, limit: 100 }), (item) => item.cycle_no ?? item.id, { changes: name === "orders" }),
  ]));
  const reading = seldom(read, REST_MS, EQUITY_MS);
  const shared = { api, act: keyed(api), titleOf: titles.of, order: () => store.state.order, done: known, say: notices.say };
  const payment = createPayment(shared);
  const controls = createControls(shared);
  const deaf = mine.hear((topic, event) => (topic === "everything" || topic === "mm_trade_events" || event.order?.order_id === id) && reading.ask());
  reading.ask();

  async function read() {
    try {
      const [order] = await Promise.all([api("GET /market-making/orders/{order_id}", { order_id: id }), readEvents(), lists[store.state.tab]?.renew()]);
      titles.learn([order.market_id]);
      store.set({ order, campaign: order.campaign && await api("GET /campaigns/{campaign_id}", { campaign_id: order.campaign.id }) });
    } catch (error) {
      if (!UNKNOWN.includes(/** @type {any} */ (error).code)) throw error;
      store.set({ isUnknown: true });
      reading.stop();
    }
  }

  /** Those behind the last that is known. */
  async function readEvents() {
    for (let more = true; more;) {
      const after = store.state.events.at(-1)?.seq ?? 0;
      const { items, has_more } = await api("GET /market-making/orders/{order_id}/events", { order_id: id, after_seq: after, limit: 100 });
      if (items.length > 0) store.set({ events: [...store.state.events, ...items] });
      more = has_more;
    }
  }

  /** The exchange has answered: this is the order now. @param {any} order @param {string} words */
  function known(order, words) {
    store.set({ order });
    notices.say(words);
    reading.ask();
  }

  return {
    title: () => (store.state.order ? `Making ${titles.of(store.state.order.market_id)}` : "Market making"),
    close() {
      reading.stop();
      deaf();
    },
    view() {
      const { order, campaign, isUnknown, events, tab } = store.state;
      if (isUnknown) {
        return nothing("There is no such order of yours", "/making", "To your market-making orders");
      }
      if (order === null) return h("p.loading", { role: "status" }, "Loading");
      return [
        h("p.hint", h("a", { href: "/making" }, "Market making")),
        h("header.screen-head",
          h("h1.making-title", h("a", { href: `/markets/${encodeURIComponent(order.market_id)}` }, titles.of(order.market_id))),
          notLive(staleFor([mine.liveness?.state], Date.now())), stateBadge(order.state)),
        h("section.card", picture(order.state, new Set(events.map(({ to_state: state }) => state))), h("p.making-now", { role: "status" }, sentences(order))),
        h("div.making-parts",
          h("div",
            payment.view(),
            numbers(order),
            partCard(order.campaign, campaign),
            card("Quotes in the book",
              order.quotes.length ? quotes(order.quotes) : h("p.empty", "None at the moment."))),
          card("What you can do", controls.view())),
        h("div.card", tabs({
          label: "More about this order", shown: tab,
          show(tab) {
            store.set({ tab });
            reading.ask();
          },
          tabs: [
            ...Object.entries(RECORDS).map(([name, { title, empty, view }]) => ({ name, title, view: () => listing(lists[name], h("p", empty), view) })),
            { name: "trail", title: "Audit trail", view: () => trail(events) },
            { name: "terms", title: "Terms", view: () => termsOf(order.strategy) },
          ],
        })),
      ];
    },
  };
}

/** What its state means, and what is particular about it now. @param {any} order */
function sentences({ state, held, failure, pending_command: pending, drained, last_cycle: cycle, venue }) {
  return [
    stateOf(state).means,
    failure && `It was ${stateOf(failure.from).name.toLowerCase()}; then: ${inWords(failure.code).toLowerCase()}.`,
    failure?.reconcile_required && "An administrator has to find out where its money is before it is given back.",
    held && "An administrator holds it, and only an administrator resumes it.",
    pending && `It will ${pending.toLowerCase()} as soon as it can.`,
    !drained && state !== "running" && `Some of its quotes ${venue === "internal" ? "still rest in the book" : `may still rest at ${venue}`}.`,
    cycle?.skipped > 0 && `Its last cycle left out ${cycle.skipped} quotes: orders of your own, or a limit, stood in the way.`,
  ].filter(Boolean).join(" ");
}

/** @param {any} order */
function numbers({ equity_cents: equity, pnl_cents: pnl, fees_cents: fees, rewards_cents: rewards, escrow, away, location, venue }) {
  return h("section.card", { "aria-label": "Numbers" }, facts("making-numbers", {
    Equity: dollars(equity), Profit: profit(pnl), Cash: dollars(escrow.cash_cents),
    "Set aside": dollars(escrow.frozen_cents), YES: shares(escrow.yes), NO: shares(escrow.no), Fees: dollars(fees), Rewards: dollars(rewards),
    ...(location !== "escrow" && { [location === "venue" ? `At ${venue}` : "On its way"]: `${dollars(away.cash_cents)}, ${shares(away.yes)} YES, ${shares(away.no)} NO` }),
  }));
}
