/** Own orders that wait in the books, as a table. */
import { h } from "../draw/dom.js";
import { cents, dollars, shares, when } from "../draw/format.js";
import { table, toMarket } from "../parts/table.js";

/** @type {import("../parts/table.js").Column[]} */
const COLUMNS = [
  { name: "Market", looks: "title" }, { name: "Order" }, { name: "Price", looks: "number" }, { name: "Filled", looks: "number" },
  { name: "Set aside", looks: "number" }, { name: "Placed", looks: "moment" }, { name: "Change", looks: "last" },
];

/**
 * @param {{
 *   orders: any[], leaving: Set<string>, titleOf: (marketId: string) => string,
 *   cancel: (order: any) => void, amend: (order: any) => void,
 * }} what `leaving`: the ids of those whose cancel was not answered yet
 */
export function openOrders({ orders, leaving, titleOf, cancel, amend }) {
  return table({ label: "Open orders", columns: COLUMNS, rows: orders.map((order) => {
    const { id, market_id: market, filled_quantity: filled, expires_at: expires } = order;
    const [title, leaves, words] = [titleOf(market), leaving.has(id), wish(order)];
    return { key: id, cells: [
      toMarket(market, title),
      h("span", { class: order.original_side === "YES" ? "yes" : "no" }, words),
      cents(order.original_price_cents),
      `${shares(filled)} of ${shares(order.quantity)}`,
      setAside(order),
      [when(order.created_at), expires && h("small", null, " until ", when(expires))],
      [
        h("button", { key: "amend", class: "quiet", disabled: leaves, "aria-label": `Amend ${words} in ${title}`, on: { click: () => amend(order) } }, "Amend"),
        h("button", { key: "cancel", class: "quiet", disabled: leaves, "aria-label": `Cancel ${words} in ${title}`, on: { click: () => cancel(order) } },
          leaves ? "Cancelling" : "Cancel"),
      ],
    ] };
  }) });
}

/** `Buy 100 YES` @param {any} order */
export function wish({ original_direction: direction, original_side: side, quantity }) {
  return `${direction === "BUY" ? "Buy" : "Sell"} ${shares(quantity)} ${side}`;
}

/** @param {any} order */
function setAside({ frozen_asset_type: kind, frozen_amount: amount }) {
  return kind === "FUNDS" ? dollars(amount) : `${shares(amount)} shares`;
}
