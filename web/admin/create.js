/** A new market: what is asked, its terms, and how both will read to who trades there. They are fixed once it is made. */
import { h, kept } from "../draw/dom.js";
import { createForm } from "../parts/form.js";
import { rules } from "../market/rules.js";
import { momentOf } from "../parts/money.js";
import { forAdministrators, frame } from "./frame.js";

const [SECOND, HOUR] = [1_000, 3_600_000];

/** Name, label, what the exchange has without it, and by how much its unit is longer than the exchange's. @type {[string, [string, string, number, number?][]][]} */
const TERMS = [
  ["Fees and prices", [
    ["taker_fee_bps", "Fee of who trades at once (1/100 %)", 20], ["maker_fee_bps", "Fee of who waited (1/100 %)", 10],
    ["min_price_cents", "Lowest price (¢)", 1], ["max_price_cents", "Highest price (¢)", 99],
  ]],
  ["Limits", [
    ["max_order_quantity", "Shares of an order", 10_000], ["max_order_amount_cents", "Cost of an order ($)", 10_000, 100],
    ["max_position_per_user", "Shares of a side, each", 25_000], ["max_open_orders", "Open orders, each", 200],
    ["max_open_orders_total", "Open orders in all markets, each", 2_000], ["max_open_orders_amm", "Open orders of the market maker", 2_000],
  ]],
  ["Protection (0: none)", [
    ["collar_cents", "Collar: distance from the average (¢)", 0], ["collar_window_ms", "Average over (s)", 60, SECOND],
    ["halt_move_cents", "Pause: trades apart by (¢)", 0], ["halt_window_ms", "Within (s)", 300, SECOND],
    ["halt_pause_ms", "Pause (s), 0: until resumed", 300, SECOND], ["void_window_ms", "If void, average over (h)", 24, HOUR],
  ]],
];
const NUMBERS = TERMS.flatMap(([, rows]) => rows);
const TIMES = [["trading_start_at", "Trading starts"], ["trading_end_at", "Trading ends"], ["resolution_date", "Answer expected"]];

export const open = forAdministrators(({ api, go }) => {
  const form = createForm({
    id: "market",
    values: /** @type {Record<string, any>} */ ({
      id: "", title: "", description: "", category: "", amm_authorized: true,
      ...Object.fromEntries(TIMES.map(([name]) => [name, ""])), ...Object.fromEntries(NUMBERS.map(([name, , usual]) => [name, String(usual)])),
    }),
    fieldOf: { 3006: "id" },
    check: (values) => ({
      id: /^[A-Za-z0-9][\w.-]{0,63}$/.test(values.id) ? undefined : "1 to 64 letters, digits, dots, underscores and hyphens.",
      title: values.title.trim() ? undefined : "What is asked?",
      ...Object.fromEntries(NUMBERS.map(([name]) => [name, /^\d{1,15}$/.test(values[name]) ? undefined : "A whole number."])),
    }),
    async send(values) {
      const { id } = await api("POST /admin/markets", wished(values));
      go(`/admin/markets/${encodeURIComponent(id)}`);
    },
  });
  const preview = kept(previewOf);

  return {
    title: () => "New market",
    view: () =>
      frame("/admin/new", "New market", h("div.columns",
        h("section.card", form.view({ send: "Create the draft", sending: "Creating" },
          form.field({ name: "title", label: "Question", maxlength: "500", autocomplete: "off" }),
          form.field({ name: "id", label: "Id", maxlength: "64", autocomplete: "off", spellcheck: "false", hint: "In addresses and in programs, for ever: RAIN-MON" }),
          form.field({ name: "description", label: "What decides it", kind: "textarea", rows: 3, maxlength: 10_000 }),
          form.field({ name: "category", label: "Topic", maxlength: "64" }),
          h("div.several", TIMES.map(([name, label]) => form.field({ name, label, kind: "datetime-local" }))),
          TERMS.map(([legend, rows]) => h("fieldset", { key: legend }, h("legend", legend),
            h("div.several", rows.map(([name, label]) => form.field({ name, label, inputmode: "numeric", autocomplete: "off" }))))),
          form.tick({ name: "amm_authorized", label: "The market maker may be started in it" }))),
        h("section.card.preview", { "aria-label": "Preview" }, h("h2", "As traders will read it"), preview(form.values)))),
  };
});

/** @param {Record<string, any>} values as the exchange takes them */
function wished(values) {
  const { id, title, description, category, amm_authorized } = values;
  return {
    id, title: title.trim(), description: description.trim() || null, category: category.trim().toLowerCase() || null, amm_authorized,
    ...Object.fromEntries(TIMES.map(([name]) => [name, momentOf(values[name])])),
    ...Object.fromEntries(NUMBERS.map(([name, , , unit = 1]) => [name, Number(values[name]) * unit])),
  };
}

/** @param {Record<string, any>} values */
function previewOf(values) {
  const market = wished(values);
  return [
    h("h3.asked", market.title || "What is asked?"), h("p.tags", market.category),
    rules({ ...market, resolution_result: null }),
  ];
}
