/** Own orders that wait in the books, as a table. */
import { h } from "../draw/dom.js";
import { cents, dollars, shares, when } from "../draw/format.js";
import { table, toMarket } from "../parts/table.js";

/** @type {import("../parts/table.js").Columns} */
const COLUMNS = {
  Market: "title", Order: "", Price: "number", Filled: "number", Ahead: "number", "Set aside": "number",
  Placed: "moment", Change: "last",
};
const OF_ONE_MARKET = ["Order", "Price", "Filled", "Ahead", "Change"];

/**
 * Those of several markets, or of one: then it is told what stands ahead of each.
 * @param {{
 *   orders: any[], leaving: Set<string>, titleOf: (marketId: string) => string, ahead?: Map<string, {shares_ahead: number}>,
 *   cancel: (order: any) => void, amend: (order: any) => void,
 * }} what `leaving`: the ids of those whose cancel was not answered yet; `ahead` by order id
 */
export function openOrders({ orders, leaving, titleOf, ahead, cancel, amend }) {
  const names = Object.keys(COLUMNS).filter((name) => (ahead ? OF_ONE_MARKET.includes(name) : name !== "Ahead"));
  const columns = Object.fromEntries(names.map((name) => [name, COLUMNS[name]]));
  return table("Open orders", columns, orders.map((order) => {
    const { id, market_id: market, filled_quantity: filled, expires_at: expires } = order;
    const [title, leaves, words] = [titleOf(market), leaving.has(id), wish(order)];
    const until = expires && h("small", " until ", when(expires));
    /** @type {Record<string, import("../draw/dom.js").Drawing>} */
    const cells = {
      Market: toMarket(market, title),
      Order: [h("span", { class: order.original_side === "YES" ? "yes" : "no" }, words), ahead && until],
      Price: cents(order.original_price_cents),
      Filled: `${shares(filled)} of ${shares(order.quantity)}`,
      Ahead: shares(ahead?.get(id)?.shares_ahead ?? 0),
      "Set aside": setAside(order),
      Placed: [when(order.created_at), until],
      Change: [
        h("button.quiet", { key: "amend", disabled: leaves, "aria-label": `Amend ${words} in ${title}`, on: { click: () => amend(order) } }, "Amend"),
        h("button.quiet", { key: "cancel", disabled: leaves, "aria-label": `Cancel ${words} in ${title}`, on: { click: () => cancel(order) } },
          leaves ? "Cancelling" : "Cancel"),
      ],
    };
    return [id, ...names.map((name) => cells[name])];
  }));
}

/** `Buy 100 YES` @param {any} order */
export function wish({ original_direction: direction, original_side: side, quantity }) {
  return `${direction === "BUY" ? "Buy" : "Sell"} ${shares(quantity)} ${side}`;
}

/** @param {any} order */
function setAside({ frozen_asset_type: kind, frozen_amount: amount }) {
  return kind === "FUNDS" ? dollars(amount) : `${shares(amount)} shares`;
}
