/** What is on record about an order: its steps, its cycles, its quotes, its trades, its cents. Each a list and its table. */
import { h } from "../draw/dom.js";
import { cents, dollars, gain, inWords, shares, when } from "../draw/format.js";
import { linePicture } from "../parts/line.js";
import { table } from "../parts/table.js";
import { stateBadge } from "./picture.js";

/**
 * @typedef {{name: string, looks?: import("../parts/table.js").Columns[string], of: (item: any) => import("../draw/dom.js").Drawing}} Column
 * @param {string} label @param {Column[]} columns
 */
export const tableOf = (label, columns) => (/** @type {any[]} */ items) =>
  table(label, Object.fromEntries(columns.map(({ name, looks = "" }) => [name, looks])),
    items.map((item, index) => [String(item.seq ?? item.cycle_no ?? item.id ?? item.order_id ?? index), ...columns.map(({ of }) => of(item))]));

/** @type {Record<string, string>} */
const ACTORS = { USER: "you", ADMIN: "an administrator", WORKER: "a maker", SYSTEM: "the exchange", MARKET: "the market" };
/** @type {Record<string, string>} */
const DONE = { placed: "placed", replaced: "moved", cancelled: "cancelled", burned: "pairs merged", skipped: "left out" };

/** @type {Column} */
const time = { name: "Time", looks: "moment", of: (item) => when(item.ended_at ?? item.executed_at ?? item.created_at) };
/** @param {string} name @param {(item: any) => string} of @returns {Column} */
const number = (name, of) => ({ name, looks: "number", of });
/** @type {Column} */
const quote = { name: "Quote", of: ({ side, direction }) => h("span", { class: side.toLowerCase() }, `${inWords(direction)} ${side}`) };
const quantity = number("Shares", ({ remaining_quantity: rest, quantity }) => shares(rest ?? quantity));
const middle = (/** @type {any} */ { mark_half_cents: mark }) => mark && mark / 2;

export const quotes = tableOf("Quotes", [quote, number("Price", ({ price_cents: price }) => cents(price)), quantity]);

const cycles = tableOf("Cycles", [
  time,
  { name: "Outcome", of: ({ outcome, error }) => `${inWords(outcome)}${error ? `: ${error}` : ""}` },
  { name: "Quotes", of: (cycle) => Object.keys(DONE).filter((name) => cycle[name]).map((name) => `${cycle[name]} ${DONE[name]}`).join(", ") || "–" },
  number("Bid", ({ bid_cents: bid }) => cents(bid)),
  number("Middle", (cycle) => cents(middle(cycle))),
  number("Ask", ({ ask_cents: ask }) => cents(ask)),
  number("Equity", ({ equity_cents: equity }) => (equity === null ? "–" : dollars(equity))),
]);

/** How it fared from cycle to cycle. @param {any[]} items the newest first */
function course(items) {
  /** @param {string} name @param {string} looks @param {(cycle: any) => number | null} of */
  const line = (name, looks, of) => ({
    name, looks, points: items.filter((cycle) => of(cycle) !== null).map((cycle) => ({ at: Date.parse(cycle.ended_at), cents: Number(of(cycle)) })).reverse(),
  });
  return [
    linePicture({
      label: "Quotes beside the middle of the market", inWords: cents,
      lines: [line("Ask", "no", ({ ask_cents: ask }) => ask), line("Middle", "line-quiet", middle), line("Bid", "yes", ({ bid_cents: bid }) => bid)],
    }),
    linePicture({ label: "Equity", lines: [line("Equity", "line-first", ({ equity_cents: equity }) => equity)] }),
    cycles(items),
  ];
}

export const trail = tableOf("Audit trail", [
  number("Step", ({ seq }) => String(seq)),
  time,
  { name: "What", of: ({ kind }) => inWords(kind) },
  { name: "Became", of: ({ from_state: from, to_state: to }) => (from === to ? "–" : stateBadge(to)) },
  { name: "By", of: ({ actor_type: actor }) => ACTORS[actor] ?? actor },
  { name: "Why", of: ({ reason }) => inWords(reason) },
]);

/** By tab: what it asks for, and how that is shown. */
export const RECORDS = {
  executions: { title: "Course", request: "GET /market-making/orders/{order_id}/executions", empty: "No cycle has ended yet.", view: course },
  trades: {
    title: "Trades", request: "GET /market-making/orders/{order_id}/trades", empty: "Nobody has traded with it yet.",
    view: tableOf("Trades", [time, number("Price of YES", ({ price_cents: price }) => cents(price)), quantity]),
  },
  orders: {
    title: "Orders", request: "GET /market-making/orders/{order_id}/exchange-orders", empty: "It has placed no order yet.",
    view: tableOf("Orders", [
      time, quote, number("Price", ({ original_price_cents: price }) => cents(price)), quantity,
      number("Filled", ({ filled_quantity: filled }) => shares(filled)), { name: "State", of: ({ status }) => inWords(status) },
    ]),
  },
  ledger: {
    title: "Ledger", request: "GET /market-making/orders/{order_id}/ledger", empty: "No cent has moved yet.",
    view: tableOf("Ledger", [
      time, { name: "What", of: ({ entry_type: kind }) => inWords(kind) }, number("Amount", ({ amount_cents: amount }) => gain(amount)),
      number("To spend after it", ({ balance_after_cents: after }) => dollars(after)),
    ]),
  },
};
