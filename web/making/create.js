/** A new market-making order: its market, its budget, its terms, and the quotes that it would place now. */
import { h } from "../draw/dom.js";
import { dollars, shares } from "../draw/format.js";
import { seldom } from "../feeds/seldom.js";
import { card } from "../parts/card.js";
import { createForm } from "../parts/form.js";
import { centsOf } from "../parts/money.js";
import { words } from "../parts/words.js";
import { createStore } from "../store/store.js";
import { keyed } from "./keyed.js";
import { asksFor, namesOf } from "./part.js";
import { quotes } from "./records.js";
import { FIRST, TERMS } from "./terms.js";

/** Of thirty requests that a minute has for market making, the preview takes at most twenty. */
const REST_MS = 3_000;
/** Typed as dollars. */
const MONEY = ["required_cash_cents", "max_loss_cents"];

/** @param {import("../main.js").Page} page @returns {import("../main.js").Screen} */
export function open({ api, query, go }) {
  const act = keyed(api);
  const store = createStore({
    contract: /** @type {any} */ (null), markets: /** @type {any[]} */ ([]), campaigns: /** @type {any[]} */ ([]), cash: 0, preview: /** @type {any} */ (null), why: "", whole: false,
  });
  /** @type {Record<string, any>} */
  const values = { market_id: query.get("market") ?? "", required_cash_cents: "1,000.00", campaign_id: query.get("campaign") ?? "", campaign_required: false };
  const form = createForm({
    id: "making", values,
    check: (values) => ({
      market_id: values.market_id ? undefined : "Which market?",
      ...Object.fromEntries(MONEY.map((name) => [name, !values[name] || centsOf(values[name]) ? undefined : "An amount like 250 or 1,250.50."])),
    }),
    send: async () => {
      const { order_id: id } = await act("POST /market-making/orders", request());
      go(`/making/${id}`);
    },
  });
  const previewing = seldom(preview, REST_MS);
  const beginning = seldom(begin, REST_MS);
  beginning.ask();

  async function begin() {
    const [contract, { items }, balance, campaigns] = await Promise.all([
      api("GET /market-making/contract"), api("GET /markets", { status: "ACTIVE", limit: 100 }), api("GET /account/balance"),
      api("GET /campaigns", { status: "active", limit: 100 }),
    ]);
    const known = contract.terms.filter((/** @type {any} */ term) => term.name in TERMS);
    form.set(Object.fromEntries(known.map((/** @type {any} */ { name, default: usual }) => [name, typeof usual === "boolean" ? usual : String(usual ?? "")])));
    if (!form.values.market_id && items.length) form.set({ market_id: items[0].id });
    store.set({ contract, markets: items, campaigns: campaigns.items, cash: balance.available_balance_cents });
    previewing.ask();
  }

  /** What the form says, as the exchange reads it. What was left open is left open. */
  function request() {
    const { market_id, campaign_id: wished, ...typed } = form.values;
    // Of another market than the one that is chosen now it is no wish any more.
    const campaign_id = campaignsHere().find(({ campaign_id: id }) => id === wished)?.campaign_id;
    const said = Object.entries(typed).filter(([, value]) => value !== "").map(([name, value]) => [name, read(name, value)]);
    return { market_id, campaign_id, ...Object.fromEntries(said) };
  }

  const campaignsHere = () => store.state.campaigns.filter(({ market_id: market }) => market === form.values.market_id);

  function campaign() {
    const here = campaignsHere();
    const chosen = here.find(({ campaign_id: id }) => id === form.values.campaign_id);
    return here.length > 0 && [
      form.field({
        name: "campaign_id", label: "Campaign", hint: chosen && `It asks for: ${asksFor(chosen).toLowerCase()}.`,
        options: { "": "None", ...namesOf(here) },
      }),
      chosen && form.tick({ name: "campaign_required", label: "Only with it: paid back if it cannot be joined by then" }),
    ];
  }

  /** @param {string} name @param {any} value */
  function read(name, value) {
    if (MONEY.includes(name)) return centsOf(value);
    return typeof value === "boolean" || Number.isNaN(Number(value)) ? value : Number(value);
  }

  async function preview() {
    try {
      store.set({ preview: await api("POST /market-making/preview", request()), why: "" });
    } catch (error) {
      store.set({ preview: null, why: words(/** @type {any} */ (error)) });
    }
  }

  /** @param {string} name @param {{label: string, hint?: string}} what */
  function term(name, { label, hint = "" }) {
    const { default: usual, least, most, choices } = store.state.contract.terms.find((/** @type {any} */ one) => one.name === name) ?? {};
    if (typeof usual === "boolean") return form.tick({ name, label });
    if (choices) return form.field({ name, label, hint, options: Object.fromEntries(choices.map((/** @type {string} */ one) => [one, one])) });
    const range = least === null || MONEY.includes(name) ? "" : ` ${shares(least)} to ${shares(most)}.`;
    return form.field({ name, label, inputmode: "decimal", hint: hint + range });
  }

  function previewed() {
    const { preview, why } = store.state;
    if (why) return h("p.hint", { role: "status" }, why);
    if (preview === null) return h("p.loading", "Working it out");
    return preview.quotes.length ? [quotes(preview.quotes), h("p.hint", `They would set ${dollars(preview.frozen_cents)} aside.`)] : h("p.empty", "None: the book gives no middle to quote around.");
  }

  return {
    title: () => "New market-making order",
    close() {
      previewing.stop();
      beginning.stop();
    },
    view() {
      const { contract, markets, cash, whole } = store.state;
      if (contract === null) return h("p.loading", { role: "status" }, "Loading");
      const all = Object.entries(TERMS);
      return [
        h("p.hint", h("a", { href: "/making" }, "Market making")),
        h("header.screen-head", h("h1", "Have a market made")),
        h("div.making-parts",
          h("section.card", { "aria-label": "Order", on: { input: previewing.ask } },
            form.view({ send: "Create, then pay", sending: "Creating" },
              form.field({ name: "market_id", label: "Market", options: Object.fromEntries(markets.map(({ id, title }) => [id, title])) }),
              term("required_cash_cents", { label: "Budget", hint: `Dollars. You have ${dollars(cash)}.` }),
              campaign(),
              h("div.making-terms", all.slice(0, FIRST).map(([name, what]) => term(name, what))),
              h("button.quiet", { type: "button", "aria-expanded": String(whole), on: { click: () => store.set({ whole: !whole }) } },
                whole ? "Fewer terms" : "All terms"),
              whole && h("div.making-terms", { key: "more" }, all.slice(FIRST).map(([name, what]) => term(name, what))))),
          card("Quotes that it would place now", previewed(),
            h("p.hint", "It earns the spread when both sides are hit, and loses when the price moves on after one. No order is sent before you have paid."))),
      ];
    },
  };
}
