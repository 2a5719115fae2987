/**
 * Selling a position, as far as somebody pays for it: what would happen against the book of this moment, a price below
 * which nothing is sold, and what did happen.
 */
import { NO_ANSWER } from "../api/api.js";
import { freshName } from "../api/names.js";
import { h } from "../draw/dom.js";
import { dollars, shares } from "../draw/format.js";
import { followBook } from "../feeds/book.js";
import { place } from "../orders/place.js";
import { average, became } from "../orders/words.js";
import { openDialog } from "../parts/dialog.js";
import { facts } from "../parts/facts.js";
import { createForm } from "../parts/form.js";
import { countOf } from "../parts/money.js";
import { createStore } from "../store/store.js";
import { estimate, waiting } from "../ticket/estimate.js";

/** @typedef {{marketId: string, title: string, side: "YES" | "NO", available: number}} Holding */

/** Which field a refusal is about: 4001, 4007 and 4011 the price, 4002 and 5001 the quantity. */
const FIELD_OF = { 4001: "price_cents", 4007: "price_cents", 4011: "price_cents", 4002: "quantity", 5001: "quantity" };

const SELL = /** @type {const} */ ("SELL");
const AT_ONCE = /** @type {const} */ ("IOC");

/** @param {{holding: Holding, api: import("../api/api.js").Api, sold: () => void}} what */
export function openClosing({ holding, api, sold }) {
  const { marketId, title, side, available } = holding;
  const book = followBook(marketId);
  const store = createStore({ market: /** @type {any} */ (null), answer: /** @type {any} */ (null) });
  let isSuggested = false;
  let name = freshName();
  const form = createForm({
    id: "close",
    values: { quantity: String(available), price_cents: "" },
    check: ({ quantity, price_cents }) => ({
      quantity: (countOf(quantity) ?? Infinity) > available ? `A whole number up to ${shares(available)}.` : undefined,
      price_cents: (countOf(price_cents) ?? 100) > 99 ? "A whole number of cents from 1 to 99." : undefined,
    }),
    send: async ({ quantity, price_cents }) => {
      const wish = { client_order_id: name, market_id: marketId, side, direction: SELL, time_in_force: AT_ONCE };
      try {
        store.set({ answer: await place(api, { ...wish, price_cents: countOf(price_cents), quantity: countOf(quantity) }) });
      } catch (error) {
        // What may still be on its way keeps its name, so that there is one order of it.
        if (/** @type {any} */ (error).code !== NO_ANSWER) name = freshName();
        throw error;
      }
      sold();
    },
    fieldOf: FIELD_OF,
  });
  book.store.read(suggest);
  api("GET /markets/{market_id}", { market_id: marketId }).then((market) => store.set({ market }), () => close());

  /** The lowest price at which all of it would be sold now; once, for a bound must not move under somebody's hand. */
  function suggest() {
    const bids = waiting(book.store.state, side, SELL);
    if (isSuggested || !book.store.state.whole || bids.length === 0) return;
    isSuggested = true;
    let left = available;
    const last = bids.find((bid) => (left -= bid.quantity) <= 0) ?? bids[bids.length - 1];
    if (form.values.price_cents === "") form.set({ price_cents: String(last.price) });
  }

  function preview() {
    const { market } = store.state;
    if (market === null || !book.store.state.whole) return h("p.hint", "Reading the book");
    const [quantity, bound] = [countOf(form.values.quantity), countOf(form.values.price_cents)];
    if (quantity === null || bound === null) return h("p.hint", "Say how many shares, and the lowest price.");
    const wish = { side, direction: SELL, price: bound, quantity, timeInForce: AT_ONCE, postOnly: false, cap: null, stopsAtOwn: false };
    const { filled, value, mostFee } = estimate(book.store.state, wish, market, []);
    return facts("sums", {
      "Would be sold now": `${shares(filled)} of ${shares(quantity)}`,
      "On average at": filled > 0 ? average(value, filled) : "–",
      "For": dollars(value),
      "Fee at most": dollars(mostFee),
      "Stays yours": `${shares(available - filled)} shares`,
    });
  }

  /** @param {any} answer */
  function done(answer) {
    const fee = answer.trades.reduce((/** @type {number} */ sum, /** @type {any} */ trade) => sum + trade.fee_cents, 0);
    return [
      h("p", { key: "answer", role: "status" }, became(answer), fee > 0 && ` The fee was ${dollars(fee)}.`),
      h("button.primary", { key: "done", on: { click: close } }, "Done"),
    ];
  }

  function why() {
    const { market } = store.state;
    if (market !== null && market.status !== "ACTIVE") return "The market takes no orders now";
    if (book.store.state.whole && waiting(book.store.state, side, SELL).length === 0) return "Nobody buys at the moment";
    return undefined;
  }

  const close = openDialog(`Close ${shares(available)} ${side}`, () => [
    h("p", title),
    store.state.answer !== null ? done(store.state.answer)
      : form.view({ send: "Sell", sending: "Sending", why: why() },
        h("div.pair",
          form.field({ name: "quantity", label: "Shares", inputmode: "numeric" }),
          form.field({ name: "price_cents", label: "Lowest price (¢)", inputmode: "numeric" })),
        preview(),
        h("p.hint", "What nobody pays this price for is not sold, and no order stays behind.")),
  ], book.close);
}
