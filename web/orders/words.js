/** What became of an order, in words. */
import { cents, dollars, shares } from "../draw/format.js";

/** Why what is left waits no longer. @type {Record<string, string>} */
const ENDS = {
  IOC_UNFILLED: "nobody was left at this price",
  SELF_TRADE: "stopped at an order of your own",
  EXPIRED: "ran out of time",
};

/** Of one's own side; a trade has the price of YES. @param {string} side @param {number} price */
export const ownPrice = (side, price) => (side === "YES" ? price : 100 - price);

/** @param {number} value @param {number} quantity */
export const average = (value, quantity) => cents(Math.round((100 * value) / quantity) / 100);

/** What became of it, in a sentence. @param {{order: any, trades: any[]}} answer */
export function became({ order, trades }) {
  const { remaining_quantity: left, original_direction: direction, original_side: side, status } = order;
  const traded = trades.reduce((sum, { quantity }) => sum + quantity, 0);
  const value = trades.reduce((sum, { price_cents: price, quantity }) => sum + ownPrice(side, price) * quantity, 0);
  const said = traded > 0 ? `${direction === "BUY" ? "Bought" : "Sold"} ${shares(traded)} ${side} at ${average(value, traded)} for ${dollars(value)}. ` : "";
  if (left === 0) return said;
  const what = `${shares(left)} ${side}`;
  const why = order.max_cost_cents && order.cancel_reason === "IOC_UNFILLED" ? `nobody else sold within ${dollars(order.max_cost_cents)}` : ENDS[order.cancel_reason] ?? "cancelled";
  return said + (status === "OPEN" || status === "PARTIALLY_FILLED"
    ? `${what} wait in the book at ${cents(order.original_price_cents)}.`
    : `${what} not ${direction === "BUY" ? "bought" : "sold"}: ${why}.`);
}
